"""A timer that may be moved without cost: it looks where its deadline is when it goes off."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Deadline:
    """Calls `expired` once when the time set last has come; moving it later costs one store."""

    def __init__(self, clock: IReactorTime, expired: Callable[[], None]) -> None:
        self._clock = clock
        self._expired = expired
        self._due: float | None = None
        self._call: IDelayedCall | None = None

    @property
    def is_set(self) -> bool:
        """Whether it is going to expire."""
        return self._due is not None

    def set_in(self, seconds: float) -> None:
        """Expire this long from now, instead of at any time set before."""
        due = self._clock.seconds() + seconds
        self._due = due
        if self._call is not None and self._call.getTime() > due:
            self._call.cancel()
            self._call = None
        if self._call is None:
            self._call = self._clock.callLater(seconds, self._go_off)

    def clear(self) -> None:
        """Do not expire; the timer below may still tick once, without effect."""
        self._due = None

    def stop(self) -> None:
        """Leave nothing behind in the reactor."""
        self._due = None
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _go_off(self) -> None:
        self._call = None
        if self._due is None:
            return
        left = self._due - self._clock.seconds()
        if left > 0:
            self._call = self._clock.callLater(left, self._go_off)
        else:
            self._due = None
            self._expired()
