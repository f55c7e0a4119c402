"""Notices on a real database: what a month chunk queues, and how claimed messages are rendered."""

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from both_databases import Databases
from sqlalchemy import Connection, select

from billing.catalogue import Catalogue
from billing.decision import Context
from billing.events import BillPaidFromCashback, CashbackCredited
from billing.programme import Programme
from billing.records import Balances, Membership, Subscription, Tariff
from billing.store import month
from billing.store.writer import put
from billing.words import Channel, Contract, MembershipState, Network
from gateway.month_notices import enqueue_month_notices
from gateway.notices import Timing, notices_for
from gateway.rendering import NoticeRenderer, queue_balance
from gateway.texts import render
from sms.outbox import Claimed, QuietHours, enqueue
from sms.outbox.instants import to_micros
from sms.outbox.schema import message
from sms.text import UnicodeMode

MOSCOW = ZoneInfo("Europe/Moscow")
JOINED = datetime(2025, 3, 3, 9, tzinfo=UTC)
FIRST = datetime(2025, 3, 31, 21, tzinfo=UTC)
NINE_IN_MOSCOW = datetime(2025, 4, 1, 6, tzinfo=UTC)
TIMING = Timing(now=FIRST, quiet=QuietHours(), zone=MOSCOW)
PERIOD = "2025-04"
A = "79160000001"


class NoIds:
    """Nothing here makes ids."""

    def subscription_id(self) -> int:
        raise AssertionError

    def click_id(self) -> str:
        raise AssertionError

    def voucher_code(self) -> str:
        raise AssertionError


CONTEXT = Context(now=FIRST, programme=Programme(), catalogue=Catalogue(partners={}, promos={}), ids=NoIds())


@pytest.fixture
def connection(databases: Databases) -> Connection:
    return databases.open()


def given(connection: Connection, number: int, *, bonus: int = 15000, main: int = 80000, **fields: Any) -> None:
    subscription = Subscription(
        **{
            "subscription_id": number,
            "msisdn": f"7916000{number:04d}",
            "tariff": "smart",
            "created_at": JOINED,
            **fields,
        }
    )
    put(
        connection,
        [
            subscription,
            Balances(subscription_id=number, bonus=bonus, main=main, credited_period="2025-03"),
            Membership(
                subscription_id=number,
                state=MembershipState.ACTIVE,
                joined_at=JOINED,
                channel=Channel.WEB,
                terms_accepted_at=JOINED,
            ),
        ],
        JOINED,
    )


def run_month(connection: Connection) -> int:
    run = month.request_run(connection, PERIOD, CONTEXT)
    bounds = month.next_bounds(connection, run)
    assert bounds is not None
    month.run_chunk(connection, PERIOD, bounds, CONTEXT)
    return enqueue_month_notices(connection, PERIOD, bounds, TIMING)


def queued(connection: Connection) -> list[Any]:
    return list(connection.execute(select(message).order_by(message.c.seq)))


@pytest.fixture(autouse=True)
def tariff(connection: Connection) -> None:
    put(connection, [Tariff(code="smart", fee=65000)], JOINED)


def test_credited_comes_before_the_bill_and_both_wait_for_nine(connection: Connection) -> None:
    given(connection, 1)
    assert run_month(connection) == 2
    credited, bill = queued(connection)
    assert (credited.message_id, bill.message_id) == ("credited:2025-04:1", "bill:fee:2025-04:1")
    assert render("credited", json.loads(credited.params), "ru").startswith("Кэшбэк 150 р зачислен")
    assert render("bill", json.loads(bill.params), "ru") == "Счет 650 р: кэшбэк 150 р, основной счет 500 р."
    for row in (credited, bill):
        assert row.not_before == to_micros(NINE_IN_MOSCOW)
        assert (row.state, row.time_zone, row.msisdn) == ("queued", "Europe/Moscow", "79160000001")


def test_quiet_hours_of_each_subscribers_own_zone(connection: Connection) -> None:
    given(connection, 1, time_zone="Asia/Vladivostok")
    given(connection, 2)
    given(connection, 3, time_zone="UTC")
    run_month(connection)
    instants = {row.subscription_id: row.not_before for row in queued(connection)}
    seven_in_vladivostok = FIRST  # 07:00 there: quiet until 23:00 UTC
    assert instants[1] == to_micros(seven_in_vladivostok.replace(hour=23))
    assert instants[2] == to_micros(NINE_IN_MOSCOW)
    assert instants[3] == to_micros(datetime(2025, 4, 1, 9, tzinfo=UTC))


def test_who_got_nothing_or_has_no_number_is_told_nothing(connection: Connection) -> None:
    given(connection, 1, bonus=0)
    given(connection, 2, msisdn="")
    given(connection, 3, contract=Contract.CORPORATE)
    assert run_month(connection) == 0


def test_a_chunk_told_twice_queues_once(connection: Connection) -> None:
    given(connection, 1)
    run_month(connection)
    bounds = month.Bounds(above=0, up_to=1, subscriptions=1)
    assert enqueue_month_notices(connection, PERIOD, bounds, TIMING) == 0
    assert len(queued(connection)) == 2


def test_the_ids_and_figures_are_those_of_the_ledgers_events(connection: Connection) -> None:
    given(connection, 1)
    run_month(connection)
    subscription = Subscription(subscription_id=1, msisdn=A, created_at=JOINED)
    told = notices_for(
        [
            CashbackCredited(subscription=subscription, ref=f"{PERIOD}:1", amount=15000),
            BillPaidFromCashback(
                subscription=subscription, ref=f"fee:{PERIOD}:1", amount=65000, cashback=15000, main=50000, unpaid=0
            ),
        ],
        TIMING,
    )
    for row, one in zip(queued(connection), told, strict=True):
        assert row.message_id == one.message_id
        assert json.loads(row.params) == json.loads(one.params)
        assert (row.kind, row.not_before, row.time_zone) == (one.kind, to_micros(one.not_before), one.time_zone)
    assert enqueue(connection, told) == 0


def claimed(number: int, kind: str, params: str) -> Claimed:
    return Claimed(
        seq=number,
        message_id=f"{kind}:{number}",
        subscription_id=number,
        msisdn=f"7916000{number:04d}",
        kind=kind,
        params=params,
        service_class="service",
        priority=1,
        created_at=0,
        not_before=0,
        expires_at=None,
        language=None,
        text=None,
        segments=0,
        attempts=0,
        failures=0,
    )


@pytest.fixture
def renderer() -> NoticeRenderer:
    return NoticeRenderer(programme=Programme(), now=lambda: FIRST, mode=UnicodeMode.CHEAPEST, owns_main=True)


def test_each_message_is_rendered_in_its_subscribers_language_and_mode(
    connection: Connection, renderer: NoticeRenderer
) -> None:
    given(connection, 1)
    given(connection, 2, language="ro", unicode="strict")
    given(connection, 3, language="en")
    params = '{"amount":15000}'
    texts = renderer.render(connection, [claimed(number, "credited", params) for number in (3, 1, 2, 4)])
    assert [one.language for one in texts] == ["en", "ru", "ro", "ru"]
    assert [one.mode for one in texts if one.language == "ro"] == [UnicodeMode.STRICT]
    assert {one.mode for one in texts if one.language != "ro"} == {UnicodeMode.CHEAPEST}
    assert texts[0].text.startswith("Cashback 150 r is on your account")
    assert texts[1].text.startswith("Кэшбэк 150 р зачислен")
    assert "în cont" in texts[2].text


def test_the_balance_that_comes_by_sms_is_the_screens_text_as_of_the_claim(
    connection: Connection, renderer: NoticeRenderer
) -> None:
    given(connection, 1, main=12345)
    (text,) = renderer.render(connection, [claimed(1, "balance", '{"latin":false}')])
    assert text.text == "Баланс:123,45р\nКэшбэк:0р"
    (latin,) = renderer.render(connection, [claimed(1, "balance", '{"latin":true}')])
    assert latin.text == "Balans:123,45r\nKeshbek:0r"
    (keyword,) = renderer.render(connection, [claimed(1, "keyword", '{"answer":"balance"}')])
    assert keyword.text == text.text
    (unknown,) = renderer.render(connection, [claimed(9, "keyword", '{"answer":"balance"}')])
    assert unknown.text == "Вы не участник программы Кэшбэк. Регистрация: *100*2#"


def test_a_balance_is_queued_once_per_question_and_goes_at_any_hour(connection: Connection) -> None:
    given(connection, 1)
    given(connection, 2, network=Network.OFF_NET)
    assert queue_balance(connection, A, "s-1:1", latin=False, timing=TIMING)
    assert queue_balance(connection, A, "s-1:1", latin=False, timing=TIMING)
    assert not queue_balance(connection, "79160000002", "s-2:1", latin=False, timing=TIMING)
    assert not queue_balance(connection, "79169999999", "s-3:1", latin=False, timing=TIMING)
    (row,) = queued(connection)
    assert (row.kind, row.not_before, row.time_zone) == ("balance", to_micros(FIRST), None)
