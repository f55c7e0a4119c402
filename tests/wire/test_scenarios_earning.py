"""Scenarios 07, 08, 10–12, 14–16, 18, 19, 22, 40, 41: from a purchase to the bonus account and back."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from signing import postback
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


def test_08_rounding_at_five_percent(system: System) -> None:
    system.member(A)
    system.clear(A)
    table = {
        "10.00": 0,
        "10.20": 0,
        "19.80": 0,
        "20.00": 1,
        "29.80": 1,
        "30.00": 2,
        "50.00": 3,
        "90.00": 5,
    }
    for goods, reward in table.items():
        reply = system.paid("ozon", A, f"o-{goods}", goods)
        if reward:
            assert _state(reply) == ("pending", None, f"{reward}.00"), goods
        else:
            assert _state(reply) == ("rejected", "BELOW_MIN", "0.00"), goods
    assert system.postings(A) == [EARNED_50]
    assert system.inbox(A) == []


def test_10_and_11_minimum_purchase_and_fixed_reward(system: System) -> None:
    catalogue = system.ok("GET", "/v1/catalogue")
    catalogue["partners"].append(
        {"code": "min", "name": "Min", "category": "shop", "percent": "5", "min_purchase": "1000.00"}
    )
    system.ok("PUT", "/v1/catalogue", catalogue | {"partners": _with_secret(catalogue["partners"], "min")})
    system.member(A)
    below = system.paid("min", A, "m-1", "999.99", delivery="500.00")
    assert _state(below) == ("rejected", "BELOW_MIN_PURCHASE", "0.00")
    assert _state(system.paid("min", A, "m-2", "1000.00")) == ("pending", None, "50.00")
    assert _state(system.paid("domino", A, "d-1", "1000.00")) == ("pending", None, "100.00")
    assert _state(system.paid("domino", A, "d-2", "9000.00")) == ("pending", None, "100.00")
    assert _state(system.paid("domino", A, "d-3", "999.99")) == ("rejected", "BELOW_MIN_PURCHASE", "0.00")


def _with_secret(partners: list[dict[str, Any]], code: str) -> list[dict[str, Any]]:
    return [one | {"secrets": [f"demo-secret-{code}"]} if one["code"] == code else one for one in partners]


def test_12_ceilings_hold_to_the_last_digit_and_a_refused_catalogue_changes_nothing(system: System) -> None:
    def put(category: str, percent: str) -> Reply:
        partner = {"code": "edge", "name": "Edge", "category": category, "percent": percent, "secrets": ["s" * 16]}
        catalogue = system.ok("GET", "/v1/catalogue")
        others = [one for one in catalogue["partners"] if one["code"] != "edge"]
        return system.api("PUT", "/v1/catalogue", {"partners": [*others, partner], "promos": catalogue["promos"]})

    for category, percent in (("shop", "25"), ("travel", "15"), ("leisure", "50")):
        assert put(category, percent).status == 200
    running = system.ok("GET", "/v1/catalogue")
    for category, percent, limit in (("shop", "25.01", "25"), ("travel", "15.5", "15"), ("leisure", "51", "50")):
        refused = put(category, percent)
        assert (refused.status, refused.body["code"]) == (422, "CEILING")
        assert refused.body["field"] == f"partners[{len(running['partners']) - 1}].percent"
        assert limit in refused.body["detail"]
        assert "edge" in refused.body["detail"].lower()
    assert system.ok("GET", "/v1/catalogue") == running


def test_14_partner_apps_and_purchases_past_the_programme_do_not_count(system: System) -> None:
    system.member(A)
    assert _state(system.paid("ozon", A, "o-1", "1000.00", channel="partner_app")) == ("rejected", "CHANNEL", "0.00")
    assert _state(system.paid("aliexpress", A, "a-1", "1000.00", channel="partner_app")) == ("pending", None, "70.00")
    assert _state(system.paid("ozon", A, "o-2", "1000.00", click=False)) == ("rejected", "NO_CLICK", "0.00")
    assert len(system.postings(A)) == 1


def test_15_paid_before_joining_never_counts(system: System) -> None:
    system.subscriber(A)
    click = system.ok(
        "POST", "/v1/clicks", {"msisdn": A, "partner": "ozon", "clicked_at": "2025-03-03T11:58:00+03:00"}
    )
    assert click["reward"] == {"percent": "5"}
    assert system.join(A).status == 201
    told = postback(
        system.http_port,
        "ozon",
        {
            "event": "paid",
            "order_id": "o-2",
            "click_id": click["click_id"],
            "goods": "1000.00",
            "channel": "web",
            "paid_at": "2025-03-03T11:59:00+03:00",
        },
    )
    assert _state(told) == ("rejected", "NOT_MEMBER_AT_PURCHASE", "0.00")
    by_shop = system.paid("ozon", A, "o-1", "1000.00", paid_at="2025-03-03T11:59:00+03:00")
    assert _state(by_shop) == ("rejected", "NOT_MEMBER_AT_PURCHASE", "0.00")


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


def test_18_a_rejection_posts_nothing_and_tells_once(system: System) -> None:
    system.member(A)
    system.clear(A)
    system.paid("ozon", A, "o-1", "1000.00")
    assert _state(system.shop("ozon", "o-1", "reject"))[:2] == ("rejected", "REJECTED_BY_SHOP")
    assert system.postings(A) == [EARNED_50]
    assert system.inbox(A) == ["Кэшбэк 50 р отклонен магазином Ozon. Подробнее: *100*4#"]


def test_19_day_ninety_still_counts_and_is_credited_on_the_next_first(started: Callable[..., System]) -> None:
    system = started(clock_start="2025-01-15T13:00:00+03:00")
    system.member(A)
    system.paid("ozon", A, "late", "1000.00", paid_at="2025-01-15T13:00:00+03:00")
    system.paid("ozon", A, "too-late", "1000.00")
    system.clock_to("2025-04-15T23:59:59+03:00")
    assert _state(system.shop("ozon", "late", "confirm")) == ("accrued", None, "50.00")
    assert system.accrual("ozon", "late")["state"] == "accrued"
    system.clock_to("2025-04-16T00:00:00+03:00")
    assert _state(system.shop("ozon", "too-late", "confirm"))[:2] == ("expired", "LATE")
    system.clock_to("2025-05-01T00:00:00+03:00")
    assert system.accrual("ozon", "late")["state"] == "credited"
    assert system.sums(A)[:2] == ("0.00", "100.00")
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


def test_40_a_return_while_pending_rejects_and_after_accrual_takes_from_the_bonus(system: System) -> None:
    system.member(A)
    system.promo(A, "50.00", "q-1")
    system.paid("ozon", A, "o-0", "1000.00")
    assert _state(system.shop("ozon", "o-0", "return"))[:2] == ("rejected", "RETURNED")
    system.accrue(A, "50.00", "o-1")
    assert system.sums(A)[0] == "150.00"
    system.clear(A)
    assert _state(system.shop("ozon", "o-1", "return"))[:2] == ("reversed", "RETURNED")
    assert system.postings(A)[-1] == ("bonus", "programme_expense", "50.00")
    assert system.inbox(A) == ["Возврат Ozon: кэшбэк уменьшен на 50 р. Баланс: *100*1#"]
    system.clock_to("2025-04-01T00:00:00+03:00")
    assert system.sums(A)[:2] == ("0.00", "100.00")
    system.verify()


def test_41_a_return_after_crediting_takes_from_cashback_and_never_from_main(system: System) -> None:
    system.member(A, main="10.00")
    system.promo(A, "50.00", "q-1")
    system.accrue(A, "50.00", "o-1")
    system.clock_to("2025-04-01T09:00:00+03:00")
    assert system.sums(A) == ("0.00", "150.00", "10.00")
    system.clear(A)
    system.shop("ozon", "o-1", "return")
    assert system.postings(A)[-1] == ("cashback", "programme_expense", "50.00")
    assert system.sums(A) == ("0.00", "100.00", "10.00")
    assert system.inbox(A) == ["Возврат Ozon: кэшбэк уменьшен на 50 р. Баланс: *100*1#"]
    system.verify()
