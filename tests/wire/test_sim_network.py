"""The whole simulated network in one process, between an ESME that answers dials and a credulous gateway."""

import json
import random
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint

from simulator.app import SimulatedNetwork
from simulator.errors import PortTaken
from simulator.gateway_client import GatewayClient
from simulator.settings import Settings
from simulator.waiting import sleep
from sms.smpp import CommandStatus, EsmClass, LinkConfig, SubmitSm
from sms.smpp.client import EsmeLink
from ussd.wire import GENERIC, Kind

sys.path.append(str(Path(__file__).resolve().parents[1] / "service"))
from sim_parts import FakeGateway, UssdEsme, unit_of

reactor: Any = global_reactor
A = "79160000001"
C = "79160000003"


class World:
    """A running network with its counterparts."""

    def __init__(self, **settings: Any) -> None:
        self.gateway = FakeGateway(reactor)
        self.gateway.start()
        given = {"sim_port": 0, "smpp_port": 0, "gateway_url": f"http://127.0.0.1:{self.gateway.port}", **settings}
        self.network = SimulatedNetwork(
            Settings.model_validate({"simulator": given}), reactor=reactor, wall=time.time, rng_for_seed=random.Random
        )
        self.esme = UssdEsme()
        self.link: EsmeLink | None = None
        self.http: GatewayClient | None = None

    async def start(self, *, bound: bool = True) -> None:
        await self.network.start()
        self.http = GatewayClient(url=f"http://127.0.0.1:{self.network.web_port}", reactor=reactor)
        if bound:
            await self.bind()

    async def bind(self) -> None:
        port = self.network.smpp_port
        config = LinkConfig(
            name="test",
            host="127.0.0.1",
            port=port,
            system_id="gateway",
            password="secret1",
            window=100,
            reconnect_max_s=0.2,
        )
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        self.link = EsmeLink(config, self.esme, endpoint=endpoint, clock=reactor, rng=random.Random(1))
        await self.link.start()
        await self.link.wait_bound()

    async def stop(self) -> None:
        if self.link is not None:
            await self.link.stop()
        await self.network.stop()
        assert self.http is not None
        await self.http.stop()
        await self.gateway.stop()

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        assert self.http is not None
        raw = b"" if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if raw else {}
        answer = await self.http.call(method, path, body=raw, headers=headers)
        return answer.status, json.loads(answer.body)

    async def ok(self, method: str, path: str, body: Any = None) -> Any:
        status, document = await self.call(method, path, body)
        assert status == 200, (method, path, status, document)
        return document

    async def dial(self, code: str, msisdn: str = A) -> Any:
        return await self.ok("POST", f"/sim/handsets/{msisdn}/dial", {"code": code})


@asynccontextmanager
async def world(*, bound: bool = True, **settings: Any) -> AsyncIterator[World]:
    made = World(**settings)
    await made.start(bound=bound)
    try:
        yield made
    finally:
        await made.stop()


async def until(true: Callable[[], bool], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come about"
        await sleep(reactor, 0.01)


# USSD.


@pytest_twisted.ensureDeferred
async def test_a_dial_shows_what_the_esme_answers_and_counts_its_octets() -> None:
    async with world() as running:
        screen = await running.dial("*100#")
        assert screen.pop("elapsed_ms") < 1000
        assert screen.pop("session") == 1
        assert screen == {
            "text": "Баланс:300,00р\nКэшбэк:150р",
            "open": False,
            "coding": "ucs2",
            "octets": 52,
            "failure": None,
        }
        (begin,) = running.esme.delivered
        assert (begin.service_type, begin.source_addr, begin.destination_addr) == ("USSD", A, "100")
        said = GENERIC.read_indication(unit_of(begin))
        assert (said.kind, said.text, said.session) == (Kind.BEGIN, "*100#", 1)
        await until(lambda: running.esme.statuses == [0])


@pytest_twisted.ensureDeferred
async def test_octets_are_counted_after_packing_with_the_carriage_return_that_fills_the_last() -> None:
    async with world() as running:
        running.esme.texts = {"*1#": "1234567", "*2#": "12345678", "*3#": "[" * 4}
        octets = [(await running.dial(code))["octets"] for code in ("*1#", "*2#", "*3#")]
        assert octets == [7, 7, 7]


@pytest_twisted.ensureDeferred
async def test_a_menu_stays_open_for_an_answer() -> None:
    async with world() as running:
        menu = await running.dial("*100*2#")
        assert (menu["text"], menu["open"], menu["coding"]) == ("1 accept\n0 back", True, "gsm7")
        done = await running.ok("POST", f"/sim/handsets/{A}/answer", {"text": "1"})
        assert (done["text"], done["open"], done["session"]) == ("You chose 1", False, menu["session"])
        status, problem = await running.call("POST", f"/sim/handsets/{A}/answer", {"text": "1"})
        assert (status, problem["code"]) == (409, "NO_OPEN_DIALOGUE")


@pytest_twisted.ensureDeferred
async def test_hanging_up_tells_the_esme_and_ends_the_dialogue() -> None:
    async with world() as running:
        await running.dial("*100*2#")
        assert (await running.ok("DELETE", f"/sim/handsets/{A}/dial"))["hung_up"] is True
        await until(lambda: len(running.esme.delivered) == 2)
        assert GENERIC.read_indication(unit_of(running.esme.delivered[1])).kind is Kind.ABORT
        assert (await running.call("POST", f"/sim/handsets/{A}/answer", {"text": "1"}))[0] == 409
        assert (await running.ok("DELETE", f"/sim/handsets/{A}/dial"))["hung_up"] is False


@pytest_twisted.ensureDeferred
async def test_dialling_again_replaces_the_open_dialogue() -> None:
    async with world() as running:
        first = await running.dial("*100*2#")
        second = await running.dial("*100#")
        assert second["session"] != first["session"]
        kinds = [GENERIC.read_indication(unit_of(one)).kind for one in running.esme.delivered]
        assert kinds == [Kind.BEGIN, Kind.ABORT, Kind.BEGIN]


@pytest_twisted.ensureDeferred
async def test_dialogues_of_many_phones_do_not_mix() -> None:
    async with world() as running:
        numbers = [f"7916{number:07}" for number in range(60)]
        menus = [Deferred.fromCoroutine(running.dial("*100*2#", one)) for one in numbers]
        assert len({(await one)["session"] for one in menus}) == 60
        for one in numbers:
            done = await running.ok("POST", f"/sim/handsets/{one}/answer", {"text": one[-4:]})
            assert done["text"] == f"You chose {one[-4:]}"


@pytest_twisted.ensureDeferred
async def test_a_silent_esme_is_a_timeout_and_is_told_of_it() -> None:
    async with world(ussd_answer_s=0.2) as running:
        running.esme.silent = True
        screen = await running.dial("*100#")
        assert (screen["failure"], screen["text"], screen["open"]) == ("timeout", None, False)
        assert 150 < screen["elapsed_ms"] < 1000
        await until(lambda: len(running.esme.delivered) == 2)
        assert GENERIC.read_indication(unit_of(running.esme.delivered[1])).kind is Kind.ABORT


@pytest_twisted.ensureDeferred
async def test_a_customer_who_does_not_answer_loses_the_session() -> None:
    async with world(ussd_customer_s=0.2) as running:
        await running.dial("*100*2#")
        await until(lambda: len(running.esme.delivered) == 2)
        assert (await running.call("POST", f"/sim/handsets/{A}/answer", {"text": "1"}))[0] == 409


@pytest_twisted.ensureDeferred
async def test_with_nobody_bound_a_dial_says_link_down() -> None:
    async with world(bound=False) as running:
        screen = await running.dial("*100#")
        assert (screen["failure"], screen["session"]) == ("link_down", None)


@pytest_twisted.ensureDeferred
async def test_a_link_that_breaks_while_the_phone_waits_says_link_down() -> None:
    async with world() as running:
        running.esme.silent = True
        waiting = Deferred.fromCoroutine(running.dial("*100#"))
        await until(lambda: len(running.esme.delivered) == 1)
        await running.ok("PUT", "/sim/faults", {"link": "down"})
        assert (await waiting)["failure"] == "link_down"


@pytest_twisted.ensureDeferred
async def test_an_esme_that_refuses_the_begin_aborts_the_dialogue() -> None:
    async with world() as running:
        running.esme.answer_with = CommandStatus.ESME_RX_R_APPN
        assert (await running.dial("*100#"))["failure"] == "aborted"


@pytest_twisted.ensureDeferred
async def test_screens_that_are_wrong_late_or_too_long_are_refused_to_the_esme() -> None:
    async with world() as running:
        running.esme.silent = True
        waiting = Deferred.fromCoroutine(running.dial("*100#"))
        await until(lambda: len(running.esme.delivered) == 1)
        (link,), begin = running.esme.links, unit_of(running.esme.delivered[0])
        running.esme.submit(link, begin, "Я" * 81, end=True)
        await until(lambda: len(running.esme.statuses) == 1)
        wrong_op = SubmitSm(
            service_type="USSD", source_addr="100", destination_addr=A, short_message=b"x", tlvs=((0x0501, b"\x63"),)
        )
        link.try_request(wrong_op, lambda answer: running.esme.statuses.append(answer.command_status))  # type: ignore[union-attr]
        running.esme.submit(link, begin, "Я" * 80, end=True)
        assert (await waiting)["octets"] == 160
        running.esme.submit(link, begin, "late", end=True)
        await until(lambda: len(running.esme.statuses) == 4)
        assert running.esme.statuses == [
            CommandStatus.ESME_RINVMSGLEN,
            CommandStatus.ESME_RINVOPTPARAMVAL,
            CommandStatus.ESME_ROK,
            CommandStatus.ESME_RSUBMITFAIL,
        ]


@pytest_twisted.ensureDeferred
async def test_a_late_screen_of_the_dialogue_before_is_not_shown_in_the_next() -> None:
    async with world() as running:
        await running.dial("*100*2#")
        running.esme.silent = True
        waiting = Deferred.fromCoroutine(running.dial("*100#"))
        await until(lambda: len(running.esme.delivered) == 3)
        before, _, begin = (unit_of(one) for one in running.esme.delivered)
        (link,) = running.esme.links
        running.esme.submit(link, before, "of the dialogue before", end=True)
        running.esme.submit(link, begin, "of this one", end=True)
        assert (await waiting)["text"] == "of this one"
        await until(lambda: len(running.esme.statuses) == 3)
        assert running.esme.statuses[1:] == [CommandStatus.ESME_RSUBMITFAIL, CommandStatus.ESME_ROK]


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("code", ["", "x", "1" * 300, "ж" * 300, "*100*77#", "*100*1", "\n\0", "*100#" * 100])
async def test_whatever_is_dialled_is_answered_with_200(code: str) -> None:
    async with world() as running:
        assert (await running.dial(code))["failure"] is None


@pytest_twisted.ensureDeferred
async def test_ussd_faults_delay_abort_and_double_the_begin() -> None:
    async with world() as running:
        await running.ok("PUT", "/sim/faults", {"ussd": {"delay_ms": 150}})
        assert (await running.dial("*100#"))["elapsed_ms"] >= 140
        await running.ok("PUT", "/sim/faults", {"ussd": {"abort": 1}})
        assert (await running.dial("*100#"))["failure"] == "aborted"
        await running.ok("PUT", "/sim/faults", {"ussd": {"duplicate_begin": 1}})
        running.esme.delivered.clear()
        assert (await running.dial("*100#"))["failure"] is None
        assert [unit_of(one).payload for one in running.esme.delivered] == [b"*100#", b"*100#"]


# Shops, clock, subscribers.


@pytest_twisted.ensureDeferred
async def test_an_order_is_clicked_signed_and_answered_as_the_gateway_answers() -> None:
    async with world() as running:
        order = {"msisdn": A, "order_id": "o-1", "goods": "2000.00", "delivery": "300.00"}
        paid = await running.ok("POST", "/sim/shops/ozon/orders", order)
        assert (paid["order_id"], paid["state"], paid["reward"]) == ("o-1", "pending", "100.00")
        assert (await running.ok("POST", "/sim/shops/ozon/orders/o-1/confirm", {"goods": "2000.00"}))[
            "state"
        ] == "accrued"
        await running.ok("POST", "/sim/shops/ozon/orders/o-1/reject")
        await running.ok("POST", "/sim/shops/ozon/orders/o-1/amend", {"goods": "1000.00"})
        await running.ok("POST", "/sim/shops/ozon/orders/o-1/return", {})
        assert running.gateway.postbacks == [
            (
                "ozon",
                {
                    "event": "paid",
                    "order_id": "o-1",
                    "click_id": "click-1",
                    "goods": "2000.00",
                    "delivery": "300.00",
                    "channel": "web",
                },
            ),
            ("ozon", {"event": "confirmed", "order_id": "o-1", "goods": "2000.00"}),
            ("ozon", {"event": "rejected", "order_id": "o-1"}),
            ("ozon", {"event": "amended", "order_id": "o-1", "goods": "1000.00"}),
            ("ozon", {"event": "returned", "order_id": "o-1"}),
        ]


@pytest_twisted.ensureDeferred
async def test_the_gateways_refusals_and_headers_pass_through() -> None:
    async with world() as running:
        order = {"msisdn": A, "order_id": "o-1", "goods": "1.00"}
        assert await running.call("POST", "/sim/shops/nobody/orders", order) == (
            404,
            {"code": "UNKNOWN_PARTNER", "detail": "no"},
        )
        assert running.http is not None
        headers = {"Content-Type": "application/json"}
        raw = json.dumps(order).encode()
        await running.http.call("POST", "/sim/shops/ozon/orders", body=raw, headers=headers)
        again = await running.http.call("POST", "/sim/shops/ozon/orders", body=raw, headers=headers)
        assert again.headers["idempotency-hit"] == "true"


@pytest_twisted.ensureDeferred
async def test_unknown_fields_of_an_order_are_refused_here() -> None:
    async with world() as running:
        order = {"msisdn": A, "order_id": "o-1", "goods": "1.00", "coupon": "x"}
        status, problem = await running.call("POST", "/sim/shops/ozon/orders", order)
        assert (status, problem["field"]) == (400, "coupon")


@pytest_twisted.ensureDeferred
async def test_a_gateway_that_is_away_is_a_502_problem() -> None:
    async with world() as running:
        await running.gateway.stop()
        for method, path, body in (
            ("POST", "/sim/shops/ozon/orders/o-1/reject", None),
            ("GET", "/sim/clock", None),
            ("GET", f"/sim/handsets/{A}/subscriber", None),
        ):
            status, problem = await running.call(method, path, body)
            assert (status, problem["code"]) == (502, "GATEWAY_UNREACHABLE")
        running.gateway.start()


@pytest_twisted.ensureDeferred
async def test_the_clock_is_the_gateways_and_stamps_what_arrives() -> None:
    async with world() as running:
        assert (await running.ok("GET", "/sim/clock"))["now"] == "2025-03-03T12:00:00+03:00"
        submit(running, "at noon")
        await until(lambda: len(running.esme.statuses) == 1)
        assert [one["received_at"] for one in await inbox(running)] == ["2025-03-03T12:00:00.000+03:00"]
        await running.ok("POST", "/sim/clock", {"to": "2025-04-01T09:00:00+03:00"})
        submit(running, "at nine")
        await until(lambda: len(running.esme.statuses) == 2)
        assert [one["received_at"] for one in await inbox(running)] == [
            "2025-03-03T12:00:00.000+03:00",
            "2025-04-01T09:00:00.000+03:00",
        ]
        (item, _) = (await running.ok("GET", f"/sim/smsc/messages?to={A}"))["items"]
        assert item["accepted_at"] == "2025-03-03T12:00:00.000+03:00"
        assert (await running.call("POST", "/sim/clock", {"to": "2025-03-03T12:00:00+03:00"}))[0] == 409


@pytest_twisted.ensureDeferred
async def test_the_phone_page_can_see_and_make_a_subscriber() -> None:
    async with world() as running:
        assert await running.ok("GET", f"/sim/handsets/{A}/subscriber") == {"subscriber": None}
        made = await running.ok("PUT", f"/sim/handsets/{A}/subscriber", {"language": "ro"})
        assert made["language"] == "ro"
        assert (await running.ok("GET", f"/sim/handsets/{A}/subscriber"))["subscriber"]["language"] == "ro"


# Messages, trace, events.


def submit(running: World, text: str) -> None:
    (link,) = running.esme.links
    pdu = SubmitSm(
        source_addr_ton=5,
        source_addr="CASHBACK",
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr=A,
        short_message=text.encode("ascii"),
    )
    link.try_request(pdu, lambda answer: running.esme.statuses.append(getattr(answer, "command_status", -1)))


async def inbox(running: World, msisdn: str = A) -> Any:
    return (await running.ok("GET", f"/sim/handsets/{msisdn}/inbox"))["messages"]


@pytest_twisted.ensureDeferred
async def test_a_handsets_long_message_reaches_the_esme_in_segments() -> None:
    async with world() as running:
        sent = await running.ok("POST", f"/sim/handsets/{A}/sms", {"to": "4400", "text": "длинный текст " * 10})
        assert (sent["segments"], sent["coding"], sent["state"]) == (3, "ucs2", "accepted")
        parts = running.esme.delivered
        assert [one.esm_class for one in parts] == [EsmClass.UDHI] * 3
        assert [one.short_message[:3] for one in parts] == [b"\x05\x00\x03"] * 3


@pytest_twisted.ensureDeferred
async def test_a_message_to_another_handset_arrives_there() -> None:
    async with world() as running:
        await running.ok("POST", f"/sim/handsets/{A}/sms", {"to": "+7 916 000-00-03", "text": "hi"})
        assert [(one["from"], one["text"]) for one in await inbox(running, C)] == [(A, "hi")]
        assert running.esme.delivered == []


@pytest_twisted.ensureDeferred
async def test_a_message_waits_for_an_esme_that_is_not_bound() -> None:
    async with world(bound=False) as running:
        sent = Deferred.fromCoroutine(running.ok("POST", f"/sim/handsets/{A}/sms", {"to": "4400", "text": "STOP"}))
        await sleep(reactor, 0.1)
        await running.bind()
        assert (await sent)["state"] == "accepted"
        assert [one.short_message for one in running.esme.delivered] == [b"STOP"]


@pytest_twisted.ensureDeferred
async def test_a_phone_writes_to_numbers_only() -> None:
    async with world() as running:
        status, problem = await running.call("POST", f"/sim/handsets/{A}/sms", {"to": "CASHBACK", "text": "hi"})
        assert (status, problem["field"]) == (400, "to")


@pytest_twisted.ensureDeferred
async def test_the_trace_shows_every_pdu_and_a_capture_can_be_had() -> None:
    async with world() as running:
        submit(running, "hello")
        await until(lambda: len(running.esme.statuses) == 1)
        items = (await running.ok("GET", "/sim/pdus?limit=10"))["items"]
        assert [(one["command"], one["direction"]) for one in items] == [
            ("submit_sm_resp", "to_esme"),
            ("submit_sm", "to_smsc"),
            ("bind_transceiver_resp", "to_esme"),
            ("bind_transceiver", "to_smsc"),
        ]
        assert (items[0]["status"], items[0]["link"]) == ("ESME_ROK", "gateway-1")
        assert items[1]["fields"]["destination_addr"] == A
        assert "secret1" not in json.dumps(items[3]["fields"])
        only = (await running.ok("GET", "/sim/pdus?command=submit_sm&link=gateway"))["items"]
        assert [one["hex"] for one in only] == [items[1]["hex"]]
        assert (await running.ok("GET", f"/sim/pdus?after={items[1]['serial']}"))["items"] == items[:1]
        assert (await running.call("GET", "/sim/pdus?limit=0"))[0] == 400
        assert (await running.call("GET", "/sim/pdus?link=gateway&lim=1"))[1]["field"] == "lim"
        assert running.http is not None
        capture = await running.http.call("GET", "/sim/capture.pcap", headers={})
        assert capture.body[:4] in (
            b"\xa1\xb2\xc3\xd4",
            b"\xd4\xc3\xb2\xa1",
            b"\x4d\x3c\xb2\xa1",
            b"\xa1\xb2\x3c\x4d",
        )
        assert bytes.fromhex(items[1]["hex"]) in capture.body


@pytest_twisted.ensureDeferred
async def test_one_message_is_shown_with_its_pdu_and_its_way() -> None:
    async with world() as running:
        submit(running, "hello")
        await until(lambda: len(running.esme.statuses) == 1)
        (item,) = (await running.ok("GET", "/sim/smsc/messages"))["items"]
        detail = await running.ok("GET", f"/sim/smsc/messages/{item['id']}")
        assert detail["pdu"]["fields"]["source_addr"] == "CASHBACK"
        assert [one["command"] for one in detail["trace"]] == ["submit_sm_resp"]
        assert (await running.call("GET", "/sim/smsc/messages/unknown"))[0] == 404


@pytest_twisted.ensureDeferred
async def test_pages_are_served_with_their_types_and_only_they() -> None:
    async with world(bound=False) as running:
        assert running.http is not None
        for path, kind in (
            ("/", "text/html"),
            ("/inbox", "text/html"),
            ("/network", "text/html"),
            ("/static/style.css", "text/css"),
            ("/static/phone.js", "text/javascript"),
            ("/static/favicon.svg", "image/svg+xml"),
        ):
            answer = await running.http.call("GET", path, headers={})
            assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (200, kind)
        for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/phone.html", "/static/", "/app.py"):
            assert (await running.http.call("GET", path, headers={})).status == 404


@pytest_twisted.ensureDeferred
async def test_changes_are_told_to_whoever_listens() -> None:
    async with world() as running:
        reader = socket.create_connection(("127.0.0.1", running.network.web_port))
        reader.setblocking(False)
        reader.sendall(b"GET /sim/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        heard = b""

        def listens() -> bool:
            nonlocal heard
            with suppress(BlockingIOError):
                heard += reader.recv(65536)
            return b"retry:" in heard

        await until(listens)
        submit(running, "hello")

        def told() -> bool:
            listens()
            return b'"messages"' in heard

        await until(told)
        assert b"text/event-stream" in heard
        reader.close()
        await sleep(reactor, 0.05)


@pytest_twisted.ensureDeferred
async def test_a_taken_port_is_named_and_nothing_stays_open() -> None:
    async with world(bound=False) as running:
        for taken in (
            {"sim_port": 0, "smpp_port": running.network.smpp_port},
            {"sim_port": running.network.web_port, "smpp_port": 0},
        ):
            second = SimulatedNetwork(
                Settings.model_validate({"simulator": taken}),
                reactor=reactor,
                wall=time.time,
                rng_for_seed=random.Random,
            )
            with pytest.raises(PortTaken) as refused:
                await second.start()
            assert refused.value.port in taken.values()
            assert str(refused.value.port) in str(refused.value)
