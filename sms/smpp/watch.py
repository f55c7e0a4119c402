"""The timers of a session (SMPP 3.4 §2.9): what each watches, and what is done when it expires."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sms.errors import BindOverdue, PduIncomplete, PeerNotReading
from sms.smpp.deadline import Deadline

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from sms.errors import SmppError
    from sms.smpp.config import Timing


class Watched(Protocol):
    """What the watch asks of the session it watches."""

    def close(self, reason: SmppError | None = None) -> None:
        """Flush and close."""

    def abort(self, reason: SmppError | None = None) -> None:
        """Close without flushing."""

    def enquire(self) -> None:
        """Ask the peer whether it is there."""

    def leave(self) -> None:
        """Unbind in good order."""


class Watch:
    """One per session; times are read once per read of the socket, not once per PDU."""

    def __init__(self, watched: Watched, clock: IReactorTime, timing: Timing) -> None:
        self._watched = watched
        self._clock = clock
        self._timing = timing
        self._heard_at = self._acted_at = 0.0
        self._init = Deadline(clock, lambda: watched.close(BindOverdue("no bind came in time")))
        self._partial = Deadline(clock, lambda: watched.close(PduIncomplete("a PDU did not come whole in time")))
        self._stall = Deadline(clock, lambda: watched.abort(PeerNotReading("the peer takes nothing")))
        self._keepalive = Deadline(clock, self._check_alive)
        self._inactivity = Deadline(clock, self._check_active)
        self._goodbye = Deadline(clock, self._say_goodbye)
        self._closing = False
        self._timers = (
            self._init, self._partial, self._stall, self._keepalive, self._inactivity, self._goodbye,
        )  # fmt: skip

    def opened(self) -> None:
        """Connected: a bind has to come."""
        self._heard_at = self._acted_at = self._clock.seconds()
        if self._timing.session_init_s is not None:
            self._init.set_in(self._timing.session_init_s)

    def bound(self) -> None:
        """Bound: silence and inactivity count from now."""
        self._init.stop()
        self.enquired()
        if self._timing.inactivity_s is not None:
            self._inactivity.set_in(self._timing.inactivity_s)

    def heard(self, *, partial: bool, complete: bool, acted: bool) -> None:
        """After a read: whether a PDU is incomplete, some were complete, some did anything."""
        if complete:
            self._heard_at = self._clock.seconds()
            if acted:
                self._acted_at = self._heard_at
        if not partial:
            self._partial.clear()
        elif complete or not self._partial.is_set:
            # From its first octet on: trickling octets in does not win time.
            self._partial.set_in(self._timing.partial_pdu_s)

    def enquired(self) -> None:
        """The peer answered our enquire_link: ask again when it has been silent for a while."""
        if self._timing.enquire_link_s is not None:
            self._keepalive.set_in(self._timing.enquire_link_s)

    def stalled(self) -> None:
        """The peer does not take what we write."""
        self._stall.set_in(self._timing.write_stall_s)

    def unstalled(self) -> None:
        """It does again."""
        self._stall.clear()

    def leaving(self) -> None:
        """The session is over but for outstanding answers."""
        for timer in (self._init, self._keepalive, self._inactivity):
            timer.stop()
        self._goodbye.set_in(self._timing.unbind_s)

    def closing(self) -> None:
        """Closed but for what the transport still holds."""
        self._closing = True
        self.leaving()

    def stop(self) -> None:
        """Leave nothing behind in the reactor."""
        for timer in self._timers:
            timer.stop()

    def _check_alive(self) -> None:
        idle = self._clock.seconds() - self._heard_at
        interval = self._timing.enquire_link_s
        if interval is not None and idle < interval:
            self._keepalive.set_in(interval - idle)
        else:
            self._watched.enquire()

    def _check_active(self) -> None:
        idle = self._clock.seconds() - self._acted_at
        limit = self._timing.inactivity_s
        if limit is not None and idle < limit:
            self._inactivity.set_in(limit - idle)
        else:
            self._watched.leave()

    def _say_goodbye(self) -> None:
        if self._closing:
            self._watched.abort()
        else:
            self._watched.close()
