"""Long messages from subscribers: their segments wait here, in any order, until the message is whole.

A segment is stored before it is answered, so nothing is lost with the process. Segments of a message that is whole
stay until the wait ends, so that copies of them are known. What is not whole by then is stored as it is, and
nobody is told of it. The store is bounded: the oldest go first, as if their time were over.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from sms.outbox.inbox import MobileOriginated, record_mo
from sms.outbox.instants import from_micros, micros_of, to_micros
from sms.outbox.schema import inbox_part
from sms.outbox.turns import take_turn
from sms.text import Concatenation, Reassembler, decode, split_header

PART_WAIT_SECONDS = 3_600.0
"""How long a message may take to become whole."""
PARTS_PER_SOURCE_MAX = 255
"""Of one number; a phone sends one message at a time."""
PARTS_MAX = 50_000
MISSING_SHOWN = "…"

_P = inbox_part.c
_MESSAGE = (_P.source, _P.destination, _P.reference, _P.kind, _P.total)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoPart:
    """A segment of a message from a subscriber. `kind` tells the counts apart that `reference` may be of.

    `user_data` is as received, with its header where `udhi`; `data_coding` as it is to be read.
    """

    source: str
    destination: str
    link: str
    concatenation: Concatenation
    kind: str
    user_data: bytes
    udhi: bool
    data_coding: int
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PartTaken:
    """What a segment did: whether it was new, and the message that it completed."""

    is_new: bool
    whole: MobileOriginated | None = None


def take_part(connection: Connection, part: MoPart) -> PartTaken:
    """Store a segment; where it is the last missing one also the message, once."""
    take_turn(connection)
    same = _same_message(part)
    known = connection.execute(select(inbox_part).where(*same, _P.number == part.concatenation.number)).first()
    if known is not None:
        if bytes(known.user_data) == part.user_data:
            return PartTaken(is_new=False)
        _finish(connection, same)  # the phone has come round to this reference: another message begins
    elif _waiting_of(connection, part.source) >= PARTS_PER_SOURCE_MAX:
        _finish(connection, [_P.source == part.source])
    connection.execute(insert(inbox_part).values(_row(part)))
    rows = connection.execute(select(inbox_part).where(*same).order_by(_P.number)).all()
    if len(rows) < part.concatenation.total:
        return PartTaken(is_new=True)
    connection.execute(update(inbox_part).where(*same).values(is_whole=1))
    whole = _message(rows, received_at=part.received_at)
    return PartTaken(is_new=True, whole=whole if record_mo(connection, whole) else None)


def finish_parts(connection: Connection, now_wall: datetime) -> int:
    """Messages that are not whole in time are stored as they are; how many segments that was."""
    oldest = to_micros(now_wall) - micros_of(PART_WAIT_SECONDS)
    if connection.execute(select(_P.number).where(_P.received_at < oldest).limit(1)).first() is None:
        over = connection.execute(select(func.count()).select_from(inbox_part)).scalar_one() - PARTS_MAX
        if over <= 0:
            return 0
        oldest = connection.execute(
            select(_P.received_at).order_by(_P.received_at).offset(over).limit(1)
        ).scalar_one()
    take_turn(connection)
    stored = 0
    lapsed = select(*_MESSAGE).distinct().where(_P.received_at < oldest)
    for key in connection.execute(lapsed).all():
        stored += _finish(connection, [column == value for column, value in zip(_MESSAGE, key, strict=True)])
    return stored


def _row(part: MoPart) -> dict[str, Any]:
    named = part.concatenation
    return {
        "source": part.source,
        "destination": part.destination,
        "reference": named.reference,
        "kind": part.kind,
        "total": named.total,
        "number": named.number,
        "link": part.link,
        "user_data": part.user_data,
        "udhi": int(part.udhi),
        "data_coding": part.data_coding,
        "received_at": to_micros(part.received_at),
    }


def _same_message(part: MoPart) -> Sequence[Any]:
    named = part.concatenation
    return [
        _P.source == part.source,
        _P.destination == part.destination,
        _P.reference == named.reference,
        _P.kind == part.kind,
        _P.total == named.total,
    ]


def _waiting_of(connection: Connection, source: str) -> int:
    return connection.execute(
        select(func.count()).select_from(inbox_part).where(_P.source == source, _P.is_whole == 0)
    ).scalar_one()


def _finish(connection: Connection, which: Sequence[Any]) -> int:
    """Forget segments; those of messages that never became whole are stored as what they say."""
    rows = connection.execute(select(inbox_part).where(*which, _P.is_whole == 0).order_by(*_MESSAGE, _P.number)).all()
    for _, parts in groupby(rows, key=lambda row: (row.source, row.destination, row.reference, row.kind, row.total)):
        some = list(parts)
        record_mo(connection, _message(some, received_at=from_micros(min(one.received_at for one in some))))
    connection.execute(delete(inbox_part).where(*which))
    return len(rows)


def _message(rows: Sequence[Row[Any]], *, received_at: datetime) -> MobileOriginated:
    first = rows[0]
    missing = first.total - len(rows)
    return MobileOriginated(
        link=first.link,
        source=first.source,
        destination=first.destination,
        text="".join(_texts(rows)) if missing else _whole_text(rows),
        payload=b"".join(bytes(one.user_data) for one in rows),
        umr=None,
        received_at=received_at,
        missing=missing,
    )


def _whole_text(rows: Sequence[Row[Any]]) -> str:
    """Octets are joined before they are decoded: some phones cut inside a character."""
    assembler, whole = Reassembler(), None
    for one in rows:
        concatenation = Concatenation(reference=one.reference, total=one.total, number=one.number)
        whole = assembler.take(
            one.source,
            bytes(one.user_data),
            data_coding=one.data_coding,
            udhi=bool(one.udhi),
            concatenation=concatenation,
        )
    assert whole is not None  # noqa: S101 - every number from 1 to total is there
    return whole.text


def _texts(rows: Sequence[Row[Any]]) -> Iterator[str]:
    """What is there, with a mark wherever something is missing."""
    expected = 1
    for one in rows:
        if one.number != expected:
            yield MISSING_SHOWN
        expected = one.number + 1
        yield _text_of(one)
    if expected <= rows[0].total:
        yield MISSING_SHOWN


def _text_of(row: Row[Any]) -> str:
    octets = bytes(row.user_data)
    if not row.udhi:
        return decode(octets, row.data_coding)
    header, octets = split_header(octets)
    return decode(octets, row.data_coding, header.tables)
