"""Counterparts for the simulator's tests: a gateway that believes every shop, and an ESME that answers dials."""

import hashlib
import hmac
import json
from datetime import datetime, timedelta
from typing import Any

from twisted.internet.interfaces import IListeningPort

from simulator.http import PROBLEM_TYPE, Call, Door, Reply, Routes
from sms.smpp import CommandStatus, DeliverSm, Pdu, SubmitSm, response_to
from sms.smpp.protocol import SmppProtocol
from ussd.wire import GENERIC, Kind, WireUnit, carries_ussd


class FakeGateway:
    """As much of the gateway's HTTP as the simulator calls; `postbacks` are those whose signature was good."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.now = datetime.fromisoformat("2025-03-03T12:00:00+03:00")
        self.manual = True
        self.clicks: list[dict[str, Any]] = []
        self.postbacks: list[tuple[str, dict[str, Any]]] = []
        self.subscribers: dict[str, dict[str, Any]] = {}
        routes = Routes()
        routes.add("/v1/clicks", POST=self.click)
        routes.add("/v1/postbacks/{partner}", POST=self.postback)
        routes.add("/v1/clock", GET=self.clock, POST=self.advance)
        routes.add("/v1/subscribers/{msisdn}", GET=self.subscriber, PUT=self.put_subscriber)
        self.door = Door(routes, clock=reactor)
        self._listening: IListeningPort | None = None

    @property
    def port(self) -> int:
        assert self._listening is not None
        host: Any = self._listening.getHost()
        return int(host.port)

    def start(self, port: int = 0) -> None:
        self._listening = self._reactor.listenTCP(port, self.door, interface="127.0.0.1")

    async def stop(self) -> None:
        assert self._listening is not None
        stopped: Any = self._listening.stopListening()
        await stopped
        await self.door.stop()

    async def click(self, call: Call) -> Reply:
        document = json.loads(call.body)
        if document["partner"] == "nobody":
            return refused(404, "UNKNOWN_PARTNER")
        self.clicks.append(document)
        return Reply(status=201, document={"click_id": f"click-{len(self.clicks)}"})

    async def postback(self, call: Call) -> Reply:
        partner = call.path["partner"]
        given = dict(part.split("=") for part in (call.request.getHeader("firstcharge-signature") or "").split(","))
        signed = hmac.new(f"demo-secret-{partner}".encode(), f"{given['t']}.".encode() + call.body, hashlib.sha256)
        if given["v1"] != signed.hexdigest():
            return refused(401, "UNAUTHORIZED")
        event = json.loads(call.body)
        known = event in [document for _, document in self.postbacks]
        self.postbacks.append((partner, event))
        state = {"paid": "pending", "confirmed": "accrued"}.get(event["event"], "rejected")
        body = {
            "order_id": event["order_id"],
            "state": state,
            "reason": None,
            "reward": "100.00",
            "spendable_from": None,
        }
        return Reply(document=body, headers={"Idempotency-Hit": "true"} if known else {})

    async def clock(self, _: Call) -> Reply:
        return Reply(document={"now": self.now.isoformat()}) if self.manual else refused(404, "NOT_FOUND")

    async def advance(self, call: Call) -> Reply:
        asked = json.loads(call.body)
        to = self.now + timedelta(days=1) if "by" in asked else datetime.fromisoformat(asked["to"])
        if to < self.now:
            return refused(409, "CONFLICT")
        self.now = to
        return Reply(document={"now": self.now.isoformat(), "ran": []})

    async def subscriber(self, call: Call) -> Reply:
        known = self.subscribers.get(call.path["msisdn"])
        return refused(404, "UNKNOWN_SUBSCRIBER") if known is None else Reply(document=known)

    async def put_subscriber(self, call: Call) -> Reply:
        known = self.subscribers.setdefault(call.path["msisdn"], {"language": "ru", "membership": "none"})
        known.update(json.loads(call.body))
        return Reply(document=known)


def refused(status: int, code: str) -> Reply:
    return Reply(status=status, document={"code": code, "detail": "no"}, content_type=PROBLEM_TYPE)


class UssdEsme:
    """A session handler that answers dials: `*100#` ends at once, anything else opens a menu; "slow" is silent."""

    def __init__(self) -> None:
        self.delivered: list[DeliverSm] = []
        self.links: list[SmppProtocol] = []
        self.statuses: list[int] = []
        self.answer_with = CommandStatus.ESME_ROK
        self.texts = {"*100#": "Баланс:300,00р\nКэшбэк:150р"}
        self.silent = False

    def bound(self, link: SmppProtocol) -> None:
        self.links.append(link)

    def request_received(self, link: SmppProtocol, pdu: Pdu) -> None:
        assert isinstance(pdu, DeliverSm)
        self.delivered.append(pdu)
        link.respond(pdu, response_to(pdu, self.answer_with))
        unit = unit_of(pdu)
        if carries_ussd(unit) and not self.silent and not self.answer_with:
            self._show(link, unit)

    def response_unmatched(self, link: SmppProtocol, request: Pdu | None, response: Pdu) -> None:
        pass

    def session_ended(self, link: SmppProtocol, _in_flight: list[Pdu], _reason: Any) -> None:
        if link in self.links:
            self.links.remove(link)

    def _show(self, link: SmppProtocol, unit: WireUnit) -> None:
        said = GENERIC.read_indication(unit)
        if said.kind is Kind.ABORT:
            return
        text = self.texts.get(said.text)
        if said.kind is Kind.ANSWER:
            text = f"You chose {said.text}"
        self.submit(link, unit, text or "1 accept\n0 back", end=text is not None)

    def submit(self, link: SmppProtocol, unit: WireUnit, text: str, *, end: bool) -> None:
        screen = GENERIC.write_response(unit, text, end=end)
        pdu = SubmitSm(
            service_type=screen.service_type,
            source_addr=screen.source,
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr=screen.destination,
            data_coding=screen.data_coding,
            short_message=screen.payload,
            tlvs=screen.tlvs,
        )
        link.try_request(pdu, lambda answer: self.statuses.append(getattr(answer, "command_status", -1)))


def unit_of(pdu: DeliverSm) -> WireUnit:
    return WireUnit(
        source=pdu.source_addr,
        destination=pdu.destination_addr,
        service_type=pdu.service_type,
        data_coding=pdu.data_coding,
        payload=pdu.short_message,
        tlvs=pdu.tlvs,
    )
