"""The listener's tap on the wire: links can be cut, silenced or let through, as the `link` fault says.

down: the port is closed and every link is dropped. half_open: octets vanish in both directions and nothing
is closed, as when a firewall forgets a connection. up: the port is open and new links work.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IListeningPort, IReactorTCP
from twisted.internet.protocol import ServerFactory
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory

from simulator.capture import Tap
from simulator.errors import PortTaken
from simulator.waiting import ended, port_of
from sms.smpp.protocol import SmppProtocol

BACKLOG = 1_024
"""Connections that may wait to be accepted; Twisted's default of 50 refuses a burst of phones."""


class Gated(ProtocolWrapper):
    """One connection behind the gate."""

    factory: Any  # a LinkGate, whose base types it otherwise
    transport: Any  # ours is TCP, which ITransport does not say

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Nothing comes through while the link is silent."""
        if not self.factory.silent:
            self.wrappedProtocol.dataReceived(data)

    def write(self, data: bytes) -> None:
        """As above."""
        if not self.factory.silent:
            write_now(self.transport, data)

    def writeSequence(self, iovec: Any) -> None:  # noqa: N802 - Twisted's name
        """As above."""
        if not self.factory.silent:
            self.transport.writeSequence(iovec)

    def loseConnection(self) -> None:  # noqa: N802 - Twisted's name
        """A silent link closes nothing."""
        if not self.factory.silent:
            super().loseConnection()

    def abortConnection(self) -> None:  # noqa: N802 - Twisted's name
        """As above."""
        if not self.factory.silent:
            self.transport.abortConnection()

    def cut(self) -> None:
        """Drop the connection, silent or not."""
        self.disconnecting = True
        self.transport.abortConnection()


def write_now(transport: Any, data: bytes) -> None:
    """Write at once what the socket takes, and leave the rest to the reactor.

    The reactor alone would ask the kernel three more questions before it writes: a third of a submission's
    whole cost where one answer leaves at a time.
    """
    if transport.connected and not (transport.disconnecting or transport.dataBuffer or transport._tempDataBuffer):  # noqa: SLF001 - Twisted shows nowhere else whether octets wait
        sent = transport.writeSomeData(data)
        if sent == len(data):
            return
        if isinstance(sent, int):
            data = data[sent:]
    # An error comes up again here, where the reactor deals with it.
    transport.write(data)


class LinkGate(WrappingFactory[Any]):
    """Wraps the SMSC's factory and owns its port."""

    protocol = Gated

    def __init__(
        self,
        wrapped: ServerFactory,
        *,
        reactor: IReactorTCP,
        host: str,
        port: int,
        tap_of: Callable[[SmppProtocol], Tap],
    ) -> None:
        super().__init__(wrapped)
        self._reactor: Any = reactor
        self._host = host
        self._port = port
        self._tap_of = tap_of
        self._listening: IListeningPort | None = None
        self.silent = False
        self.announces_version = True
        self.wrapping: Callable[[LinkGate, SmppProtocol], Gated] = Gated

    def buildProtocol(self, addr: IAddress | None) -> Any:  # noqa: N802 - Twisted's name
        """A gated connection; none where the listener has too many."""
        link = self.wrappedFactory.buildProtocol(addr)
        if link is None:
            return None
        link.session.tap = self._tap_of(link)
        link.session.announces_version = self.announces_version
        return self.wrapping(self, link)

    @property
    def port(self) -> int:
        """The port in use, also when 0 was asked for."""
        return self._port

    def open(self) -> None:
        """Listen; raises PortTaken."""
        if self._listening is not None:
            return
        try:
            self._listening = self._reactor.listenTCP(self._port, self, backlog=BACKLOG, interface=self._host)
        except CannotListenError:
            raise PortTaken("SMPP", self._port) from None
        self._port = port_of(self._listening)

    async def close(self) -> None:
        """Stop listening; links stay."""
        listening, self._listening = self._listening, None
        if listening is not None:
            await ended(listening.stopListening())

    def cut_all(self) -> None:
        """Drop every link."""
        for gated in list(self.protocols):
            gated.cut()
