"""A wait that ends by itself or by being told."""

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime


class Pause:
    """One waiter at a time; `end` before a wait makes that wait end at once."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waiter: Deferred[None] | None = None
        self._is_ended = False

    async def wait(self, seconds: float) -> None:
        """Return after this time, or as soon as `end` is called, or at once if it was since the last wait."""
        if not self._is_ended:
            waiter: Deferred[None] = Deferred()
            self._waiter = waiter
            timer = self._clock.callLater(seconds, self.end)
            await waiter
            if timer.active():
                timer.cancel()
        self._is_ended = False

    def end(self) -> None:
        """End the present wait, or the next one before it begins."""
        self._is_ended = True
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.callback(None)
