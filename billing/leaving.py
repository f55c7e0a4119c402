"""What ends with a membership, whoever ends it: the subscriber, or a final block (rules 8, 11)."""

from collections.abc import Iterable

from msgspec.structs import replace

from billing.accruals import as_it_stands, ended
from billing.draft import Draft
from billing.events import MemberLeft
from billing.money import Kopecks
from billing.programme import Programme
from billing.records import Accrual, Membership
from billing.words import Account, AccrualState, MembershipState, PostingKind, Reason


def leave(draft: Draft, membership: Membership, accruals: Iterable[Accrual], programme: Programme) -> Kopecks:
    """End a membership: bonus lapses, what was pending is rejected, it is told once; the sum that lapsed.

    Cashback stays spendable unless `leave_credited = lapse` or the number is gone (rule 11); what is held of it stays
    until its reservation ends.
    The carry-over stays. `accruals` are all open ones.
    """
    draft.begin()
    number = draft.next_entry
    lapsing = lapsing_cashback(draft, programme)
    lapsed = draft.bonus + lapsing
    draft.post(PostingKind.LAPSE, Account.BONUS, Account.LAPSED, draft.bonus, ref="left")
    draft.post(PostingKind.LAPSE, Account.CASHBACK, Account.LAPSED, lapsing, ref="left")
    if not lapsed:
        draft.take_number()
    for accrual in accruals:
        _end(draft, draft.latest(accrual))
    draft.put(replace(membership, state=MembershipState.LEFT, left_at=draft.now))
    draft.tell(MemberLeft(subscription=draft.subscription, ref=f"{draft.subscription_id}:{number}", lapsed=lapsed))
    return lapsed


def lapse_leftover(draft: Draft, membership: Membership | None, programme: Programme) -> None:
    """What comes back to who has left lapses as it would have on leaving: bonus, and cashback where that lapses.

    Who was erased left without a lapse: every sum stays where it is.
    """
    is_left = membership is not None and membership.state is MembershipState.LEFT
    if not is_left or draft.subscription.erased_at is not None:
        return
    draft.post(PostingKind.LAPSE, Account.BONUS, Account.LAPSED, draft.bonus, ref="left")
    lapsing = lapsing_cashback(draft, programme)
    draft.post(PostingKind.LAPSE, Account.CASHBACK, Account.LAPSED, lapsing, ref="left")


def lapsing_cashback(draft: Draft, programme: Programme) -> Kopecks:
    """What of the cashback bucket lapses on leaving (rule 8, `leave_credited`); without a number all (rule 11)."""
    is_lapsing = programme.leave_credited == "lapse" or not draft.subscription.msisdn
    return draft.available_cashback if is_lapsing else 0


def _end(draft: Draft, accrual: Accrual) -> None:
    """Pending becomes rejected, accrued lapses with the bonus it stands for."""
    latest = as_it_stands(accrual, draft.now)
    if latest.state is AccrualState.PENDING:
        draft.put_accrual(ended(latest, AccrualState.REJECTED, Reason.LEFT, at=draft.now))
    elif latest.state is AccrualState.ACCRUED:
        draft.put_accrual(ended(latest, AccrualState.LAPSED, Reason.LEFT, at=draft.now))
    elif latest != accrual:
        draft.put_accrual(latest)
