"""USSD session records (CDR) in the database: written in groups off the dial's path, read by pages."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection, func, insert, select
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from billing.store.columns import from_micros, to_micros
from gateway.database import Transactor
from gateway.grouping import Grouping
from gateway.postgres import hold_turn
from gateway.schema import ussd_record
from ussd.records import SessionRecord

RECORDS_TURN = int.from_bytes(b"ussdrecs", "big")
"""Key of an advisory lock."""
GROUP_MAX = 1_000
WAITING_MAX = 50_000


class UssdRecords:
    """Takes a record at the end of every session; `lost(failure)` hears of what could not be written."""

    def __init__(self, database: Transactor, lost: Callable[[Failure], None]) -> None:
        self._database = database
        self._lost = lost
        self._records: Grouping[SessionRecord, None] = Grouping(
            self._write, group_max=GROUP_MAX, waiting_max=WAITING_MAX
        )
        self._last: Deferred[None] | None = None

    def add(self, record: SessionRecord) -> None:
        """Have it written; what could not be written is told to `lost`."""
        self._last = self._records.submit(record).addErrback(self._lost)

    async def written(self) -> None:
        """Wait until the records taken so far are written, so that who looks after a dial finds it."""
        if self._last is None or self._last.called:
            return
        written: Deferred[None] = Deferred()
        _ = self._last.addCallback(lambda _: written.callback(None))
        await written

    async def stop(self) -> None:
        """Wait until all records are written."""
        await self._records.stop()

    async def _write(self, records: Sequence[SessionRecord]) -> Sequence[None]:
        await self._database.transact(append, records)
        return [None] * len(records)


def append(connection: Connection, records: Sequence[SessionRecord]) -> None:
    """Append records; equal instants are told apart by the next free microsecond, in all processes."""
    hold_turn(connection, RECORDS_TURN)
    last = connection.execute(select(func.max(ussd_record.c.record_id))).scalar() or 0
    rows = []
    for record in sorted(records, key=lambda one: one.began_at):
        last = max(last + 1, to_micros(record.began_at))
        rows.append(
            {
                "record_id": last,
                "session_id": record.session_id,
                "msisdn": record.msisdn,
                "code": record.code,
                "dialled": record.dialled,
                "trail": json.dumps(record.trail),
                "outcome": record.outcome.value,
                "latency_ms": record.latency_ms,
                "duration_ms": record.duration_ms,
                "octets": record.octets,
            }
        )
    connection.execute(insert(ussd_record), rows)


def page(
    connection: Connection, *, since: datetime | None, until: datetime | None, cursor: int | None, limit: int
) -> tuple[list[dict[str, object]], int | None]:
    """(records newest first in [since, until), cursor of the next page or None)."""
    query = select(ussd_record).order_by(ussd_record.c.record_id.desc()).limit(limit + 1)
    if since is not None:
        query = query.where(ussd_record.c.record_id >= to_micros(since))
    if until is not None:
        query = query.where(ussd_record.c.record_id < to_micros(until))
    if cursor is not None:
        query = query.where(ussd_record.c.record_id < cursor)
    rows = connection.execute(query).mappings().all()
    items: list[dict[str, object]] = [
        {
            **{name: row[name] for name in ("session_id", "msisdn", "code", "dialled", "outcome")},
            "began_at": from_micros(row["record_id"]),
            "trail": json.loads(row["trail"]),
            **{name: row[name] for name in ("latency_ms", "duration_ms", "octets")},
        }
        for row in rows[:limit]
    ]
    return items, rows[limit - 1]["record_id"] if len(rows) > limit else None
