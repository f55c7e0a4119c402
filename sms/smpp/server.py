"""The SMSC side: a listener that authenticates binds and hands sessions to a handler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from twisted.internet import protocol

from sms.smpp.constants import VERSION_50, CommandStatus
from sms.smpp.pdu import response_class, response_to
from sms.smpp.protocol import SmppProtocol
from sms.smpp.session import Session
from sms.smpp.transitions import Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IAddress, IReactorTime

    from sms.errors import SmppError
    from sms.smpp.config import Timing
    from sms.smpp.events import Direction
    from sms.smpp.pdu import Bind, BindResp, Pdu
    from sms.smpp.protocol import SessionHandler

CONNECTIONS_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """An authenticated bind: how we name ourselves, and how many requests of ours may wait for answers."""

    system_id: str = "SMSC"
    window: int = 10


class SmscFactory(protocol.ServerFactory):
    """Listens for ESMEs; `authenticate(bind, peer_host)` decides on every bind.

    It also is the `SessionHandler` of its sessions and passes everything on, to know which are open.
    """

    noisy = False

    def __init__(
        self,
        handler: SessionHandler,
        *,
        authenticate: Callable[[Bind, str], Accepted | CommandStatus],
        clock: IReactorTime,
        timing: Timing,
        interface_version: int = VERSION_50,
        connections_max: int = CONNECTIONS_MAX,
        tap: Callable[[SmppProtocol, Direction, bytes, Pdu | None], None] | None = None,
    ) -> None:
        self.sessions: set[SmppProtocol] = set()
        self._handler = handler
        self._authenticate = authenticate
        self._clock = clock
        self._timing = timing
        self._interface_version = interface_version
        self._connections_max = connections_max
        self._tap = tap

    def buildProtocol(self, addr: IAddress | None) -> SmppProtocol | None:  # noqa: N802 - Twisted's name
        """A session in state OPEN; None closes a connection that is one too many."""
        del addr
        if len(self.sessions) >= self._connections_max:
            return None
        session = Session(Role.SMSC, interface_version=self._interface_version)
        link = SmppProtocol(session, self, clock=self._clock, timing=self._timing, on_bind=self._decide)
        if self._tap is not None:
            tap = self._tap
            session.tap = lambda direction, octets, pdu: tap(link, direction, octets, pdu)
        self.sessions.add(link)
        return link

    def _decide(self, link: SmppProtocol, bind: Bind) -> None:
        verdict = self._authenticate(bind, link.peer_host)
        if isinstance(verdict, Accepted):
            link.window = verdict.window
            answer = cast("type[BindResp]", response_class(bind.command_id))
            link.respond(bind, answer(system_id=verdict.system_id))
        else:
            link.respond(bind, response_to(bind, verdict))

    def bound(self, link: SmppProtocol) -> None:
        """See `SessionHandler`."""
        self._handler.bound(link)

    def request_received(self, link: SmppProtocol, pdu: Pdu) -> None:
        """See `SessionHandler`."""
        self._handler.request_received(link, pdu)

    def response_unmatched(self, link: SmppProtocol, request: Pdu | None, response: Pdu) -> None:
        """See `SessionHandler`."""
        self._handler.response_unmatched(link, request, response)

    def session_ended(self, link: SmppProtocol, in_flight: list[Pdu], reason: SmppError | None) -> None:
        """See `SessionHandler`."""
        self.sessions.discard(link)
        self._handler.session_ended(link, in_flight, reason)
