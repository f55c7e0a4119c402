"""One connection, bound once: a tool wants to know why it failed, not to try again."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory

from sms.errors import SmppError
from sms.smpp.config import LinkConfig
from sms.smpp.events import Direction
from sms.smpp.pdu import BindResp, Pdu
from sms.smpp.protocol import SessionHandler, SmppProtocol
from sms.smpp.session import Session
from sms.smpp.transitions import Role


class _Once(Factory):
    noisy = False

    def __init__(self, link: SmppProtocol) -> None:
        self._link = link

    def buildProtocol(self, addr: Any) -> SmppProtocol:  # noqa: N802 - Twisted's name
        del addr
        return self._link


class Single:
    """One session and the answer to its bind."""

    def __init__(self, config: LinkConfig, handler: SessionHandler, *, clock: IReactorTime) -> None:
        self.bind_answer: BindResp | None = None
        session = Session(Role.ESME, interface_version=config.interface_version, tlv=config.tlv, tap=self._tap)
        self._config = config
        self.link = SmppProtocol(session, handler, clock=clock, timing=config.timing(), window=config.window)

    async def connect(self, endpoint: IStreamClientEndpoint) -> None:
        """Connect; raises what the endpoint raises (ConnectError, DNSLookupError)."""
        await endpoint.connect(_Once(self.link))

    async def bind(self) -> BindResp:
        """Bind, and close again where that fails.

        Raises BindRefused with the SMSC's status, RequestFailed when no answer came.
        """
        try:
            await self.link.establish(self._config.bind_request())
        except SmppError:
            await self.link.unbind()
            raise
        assert self.bind_answer is not None  # noqa: S101 - established by this very answer
        # One look at each PDU costs more than the rest of a tool's work on it.
        self.link.session.tap = None
        return self.bind_answer

    def _tap(self, direction: Direction, _octets: bytes, pdu: Pdu | None) -> None:
        if direction is Direction.RECEIVED and isinstance(pdu, BindResp):
            self.bind_answer = pdu


async def sleep(clock: IReactorTime, seconds: float) -> None:
    """Wait so long."""
    nap: Deferred[None] = Deferred()
    clock.callLater(seconds, nap.callback, None)
    await nap
