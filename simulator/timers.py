"""Timers with an owner: whatever is still to come can be called off at once."""

from collections.abc import Callable
from typing import ParamSpec

from twisted.internet.interfaces import IDelayedCall, IReactorTime

Arguments = ParamSpec("Arguments")


class Timers:
    """The delayed calls of one collaborator."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._running: set[IDelayedCall] = set()

    def __len__(self) -> int:
        """How many calls are still to come."""
        return len(self._running)

    def later(
        self, seconds: float, do: Callable[Arguments, object], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> IDelayedCall:
        """Call in so many seconds."""

        def fire() -> None:
            self._running.discard(call)
            do(*args, **kwargs)

        call = self._clock.callLater(seconds, fire)
        self._running.add(call)
        return call

    def cancel(self, call: IDelayedCall | None) -> None:
        """Call one off; nothing happens when it is past, or None."""
        if call is not None and call in self._running:
            self._running.discard(call)
            call.cancel()

    def cancel_all(self) -> None:
        """Call everything off."""
        for call in list(self._running):
            self.cancel(call)
