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


def test_25_nothing_to_credit_means_no_posting_and_no_sms(started: Callable[..., System]) -> None:
    system = started(environ=NO_WELCOME, clock_start="2025-12-30T12:00:00+03:00")
    system.member(A)
    system.clear(A)
    system.clock_to("2025-12-31T21:00:00Z")
    assert system.postings(A) == []
    system.promo(A, "50.00", "january")
    assert system.balance(A)["bonus_due_on"] == "2026-02-01"
    system.clock_to("2026-01-31T20:59:59Z")
    assert system.sums(A)[:2] == ("50.00", "0.00")
    system.clear(A)
    system.clock_to("2026-01-31T21:00:00Z")
    assert system.sums(A)[:2] == ("0.00", "50.00")


def test_26_what_is_accrued_but_not_credited_is_not_spendable(system: System) -> None:
    system.member(A)
    system.promo(A, "100.00", "q-1")
    charge = system.charge("c-1", A, "100.00")
    assert charge.status == 201
    assert _split(charge.body) == ("0.00", "0.00", "100.00")
    assert charge.body["status"] == "unpaid"
    assert system.sums(A) == ("150.00", "0.00", "0.00")


def test_27_cashback_pays_the_whole_bill(with_cashback: Callable[..., System]) -> None:
    system = with_cashback("800.00", "1000.00")
    bill = system.charge("b-1", A, "650.00", "tariff_fee").body
    assert _split(bill) == ("650.00", "0.00", "0.00")
    assert bill["steps"] == [{"from": "cashback", "amount": "650.00"}]
    assert system.sums(A) == ("0.00", "150.00", "1000.00")
    system.verify()


def test_28_cashback_pays_first_and_main_the_rest_with_one_sms(with_cashback: Callable[..., System]) -> None:
    system = with_cashback("150.00", "800.00")
    bill = system.charge("b-1", A, "650.00", "tariff_fee").body
    assert bill["steps"] == [{"from": "cashback", "amount": "150.00"}, {"from": "main", "amount": "500.00"}]
    assert system.postings(A)[-2:] == [("cashback", "revenue", "150.00"), ("main", "revenue", "500.00")]
    assert system.inbox(A) == ["Счет 650 р: кэшбэк 150 р, основной счет 500 р."]
    assert system.screen(A, "*100*3#") == "Счет 650 р: кэшбэк 150 р, основной счет 500 р."


def test_29_an_exact_bill_then_the_first_charge_without_cashback_tells_once(
    with_cashback: Callable[..., System],
) -> None:
    system = with_cashback("650.00", "10.00")
    system.charge("b-1", A, "650.00", "tariff_fee")
    system.clear(A)
    call = system.charge("call-1", A, "1.50").body
    assert _split(call) == ("0.00", "1.50", "0.00")
    assert system.inbox(A) == ["Кэшбэк потрачен. Теперь списывается основной счет."]
    system.charge("call-2", A, "1.50")
    assert len(system.inbox(A)) == 1
    assert system.sums(A) == ("0.00", "0.00", "7.00")


def test_30_without_cashback_main_pays_alone(with_cashback: Callable[..., System]) -> None:
    system = with_cashback("0.00", "700.00")
    assert _split(system.charge("b-1", A, "650.00", "tariff_fee").body) == ("0.00", "650.00", "0.00")
    assert system.postings(A) == [("main", "revenue", "650.00")]
    assert system.screen(A, "*100*1#").split("\n")[0] == "Кэшбэк:0р"
    assert system.inbox(A) == []


def test_32_no_charge_type_is_excluded(with_cashback: Callable[..., System]) -> None:
    system = with_cashback("200.00", "100.00")
    parts = [
        _split(system.charge(f"c-{number}", A, amount, type_).body)[:2]
        for number, (type_, amount) in enumerate(
            (("subscription", "99.00"), ("content", "51.00"), ("service", "100.00"))
        )
    ]
    assert parts == [("99.00", "0.00"), ("51.00", "0.00"), ("50.00", "50.00")]


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


def test_36_a_top_up_adds_to_main_only(with_cashback: Callable[..., System]) -> None:
    system = with_cashback("100.00", "0.00")
    assert system.topup("t-1", A, "300.00") == {"topup_id": "t-1", "main": "300.00", "settled": []}
    assert system.sums(A) == ("0.00", "100.00", "300.00")
    assert _split(system.charge("c-1", A, "150.00").body) == ("100.00", "50.00", "0.00")


def test_30_a_top_up_settles_the_oldest_unpaid_charge_first_and_never_from_cashback(
    with_cashback: Callable[..., System],
) -> None:
    system = with_cashback("0.00", "0.00")
    for charge_id, amount in (("c-1", "10.00"), ("c-2", "20.00")):
        assert system.charge(charge_id, A, amount).body["status"] == "unpaid"
    settled = system.topup("t-1", A, "15.00")
    assert settled["settled"] == [{"charge_id": "c-1", "amount": "10.00"}, {"charge_id": "c-2", "amount": "5.00"}]
    assert settled["main"] == "0.00"
    assert system.ok("GET", "/v1/charges/c-1")["status"] == "paid"
    assert system.ok("GET", "/v1/charges/c-2")["unpaid"] == "15.00"
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


def test_35_a_voucher_is_redeemed_once_cancelled_or_out_of_date_and_the_rest_goes_back(
    with_cashback: Callable[..., System],
) -> None:
    system = with_cashback("800.00", "0.00")
    codes = [
        system.ok("POST", "/v1/vouchers", {"voucher_id": f"v-{number}", "msisdn": A, "amount": "200.00"})["code"]
        for number in range(3)
    ]
    assert system.sums(A)[1] == "200.00"
    till = {"redemption_id": "d-1", "code": codes[0].lower(), "amount": "150.00", "handset_price": "5000.00"}
    taken = system.api("POST", "/v1/voucher-redemptions", till)
    assert (taken.status, taken.body["amount"], taken.body["returned"]) == (201, "150.00", "50.00")
    again = system.api("POST", "/v1/voucher-redemptions", till)
    assert (again.status, again.body, again.headers["Idempotency-Hit"]) == (200, taken.body, "true")
    twice = system.api("POST", "/v1/voucher-redemptions", till | {"redemption_id": "d-2"})
    assert (twice.status, twice.body["code"]) == (409, "WRONG_STATE")
    assert system.ok("DELETE", "/v1/vouchers/v-1")["state"] == "cancelled"
    assert system.sums(A)[1] == "450.00"
    moved = system.clock_to("2025-10-01T00:00:00+03:00")
    assert "expiry" in [one["what"] for one in moved["ran"]]
    assert system.ok("GET", "/v1/vouchers/v-2")["state"] == "expired"
    late = system.api("POST", "/v1/voucher-redemptions", till | {"redemption_id": "d-3", "code": codes[2]})
    assert (late.status, late.body["code"]) == (409, "EXPIRED")
    assert system.sums(A)[1] == "650.00"
    back = [one for one in system.postings(A) if one[0] == "voucher"]
    assert back == [("voucher", "cashback", one) for one in ("50.00", "200.00", "200.00")]
    assert len(system.inbox(A)) == 3
    system.verify()


def test_33_what_is_held_nobody_draws_until_it_is_committed_released_or_run_out(
    with_cashback: Callable[..., System],
) -> None:
    system = with_cashback("80.00", "100.00")

    def hold(number: int, amount: str) -> Any:
        body = {"reservation_id": f"h-{number}", "msisdn": A, "amount": amount, "type": "usage", "expires_in_s": 600}
        return system.api("POST", "/v1/reservations", body)

    first = hold(1, "150.00")
    assert (first.status, first.body["state"], first.body["cashback"], first.body["main"]) == (
        201,
        "held",
        "80.00",
        "70.00",
    )
    assert (hold(1, "150.00").status, hold(1, "150.00").body) == (200, first.body)
    assert hold(2, "30.01").body["code"] == "INSUFFICIENT_FUNDS"
    assert system.balance(A)["held"] == {"main": "70.00", "cashback": "80.00"}
    assert _split(system.charge("c-1", A, "30.00").body) == ("0.00", "30.00", "0.00")
    over = system.api("POST", "/v1/reservations/h-1/commit", {"amount": "150.01"})
    assert (over.status, over.body["code"]) == (422, "EXCEEDS_HOLD")
    done = system.api("POST", "/v1/reservations/h-1/commit", {"amount": "100.00"})
    assert (done.status, done.body["state"], done.body["cashback"], done.body["main"]) == (
        200,
        "committed",
        "80.00",
        "20.00",
    )
    again = system.api("POST", "/v1/reservations/h-1/commit", {"amount": "100.00"})
    assert (again.status, again.body, again.headers["Idempotency-Hit"]) == (200, done.body, "true")
    assert system.ok("GET", "/v1/charges/hold:h-1")["amount"] == "100.00"
    assert system.sums(A) == ("0.00", "0.00", "50.00")
    assert hold(3, "50.00").status == 201
    assert system.ok("POST", "/v1/reservations/h-3/release")["state"] == "released"
    assert hold(4, "50.00").status == 201
    system.clock_to("2025-04-01T09:10:00+03:00")
    assert system.ok("GET", "/v1/reservations/h-4")["state"] == "expired"
    late = system.api("POST", "/v1/reservations/h-4/commit", {"amount": "1.00"})
    assert (late.status, late.body["code"]) == (409, "EXPIRED")
    assert system.balance(A)["held"] == {"main": "0.00", "cashback": "0.00"}
    assert _split(system.charge("c-2", A, "50.00").body) == ("0.00", "50.00", "0.00")
    system.verify()


def test_39_cashback_goes_to_nobody_else(system: System) -> None:
    system.member(A)
    before = system.postings(A)
    for path, code in (("/v1/transfers", "TRANSFER_NOT_AVAILABLE"), ("/v1/cash-outs", "NO_CASH_OUT")):
        refused = system.api("POST", path, {"msisdn": A, "to": "79160000002", "amount": "100.00"})
        assert (refused.status, refused.body["code"]) == (422, code)
    assert system.postings(A) == before
