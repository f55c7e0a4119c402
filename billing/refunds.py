"""Refunds restore a charge in reverse order of drawing: the open rest first, then main, then cashback (rule 32)."""

from msgspec.structs import replace

from billing.answers import RefundAnswer
from billing.books import Books
from billing.calendar import period_of
from billing.charging import cap_used, status_of
from billing.commands import RefundCharge
from billing.crediting import start_draft
from billing.decision import Context, Outcome
from billing.draft import Draft
from billing.errors import ExceedsCharge, UnknownCharge
from billing.figures import figures_of, require_positive
from billing.records import Charge, Refund
from billing.requests import conclude, repeat_of
from billing.words import Account, KeyKind, PostingKind


def refund_charge(command: RefundCharge, books: Books, context: Context) -> Outcome:
    """Give a charge back, whole or in part; it settles nothing (rule 30).

    What top-ups paid of it later is main's too. Where the main balance is someone else's, main's part is told, not
    posted (rule 42). Cashback that comes back in the month of its draw is not counted against the cap.

    Raises:
        UnknownCharge: no charge has this id.
        ExceedsCharge: more than is still drawn or open.
    """
    asked = figures_of(command.charge_id, command.amount)
    repeat = repeat_of(books, KeyKind.REFUND, command.refund_id, asked=asked)
    if repeat is not None:
        return repeat
    require_positive(command.amount, "amount")
    charge = books.charges.get(command.charge_id)
    if charge is None:
        raise UnknownCharge("no charge has this id")
    main_left = charge.main + charge.settled - charge.refunded_main
    unpaid = min(command.amount, charge.unpaid)
    main = min(command.amount - unpaid, main_left)
    cashback = command.amount - unpaid - main
    if cashback > charge.cashback - charge.refunded_cashback:
        raise ExceedsCharge("more than is left of this charge", field="amount")
    draft = start_draft(books, books.subscriptions[charge.subscription_id], context)
    if context.programme.main_balance == "internal":
        draft.post(PostingKind.REFUND, Account.REVENUE, Account.MAIN, main, ref=command.refund_id)
    draft.post(PostingKind.REFUND, Account.REVENUE, Account.CASHBACK, cashback, ref=command.refund_id)
    _restore_cap(draft, charge, cashback, context)
    refund = Refund(
        subscription_id=charge.subscription_id,
        charge_id=charge.charge_id,
        refund_id=command.refund_id,
        amount=command.amount,
        unpaid=unpaid,
        main=main,
        cashback=cashback,
        at=draft.now,
    )
    draft.put(_lowered(charge, refund))
    draft.put(refund)
    answer = RefundAnswer(refund_id=command.refund_id, unpaid=unpaid, main=main, cashback=cashback)
    return conclude(draft, answer, kind=KeyKind.REFUND, key=command.refund_id, asked=asked)


def _lowered(charge: Charge, refund: Refund) -> Charge:
    """The charge with what one refund gave back."""
    unpaid = charge.unpaid - refund.unpaid
    return replace(
        charge,
        unpaid=unpaid,
        status=status_of(paid=charge.cashback + charge.main + charge.settled, unpaid=unpaid),
        refunded_unpaid=charge.refunded_unpaid + refund.unpaid,
        refunded_main=charge.refunded_main + refund.main,
        refunded_cashback=charge.refunded_cashback + refund.cashback,
    )


def _restore_cap(draft: Draft, charge: Charge, cashback: int, context: Context) -> None:
    """Cashback that comes back in the month of its draw may be spent again in that month (rule 29)."""
    if cashback and period_of(charge.booked_at, context.programme.zone) == draft.period:
        draft.change(cap_used=max(0, cap_used(draft) - cashback), cap_period=draft.period)
