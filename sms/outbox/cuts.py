"""How the texts of longer messages were cut, so that a later attempt sends segments that go together.

The reference that joins segments counts up for each destination: two long messages to one phone never share one,
whatever else is sent and however often the process starts. Numbers without a subscription share one count.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    delete,
    func,
    select,
    update,
)

from sms.outbox.bulk import among, as_json, insert_many, run_many
from sms.outbox.model import Claimed
from sms.outbox.schema import attempt, metadata, segment

cut = Table(
    "sms_cut",
    metadata,
    Column(
        "seq",
        BigInteger().with_variant(Integer, "sqlite"),
        ForeignKey("sms_message.seq"),
        primary_key=True,
        autoincrement=False,
    ),
    Column(
        "subscription_id", BigInteger, nullable=False, comment="whose count; 0 for numbers without a subscription"
    ),
    Column("reference", Integer, nullable=False, comment="count of the destination; headers carry its low bits"),
    Column("form", Text, nullable=False, comment="coding, way of joining, locking and single shift table"),
    Index("ix_sms_cut_subscription", "subscription_id", "reference"),
    comment="One row for every message of more than one segment: how its text was cut for the link that took it.",
)

_RECORD = insert_many(cut, ["seq", "subscription_id", "reference", "form"], update_on_conflict=["reference", "form"])
_KNOWN = select(cut.c.seq, cut.c.subscription_id, cut.c.reference, cut.c.form).where(among(cut.c.seq))
_LAST = (
    select(cut.c.subscription_id, func.max(cut.c.reference))
    .where(among(cut.c.subscription_id))
    .group_by(cut.c.subscription_id)
)
_FORGET_SEGMENTS = delete(segment).where(among(segment.c.seq))
_FORGET_RECEIPTS = update(attempt).where(among(attempt.c.seq)).values(smsc_key=None)
_FORGET_CUTS = delete(cut).where(among(cut.c.seq))


class Cut(NamedTuple):
    """How one message was cut, in the order of the table."""

    seq: int
    subscription_id: int
    reference: int
    form: str


def known_cuts(connection: Connection, messages: Iterable[Claimed]) -> dict[int, Cut]:
    """Of messages of several segments that were tried before, how they were cut, by seq."""
    seqs = [one.seq for one in messages if one.segments > 1]
    if not seqs:
        return {}
    return {row.seq: Cut._make(row) for row in connection.execute(_KNOWN, {"rows": as_json(seqs)})}


def last_references(connection: Connection, subscription_ids: Sequence[int]) -> dict[int, int]:
    """The highest reference used so far of each destination that has one."""
    if not subscription_ids:
        return {}
    found = connection.execute(_LAST, {"rows": as_json(sorted(set(subscription_ids)))})
    return {row[0]: row[1] for row in found}


def record_cuts(connection: Connection, cuts: Sequence[Cut]) -> None:
    """Store how messages are cut from now on."""
    if cuts:
        run_many(connection, _RECORD, cuts)


def cut_anew(connection: Connection, seqs: Sequence[int]) -> None:
    """Forget the segments of messages that go whole again: what comes late of the old says nothing of the new."""
    if seqs:
        rows = {"rows": as_json(seqs)}
        for statement in (_FORGET_SEGMENTS, _FORGET_RECEIPTS, _FORGET_CUTS):
            connection.execute(statement, rows)
