"""Top-ups: own money into main, which then pays open charges, oldest first (rules 30, 31)."""

from msgspec.structs import replace

from billing.answers import SettledPart, TopUpAnswer
from billing.books import Books
from billing.charging import status_of
from billing.commands import TopUp
from billing.crediting import start_draft
from billing.decision import Context, Outcome
from billing.draft import Draft
from billing.errors import NotEligible
from billing.figures import figures_of, require_positive
from billing.finding import subscription_of
from billing.records import Charge, Settlement
from billing.requests import conclude, repeat_of
from billing.words import Account, KeyKind, PostingKind


def top_up(command: TopUp, books: Books, context: Context) -> Outcome:
    """Add to main only, then settle open charges from all of main above zero, never from cashback (rule 30).

    Raises:
        NotEligible: the main balance is not kept here (rule 42).
    """
    asked = figures_of(command.msisdn, command.amount)
    repeat = repeat_of(books, KeyKind.TOPUP, command.topup_id, asked=asked)
    if repeat is not None:
        return repeat
    require_positive(command.amount, "amount")
    subscription = subscription_of(books, command.msisdn)
    if context.programme.main_balance == "external":
        raise NotEligible("the main balance belongs to the operator's charging system")
    draft = start_draft(books, subscription, context)
    draft.post(PostingKind.TOPUP, Account.CASH_IN, Account.MAIN, command.amount, ref=command.topup_id)
    open_charges = books.open_charges.get(subscription.subscription_id, {})
    settled = tuple(
        part
        for charge in sorted(open_charges.values(), key=_age)
        for part in _settle(draft, charge, command.topup_id)
    )
    answer = TopUpAnswer(topup_id=command.topup_id, main=draft.main, settled=settled)
    return conclude(draft, answer, kind=KeyKind.TOPUP, key=command.topup_id, asked=asked)


def _settle(draft: Draft, charge: Charge, topup_id: str) -> tuple[SettledPart, ...]:
    """Pay what main allows of one open charge; nothing where main has nothing left."""
    amount = min(draft.own_main, charge.unpaid)
    if not amount:
        return ()
    draft.post(PostingKind.SETTLEMENT, Account.MAIN, Account.REVENUE, amount, ref=charge.charge_id)
    unpaid = charge.unpaid - amount
    draft.put(
        replace(charge, unpaid=unpaid, settled=charge.settled + amount, status=status_of(paid=amount, unpaid=unpaid))
    )
    draft.put(
        Settlement(
            subscription_id=charge.subscription_id,
            charge_id=charge.charge_id,
            topup_id=topup_id,
            amount=amount,
            at=draft.now,
        )
    )
    return (SettledPart(charge_id=charge.charge_id, amount=amount),)


def _age(charge: Charge) -> int:
    return charge.entry_no
