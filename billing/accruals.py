"""What every rule about rewards shares: deadlines, posting a reward, taking one back, the carry-over.

A reward that meets a carry-over is posted whole to bonus and then, in the same transaction, taken from it as a
reversal as far as the carry-over reaches: the journal shows both, and the accrual keeps its full reward (rule 23).
"""

from datetime import date, datetime

from msgspec.structs import replace

from billing.answers import OrderAnswer
from billing.calendar import deadline_after, first_of, next_first, next_period, period_of
from billing.decision import Context
from billing.draft import Draft
from billing.finding import pays_from_cashback
from billing.money import Kopecks
from billing.programme import Programme
from billing.records import Accrual, Subscription
from billing.words import Account, AccrualState, PostingKind, Reason


def order_ref(accrual: Accrual) -> str:
    """How postings and notices name an order."""
    return f"{accrual.partner}:{accrual.order_id}"


def confirm_deadline(paid_at: datetime, confirm_days: int | None, programme: Programme) -> datetime:
    """The first instant too late for a confirmation (rule 20); a partner's limit may only be shorter."""
    days = programme.confirm_days_max if confirm_days is None else min(confirm_days, programme.confirm_days_max)
    return deadline_after(paid_at, days, programme.zone)


def as_it_stands(accrual: Accrual, now: datetime) -> Accrual:
    """The accrual at an instant: from its deadline on a pending one is expired, swept or not (rule 20)."""
    if accrual.state is AccrualState.PENDING and now >= accrual.deadline:
        return expired(accrual)
    return accrual


def expired(accrual: Accrual) -> Accrual:
    """A pending accrual that nobody confirmed in time; it ended at its deadline whenever that is noticed."""
    return ended(accrual, AccrualState.EXPIRED, Reason.LATE, at=accrual.deadline)


def ended(accrual: Accrual, state: AccrualState, reason: Reason, *, at: datetime) -> Accrual:
    """The accrual in an end state; what it stands for now is nothing."""
    return replace(accrual, state=state, reason=reason, reward=0, ended_at=at)


def kept_goods(accrual: Accrual) -> Kopecks:
    """The goods price of what was not returned."""
    return max(0, accrual.goods - accrual.returned_goods)


def post_reward(draft: Draft, kind: PostingKind, amount: Kopecks, *, ref: str, effective_at: datetime) -> None:
    """Programme expense to bonus; what an earlier return could not take back is taken from it at once (rule 23)."""
    draft.begin()
    draft.post(kind, Account.PROGRAMME_EXPENSE, Account.BONUS, amount, ref=ref, effective_at=effective_at)
    carry_over: Kopecks = draft.field("carry_over")
    netted = min(carry_over, amount)
    if netted:
        take_from_bonus(draft, netted, ref=ref, is_recent=True)
        draft.change(carry_over=carry_over - netted)


def take_back(draft: Draft, accrual: Accrual, amount: Kopecks) -> None:
    """Take a reward back: from bonus, once credited from cashback too, the rest is carried over (rule 23).

    Main is never touched, held cashback neither.
    """
    draft.begin()
    ref = order_ref(accrual)
    from_bonus = min(draft.bonus, amount)
    take_from_bonus(draft, from_bonus, ref=ref, is_recent=accrual.accrued_period == draft.period)
    rest = amount - from_bonus
    from_cashback = min(draft.available_cashback, rest) if accrual.state is AccrualState.CREDITED else 0
    draft.post(PostingKind.REVERSAL, Account.CASHBACK, Account.PROGRAMME_EXPENSE, from_cashback, ref=ref)
    if rest > from_cashback:
        draft.change(carry_over=draft.field("carry_over") + rest - from_cashback)


def take_from_bonus(draft: Draft, amount: Kopecks, *, ref: str, is_recent: bool) -> None:
    """Bonus back to programme expense. `is_recent`: what accrued this month goes first, else the older part."""
    bonus_new = draft.bonus_new
    draft.post(PostingKind.REVERSAL, Account.BONUS, Account.PROGRAMME_EXPENSE, amount, ref=ref)
    if is_recent:
        draft.bonus_new = min(draft.bonus, max(0, bonus_new - amount))


def spendable_from(draft: Draft, programme: Programme) -> date | None:
    """The 1st on which what accrues now can be spent on the phone; None for who never can (rules 6, 7, 25)."""
    return next_first(draft.now, programme.zone) if pays_from_cashback(draft.subscription) else None


def order_answer(accrual: Accrual, owner: Subscription | None, context: Context) -> OrderAnswer:
    """An order as it stands now. The date stands only where an accrued reward waits for a 1st.

    An accrued reward whose own 1st is over was held back: it waits for the next one.
    """
    zone = context.programme.zone
    latest = as_it_stands(accrual, context.now)
    day = None
    if latest.state is AccrualState.ACCRUED and owner is not None and pays_from_cashback(owner):
        is_held_back = latest.accrued_period < period_of(context.now, zone)
        day = next_first(context.now, zone) if is_held_back else first_of(next_period(latest.accrued_period))
    return OrderAnswer(accrual=latest, spendable_from=day)
