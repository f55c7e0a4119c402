"""What a subscriber is shown about money, worked out from the balance row (interface.md, balance)."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from billing.accruals import as_it_stands
from billing.answers import BalanceView
from billing.calendar import first_of, next_first, period_of
from billing.decision import Context
from billing.finding import pays_from_cashback, standing
from billing.money import Kopecks
from billing.records import Accrual, Balances, Membership, Subscription
from billing.words import AccrualState, Block, MembershipState


def balance_view(
    subscription: Subscription,
    balances: Balances,
    membership: Membership | None,
    *,
    pending: Kopecks,
    unpaid: Kopecks,
    context: Context,
) -> BalanceView:
    """Everything about one subscription's money; who never joined has no bonus, cashback, pending, carry-over."""
    state = standing(membership)
    if state is MembershipState.NONE:
        balances = replace(balances, bonus=0, cashback=0, carry_over=0, bonus_new=0)
        pending = 0
    return BalanceView(
        subscription=subscription,
        membership=state,
        balances=balances,
        pending=pending,
        bonus_due_on=bonus_due_on(subscription, balances, context),
        bonus_held=bonus_held(subscription, balances, context),
        unpaid=unpaid,
        as_of=context.now,
    )


def pending_sum(accruals: Iterable[Accrual], context: Context) -> Kopecks:
    """Rewards that wait for the shop's confirmation; from its deadline on an accrual waits no more (rule 20)."""
    live = (as_it_stands(accrual, context.now) for accrual in accruals)
    return sum(accrual.reward for accrual in live if accrual.state is AccrualState.PENDING)


def bonus_due_on(subscription: Subscription, balances: Balances, context: Context) -> date | None:
    """The 1st on which bonus is next credited: this month's while its step is still to come (rule 25).

    None for no bonus, and for who is never credited (rules 6, 7).
    """
    if not balances.bonus or not pays_from_cashback(subscription):
        return None
    zone = context.programme.zone
    period = period_of(context.now, zone)
    is_overdue = balances.credited_period < period and older_bonus(balances, period) > 0
    if is_overdue and Block.INVESTIGATION not in subscription.blocks:
        return first_of(period)
    return next_first(context.now, zone)


def bonus_held(subscription: Subscription, balances: Balances, context: Context) -> Kopecks:
    """The part of bonus whose 1st has come but which an investigation keeps from crediting (rule 11)."""
    if Block.INVESTIGATION not in subscription.blocks or not pays_from_cashback(subscription):
        return 0
    return older_bonus(balances, period_of(context.now, context.programme.zone))


def older_bonus(balances: Balances, period: str) -> Kopecks:
    """What of the bonus accrued before a period began."""
    return balances.bonus - (balances.bonus_new if balances.bonus_period == period else 0)
