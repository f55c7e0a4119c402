"""What Twisted leaves untyped when it is waited for: timers, ports, and Deferreds that may be None."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IListeningPort, IReactorTime


def sleep(clock: IReactorTime, seconds: float) -> Deferred[None]:
    """Fires after so many seconds; cancelling it cancels the timer."""
    timer: list[IDelayedCall] = []
    slept: Deferred[None] = Deferred(lambda _: timer[0].cancel())
    timer.append(clock.callLater(seconds, slept.callback, None))
    return slept


async def ended(result: Deferred[None] | None) -> None:
    """Wait for what ends now or later."""
    if result is not None:
        await result


def port_of(listening: IListeningPort) -> int:
    """The port that is listened on, also when any free one was asked for."""
    host: Any = listening.getHost()
    return int(host.port)
