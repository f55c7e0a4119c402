"""What people and other parts ask of the outbox; nothing here changes a row."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, or_, select, text

from sms.outbox.bulk import among, as_json
from sms.outbox.instants import from_micros, to_micros
from sms.outbox.model import AttemptView, MessageView, OutboxState, Priority, ReceiptView
from sms.outbox.schema import DEAD_SQL, OPEN_SQL, PARKED_SQL, READY_SQL, UNKNOWN_SQL, attempt, message, receipt

MESSAGES_MAX = 500
DEAD_LETTERS_MAX = 1_000

_MESSAGES = (
    select(message)
    .where(message.c.subscription_id == bindparam("of_subscription"))
    .order_by(message.c.seq.desc())
    .limit(MESSAGES_MAX)
)
_ATTEMPTS = (
    select(attempt).where(among(attempt.c.seq)).order_by(attempt.c.seq, attempt.c.attempt_no, attempt.c.segment_no)
)
_RECEIPTS = select(receipt).where(among(receipt.c.seq)).order_by(receipt.c.receipt_id)


_IS_TO_END = or_(message.c.state != OutboxState.UNKNOWN, message.c.retry_at.is_not(None))
"""Not what is unknown for ever."""


def _is_in_flight() -> Select[Any]:
    return select(message.c.seq).where(
        text(OPEN_SQL), message.c.state.in_((OutboxState.CLAIMED, OutboxState.WRITTEN)), message.c.attempts <= 1
    )


def _ready(priority: Priority) -> Select[Any]:
    return select(message.c.seq).where(text(READY_SQL), message.c.priority == int(priority))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message given up, for the operator."""

    message_id: str
    subscription_id: int
    kind: str
    reason: str
    created_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """What no SMSC has yet, by kind; `oldest_due` is the business instant since when the oldest could have gone."""

    by_kind: dict[str, int]
    in_doubt: int
    dead: int
    oldest_due: datetime | None


def messages_of(connection: Connection, subscription_id: int, now_business: datetime) -> list[MessageView]:
    """The messages of a subscription with their attempts and receipts, newest first, at most MESSAGES_MAX."""
    return views_of(
        connection, connection.execute(_MESSAGES, {"of_subscription": subscription_id}).all(), now_business
    )


def views_of(connection: Connection, rows: Sequence[Any], now_business: datetime) -> list[MessageView]:
    """These rows of messages with their attempts and receipts, in their order."""
    seqs = as_json([row.seq for row in rows])
    attempts: dict[int, list[AttemptView]] = {}
    for row in connection.execute(_ATTEMPTS, {"rows": seqs}):
        view = AttemptView(
            at=from_micros(row.written_at),
            link=row.link,
            segment=row.segment_no,
            status=row.status,
            smsc_id=row.smsc_id,
            number=row.attempt_no,
            session=row.session_id,
            sequence=row.sequence_no,
            answered_at=_instant(row.responded_at),
        )
        attempts.setdefault(row.seq, []).append(view)
    receipts: dict[int, list[ReceiptView]] = {}
    for row in connection.execute(_RECEIPTS, {"rows": seqs}):
        said = ReceiptView(
            at=from_micros(row.received_at),
            segment=row.segment_no,
            state=row.state,
            error=row.error,
            done_date=row.done_date,
        )
        receipts.setdefault(row.seq, []).append(said)
    now = to_micros(now_business)
    return [_view(row, tuple(attempts.get(row.seq, ())), tuple(receipts.get(row.seq, ())), now) for row in rows]


def _view(
    row: Any, attempts: tuple[AttemptView, ...], receipts: tuple[ReceiptView, ...], now_business: int
) -> MessageView:
    state = OutboxState(row.state)
    if state is OutboxState.QUEUED and row.not_before > now_business:
        state = OutboxState.HELD
    return MessageView(
        message_id=row.message_id,
        kind=row.kind,
        text=row.text,
        language=row.language,
        state=state,
        reason=row.reason,
        created_at=from_micros(row.created_at),
        not_before=from_micros(row.not_before),
        segments=row.segments,
        attempts=attempts,
        receipts=receipts,
        msisdn=row.msisdn,
        time_zone=row.time_zone,
        waits_until=_instant(row.retry_at),
        expires_at=_instant(row.expires_at),
    )


def _instant(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)


def pending_counts(connection: Connection) -> Pending:
    """For metrics: reads one index over all that waits, so ask some seconds apart when millions do."""
    by_kind: Counter[str] = Counter()
    conditions = (READY_SQL, PARKED_SQL, OPEN_SQL)
    for condition in conditions:
        grouped = select(message.c.kind, func.count()).where(text(condition), _IS_TO_END).group_by(message.c.kind)
        for kind, count in connection.execute(grouped):
            by_kind[kind] += count
    oldest = [
        connection.execute(_ready(one).with_only_columns(func.min(message.c.not_before))).scalar() for one in Priority
    ]
    waiting = [instant for instant in oldest if instant is not None]
    return Pending(
        by_kind=dict(by_kind),
        in_doubt=_count(connection, UNKNOWN_SQL, _IS_TO_END),
        dead=_count(connection, DEAD_SQL),
        oldest_due=from_micros(min(waiting)) if waiting else None,
    )


def dead_letters(connection: Connection, limit: int = DEAD_LETTERS_MAX) -> list[DeadLetter]:
    """The latest dead letters, newest first."""
    rows = connection.execute(
        select(message).where(text(DEAD_SQL)).order_by(message.c.seq.desc()).limit(min(limit, DEAD_LETTERS_MAX))
    )
    return [
        DeadLetter(
            message_id=row.message_id,
            subscription_id=row.subscription_id,
            kind=row.kind,
            reason=row.reason,
            created_at=from_micros(row.created_at),
            attempts=row.attempts,
        )
        for row in rows
    ]


def has_untried(connection: Connection, until_business: datetime) -> bool:
    """Whether a message that may go by then was never tried, or its first try has no answer yet."""
    until = to_micros(until_business)
    never = (message.c.attempts == 0, message.c.not_before <= until)
    looks = [
        *(_ready(one).where(*never) for one in Priority),
        select(message.c.seq).where(text(PARKED_SQL), *never),
        _is_in_flight(),
    ]
    return any(connection.execute(look.limit(1)).first() is not None for look in looks)


def next_release(connection: Connection, after: datetime, until: datetime) -> datetime | None:
    """The earliest business instant after one and up to the other at which a queued message may go."""
    between = (message.c.not_before > to_micros(after), message.c.not_before <= to_micros(until))
    instants = [
        connection.execute(_ready(one).where(*between).with_only_columns(func.min(message.c.not_before))).scalar()
        for one in Priority
    ]
    found = [instant for instant in instants if instant is not None]
    return from_micros(min(found)) if found else None


def _count(connection: Connection, condition: str, *further: ColumnElement[bool]) -> int:
    counted = select(func.count()).select_from(message).where(text(condition), *further)
    return connection.execute(counted).scalar_one()
