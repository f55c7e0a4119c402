"""The SMSC stub of B3: our codec and session, every submit_sm accepted at once, a receipt each if asked for.

Started as `notices_smsc.py PORT RECEIPTS TLS`. A connection to PORT + 1 is told how many messages came, to how many
numbers, and how many receipts were answered, as one line of JSON.
"""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from twisted.internet import reactor as _reactor  # noqa: E402
from twisted.internet import ssl  # noqa: E402
from twisted.internet.endpoints import SSL4ServerEndpoint, TCP4ServerEndpoint  # noqa: E402
from twisted.internet.protocol import Factory, Protocol  # noqa: E402

from sms.errors import SessionStateError  # noqa: E402
from sms.smpp.config import Timing  # noqa: E402
from sms.smpp.constants import EsmClass, MessageState, Tag  # noqa: E402
from sms.smpp.pdu import DeliverSm, Pdu, SubmitSm, SubmitSmResp, response_to  # noqa: E402
from sms.smpp.protocol import SmppProtocol  # noqa: E402
from sms.smpp.server import Accepted, SmscFactory  # noqa: E402

reactor: Any = _reactor
WINDOW = 500


class Stub:
    """Accepts; keeps receipts until the window has room for them."""

    def __init__(self, *, receipts: bool) -> None:
        self.receipts = receipts
        self.accepted = 0
        self.numbers: set[str] = set()
        self.receipted = 0
        self._owed: list[tuple[str, str]] = []

    def bound(self, link: SmppProtocol) -> None:
        self._pay(link)

    def request_received(self, link: SmppProtocol, pdu: Pdu) -> None:
        if not isinstance(pdu, SubmitSm):
            link.respond(pdu, response_to(pdu))
            return
        self.accepted += 1
        self.numbers.add(pdu.destination_addr)
        smsc_id = f"{self.accepted:08x}"
        link.respond(pdu, SubmitSmResp(message_id=smsc_id))
        if self.receipts:
            self._owed.append((smsc_id, pdu.destination_addr))
            self._pay(link)

    def response_unmatched(self, link: SmppProtocol, request: Pdu | None, response: Pdu) -> None:
        del link, request, response

    def session_ended(self, link: SmppProtocol, in_flight: list[Pdu], reason: object) -> None:
        del link, reason
        for pdu in in_flight:
            if isinstance(pdu, DeliverSm):
                self._owed.append(((pdu.tlv(Tag.RECEIPTED_MESSAGE_ID) or b"")[:-1].decode(), pdu.source_addr))

    def _pay(self, link: SmppProtocol) -> None:
        while self._owed and link.window_free > 0:
            smsc_id, number = self._owed.pop(0)
            pdu = DeliverSm(
                source_addr_ton=1,
                source_addr_npi=1,
                source_addr=number,
                destination_addr="CASHBACK",
                esm_class=EsmClass.TYPE_RECEIPT,
                short_message=f"id:{smsc_id} sub:001 dlvrd:001 submit date:2504010900 done date:2504010900 "
                "stat:DELIVRD err:000 text:".encode(),
                tlvs=(
                    (Tag.RECEIPTED_MESSAGE_ID, smsc_id.encode() + b"\0"),
                    (Tag.MESSAGE_STATE, bytes([MessageState.DELIVERED])),
                ),
            )
            try:
                link.try_request(pdu, partial(self._answered, link, smsc_id, number))
            except SessionStateError:
                self._owed.append((smsc_id, number))
                return

    def _answered(self, link: SmppProtocol, smsc_id: str, number: str, result: object) -> None:
        if isinstance(result, Pdu) and result.command_status == 0:
            self.receipted += 1
        else:
            self._owed.append((smsc_id, number))
        self._pay(link)


class Teller(Protocol):
    """Says what was counted and closes."""

    def __init__(self, told: Callable[[], dict[str, int]]) -> None:
        self._told = told

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        self.transport.write(json.dumps(self._told()).encode())  # type: ignore[union-attr]
        self.transport.loseConnection()  # type: ignore[union-attr]


def main() -> None:
    """Serve until killed; the third argument is a PEM file with key and certificate, or "-"."""
    port, receipts, pem = int(sys.argv[1]), sys.argv[2] == "1", sys.argv[3]
    stub = Stub(receipts=receipts)
    factory = SmscFactory(
        stub,  # type: ignore[arg-type]
        authenticate=lambda _bind, _host: Accepted(window=WINDOW),
        clock=reactor,
        timing=Timing(enquire_link_s=None, response_timeout_s=60.0),
    )
    if pem == "-":
        endpoint: Any = TCP4ServerEndpoint(reactor, port, interface="127.0.0.1")
    else:
        certificate = ssl.PrivateCertificate.loadPEM(Path(pem).read_text())
        endpoint = SSL4ServerEndpoint(reactor, port, certificate.options(), interface="127.0.0.1")
    endpoint.listen(factory)
    counts = Factory()
    counts.buildProtocol = lambda _addr: Teller(  # type: ignore[method-assign]
        lambda: {"accepted": stub.accepted, "numbers": len(stub.numbers), "receipted": stub.receipted}
    )
    TCP4ServerEndpoint(reactor, port + 1, interface="127.0.0.1").listen(counts)
    print("ready", flush=True)
    reactor.run()


if __name__ == "__main__":
    main()
