"""Scenarios 23 to 39: the 1st of the month and the first charge."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hosted import Hosted
from said import FIRST, NINE, Starting
from system import A, C

USED_UP = "Кэшбэк потрачен. Теперь списывается основной счет."
WithCashback = Callable[..., Hosted]


def split(answer: Any) -> tuple[str, str, str]:
    return answer["cashback"], answer["main"], answer["unpaid"]


@pytest.fixture
def given(started: Starting) -> WithCashback:
    """A system in which A has this cashback and this main on 1 April, and nothing of it counts as happened."""

    def build(cashback: str, main: str, **switches: str) -> Hosted:
        system = started(welcome_bonus="0.00", **switches)
        system.member(A)
        if cashback != "0.00":
            system.promo(A, cashback, "start")
        system.clock_to(NINE)
        if main != "0.00":
            system.topup("start", A, main)
        system.forget(A)
        assert system.sums(A) == ("0.00", cashback, main)
        return system

    return build


@pytest.mark.scenario(23)
@pytest.mark.rule(24)
def test_credit_comes_before_the_fee_and_both_sms_wait_for_nine(system: Hosted) -> None:
    system.member(A, tariff="smart", main="800.00")
    system.promo(A, "100.00", "q-1")
    system.forget(A)
    system.clock_to(FIRST)
    postings = [("bonus", "cashback", "150.00"), ("cashback", "revenue", "150.00"), ("main", "revenue", "500.00")]
    assert system.happened(A) == (postings, [])
    system.clock_to("2025-04-01T08:59:59+03:00")
    assert system.happened(A) == (postings, [])
    system.clock_to(NINE)
    told = [
        "Кэшбэк 150 р зачислен на счет и тратится первым. *100*1#",
        "Счет 650 р: кэшбэк 150 р, основной счет 500 р.",
    ]
    assert system.happened(A) == (postings, told)
    assert system.sums(A) == ("0.00", "0.00", "300.00")


@pytest.mark.scenario(25)
def test_no_bonus_on_the_first_means_no_posting_and_no_sms(started: Starting) -> None:
    system = started(welcome_bonus="0.00")
    system.member(A)
    system.clock_to(NINE)
    assert system.happened(A) == ([], [])
    assert system.ok("GET", "/v1/month-runs/2025-04")["credited"] == {"count": 0, "amount": "0.00"}


@pytest.mark.scenario(25)
def test_the_years_last_three_hours_in_utc_belong_to_january(started: Starting) -> None:
    system = started(welcome_bonus="0.00", clock_start="2025-12-30T12:00:00+03:00")
    system.member(A)
    system.paid("ozon", A, "o-1", "1000.00")
    system.clock_to("2025-12-31T21:00:00Z")
    assert system.shop("ozon", "o-1", "confirm").body["spendable_from"] == "2026-02-01"
    system.clock_to("2026-01-31T20:59:59Z")
    assert system.sums(A) == ("50.00", "0.00", "0.00")
    system.clock_to("2026-01-31T21:00:00Z")
    assert system.posted(A) == [("programme_expense", "bonus", "50.00"), ("bonus", "cashback", "50.00")]


@pytest.mark.scenario(26)
def test_what_is_accrued_but_not_credited_pays_nothing(started: Starting) -> None:
    system = started(welcome_bonus="0.00")
    system.member(A)
    system.promo(A, "150.00", "q-1")
    system.clock_to("2025-03-25T12:00:00+03:00")
    system.forget(A)
    drawn = system.charge("c-1", A, "100.00").body
    assert split(drawn) == ("0.00", "0.00", "100.00")
    assert (drawn["status"], drawn["steps"]) == ("unpaid", [])
    assert system.happened(A) == ([], [])
    assert system.sums(A) == ("150.00", "0.00", "0.00")


@pytest.mark.scenario(27)
def test_cashback_pays_the_whole_bill(given: WithCashback) -> None:
    system = given("800.00", "1000.00")
    bill = system.charge("b-1", A, "650.00", "tariff_fee").body
    assert split(bill) == ("650.00", "0.00", "0.00")
    assert bill["steps"] == [{"from": "cashback", "amount": "650.00"}]
    assert system.happened(A) == (
        [("cashback", "revenue", "650.00")],
        ["Счет 650 р: кэшбэк 650 р, основной счет 0 р."],
    )
    assert system.sums(A) == ("0.00", "150.00", "1000.00")


@pytest.mark.scenario(28)
def test_cashback_pays_first_and_main_the_rest(given: WithCashback) -> None:
    system = given("150.00", "800.00")
    bill = system.charge("b-1", A, "650.00", "tariff_fee").body
    assert bill["steps"] == [{"from": "cashback", "amount": "150.00"}, {"from": "main", "amount": "500.00"}]
    assert system.happened(A) == (
        [("cashback", "revenue", "150.00"), ("main", "revenue", "500.00")],
        ["Счет 650 р: кэшбэк 150 р, основной счет 500 р."],
    )


@pytest.mark.scenario(29)
@pytest.mark.rule(36)
def test_the_first_charge_without_cashback_tells_once(given: WithCashback) -> None:
    system = given("650.00", "10.00")
    system.charge("b-1", A, "650.00", "tariff_fee")
    assert system.sums(A) == ("0.00", "0.00", "10.00")
    system.forget(A)
    assert split(system.charge("call-1", A, "1.50").body) == ("0.00", "1.50", "0.00")
    assert system.happened(A) == ([("main", "revenue", "1.50")], [USED_UP])
    system.charge("call-2", A, "1.50")
    assert system.happened(A) == ([("main", "revenue", "1.50")] * 2, [USED_UP])


@pytest.mark.scenario(30)
def test_without_cashback_main_pays_alone(given: WithCashback) -> None:
    system = given("0.00", "700.00")
    assert split(system.charge("b-1", A, "650.00", "tariff_fee").body) == ("0.00", "650.00", "0.00")
    assert system.screen(A, "*100*1#") == "Кэшбэк:0р\nС 01.05:+0р\nОжидает:0р"
    assert system.happened(A) == ([("main", "revenue", "650.00")], [])


@pytest.mark.scenario(32)
@pytest.mark.switch("spend_types", "all")
def test_no_charge_type_is_excluded(given: WithCashback) -> None:
    system = given("200.00", "100.00")
    parts = [
        split(system.charge(f"c-{type_}", A, amount, type_).body)
        for type_, amount in (("subscription", "99.00"), ("content", "51.00"), ("service", "100.00"))
    ]
    assert parts == [("99.00", "0.00", "0.00"), ("51.00", "0.00", "0.00"), ("50.00", "50.00", "0.00")]
    assert system.happened(A) == (
        [
            ("cashback", "revenue", "99.00"),
            ("cashback", "revenue", "51.00"),
            ("cashback", "revenue", "50.00"),
            ("main", "revenue", "50.00"),
        ],
        [],
    )


@pytest.mark.scenario(34)
def test_a_bill_drawn_twice_counts_once(given: WithCashback) -> None:
    system = given("800.00", "1000.00")
    with ThreadPoolExecutor(2) as pool:
        both = [
            one.result() for one in [pool.submit(system.charge, "B-7", A, "650.00", "tariff_fee") for _ in range(2)]
        ]
    assert sorted(one.status for one in both) == [200, 201]
    assert both[0].body == both[1].body
    again = system.charge("B-7", A, "650.00", "tariff_fee")
    assert (again.status, again.body, again.headers["Idempotency-Hit"]) == (200, both[0].body, "true")
    assert system.posted(A) == [("cashback", "revenue", "650.00")]


@pytest.mark.scenario(34)
def test_two_different_bills_at_once_take_what_cashback_there_is_and_never_more(given: WithCashback) -> None:
    system = given("800.00", "1000.00")
    with ThreadPoolExecutor(2) as pool:
        both = [
            one.result().body
            for one in [pool.submit(system.charge, f"B-{n}", A, "650.00", "tariff_fee") for n in (8, 9)]
        ]
    assert sorted(split(one) for one in both) == [("150.00", "500.00", "0.00"), ("650.00", "0.00", "0.00")]
    assert sorted(system.posted(A)) == [
        ("cashback", "revenue", "150.00"),
        ("cashback", "revenue", "650.00"),
        ("main", "revenue", "500.00"),
    ]


@pytest.mark.scenario(36)
@pytest.mark.rule(31)
def test_a_top_up_adds_to_main_only_and_the_next_charge_still_takes_cashback(given: WithCashback) -> None:
    system = given("100.00", "0.00")
    assert system.topup("t-1", A, "300.00") == {"topup_id": "t-1", "main": "300.00", "settled": []}
    assert system.sums(A) == ("0.00", "100.00", "300.00")
    assert split(system.charge("c-1", A, "150.00").body) == ("100.00", "50.00", "0.00")
    assert system.happened(A) == (
        [("cash_in", "main", "300.00"), ("cashback", "revenue", "100.00"), ("main", "revenue", "50.00")],
        [],
    )


@pytest.mark.scenario(37)
@pytest.mark.rule(29)
@pytest.mark.switch("monthly_spend_cap", "1500.00")
def test_a_monthly_cap_stops_cashback_and_begins_anew_with_the_month(given: WithCashback) -> None:
    system = given("2000.00", "300.00", monthly_spend_cap="1500.00")
    assert split(system.charge("b-1", A, "1200.00", "tariff_fee").body) == ("1200.00", "0.00", "0.00")
    assert split(system.charge("b-2", A, "600.00", "tariff_fee").body) == ("300.00", "300.00", "0.00")
    system.clock_to("2025-05-01T00:00:00+03:00")
    assert split(system.charge("b-3", A, "100.00").body) == ("100.00", "0.00", "0.00")
    assert system.sums(A) == ("0.00", "400.00", "0.00")


@pytest.mark.scenario(37)
@pytest.mark.rule(29)
@pytest.mark.switch("monthly_spend_cap", "off")
def test_without_a_cap_cashback_pays_all(given: WithCashback) -> None:
    system = given("2000.00", "0.00")
    paid = [split(system.charge(f"b-{one}", A, one, "tariff_fee").body) for one in ("1200.00", "600.00")]
    assert paid == [("1200.00", "0.00", "0.00"), ("600.00", "0.00", "0.00")]


@pytest.mark.scenario(38)
@pytest.mark.rule(7)
def test_corporate_is_never_credited_pays_from_main_and_spends_by_voucher(started: Starting) -> None:
    system = started(welcome_bonus="0.00")
    system.member(C, contract="corporate", main="700.00")
    system.promo(C, "400.00", "q-1")
    system.forget(C)
    system.clock_to(NINE)
    assert system.happened(C) == ([], [])
    assert split(system.charge("b-1", C, "650.00", "tariff_fee").body) == ("0.00", "650.00", "0.00")
    assert system.happened(C) == ([("main", "revenue", "650.00")], [])
    ask = {"voucher_id": "v-1", "msisdn": C, "amount": "401.00", "handset_price": "5000.00"}
    system.refused(system.api("POST", "/v1/vouchers", ask), 422, "INSUFFICIENT_FUNDS")
    voucher = system.api("POST", "/v1/vouchers", ask | {"amount": "400.00"})
    assert (voucher.status, voucher.body["state"], voucher.body["amount"]) == (201, "issued", "400.00")
    assert system.happened(C) == (
        [("main", "revenue", "650.00"), ("bonus", "voucher", "400.00")],
        [f"Ваучер на телефон 400 р: {voucher.body['code']}, до 28.09.2025"],
    )


@pytest.mark.scenario(38)
@pytest.mark.rule(35)
def test_a_voucher_may_cover_the_whole_price_of_the_handset_and_no_more(started: Starting) -> None:
    system = started(welcome_bonus="0.00")
    system.member(C, contract="corporate")
    system.promo(C, "6000.00", "q-1")
    ask = {"voucher_id": "v-1", "msisdn": C, "amount": "5000.00", "handset_price": "5000.00"}
    over = ask | {"amount": "5000.01"}
    system.refused(system.api("POST", "/v1/vouchers", over), 422, "EXCEEDS_PRICE")
    assert system.api("POST", "/v1/vouchers", ask).status == 201
    assert system.sums(C)[0] == "1000.00"


@pytest.mark.scenario(39)
@pytest.mark.rule(31)
def test_cashback_goes_to_no_other_number_and_to_no_card(system: Hosted) -> None:
    system.member(A, main="100.00")
    system.cashback(A, "100.00")
    for path, code in (("/v1/transfers", "TRANSFER_NOT_AVAILABLE"), ("/v1/cash-outs", "NO_CASH_OUT")):
        for body in ({"msisdn": A, "to": "79160000002", "amount": "100.00"}, {"msisdn": A, "card": "4111"}, {}):
            system.refused(system.api("POST", path, body), 422, code)
    assert system.happened(A) == ([], [])
