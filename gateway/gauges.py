"""Figures that must be looked up rather than counted: taken every few seconds, off every request's path."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from billing.store.liability import liability
from gateway.database import Database
from gateway.http.ports import MonthRunView
from gateway.links import Links
from gateway.metrics import Metrics
from sms.outbox import pending_counts

INTERVAL_SECONDS = 5.0
LIABILITY_REST = 20
"""Sums over all subscriptions are taken again after this many times as long as they took."""


class Gauges:
    """Looks at the outbox, the links' windows, the month run, what is owed, and how long things wait."""

    _log = Logger()

    def __init__(
        self,
        metrics: Metrics,
        reactor: IReactorTime,
        *,
        database: Database,
        links: Links,
        now: Callable[[], datetime],
        current_month: Callable[[], Awaitable[MonthRunView]],
        currency: str,
    ) -> None:
        self._metrics = metrics
        self._reactor = reactor
        self._database = database
        self._links = links
        self._now = now
        self._current_month = current_month
        self._currency = currency
        self._liability_due_at = 0.0
        self._loop = LoopingCall(self._look)
        self._loop.clock = reactor
        self._looking: Deferred[LoopingCall] | None = None
        self._due_at = 0.0

    async def start(self) -> None:
        """Begin to look."""
        self._due_at = self._reactor.seconds()
        self._looking = self._loop.start(INTERVAL_SECONDS)

    async def stop(self) -> None:
        """Look no more; a look that runs ends first."""
        if self._loop.running:
            self._loop.stop()
        if self._looking is not None:
            await self._looking

    def _look(self) -> "Deferred[None]":
        now = self._reactor.seconds()
        self._metrics.reactor_lag(max(0.0, now - self._due_at))
        self._due_at = now + INTERVAL_SECONDS
        for link in self._links.links:
            self._metrics.window_used(link.config.name, self._links.window_used(link))
            if link.protocol is not None and link.protocol.enquire_rtt_s is not None:
                self._metrics.link_rtt(link.config.name, link.protocol.enquire_rtt_s)
        self._metrics.database_wait(self._database.take_wait_seconds())
        return Deferred.fromCoroutine(self._look_up()).addErrback(self._failed)

    async def _look_up(self) -> None:
        self._metrics.outbox(await self._database.audit(pending_counts), self._now())
        run = await self._current_month()
        if run.status != "pending":
            self._metrics.month_progress(run.progress)
        started_at = self._reactor.seconds()
        if started_at >= self._liability_due_at:
            self._metrics.liability(await self._database.audit(liability, self._now()), self._currency)
            ended_at = self._reactor.seconds()
            self._liability_due_at = ended_at + LIABILITY_REST * (ended_at - started_at)

    def _failed(self, failure: Failure) -> None:
        self._log.failure("gauges_failed", failure)
