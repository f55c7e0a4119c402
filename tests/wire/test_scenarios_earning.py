"""Scenarios 07, 08, 10–12, 14–16, 18, 19, 22, 40, 41: from a purchase to the bonus account and back."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from system import A, Reply, System

EARNED_50 = ("programme_expense", "bonus", "50.00")


def _state(reply: Reply) -> tuple[Any, Any, Any]:
    assert reply.status == 200, reply
    return reply.body["state"], reply.body["reason"], reply.body["reward"]


def test_07_delivery_never_counts_and_confirmation_posts_and_tells(system: System) -> None:
    system.member(A)
    system.clear(A)
    system.clock_to("2025-03-05T15:00:00+03:00")
    paid = system.paid("ozon", A, "o-7", "1000.00", delivery="300.00")
    assert _state(paid) == ("pending", None, "50.00")
    assert system.postings(A) == [EARNED_50]  # the welcome bonus alone
    assert system.inbox(A) == []
    system.clock_to("2025-03-20T10:00:00+03:00")
    confirmed = system.shop("ozon", "o-7", "confirm")
    assert _state(confirmed) == ("accrued", None, "50.00")
    assert confirmed.body["spendable_from"] == "2025-04-01"
    assert system.postings(A) == [EARNED_50, EARNED_50]
    assert system.inbox(A) == ["Начислено 50 р кэшбэка: Ozon. Доступно с 01.04. Баланс: *100*1#"]
    system.verify()


def _with_secret(partners: list[dict[str, Any]], code: str) -> list[dict[str, Any]]:
    return [one | {"secrets": [f"demo-secret-{code}"]} if one["code"] == code else one for one in partners]


def test_16_a_confirmation_delivered_thrice_has_one_effect_and_other_figures_conflict(system: System) -> None:
    system.member(A)
    system.clear(A)
    system.paid("ozon", A, "o-1", "1000.00")
    with ThreadPoolExecutor(2) as pool:
        both = [one.result() for one in [pool.submit(system.shop, "ozon", "o-1", "confirm") for _ in range(2)]]
    third = system.shop("ozon", "o-1", "confirm")
    assert both[0].body == both[1].body == third.body
    assert [one.status for one in (*both, third)] == [200, 200, 200]
    assert system.postings(A) == [EARNED_50, EARNED_50]
    assert len(system.inbox(A)) == 1
    other = system.shop("ozon", "o-1", "confirm", {"goods": "2000.00"})
    assert (other.status, other.body["code"]) == (409, "CONFLICT")
    assert system.postings(A) == [EARNED_50, EARNED_50]
    system.verify()


@pytest.mark.parametrize("host_zone", ["UTC", "Asia/Vladivostok"])
def test_22_the_month_turns_in_the_operators_zone_whatever_the_hosts(
    started: Callable[..., System], host_zone: str
) -> None:
    system = started(environ={"TZ": host_zone, "FIRSTCHARGE__PROGRAMME__WELCOME_BONUS": "0.00"})
    system.member(A)
    for order, goods in (("o-1", "1000.00"), ("o-2", "1400.00")):
        system.paid("ozon", A, order, goods)
    system.clock_to("2025-03-31T20:59:59Z")
    assert _state(system.shop("ozon", "o-1", "confirm"))[2] == "50.00"
    system.clock_to("2025-03-31T21:00:00Z")
    assert _state(system.shop("ozon", "o-2", "confirm"))[2] == "70.00"
    assert system.sums(A)[:2] == ("70.00", "50.00")
    system.clock_to("2025-05-01T00:00:00+03:00")
    assert system.sums(A)[:2] == ("0.00", "120.00")
    system.verify()
