# ruff: noqa: ARG002, ARG005 - handlers are given more than each of them looks at
"""USSD over real SMPP sessions on loopback: our ESME link against our SMSC listener (items 25, 26, 36, 38)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest_twisted
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.task import deferLater

from sms.smpp import BindKind, DeliverSm, EnquireLink, LinkConfig, Pdu, SubmitSm, Tag, Timing, response_to
from sms.smpp.client import EsmeLink
from sms.smpp.protocol import SmppProtocol
from sms.smpp.server import Accepted, SmscFactory
from ussd.application import TextKey, UssdReply, UssdRequest
from ussd.menu import CODES, MENUS, Action, CodeTable
from ussd.over_smpp import UssdOverSmpp
from ussd.records import Outcome, SessionRecord
from ussd.service import UssdService
from ussd.settings import UssdSettings
from ussd.wire import GENERIC, Indication, Kind, Response, WireUnit

reactor: Any = _reactor


class Application:
    async def answer(self, request: UssdRequest) -> UssdReply:
        if request.action is Action.JOIN:
            return UssdReply(text="Условия\n1 Принимаю", menu=True)
        await deferLater(reactor, 0.01)
        return UssdReply(text=f"{request.action}:{request.msisdn}")

    def stale(self, request: UssdRequest) -> UssdReply | None:
        return None

    async def deadline_passed(self, request: UssdRequest) -> str:
        return f"later: {request.action}"

    def text(self, key: TextKey, msisdn: str, *, latin: bool) -> str:
        return key.value


class Gateway:
    """The ESME's handler: everything that is USSD goes to the adapter."""

    def __init__(self) -> None:
        self.records: list[SessionRecord] = []
        application = Application()
        ids = iter(range(1_000_000))
        self.service = UssdService(
            application,
            application,
            table=CodeTable(codes=CODES, menus=MENUS),
            settings=UssdSettings(),
            clock=reactor,
            now=lambda: datetime(2025, 3, 3, tzinfo=UTC),
            new_id=lambda: f"s{next(ids)}",
            mask=lambda _: "m",
            records=self.records.append,
        )
        self.adapter = UssdOverSmpp(self.service, profile=GENERIC, clock=reactor)

    def bound(self, link: SmppProtocol) -> None:
        """Nothing to do."""

    def request_received(self, link: SmppProtocol, pdu: Pdu) -> None:
        assert isinstance(pdu, DeliverSm)
        assert self.adapter.handles(pdu)
        self.adapter.request_received(link, pdu)

    def response_unmatched(self, link: SmppProtocol, request: Pdu | None, response: Pdu) -> None:
        """None is expected."""
        raise AssertionError(response)

    def session_ended(self, link: SmppProtocol, in_flight: list[Pdu], reason: object) -> None:
        self.adapter.session_ended(link)


class Centre:
    """A USSD centre of a few lines: dials and waits for the screen."""

    def __init__(self) -> None:
        self.link: Deferred[SmppProtocol] = Deferred()
        self.waiting: dict[str, Deferred[Response]] = {}
        self.numbers = 0

    def bound(self, link: SmppProtocol) -> None:
        self.link.callback(link)

    def request_received(self, link: SmppProtocol, pdu: Pdu) -> None:
        link.respond(pdu, response_to(pdu))
        if isinstance(pdu, SubmitSm):
            unit = WireUnit(
                source=pdu.source_addr,
                destination=pdu.destination_addr,
                service_type=pdu.service_type,
                data_coding=pdu.data_coding,
                payload=pdu.short_message,
                tlvs=pdu.tlvs,
            )
            response = GENERIC.read_response(unit)
            self.waiting.pop(response.msisdn).callback(response)

    def response_unmatched(self, link: SmppProtocol, request: Pdu | None, response: Pdu) -> None:
        raise AssertionError(response)

    def session_ended(self, link: SmppProtocol, in_flight: list[Pdu], reason: object) -> None:
        """The test looks at the other side."""

    def tell(self, link: SmppProtocol, kind: Kind, msisdn: str, text: str, step: int = 0) -> Deferred[Response]:
        unit = GENERIC.write_indication(
            Indication(msisdn=msisdn, service_code="100", kind=kind, text=text, session=7, step=step)
        )
        screen = self.waiting[msisdn] = Deferred()
        link.try_request(
            DeliverSm(
                service_type=unit.service_type,
                source_addr_ton=1,
                source_addr_npi=1,
                source_addr=unit.source,
                destination_addr=unit.destination,
                data_coding=unit.data_coding,
                short_message=unit.payload,
                tlvs=unit.tlvs,
            ),
            lambda answer: None,
        )
        return screen


@asynccontextmanager
async def connected(window: int = 200) -> AsyncIterator[tuple[Gateway, Centre, SmppProtocol]]:
    gateway, centre = Gateway(), Centre()
    factory = SmscFactory(
        centre, authenticate=lambda bind, host: Accepted(window=window), clock=reactor, timing=Timing()
    )
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    address = port.getHost()
    link = EsmeLink(
        LinkConfig(
            name="ussd",
            host=address.host,
            port=address.port,
            system_id="gateway",
            password="secret1",
            bind=BindKind.TRANSCEIVER,
            window=window,
        ),
        gateway,
        endpoint=TCP4ClientEndpoint(reactor, address.host, address.port),
        clock=reactor,
        rng=Random(1),
    )
    await link.start()
    try:
        yield gateway, centre, await centre.link
    finally:
        await gateway.service.stop(limit_s=0.5)
        await gateway.adapter.stop()
        await link.stop()
        await port.stopListening()
        while factory.sessions:
            await deferLater(reactor, 0.01)


@pytest_twisted.ensureDeferred
async def test_item_26_dial_menu_and_answer_over_real_sessions() -> None:
    async with connected() as (gateway, centre, link):
        shown = await centre.tell(link, Kind.BEGIN, "79160000001", "*100*2#")
        assert (shown.text, shown.end, shown.session) == ("Условия\n1 Принимаю", False, 7)
        done = await centre.tell(link, Kind.ANSWER, "79160000001", "1", step=1)
        assert (done.text, done.end, done.session) == ("join_accept:79160000001", True, 7)
    assert [record.outcome for record in gateway.records] == [Outcome.ANSWERED]


@pytest_twisted.ensureDeferred
async def test_item_34_and_38_a_hundred_at_once_are_not_mixed_and_enquire_link_is_answered_meanwhile() -> None:
    async with connected() as (gateway, centre, link):
        dialled = [f"7916000{number:04d}" for number in range(100)]
        screens = [centre.tell(link, Kind.BEGIN, msisdn, "*100#") for msisdn in dialled]
        pong = await link.request(EnquireLink())
        assert pong.name == "enquire_link_resp"
        assert not any(screen.called for screen in screens)
        shown: Any = await DeferredList(screens, fireOnOneErrback=True)
        assert [response.text for _, response in shown] == [f"balance:{msisdn}" for msisdn in dialled]
    assert len(gateway.records) == 100


@pytest_twisted.ensureDeferred
async def test_item_36_unbinding_in_the_middle_ends_open_sessions_as_link_lost() -> None:
    async with connected() as (gateway, centre, link):
        await centre.tell(link, Kind.BEGIN, "79160000001", "*100*2#")
        await link.unbind()
        while gateway.service.sessions:
            await deferLater(reactor, 0.01)
        assert [record.outcome for record in gateway.records] == [Outcome.LINK_LOST]


@pytest_twisted.ensureDeferred
async def test_item_33_vendor_parameter_survives_the_codec_both_ways() -> None:
    async with connected() as (gateway, centre, link):
        sent: list[SubmitSm] = []
        screen = centre.waiting["79160000001"] = Deferred()
        original = centre.request_received

        def note(from_link: SmppProtocol, pdu: Pdu) -> None:
            if isinstance(pdu, SubmitSm):
                sent.append(pdu)
            original(from_link, pdu)

        centre.request_received = note  # type: ignore[method-assign]
        await link.request(
            DeliverSm(
                service_type="USSD",
                source_addr="79160000001",
                destination_addr="100",
                short_message=b"*100#",
                tlvs=((Tag.USSD_SERVICE_OP, b"\x01"), (0x1501, b"\x00\x00\x00\x09")),
            )
        )
        await screen
        assert sent[0].tlv(0x1501) == b"\x00\x00\x00\x09"
        assert sent[0].tlv(Tag.ITS_SESSION_INFO) is None
    assert len(gateway.records) == 1
