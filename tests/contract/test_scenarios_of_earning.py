"""Scenarios 07 to 22, 40 and 41: from a purchase to the bonus account and back."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hosted import Hosted
from said import FIRST, NINE, WELCOME, Starting
from system import A, Reply

EARNED_50 = ("programme_expense", "bonus", "50.00")
ACCRUED_50 = "Начислено 50 р кэшбэка: Ozon. Доступно с 01.04. Баланс: *100*1#"
REDUCED_50 = "Возврат Ozon: кэшбэк уменьшен на 50 р. Баланс: *100*1#"
NOTHING: tuple[list[Any], list[Any]] = ([], [])


def fate(reply: Reply) -> tuple[Any, Any, Any]:
    assert reply.status == 200, reply
    return reply.body["state"], reply.body["reason"], reply.body["reward"]


def catalogue_with(system: Hosted, *partners: dict[str, Any], promos: list[dict[str, Any]] | None = None) -> Reply:
    """The demo's catalogue and these besides."""
    known = system.ok("GET", "/v1/catalogue")
    codes = {one["code"] for one in partners}
    others = [one for one in known["partners"] if one["code"] not in codes]
    added = [{"name": one["code"].title(), "secrets": [f"demo-secret-{one['code']}"], **one} for one in partners]
    return system.api(
        "PUT", "/v1/catalogue", {"partners": [*others, *added], "promos": [*known["promos"], *(promos or [])]}
    )


@pytest.mark.scenario(7)
def test_delivery_never_counts_and_only_the_confirmation_posts_and_tells(system: Hosted) -> None:
    system.member(A)
    system.clock_to("2025-03-05T15:00:00+03:00")
    assert fate(system.paid("ozon", A, "o-7", "1000.00", delivery="300.00")) == ("pending", None, "50.00")
    assert system.happened(A) == NOTHING
    assert system.balance(A)["pending"] == "50.00"
    system.clock_to("2025-03-20T10:00:00+03:00")
    confirmed = system.shop("ozon", "o-7", "confirm")
    assert fate(confirmed) == ("accrued", None, "50.00")
    assert confirmed.body["spendable_from"] == "2025-04-01"
    assert system.happened(A) == ([EARNED_50], [ACCRUED_50])


@pytest.mark.scenario(8)
def test_rounding_at_five_percent_and_nothing_below_one_rouble(system: Hosted) -> None:
    system.member(A)
    for goods in ("10.00", "10.20", "19.80"):
        assert fate(system.paid("ozon", A, f"o-{goods}", goods)) == ("rejected", "BELOW_MIN", "0.00")
    table = {"20.00": "1.00", "29.80": "1.00", "30.00": "2.00", "50.00": "3.00", "90.00": "5.00"}
    for goods, reward in table.items():
        assert fate(system.paid("ozon", A, f"o-{goods}", goods)) == ("pending", None, reward)
    assert system.happened(A) == NOTHING
    assert system.balance(A)["pending"] == "12.00"


@pytest.mark.scenario(10)
def test_below_the_partners_minimum_purchase_there_is_nothing_and_delivery_does_not_lift_it(system: Hosted) -> None:
    minimum = {"code": "min", "category": "shop", "percent": "5", "min_purchase": "1000.00"}
    assert catalogue_with(system, minimum).status == 200
    system.member(A)
    below = system.paid("min", A, "m-1", "999.99", delivery="500.00")
    assert fate(below) == ("rejected", "BELOW_MIN_PURCHASE", "0.00")
    assert fate(system.paid("min", A, "m-2", "1000.00")) == ("pending", None, "50.00")
    assert system.happened(A) == NOTHING


@pytest.mark.scenario(11)
def test_a_fixed_reward_is_the_same_for_every_purchase_from_the_minimum_on(system: Hosted) -> None:
    system.member(A)
    for number, goods in enumerate(("1000.00", "9000.00")):
        assert fate(system.paid("domino", A, f"d-{number}", goods)) == ("pending", None, "100.00")
    assert fate(system.paid("domino", A, "d-low", "999.99")) == ("rejected", "BELOW_MIN_PURCHASE", "0.00")
    assert system.happened(A) == NOTHING


@pytest.mark.scenario(12)
@pytest.mark.rule(13)
def test_ceilings_hold_to_the_last_digit_and_a_refused_catalogue_leaves_the_running_one(system: Hosted) -> None:
    edges = (("shop", "25"), ("travel", "15"), ("leisure", "50"))
    partners = [{"code": f"edge-{name}", "category": name, "percent": percent} for name, percent in edges]
    assert catalogue_with(system, *partners).status == 200
    running = system.ok("GET", "/v1/catalogue")
    for category, percent, limit in (("shop", "25.01", "25"), ("travel", "15.5", "15"), ("leisure", "51", "50")):
        breach = {"code": "over", "name": "Over", "category": category, "percent": percent}
        refused = system.refused(catalogue_with(system, breach), 422, "CEILING")
        assert refused["field"] == f"partners[{len(running['partners'])}].percent"
        assert "over" in refused["detail"]
        assert limit in refused["detail"]
        assert system.ok("GET", "/v1/catalogue") == running
    system.member(A)
    assert fate(system.paid("edge-shop", A, "e-1", "100.00")) == ("pending", None, "25.00")


@pytest.mark.scenario(14)
def test_partner_apps_and_purchases_past_the_programme_do_not_count(system: Hosted) -> None:
    system.member(A)
    assert fate(system.paid("ozon", A, "o-1", "1000.00", channel="partner_app")) == ("rejected", "CHANNEL", "0.00")
    assert fate(system.paid("aliexpress", A, "a-1", "1000.00", channel="partner_app")) == ("pending", None, "70.00")
    assert fate(system.paid("ozon", A, "o-2", "1000.00", click=False)) == ("rejected", "NO_CLICK", "0.00")
    assert system.happened(A) == NOTHING


@pytest.mark.scenario(15)
def test_an_order_paid_a_minute_before_joining_does_not_count(system: Hosted) -> None:
    system.subscriber(A)
    clicked = system.click(A, clicked_at="2025-03-03T11:00:00+03:00")
    assert system.join(A).status == 201
    system.forget(A)
    bought = {"click_id": clicked["click_id"], "goods": "1000.00", "channel": "web"}
    early = system.event("ozon", "paid", "o-1", **bought, paid_at="2025-03-03T11:59:00+03:00")
    assert fate(early) == ("rejected", "NOT_MEMBER_AT_PURCHASE", "0.00")
    at_once = system.event("ozon", "paid", "o-2", **bought, paid_at="2025-03-03T12:00:00+03:00")
    assert fate(at_once) == ("pending", None, "50.00")
    assert system.happened(A) == NOTHING


@pytest.mark.scenario(16)
def test_a_confirmation_delivered_thrice_has_one_effect_and_other_figures_conflict(system: Hosted) -> None:
    system.member(A)
    system.paid("ozon", A, "o-1", "1000.00")
    with ThreadPoolExecutor(2) as pool:
        both = [one.result() for one in [pool.submit(system.shop, "ozon", "o-1", "confirm") for _ in range(2)]]
    third = system.shop("ozon", "o-1", "confirm")
    assert both[0].body == both[1].body == third.body
    assert [one.status for one in (*both, third)] == [200, 200, 200]
    assert system.happened(A) == ([EARNED_50], [ACCRUED_50])
    other = system.shop("ozon", "o-1", "confirm", {"goods": "2000.00"})
    assert (other.status, other.body["code"]) == (409, "CONFLICT")
    assert system.happened(A) == ([EARNED_50], [ACCRUED_50])
    assert "order_conflicted" in system.output()


@pytest.mark.scenario(18)
def test_a_rejection_posts_nothing_and_tells_once(system: Hosted) -> None:
    system.member(A)
    system.paid("ozon", A, "o-1", "1000.00")
    assert fate(system.shop("ozon", "o-1", "reject"))[:2] == ("rejected", "REJECTED_BY_SHOP")
    assert fate(system.shop("ozon", "o-1", "reject"))[:2] == ("rejected", "REJECTED_BY_SHOP")
    assert system.happened(A) == ([], ["Кэшбэк 50 р отклонен магазином Ozon. Подробнее: *100*4#"])


@pytest.mark.scenario(19)
def test_day_ninety_still_counts_and_is_credited_on_the_next_first(started: Starting) -> None:
    system = started(clock_start="2025-01-15T14:00:00+03:00")
    system.member(A)
    system.paid("ozon", A, "o-1", "1000.00", paid_at="2025-01-15T14:00:00+03:00")
    system.clock_to("2025-04-15T23:59:59+03:00")
    system.forget(A)
    confirmed = system.shop("ozon", "o-1", "confirm")
    assert fate(confirmed) == ("accrued", None, "50.00")
    assert confirmed.body["spendable_from"] == "2025-05-01"
    system.clock_to("2025-05-01T00:00:00+03:00")
    assert system.posted(A) == [EARNED_50, ("bonus", "cashback", "50.00")]
    assert system.accrual("ozon", "o-1")["state"] == "credited"


@pytest.mark.scenario(21)
@pytest.mark.rule(19)
def test_a_target_action_is_credited_once_and_names_its_promotion(system: Hosted) -> None:
    system.member(A)
    body = {"action_id": "q-1", "msisdn": A, "amount": "30.00"}
    with ThreadPoolExecutor(2) as pool:
        both = [
            one.result()
            for one in [pool.submit(system.api, "POST", "/v1/promos/quiz/credits", body) for _ in range(2)]
        ]
    assert sorted(one.status for one in both) == [200, 201]
    assert both[0].body == both[1].body
    told = "Начислено 30 р кэшбэка: Quiz. Доступно с 01.04. Баланс: *100*1#"
    assert system.happened(A) == ([("programme_expense", "bonus", "30.00")], [told])


@pytest.mark.scenario(21)
@pytest.mark.rule(13)
def test_a_promotion_above_the_ceiling_is_clipped_unless_marked_uncapped(started: Starting) -> None:
    system = started()
    system.member(A)
    thirty = {"code": "up", "name": "Up", "percent": "30", "partner": "ozon"}
    assert catalogue_with(system, promos=[thirty]).status == 200
    assert system.click(A)["reward"] == {"percent": "25"}
    assert fate(system.paid("ozon", A, "o-1", "1000.00")) == ("pending", None, "250.00")
    known = system.ok("GET", "/v1/catalogue")
    system.ok("PUT", "/v1/catalogue", known | {"promos": [thirty | {"uncapped": True}]})
    assert fate(system.paid("ozon", A, "o-2", "1000.00")) == ("pending", None, "300.00")
    assert system.happened(A) == NOTHING


@pytest.mark.scenario(22)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Vladivostok"])
def test_the_month_turns_in_the_operators_zone_whatever_the_hosts(started: Starting, zone: str) -> None:
    system = started(zone=zone, welcome_bonus="0.00")
    system.member(A)
    for order, goods in (("o-1", "1000.00"), ("o-2", "1400.00")):
        system.paid("ozon", A, order, goods)
    system.clock_to("2025-03-31T20:59:59Z")
    first = system.shop("ozon", "o-1", "confirm")
    assert (fate(first), first.body["spendable_from"]) == (("accrued", None, "50.00"), "2025-04-01")
    system.clock_to("2025-03-31T21:00:00Z")
    second = system.shop("ozon", "o-2", "confirm")
    assert (fate(second), second.body["spendable_from"]) == (("accrued", None, "70.00"), "2025-05-01")
    credited = [EARNED_50, ("bonus", "cashback", "50.00")]
    seventy = ("programme_expense", "bonus", "70.00")
    assert sorted(system.posted(A)) == sorted([*credited, seventy])
    assert system.sums(A) == ("70.00", "50.00", "0.00")
    system.clock_to("2025-05-01T00:00:00+03:00")
    assert sorted(system.posted(A)) == sorted([*credited, seventy, ("bonus", "cashback", "70.00")])


@pytest.mark.scenario(40)
def test_a_return_while_pending_only_rejects(system: Hosted) -> None:
    system.member(A)
    system.paid("ozon", A, "o-0", "1000.00")
    assert fate(system.shop("ozon", "o-0", "return"))[:2] == ("rejected", "RETURNED")
    assert system.posted(A) == []


@pytest.mark.scenario(40)
def test_a_return_after_accrual_takes_from_the_bonus_and_the_rest_is_credited(system: Hosted) -> None:
    system.member(A)
    system.promo(A, "50.00", "q-1")
    system.accrue(A, "50.00", "o-1")
    assert system.sums(A)[0] == "150.00"
    system.forget(A)
    assert fate(system.shop("ozon", "o-1", "return"))[:2] == ("reversed", "RETURNED")
    assert system.happened(A) == ([("bonus", "programme_expense", "50.00")], [REDUCED_50])
    system.clock_to(FIRST)
    assert system.posted(A)[1:] == [("bonus", "cashback", "100.00")]


@pytest.mark.scenario(41)
def test_a_return_after_crediting_takes_from_cashback_and_leaves_main(system: Hosted) -> None:
    system.member(A, main="10.00")
    system.promo(A, "50.00", "q-1")
    system.accrue(A, "50.00", "o-1")
    system.clock_to(NINE)
    assert system.sums(A) == ("0.00", "150.00", "10.00")
    system.forget(A)
    assert fate(system.shop("ozon", "o-1", "return"))[0] == "reversed"
    assert system.happened(A) == ([("cashback", "programme_expense", "50.00")], [REDUCED_50])
    assert system.sums(A) == ("0.00", "100.00", "10.00")
    assert WELCOME in system.movements(A)
