"""Scenarios 01 to 06 and 50: who may join and leave, what that posts and tells, and that it does nothing else."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from hosted import Hosted
from said import NINE, WELCOME, Starting
from system import OFF_NET, A, C, D

REGISTERED = "Вы участник программы Кэшбэк. Бонус 50 р. Баланс: *100*1#"
FULL = {"form": "full", "full_name": "Иван Петров", "birth_date": "1990-02-28", "email": "ivan@example.com"}


@pytest.mark.scenario(1)
def test_joining_gives_the_welcome_one_sms_and_a_balance_at_once(system: Hosted) -> None:
    system.subscriber(A, contract="individual", network="on_net")
    joined = system.join(A)
    assert joined.status == 201
    assert joined.body["membership"] == "active"
    assert joined.body["welcome_bonus"] == "50.00"
    assert datetime.fromisoformat(joined.body["joined_at"]) == datetime.fromisoformat("2025-03-03T12:00:00+03:00")
    assert system.screen(A, "*100*1#") == "Кэшбэк:0р\nС 01.04:+50р\nОжидает:0р"
    assert system.happened(A) == ([WELCOME], [REGISTERED])


@pytest.mark.scenario(2)
def test_without_terms_there_is_no_membership_no_posting_no_sms(system: Hosted) -> None:
    system.subscriber(A)
    for terms in ({"accept_terms": False}, {"accept_terms": None}):
        system.refused(system.join(A, **terms), 422, "TERMS_REQUIRED")
    assert system.ok("GET", f"/v1/subscribers/{A}")["membership"] == "none"
    assert system.happened(A) == ([], [])


@pytest.mark.scenario(3)
def test_a_block_refuses_by_its_name_and_posts_and_tells_nothing(system: Hosted) -> None:
    for msisdn, block in ((A, "investigation"), (C, "mnp"), (D, "final")):
        system.subscriber(msisdn, blocks=[block])
        system.refused(system.join(msisdn), 422, f"BLOCKED_{block.upper()}")
        assert system.ok("GET", f"/v1/subscribers/{msisdn}")["membership"] == "none"
        assert system.happened(msisdn) == ([], [])


@pytest.mark.scenario(3)
def test_a_voluntary_suspension_alone_does_not_refuse(system: Hosted) -> None:
    system.subscriber(A, blocks=["voluntary"])
    assert system.join(A).status == 201
    assert system.happened(A) == ([WELCOME], [REGISTERED])


@pytest.mark.scenario(4)
def test_registering_again_twice_at_once_gives_no_second_welcome_and_no_second_sms(system: Hosted) -> None:
    system.subscriber(A)
    with ThreadPoolExecutor(2) as pool:
        first = [one.result() for one in [pool.submit(system.join, A) for _ in range(2)]]
    assert sorted(one.status for one in first) == [201, 409]
    with ThreadPoolExecutor(2) as pool:
        again = [one.result() for one in [pool.submit(system.join, A) for _ in range(2)]]
    for reply in again:
        system.refused(reply, 409, "ALREADY_MEMBER")
    assert system.happened(A) == ([WELCOME], [REGISTERED])


@pytest.mark.scenario(5)
def test_corporate_joins_and_an_individual_on_a_corporate_plan_is_treated_as_any_individual(system: Hosted) -> None:
    system.ok("PUT", "/v1/tariffs/corporate-plan", {"fee": "0.00"})
    system.subscriber(C, contract="corporate")
    system.subscriber(D, contract="individual", tariff="corporate-plan")
    system.subscriber(A, contract="individual", tariff="zero")
    for msisdn in (C, D, A):
        assert system.join(msisdn).body["membership"] == "active"
        assert system.happened(msisdn) == ([WELCOME], [REGISTERED])
    system.clock_to(NINE)
    assert system.posted(C) == [WELCOME]
    assert system.happened(D) == system.happened(A)
    assert system.posted(D) == [WELCOME, ("bonus", "cashback", "50.00")]
    for code in ("*100#", "*100*1#"):
        assert system.screen(D, code) == system.screen(A, code)


@pytest.mark.scenario(6)
def test_off_net_joins_by_the_full_form_gets_sms_no_figures_and_no_credit(system: Hosted) -> None:
    system.subscriber(OFF_NET, network="off_net")
    system.refused(system.join(OFF_NET, form="login"), 422, "FULL_FORM_REQUIRED")
    system.refused(system.join(OFF_NET), 422, "FULL_FORM_REQUIRED")
    assert system.happened(OFF_NET) == ([], [])
    assert system.join(OFF_NET, **FULL).body["membership"] == "active"
    assert system.ok("GET", f"/v1/subscribers/{OFF_NET}")["network"] == "off_net"
    for code in ("*100*1#", "*100#", "#100#", "#100*1#", "*100*3#", "*100*4#", "*100*5#", "*100*9#", "*100*0#"):
        assert system.screen(OFF_NET, code) in {
            "Услуга доступна абонентам сети",
            "Usluga dostupna abonentam seti",
        }, code
    system.clock_to(NINE)
    [welcome], [sms] = system.happened(OFF_NET)
    assert (welcome, sms.startswith("Вы участник программы Кэшбэк.")) == (WELCOME, True)


@pytest.fixture
def with_everything(started: Starting) -> Hosted:
    """A with cashback 120, bonus 80, pending 35 on 2025-04-01."""
    system = started()
    system.member(A)
    system.promo(A, "70.00", "q-1")
    system.clock_to(NINE)
    system.promo(A, "80.00", "q-2")
    assert system.paid("ozon", A, "o-1", "700.00").body["state"] == "pending"
    system.forget(A)
    balance = system.balance(A)
    assert (balance["cashback"], balance["bonus"], balance["pending"]) == ("120.00", "80.00", "35.00")
    return system


LEFT = ([("bonus", "lapsed", "80.00")], ["Вы вышли из программы Кэшбэк. Сгорело 80 р."])


@pytest.mark.scenario(50)
def test_leaving_is_warned_of_confirmed_and_then_lapses_the_bonus_only(with_everything: Hosted) -> None:
    system = with_everything
    for channel in ("web", "app", "contact_centre"):
        warned = system.refused(system.api("DELETE", f"/v1/members/{A}?channel={channel}"), 409, "CONFIRM_LAPSE")
        assert warned["lapses"] == {"bonus": "80.00", "pending": "35.00", "cashback": "0.00"}
    assert system.happened(A) == ([], [])
    assert system.ok("GET", f"/v1/members/{A}")["membership"] == "active"
    assert system.leave(A, "contact_centre") == {"lapsed": "80.00"}
    assert system.ok("GET", f"/v1/members/{A}")["membership"] == "left"
    accrual = system.accrual("ozon", "o-1")
    assert (accrual["state"], accrual["reason"]) == ("rejected", "LEFT")
    late = system.shop("ozon", "o-1", "confirm")
    assert (late.status, late.body["state"], late.body["reason"]) == (200, "rejected", "LEFT")
    assert system.happened(A) == LEFT
    assert system.screen(A, "*100*1#") == "Кэшбэк:120р"
    drawn = system.charge("c-1", A, "120.00").body
    assert (drawn["cashback"], drawn["main"]) == ("120.00", "0.00")
    assert system.posted(A) == [*LEFT[0], ("cashback", "revenue", "120.00")]


@pytest.mark.scenario(50)
def test_leaving_by_ussd_is_asked_with_the_sum_even_when_the_choice_was_dialled_with_the_code(
    with_everything: Hosted,
) -> None:
    system = with_everything
    for code in ("*100*9#", "*100*9*1#"):
        asked = system.dial(A, code)
        assert asked["open"] is True
        assert "80" in asked["text"]
        assert system.sim("DELETE", f"/sim/handsets/{A}/dial").status == 200
    assert system.happened(A) == ([], [])
    system.dial(A, "*100*9#")
    assert system.answer(A, "1")["open"] is False
    assert system.ok("GET", f"/v1/subscribers/{A}")["membership"] == "left"
    assert system.happened(A) == LEFT


@pytest.mark.scenario(50)
@pytest.mark.rule(8)
@pytest.mark.switch("leave_credited", "lapse")
def test_where_credited_cashback_lapses_too_it_is_warned_of_posted_and_told(started: Starting) -> None:
    system = started(leave_credited="lapse")
    system.member(A)
    system.cashback(A, "70.00")
    system.promo(A, "80.00", "q-2")
    system.forget(A)
    warned = system.refused(system.api("DELETE", f"/v1/members/{A}?channel=app"), 409, "CONFIRM_LAPSE")
    assert warned["lapses"] == {"bonus": "80.00", "pending": "0.00", "cashback": "120.00"}
    assert system.leave(A, "app") == {"lapsed": "200.00"}
    posted, told = system.happened(A)
    assert sorted(posted) == [("bonus", "lapsed", "80.00"), ("cashback", "lapsed", "120.00")]
    assert told == ["Вы вышли из программы Кэшбэк. Сгорело 200 р."]
