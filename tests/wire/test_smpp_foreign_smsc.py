"""Our ESME link against an SMSC nobody here wrote."""

import random
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from smpp_samples import submit_sm
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import ProcessProtocol

from sms.errors import SmppError, UnbindUnanswered
from sms.smpp.client import EsmeLink, LinkState
from sms.smpp.config import LinkConfig, TlvPolicy
from sms.smpp.constants import Tag
from sms.smpp.events import Direction
from sms.smpp.pdu import DeliverSm, DeliverSmResp, Pdu, UnbindResp
from sms.smpp.protocol import SmppProtocol

pytest.importorskip("smpp34", reason="smpp34, a peer, is not installed")
reactor: Any = _reactor


class Child(ProcessProtocol):
    """The SMSC process: when it is ready, and what it said."""

    def __init__(self) -> None:
        self.ready: Deferred[None] = Deferred()
        self.ended: Deferred[None] = Deferred()
        self.said = b""

    def outReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        self.said += data
        if b"ready" in self.said and not self.ready.called:
            self.ready.callback(None)

    def processEnded(self, reason: Any) -> None:  # noqa: N802 - Twisted's name
        del reason
        self.ended.callback(None)


class Esme:
    """Answers deliveries."""

    def __init__(self) -> None:
        self.delivered: list[DeliverSm] = []
        self.reasons: list[SmppError | None] = []

    def bound(self, link: SmppProtocol) -> None:
        del link

    def request_received(self, link: SmppProtocol, pdu: Pdu) -> None:
        assert isinstance(pdu, DeliverSm)
        self.delivered.append(pdu)
        link.respond(pdu, DeliverSmResp())

    def response_unmatched(self, link: SmppProtocol, request: Pdu | None, response: Pdu) -> None:
        raise AssertionError(f"{link} {request} {response}")

    def session_ended(self, link: SmppProtocol, in_flight: list[Pdu], reason: SmppError | None) -> None:
        del link, in_flight
        self.reasons.append(reason)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest_twisted.ensureDeferred
async def test_a_strict_smsc_in_rust_takes_our_session_from_bind_to_unbind() -> None:
    """SMPP checks 8, 21, 23, 26, 54."""
    port, child, esme = _free_port(), Child(), Esme()
    received: list[Pdu | None] = []
    script = str(Path(__file__).with_name("rust_smsc.py"))
    process = reactor.spawnProcess(child, sys.executable, [sys.executable, script, str(port)], env=None)
    link = EsmeLink(
        LinkConfig(
            name="rust", host="127.0.0.1", port=port, system_id="gateway", password="secret1", window=5,
            tlv=TlvPolicy.ALWAYS, reconnect_first_s=0.05, enquire_link_s=0.2,
        ),
        esme,
        endpoint=TCP4ClientEndpoint(reactor, "127.0.0.1", port),
        clock=reactor,
        rng=random.Random(1),
        tap=lambda direction, _octets, pdu: received.append(pdu) if direction is Direction.RECEIVED else None,
    )  # fmt: skip
    try:
        await child.ready
        await link.start()
        session = await link.wait_bound()
        tlvs = ((int(Tag.USER_MESSAGE_REFERENCE), b"\0\7"),)
        answers = await gatherResults([
            Deferred.fromCoroutine(session.request(submit_sm(short_message=str(n).encode(), tlvs=tlvs)))
            for n in range(30)
        ])  # fmt: skip
        assert [answer.message_id for answer in answers] == [f"rust-{n}-1" for n in range(30)]
        quiet: Deferred[None] = Deferred()
        reactor.callLater(0.7, quiet.callback, None)
        await quiet
        assert link.state is LinkState.BOUND
        assert {pdu.short_message for pdu in esme.delivered} == {str(n).encode() for n in range(30)}
        assert child.said.count(b"answered") == 30
        await link.stop()
        # smpp34 1.5.0 mostly closes without its unbind_resp; we call it clean just when the answer came.
        answered = any(isinstance(pdu, UnbindResp) for pdu in received)
        assert [type(reason) for reason in esme.reasons] == [type(None) if answered else UnbindUnanswered]
    finally:
        await link.stop()
        process.signalProcess("KILL")
        await child.ended
