"""The operator of B11, a lean process of our codec: an SMSC that keeps a contract strictly, phones that dial.

Started as `first_operator.py PORT CONTRACT SUBSCRIPTIONS`. Messages over the contract are throttled as an SMSC does;
every accepted one gets its receipt. Subscribers dial in an open loop over the USSD link, timed from the instant they
meant to. USSD is bound at PORT + 1; PORT + 2 takes a line a connection: `dial RATE` begins, `hush` ends it, `count`
and `tell` are answered with JSON. Instants are monotonic, which all processes of a computer share.
"""

import json
import sys
import time
from array import array
from collections import Counter, deque
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from twisted.internet import reactor as _reactor  # noqa: E402
from twisted.internet.endpoints import TCP4ServerEndpoint  # noqa: E402
from twisted.internet.protocol import Factory  # noqa: E402
from twisted.internet.task import LoopingCall  # noqa: E402
from twisted.protocols.basic import LineReceiver  # noqa: E402

from simulator.rate import RateLimit  # noqa: E402
from sms.errors import SessionStateError, WindowFull  # noqa: E402
from sms.smpp.config import Timing  # noqa: E402
from sms.smpp.constants import CommandStatus, EsmClass, MessageState, Tag  # noqa: E402
from sms.smpp.pdu import DeliverSm, Pdu, SubmitSm, SubmitSmResp, response_to  # noqa: E402
from sms.smpp.protocol import SmppProtocol  # noqa: E402
from sms.smpp.server import Accepted, SmscFactory  # noqa: E402
from ussd.wire import GENERIC, Indication, Kind  # noqa: E402

reactor: Any = _reactor
WINDOW = 500
TICK_S = 0.002
FIRST_NUMBER = 79_000_000_000
STRIDE = 7_919
"""From one who dials to the next: nobody dials again while an answer is on its way."""
SESSIONS = 256
NEW_NUMBERS = "7955"
"""Numbers that join while the bench runs begin so."""
CODES = ("*100#", "*100*1#", "*100*3#")


class Side:
    """What both sides of the operator do not care for."""

    def response_unmatched(self, link: SmppProtocol, request: Pdu | None, response: Pdu) -> None:
        del link, request, response

    def session_ended(self, link: SmppProtocol, in_flight: list[Pdu], reason: object) -> None:
        del link, in_flight, reason


class Smsc(Side):
    """Accepts within the contract, and owes a receipt for every message."""

    def __init__(self, contract: int) -> None:
        self._limit = RateLimit(contract)
        self._owed: deque[tuple[str, str]] = deque()
        self.accepted_at = array("d")
        self.joined_at: dict[str, float] = {}
        self.copies: Counter[int] = Counter()
        self.throttled = 0

    def told(self) -> dict[str, Any]:
        """All that was seen."""
        return {
            "accepted_at": list(self.accepted_at),
            "throttled": self.throttled,
            "joined_at": self.joined_at,
            "distinct": len(self.copies),
            "copies": sum(self.copies.values()) - len(self.copies),
        }

    def bound(self, link: SmppProtocol) -> None:
        self.pay(link)

    def request_received(self, link: SmppProtocol, pdu: Pdu) -> None:
        if not isinstance(pdu, SubmitSm):
            link.respond(pdu, response_to(pdu))
            return
        now = time.monotonic()
        if not self._limit.take(now):
            self.throttled += 1
            link.respond(pdu, SubmitSmResp(command_status=CommandStatus.ESME_RTHROTTLED))
            return
        self.accepted_at.append(now)
        self.copies[hash((pdu.destination_addr, pdu.short_message))] += 1
        if pdu.destination_addr.startswith(NEW_NUMBERS):
            self.joined_at.setdefault(pdu.destination_addr, now)
        smsc_id = f"{len(self.accepted_at):08x}"
        link.respond(pdu, SubmitSmResp(message_id=smsc_id))
        self._owed.append((smsc_id, pdu.destination_addr))
        self.pay(link)

    def pay(self, link: SmppProtocol) -> None:
        """Send the receipts there is room for."""
        while self._owed and link.window_free > 0:
            smsc_id, number = self._owed[0]
            try:
                link.try_request(_receipt(smsc_id, number), lambda _result: self.pay(link))
            except (SessionStateError, WindowFull):
                return
            self._owed.popleft()


class Phones(Side):
    """Dials at a rate, whatever the answers do."""

    def __init__(self, subscriptions: int) -> None:
        self._subscriptions = subscriptions
        self._loop = LoopingCall(self._dial_due)
        self._began = self._rate = 0.0
        self._waiting: dict[str, float] = {}
        self._link: SmppProtocol | None = None
        self.dialled = 0
        self.refused = 0
        self.latencies_s = array("d")
        self.answered_at = array("d")

    def dial(self, rate: float) -> None:
        """From now on."""
        self._began, self._rate = time.monotonic(), rate
        _ = self._loop.start(TICK_S)

    def hush(self) -> None:
        """No more."""
        if self._loop.running:
            self._loop.stop()

    def bound(self, link: SmppProtocol) -> None:
        self._link = link

    def request_received(self, link: SmppProtocol, pdu: Pdu) -> None:
        link.respond(pdu, response_to(pdu))
        if not isinstance(pdu, SubmitSm):
            return
        planned = self._waiting.pop(pdu.destination_addr, None)
        if planned is not None:
            now = time.monotonic()
            self.latencies_s.append(now - planned)
            self.answered_at.append(now)

    def told(self) -> dict[str, Any]:
        """All that was seen."""
        return {
            "dialled": self.dialled,
            "refused": self.refused,
            "unanswered": len(self._waiting),
            "screens": list(zip(self.answered_at, self.latencies_s, strict=True)),
        }

    def _dial_due(self) -> None:
        now = time.monotonic()
        while (planned := self._began + self.dialled / self._rate) <= now:
            msisdn = str(FIRST_NUMBER + self.dialled * STRIDE % self._subscriptions)
            code = CODES[self.dialled % len(CODES)]
            unit = GENERIC.write_indication(
                Indication(
                    msisdn=msisdn,
                    service_code="100",
                    kind=Kind.BEGIN,
                    text=code,
                    session=self.dialled % SESSIONS,
                    step=0,
                )
            )
            pdu = DeliverSm(
                service_type=unit.service_type,
                source_addr_ton=1,
                source_addr_npi=1,
                source_addr=unit.source,
                destination_addr=unit.destination,
                data_coding=unit.data_coding,
                short_message=unit.payload,
                tlvs=unit.tlvs,
            )
            self.dialled += 1
            try:
                assert self._link is not None
                self._link.try_request(pdu, lambda _result: None)
                self._waiting[msisdn] = planned
            except (SessionStateError, WindowFull):
                self.refused += 1


class Desk(LineReceiver):  # type: ignore[misc]
    """Does what the bench says."""

    delimiter = b"\n"

    def __init__(self, smsc: Smsc, phones: Phones) -> None:
        self._smsc, self._phones = smsc, phones

    def lineReceived(self, line: bytes) -> None:  # noqa: N802 - Twisted's name
        word, _, rest = line.decode().partition(" ")
        answer: Any = None
        if word == "dial":
            self._phones.dial(float(rest))
        elif word == "hush":
            self._phones.hush()
        elif word == "count":
            answer = len(self._smsc.accepted_at)
        else:
            answer = {**self._smsc.told(), **self._phones.told()}
        self.transport.write(json.dumps(answer).encode())
        self.transport.loseConnection()


def _receipt(smsc_id: str, number: str) -> DeliverSm:
    return DeliverSm(
        source_addr_ton=1,
        source_addr_npi=1,
        source_addr=number,
        destination_addr="CASHBACK",
        esm_class=EsmClass.TYPE_RECEIPT,
        short_message=f"id:{smsc_id} sub:001 dlvrd:001 submit date:2504011000 done date:2504011000 "
        "stat:DELIVRD err:000 text:".encode(),
        tlvs=(
            (Tag.RECEIPTED_MESSAGE_ID, smsc_id.encode() + b"\0"),
            (Tag.MESSAGE_STATE, bytes([MessageState.DELIVERED])),
        ),
    )


def main() -> None:
    """Serve until killed."""
    port, contract, subscriptions = (int(one) for one in sys.argv[1:4])
    smsc, phones = Smsc(contract), Phones(subscriptions)
    for position, side in enumerate((smsc, phones)):
        factory = SmscFactory(
            side,  # type: ignore[arg-type]
            authenticate=lambda _bind, _host: Accepted(window=WINDOW),
            clock=reactor,
            timing=Timing(enquire_link_s=None, response_timeout_s=60.0),
        )
        TCP4ServerEndpoint(reactor, port + position, interface="127.0.0.1").listen(factory)
    desk = Factory()
    desk.noisy = False
    desk.buildProtocol = lambda _addr: Desk(smsc, phones)  # type: ignore[method-assign]
    TCP4ServerEndpoint(reactor, port + 2, interface="127.0.0.1").listen(desk)
    print("ready", flush=True)
    reactor.run()


if __name__ == "__main__":
    main()
