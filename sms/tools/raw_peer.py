"""One end of an SMPP connection without a session: writes whatever it is told, and notes what comes back.

For tools that break the protocol on purpose; everything else goes through `sms.smpp.protocol`.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from sms.errors import SmppError
from sms.smpp.codec import decode, encode
from sms.smpp.constants import SEQUENCE_MAX
from sms.smpp.framing import Framer
from sms.smpp.pdu import AlertNotification, Pdu, Unbind, response_to

WRONG_NUMBERS = 1_000_000


class RawPeer(Protocol):
    """The connection; `answered` counts what the peer sent, by name and status."""

    def __init__(self, clock: IReactorTime) -> None:
        self.clock = clock
        self.answers_requests = True
        self.number_offset = 0
        self.answered: Counter[tuple[str, int]] = Counter()
        self.closed_after_s: float | None = None
        """When the peer closed, counted from the connection; None while it is open or when we closed it."""
        self._leaving = False
        self._opened_at = 0.0
        self._framer = Framer()
        self._number = 0
        self._responses: dict[int, Pdu] = {}
        self._heard: Deferred[None] | None = None

    @property
    def _wire(self) -> Any:
        # Twisted types `transport` as ITransport | None; every real one is also a producer.
        return self.transport

    @property
    def is_open(self) -> bool:
        """Whether octets can be written."""
        return self.closed_after_s is None and not self._leaving

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        """From now on."""
        self._opened_at = self.clock.seconds()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Note, and answer what ought to be answered, rightly or wrongly as told."""
        for frame in self._framer.feed(data):
            try:
                pdu = decode(frame)
            except SmppError:
                self.answered["unreadable", 0] += 1
                continue
            if pdu.is_response:
                self._responses[pdu.sequence_number] = pdu
            self.answered[pdu.name, pdu.command_status] += 1
            if self.answers_requests and not pdu.is_response and not isinstance(pdu, AlertNotification):
                response = response_to(pdu)
                response.sequence_number = (pdu.sequence_number + self.number_offset) % SEQUENCE_MAX or 1
                self.write(encode(response))
        self._wake()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802 - Twisted's name
        """Gone, by the peer unless we left."""
        del reason
        if not self._leaving:
            self.closed_after_s = self.clock.seconds() - self._opened_at
        self._wake()

    def write(self, octets: bytes) -> None:
        """These octets, whatever they are."""
        if self.is_open:
            self._wire.write(octets)

    def send(self, pdu: Pdu) -> int:
        """A PDU under the next number, unless it has one."""
        if not pdu.sequence_number:
            self._number += 1
            pdu.sequence_number = self._number
        self.write(encode(pdu))
        return pdu.sequence_number

    def stop_reading(self) -> None:
        """Never look at the socket again."""
        self._wire.pauseProducing()

    async def answer_to(self, number: int, seconds: float) -> Pdu | None:
        """The response under this number; None when none came in time."""
        await self._until(lambda: number in self._responses, seconds)
        return self._responses.get(number)

    async def until_closed(self, seconds: float) -> None:
        """Until the peer closes, or so long."""
        await self._until(lambda: False, seconds)

    async def until_answered(self, name: str, count: int, seconds: float) -> None:
        """Until so many responses of this name came, or so long."""
        await self._until(lambda: self.count_of(name) >= count, seconds)

    def count_of(self, name: str) -> int:
        """How many PDUs of this name came, whatever their status."""
        return sum(times for (known, _), times in self.answered.items() if known == name)

    def drop(self) -> None:
        """Close at once, with nothing said."""
        if self.is_open:
            self._leaving = True
            self._wire.abortConnection()
            self._wake()

    async def _until(self, done: Callable[[], bool], seconds: float) -> None:
        end = self.clock.seconds() + seconds
        while not done() and self.is_open and self.clock.seconds() < end:
            heard = self._heard = Deferred()
            limit = self.clock.callLater(end - self.clock.seconds(), self._wake)
            await heard
            if limit.active():
                limit.cancel()

    def _wake(self) -> None:
        heard, self._heard = self._heard, None
        if heard is not None:
            heard.callback(None)

    async def leave(self) -> None:
        """Unbind and close, where it is still open."""
        if self.is_open:
            number = self.send(Unbind())
            await self.answer_to(number, 1.0)
        self.drop()


class PeerFactory(Factory):
    """Builds the one peer of one connection."""

    noisy = False

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock

    def buildProtocol(self, addr: Any) -> RawPeer:  # noqa: N802 - Twisted's name
        """The peer."""
        del addr
        return RawPeer(self._clock)
