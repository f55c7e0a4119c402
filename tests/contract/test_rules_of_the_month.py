"""Rules 24 to 27: what happens on the 1st, in which order, and whatever happens to the program meanwhile."""

import pytest
from hosted import Hosted
from said import FIRST, NINE, Starting
from system import A, B, C

CREDIT_50 = ("bonus", "cashback", "50.00")
CREDITED_50 = "Кэшбэк 50 р зачислен на счет и тратится первым. *100*1#"


@pytest.mark.rule(24)
def test_expire_credit_charge_notify_in_this_order_for_every_subscription(started: Starting) -> None:
    system = started(clock_start="2025-01-01T12:00:00+03:00")
    for msisdn in (A, B):
        system.member(msisdn, tariff="smart", main="1000.00", credit_limit="5000.00")
        system.paid("ozon", msisdn, f"o-{msisdn}", "1000.00")  # its ninetieth day ends with the month of March
    system.clock_to("2025-03-31T23:59:59+03:00")
    assert system.balance(A)["pending"] == "50.00"
    system.promo(A, "100.00", "q-1")
    system.clock_to(FIRST)
    assert system.accrual("ozon", f"o-{A}")["state"] == "pending"
    system.clock_to("2025-04-02T00:00:00+03:00")
    assert system.accrual("ozon", f"o-{A}")["reason"] == "LATE"
    april = [one for one in system.entries(A) if one["booked_at"] >= "2025-04-01"]
    assert [(one["from"], one["to"], one["amount"]) for one in april] == [
        ("bonus", "cashback", "100.00"),
        ("cashback", "revenue", "100.00"),
        ("main", "revenue", "550.00"),
    ]
    run = system.ok("GET", "/v1/month-runs/2025-04")
    assert run["status"] == "done"
    assert run["credited"] == {"count": 1, "amount": "100.00"}
    assert (run["charged"]["count"], run["charged"]["amount"]) == (2, "1300.00")


@pytest.mark.rule(24)
def test_what_is_out_of_date_on_the_first_is_expired_before_anything_is_credited(started: Starting) -> None:
    system = started(clock_start="2025-03-01T12:00:00+03:00", confirm_days_max="30")
    system.member(A)
    system.paid("ozon", A, "o-1", "1000.00")  # thirty days: until the end of 31 March
    system.clock_to(FIRST)
    assert system.accrual("ozon", "o-1")["reason"] == "LATE"
    assert system.ok("GET", "/v1/month-runs/2025-04")["expired"] == {"count": 1, "amount": "50.00"}
    assert system.happened(A)[0] == [CREDIT_50]


@pytest.mark.rule(25)
def test_the_whole_bonus_of_the_first_instant_moves_once_and_what_comes_then_waits(system: Hosted) -> None:
    system.member(A)
    system.promo(A, "30.50", "q-1")
    system.forget(A)
    system.clock_to(FIRST)
    system.promo(A, "70.00", "q-2")
    for _ in range(2):
        assert system.api("POST", "/v1/month-runs", {"period": "2025-04"}).headers["Idempotency-Hit"] == "true"
    system.clock_to(NINE)
    assert system.posted(A) == [("bonus", "cashback", "80.50"), ("programme_expense", "bonus", "70.00")]
    assert sorted(system.told(A)) == [
        "Кэшбэк 80,50 р зачислен на счет и тратится первым. *100*1#",
        "Начислено 70 р кэшбэка: Quiz. Доступно с 01.05. Баланс: *100*1#",
    ]
    system.clock_to("2025-04-30T23:59:59+03:00")
    assert system.sums(A)[:2] == ("70.00", "80.50")
    system.refused(system.api("POST", "/v1/month-runs", {"period": "2025-05"}), 422, "NOT_DUE")
    system.clock_to("2025-05-01T00:00:00+03:00")
    assert system.sums(A)[:2] == ("0.00", "150.50")


@pytest.mark.rule(25)
@pytest.mark.switch("zone", "Europe/Moscow")
@pytest.mark.switch("zone", "America/New_York")
def test_the_first_is_the_operators_whatever_their_zone(started: Starting) -> None:
    system = started(zone="Asia/Vladivostok", environ={"FIRSTCHARGE__PROGRAMME__ZONE": "America/New_York"})
    system.member(A, main="650.00", tariff="smart")
    assert system.ok("GET", "/v1/clock")["now"] == "2025-03-03T04:00:00-05:00"
    system.clock_to("2025-04-01T03:59:59Z")
    assert system.posted(A) == []
    assert system.balance(A)["bonus_due_on"] == "2025-04-01"
    system.clock_to("2025-04-01T04:00:00Z")
    assert system.posted(A) == [CREDIT_50, ("cashback", "revenue", "50.00"), ("main", "revenue", "600.00")]


@pytest.mark.rule(26)
@pytest.mark.switch("credit_on_demand", "true")
def test_a_member_has_the_bonus_credited_at_once_any_number_of_times_by_api_and_by_ussd(system: Hosted) -> None:
    system.member(A)
    first = system.credit(A, "c-1")
    assert (first.status, first.body["credited"]) == (201, "50.00")
    again = system.credit(A, "c-1")
    assert (again.status, again.body, again.headers["Idempotency-Hit"]) == (200, first.body, "true")
    assert system.happened(A) == ([CREDIT_50], [CREDITED_50])
    assert system.credit(A, "c-2").body["credited"] == "0.00"
    assert system.happened(A) == ([CREDIT_50], [CREDITED_50])
    system.promo(A, "30.00", "q-1")
    system.forget(A)
    asked = system.dial(A, "*100*5#")
    assert (asked["open"], "30" in asked["text"]) == (True, True)
    assert system.posted(A) == []
    assert system.answer(A, "1")["open"] is False
    assert system.happened(A) == (
        [("bonus", "cashback", "30.00")],
        ["Кэшбэк 30 р зачислен на счет и тратится первым. *100*1#"],
    )
    system.promo(A, "40.00", "q-2")
    assert system.dial(A, "*100*5*1#")["open"] is False
    assert system.sums(A)[:2] == ("0.00", "120.00")
    system.forget(A)
    system.clock_to(NINE)
    assert system.happened(A) == ([], [])


@pytest.mark.rule(26)
def test_credit_on_demand_is_not_for_corporate_off_net_or_who_is_no_member(system: Hosted) -> None:
    system.member(C, contract="corporate")
    system.refused(system.credit(C), 422, "NOT_ELIGIBLE")
    system.subscriber(A)
    system.refused(system.credit(A), 422, "NOT_MEMBER")
    system.refused(system.credit(B), 404, "UNKNOWN_SUBSCRIBER")
    assert system.dial(C, "*100*5*1#")["open"] is False
    assert system.happened(C) == ([], [])


@pytest.mark.rule(26)
@pytest.mark.switch("credit_on_demand", "false")
def test_credit_on_demand_may_be_switched_off(started: Starting) -> None:
    system = started(credit_on_demand="false")
    system.member(A)
    system.refused(system.credit(A), 422, "NOT_ELIGIBLE")
    for code in ("*100*5#", "*100*5*1#"):
        screen = system.dial(A, code)
        if screen["open"]:
            screen = system.answer(A, "1")
        assert screen["open"] is False
    assert system.happened(A) == ([], [])
    system.clock_to(NINE)
    assert system.happened(A) == ([CREDIT_50], [CREDITED_50])


@pytest.mark.rule(26)
@pytest.mark.rule(27)
def test_down_on_the_first_the_job_runs_at_the_next_start_once_and_before_any_charge(system: Hosted) -> None:
    system.member(A, tariff="smart", main="800.00")
    for _ in range(2):
        system.start_again(clock_start="2025-04-03T12:00:00+03:00")
        drawn = system.charge("c-1", A, "10.00").body
        assert (drawn["cashback"], drawn["main"]) == ("0.00", "10.00")
    postings = [
        CREDIT_50,
        ("cashback", "revenue", "50.00"),
        ("main", "revenue", "600.00"),
        ("main", "revenue", "10.00"),
    ]
    assert system.posted(A) == postings
    kinds = [one["kind"] for one in system.outbox(A)]
    assert sorted(kinds) == ["bill", "credited", "registered", "used_up"]
    assert system.ok("GET", "/v1/month-runs/2025-04")["status"] == "done"


@pytest.mark.rule(27)
def test_months_that_passed_while_the_program_was_down_come_one_after_another(system: Hosted) -> None:
    system.member(A, tariff="smart", main="5000.00")
    system.start_again(clock_start="2025-06-15T12:00:00+03:00")
    assert system.posted(A) == [
        CREDIT_50,
        ("cashback", "revenue", "50.00"),
        ("main", "revenue", "600.00"),
        ("main", "revenue", "650.00"),
        ("main", "revenue", "650.00"),
    ]
    assert [one["kind"] for one in system.outbox(A)].count("credited") == 1
