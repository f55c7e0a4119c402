"""Scenarios 01–06 and 50: joining and leaving, through HTTP, USSD and real SMPP."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from system import OFF_NET, A, System

WELCOME = ("programme_expense", "bonus", "50.00")


def test_01_joining_gives_the_welcome_one_sms_and_a_balance_at_once(system: System) -> None:
    system.subscriber(A)
    joined = system.join(A)
    assert joined.status == 201
    assert joined.body["membership"] == "active"
    assert joined.body["welcome_bonus"] == "50.00"
    assert datetime.fromisoformat(joined.body["joined_at"]) == datetime(2025, 3, 3, 9, tzinfo=UTC)
    assert system.postings(A) == [WELCOME]
    assert system.inbox(A) == ["Вы участник программы Кэшбэк. Бонус 50 р. Баланс: *100*1#"]
    assert system.screen(A, "*100*1#") == "Кэшбэк:0р\nС 01.04:+50р\nОжидает:0р"
    system.verify()


def test_04_joining_twice_at_once_gives_one_membership_one_welcome_one_sms(system: System) -> None:
    system.subscriber(A)
    with ThreadPoolExecutor(2) as pool:
        both = [one.result() for one in [pool.submit(system.join, A), pool.submit(system.join, A)]]
    assert sorted(one.status for one in both) == [201, 409]
    again = system.join(A)
    assert (again.status, again.body["code"]) == (409, "ALREADY_MEMBER")
    assert system.postings(A) == [WELCOME]
    assert len(system.inbox(A)) == 1


def test_06_off_net_joins_by_the_full_form_and_never_gets_figures_or_a_credit(system: System) -> None:
    system.subscriber(OFF_NET, network="off_net")
    refused = system.join(OFF_NET)
    assert (refused.status, refused.body["code"]) == (422, "FULL_FORM_REQUIRED")
    joined = system.join(
        OFF_NET, form="full", full_name="Иван Петров", birth_date="1990-02-28", email="ivan@example.com"
    )
    assert joined.status == 201
    assert len(system.inbox(OFF_NET)) == 1
    for code in ("*100*1#", "*100#", "#100#", "*100*4#"):
        text = system.screen(OFF_NET, code)
        assert not any(character.isdigit() for character in text), text
    assert system.screen(OFF_NET, "*100*1#") == "Услуга доступна абонентам сети"
    system.clock_to("2025-04-01T09:00:00+03:00")
    assert system.postings(OFF_NET) == [WELCOME]
    assert len(system.inbox(OFF_NET)) == 1
    system.verify()


@pytest.fixture
def with_everything(started: Callable[..., System]) -> System:
    """A with cashback 120, bonus 80, pending 35 on 2025-04-10."""
    system = started()
    system.member(A)
    system.promo(A, "70.00", "q-1")
    system.clock_to("2025-04-01T09:00:00+03:00")
    system.promo(A, "80.00", "q-2")
    assert system.paid("ozon", A, "o-1", "700.00").body["state"] == "pending"
    system.clear(A)
    return system


def test_50_leaving_by_ussd_is_always_asked_and_says_what_lapses(with_everything: System) -> None:
    system = with_everything
    asked = system.dial(A, "*100*9*1#")
    assert asked["open"] is True
    assert "80" in asked["text"]
    done = system.sim("POST", f"/sim/handsets/{A}/answer", {"text": "1"}).body
    assert done["open"] is False
    assert system.ok("GET", f"/v1/subscribers/{A}")["membership"] == "left"
    assert system.inbox(A) == ["Вы вышли из программы Кэшбэк. Сгорело 80 р."]
