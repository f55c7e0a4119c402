"""The job of the 1st: runs a period's chunks one transaction each, other commands going in between.

Of several processes the one whose turn due work is runs it (`gateway.leases`).

Periods run in order, each once, from the month after the installation on. What was running when the process died
goes on at its next start, before anything else is served.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import Connection, func, select
from twisted.internet.defer import DeferredLock

from billing.calendar import next_period, period_of, period_start
from billing.decision import Context
from billing.store import month, schema
from gateway.database import Transactor
from gateway.http.ports import MonthRunView
from gateway.month_notices import enqueue_month_notices
from gateway.notices import Timing

MS_PER_S = 1_000
VIEWED = frozenset(one.name for one in fields(MonthRunView)) - {"progress"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthSurroundings:
    """What the job is given: the decision's context and the notices' timing at an instant, a clock, fault points."""

    context: Callable[[], Context]
    timing: Callable[[], Timing]
    monotonic: Callable[[], float]
    fault: Callable[[str], None]
    queued: Callable[[], None]
    """Called on the reactor after a chunk with notices is committed."""
    requested: Callable[[], None]
    """Called on the reactor when a run was asked for: whoever has the turn runs what is due."""


class MonthJob:
    """The one runner of month jobs; as a DueSource it is due at the first instant of every month."""

    name = "month"

    def __init__(self, database: Transactor, surroundings: MonthSurroundings, *, installed_at: datetime) -> None:
        self._database = database
        self._around = surroundings
        self._installed_at = installed_at
        self._turn = DeferredLock()
        self._is_stopping = False

    async def next_due(self, until: datetime) -> datetime | None:
        """The first instant of the next month to run, or of one that was begun and not finished."""
        zone = self._around.context().programme.zone
        period = await self._database.read(_next_period, period_of(self._installed_at, zone))
        start = period_start(period, zone)
        return start if start <= until else None

    async def run_due(self, _at: datetime) -> None:
        """Run every period that has begun, in order; returns when all are done or the program stops."""
        await self._turn.acquire()
        try:
            while not self._is_stopping and await self.next_due(self._around.context().now) is not None:
                zone = self._around.context().programme.zone
                await self._run(await self._database.read(_next_period, period_of(self._installed_at, zone)))
        finally:
            self._turn.release()

    async def stop(self) -> None:
        """Let the chunk that runs end; the rest goes on at the next start."""
        self._is_stopping = True
        await self._turn.acquire()
        self._turn.release()

    async def request(self, period: str) -> tuple[MonthRunView, bool]:
        """Ask for a period's run: (where it stands, whether it was done already). It runs in the background.

        Raises:
            NotDue: the period has not begun.
        """
        run = await self._database.transact(self._request, period)
        is_done = run.status == "done"
        if not is_done:
            self._around.requested()
        return await self.view(period), is_done

    async def view(self, period: str) -> MonthRunView:
        """Where a period's run stands; `pending` where it was never begun."""
        return await self._database.read(_view, period)

    async def _run(self, period: str) -> None:
        run = await self._database.transact(self._request, period)
        size, is_more = month.CHUNK_FIRST, True
        while is_more and not self._is_stopping:
            began, is_more = await self._database.transact(self._chunk, run, size)
            # With its commit, and with what the reactor was late: where others want the processor chunks are shorter.
            size = month.next_size(size, int((self._around.monotonic() - began) * MS_PER_S))
            self._around.queued()

    def _request(self, connection: Connection, period: str) -> month.MonthRun:
        return month.request_run(connection, period, self._around.context())

    def _chunk(self, connection: Connection, run: month.MonthRun, size: int) -> tuple[float, bool]:
        """Run the next chunk with its notices: when it began, and whether there was one."""
        began = self._around.monotonic()
        context = self._around.context()
        bounds = month.next_bounds(connection, run, size)
        if bounds is None:
            month.finish_run(connection, run.period, context.now)
            self._around.fault("bill.before_close")
            return began, False
        month.run_chunk(connection, run.period, bounds, context)
        enqueue_month_notices(connection, run.period, bounds, self._around.timing())
        self._around.fault("bill.after_n_lines")
        return began, True


def _next_period(connection: Connection, installed: str) -> str:
    """The next period to run: after the last finished one (or the installation), or an earlier unfinished one."""
    table = schema.month_run
    unfinished = connection.execute(select(func.min(table.c.period)).where(table.c.status != "done")).scalar()
    finished = connection.execute(select(func.max(table.c.period)).where(table.c.status == "done")).scalar()
    following = next_period(max(finished or installed, installed))
    return min(unfinished or following, following)


def _view(connection: Connection, period: str) -> MonthRunView:
    run = month.run_of(connection, period)
    if run is None:
        return MonthRunView(period=period, status="pending")
    figures = {name: getattr(run, name) for name in VIEWED}
    return MonthRunView(**figures, progress=month.progress_of(connection, run))
