"""Software nobody here wrote: smpplib's client against our listener, Wireshark over our captures."""

import subprocess
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import pytest_twisted
from smpp_samples import SAMPLES, deliver_sm, submit_sm
from smpplib import consts, exceptions
from smpplib.client import Client
from twisted.internet import reactor as _reactor
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.threads import deferToThread

from sms.errors import SmppError
from sms.smpp.codec import encode
from sms.smpp.config import Timing
from sms.smpp.constants import CommandId, CommandStatus
from sms.smpp.pcap import Record, write_pcap
from sms.smpp.pdu import Pdu, SubmitSm, SubmitSmResp
from sms.smpp.protocol import SmppProtocol
from sms.smpp.server import Accepted, SmscFactory

reactor: Any = _reactor


class Smsc:
    """Accepts each text and delivers it back at once, before it answers."""

    def __init__(self) -> None:
        self.answers: list[Pdu] = []
        self.reasons: list[SmppError | None] = []

    def bound(self, link: SmppProtocol) -> None:
        del link

    def request_received(self, link: SmppProtocol, pdu: Pdu) -> None:
        assert isinstance(pdu, SubmitSm)
        link.try_request(deliver_sm(short_message=pdu.short_message), self.answers.append)  # type: ignore[arg-type]
        link.respond(pdu, SubmitSmResp(message_id=f"id-{pdu.sequence_number}"))

    def response_unmatched(self, link: SmppProtocol, request: Pdu | None, response: Pdu) -> None:
        raise AssertionError(f"{link} {request} {response}")

    def session_ended(self, link: SmppProtocol, in_flight: list[Pdu], reason: SmppError | None) -> None:
        del link, in_flight
        self.reasons.append(reason)


def _smpplib_session(port: int) -> tuple[list[str], list[bytes]]:
    """A blocking ESME: binds, submits ten, takes what is delivered, unbinds."""
    ids: list[str] = []
    texts: list[bytes] = []
    client = Client("127.0.0.1", port, timeout=5, allow_unknown_opt_params=True)
    client.set_message_sent_handler(lambda pdu: ids.append(pdu.message_id.decode()))
    client.set_message_received_handler(lambda pdu: texts.append(pdu.short_message))
    client.connect()
    try:
        client.bind_transceiver(system_id="gateway", password="secret1")
        for number in range(10):
            client.send_message(
                source_addr_ton=consts.SMPP_TON_ALNUM, source_addr="CASHBACK", dest_addr_ton=consts.SMPP_TON_INTL,
                dest_addr_npi=consts.SMPP_NPI_ISDN, destination_addr="79160000001",
                short_message=f"text {number}".encode(), registered_delivery=True,
            )  # fmt: skip
        while len(ids) < 10 or len(texts) < 10:
            client.read_once()
        client.unbind()
    finally:
        client.disconnect()
    return ids, texts


def _smpplib_refusal(port: int) -> int:
    client = Client("127.0.0.1", port, timeout=5, allow_unknown_opt_params=True)
    client.connect()
    try:
        client.bind_transmitter(system_id="gateway", password="wrong")
    except exceptions.PDUError as error:
        return int(error.args[1])
    finally:
        client.disconnect()
    return 0


@pytest_twisted.ensureDeferred
async def test_smpplibs_client_works_with_our_listener() -> None:
    """SMPP checks 12, 19, 23."""
    smsc = Smsc()
    factory = SmscFactory(
        smsc,
        authenticate=lambda bind, _host: Accepted() if bind.password == "secret1" else CommandStatus.ESME_RINVPASWD,
        clock=reactor,
        timing=Timing(),
    )
    listening = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
    try:
        port = listening.getHost().port
        ids, texts = await deferToThread(_smpplib_session, port)
        assert ids == [f"id-{number}" for number in range(3, 13)]
        assert texts == [f"text {number}".encode() for number in range(10)]
        assert [answer.command_status for answer in smsc.answers] == [0] * 10
        assert smsc.reasons == [None]
        assert await deferToThread(_smpplib_refusal, port) == CommandStatus.ESME_RINVPASWD
    finally:
        for session in list(factory.sessions):
            session.abort()
        await listening.stopListening()


@pytest.mark.skipif(which("tshark") is None, reason="tshark, a peer, is not installed")
def test_wireshark_finds_nothing_malformed_in_our_captures(tmp_path: Path) -> None:
    pdus = [*SAMPLES, submit_sm(short_message=b"", tlvs=((0x0424, bytes(5000)),), sequence_number=99)]
    records = [
        Record(at=1_741_000_000 + at, connection=1 + at % 3, to_smsc=at % 2 == 0, octets=encode(pdu))
        for at, pdu in enumerate(pdus)
    ]
    capture = tmp_path / "smpp.pcap"
    capture.write_bytes(write_pcap(records, smsc_port=2775))

    def tshark(*options: str) -> list[str]:
        command = ["tshark", "-r", str(capture), "-d", "tcp.port==2775,smpp", "-o", "tcp.check_checksum:TRUE",
                   "-o", "ip.check_checksum:TRUE", *options]  # fmt: skip
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()

    assert tshark("-Y", "_ws.malformed || tcp.analysis.flags || tcp.checksum.status == 0") == []
    ids = tshark("-Y", "smpp", "-T", "fields", "-e", "smpp.command_id", "-E", "separator=,")
    assert sorted(int(one, 16) for line in ids for one in line.split(",")) == sorted(pdu.command_id for pdu in pdus)
    assert CommandId.SUBMIT_SM in {int(one, 16) for one in ids}
