"""Rules 12 to 18: whose terms count, what a purchase earns, and which purchases earn nothing."""

from typing import Any

import pytest
from hosted import Hosted
from said import Starting
from system import A, B, Reply

OZON = {"code": "ozon", "name": "Ozon", "category": "shop", "percent": "5", "secrets": ["demo-secret-ozon"]}


def fate(reply: Reply) -> tuple[Any, Any, Any]:
    assert reply.status == 200, reply
    return reply.body["state"], reply.body["reason"], reply.body["reward"]


def put(system: Hosted, *partners: dict[str, Any], promos: list[dict[str, Any]] | None = None) -> Reply:
    return system.api("PUT", "/v1/catalogue", {"partners": list(partners), "promos": promos or []})


def bought(system: Hosted, order_id: str, click_id: str | None, **fields: Any) -> Reply:
    body = {"click_id": click_id, "goods": "1000.00", "channel": "web"} | fields
    return system.event("ozon", "paid", order_id, **body)


@pytest.mark.rule(12)
@pytest.mark.switch("rate_at", "click")
def test_the_version_in_force_at_the_click_counts_and_the_promise_is_kept(system: Hosted) -> None:
    later = OZON | {"percent": "8", "min_purchase": "500.00", "valid_from": "2025-03-03T13:00:00+03:00"}
    assert put(system, OZON, later).status == 200
    system.member(A)
    promised = system.click(A)
    assert promised["reward"] == {"percent": "5"}
    assert promised["min_purchase"] == "0.00"
    assert promised["valid_until"] == "2025-03-04T12:00:00+03:00"
    system.clock_to("2025-03-03T12:59:59+03:00")
    assert system.click(A)["reward"] == {"percent": "5"}
    system.clock_to("2025-03-03T13:00:00+03:00")
    assert (system.click(A)["reward"], system.click(A)["min_purchase"]) == ({"percent": "8"}, "500.00")
    assert put(system, OZON | {"percent": "1", "min_purchase": "900.00"}).status == 200
    assert fate(bought(system, "o-1", promised["click_id"], goods="400.00")) == ("pending", None, "20.00")
    known = system.accrual("ozon", "o-1")
    assert fate(system.event("ozon", "amended", "o-1", goods="600.00")) == ("pending", None, "30.00")
    assert known["terms_version"] == system.accrual("ozon", "o-1")["terms_version"]
    assert fate(system.event("ozon", "confirmed", "o-1")) == ("accrued", None, "30.00")


@pytest.mark.rule(12)
@pytest.mark.switch("rate_at", "payment")
def test_the_version_in_force_at_the_payment_counts_where_switched_so(started: Starting) -> None:
    system = started(rate_at="payment")
    assert put(system, OZON, OZON | {"percent": "8", "valid_from": "2025-03-03T13:00:00+03:00"}).status == 200
    system.member(A)
    clicked = system.click(A)["click_id"]
    system.clock_to("2025-03-03T13:00:00+03:00")
    before = bought(system, "o-1", clicked, paid_at="2025-03-03T12:59:59+03:00")
    assert fate(before) == ("pending", None, "50.00")
    assert fate(bought(system, "o-2", clicked)) == ("pending", None, "80.00")


@pytest.mark.rule(12)
def test_a_reward_is_a_percent_of_the_goods_or_a_fixed_sum_and_never_both(system: Hosted) -> None:
    system.member(A)
    fixed = {name: value for name, value in OZON.items() if name != "percent"} | {"fixed": "33.50"}
    assert put(system, fixed).status == 200
    clicked = system.click(A)
    assert clicked["reward"] == {"fixed": "33.50"}
    assert fate(bought(system, "o-1", clicked["click_id"], goods="1.00")) == ("pending", None, "33.50")
    assert put(system, OZON | {"fixed": "1.00"}).status == 400
    assert put(system, {name: value for name, value in OZON.items() if name != "percent"}).status == 400


@pytest.mark.rule(13)
def test_a_breach_anywhere_in_the_catalogue_refuses_it_whole_in_every_version(system: Hosted) -> None:
    before = system.ok("GET", "/v1/catalogue")
    for category, limit in (("shop", "25"), ("travel", "15"), ("leisure", "50")):
        future = OZON | {"category": category, "percent": f"{limit}.000001", "valid_from": "2026-01-01T00:00:00Z"}
        refused = system.refused(put(system, OZON | {"category": category}, future), 422, "CEILING")
        assert (refused["field"], limit in refused["detail"]) == ("partners[1].percent", True)
        assert "ozon" in refused["detail"].lower()
    assert system.ok("GET", "/v1/catalogue") == before


@pytest.mark.rule(13)
def test_a_promotion_is_clipped_to_its_partners_ceiling(system: Hosted) -> None:
    promo = {"code": "p", "name": "P", "percent": "90", "partner": "ozon"}
    for category, ceiling in (("shop", "25"), ("travel", "15"), ("leisure", "50")):
        assert put(system, OZON | {"category": category}, promos=[promo]).status == 200
        assert system.click(A)["reward"] == {"percent": ceiling}
        assert put(system, OZON | {"category": category}, promos=[promo | {"uncapped": True}]).status == 200
        assert system.click(A)["reward"] == {"percent": "90"}


@pytest.mark.rule(14)
def test_the_base_is_the_goods_price_for_percent_and_minimum_alike(system: Hosted) -> None:
    assert put(system, OZON | {"min_purchase": "1000.00"}).status == 200
    system.member(A)
    clicked = system.click(A)["click_id"]
    assert fate(bought(system, "o-1", clicked, delivery="99999.00")) == ("pending", None, "50.00")
    below = bought(system, "o-2", clicked, goods="999.99", delivery="0.01")
    assert fate(below) == ("rejected", "BELOW_MIN_PURCHASE", "0.00")
    assert fate(bought(system, "o-3", clicked, goods="0.01")) == ("rejected", "BELOW_MIN_PURCHASE", "0.00")


HALVES = [
    ("0.50", "0", "0", "0"),
    ("0.51", "0", "0", "0"),
    ("0.99", "0", "0", "0"),
    ("1.00", "1", "1", "1"),
    ("1.49", "1", "1", "1"),
    ("1.50", "2", "1", "1"),
    ("1.51", "2", "2", "1"),
    ("1.99", "2", "2", "1"),
    ("2.50", "3", "2", "2"),
    ("4.50", "5", "4", "4"),
]
"""Raw, arithmetic_min1, half_down, floor."""

ROUNDINGS = ("arithmetic_min1", "half_down", "floor")


def rounds(started: Starting, rounding: str) -> None:
    system = started(rounding=rounding)
    assert put(system, OZON | {"percent": "10"}).status == 200
    system.member(A)
    clicked = system.click(A)["click_id"]
    column = 1 + ROUNDINGS.index(rounding)
    for row in HALVES:
        goods = f"{row[0].replace('.', '')[:-1].lstrip('0') or '0'}.{row[0][-1]}0"  # ten times the raw value
        state, reason, reward = fate(bought(system, f"o-{row[0]}", clicked, goods=goods))
        expected = f"{row[column]}.00"
        assert reward == expected, row
        assert (state, reason) == (("rejected", "BELOW_MIN") if expected == "0.00" else ("pending", None)), row
    assert system.happened(A) == ([], [])


@pytest.mark.rule(15)
@pytest.mark.switch("rounding", "arithmetic_min1")
def test_rounding_is_arithmetic_from_one_rouble_on(started: Starting) -> None:
    rounds(started, "arithmetic_min1")


@pytest.mark.rule(15)
@pytest.mark.switch("rounding", "half_down")
def test_rounding_may_leave_the_half_out(started: Starting) -> None:
    rounds(started, "half_down")


@pytest.mark.rule(15)
@pytest.mark.switch("rounding", "floor")
def test_rounding_may_cut_off(started: Starting) -> None:
    rounds(started, "floor")


@pytest.mark.rule(15)
def test_the_raw_value_is_never_rounded_to_kopecks_first(system: Hosted) -> None:
    assert put(system, OZON | {"percent": "4.5"}).status == 200
    system.member(A)
    clicked = system.click(A)["click_id"]
    assert fate(bought(system, "o-1", clicked, goods="33.33")) == ("pending", None, "1.00")  # 1.49985, not 1.50
    assert fate(bought(system, "o-2", clicked, goods="33.34")) == ("pending", None, "2.00")  # 1.5003
    assert fate(bought(system, "o-3", clicked, goods="22.22")) == ("rejected", "BELOW_MIN", "0.00")  # 0.9999
    assert fate(bought(system, "o-4", clicked, goods="22.23")) == ("pending", None, "1.00")  # 1.00035


@pytest.mark.rule(16)
@pytest.mark.switch("click_valid_minutes", "1440")
def test_a_click_made_for_this_member_and_partner_is_good_for_a_day_both_ends_included(system: Hosted) -> None:
    system.member(A)
    system.subscriber(B)
    joined_now = system.click(A)["click_id"]
    assert fate(bought(system, "same-instant", joined_now))[0] == "pending"
    assert fate(bought(system, "split-basket", joined_now, goods="500.00"))[0] == "pending"
    system.clock_to("2025-03-03T15:00:00+03:00")
    after = bought(system, "before-click", system.click(A)["click_id"], paid_at="2025-03-03T14:59:59+03:00")
    assert fate(after) == ("rejected", "NO_CLICK", "0.00")
    system.clock_to("2025-03-04T12:00:00+03:00")
    assert fate(bought(system, "last", joined_now))[0] == "pending"
    system.clock_to("2025-03-04T12:00:01+03:00")
    assert fate(bought(system, "late", joined_now)) == ("rejected", "NO_CLICK", "0.00")
    in_time = bought(system, "told-late", joined_now, paid_at="2025-03-04T12:00:00+03:00")
    assert fate(in_time)[0] == "pending"
    for order, click_id in (
        ("none", None),
        ("unknown", "nobody-clicked"),
        ("other-partner", system.click(A, "lamoda")["click_id"]),
    ):
        assert fate(bought(system, order, click_id)) == ("rejected", "NO_CLICK", "0.00")
    other = bought(system, "no-member", system.click(B)["click_id"])
    assert fate(other) == ("rejected", "NOT_MEMBER_AT_PURCHASE", "0.00")
    assert system.happened(A) == ([], [])


@pytest.mark.rule(16)
@pytest.mark.switch("click_valid_minutes", "30")
def test_a_click_may_be_good_for_a_shorter_time(started: Starting) -> None:
    system = started(click_valid_minutes="30")
    system.member(A)
    clicked = system.click(A)
    assert clicked["valid_until"] == "2025-03-03T12:30:00+03:00"
    system.clock_to("2025-03-03T12:30:00+03:00")
    assert fate(bought(system, "o-1", clicked["click_id"]))[0] == "pending"
    system.clock_to("2025-03-03T12:30:01+03:00")
    assert fate(bought(system, "o-2", clicked["click_id"])) == ("rejected", "NO_CLICK", "0.00")


@pytest.mark.rule(17)
def test_mobile_sites_and_apps_count_only_where_the_partner_is_flagged(system: Hosted) -> None:
    system.member(A)
    for where in ("mobile_site", "partner_app"):
        assert fate(system.paid("ozon", A, where, "1000.00", channel=where)) == ("rejected", "CHANNEL", "0.00")
        assert fate(system.paid("aliexpress", A, where, "1000.00", channel=where)) == ("pending", None, "70.00")
        confirmed = system.shop("ozon", where, "confirm")
        assert fate(confirmed) == ("rejected", "CHANNEL", "0.00")
    assert system.happened(A) == ([], [])


@pytest.mark.rule(18)
def test_paid_at_the_instant_of_joining_counts_and_a_moment_earlier_does_not(system: Hosted) -> None:
    system.subscriber(A)
    clicked = system.click(A, clicked_at="2025-03-03T11:00:00+03:00")["click_id"]
    assert system.join(A).status == 201
    system.forget(A)
    early = bought(system, "o-1", clicked, paid_at="2025-03-03T11:59:59.999999+03:00")
    assert fate(early) == ("rejected", "NOT_MEMBER_AT_PURCHASE", "0.00")
    assert fate(bought(system, "o-2", clicked, paid_at="2025-03-03T12:00:00+03:00")) == ("pending", None, "50.00")
    assert system.happened(A) == ([], [])


@pytest.mark.rule(16)
@pytest.mark.rule(17)
@pytest.mark.rule(18)
def test_the_first_failing_check_names_the_reason(system: Hosted) -> None:
    """interface.md: NO_CLICK, NOT_MEMBER_AT_PURCHASE, CHANNEL, BELOW_MIN_PURCHASE, BELOW_MIN."""
    assert put(system, OZON | {"min_purchase": "10.00"}).status == 200
    system.member(A)
    system.subscriber(B)
    for number, (click_id, fields, reason) in enumerate(
        (
            (None, {"goods": "0.01", "channel": "partner_app"}, "NO_CLICK"),
            (system.click(B)["click_id"], {"goods": "0.01", "channel": "partner_app"}, "NOT_MEMBER_AT_PURCHASE"),
            (system.click(A)["click_id"], {"goods": "0.01", "channel": "partner_app"}, "CHANNEL"),
            (system.click(A)["click_id"], {"goods": "9.99"}, "BELOW_MIN_PURCHASE"),
            (system.click(A)["click_id"], {"goods": "10.00"}, "BELOW_MIN"),
        )
    ):
        assert fate(bought(system, f"o-{number}", click_id, **fields)) == ("rejected", reason, "0.00")
