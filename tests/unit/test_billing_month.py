"""The 1st of the month for one subscription, and what a subscriber is shown: rules 24, 25, scenarios 23, 25, 44."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from ledger_world import OFF, A, B, C, World, moscow
from msgspec.structs import replace

from billing.answers import BalanceView
from billing.commands import LeaveProgramme, PutSubscriber
from billing.events import BillPaidFromCashback, CashbackCredited, CashbackUsedUp
from billing.views import balance_view, pending_sum
from billing.words import AccrualState, Block, Channel, ChargeStatus, MembershipState, Network, Reason


def view(world: World, msisdn: str = A) -> BalanceView:
    subscription = world.books.subscription_by_msisdn[msisdn]
    key = subscription.subscription_id
    return balance_view(
        subscription,
        world.books.balances[key],
        world.books.memberships.get(key),
        pending=pending_sum(world.books.open_accruals.get(key, {}).values(), world.context.now),
        unpaid=sum(charge.unpaid for charge in world.books.open_charges.get(key, {}).values()),
        now=world.context.now,
        programme=world.context.programme,
    )


def given(bonus: str, main: str = "0.00", **switches: Any) -> World:
    """A member of March on tariff smart."""
    world = World(welcome_bonus=0, **switches).member(tariff="smart")
    if bonus != "0.00":
        world.bonus(bonus)
    if main != "0.00":
        world.main(main)
    return world.forget()


def test_the_bonus_is_credited_before_the_fee_is_drawn() -> None:
    """Scenario 23."""
    world = given("150.00", "800.00").at("2025-04-01 00:00")
    step = world.month("2025-04")[A]
    assert world.posted() == ["BONUS>CB 150.00", "CB>REV 150.00", "MAIN>REV 500.00"]
    assert world.sums() == ("0.00", "0.00", "300.00")
    assert [type(event) for event in world.events] == [CashbackCredited, BillPaidFromCashback]
    assert step.credited == 15_000
    fee = step.fee
    assert (fee.charge_id, fee.period, fee.status) == (f"fee:2025-04:{fee.subscription_id}", "2025-04", "paid")
    credit, first, second = world.journal[-3:]
    assert credit.tx_no != first.tx_no == second.tx_no == fee.entry_no
    assert {one.effective_at for one in (credit, first, second)} == {moscow("2025-04-01 00:00")}


def test_the_month_done_again_finds_nothing_to_do() -> None:
    """Rule 27."""
    world = given("150.00", "800.00").at("2025-04-01 00:00")
    world.month("2025-04")
    before = (len(world.journal), len(world.events), world.balances())
    step = world.month("2025-04")[A]
    assert (len(world.journal), len(world.events), world.balances()) == before
    assert (step.credited, step.fee, step.expired) == (0, None, ())


def test_a_bonus_of_zero_posts_and_tells_nothing() -> None:
    """Scenario 25."""
    world = World(welcome_bonus=0).member().at("2025-04-01 00:00").forget()
    world.month("2025-04")
    assert world.posted() == []
    assert world.events == []
    assert world.balances().credited_period == "2025-04"


def test_the_year_ends_in_the_operators_zone() -> None:
    """Scenario 25."""
    world = World("2025-12-30 12:00", welcome_bonus=0).member()
    world.paid("o-1", "1000.00")
    world.at("2025-12-31T21:00:00+00:00").confirmed("o-1")
    world.month("2026-01")
    assert world.sums()[1] == "0.00"
    world.at("2026-02-01 00:00").month("2026-02")
    assert world.sums()[1] == "50.00"


def test_corporate_and_off_net_are_never_credited_and_corporate_pays_its_fee_from_main() -> None:
    """Scenario 38."""
    world = World().corporate().main("1000.00", C).member(OFF, network=Network.OFF_NET)
    world.subscriber(C, tariff="smart").subscriber(OFF, tariff="smart").at("2025-04-01 00:00").forget()
    world.month("2025-04")
    assert world.posted() == ["MAIN>REV 650.00"]
    assert world.sums(C) == ("50.00", "0.00", "350.00")
    assert world.sums(OFF) == ("50.00", "0.00", "0.00")
    assert world.events == []


def test_a_fee_that_money_does_not_cover_is_part_paid() -> None:
    world = given("150.00", "100.00").at("2025-04-01 00:00")
    fee = world.month("2025-04")[A].fee
    assert (fee.cashback, fee.main, fee.unpaid, fee.status) == (15_000, 10_000, 40_000, ChargeStatus.PART_PAID)
    assert [event.unpaid for event in world.told(BillPaidFromCashback)] == [40_000]


def test_a_fee_with_nothing_to_draw_stays_open_and_takes_a_number() -> None:
    world = given("0.00").at("2025-04-01 00:00")
    next_entry = world.balances().next_entry
    fee = world.month("2025-04")[A].fee
    assert (fee.unpaid, fee.status, fee.entry_no) == (65_000, ChargeStatus.UNPAID, next_entry)
    assert world.balances().next_entry == next_entry + 1
    assert world.posted() == []


def test_without_part_payment_a_fee_is_drawn_whole_or_stays_open_whole() -> None:
    """Rule 30: nothing is posted, and the debt is not lost."""
    world = given("150.00", "499.99", part_payment=False).at("2025-04-01 00:00")
    fee = world.month("2025-04")[A].fee
    assert (fee.unpaid, fee.status) == (65_000, ChargeStatus.UNPAID)
    assert world.posted() == ["BONUS>CB 150.00"]


def test_a_subscription_made_in_the_month_pays_no_fee_for_it() -> None:
    world = World("2025-04-01 00:00").subscriber(tariff="smart")
    world.subscriber(B).forget().month("2025-04")
    assert world.books.charges == {}
    world.at("2025-05-01 00:00").month("2025-05")
    assert list(world.books.charges) == [f"fee:2025-05:{world.balances().subscription_id}"]


def test_no_fee_where_the_billing_system_draws_it_or_the_tariff_has_none() -> None:
    """Rule 42."""
    world = given("150.00", main_balance="external").at("2025-04-01 00:00")
    assert world.month("2025-04")[A].fee is None
    world = World().subscriber(tariff="zero").at("2025-04-01 00:00")
    assert world.month("2025-04")[A].fee is None


def test_pending_rewards_past_their_deadline_expire_first() -> None:
    """Rule 24: expire, credit, charge."""
    world = World("2024-12-15 12:00", welcome_bonus=0).member().forget()
    world.paid("o-1", "1000.00")
    world.at("2024-12-31 12:00").paid("o-2", "1000.00")
    world.at("2025-04-01 00:00")
    step = world.month("2025-04")[A]
    assert [(one.order_id, one.reward, one.state) for one in step.expired] == [
        ("o-1", 5000, AccrualState.PENDING),
        ("o-2", 5000, AccrualState.PENDING),
    ]
    swept = world.books.accruals["ozon", "o-1"]
    assert (swept.state, swept.reason, swept.reward, swept.ended_at) == (
        AccrualState.EXPIRED,
        Reason.LATE,
        0,
        moscow("2025-03-16 00:00"),
    )
    assert world.posted() == []
    assert world.events == []


def test_a_month_that_comes_late_credits_what_was_there_on_the_first() -> None:
    """Rule 26: down on the 1st."""
    world = given("150.00", "800.00").at("2025-04-10 12:00").bonus("30.00")
    world.month("2025-04")
    assert world.posted() == ["BONUS>CB 150.00", "EXP>BONUS 30.00", "CB>REV 150.00", "MAIN>REV 500.00"]
    assert world.sums() == ("30.00", "0.00", "300.00")


def test_a_credit_step_never_moves_what_accrued_since_the_first() -> None:
    """Rule 25, on a row whose step was not decided before the month's first reward."""
    world = given("150.00").subscriber(tariff="zero").at("2025-04-10 12:00")
    world.earned("o-1", "1000.00")
    world.books.put(replace(world.balances(), credited_period="2025-03"))
    world.forget().month("2025-04")
    assert world.posted() == []
    assert world.sums() == ("50.00", "150.00", "0.00")
    assert world.books.accruals["ozon", "o-1"].state is AccrualState.ACCRUED


def test_months_that_come_together_are_credited_and_charged_in_their_order() -> None:
    world = given("150.00", "2000.00").at("2025-05-03 12:00")
    world.month("2025-04")
    world.month("2025-05")
    assert world.posted() == ["BONUS>CB 150.00", "CB>REV 150.00", "MAIN>REV 500.00", "MAIN>REV 650.00"]
    assert [fee.period for fee in world.books.charges.values()] == ["2025-04", "2025-05"]
    assert len(world.told(CashbackUsedUp)) == 1


def test_the_fee_of_who_spent_all_cashback_this_month_tells_used_up() -> None:
    """Rule 36, on a late 1st."""
    world = given("150.00", "1000.00").at("2025-04-02 12:00")
    world.charge("c-1", "150.00")
    world.month("2025-04")
    assert len(world.told(CashbackUsedUp)) == 1
    assert not world.told(BillPaidFromCashback)


def test_balance_shows_spendable_due_and_pending() -> None:
    """Scenario 44, its figures."""
    world = World("2025-02-10 12:00", welcome_bonus=0).member().main("123.45").bonus("150.00")
    world.at("2025-03-01 00:00").month("2025-03")
    world.at("2025-03-20 12:00").bonus("80.00")
    world.paid("o-1", "700.00")
    shown = view(world)
    assert (shown.balances.main, shown.balances.cashback, shown.balances.bonus) == (12_345, 15_000, 8000)
    assert (shown.bonus_due_on, shown.bonus_held, shown.pending) == (date(2025, 4, 1), 0, 3500)
    assert (shown.membership, shown.as_of) == (MembershipState.ACTIVE, world.context.now)


def test_pending_past_its_deadline_is_not_shown_whether_swept_or_not() -> None:
    world = World("2025-03-05 12:00").member()
    world.paid("o-1", "1000.00")
    assert view(world.at("2025-06-03 23:59:59")).pending == 5000
    assert view(world.at("2025-06-04 00:00")).pending == 0


def test_no_date_is_due_for_a_bonus_of_zero_for_corporate_and_for_off_net() -> None:
    world = World(welcome_bonus=0).member().corporate(C).bonus("50.00", C)
    world.member(OFF, network=Network.OFF_NET).bonus("50.00", OFF)
    assert [view(world, msisdn).bonus_due_on for msisdn in (A, C, OFF)] == [None, None, None]
    assert [view(world, msisdn).bonus_held for msisdn in (A, C, OFF)] == [0, 0, 0]


def test_what_a_block_keeps_from_crediting_is_shown_as_held_and_not_as_due() -> None:
    """Rule 11."""
    world = World().member()
    world.do(PutSubscriber(msisdn=A, blocks=frozenset({Block.INVESTIGATION})))
    world.at("2025-04-01 00:00").month("2025-04")
    shown = view(world)
    assert (shown.balances.bonus, shown.bonus_held, shown.bonus_due_on) == (5000, 5000, None)
    world.do(PutSubscriber(msisdn=A, blocks=frozenset()))
    assert (view(world).bonus_held, view(world).bonus_due_on) == (0, date(2025, 5, 1))


def test_until_the_month_is_done_its_own_first_is_due() -> None:
    world = World().member().at("2025-04-01 00:00")
    assert view(world).bonus_due_on == date(2025, 4, 1)
    world.month("2025-04")
    assert view(world.bonus("1.00")).bonus_due_on == date(2025, 5, 1)


def test_who_never_joined_is_shown_main_alone() -> None:
    """interface.md, balance."""
    world = World().subscriber().main("10.00").subscriber(B)
    world.charge("c-1", "30.00")
    world.books.put(replace(world.balances(), carry_over=100))
    shown = view(world)
    assert (shown.membership, shown.unpaid, shown.balances.main) == (MembershipState.NONE, 2000, 0)
    assert (shown.balances.bonus, shown.balances.cashback, shown.pending, shown.balances.carry_over) == (0, 0, 0, 0)


def test_who_left_keeps_cashback_and_carry_over() -> None:
    world = given("150.00").at("2025-04-01 00:00")
    world.subscriber(tariff="zero").month("2025-04")
    world.do(LeaveProgramme(msisdn=A, channel=Channel.WEB, confirm=True))
    world.books.put(replace(world.balances(), carry_over=100))
    shown = view(world)
    assert (shown.membership, shown.balances.cashback, shown.balances.carry_over) == (
        MembershipState.LEFT,
        15_000,
        100,
    )


@pytest.mark.parametrize("zone_name", ["Europe/Moscow", "Asia/Vladivostok", "Europe/Chisinau", "UTC"])
def test_the_month_turns_at_the_operators_midnight(zone_name: str) -> None:
    zone = ZoneInfo(zone_name)
    world = World(welcome_bonus=0, zone=zone).member().bonus("50.00")
    midnight = datetime(2025, 4, 1, tzinfo=zone)
    world.at((midnight - timedelta(microseconds=1)).isoformat()).forget().charge("c-1", "10.00")
    assert world.posted() == []
    world.at(midnight.isoformat()).charge("c-2", "10.00")
    assert world.posted()[0] == "BONUS>CB 50.00"
