"""Bonus becomes cashback: on the 1st, lazily before any command of a new month, on demand, when a hold is released.

Whatever the way, the state of the accruals moves with the money, so that a return knows where to take it from.
"""

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from billing.answers import CreditAnswer
from billing.books import Books
from billing.calendar import period_of, period_start
from billing.commands import CreditOnDemand
from billing.decision import Context, Outcome
from billing.draft import Draft
from billing.errors import BlockedInvestigation, NotEligible
from billing.events import CashbackCredited
from billing.figures import figures_of
from billing.finding import active_membership, pays_from_cashback, subscription_of
from billing.money import Kopecks
from billing.records import Accrual, Subscription
from billing.requests import conclude, repeat_of
from billing.words import Account, AccrualState, Block, KeyKind, PostingKind


def start_draft(books: Books, subscription: Subscription, context: Context) -> Draft:
    """A draft for a command that touches balances, with the month's credit step done first (rules 24, 26).

    So a charge in the new month always finds the credit done, whether the month job came by or not.
    """
    key = subscription.subscription_id
    draft = Draft(subscription, books.balances[key], context)
    if draft.field("credited_period") < draft.period:
        credit_month(draft, books.open_accruals.get(key, {}).values(), draft.period, context)
        draft.begin()
    return draft


def credit_month(draft: Draft, accruals: Iterable[Accrual], period: str, context: Context) -> Kopecks:
    """The credit step of one subscription for one month; what it credited (rule 25).

    The bonus as of the first instant of the month moves; what accrued since waits for the next 1st. Corporate and
    off-net bonus never moves (rules 6, 7); under an investigation it stays, to be credited later (rule 11); who has
    no number any more has no phone account to be credited, and an erased sum is left as it is.
    Decided once per month, also where nothing moved. `accruals` are the ACCRUED ones, others are passed over.
    """
    draft.change(credited_period=period)
    if not _is_credited(draft.subscription):
        return 0
    due = draft.bonus - (draft.bonus_new if draft.period == period else 0)
    earlier = (accrual for accrual in accruals if accrual.accrued_period < period)
    return _credit(
        draft,
        due,
        earlier,
        ref=period,
        notice=f"{period}:{draft.subscription_id}",
        effective_at=period_start(period, context.programme.zone),
    )


def awaits_credit(books: Books, subscription: Subscription, context: Context) -> bool:
    """Whether this month's credit fell due to a subscription, and neither the job nor a command came by yet."""
    decided = books.balances[subscription.subscription_id].credited_period
    return decided < period_of(context.now, context.programme.zone) and _is_credited(subscription)


def _is_credited(subscription: Subscription) -> bool:
    has_no_block = Block.INVESTIGATION not in subscription.blocks
    return bool(subscription.msisdn) and has_no_block and pays_from_cashback(subscription)


def release_held(draft: Draft, accruals: Iterable[Accrual]) -> Kopecks:
    """Credit what an investigation kept from crediting, at once (rule 11, `held_release = at_once`)."""
    if not pays_from_cashback(draft.subscription):
        return 0
    earlier = (accrual for accrual in accruals if accrual.accrued_period < draft.period)
    number = draft.next_entry
    return _credit(
        draft,
        draft.bonus - draft.bonus_new,
        earlier,
        ref="release",
        notice=f"release:{draft.subscription_id}:{number}",
        effective_at=draft.now,
    )


def credit_on_demand(command: CreditOnDemand, books: Books, context: Context) -> Outcome:
    """Bonus to cashback now, any number of times (rule 26). Nothing to credit is answered with 0, without SMS.

    Raises:
        NotMember, NotEligible: not an active member; corporate, off-net, or switched off.
        BlockedInvestigation: a bonus that the 1st would not credit is not credited on demand either.
    """
    asked = figures_of(command.msisdn)
    repeat = repeat_of(books, KeyKind.CREDIT, command.credit_id, asked=asked)
    if repeat is not None:
        return repeat
    subscription = subscription_of(books, command.msisdn)
    active_membership(books, subscription)
    if not context.programme.credit_on_demand:
        raise NotEligible("credit on demand is switched off")
    if not pays_from_cashback(subscription):
        raise NotEligible("only the operator's own individual subscribers are credited")
    if Block.INVESTIGATION in subscription.blocks:
        raise BlockedInvestigation("nothing is credited while an investigation stands")
    draft = start_draft(books, subscription, context)
    credited = _credit(
        draft,
        draft.bonus,
        books.open_accruals.get(subscription.subscription_id, {}).values(),
        ref=command.credit_id,
        notice=f"demand:{command.credit_id}",
        effective_at=draft.now,
    )
    answer = CreditAnswer(credit_id=command.credit_id, credited=credited)
    return conclude(draft, answer, kind=KeyKind.CREDIT, key=command.credit_id, asked=asked)


def _credit(
    draft: Draft, amount: Kopecks, accruals: Iterable[Accrual], *, ref: str, notice: str, effective_at: datetime
) -> Kopecks:
    """Move a sum from bonus to cashback, mark its accruals, tell it; nothing is told of zero (rule 25)."""
    draft.post(PostingKind.CREDIT, Account.BONUS, Account.CASHBACK, amount, ref=ref, effective_at=effective_at)
    for accrual in accruals:
        latest = draft.latest(accrual)
        if latest.state is AccrualState.ACCRUED:
            draft.put_accrual(replace(latest, state=AccrualState.CREDITED))
    if amount:
        draft.tell(CashbackCredited(subscription=draft.subscription, ref=notice, amount=amount))
    return amount
