"""The manual business clock as operators move it over HTTP, and the poll that looks for due work."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from gateway.clocks import DueSource, ManualClock, SystemClock
from gateway.http.ports import DueWork
from gateway.leases import TurnLost

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
        self._is_stopping = False

    def is_manual(self) -> bool:
        """Whether there is a clock to move."""
        return isinstance(self._clock, ManualClock)

    def now(self) -> datetime:
        """Where it stands."""
        return self._clock.now()

    async def look(self) -> datetime:
        """Where its row stands, whoever moved it."""
        return await self._clock.look()

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
        self._is_stopping = True
        for move in list(self._moves):
            await move

    async def _advance(self, to: datetime, ran: list[DueWork]) -> None:
        assert isinstance(self._clock, ManualClock)  # noqa: S101 - is_manual was asked
        while True:
            try:
                return await self._clock.advance(to, self._sources, ran)
            except TurnLost:
                if self._is_stopping:
                    raise
                # The process that took it runs what is due by now; then the rest of the way is ours again.

    def _moved(self, result: object, move: "Deferred[None]", answered: "Deferred[None]") -> None:
        self._moves.discard(move)
        if answered.called:
            if isinstance(result, Failure):
                self._log.failure("clock_move_failed", result)
        elif isinstance(result, Failure):
            answered.errback(result)
        else:
            answered.callback(None)


class Turn(Protocol):
    """The right to run due work, which one process has at a time."""

    async def try_acquire(self) -> bool:
        """Take it if nobody has it."""
        ...

    async def release(self) -> None:
        """Give it back."""
        ...


class DuePoll:
    """Runs due work each second, or when told to look; never by one long timer.

    With the manual clock that is what a process left behind that died while it moved the clock.
    """

    _log = Logger()

    def __init__(
        self, clock: ManualClock | SystemClock, sources: Sequence[DueSource], reactor: IReactorTime, turn: Turn
    ) -> None:
        self._clock = clock
        self._sources = sources
        self._turn = turn
        self._loop = LoopingCall(self.look)
        self._loop.clock = reactor
        self._looking: Deferred[None] | None = None
        self._is_wanted = False

    def start(self) -> None:
        """Look each second from now on."""
        _ = self._loop.start(POLL_SECONDS, now=False)

    async def stop(self) -> None:
        """Look no more; a look that runs ends first."""
        if self._loop.running:
            self._loop.stop()
        if self._looking is not None:
            await self._looking

    def look(self) -> "Deferred[None]":
        """Look at once, unless a look runs; that one is told to look once more."""
        self._is_wanted = True
        looking = self._looking
        if looking is None:
            looking = self._looking = Deferred.fromCoroutine(self._look_while_wanted()).addErrback(self._failed)
            _ = looking.addCallback(self._looked)
        return looking

    async def _look_while_wanted(self) -> None:
        while self._is_wanted:
            self._is_wanted = False
            await self.run_due()

    def _looked(self, _result: None) -> None:
        self._looking = None

    async def run_due(self) -> None:
        """Run what is due, unless somebody else does."""
        now = await self._clock.look()
        waiting = [source for source in self._sources if await source.next_due(now) is not None]
        if not waiting or not await self._turn.try_acquire():
            return
        try:
            for source in waiting:
                await source.run_due(now)
        finally:
            await self._turn.release()

    def _failed(self, failure: Failure) -> None:
        self._log.failure("due_work_failed", failure)
