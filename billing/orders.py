"""What a shop tells later about a recorded order: confirmed, rejected, amended, returned (rules 20-23).

The answer to the confirmation that accrued is kept: the same event again gets the same answer. Everything else is
answered with the order as it stands.
"""

from msgspec.structs import replace

from billing.accruals import (
    as_it_stands,
    ended,
    kept_goods,
    order_answer,
    order_ref,
    post_reward,
    spendable_from,
    take_back,
)
from billing.books import OPEN_STATES, Books
from billing.calendar import period_of
from billing.commands import OrderAmended, OrderConfirmed, OrderRejected, OrderReturned
from billing.crediting import awaits_credit, start_draft
from billing.decision import Context, Outcome
from billing.draft import Draft
from billing.earning import Earned, earned
from billing.errors import Conflict, InvalidFigure, UnknownOrder
from billing.events import AccrualRejected, CashbackAccrued, CashbackReversed
from billing.figures import figures_of, require_positive
from billing.money import Kopecks
from billing.needs import OrderEvent, order_answer_key
from billing.programme import Programme
from billing.records import Accrual
from billing.requests import conclude, stored_outcome
from billing.words import AccrualState, PostingKind, Reason

LIVE_STATES = OPEN_STATES | {AccrualState.CREDITED}
"""States in which an order stands for money or may come to."""


def confirm_order(command: OrderConfirmed, books: Books, context: Context) -> Outcome:
    """Accrue a pending order, once (rule 21); other goods amend it first.

    Raises:
        UnknownOrder: no paid event came before.
        Conflict: already confirmed with other figures (rule 22).
    """
    accrual = known_order(command, books, context)
    key = order_answer_key(command.partner, command.order_id, "confirmed")
    if accrual.confirmed_at is not None:
        if command.goods is not None and command.goods != accrual.confirmed_goods:
            raise Conflict("this order is confirmed with other figures", field="goods")
        kept = books.keys.get(key)
        return answered_as_it_stands(accrual, books, context) if kept is None else stored_outcome(kept)
    if accrual.state is AccrualState.PENDING and command.goods is not None:
        accrual = _amended(accrual, command.goods, context)
    if accrual.state is not AccrualState.PENDING:
        return answered_as_it_stands(accrual, books, context)
    draft = start_draft(books, books.subscriptions[accrual.subscription_id], context)
    accrual = accrue(draft, accrual, context.programme)
    answer = order_answer(accrual, draft.subscription, context)
    return conclude(draft, answer, kind=key[0], key=key[1], asked=figures_of(accrual.goods))


def reject_order(command: OrderRejected, books: Books, context: Context) -> Outcome:
    """The shop takes a pending reward away: no posting, one message (rule 21).

    Raises:
        UnknownOrder: no paid event came before.
        Conflict: the order is already accrued; what the shop takes back then is a return.
    """
    accrual = known_order(command, books, context)
    if accrual.state in (AccrualState.ACCRUED, AccrualState.CREDITED):
        raise Conflict("this order is already confirmed; taking goods back is a return")
    if accrual.state is not AccrualState.PENDING:
        return answered_as_it_stands(accrual, books, context)
    rejected = ended(accrual, AccrualState.REJECTED, Reason.REJECTED_BY_SHOP, at=context.now)
    subscription = books.subscriptions[accrual.subscription_id]
    event = AccrualRejected(
        subscription=subscription, ref=order_ref(accrual), amount=accrual.reward, source_name=accrual.partner_name
    )
    return replace(answered_as_it_stands(rejected, books, context), events=(event,))


def amend_order(command: OrderAmended, books: Books, context: Context) -> Outcome:
    """Recompute a pending reward on another goods price (rule 21).

    Raises:
        UnknownOrder: no paid event came before.
        Conflict: accrued with another goods price (rule 22).
    """
    accrual = known_order(command, books, context)
    if accrual.state is AccrualState.PENDING:
        return answered_as_it_stands(_amended(accrual, command.goods, context), books, context)
    if accrual.confirmed_at is not None and command.goods != accrual.goods:
        raise Conflict("this order is confirmed with other figures", field="goods")
    return answered_as_it_stands(accrual, books, context)


def return_goods(command: OrderReturned, books: Books, context: Context) -> Outcome:
    """Goods came back, `returned_goods` in all: the reward is recomputed on what was kept (rule 23).

    A total that is not above the one already known tells nothing new, in whatever order events arrive.

    Raises:
        UnknownOrder: no paid event came before.
        InvalidFigure: more came back than was bought.
    """
    accrual = known_order(command, books, context)
    total = accrual.goods if command.returned_goods is None else command.returned_goods
    if accrual.state not in LIVE_STATES or total == accrual.returned_goods:
        return answered_as_it_stands(accrual, books, context)
    require_positive(total, "returned_goods")
    if total > accrual.goods:
        raise InvalidFigure("more goods came back than were bought", field="returned_goods")
    if total < accrual.returned_goods:
        return answered_as_it_stands(accrual, books, context)
    if accrual.state is AccrualState.PENDING:
        return answered_as_it_stands(_returned_while_pending(accrual, total, context), books, context)
    draft = start_draft(books, books.subscriptions[accrual.subscription_id], context)
    accrual = _returned_after_accrual(draft, draft.latest(accrual), total, context.programme)
    return draft.outcome(order_answer(accrual, draft.subscription, context))


def known_order(command: OrderEvent, books: Books, context: Context) -> Accrual:
    """The order as it stands now.

    Raises:
        UnknownOrder: no paid event of it was recorded for this partner.
    """
    accrual = books.accruals.get((command.partner, command.order_id))
    if accrual is None:
        raise UnknownOrder("no paid event of this order was recorded")
    return as_it_stands(accrual, context.now)


def answered_as_it_stands(accrual: Accrual, books: Books, context: Context) -> Outcome:
    """An order's state as answer; the record too where this is news to the books, such as an unswept expiry.

    A reward whose 1st has begun is answered as credited, also where the month's job has not come by yet.
    """
    is_news = accrual != books.accruals[accrual.partner, accrual.order_id]
    owner = books.subscriptions.get(accrual.subscription_id)
    shown = accrual
    is_of_before = accrual.accrued_period < period_of(context.now, context.programme.zone)
    is_accrued = accrual.state is AccrualState.ACCRUED
    if is_accrued and is_of_before and owner is not None and awaits_credit(books, owner, context):
        shown = replace(accrual, state=AccrualState.CREDITED)
    return Outcome(answer=order_answer(shown, owner, context), records=(accrual,) if is_news else ())


def accrue(draft: Draft, accrual: Accrual, programme: Programme) -> Accrual:
    """Post an order's reward to bonus and tell it (rule 21); the accrual as it stands then."""
    accrued = replace(
        accrual,
        state=AccrualState.ACCRUED,
        confirmed_goods=accrual.goods,
        confirmed_at=draft.now,
        accrued_period=draft.period,
        ended_at=None,
    )
    ref = order_ref(accrual)
    post_reward(draft, PostingKind.ACCRUAL, accrued.reward, ref=ref, effective_at=accrual.paid_at)
    draft.put_accrual(accrued)
    draft.tell(
        CashbackAccrued(
            subscription=draft.subscription,
            ref=ref,
            amount=accrued.reward,
            source_name=accrual.partner_name,
            spendable_from=spendable_from(draft, programme),
        )
    )
    return accrued


def earns_now(accrual: Accrual, programme: Programme) -> Earned:
    """What the order earns on the goods that were kept."""
    return earned(accrual.promise, accrual.min_purchase, kept_goods(accrual), programme.rounding)


def _amended(accrual: Accrual, goods: Kopecks, context: Context) -> Accrual:
    """A pending order at another goods price; rejected where that earns nothing."""
    require_positive(goods, "goods")
    amended = replace(accrual, goods=goods)
    earns = earns_now(amended, context.programme)
    if earns.reason is None:
        return replace(amended, reward=earns.reward)
    reason = earns.reason if kept_goods(amended) else Reason.RETURNED
    return ended(amended, AccrualState.REJECTED, reason, at=context.now)


def _returned_while_pending(accrual: Accrual, total: Kopecks, context: Context) -> Accrual:
    returned = replace(accrual, returned_goods=total)
    earns = earns_now(returned, context.programme)
    if earns.reason is None:
        return replace(returned, reward=earns.reward)
    return ended(returned, AccrualState.REJECTED, Reason.RETURNED, at=context.now)


def _returned_after_accrual(draft: Draft, accrual: Accrual, total: Kopecks, programme: Programme) -> Accrual:
    """Reverse the difference, told once where it is above zero; `returns_after_credit = keep` reverses nothing."""
    returned = replace(accrual, returned_goods=total)
    is_kept = accrual.state is AccrualState.CREDITED and programme.returns_after_credit == "keep"
    difference = 0 if is_kept else accrual.reward - earns_now(returned, programme).reward
    if difference:
        take_back(draft, accrual, difference)
        reversed_sum = accrual.reversed_sum + difference
        returned = replace(returned, reward=accrual.reward - difference, reversed_sum=reversed_sum)
        draft.tell(
            CashbackReversed(
                subscription=draft.subscription,
                ref=f"{order_ref(accrual)}:{reversed_sum}",
                amount=difference,
                source_name=accrual.partner_name,
            )
        )
    if not returned.reward:
        returned = ended(returned, AccrualState.REVERSED, Reason.RETURNED, at=draft.now)
    draft.put_accrual(returned)
    return returned
