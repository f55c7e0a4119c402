"""Our ESME link against our SMSC listener on real sockets, in clear and under TLS."""

import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_twisted
from certificates import certificate
from smpp_samples import deliver_sm, submit_sm
from twisted.internet import reactor as _reactor
from twisted.internet import ssl
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import (
    SSL4ServerEndpoint,
    TCP4ClientEndpoint,
    TCP4ServerEndpoint,
    connectProtocol,
    wrapClientTLS,
)
from twisted.internet.protocol import Protocol

from sms.errors import ConnectionDropped, OutcomeUnknown, SmppError
from sms.smpp.client import EsmeLink, LinkState
from sms.smpp.codec import decode, encode
from sms.smpp.config import LinkConfig, Timing
from sms.smpp.constants import CommandStatus
from sms.smpp.pdu import BindTransceiver, DeliverSm, DeliverSmResp, Pdu, SubmitSm, SubmitSmResp, Unbind
from sms.smpp.protocol import SmppProtocol
from sms.smpp.server import Accepted, SmscFactory

reactor: Any = _reactor
TIMING = Timing(enquire_link_s=None, response_timeout_s=5.0)


class Owner:
    """Answers everything and remembers."""

    def __init__(self) -> None:
        self.links: list[SmppProtocol] = []
        self.requests: list[Pdu] = []
        self.reasons: list[SmppError | None] = []
        self.mute = False
        self.ended: Deferred[None] = Deferred()

    def bound(self, link: SmppProtocol) -> None:
        self.links.append(link)

    def request_received(self, link: SmppProtocol, pdu: Pdu) -> None:
        self.requests.append(pdu)
        if self.mute:
            return
        if isinstance(pdu, SubmitSm):
            link.respond(pdu, SubmitSmResp(message_id=str(len(self.requests))))
        elif isinstance(pdu, DeliverSm):
            link.respond(pdu, DeliverSmResp())

    def response_unmatched(self, link: SmppProtocol, request: Pdu | None, response: Pdu) -> None:
        raise AssertionError(f"{link} {request} {response}")

    def session_ended(self, link: SmppProtocol, in_flight: list[Pdu], reason: SmppError | None) -> None:
        del link, in_flight
        self.reasons.append(reason)
        if not self.ended.called:
            self.ended.callback(None)


class System:
    """A listener, a link to it, and both owners."""

    def __init__(self) -> None:
        self.smsc, self.esme = Owner(), Owner()
        self.factory = SmscFactory(
            self.smsc,
            authenticate=lambda bind, host: (
                Accepted() if (bind.password, host) == ("secret1", "127.0.0.1") else CommandStatus.ESME_RINVPASWD
            ),
            clock=reactor,
            timing=TIMING,
        )
        self.port = 0
        self.link: EsmeLink

    def new_link(self, wrap: Callable[[Any], Any], **options: Any) -> EsmeLink:
        config = LinkConfig(
            **({"name": "main", "host": "127.0.0.1", "port": self.port, "system_id": "gateway",
                "password": "secret1", "window": 50} | options)
        )  # fmt: skip
        endpoint = wrap(TCP4ClientEndpoint(reactor, "127.0.0.1", self.port))
        return EsmeLink(config, self.esme, endpoint=endpoint, clock=reactor, rng=random.Random(1))


@asynccontextmanager
async def running(tls: tuple[Any, Any] | None = None, **options: Any) -> AsyncIterator[System]:
    system = System()
    if tls is None:
        server: Any = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        wrap: Callable[[Any], Any] = lambda endpoint: endpoint  # noqa: E731 - a choice of two
    else:
        server = SSL4ServerEndpoint(reactor, 0, tls[0], interface="127.0.0.1")
        wrap = lambda endpoint: wrapClientTLS(tls[1], endpoint)  # noqa: E731 - the other
    listening = await server.listen(system.factory)
    system.port = listening.getHost().port
    system.link = system.new_link(wrap, **options)
    try:
        await system.link.start()
        yield system
    finally:
        await system.link.stop()
        for session in list(system.factory.sessions):
            session.abort()
        await listening.stopListening()


def _certificate() -> tuple[Any, Any]:
    """Options for a server called 127.0.0.1 and for a client that trusts it alone."""
    options, pem = certificate("smsc.test")
    trust = ssl.trustRootFromCertificates([ssl.Certificate.loadPEM(pem)])
    return options, ssl.optionsForClientTLS("smsc.test", trustRoot=trust)


async def _talk(system: System, count: int) -> None:
    session = await system.link.wait_bound()
    answers = await gatherResults(
        [Deferred.fromCoroutine(session.request(submit_sm(short_message=str(n).encode()))) for n in range(count)]
    )
    assert [answer.message_id for answer in answers] == [str(n + 1) for n in range(count)]
    assert [pdu.short_message for pdu in system.smsc.requests] == [str(n).encode() for n in range(count)]  # type: ignore[attr-defined]
    back = system.smsc.links[0]
    answers = await gatherResults([Deferred.fromCoroutine(back.request(deliver_sm())) for _ in range(count)])
    assert {answer.command_status for answer in answers} == {0}
    assert len(system.esme.requests) == count


@pytest_twisted.ensureDeferred
async def test_messages_travel_both_ways() -> None:
    async with running() as system:
        await _talk(system, 300)


@pytest.mark.filterwarnings("ignore:Passing pyOpenSSL")  # Twisted does
@pytest_twisted.ensureDeferred
async def test_messages_travel_both_ways_under_tls() -> None:
    async with running(_certificate()) as system:
        await _talk(system, 300)


@pytest.mark.filterwarnings("ignore:Passing pyOpenSSL")  # Twisted does
@pytest_twisted.ensureDeferred
async def test_sockets_do_not_wait_to_send_and_notice_a_dead_peer() -> None:
    """SMPP check 21: TCP_NODELAY, and TCP_USER_TIMEOUT where the system has it."""
    for tls in (None, _certificate()):
        async with running(tls, enquire_link_s=20.0, response_timeout_s=5.0) as system:
            session = await system.link.wait_bound()
            transport: Any = session.transport
            below = getattr(transport, "transport", transport).getHandle()
            assert below.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                assert below.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 25_000


@pytest_twisted.ensureDeferred
async def test_leaving_is_orderly_for_both_sides() -> None:
    """SMPP check 23."""
    async with running() as system:
        await system.link.wait_bound()
        await system.link.stop()
        await system.smsc.ended
        assert system.smsc.reasons == [None]
        assert system.esme.reasons == [None]
        assert system.link.state is LinkState.STOPPED


@pytest_twisted.ensureDeferred
async def test_a_restarted_smsc_is_found_again() -> None:
    async with running(bind_spacing_s=0.05, reconnect_first_s=0.05) as system:
        for _ in range(3):
            session = await system.link.wait_bound()
            system.smsc.mute = True
            asked = Deferred.fromCoroutine(session.request(submit_sm()))
            while not system.smsc.requests:
                await _pause(0.01)
            system.smsc.requests.clear()
            system.smsc.links[-1].abort()
            outcome = await asked.addErrback(lambda failure: failure.value)
            assert isinstance(outcome, OutcomeUnknown)
            assert isinstance(system.esme.reasons[-1], ConnectionDropped)


@pytest_twisted.ensureDeferred
async def test_a_wrong_password_is_refused_and_the_link_waits() -> None:
    """SMPP check 19."""
    async with running(password="wrong") as system:
        while system.link.state is not LinkState.REFUSED:
            await _pause(0.01)
        assert system.esme.links == []


class Raw(Protocol):
    """Octets by hand."""

    def __init__(self) -> None:
        self.received = b""
        self.closed: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        self.received += data

    def connectionLost(self, reason: Any = None) -> None:  # noqa: N802 - Twisted's name
        del reason
        self.closed.callback(None)


@pytest_twisted.ensureDeferred
async def test_hostile_octets_cost_their_own_connection_only() -> None:
    """SMPP checks 1, 2; reliability G9."""
    async with running() as system:
        session = await system.link.wait_bound()
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", system.port)
        for length in (0, 15, 2**31, 2**32 - 1):
            raw = Raw()
            await connectProtocol(endpoint, raw)
            raw.transport.write(length.to_bytes(4) + bytes(12))  # type: ignore[union-attr]
            await raw.closed
            assert raw.received == bytes.fromhex("00000010 80000000 00000002 00000000")
        answer = await session.request(submit_sm())
        assert answer.command_status == 0


@pytest_twisted.ensureDeferred
async def test_single_octets_on_the_wire_are_a_session_all_the_same() -> None:
    """SMPP check 3."""
    async with running() as system:
        raw = Raw()
        await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", system.port), raw)
        stream = encode(BindTransceiver(system_id="gateway", password="secret1", sequence_number=1))
        for pdus in (b"", encode(submit_sm()), encode(Unbind(sequence_number=9))):
            stream += pdus
            for octet in stream:
                raw.transport.write(bytes((octet,)))  # type: ignore[union-attr]
                await _pause(0)
            stream = b""
            await _pause(0.02)
        await raw.closed
        names = []
        while raw.received:
            length = int.from_bytes(raw.received[:4])
            names.append(decode(raw.received[:length]).name)
            raw.received = raw.received[length:]
        assert names == ["bind_transceiver_resp", "submit_sm_resp", "unbind_resp"]


def _pause(seconds: float) -> Deferred[None]:
    paused: Deferred[None] = Deferred()
    reactor.callLater(seconds, paused.callback, None)
    return paused
