"""Write-ahead: text frozen and attempt committed before a single octet goes to the socket."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select

from sms.outbox.bulk import among, as_json, insert_many, run_many, update_many
from sms.outbox.cuts import Cut, record_cuts
from sms.outbox.instants import to_micros
from sms.outbox.model import Claimed, OutboxState, Step, next_state
from sms.outbox.schema import attempt, message, segment

UMR_MODULUS = 65_535

_WRITE = update_many(
    message,
    ["seq"],
    ["language", "text", "coding", "segments", "attempts"],
    message.c.state == OutboxState.CLAIMED,
    state=next_state(OutboxState.CLAIMED, Step.WRITE),
)
_SEGMENTS = insert_many(segment, ["seq", "segment_no", "state"], update_on_conflict=["state"])
_ATTEMPTS = insert_many(attempt, ["seq", "segment_no", "attempt_no", "link", "session_id", "umr", "written_at"])

_TO_SEND_AGAIN = (OutboxState.QUEUED, OutboxState.WRITTEN, OutboxState.UNKNOWN, OutboxState.DEAD)
_UNSENT = (
    select(segment.c.seq, segment.c.segment_no)
    .where(among(segment.c.seq), segment.c.state.in_(_TO_SEND_AGAIN))
    .order_by(segment.c.seq, segment.c.segment_no)
)


class Frozen(NamedTuple):
    """The text of a claimed message as it will be sent, in the order the table is updated."""

    seq: int
    language: str
    text: str
    coding: str
    segments: int
    attempt_no: int


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One segment about to be submitted (not frozen: there is one for every submit_sm)."""

    seq: int
    segment_no: int
    attempt_no: int
    link: str
    session_id: str


def reference_of(seq: int) -> int:
    """The user_message_reference of all submissions of a message, 1 to 65535."""
    return seq % UMR_MODULUS + 1


def unsent_segments(connection: Connection, messages: Iterable[Claimed]) -> dict[int, list[int]]:
    """For messages of several segments that were tried before: the segments the SMSC does not have."""
    seqs = [one.seq for one in messages if one.segments > 1]
    unsent: dict[int, list[int]] = {}
    if seqs:
        for seq, segment_no in connection.execute(_UNSENT, {"rows": as_json(seqs)}):
            unsent.setdefault(seq, []).append(segment_no)
    return unsent


def record_attempts(
    connection: Connection,
    frozen: Sequence[Frozen],
    attempts: Sequence[Attempt],
    now_wall: datetime,
    *,
    cuts: Sequence[Cut] = (),
) -> None:
    """Store claimed messages as WRITTEN with one attempt for each segment to be submitted; `cuts` of the longer."""
    written_at = to_micros(now_wall)
    segments_of = {one.seq: one.segments for one in frozen}
    run_many(connection, _WRITE, frozen)
    record_cuts(connection, cuts)
    several = [(one.seq, one.segment_no, OutboxState.WRITTEN.value) for one in attempts if segments_of[one.seq] > 1]
    if several:
        run_many(connection, _SEGMENTS, several)
    run_many(
        connection,
        _ATTEMPTS,
        [
            (one.seq, one.segment_no, one.attempt_no, one.link, one.session_id, reference_of(one.seq), written_at)
            for one in attempts
        ],
    )
