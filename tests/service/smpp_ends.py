"""Ends of SMPP connections for service tests: recording handlers and protocols on string transports."""

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from sms.errors import SmppError
from sms.smpp.codec import decode, encode
from sms.smpp.config import Timing
from sms.smpp.pdu import (
    BindTransceiver,
    BindTransceiverResp,
    DeliverSm,
    DeliverSmResp,
    Pdu,
    SubmitSm,
    SubmitSmResp,
)
from sms.smpp.protocol import SmppProtocol
from sms.smpp.session import Role, Session

BIND = BindTransceiver(system_id="gateway", password="secret1")


class Handler:
    """Records what it is told; answers submit_sm and deliver_sm at once unless told to wait."""

    def __init__(self, *, answers: bool = True) -> None:
        self.answers = answers
        self.bound_links: list[SmppProtocol] = []
        self.requests: list[Pdu] = []
        self.unmatched: list[tuple[Pdu | None, Pdu]] = []
        self.ended: list[tuple[list[Pdu], SmppError | None]] = []

    def bound(self, link: SmppProtocol) -> None:
        self.bound_links.append(link)

    def request_received(self, link: SmppProtocol, pdu: Pdu) -> None:
        self.requests.append(pdu)
        if self.answers and isinstance(pdu, SubmitSm):
            link.respond(pdu, SubmitSmResp(message_id=f"m{pdu.sequence_number}"))
        elif self.answers and isinstance(pdu, DeliverSm):
            link.respond(pdu, DeliverSmResp())

    def response_unmatched(self, link: SmppProtocol, request: Pdu | None, response: Pdu) -> None:
        del link
        self.unmatched.append((request, response))

    def session_ended(self, link: SmppProtocol, in_flight: list[Pdu], reason: SmppError | None) -> None:
        del link
        self.ended.append((in_flight, reason))


class Transport(StringTransport):
    """Counts writes."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0

    def write(self, data: bytes) -> None:
        self.writes += 1
        super().write(data)


class End:
    """One protocol, its transport, and the peer we play by hand."""

    def __init__(self, role: Role, clock: Clock, *, handler: Handler | None = None, **options: Any) -> None:
        self.clock = clock
        self.handler = handler or Handler()
        self.transport = Transport()
        timing = options.pop("timing", Timing())
        session = Session(role)
        self.link = SmppProtocol(session, self.handler, clock=clock, timing=timing, **options)
        self.link.makeConnection(self.transport)

    def receive(self, *pdus: Pdu) -> None:
        """The peer writes these in one piece."""
        self.link.dataReceived(b"".join(map(encode, pdus)))

    def sent(self) -> list[Pdu]:
        """What was written since the last call."""
        stream = self.transport.value()
        self.transport.clear()
        found = []
        while stream:
            length = int.from_bytes(stream[:4])
            found.append(decode(stream[:length]))
            stream = stream[length:]
        return found

    def turn(self) -> list[Pdu]:
        """One turn of the reactor; what it wrote."""
        self.clock.advance(0)
        return self.sent()

    def lose(self) -> None:
        """The connection goes."""
        self.link.connectionLost(Failure(ConnectionDone()))


def bound_esme(clock: Clock, **options: Any) -> End:
    """Our ESME side, bound as transceiver."""
    end = End(Role.ESME, clock, **options)
    end.link._send(BindTransceiver(system_id="gateway"), lambda _: None, in_window=False)
    end.receive(BindTransceiverResp(system_id="SMSC", sequence_number=1, tlvs=((0x0210, b"\x34"),)))
    end.sent()
    return end


def bound_smsc(clock: Clock, **options: Any) -> End:
    """Our SMSC side, bound as transceiver."""
    accept = options.pop("on_bind", lambda link, bind: link.respond(bind, BindTransceiverResp(system_id="SMSC")))
    end = End(Role.SMSC, clock, on_bind=accept, **options)
    end.receive(BindTransceiver(system_id="gateway", sequence_number=1))
    end.sent()
    return end
