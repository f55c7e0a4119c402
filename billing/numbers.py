"""What becomes of a subscription with its number: another number, another operator, forgotten (rules 10, 11).

A number given up is nobody's: it answers "not a member", and who gets it next is a new subscription.
"""

from msgspec.structs import replace

from billing.accruals import as_it_stands, ended
from billing.answers import LeaveAnswer, SubscriberAnswer
from billing.books import Books
from billing.commands import ChangeNumber, EraseSubscriber, PortOut
from billing.crediting import start_draft
from billing.decision import Context, Outcome
from billing.errors import Conflict
from billing.events import NumberChanged
from billing.finding import standing, subscription_of
from billing.leaving import lapse_leftover, leave
from billing.records import Balances, Membership, Subscription
from billing.words import AccrualState, Block, MembershipState, Reason


def change_number(command: ChangeNumber, books: Books, context: Context) -> Outcome:
    """Bonus, cashback, pending rewards and consent move whole with the subscription (rule 10).

    Raises:
        Conflict: the new number belongs to another subscription.
    """
    subscription = subscription_of(books, command.msisdn)
    owner = books.subscription_by_msisdn.get(command.new_msisdn)
    if owner is not None and owner.subscription_id != subscription.subscription_id:
        raise Conflict("the new number belongs to another subscription", field="new_msisdn")
    balances = books.balances[subscription.subscription_id]
    membership = books.memberships.get(subscription.subscription_id)
    if command.new_msisdn == command.msisdn:
        return Outcome(answer=_answer(subscription, balances, membership))
    moved = replace(subscription, msisdn=command.new_msisdn)
    ref = f"{subscription.subscription_id}:{context.now.isoformat()}"
    return Outcome(
        answer=_answer(moved, balances, membership),
        records=(moved,),
        events=(NumberChanged(subscription=moved, ref=ref),),
    )


def port_out(command: PortOut, books: Books, context: Context) -> Outcome:
    """The number is gone: the membership ends, bonus and cashback lapse (rule 11); main is left to the operator.

    It was told when the `mnp` block was set. What a reservation holds lapses when the reservation ends.
    """
    subscription = subscription_of(books, command.msisdn)
    membership = books.memberships.get(subscription.subscription_id)
    draft = start_draft(books, subscription, context)
    gone = replace(subscription, msisdn="", blocks=subscription.blocks - {Block.MNP})
    draft.subscription = gone
    draft.put(gone)
    before = draft.bonus + draft.cashback
    if membership is not None and membership.state is MembershipState.ACTIVE:
        accruals = books.open_accruals.get(subscription.subscription_id, {}).values()
        leave(draft, membership, accruals, context.programme)
    else:
        draft.begin()
        lapse_leftover(draft, membership, context.programme)
    return draft.outcome(LeaveAnswer(lapsed=before - draft.bonus - draft.cashback))


def erase_subscriber(command: EraseSubscriber, books: Books, context: Context) -> Outcome:
    """Number, name and everything else personal go; every sum stays, the journal is untouched (invariant 30).

    A membership ends without a posting and without a notice; what was pending is rejected. Nothing moves by itself
    from then on: nothing is credited on a 1st, and what a hold or a voucher gives back stays where it came from.
    """
    subscription = subscription_of(books, command.msisdn)
    key = subscription.subscription_id
    membership = books.memberships.get(key)
    draft = start_draft(books, subscription, context)
    forgotten = replace(subscription, msisdn="", imsi=None, erased_at=context.now)
    draft.subscription = forgotten
    draft.put(forgotten)
    if membership is not None:
        membership = _forgotten(membership, context)
        draft.put(membership)
    for accrual in books.open_accruals.get(key, {}).values():
        latest = as_it_stands(draft.latest(accrual), draft.now)
        if latest.state is AccrualState.PENDING:
            latest = ended(latest, AccrualState.REJECTED, Reason.LEFT, at=draft.now)
        if latest != accrual:
            draft.put_accrual(latest)
    return draft.outcome(_answer(forgotten, draft.balances(), membership))


def _forgotten(membership: Membership, context: Context) -> Membership:
    return replace(
        membership,
        state=MembershipState.LEFT,
        left_at=membership.left_at or context.now,
        adverts=False,
        form="login",
        full_name=None,
        birth_date=None,
        email=None,
    )


def _answer(subscription: Subscription, balances: Balances, membership: Membership | None) -> SubscriberAnswer:
    return SubscriberAnswer(
        subscription=subscription, credit_limit=balances.credit_limit, membership=standing(membership)
    )
