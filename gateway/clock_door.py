"""The manual business clock as operators move it over HTTP, and the poll that drives the system clock's due work."""

from collections.abc import Sequence
from datetime import datetime

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from gateway.clocks import DueSource, ManualClock, SystemClock
from gateway.http.ports import DueWork

ANSWER_SECONDS_MAX = 30.0
"""A move answers by then; what is not done goes on."""
POLL_SECONDS = 1.0


class ClockDoor:
    """`sources` are what is due at business instants; `tried(at)` waits until released messages were tried once."""

    _log = Logger()

    def __init__(self, clock: ManualClock | SystemClock, sources: Sequence[DueSource], reactor: IReactorTime) -> None:
        self._clock = clock
        self._sources = sources
        self._reactor = reactor
        self._moves: set[Deferred[None]] = set()

    def is_manual(self) -> bool:
        """Whether there is a clock to move."""
        return isinstance(self._clock, ManualClock)

    def now(self) -> datetime:
        """Where it stands."""
        return self._clock.now()

    async def advance(self, to: datetime) -> Sequence[DueWork]:
        """Move forward; what ran, once everything is committed and tried, or after 30 s what ran so far.

        Raises:
            ClockRefused: a move back.
        """
        ran: list[DueWork] = []
        answered: Deferred[None] = Deferred()
        move = Deferred.fromCoroutine(self._advance(to, ran))
        self._moves.add(move)
        _ = move.addBoth(self._moved, move, answered)
        try:
            await answered.addTimeout(ANSWER_SECONDS_MAX, self._reactor)
        except defer.TimeoutError:
            self._log.warn("clock_move_goes_on {to}", to=to.isoformat())
        return tuple(ran)

    async def stop(self) -> None:
        """Wait for moves under way: their sources are stopped first, so that they end at the next step."""
        for move in list(self._moves):
            await move

    async def _advance(self, to: datetime, ran: list[DueWork]) -> None:
        assert isinstance(self._clock, ManualClock)  # noqa: S101 - is_manual was asked
        await self._clock.advance(to, self._sources, ran)
        for source in self._sources:
            await source.run_due(self._clock.now())

    def _moved(self, result: object, move: "Deferred[None]", answered: "Deferred[None]") -> None:
        self._moves.discard(move)
        if answered.called:
            if isinstance(result, Failure):
                self._log.failure("clock_move_failed", result)
        elif isinstance(result, Failure):
            answered.errback(result)
        else:
            answered.callback(None)


class DuePoll:
    """With the system clock: runs the due work of all sources each second, never by one long timer."""

    _log = Logger()

    def __init__(self, clock: SystemClock, sources: Sequence[DueSource], reactor: IReactorTime) -> None:
        self._clock = clock
        self._sources = sources
        self._loop = LoopingCall(self._look)
        self._loop.clock = reactor
        self._looking: Deferred[None] | None = None

    async def start(self) -> None:
        """Begin to look."""
        self._looking = self._loop.start(POLL_SECONDS, now=False).addErrback(self._failed).addCallback(lambda _: None)

    async def stop(self) -> None:
        """Look no more; a look that runs ends first."""
        if self._loop.running:
            self._loop.stop()
        if self._looking is not None:
            await self._looking

    def _look(self) -> "Deferred[None]":
        return Deferred.fromCoroutine(self._run_due()).addErrback(self._failed)

    async def _run_due(self) -> None:
        now = self._clock.now()
        for source in self._sources:
            if await source.next_due(now) is not None:
                await source.run_due(now)

    def _failed(self, failure: Failure) -> None:
        self._log.failure("due_work_failed", failure)
