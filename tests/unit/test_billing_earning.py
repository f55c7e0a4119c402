"""What an order earns, the catalogue, its ceilings, clicks and their promise: rules 12-18, scenarios 08, 10-15."""

from datetime import timedelta

import pytest
from ledger_world import ALI, DOMINO, OZON, QUIZ, A, B, World, catalogue, join, moscow, partner

from billing.catalogue import PromoTerms, build_catalogue
from billing.commands import LeaveProgramme, OrderPaid, RecordClick
from billing.earning import reward_of
from billing.errors import CeilingBroken, InvalidFigure
from billing.money import parse_money, parse_percent
from billing.records import NOBODY, Reward
from billing.words import AccrualState, Category, Channel, OrderChannel, Reason, Rounding

FIVE = Reward(percent=parse_percent("5"))


def paid(order_id: str, click_id: str | None, **given: object) -> OrderPaid:
    fields = {"partner": "ozon", "goods": 100_000, "delivery": 0, "channel": OrderChannel.WEB} | given
    return OrderPaid(order_id=order_id, click_id=click_id, **fields)


def fate(accrual: object) -> tuple[AccrualState, Reason | None, int]:
    return accrual.state, accrual.reason, accrual.reward


@pytest.mark.parametrize(
    ("raw", "arithmetic", "half_down", "floor"),
    [
        ("0.49", 0, 0, 0),
        ("0.50", 0, 0, 0),
        ("0.51", 0, 0, 0),
        ("0.99", 0, 0, 0),
        ("1.00", 1, 1, 1),
        ("1.49", 1, 1, 1),
        ("1.50", 2, 1, 1),
        ("1.51", 2, 2, 1),
        ("2.50", 3, 2, 2),
        ("4.50", 5, 4, 4),
        ("4.99", 5, 5, 4),
    ],
)
def test_rounding_table_of_rule_15_under_all_three_switches(
    raw: str, arithmetic: int, half_down: int, floor: int
) -> None:
    whole = Reward(percent=parse_percent("100"))
    for rounding, roubles in (
        (Rounding.ARITHMETIC_MIN1, arithmetic),
        (Rounding.HALF_DOWN, half_down),
        (Rounding.FLOOR, floor),
    ):
        assert reward_of(whole, parse_money(raw), rounding) == roubles * 100, rounding


@pytest.mark.parametrize(
    ("goods", "roubles"),
    [
        ("10.00", 0),
        ("10.20", 0),
        ("19.80", 0),
        ("20.00", 1),
        ("29.80", 1),
        ("30.00", 2),
        ("50.00", 3),
        ("90.00", 5),
    ],
)
def test_rounding_at_five_percent_of_goods(goods: str, roubles: int) -> None:
    """Scenario 08."""
    world = World().member().forget()
    order = world.paid("o-1", goods)
    if roubles:
        assert fate(order) == (AccrualState.PENDING, None, roubles * 100)
    else:
        assert fate(order) == (AccrualState.REJECTED, Reason.BELOW_MIN, 0)
    assert world.posted() == []
    assert world.events == []


def test_nothing_is_rounded_before_the_end() -> None:
    """Rule 15: 33.33 at 4.5 % is 1.49985, not 1.50."""
    promise = Reward(percent=parse_percent("4.5"))
    assert reward_of(promise, parse_money("33.33"), Rounding.ARITHMETIC_MIN1) == 100
    assert reward_of(promise, parse_money("33.34"), Rounding.ARITHMETIC_MIN1) == 200


def test_goods_of_nothing_earn_nothing_also_with_a_fixed_reward() -> None:
    assert reward_of(Reward(fixed=10_000), 0, Rounding.FLOOR) == 0


def test_delivery_never_counts() -> None:
    """Scenario 07: not 65."""
    assert World().member().paid("o-1", "1000.00", delivery=30_000).reward == 5000


def test_goods_below_the_minimum_purchase_earn_nothing_whatever_the_delivery() -> None:
    """Scenario 10."""
    world = World().runs(catalogue(partner("shop", "5", min_purchase=100_000))).member()
    below = world.paid("o-1", "999.99", code="shop", delivery=50_000)
    assert fate(below) == (AccrualState.REJECTED, Reason.BELOW_MIN_PURCHASE, 0)
    assert world.paid("o-2", "1000.00", code="shop").reward == 5000


def test_a_fixed_reward_is_the_same_for_every_price_from_the_minimum_on() -> None:
    """Scenario 11."""
    world = World().member()
    assert world.paid("d-1", "1000.00", code="domino").reward == 10_000
    assert world.paid("d-2", "9000.00", code="domino").reward == 10_000
    assert fate(world.paid("d-3", "999.99", code="domino"))[1:] == (Reason.BELOW_MIN_PURCHASE, 0)


@pytest.mark.parametrize(
    ("category", "limit", "above"), [("shop", "25", "25.01"), ("travel", "15", "15.5"), ("leisure", "50", "51")]
)
def test_a_catalogue_above_a_ceiling_is_refused_whole_naming_partner_and_limit(
    category: str, limit: str, above: str
) -> None:
    """Scenario 12."""
    fitting = partner("edge", limit, category=Category(category))
    assert catalogue(OZON, fitting).partners["edge"] == (fitting,)
    with pytest.raises(CeilingBroken) as caught:
        catalogue(OZON, partner("edge", above, category=Category(category)))
    assert caught.value.code == "CEILING"
    assert caught.value.field == "partners[1].percent"
    assert caught.value.details["limit"] == limit
    assert "Edge" in caught.value.detail
    assert limit in caught.value.detail


def test_every_partner_above_its_ceiling_is_named() -> None:
    with pytest.raises(CeilingBroken) as caught:
        catalogue(partner("one", "26"), OZON, partner("two", "16", category=Category.TRAVEL))
    errors = caught.value.details["errors"]
    assert [(error["field"], error["limit"]) for error in errors] == [
        ("partners[0].percent", "25"),
        ("partners[2].percent", "15"),
    ]


@pytest.mark.parametrize(
    ("partners", "promos", "field"),
    [
        ([partner("a:b", "5")], [], "partners[0].code"),
        ([OZON, OZON], [], "partners[1].valid_from"),
        ([partner("none")], [], "partners[0].percent"),
        ([partner("both", "5", fixed="1.00")], [], "partners[0].percent"),
        ([partner("days", "5", confirm_days=0)], [], "partners[0].confirm_days"),
        ([OZON], [QUIZ, QUIZ], "promos[1].code"),
        ([OZON], [PromoTerms(code="a/b", name="x")], "promos[0].code"),
        ([OZON], [PromoTerms(code="p", name="x", amount=1, percent=1)], "promos[0].percent"),
        ([OZON], [PromoTerms(code="p", name="x", percent=1, partner="nobody")], "promos[0].partner"),
        (
            [OZON],
            [PromoTerms(code="p", name="x", valid_from=moscow("2025-04-01"), valid_until=moscow("2025-04-01"))],
            "promos[0].to",
        ),
    ],
)
def test_a_malformed_catalogue_is_refused_naming_the_field(partners: list, promos: list, field: str) -> None:
    with pytest.raises(InvalidFigure) as caught:
        build_catalogue(partners, promos, "1")
    assert caught.value.field == field


def test_terms_change_over_time_and_each_version_holds_from_its_start() -> None:
    """Rule 12, in whatever order the versions stand."""
    april = partner("shop", "10", valid_from=moscow("2025-04-01 00:00"))
    may = partner("shop", "3", valid_from=moscow("2025-05-01 00:00"))
    world = World().runs(catalogue(may, april, partner("shop", "5"))).member()
    for at, reward in (
        ("2025-03-31 23:59:59", 5000),
        ("2025-04-01 00:00", 10_000),
        ("2025-04-30 23:59:59", 10_000),
        ("2025-05-01 00:00", 3000),
    ):
        assert world.at(at).paid(at, "1000.00", code="shop").reward == reward


def test_a_partner_whose_terms_have_not_begun_is_unknown() -> None:
    world = World().runs(catalogue(partner("shop", "10", valid_from=moscow("2025-04-01 00:00")))).member()
    assert world.refused(RecordClick(msisdn=A, partner="shop")).code == "UNKNOWN_PARTNER"


def test_what_the_banner_promised_counts_not_the_terms_at_payment() -> None:
    """Rule 12, rate_at = click."""
    world = World().member()
    click = world.click()
    world.runs(catalogue(partner("ozon", "1", min_purchase=500_000), version="2"))
    order = world.paid("o-1", "1000.00", click_id=click)
    assert (order.reward, order.terms_version) == (5000, "1")


def test_the_terms_at_payment_count_where_the_switch_says_so() -> None:
    """Rule 12, rate_at = payment."""
    later = partner("ozon", "10", valid_from=moscow("2025-03-03 13:00"))
    world = World(rate_at="payment").runs(catalogue(OZON, later)).member()
    click = world.click()
    assert world.at("2025-03-03 14:00").paid("o-1", "1000.00", click_id=click).reward == 10_000


def test_a_click_answers_its_promise_for_any_number() -> None:
    """Rules 12, 16; interface.md: so that membership does not leak."""
    world = World("2025-03-03 12:00")
    click = world.do(RecordClick(msisdn=B, partner="domino")).answer.click
    assert click.reward == Reward(fixed=10_000)
    assert click.min_purchase == 100_000
    assert click.subscription_id == NOBODY
    assert click.valid_until == moscow("2025-03-04 12:00")


def test_a_promotion_raises_the_promise_and_is_clipped_to_the_ceiling() -> None:
    """Scenario 21: 30 % at a shop is 25 %, unless uncapped."""
    raised = PromoTerms(code="spring", name="Spring", percent=parse_percent("30"), partner="ozon")
    world = World().runs(catalogue(OZON, ALI, promos=[raised]))
    click = world.do(RecordClick(msisdn=A, partner="ozon")).answer.click
    assert (click.reward, click.promo) == (Reward(percent=parse_percent("25")), "spring")
    assert world.do(RecordClick(msisdn=A, partner="aliexpress")).answer.click.promo is None
    uncapped = PromoTerms(code="spring", name="Spring", percent=parse_percent("30"), uncapped=True)
    world.runs(catalogue(OZON, DOMINO, promos=[uncapped]))
    assert world.do(RecordClick(msisdn=A, partner="ozon")).answer.click.reward == Reward(percent=parse_percent("30"))
    assert world.do(RecordClick(msisdn=A, partner="domino")).answer.click.reward == Reward(fixed=10_000)


def test_the_best_promotion_in_force_counts_and_none_lowers() -> None:
    def promo(code: str, percent: str, start: str, end: str) -> PromoTerms:
        return PromoTerms(
            code=code, name=code, percent=parse_percent(percent), valid_from=moscow(start), valid_until=moscow(end)
        )

    promos = [
        promo("lower", "3", "2025-01-01", "2026-01-01"),
        promo("equal", "5", "2025-01-01", "2026-01-01"),
        promo("good", "8", "2025-04-01", "2025-04-10"),
        promo("best", "9", "2025-04-05", "2025-04-06"),
    ]
    world = World().runs(catalogue(OZON, promos=promos))
    for at, percent, raised_by in (
        ("2025-03-31 23:59:59", "5", None),
        ("2025-04-01 00:00", "8", "good"),
        ("2025-04-05 12:00", "9", "best"),
        ("2025-04-06 00:00", "8", "good"),
        ("2025-04-10 00:00", "5", None),
    ):
        click = world.at(at).do(RecordClick(msisdn=A, partner="ozon")).answer.click
        assert (click.reward.percent, click.promo) == (parse_percent(percent), raised_by), at


def test_orders_in_a_partners_app_or_mobile_site_count_only_where_allowed() -> None:
    """Scenario 14, rule 17."""
    world = World().member()
    for channel in (OrderChannel.PARTNER_APP, OrderChannel.MOBILE_SITE):
        at_ozon = world.paid(f"o-{channel}", "1000.00", channel=channel)
        assert fate(at_ozon) == (AccrualState.REJECTED, Reason.CHANNEL, 0)
        assert world.paid(f"a-{channel}", "1000.00", code="aliexpress", channel=channel).reward == 7000


def test_an_order_without_a_click_out_is_recorded_and_earns_nothing() -> None:
    """Scenario 14."""
    world = World().member().forget()
    answer = world.do(paid("o-1", None)).answer
    assert fate(answer.accrual) == (AccrualState.REJECTED, Reason.NO_CLICK, 0)
    assert answer.accrual.subscription_id == NOBODY
    assert answer.spendable_from is None
    assert world.do(paid("o-2", "no-such-click")).answer.accrual.reason is Reason.NO_CLICK
    assert world.posted() == []
    assert world.events == []


def test_a_click_for_another_partner_is_no_click() -> None:
    world = World().member()
    order = world.do(paid("o-1", world.click(code="aliexpress"))).answer.accrual
    assert (order.reason, order.subscription_id) == (Reason.NO_CLICK, NOBODY)


def test_a_click_is_good_from_its_instant_to_its_end_inclusive() -> None:
    """Rule 16."""
    world = World("2025-03-03 12:00").member().at("2025-03-08 12:00")
    click = world.click(at="2025-03-05 12:00")
    clicked = moscow("2025-03-05 12:00")
    for at, reason in (
        (clicked - timedelta(microseconds=1), Reason.NO_CLICK),
        (clicked, None),
        (clicked + timedelta(minutes=1440), None),
        (clicked + timedelta(minutes=1440, microseconds=1), Reason.NO_CLICK),
    ):
        assert world.do(paid(f"o-{at}", click, paid_at=at)).answer.accrual.reason is reason


def test_several_orders_may_share_a_click() -> None:
    world = World().member()
    click = world.click()
    assert [world.paid(f"o-{n}", "1000.00", click_id=click).reward for n in range(3)] == [5000] * 3


def test_an_order_paid_before_joining_does_not_count_one_paid_at_that_instant_does() -> None:
    """Scenario 15."""
    world = World("2025-03-03 12:00").subscriber()
    click = world.click(at="2025-03-03 11:58")
    world.do(join())
    before = world.do(paid("o-1", click, paid_at=moscow("2025-03-03 11:59"))).answer.accrual
    assert fate(before) == (AccrualState.REJECTED, Reason.NOT_MEMBER_AT_PURCHASE, 0)
    assert world.do(paid("o-2", click, paid_at=moscow("2025-03-03 12:00"))).answer.accrual.reward == 5000


def test_a_click_made_before_the_number_was_known_counts_once_it_is() -> None:
    world = World("2025-03-03 12:00")
    click = world.click()
    assert world.do(paid("o-1", click)).answer.accrual.reason is Reason.NOT_MEMBER_AT_PURCHASE
    world.at("2025-03-03 12:30").member().at("2025-03-03 13:00")
    assert world.do(paid("o-2", click)).answer.accrual.reward == 5000


def test_an_order_paid_while_a_member_and_told_after_leaving_is_rejected_as_left() -> None:
    world = World("2025-03-03 12:00").member()
    click = world.click()
    world.at("2025-03-03 15:00").do(LeaveProgramme(msisdn=A, channel=Channel.WEB, confirm=True))
    during = world.do(paid("o-1", click, paid_at=moscow("2025-03-03 14:00"))).answer.accrual
    assert fate(during) == (AccrualState.REJECTED, Reason.LEFT, 0)
    world.at("2025-03-03 16:00")
    assert world.do(paid("o-2", click)).answer.accrual.reason is Reason.NOT_MEMBER_AT_PURCHASE


def test_the_first_failing_check_wins() -> None:
    """interface.md, postbacks."""
    picky = partner("picky", "5", min_purchase=100_000)
    world = World("2025-03-03 12:00").runs(catalogue(picky)).subscriber().at("2025-03-05 12:00")
    cheap = {"partner": "picky", "goods": 100, "channel": OrderChannel.PARTNER_APP}
    assert world.do(paid("o-1", None, **cheap)).answer.accrual.reason is Reason.NO_CLICK
    click = world.click(code="picky")
    assert world.do(paid("o-2", click, **cheap)).answer.accrual.reason is Reason.NOT_MEMBER_AT_PURCHASE
    world.do(join())
    assert world.do(paid("o-3", click, **cheap)).answer.accrual.reason is Reason.CHANNEL
    web = cheap | {"channel": OrderChannel.WEB}
    assert world.do(paid("o-4", click, **web)).answer.accrual.reason is Reason.BELOW_MIN_PURCHASE


def test_a_partner_left_out_takes_no_new_orders_and_known_ones_go_on() -> None:
    world = World().member()
    world.paid("o-1", "1000.00")
    click = world.click()
    world.runs(catalogue(ALI, version="2"))
    assert world.refused(paid("o-2", click)).code == "UNKNOWN_PARTNER"
    assert world.confirmed("o-1").state is AccrualState.ACCRUED


@pytest.mark.parametrize(("minutes", "is_refused"), [(5, False), (5.001, True)])
def test_an_instant_more_than_five_minutes_ahead_is_refused(minutes: float, is_refused: bool) -> None:
    world = World().member()
    ahead = world.context.now + timedelta(minutes=minutes)
    commands = (
        (RecordClick(msisdn=A, partner="ozon", clicked_at=ahead), "clicked_at"),
        (paid("o-1", None, paid_at=ahead), "paid_at"),
    )
    for command, field in commands:
        if is_refused:
            refusal = world.refused(command)
            assert (refusal.code, refusal.field) == ("INVALID", field)
        else:
            world.do(command)
