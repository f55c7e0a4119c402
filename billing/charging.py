"""Charges: cashback pays first, to the kopeck, then main, then the rest stays unpaid (rules 28-30, 34, 36, 42)."""

import re
from datetime import datetime

from msgspec import Struct

from billing.answers import ChargeAnswer, Step
from billing.books import Books
from billing.commands import DrawCharge
from billing.crediting import start_draft
from billing.decision import Context, Outcome
from billing.draft import Draft
from billing.errors import Conflict, InsufficientFunds
from billing.events import BillPaidFromCashback, CashbackUsedUp
from billing.figures import figures_of, instant_or_now, require_positive
from billing.finding import subscription_of
from billing.money import Kopecks
from billing.programme import Programme
from billing.records import Charge
from billing.requests import conclude, repeat_of
from billing.words import Account, ChargeStatus, ChargeType, KeyKind, PostingKind

HOLD_PREFIX = "hold:"
"""How the ids of the charges of committed reservations begin."""

_FEE_ID = re.compile(r"fee:\d{4}-\d{2}:([1-9]\d{0,18})", re.ASCII)


class Split(Struct, frozen=True, kw_only=True, gc=False):
    """How a charge is paid: first from cashback, then from main; what nobody pays stays unpaid."""

    cashback: Kopecks
    main: Kopecks
    unpaid: Kopecks


class Bill(Struct, frozen=True, kw_only=True, gc=False):
    """What is to be drawn. `period` on the month job's fee alone."""

    charge_id: str
    type: ChargeType
    amount: Kopecks
    occurred_at: datetime
    period: str = ""


def fee_charge_id(period: str, subscription_id: int) -> str:
    """The charge id of the month job's fee: one per subscription and period."""
    return f"fee:{period}:{subscription_id}"


def hold_charge_id(reservation_id: str) -> str:
    """The charge id of a reservation's commit."""
    return f"{HOLD_PREFIX}{reservation_id}"


def fee_subscription_id(charge_id: str) -> int | None:
    """Whose fee an id of the month job's shape names; None for every other id."""
    match = _FEE_ID.fullmatch(charge_id) if charge_id.startswith("fee:") else None
    return int(match.group(1)) if match else None


def split_charge(draft: Draft, charge_type: ChargeType, amount: Kopecks, programme: Programme) -> Split:
    """Cashback up to the whole amount, then main; held sums are left alone (rules 28-30, 33).

    Cashback pays only the types it may and what the month's cap leaves, held cashback counting as spent. Where the
    main balance is someone else's, all the rest is what the caller draws itself (rule 42).
    """
    cashback = 0
    if charge_type in programme.spend_types:
        cashback = min(draft.available_cashback, amount)
        if programme.monthly_spend_cap is not None:
            left = programme.monthly_spend_cap - cap_used(draft) - draft.field("held_cashback")
            cashback = max(0, min(cashback, left))
    rest = amount - cashback
    main = rest if programme.main_balance == "external" else min(draft.drawable_main, rest)
    return Split(cashback=cashback, main=main, unpaid=rest - main)


def cap_used(draft: Draft) -> Kopecks:
    """How much cashback was spent in the current month (rule 29)."""
    used: Kopecks = draft.field("cap_used")
    return used if draft.field("cap_period") == draft.period else 0


def draw_charge(command: DrawCharge, books: Books, context: Context) -> Outcome:
    """Draw a charge; the same id and figures again are answered the same (rule 34).

    Raises:
        Conflict: the id is known with other figures, or belongs to the month job or a reservation.
        InsufficientFunds: not enough money while `part_payment` is off (rule 30).
    """
    asked = figures_of(command.msisdn, f"{command.type}", command.amount, at=command.occurred_at)
    repeat = repeat_of(books, KeyKind.CHARGE, command.charge_id, asked=asked)
    if repeat is not None:
        return repeat
    if fee_subscription_id(command.charge_id) is not None or command.charge_id.startswith(HOLD_PREFIX):
        raise Conflict("ids of this shape belong to the month job's fees and to reservations", field="charge_id")
    require_positive(command.amount, "amount")
    occurred_at = instant_or_now(command.occurred_at, context, "occurred_at")
    draft = start_draft(books, subscription_of(books, command.msisdn), context)
    split = split_charge(draft, command.type, command.amount, context.programme)
    if split.unpaid and not context.programme.part_payment:
        raise InsufficientFunds("cashback and main together do not cover this charge")
    bill = Bill(charge_id=command.charge_id, type=command.type, amount=command.amount, occurred_at=occurred_at)
    charge = book_charge(draft, bill, split, context.programme)
    answer = charge_answer(charge, command.msisdn)
    return conclude(draft, answer, kind=KeyKind.CHARGE, key=command.charge_id, asked=asked)


def book_charge(draft: Draft, bill: Bill, split: Split, programme: Programme) -> Charge:
    """Post a charge as split, keep it, tell what it means to the subscriber; shared with the month job."""
    _notice_used_up(draft)
    entry_no = draft.next_entry
    _post(draft, Account.CASHBACK, split.cashback, bill)
    if programme.main_balance == "internal":
        _post(draft, Account.MAIN, split.main, bill)
    if draft.next_entry == entry_no:
        draft.take_number()
    if split.cashback:
        draft.change(cap_used=cap_used(draft) + split.cashback, cap_period=draft.period, spent_period=draft.period)
    charge = Charge(
        subscription_id=draft.subscription_id,
        charge_id=bill.charge_id,
        entry_no=entry_no,
        type=bill.type,
        amount=bill.amount,
        cashback=split.cashback,
        main=split.main,
        unpaid=split.unpaid,
        status=status_of(paid=split.cashback + split.main, unpaid=split.unpaid),
        period=bill.period,
        occurred_at=bill.occurred_at,
        booked_at=draft.now,
    )
    draft.put(charge)
    if bill.type is ChargeType.TARIFF_FEE and split.cashback:
        draft.tell(
            BillPaidFromCashback(
                subscription=draft.subscription,
                ref=bill.charge_id,
                amount=bill.amount,
                cashback=split.cashback,
                main=split.main,
                unpaid=split.unpaid,
            )
        )
    return charge


def status_of(*, paid: Kopecks, unpaid: Kopecks) -> ChargeStatus:
    """How far a charge is paid: nothing open is `paid`, also where a refund closed it."""
    if not unpaid:
        return ChargeStatus.PAID
    return ChargeStatus.PART_PAID if paid else ChargeStatus.UNPAID


def charge_answer(charge: Charge, msisdn: str) -> ChargeAnswer:
    """A charge as it was drawn, its steps in drawing order, none of zero."""
    parts = ((Account.CASHBACK, charge.cashback), (Account.MAIN, charge.main))
    return ChargeAnswer(
        charge_id=charge.charge_id,
        msisdn=msisdn,
        type=charge.type,
        amount=charge.amount,
        cashback=charge.cashback,
        main=charge.main,
        unpaid=charge.unpaid,
        status=charge.status,
        steps=tuple(Step(source=source, amount=amount) for source, amount in parts if amount),
        booked_at=charge.booked_at,
    )


def _post(draft: Draft, source: Account, amount: Kopecks, bill: Bill) -> None:
    draft.post(PostingKind.CHARGE, source, Account.REVENUE, amount, ref=bill.charge_id, effective_at=bill.occurred_at)


def _notice_used_up(draft: Draft) -> None:
    """The first charge that finds no cashback in a month in which cashback paid something (rule 36)."""
    period = draft.period
    if draft.available_cashback or draft.field("spent_period") != period or draft.field("used_up_period") == period:
        return
    draft.change(used_up_period=period)
    draft.tell(CashbackUsedUp(subscription=draft.subscription, ref=f"{period}:{draft.subscription_id}"))
