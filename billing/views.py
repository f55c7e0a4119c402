"""What a subscriber is shown about money, worked out from the balance row (interface.md, balance)."""

from collections.abc import Iterable
from datetime import date, datetime

from msgspec.structs import replace

from billing.accruals import as_it_stands
from billing.answers import BalanceView
from billing.calendar import first_of, next_first, period_of
from billing.finding import pays_from_cashback, standing
from billing.money import Kopecks
from billing.programme import Programme
from billing.records import Accrual, Balances, Membership, Subscription
from billing.words import AccrualState, Block, MembershipState


def balance_view(
    subscription: Subscription,
    balances: Balances,
    membership: Membership | None,
    *,
    pending: Kopecks,
    unpaid: Kopecks,
    now: datetime,
    programme: Programme,
) -> BalanceView:
    """Everything about one subscription's money; who never joined has no bonus, cashback, pending, carry-over."""
    state = standing(membership)
    if state is MembershipState.NONE:
        balances = replace(balances, bonus=0, bonus_new=0, cashback=0, carry_over=0)
        pending = 0
    return BalanceView(
        subscription=subscription,
        membership=state,
        balances=balances,
        pending=pending,
        bonus_due_on=bonus_due_on(subscription, balances, now, programme),
        bonus_held=bonus_held(subscription, balances),
        unpaid=unpaid,
        as_of=now,
    )


def pending_sum(accruals: Iterable[Accrual], now: datetime) -> Kopecks:
    """Rewards that wait for the shop's confirmation; from its deadline on an accrual waits no more (rule 20)."""
    live = (as_it_stands(accrual, now) for accrual in accruals)
    return sum(accrual.reward for accrual in live if accrual.state is AccrualState.PENDING)


def bonus_due_on(subscription: Subscription, balances: Balances, now: datetime, programme: Programme) -> date | None:
    """The 1st on which bonus is next credited: this month's while its step is still to come (rule 25).

    None for no bonus, for one that is held, and for who is never credited (rules 6, 7, 11).
    """
    if not pays_from_cashback(subscription) or balances.bonus == bonus_held(subscription, balances):
        return None
    period = period_of(now, programme.zone)
    newer = balances.bonus_new if balances.bonus_period == period else 0
    is_overdue = balances.credited_period < period and balances.bonus > newer
    return first_of(period) if is_overdue else next_first(now, programme.zone)


def bonus_held(subscription: Subscription, balances: Balances) -> Kopecks:
    """The part of bonus that an investigation keeps from crediting: all of it while the block stands (rule 11).

    What a contract or a network keeps from crediting is not held: it is there to be spent by voucher (rules 6, 7).
    """
    if Block.INVESTIGATION in subscription.blocks and pays_from_cashback(subscription):
        return balances.bonus
    return 0
