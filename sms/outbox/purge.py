"""Old messages that nothing more will happen to are forgotten, a few rows at a time, oldest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Table, bindparam, delete, select

from sms.outbox.bulk import among, as_json
from sms.outbox.instants import to_micros
from sms.outbox.model import FINAL_STATES, OutboxState
from sms.outbox.schema import inbox, message, metadata
from sms.outbox.turns import take_turn

CHUNK_ROWS = 200
"""Rows looked at in one transaction: some milliseconds of the writer's time."""

_FINISHED = frozenset(FINAL_STATES | {OutboxState.DEAD})
_OLDEST = (
    select(message.c.seq, message.c.created_at, message.c.state, message.c.retry_at)
    .where(message.c.seq > bindparam("after"))
    .order_by(message.c.seq)
    .limit(CHUNK_ROWS)
)
_OLDEST_RECEIVED = select(inbox.c.inbox_id, inbox.c.received_at).order_by(inbox.c.inbox_id).limit(CHUNK_ROWS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """How many messages are gone; `after` says where to go on, None once everything old was looked at."""

    messages: int
    after: int | None


def purge_messages(connection: Connection, before_business: datetime, after: int = 0) -> Purged:
    """Forget finished messages created before an instant, with all that hangs on them.

    Messages are in the order of their creation, so the first young one ends the work. One that is not finished
    stays, however old; its id keeps telling copies.
    """
    take_turn(connection)
    limit = to_micros(before_business)
    rows = connection.execute(_OLDEST, {"after": after}).all()
    old = [row for row in rows if row.created_at < limit]
    gone = [row.seq for row in old if _is_finished(OutboxState(row.state), row.retry_at)]
    if gone:
        seqs = as_json(gone)
        for table in _hanging_on_messages():
            connection.execute(delete(table).where(among(table.c.seq)), {"rows": seqs})
        connection.execute(delete(message).where(among(message.c.seq)), {"rows": seqs})
    is_end = len(rows) < CHUNK_ROWS or len(old) < len(rows)
    return Purged(messages=len(gone), after=None if is_end else rows[-1].seq)


def purge_inbox(connection: Connection, before_wall: datetime) -> int:
    """Forget messages from subscribers that came before an instant; how many of the oldest."""
    limit = to_micros(before_wall)
    gone = [row.inbox_id for row in connection.execute(_OLDEST_RECEIVED) if row.received_at < limit]
    if gone:
        connection.execute(delete(inbox).where(among(inbox.c.inbox_id)), {"rows": as_json(gone)})
    return len(gone)


def _is_finished(state: OutboxState, retry_at: int | None) -> bool:
    return state in _FINISHED or (state is OutboxState.UNKNOWN and retry_at is None)


def _hanging_on_messages() -> Sequence[Table]:
    return [
        table for table in metadata.sorted_tables if any(key.column is message.c.seq for key in table.foreign_keys)
    ]
