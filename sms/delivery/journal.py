"""What came of submissions, and receipts, committed together: while one group is written the next one gathers.

Answers wait here until they are stored, never in the SMSC's window; the dispatcher bounds how many. A receipt is
answered once it is stored, or refused so that the SMSC sends it again.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from sms.delivery.counters import DeliveryCounters
from sms.delivery.pause import Pause
from sms.outbox.model import OutboxState
from sms.outbox.receipts import NewReceipt, ReceiptCounts, record_receipts
from sms.outbox.responses import Settled, record_responses

GROUP_MAX = 1_000
"""Answers, and receipts, in one commit."""
RECEIPTS_WAITING_MAX = 10_000
"""More than this and the SMSC is asked to come again."""
AFTER_ERROR_S = 1.0

StoredReceipt = tuple[NewReceipt, Callable[[bool], None]]


class Transact(Protocol):
    """Runs `work(connection, …)` in one writing transaction in a database thread."""

    def __call__(self, work: Callable[..., Any], *args: Any) -> Awaitable[Any]:
        """Completes after the commit."""
        ...


class Journal:
    """Where answers and receipts wait for their commit; `recorded` is told how many messages were stored."""

    _log = Logger()

    def __init__(
        self,
        transact: Transact,
        *,
        clock: IReactorTime,
        wall: Callable[[], datetime],
        counters: DeliveryCounters,
        fault: Callable[[str], None],
        recorded: Callable[[int], None],
    ) -> None:
        self._transact = transact
        self._wall = wall
        self._counters = counters
        self._fault = fault
        self._recorded = recorded
        self._pause = Pause(clock)
        self._settled: list[Settled] = []
        self._receipts: list[StoredReceipt] = []
        self._run: Deferred[None] | None = None
        self._is_running = False
        self._is_stopping = False

    def settled(self, one: Settled) -> None:
        """Store what became of a message; tried again until the database takes it."""
        self._settled.append(one)
        self._wake()

    def receipt(self, one: NewReceipt, done: Callable[[bool], None]) -> None:
        """Store a receipt; `done` is told whether it is committed."""
        if self._is_stopping or len(self._receipts) >= RECEIPTS_WAITING_MAX:
            done(False)
            return
        self._receipts.append((one, done))
        self._wake()

    async def stop(self) -> None:
        """Write what waits; answers that the database refuses now are in doubt after the next start."""
        self._is_stopping = True
        self._pause.end()
        if self._is_running and self._run is not None:
            await self._run

    def _wake(self) -> None:
        if not self._is_running:
            self._is_running = True
            self._run = Deferred.fromCoroutine(self._write_all())

    async def _write_all(self) -> None:
        try:
            while self._settled or self._receipts:
                settled, self._settled = self._settled[:GROUP_MAX], self._settled[GROUP_MAX:]
                receipts, self._receipts = self._receipts[:GROUP_MAX], self._receipts[GROUP_MAX:]
                if await self._write(settled, receipts):
                    continue
                if self._is_stopping:
                    return
                self._settled = settled + self._settled
                await self._pause.wait(AFTER_ERROR_S)
        finally:
            self._is_running = False

    async def _write(self, settled: Sequence[Settled], receipts: Sequence[StoredReceipt]) -> bool:
        """One commit; False if the answers are not stored. Receipts cannot keep answers from being stored."""
        try:
            counts = await self._transact(self._store, settled, [one for one, _ in receipts], self._wall())
        except Exception:  # noqa: BLE001 - the dispatcher's border: whatever failed, what is not stored is tried again
            self._log.error("answers and receipts were not stored", log_failure=Failure())
            for _, done in receipts:
                done(False)
            return (not settled) or (bool(receipts) and await self._write(settled, ()))
        self._count(settled, counts)
        for _, done in receipts:
            done(True)
        if settled:
            self._recorded(len(settled))
        return True

    def _store(
        self, connection: Connection, settled: Sequence[Settled], receipts: Sequence[NewReceipt], now: datetime
    ) -> ReceiptCounts:
        if settled:
            self._fault("sms.resp_before_mark")
            record_responses(connection, settled)
        counts = record_receipts(connection, receipts, now)
        if receipts:
            self._fault("dlr.before_commit")
        return counts

    def _count(self, settled: Sequence[Settled], counts: ReceiptCounts) -> None:
        counters = self._counters
        for one in settled:
            if one.verdict.state is OutboxState.UNKNOWN:
                counters.in_doubt += 1
            elif one.verdict.state is OutboxState.DEAD:
                counters.dead += 1
        counters.receipts += counts.matched + counts.waiting
        counters.receipts_duplicate += counts.duplicates
        counters.receipts_unmatched += counts.waiting
        for link, seconds in counts.delivery_seconds:
            counters.delivered(link, seconds)
