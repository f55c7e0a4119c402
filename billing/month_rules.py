"""The 1st of the month for one subscription, purely: expire, credit, charge (rule 24).

This is the rule; the set-based SQL of `billing.store.month` is its translation, and a differential test holds the two
together. A step done again finds nothing to do: the credit is decided once per period, the fee has one id.
"""

from dataclasses import dataclass

from billing.accruals import expired
from billing.calendar import period_start
from billing.charging import Bill, Split, book_charge, fee_charge_id, split_charge
from billing.crediting import credit_month
from billing.decision import Context
from billing.draft import Draft
from billing.events import LedgerEvent
from billing.money import Kopecks
from billing.records import Accrual, Balances, Charge, Posting, Record, Subscription
from billing.words import AccrualState, ChargeType, Network


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthAccount:
    """One subscription before its month step. `fee` is its tariff's; 0 without one, or once this month's is drawn."""

    subscription: Subscription
    balances: Balances
    open_accruals: tuple[Accrual, ...] = ()
    fee: Kopecks = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthStep:
    """What the step does: records to put, postings to append, events to tell, and its part of the totals."""

    records: tuple[Record, ...]
    postings: tuple[Posting, ...]
    events: tuple[LedgerEvent, ...]
    expired: tuple[Accrual, ...]
    """The accruals that expired, as they stood before."""
    credited: Kopecks
    fee: Charge | None


def step_month(account: MonthAccount, period: str, context: Context) -> MonthStep:
    """Expire, credit, charge, in this order: crediting is over before the fee is drawn (rule 24)."""
    start = period_start(period, context.programme.zone)
    overdue = tuple(
        accrual
        for accrual in account.open_accruals
        if accrual.state is AccrualState.PENDING and accrual.deadline <= start
    )
    draft = Draft(account.subscription, account.balances, context)
    for accrual in overdue:
        draft.put_accrual(expired(accrual))
    credited = 0
    if account.balances.credited_period < period:
        credited = credit_month(draft, account.open_accruals, period, context)
    draft.begin()
    fee = _draw_fee(draft, account.fee, period, context) if owes_fee(account.subscription, period, context) else None
    balances = draft.balances()
    return MonthStep(
        records=(*draft.changes(), balances),
        postings=tuple(draft.postings),
        events=tuple(draft.events),
        expired=overdue,
        credited=credited,
        fee=fee,
    )


def owes_fee(subscription: Subscription, period: str, context: Context) -> bool:
    """Whether the month job draws a period's fee from a subscription, its tariff having one.

    Only from the operator's own numbers that existed before the period began, and only where the main balance is
    kept here: else the fee comes as a charge from the billing system (rule 42).
    """
    return (
        context.programme.main_balance == "internal"
        and subscription.network is Network.ON_NET
        and bool(subscription.msisdn)
        and subscription.created_at < period_start(period, context.programme.zone)
    )


def _draw_fee(draft: Draft, fee: Kopecks, period: str, context: Context) -> Charge | None:
    """The fee, dated the period's first instant; with `part_payment` off it is paid whole or stays open whole."""
    if not fee:
        return None
    split = split_charge(draft, ChargeType.TARIFF_FEE, fee, context.programme)
    if split.unpaid and not context.programme.part_payment:
        split = Split(cashback=0, main=0, unpaid=fee)
    bill = Bill(
        charge_id=fee_charge_id(period, draft.subscription_id),
        type=ChargeType.TARIFF_FEE,
        amount=fee,
        occurred_at=period_start(period, context.programme.zone),
        period=period,
    )
    return book_charge(draft, bill, split, context.programme)
