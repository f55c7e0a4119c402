"""Rules 28 to 36: the first charge, what it may and may not take, and how it comes back."""

from typing import Any

import pytest
from hosted import Hosted
from said import NINE, Starting
from system import A, B, C, Reply

USED_UP = "Кэшбэк потрачен. Теперь списывается основной счет."
TYPES = ("tariff_fee", "usage", "service", "content", "subscription")


def split(answer: Any) -> tuple[str, str, str]:
    return answer["cashback"], answer["main"], answer["unpaid"]


@pytest.mark.rule(28)
def test_every_charge_takes_cashback_to_the_kopeck_before_main(system: Hosted) -> None:
    for number, type_ in enumerate(TYPES):
        takes_cashback_first(system, f"7916100000{number}", type_)


def takes_cashback_first(system: Hosted, msisdn: str, type_: str) -> None:
    system.member(msisdn, main="100.00")
    system.cashback(msisdn, "0.50")
    system.paid("ozon", msisdn, f"o-{msisdn}", "1000.00")
    system.promo(msisdn, "70.00", f"q-{msisdn}")
    system.forget(msisdn)
    first = system.charge(f"c-1-{msisdn}", msisdn, "50.49", type_).body
    assert (split(first), first["status"]) == (("50.49", "0.00", "0.00"), "paid")
    assert first["steps"] == [{"from": "cashback", "amount": "50.49"}]
    second = system.charge(f"c-2-{msisdn}", msisdn, "0.03", type_).body
    assert second["steps"] == [{"from": "cashback", "amount": "0.01"}, {"from": "main", "amount": "0.02"}]
    assert system.posted(msisdn) == [
        ("cashback", "revenue", "50.49"),
        ("cashback", "revenue", "0.01"),
        ("main", "revenue", "0.02"),
    ]
    balance = system.balance(msisdn)
    assert (balance["bonus"], balance["pending"]) == ("70.00", "50.00")


@pytest.mark.rule(28)
def test_the_balance_of_the_draw_counts_and_not_the_bills_period(system: Hosted) -> None:
    system.member(A, main="100.00")
    system.clock_to(NINE)
    body = {"charge_id": "c-1", "msisdn": A, "type": "tariff_fee", "amount": "60.00"}
    drawn = system.api("POST", "/v1/charges", body | {"occurred_at": "2025-03-10T00:00:00+03:00"}).body
    assert split(drawn) == ("50.00", "10.00", "0.00")
    assert drawn["booked_at"].startswith("2025-04-01T09:00:00")
    assert system.entries(A)[-1]["effective_at"].startswith("2025-03-10T00:00:00")


@pytest.mark.rule(29)
@pytest.mark.switch("spend_types", "tariff_fee,usage")
def test_cashback_pays_the_listed_types_alone(started: Starting) -> None:
    system = started(spend_types="tariff_fee,usage")
    system.member(A, main="100.00")
    system.cashback(A, "100.00")
    for type_ in TYPES:
        source = "cashback" if type_ in {"tariff_fee", "usage"} else "main"
        assert system.charge(f"c-{type_}", A, "10.00", type_).body["steps"] == [{"from": source, "amount": "10.00"}]


@pytest.mark.rule(30)
@pytest.mark.switch("part_payment", "true")
def test_main_goes_below_zero_to_the_credit_limit_and_the_rest_stays_open(system: Hosted) -> None:
    system.subscriber(A, main="10.00", credit_limit="5.00")
    assert split(system.charge("c-1", A, "12.00").body) == ("0.00", "12.00", "0.00")
    part = system.charge("c-2", A, "10.00").body
    assert (split(part), part["status"]) == (("0.00", "3.00", "7.00"), "part_paid")
    none = system.charge("c-3", A, "1.00").body
    assert (split(none), none["status"], none["steps"]) == (("0.00", "0.00", "1.00"), "unpaid", [])
    assert (system.balance(A)["main"], system.balance(A)["unpaid"]) == ("-5.00", "8.00")
    assert system.screen(A, "*100#") == "Минус:5,00р"


@pytest.mark.rule(30)
def test_only_a_top_up_settles_the_oldest_first_from_main_above_zero_and_never_from_cashback(system: Hosted) -> None:
    system.member(A, credit_limit="5.00")
    assert system.charge("c-1", A, "12.00").body["unpaid"] == "7.00"
    assert system.charge("c-2", A, "3.00").body["unpaid"] == "3.00"
    system.credit(A)
    assert system.charge("c-3", A, "20.00").body["cashback"] == "20.00"
    refund = system.api("POST", "/v1/charges/c-3/refunds", {"refund_id": "r-1", "amount": "20.00"})
    assert refund.body == {"refund_id": "r-1", "unpaid": "0.00", "main": "0.00", "cashback": "20.00"}
    assert system.balance(A)["unpaid"] == "10.00"
    system.forget(A)
    assert system.topup("t-0", A, "5.00")["settled"] == []
    settled = system.topup("t-1", A, "8.00")
    assert settled["settled"] == [{"charge_id": "c-1", "amount": "7.00"}, {"charge_id": "c-2", "amount": "1.00"}]
    assert settled["main"] == "0.00"
    assert system.posted(A) == [
        ("cash_in", "main", "5.00"),
        ("cash_in", "main", "8.00"),
        ("main", "revenue", "7.00"),
        ("main", "revenue", "1.00"),
    ]
    assert system.ok("GET", "/v1/charges/c-1")["status"] == "paid"
    second = system.ok("GET", "/v1/charges/c-2")
    assert (second["status"], second["unpaid"]) == ("part_paid", "2.00")
    assert second["settlements"][0]["amount"] == "1.00"
    assert system.balance(A)["cashback"] == "50.00"
    again = system.api("POST", "/v1/topups", {"topup_id": "t-1", "msisdn": A, "amount": "8.00"})
    assert (again.status, again.body) == (200, settled)


@pytest.mark.rule(30)
@pytest.mark.switch("part_payment", "false")
def test_without_part_payment_too_little_money_posts_nothing(started: Starting) -> None:
    system = started(part_payment="false")
    system.member(A, main="10.00", credit_limit="5.00")
    system.cashback(A, "1.00")
    system.refused(system.charge("c-1", A, "66.01"), 422, "INSUFFICIENT_FUNDS")
    assert system.happened(A) == ([], [])
    assert system.charge("c-1", A, "66.00").body["status"] == "paid"


@pytest.mark.rule(31)
def test_a_top_up_never_becomes_cashback_and_cashback_never_money(system: Hosted) -> None:
    system.member(A)
    system.cashback(A, "100.00")
    before = system.balance(A)
    assert system.topup("t-1", A, "300.00")["main"] == "300.00"
    assert system.balance(A)["cashback"] == before["cashback"]
    for path, code in (("/v1/transfers", "TRANSFER_NOT_AVAILABLE"), ("/v1/cash-outs", "NO_CASH_OUT")):
        for msisdn in (A, B, "nobody"):
            system.refused(system.api("POST", path, {"msisdn": msisdn, "to": C, "amount": "1.00"}), 422, code)
    assert system.posted(A) == [("cash_in", "main", "300.00")]


@pytest.mark.rule(32)
def test_a_refund_restores_what_is_open_then_main_then_cashback_and_never_more(system: Hosted) -> None:
    system.member(A, main="30.00")
    system.credit(A)
    assert split(system.charge("c-1", A, "100.00").body) == ("50.00", "30.00", "20.00")
    system.forget(A)

    def refund(number: int, amount: str) -> Reply:
        return system.api("POST", "/v1/charges/c-1/refunds", {"refund_id": f"r-{number}", "amount": amount})

    assert refund(1, "25.00").body == {"refund_id": "r-1", "unpaid": "20.00", "main": "5.00", "cashback": "0.00"}
    assert refund(1, "25.00").headers["Idempotency-Hit"] == "true"
    system.refused(refund(1, "24.00"), 409, "CONFLICT")
    assert refund(2, "40.00").body == {"refund_id": "r-2", "unpaid": "0.00", "main": "25.00", "cashback": "15.00"}
    system.refused(refund(3, "35.01"), 422, "EXCEEDS_CHARGE")
    assert refund(3, "35.00").body["cashback"] == "35.00"
    system.refused(refund(4, "0.01"), 422, "EXCEEDS_CHARGE")
    assert system.happened(A) == (
        [
            ("revenue", "main", "5.00"),
            ("revenue", "main", "25.00"),
            ("revenue", "cashback", "15.00"),
            ("revenue", "cashback", "35.00"),
        ],
        [],
    )
    assert len(system.ok("GET", "/v1/charges/c-1")["refunds"]) == 3


@pytest.mark.rule(33)
def test_what_is_held_nothing_else_draws_and_a_commit_takes_cashback_first(system: Hosted) -> None:
    system.member(A, main="100.00")
    system.credit(A)
    system.forget(A)

    def hold(number: int, amount: str, **fields: Any) -> Reply:
        body = {"reservation_id": f"h-{number}", "msisdn": A, "amount": amount, "type": "usage", "expires_in_s": 600}
        return system.api("POST", "/v1/reservations", body | fields)

    held = hold(1, "120.00")
    assert (held.status, held.body["state"], held.body["cashback"], held.body["main"]) == (
        201,
        "held",
        "50.00",
        "70.00",
    )
    assert held.body["expires_at"] == "2025-03-03T12:10:00+03:00"
    again = hold(1, "120.00")
    assert (again.status, again.body, again.headers["Idempotency-Hit"]) == (200, held.body, "true")
    system.refused(hold(1, "121.00"), 409, "CONFLICT")
    system.refused(hold(2, "30.01"), 422, "INSUFFICIENT_FUNDS")
    assert split(system.charge("c-1", A, "40.00").body) == ("0.00", "30.00", "10.00")
    assert system.balance(A)["held"] == {"main": "70.00", "cashback": "50.00"}
    voucher = {"voucher_id": "v-1", "msisdn": A, "amount": "1.00"}
    system.refused(system.api("POST", "/v1/vouchers", voucher), 422, "INSUFFICIENT_FUNDS")
    system.refused(system.api("POST", "/v1/reservations/h-1/commit", {"amount": "120.01"}), 422, "EXCEEDS_HOLD")
    done = system.ok("POST", "/v1/reservations/h-1/commit", {"amount": "60.00"})
    assert (done["state"], done["cashback"], done["main"]) == ("committed", "50.00", "10.00")
    assert system.api("POST", "/v1/reservations/h-1/commit", {"amount": "60.00"}).headers["Idempotency-Hit"] == "true"
    system.refused(system.api("POST", "/v1/reservations/h-1/release"), 409, "WRONG_STATE")
    assert system.posted(A) == [
        ("main", "revenue", "30.00"),
        ("cashback", "revenue", "50.00"),
        ("main", "revenue", "10.00"),
    ]
    assert hold(3, "60.00").status == 201
    assert system.ok("POST", "/v1/reservations/h-3/release")["state"] == "released"
    assert hold(4, "60.00").status == 201
    system.clock_to("2025-03-03T12:10:00+03:00")
    assert system.ok("GET", "/v1/reservations/h-4")["state"] == "expired"
    system.refused(system.api("POST", "/v1/reservations/h-4/commit", {"amount": "1.00"}), 409, "EXPIRED")
    system.refused(system.api("GET", "/v1/reservations/h-9"), 404, "UNKNOWN_RESERVATION")
    assert system.balance(A)["held"] == {"main": "0.00", "cashback": "0.00"}


@pytest.mark.rule(34)
def test_the_same_charge_again_is_the_same_answer_and_other_figures_a_conflict(system: Hosted) -> None:
    system.member(A, main="100.00")
    system.subscriber(B, main="100.00")
    body = {"charge_id": "c-1", "msisdn": A, "type": "usage", "amount": "10.00"}
    first = system.api("POST", "/v1/charges", body)
    system.topup("t-1", A, "5.00")
    again = system.api("POST", "/v1/charges", body)
    assert (first.status, again.status, again.body) == (201, 200, first.body)
    assert again.headers["Idempotency-Hit"] == "true"
    for other in ({"amount": "10.01"}, {"type": "content"}, {"msisdn": B}):
        system.refused(system.api("POST", "/v1/charges", body | other), 409, "CONFLICT")
    system.refused(system.charge("c-2", "79169999999", "1.00"), 404, "UNKNOWN_SUBSCRIBER")
    system.subscriber("79169999999", main="1.00")
    assert system.charge("c-2", "79169999999", "1.00").status == 201
    assert system.posted(A) == [("main", "revenue", "10.00"), ("cash_in", "main", "5.00")]
    assert system.posted(B) == [("cash_in", "main", "100.00")]


@pytest.mark.rule(35)
@pytest.mark.switch("voucher_days", "180")
def test_a_voucher_is_redeemed_once_all_or_part_and_the_rest_goes_back_where_it_came_from(system: Hosted) -> None:
    system.member(A)
    system.cashback(A, "750.00")

    def issue(number: int, amount: str) -> Any:
        return system.ok("POST", "/v1/vouchers", {"voucher_id": f"v-{number}", "msisdn": A, "amount": amount})

    def redeem(redemption_id: str, code: str, amount: str, price: str = "9000.00") -> Reply:
        body = {"redemption_id": redemption_id, "code": code, "amount": amount, "handset_price": price}
        return system.api("POST", "/v1/voucher-redemptions", body)

    first, second, third = (issue(number, "200.00") for number in range(3))
    assert len({first["code"], second["code"], third["code"]}) == 3
    assert first["valid_until"] == "2025-08-30T23:59:59+03:00"
    system.refused(redeem("d-0", first["code"], "200.01"), 422, "INSUFFICIENT_FUNDS")
    system.refused(redeem("d-0", first["code"], "150.00", "149.99"), 422, "EXCEEDS_PRICE")
    system.refused(redeem("d-0", "NOSUCHCODE99", "1.00"), 404, "UNKNOWN_VOUCHER")
    taken = redeem("d-1", first["code"], "150.00")
    assert (taken.status, taken.body["amount"], taken.body["returned"]) == (201, "150.00", "50.00")
    assert redeem("d-1", first["code"], "150.00").headers["Idempotency-Hit"] == "true"
    system.refused(redeem("d-2", first["code"], "50.00"), 409, "WRONG_STATE")
    system.refused(system.api("DELETE", "/v1/vouchers/v-0"), 409, "WRONG_STATE")
    assert redeem("d-3", second["code"], "200.00").body["returned"] == "0.00"
    assert system.ok("DELETE", "/v1/vouchers/v-2")["state"] == "cancelled"
    system.refused(redeem("d-4", third["code"], "1.00"), 409, "WRONG_STATE")
    last = issue(3, "450.00")
    assert system.sums(A)[1] == "0.00"
    system.clock_to("2025-08-30T23:59:59+03:00")
    assert system.ok("GET", "/v1/vouchers/v-3")["state"] == "issued"
    system.clock_to("2025-08-31T00:00:00+03:00")
    assert system.ok("GET", "/v1/vouchers/v-3")["state"] == "expired"
    system.refused(redeem("d-5", last["code"], "1.00"), 409, "EXPIRED")
    vouchers = [one for one in system.posted(A) if "voucher" in one]
    assert vouchers == [
        *[("cashback", "voucher", "200.00")] * 3,
        ("voucher", "cashback", "50.00"),
        ("voucher", "cashback", "200.00"),
        ("cashback", "voucher", "450.00"),
        ("voucher", "cashback", "450.00"),
    ]
    assert len(system.told(A)) == 4  # a voucher's own SMS each, and nothing of its end
    assert system.ok("GET", "/v1/vouchers/v-0")["state"] == "redeemed"


@pytest.mark.rule(35)
@pytest.mark.switch("voucher_days", "1")
def test_a_vouchers_days_may_be_fewer(started: Starting) -> None:
    system = started(voucher_days="1")
    system.member(C, contract="corporate")
    ask = {"voucher_id": "v-1", "msisdn": C, "amount": "50.00"}
    assert system.ok("POST", "/v1/vouchers", ask)["valid_until"] == "2025-03-04T23:59:59+03:00"
    system.clock_to("2025-03-05T00:00:00+03:00")
    assert system.posted(C) == [("bonus", "voucher", "50.00"), ("voucher", "bonus", "50.00")]


@pytest.mark.rule(36)
def test_used_up_is_told_once_a_month_and_only_where_cashback_paid_something_in_it(system: Hosted) -> None:
    system.member(A, main="100.00")
    system.charge("c-0", A, "1.00")
    assert system.told(A) == []
    system.credit(A)
    system.forget(A)
    system.charge("c-1", A, "50.00")
    assert system.told(A) == []
    system.charge("c-2", A, "1.00")
    assert system.told(A) == [USED_UP]
    system.cashback(A, "10.00")
    system.charge("c-3", A, "11.00")
    system.charge("c-4", A, "1.00")
    assert system.told(A) == []
    system.clock_to(NINE)
    system.charge("c-5", A, "1.00")
    assert system.told(A) == []
    system.cashback(A, "10.00")
    system.charge("c-6", A, "10.00")
    system.charge("c-7", A, "1.00")
    assert system.told(A) == [USED_UP]
