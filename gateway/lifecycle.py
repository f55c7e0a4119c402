"""Parts start in order and stop in reverse, one after another, each within its time.

Twisted's MultiService stops its children at once and waits for no start; a gateway that drains needs an order.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure


async def nothing() -> None:
    """What a part does at its start or stop when there is nothing to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Something that is started and stopped. `stop_s_max`: how long its stop may take before the next one's turn."""

    name: str
    start: Callable[[], Awaitable[None]] = nothing
    stop: Callable[[], Awaitable[None]] = nothing
    stop_s_max: float = 2.0


class Lifecycle:
    """The parts of one running program."""

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._started: list[Part] = []

    async def start(self, part: Part) -> None:
        """Start one part; from now on `stop` stops it. What a failed start left is its own to undo."""
        await part.start()
        self._started.append(part)

    async def stop(self) -> None:
        """Stop all that was started, the last first; a part that fails or hangs is logged and passed over."""
        while self._started:
            part = self._started.pop()
            stopping = Deferred.fromCoroutine(_run(part.stop))
            try:
                await stopping.addTimeout(part.stop_s_max, self._clock)
            except defer.TimeoutError:
                self._log.error("part_hangs {part} {seconds}", part=part.name, seconds=part.stop_s_max)
            except Exception:  # noqa: BLE001 - the door's border: one part's failure must not keep the others open
                self._log.error("part_failed_to_stop {part}", part=part.name, log_failure=Failure())


async def _run(work: Callable[[], Awaitable[None]]) -> None:
    await work()
