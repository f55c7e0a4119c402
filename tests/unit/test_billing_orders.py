"""From the paid order to the bonus account and back: rules 19-23, scenarios 07, 16, 18, 19, 21, 22, 40, 41."""

import pytest
from ledger_world import OFF, A, B, C, World, catalogue, moscow, partner
from msgspec.structs import replace

from billing.catalogue import PromoTerms
from billing.commands import (
    CreditOnDemand,
    CreditPromo,
    LeaveProgramme,
    OrderAmended,
    OrderConfirmed,
    OrderPaid,
    OrderRejected,
    OrderReturned,
    OverrideAccrual,
    PutSubscriber,
)
from billing.events import AccrualRejected, CashbackAccrued, CashbackReversed
from billing.records import AuditEntry
from billing.words import AccrualState, Block, Channel, Network, OrderChannel, Reason

CONFIRMED = OrderConfirmed(partner="ozon", order_id="o-1")
REJECTED = OrderRejected(partner="ozon", order_id="o-1")
OVERRIDDEN = OverrideAccrual(partner="ozon", order_id="o-1", reason="the shop was down")


def returned(goods: int | None = None) -> OrderReturned:
    return OrderReturned(partner="ozon", order_id="o-1", returned_goods=goods)


def amended(goods: int) -> OrderAmended:
    return OrderAmended(partner="ozon", order_id="o-1", goods=goods)


def order(world: World, order_id: str = "o-1") -> tuple[AccrualState, Reason | None, int]:
    accrual = world.books.accruals["ozon", order_id]
    return accrual.state, accrual.reason, accrual.reward


def test_a_paid_order_is_pending_and_its_confirmation_posts_and_tells_once() -> None:
    """Scenario 07."""
    world = World("2025-03-03 12:00").member().at("2025-03-05 15:00").forget()
    assert world.paid("o-1", "1000.00", delivery=30_000).reward == 5000
    assert order(world) == (AccrualState.PENDING, None, 5000)
    assert world.posted() == []
    assert world.events == []
    answer = world.at("2025-03-20 10:00").do(CONFIRMED).answer
    assert (answer.accrual.state, answer.spendable_from.isoformat()) == (AccrualState.ACCRUED, "2025-04-01")
    assert world.posted() == ["EXP>BONUS 50.00"]
    (event,) = world.told(CashbackAccrued)
    assert (event.amount, event.source_name, event.spendable_from.isoformat()) == (5000, "Ozon", "2025-04-01")


def test_an_accrual_is_booked_now_and_effective_at_the_purchase() -> None:
    world = World("2025-03-03 12:00").member().at("2025-03-05 15:00")
    world.paid("o-1", "1000.00")
    world.at("2025-04-20 10:00").do(CONFIRMED)
    posting = world.journal[-1]
    assert (posting.booked_at, posting.effective_at) == (moscow("2025-04-20 10:00"), moscow("2025-03-05 15:00"))
    assert posting.ref == "ozon:o-1"


def test_a_confirmation_delivered_again_has_one_effect_and_the_same_answer() -> None:
    """Scenario 16, rule 22: also after the month has turned."""
    world = World().member().forget()
    world.paid("o-1", "1000.00")
    first = world.do(CONFIRMED)
    again = [world.do(CONFIRMED), world.do(OrderConfirmed(partner="ozon", order_id="o-1", goods=100_000))]
    world.at("2025-04-01 00:00").month("2025-04")
    again.append(world.do(CONFIRMED))
    assert [one.answer for one in again] == [first.answer] * 3
    assert all(one.hit for one in again)
    assert world.posted() == ["EXP>BONUS 50.00", "BONUS>CB 100.00"]
    assert len(world.told(CashbackAccrued)) == 1


def test_a_paid_event_delivered_again_has_the_same_answer_in_every_state() -> None:
    world = World("2025-03-03 12:00").member()
    command = OrderPaid(
        partner="ozon", order_id="o-1", click_id=world.click(), goods=100_000, delivery=0, channel=OrderChannel.WEB
    )
    first = world.do(command)
    world.do(CONFIRMED)
    assert world.do(command).answer == first.answer
    assert world.do(replace(command, paid_at=moscow("2025-03-03 12:00"))).hit
    for other in (
        replace(command, goods=100_001),
        replace(command, delivery=1),
        replace(command, click_id=None),
        replace(command, channel=OrderChannel.MOBILE_SITE),
    ):
        assert world.refused(other).code == "CONFLICT"


def test_where_an_answer_is_not_kept_any_more_the_order_is_answered_as_it_stands() -> None:
    world = World().member()
    command = OrderPaid(
        partner="ozon", order_id="o-1", click_id=world.click(), goods=100_000, delivery=0, channel=OrderChannel.WEB
    )
    world.do(command)
    world.do(CONFIRMED)
    world.books.keys.clear()
    for again in (world.do(command), world.do(CONFIRMED)):
        assert again.answer.accrual.state is AccrualState.ACCRUED
    assert world.refused(replace(command, goods=1)).code == "CONFLICT"


def test_paid_again_with_other_figures_conflicts_with_a_rejected_order_too() -> None:
    world = World().member()
    command = OrderPaid(
        partner="ozon", order_id="o-1", click_id=None, goods=100_000, delivery=0, channel=OrderChannel.WEB
    )
    first = world.do(command)
    assert world.do(command).answer == first.answer
    assert world.refused(replace(command, goods=1)).code == "CONFLICT"


def test_a_paid_instant_counts_in_the_comparison_only_where_both_named_one() -> None:
    world = World("2025-03-03 12:00").member()
    command = OrderPaid(
        partner="ozon",
        order_id="o-1",
        click_id=world.click(),
        goods=100_000,
        delivery=0,
        channel=OrderChannel.WEB,
        paid_at=moscow("2025-03-03 12:00"),
    )
    world.do(command)
    assert world.refused(replace(command, paid_at=moscow("2025-03-03 11:59"))).code == "CONFLICT"
    assert world.do(replace(command, paid_at=None)).hit


def test_the_same_order_with_other_figures_after_accrual_conflicts_and_nothing_changes() -> None:
    """Scenario 16."""
    world = World().member()
    world.earned("o-1", "1000.00")
    world.forget()
    assert world.refused(OrderConfirmed(partner="ozon", order_id="o-1", goods=200_000)).code == "CONFLICT"
    assert world.refused(amended(200_000)).code == "CONFLICT"
    assert world.refused(REJECTED).code == "CONFLICT"
    assert order(world) == (AccrualState.ACCRUED, None, 5000)
    assert world.do(amended(100_000)).answer.accrual.state is AccrualState.ACCRUED
    assert world.posted() == []


def test_an_event_before_paid_is_unknown() -> None:
    world = World().member()
    for command in (CONFIRMED, REJECTED, amended(1), returned(), OVERRIDDEN):
        assert world.refused(command).code == "UNKNOWN_ORDER"


def test_an_order_belongs_to_its_partner_alone() -> None:
    world = World().member()
    world.paid("o-1", "1000.00")
    assert world.refused(OrderConfirmed(partner="aliexpress", order_id="o-1")).code == "UNKNOWN_ORDER"


def test_goods_told_with_the_confirmation_amend_a_pending_order() -> None:
    world = World().member()
    world.paid("o-1", "1000.00")
    assert world.confirmed("o-1", goods="2000.00").reward == 10_000
    assert world.do(CONFIRMED).answer.accrual.reward == 10_000


def test_an_amendment_while_pending_recomputes_and_one_that_earns_nothing_rejects() -> None:
    """Rule 21."""
    world = World().member().forget()
    world.paid("o-1", "1000.00")
    assert world.do(amended(140_000)).answer.accrual.reward == 7000
    world.do(amended(500))
    assert order(world) == (AccrualState.REJECTED, Reason.BELOW_MIN, 0)
    assert world.do(amended(140_000)).answer.accrual.state is AccrualState.REJECTED
    assert world.do(CONFIRMED).answer.accrual.state is AccrualState.REJECTED
    assert world.posted() == []
    assert world.events == []


def test_a_confirmation_with_goods_that_earn_nothing_rejects() -> None:
    world = World().member().forget()
    world.paid("o-1", "1000.00")
    world.confirmed("o-1", goods="5.00")
    assert order(world) == (AccrualState.REJECTED, Reason.BELOW_MIN, 0)
    assert world.posted() == []


def test_the_shops_rejection_posts_nothing_and_tells_once() -> None:
    """Scenario 18."""
    world = World().member().forget()
    world.paid("o-1", "1000.00")
    world.do(REJECTED)
    world.do(REJECTED)
    assert order(world) == (AccrualState.REJECTED, Reason.REJECTED_BY_SHOP, 0)
    assert world.posted() == []
    assert [(event.amount, event.source_name) for event in world.told(AccrualRejected)] == [(5000, "Ozon")]
    assert world.do(CONFIRMED).answer.accrual.reason is Reason.REJECTED_BY_SHOP


def test_day_ninety_is_the_last_good_one() -> None:
    """Scenario 19."""
    world = World("2025-01-15 13:00").member().at("2025-01-15 14:00")
    world.paid("o-1", "1000.00")
    world.paid("o-2", "1000.00")
    answer = world.at("2025-04-15 23:59:59").do(CONFIRMED).answer
    assert (answer.accrual.state, answer.spendable_from.isoformat()) == (AccrualState.ACCRUED, "2025-05-01")
    world.at("2025-04-16 00:00").forget()
    late = world.do(OrderConfirmed(partner="ozon", order_id="o-2")).answer
    assert (late.accrual.state, late.accrual.reason, late.spendable_from) == (
        AccrualState.EXPIRED,
        Reason.LATE,
        None,
    )
    assert order(world, "o-2") == (AccrualState.EXPIRED, Reason.LATE, 0)
    assert world.posted() == []


@pytest.mark.parametrize("command", [REJECTED, amended(1), returned()])
def test_every_event_on_a_late_order_answers_that_it_expired(command: OrderRejected) -> None:
    world = World("2025-01-15 13:00").member()
    world.paid("o-1", "1000.00")
    world.at("2025-04-16 00:00").forget().do(command)
    assert order(world)[:2] == (AccrualState.EXPIRED, Reason.LATE)
    assert world.events == []


def test_a_partners_confirmation_limit_may_only_be_shorter() -> None:
    world = World("2025-03-03 12:00").runs(
        catalogue(partner("short", "5", confirm_days=10), partner("long", "5", confirm_days=365))
    )
    world.member()
    assert world.paid("o-1", "1000.00", code="short").deadline == moscow("2025-03-14 00:00")
    assert world.paid("o-1", "1000.00", code="long").deadline == moscow("2025-06-02 00:00")


def test_an_order_told_after_its_own_limit_is_recorded_as_expired() -> None:
    world = World("2025-01-15 13:00").member()
    click = world.click()
    world.at("2025-06-01 12:00")
    world.paid("o-1", "1000.00", click_id=click, paid_at=moscow("2025-01-15 13:30"))
    assert order(world) == (AccrualState.EXPIRED, Reason.LATE, 0)


def test_an_operator_lets_a_late_order_through_and_is_audited() -> None:
    """Rule 20."""
    world = World("2025-01-15 13:00").member()
    world.paid("o-1", "1000.00")
    world.at("2025-05-20 12:00").forget()
    outcome = world.do(OVERRIDDEN)
    assert (outcome.answer.accrual.state, outcome.answer.spendable_from.isoformat()) == (
        AccrualState.ACCRUED,
        "2025-06-01",
    )
    assert world.posted() == ["BONUS>CB 50.00", "EXP>BONUS 50.00"]
    (audit,) = (record for record in outcome.records if isinstance(record, AuditEntry))
    assert (audit.action, audit.ref, audit.reason) == ("override", "ozon:o-1", "the shop was down")
    assert world.do(OVERRIDDEN).hit
    assert world.refused(replace(OVERRIDDEN, reason="another")).code == "WRONG_STATE"
    assert world.do(CONFIRMED).answer.accrual.state is AccrualState.ACCRUED
    assert world.refused(OrderConfirmed(partner="ozon", order_id="o-1", goods=1)).code == "CONFLICT"


def test_only_an_ended_order_of_an_active_member_that_earns_can_be_let_through() -> None:
    world = World().member()
    world.paid("o-1", "1000.00")
    assert world.refused(OVERRIDDEN).code == "WRONG_STATE"
    world.paid("o-1", "5.00", code="aliexpress")
    tiny = OverrideAccrual(partner="aliexpress", order_id="o-1", reason="kindness")
    assert world.refused(tiny).code == "WRONG_STATE"
    nobodys = OrderPaid(
        partner="ozon", order_id="o-2", click_id=None, goods=100_000, delivery=0, channel=OrderChannel.WEB
    )
    world.do(nobodys)
    assert world.refused(OverrideAccrual(partner="ozon", order_id="o-2", reason="kindness")).code == "WRONG_STATE"
    world.do(REJECTED)
    world.do(LeaveProgramme(msisdn=A, channel=Channel.WEB, confirm=True))
    assert world.refused(OVERRIDDEN).code == "NOT_MEMBER"


def test_a_target_action_is_rewarded_once_and_names_its_promotion() -> None:
    """Scenario 21."""
    world = World("2025-03-20 12:00").member().forget()
    command = CreditPromo(promo="quiz", action_id="q-1", msisdn=A, amount=3000)
    first = world.do(command)
    again = world.do(command)
    assert again.answer == first.answer
    assert world.posted() == ["EXP>BONUS 30.00"]
    (event,) = world.told(CashbackAccrued)
    assert (event.source_name, event.amount, event.spendable_from.isoformat()) == ("Quiz", 3000, "2025-04-01")
    assert world.refused(replace(command, amount=3100)).code == "CONFLICT"
    assert world.subscriber(B).refused(replace(command, msisdn=B)).code == "CONFLICT"


def test_a_promotions_action_never_shares_a_notice_with_a_partners_order() -> None:
    twin = partner("quiz", "5")
    world = World().runs(catalogue(twin)).member().forget()
    world.earned("q-1", "1000.00", code="quiz")
    world.do(CreditPromo(promo="quiz", action_id="q-1", msisdn=A, amount=3000))
    assert len({event.ref for event in world.told(CashbackAccrued)}) == 2


def test_a_promotion_gives_its_own_sum_within_its_dates_only() -> None:
    spring = PromoTerms(
        code="spring",
        name="Spring",
        amount=3000,
        valid_from=moscow("2025-03-01"),
        valid_until=moscow("2025-04-01"),
    )
    raising = PromoTerms(code="raise", name="Raise", percent=1)
    world = World("2025-03-10 12:00").runs(catalogue(partner("ozon", "5"), promos=[spring, raising])).member()
    own = CreditPromo(promo="spring", action_id="1", msisdn=A)
    assert world.do(own).answer.amount == 3000
    assert world.do(replace(own, action_id="2", amount=3000)).answer.amount == 3000
    assert world.refused(replace(own, action_id="3", amount=2999)).code == "INVALID"
    assert world.refused(replace(own, promo="raise")).code == "UNKNOWN_PROMO"
    assert world.refused(replace(own, promo="quiz")).code == "UNKNOWN_PROMO"
    world.at("2025-04-01 00:00")
    assert world.refused(replace(own, action_id="4")).code == "UNKNOWN_PROMO"
    assert world.do(own).hit


@pytest.mark.parametrize("amount", [None, 0, -1])
def test_a_promotion_without_a_sum_needs_one_above_zero(amount: int | None) -> None:
    refusal = World().member().refused(CreditPromo(promo="quiz", action_id="1", msisdn=A, amount=amount))
    assert (refusal.code, refusal.field) == ("INVALID", "amount")


def test_a_target_action_of_no_member_is_refused() -> None:
    command = CreditPromo(promo="quiz", action_id="1", msisdn=A, amount=100)
    assert World().refused(command).code == "UNKNOWN_SUBSCRIBER"
    assert World().subscriber().refused(command).code == "NOT_MEMBER"


def test_what_accrues_from_the_first_instant_of_the_month_waits_for_the_next_first() -> None:
    """Scenario 22."""
    world = World(welcome_bonus=0).member()
    world.paid("o-1", "1000.00")
    world.paid("o-2", "1400.00")
    world.at("2025-03-31T20:59:59+00:00").confirmed("o-1")
    world.at("2025-03-31T21:00:00+00:00").confirmed("o-2")
    world.month("2025-04")
    assert world.sums() == ("70.00", "50.00", "0.00")
    world.at("2025-04-30T21:00:00+00:00").month("2025-05")
    assert world.sums() == ("0.00", "120.00", "0.00")


@pytest.mark.parametrize("given", [{"network": Network.OFF_NET}, {"contract": "corporate"}])
def test_corporate_and_off_net_rewards_name_no_date(given: dict) -> None:
    world = World().member(OFF, **given).forget()
    world.paid("o-1", "1000.00", msisdn=OFF)
    answer = world.do(CONFIRMED).answer
    assert answer.spendable_from is None
    assert [event.spendable_from for event in world.told(CashbackAccrued)] == [None]
    world.bonus("10.00", OFF)
    assert world.told(CashbackAccrued)[-1].spendable_from is None


def test_a_reward_held_back_names_the_next_first() -> None:
    world = World("2025-03-03 12:00").member()
    world.earned("o-1", "1000.00")
    world.do(PutSubscriber(msisdn=A, blocks=frozenset({Block.INVESTIGATION})))
    answer = world.at("2025-04-10 12:00").do(amended(100_000)).answer
    assert (answer.accrual.state, answer.spendable_from.isoformat()) == (AccrualState.ACCRUED, "2025-05-01")


def test_a_return_while_pending_rejects_without_posting() -> None:
    """Scenario 40."""
    world = World().member().forget()
    world.paid("o-1", "1000.00")
    world.do(returned())
    assert order(world) == (AccrualState.REJECTED, Reason.RETURNED, 0)
    assert world.posted() == []
    assert world.events == []


def test_a_return_after_accrual_comes_from_the_bonus() -> None:
    """Scenario 40."""
    world = World().member().bonus("50.00")
    world.earned("o-1", "1000.00")
    assert world.sums()[0] == "150.00"
    world.forget()
    for _ in range(2):
        world.do(returned())
    assert world.posted() == ["BONUS>EXP 50.00"]
    assert [(event.amount, event.source_name) for event in world.told(CashbackReversed)] == [(5000, "Ozon")]
    assert order(world) == (AccrualState.REVERSED, Reason.RETURNED, 0)
    world.at("2025-04-01 00:00").month("2025-04")
    assert world.sums()[1] == "100.00"


def test_a_return_after_crediting_comes_from_cashback_and_never_from_main() -> None:
    """Scenario 41."""
    world = World().member().main("10.00").bonus("50.00")
    world.earned("o-1", "1000.00")
    world.at("2025-04-01 00:00").month("2025-04")
    assert world.sums() == ("0.00", "150.00", "10.00")
    world.forget().do(returned())
    assert world.posted() == ["CB>EXP 50.00"]
    assert world.sums() == ("0.00", "100.00", "10.00")
    assert [event.amount for event in world.told(CashbackReversed)] == [5000]


def test_a_return_after_crediting_takes_bonus_first_and_carries_over_what_is_missing() -> None:
    """Rule 23."""
    world = World(welcome_bonus=0).member().main("500.00")
    world.earned("o-1", "2000.00")
    world.at("2025-04-01 00:00").month("2025-04")
    world.charge("c-1", "70.00")
    world.bonus("20.00").forget().do(returned())
    assert world.posted() == ["BONUS>EXP 20.00", "CB>EXP 30.00"]
    assert world.journal[-1].tx_no == world.journal[-2].tx_no
    assert [event.amount for event in world.told(CashbackReversed)] == [10_000]
    assert (world.sums(), world.balances().carry_over) == (("0.00", "0.00", "500.00"), 5000)
    world.forget().bonus("30.00")
    assert world.posted() == ["EXP>BONUS 30.00", "BONUS>EXP 30.00"]
    assert len({one.tx_no for one in world.journal[-2:]}) == 1
    world.forget().earned("o-2", "1400.00")
    assert world.posted() == ["EXP>BONUS 70.00", "BONUS>EXP 20.00"]
    assert (world.sums()[0], world.balances().carry_over) == ("50.00", 0)
    assert order(world, "o-2") == (AccrualState.ACCRUED, None, 7000)
    assert [event.amount for event in world.told(CashbackAccrued)] == [7000]
    assert not world.told(CashbackReversed)


def test_held_cashback_is_not_taken_back() -> None:
    world = World(welcome_bonus=0).member()
    world.earned("o-1", "2000.00")
    world.at("2025-04-01 00:00").month("2025-04")
    world.books.put(replace(world.balances(), held_cashback=6000))
    world.forget().do(returned())
    assert world.posted() == ["CB>EXP 40.00"]
    assert world.balances().carry_over == 6000


def test_returns_after_crediting_take_nothing_where_the_switch_says_so() -> None:
    world = World(returns_after_credit="keep").member()
    world.earned("o-1", "1000.00")
    world.earned("o-2", "1000.00")
    world.at("2025-04-01 00:00").month("2025-04")
    world.forget().do(returned())
    assert order(world) == (AccrualState.CREDITED, None, 5000)
    assert world.books.accruals["ozon", "o-1"].returned_goods == 100_000
    assert world.posted() == []
    assert world.events == []


def test_a_partial_return_recomputes_on_what_was_kept_and_reverses_the_difference() -> None:
    """Rule 23."""
    world = World().member()
    world.earned("o-1", "1000.00")
    world.forget()
    world.do(returned(30_000))
    world.do(returned(30_000))
    assert order(world) == (AccrualState.ACCRUED, None, 3500)
    world.do(returned(50_000))
    world.do(returned(40_000))
    assert order(world) == (AccrualState.ACCRUED, None, 2500)
    assert world.posted() == ["BONUS>EXP 15.00", "BONUS>EXP 10.00"]
    told = world.told(CashbackReversed)
    assert [event.amount for event in told] == [1500, 1000]
    assert len({event.ref for event in told}) == 2
    world.do(returned())
    assert order(world) == (AccrualState.REVERSED, Reason.RETURNED, 0)
    assert world.books.accruals["ozon", "o-1"].reversed_sum == 5000


def test_a_partial_return_below_the_minimum_purchase_reverses_all() -> None:
    world = World().member()
    world.earned("o-1", "1200.00", code="domino")
    world.forget().do(OrderReturned(partner="domino", order_id="o-1", returned_goods=30_000))
    assert world.posted() == ["BONUS>EXP 100.00"]
    assert world.books.accruals["domino", "o-1"].state is AccrualState.REVERSED


def test_a_partial_return_that_changes_no_reward_sends_nothing() -> None:
    world = World().member()
    world.earned("o-1", "1000.00")
    world.forget().do(returned(100))
    assert order(world) == (AccrualState.ACCRUED, None, 5000)
    assert world.posted() == []
    assert world.events == []


def test_a_partial_return_while_pending_lowers_what_will_accrue() -> None:
    world = World().member()
    world.paid("o-1", "1000.00")
    world.do(returned(60_000))
    assert order(world) == (AccrualState.PENDING, None, 2000)
    assert world.confirmed("o-1").reward == 2000
    world.paid("o-2", "1000.00", code="domino")
    world.do(OrderReturned(partner="domino", order_id="o-2", returned_goods=1))
    pending = world.books.accruals["domino", "o-2"]
    assert (pending.state, pending.reason) == (AccrualState.REJECTED, Reason.RETURNED)


def test_an_amendment_below_what_came_back_is_a_full_return() -> None:
    world = World().member()
    world.paid("o-1", "1000.00")
    world.do(returned(60_000))
    world.do(amended(50_000))
    assert order(world) == (AccrualState.REJECTED, Reason.RETURNED, 0)


def test_more_goods_cannot_come_back_than_were_bought() -> None:
    world = World().member()
    world.earned("o-1", "1000.00")
    refusal = world.refused(returned(100_001))
    assert (refusal.code, refusal.field) == ("INVALID", "returned_goods")


def test_a_return_of_what_left_or_was_rejected_answers_its_state() -> None:
    world = World().member()
    world.earned("o-1", "1000.00")
    world.do(LeaveProgramme(msisdn=A, channel=Channel.WEB, confirm=True))
    world.forget().do(returned())
    assert order(world)[:2] == (AccrualState.LAPSED, Reason.LEFT)
    assert world.posted() == []


def test_a_return_in_a_month_that_was_not_credited_yet_credits_first() -> None:
    """Rule 24: the reward is credited on the 1st, whether the month job came by or not, and taken from cashback."""
    world = World().member()
    world.earned("o-1", "1000.00")
    world.at("2025-04-02 12:00").forget().do(returned())
    assert world.posted() == ["BONUS>CB 100.00", "CB>EXP 50.00"]
    first, second = world.journal[-2:]
    assert first.tx_no != second.tx_no


def test_a_corporate_return_after_the_bonus_was_spent_is_carried_over() -> None:
    world = World(welcome_bonus=0).corporate(C)
    world.paid("o-1", "1000.00", msisdn=C)
    world.confirmed("o-1")
    world.books.put(replace(world.balances(C), carry_over=0))
    world.do(returned(60_000))
    assert world.sums(C)[0] == "20.00"
    assert world.refused(CreditOnDemand(credit_id="1", msisdn=C)).code == "NOT_ELIGIBLE"


def test_a_return_of_what_accrued_this_month_leaves_what_is_held_from_before() -> None:
    """Rule 11: held bonus stays held; the newer part goes first."""
    world = World(welcome_bonus=0, held_release="at_once").member().bonus("100.00")
    world.do(PutSubscriber(msisdn=A, blocks=frozenset({Block.INVESTIGATION})))
    world.at("2025-04-05 12:00")
    world.earned("o-1", "1000.00")
    world.do(returned(50_000))
    assert (world.balances().bonus, world.balances().bonus_new) == (12_500, 2500)
    world.do(PutSubscriber(msisdn=A, blocks=frozenset()))
    assert world.sums() == ("25.00", "100.00", "0.00")
