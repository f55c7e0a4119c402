"""Scenarios 23, 25–30, 32, 34, 36–39, rule 35: the 1st of the month and the first charge."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from system import A, C, System

FIRST = "2025-04-01T00:00:00+03:00"
NINE = "2025-04-01T09:00:00+03:00"
NO_WELCOME = {"FIRSTCHARGE__PROGRAMME__WELCOME_BONUS": "0.00"}


def _split(answer: Any) -> tuple[str, str, str]:
    return answer["cashback"], answer["main"], answer["unpaid"]


@pytest.fixture
def with_cashback(started: Callable[..., System]) -> Callable[[str, str], System]:
    """A system in which A has this cashback and this main on 1 April, inbox empty."""

    def build(cashback: str, main: str) -> System:
        system = started(environ=NO_WELCOME)
        system.member(A)
        if cashback != "0.00":
            system.promo(A, cashback, "start")
        system.clock_to(NINE)
        if main != "0.00":
            system.topup("start", A, main)
        system.clear(A)
        assert system.sums(A) == ("0.00", cashback, main)
        return system

    return build


def test_23_credit_comes_before_the_fee_and_both_sms_wait_for_nine(system: System) -> None:
    system.member(A, tariff="smart", main="800.00")
    system.promo(A, "100.00", "q-1")
    system.clear(A)
    moved = system.clock_to(FIRST)
    assert moved["now"]
    assert system.postings(A)[-3:] == [
        ("bonus", "cashback", "150.00"),
        ("cashback", "revenue", "150.00"),
        ("main", "revenue", "500.00"),
    ]
    assert system.inbox(A) == []
    system.clock_to("2025-04-01T08:59:59+03:00")
    assert system.inbox(A) == []
    system.clock_to(NINE)
    assert system.inbox(A) == [
        "Кэшбэк 150 р зачислен на счет и тратится первым. *100*1#",
        "Счет 650 р: кэшбэк 150 р, основной счет 500 р.",
    ]
    assert system.sums(A) == ("0.00", "0.00", "300.00")
    run = system.ok("GET", "/v1/month-runs/2025-04")
    assert run["status"] == "done"
    assert run["credited"] == {"count": 1, "amount": "150.00"}
    assert run["charged"] == {
        "count": 1,
        "amount": "650.00",
        "cashback": "150.00",
        "main": "500.00",
        "unpaid": "0.00",
    }
    again = system.api("POST", "/v1/month-runs", {"period": "2025-04"})
    assert (again.status, again.headers.get("Idempotency-Hit")) == (200, "true")
    future = system.api("POST", "/v1/month-runs", {"period": "2025-05"})
    assert (future.status, future.body["code"]) == (422, "NOT_DUE")
    system.verify()


def test_28_cashback_pays_first_and_main_the_rest_with_one_sms(with_cashback: Callable[..., System]) -> None:
    system = with_cashback("150.00", "800.00")
    bill = system.charge("b-1", A, "650.00", "tariff_fee").body
    assert bill["steps"] == [{"from": "cashback", "amount": "150.00"}, {"from": "main", "amount": "500.00"}]
    assert system.postings(A)[-2:] == [("cashback", "revenue", "150.00"), ("main", "revenue", "500.00")]
    assert system.inbox(A) == ["Счет 650 р: кэшбэк 150 р, основной счет 500 р."]
    assert system.screen(A, "*100*3#") == "Счет 650 р: кэшбэк 150 р, основной счет 500 р."


def test_34_a_charge_id_counts_once_and_two_bills_at_once_never_overdraw(
    with_cashback: Callable[..., System],
) -> None:
    system = with_cashback("800.00", "2000.00")
    first, again = (system.charge("B-7", A, "650.00", "tariff_fee") for _ in range(2))
    assert (first.status, again.status) == (201, 200)
    assert first.body == again.body
    assert again.headers["Idempotency-Hit"] == "true"
    other = system.charge("B-7", A, "651.00", "tariff_fee")
    assert (other.status, other.body["code"]) == (409, "CONFLICT")
    system.topup("refill", A, "0.01")
    with ThreadPoolExecutor(2) as pool:
        both = [
            one.result().body
            for one in [pool.submit(system.charge, f"B-{n}", A, "650.00", "tariff_fee") for n in (8, 9)]
        ]
    assert sorted(one["cashback"] for one in both) == ["0.00", "150.00"]
    assert system.sums(A) == ("0.00", "0.00", "850.01")
    system.verify()


def test_38_corporate_is_never_credited_and_spends_by_voucher(started: Callable[..., System]) -> None:
    system = started(environ=NO_WELCOME)
    system.member(C, contract="corporate", main="700.00")
    system.promo(C, "400.00", "q-1")
    system.clock_to(NINE)
    assert system.sums(C) == ("400.00", "0.00", "700.00")
    assert system.screen(C, "*100*1#") == "Бонус:400р\nТолько на телефон"
    assert system.screen(C, "*100#") == "Баланс:700,00р"
    assert _split(system.charge("b-1", C, "650.00", "tariff_fee").body) == ("0.00", "650.00", "0.00")
    system.clear(C)
    refused = system.api("POST", "/v1/vouchers", {"voucher_id": "v-0", "msisdn": C, "amount": "401.00"})
    assert (refused.status, refused.body["code"]) == (422, "INSUFFICIENT_FUNDS")
    over = {"voucher_id": "v-0", "msisdn": C, "amount": "400.00", "handset_price": "399.99"}
    assert system.api("POST", "/v1/vouchers", over).body["code"] == "EXCEEDS_PRICE"
    body = {"voucher_id": "v-1", "msisdn": C, "amount": "400.00", "handset_price": "5000.00"}
    voucher = system.api("POST", "/v1/vouchers", body)
    assert (voucher.status, voucher.body["state"], voucher.body["amount"]) == (201, "issued", "400.00")
    assert system.postings(C)[-1] == ("bonus", "voucher", "400.00")
    [sms] = system.inbox(C)
    assert sms.startswith(f"Ваучер на телефон 400 р: {voucher.body['code']}, до ")
    system.verify()
