"""Daily reconciliation as due work: when a business day is over it is closed from what sealed blocks counted.

A day costs its own movements only, whatever came before: sums are carried from the day closed before. With the
manual clock days are closed at the end of each move, all that passed in one go: a year is as quick as a day.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from twisted.internet.defer import DeferredLock

from billing.calendar import local_date
from billing.store.reconciliation import ClosedDay, close_days
from gateway.database import Transactor
from gateway.sealing import Sealing

LATE_COMMITS = timedelta(seconds=60)
"""How long after midnight a day is closed: what was booked in its last moments is committed by then."""


class Reconciler:
    """A DueSource; `closed(day)` is told of every day that was closed, once."""

    name = "reconciliation"

    def __init__(
        self,
        database: Transactor,
        sealing: Sealing,
        *,
        zone: ZoneInfo,
        is_manual: bool,
        closed: Callable[[ClosedDay], None],
    ) -> None:
        """`is_manual`: days end when the clock is moved, not when somebody looks."""
        self._database = database
        self._sealing = sealing
        self._zone = zone
        self._is_manual = is_manual
        self._closed = closed
        self._turn = DeferredLock()
        self._before: date | None = None
        self._is_stopping = False

    async def next_due(self, until: datetime) -> datetime | None:
        """`until` where a day is over that was not closed; a move of the clock closes days itself, at its end."""
        return until if not self._is_manual and self._open_from(until) != self._before else None

    async def run_due(self, at: datetime) -> None:
        """Close every day that is over at `at`; the next look does it where another gateway seals just now."""
        await self._turn.acquire()
        try:
            before = self._open_from(at)
            if self._is_stopping or before == self._before or await self._sealing.run() is None:
                return
            for day in await self._database.transact(close_days, before.isoformat(), at):
                self._closed(day)
            self._before = before
        finally:
            self._turn.release()

    async def stop(self) -> None:
        """Let what runs end."""
        self._is_stopping = True
        await self._turn.acquire()
        self._turn.release()

    def _open_from(self, at: datetime) -> date:
        """The first day that is not over."""
        return local_date(at if self._is_manual else at - LATE_COMMITS, self._zone)
