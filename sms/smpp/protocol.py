"""The Twisted shell of a session: one write per read, window, timers, orderly end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from twisted.internet import protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorTime

    from sms.errors import RequestFailed, SmppError
    from sms.smpp.config import Timing
    from sms.smpp.pdu import Bind, Pdu
    from sms.smpp.session import Session, SessionState


class SessionHandler(Protocol):
    """What the owner of sessions implements; called on the reactor thread."""

    def bound(self, link: SmppProtocol) -> None:
        """The session is bound: requests may be sent and will come."""

    def request_received(self, link: SmppProtocol, pdu: Pdu) -> None:
        """Answer now or later with `link.respond(pdu, response)`; never for alert_notification."""

    def response_unmatched(self, link: SmppProtocol, request: Pdu | None, response: Pdu) -> None:
        """A response nobody waits for: late (then `request` is the one given up) or unknown."""

    def session_ended(self, link: SmppProtocol, in_flight: list[Pdu], reason: SmppError | None) -> None:
        """The connection is gone; `in_flight` were written and not answered. Also without a bind."""


class SmppProtocol(protocol.Protocol):
    """One connection."""

    session: Session
    bind: Bind | None
    """The bind request of this session, once bound."""
    peer_host: str
    window: int

    def __init__(
        self, session: Session, handler: SessionHandler, *, clock: IReactorTime, timing: Timing, window: int = 10
    ) -> None:
        raise NotImplementedError

    @property
    def state(self) -> SessionState:
        """The state of the session."""
        raise NotImplementedError

    @property
    def window_free(self) -> int:
        """How many requests may be written now without waiting."""
        raise NotImplementedError

    def respond(self, request: Pdu, response: Pdu) -> None:
        """Answer a request; all answers of one reactor turn leave in one write."""

    async def request(self, pdu: Pdu, *, on_written: Callable[[int], None] | None = None) -> Pdu:
        """Send a request once the window has room, and return its answer, whatever its status.

        The answer may be a GenericNack. `on_written(sequence_number)` is called when the octets
        were handed to the transport. Raises `NeverWritten` (safe to send again) or
        `OutcomeUnknown` (of which `ResponseTimeout`: written, nobody knows).
        """
        raise NotImplementedError

    def try_request(self, pdu: Pdu, answered: Callable[[Pdu | RequestFailed], None]) -> int:
        """Send at once, without a coroutine: `answered` gets the response or the failure.

        Returns the sequence_number; raises `WindowFull`, `SessionStateError` or `PduError`.
        """
        raise NotImplementedError

    def send_alert(self, pdu: Pdu) -> None:
        """Send a request that has no answer (alert_notification, outbind)."""

    async def unbind(self) -> None:
        """Let answers come, unbind, close; within `timing.unbind_s` each."""

    def close(self, reason: SmppError | None = None) -> None:
        """Flush and close without unbind."""
