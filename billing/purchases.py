"""A shop says that an order was paid: it is recorded, whatever its fate (rules 12-20).

The answer is kept: the same event again gets the same answer, other figures are a conflict in every state.
"""

from datetime import datetime

from billing.accruals import confirm_deadline, expired, order_answer
from billing.books import Books
from billing.catalogue import PartnerTerms, partner_terms, promise_at
from billing.commands import OrderPaid
from billing.decision import Context, Outcome
from billing.earning import earned, is_click_good, why_not
from billing.errors import Conflict
from billing.figures import figures_of, instant_or_now, require_positive, same_figures
from billing.money import Kopecks
from billing.needs import order_answer_key
from billing.records import NOBODY, Accrual, Click, RequestKey, Reward, Subscription
from billing.requests import stored_outcome
from billing.stored_answers import dump_answer
from billing.words import AccrualState, MembershipState, Reason


def record_purchase(command: OrderPaid, books: Books, context: Context) -> Outcome:
    """Record a paid order as pending, or as rejected with the first failing check (interface.md, postbacks).

    Nothing is posted and nobody is told (rule 21).

    Raises:
        UnknownPartner: the running catalogue has no such partner.
        Conflict: the order is known with other figures.
    """
    asked = figures_of(command.click_id, command.goods, command.delivery, command.channel.value, at=command.paid_at)
    known = books.accruals.get((command.partner, command.order_id))
    if known is not None:
        return _recorded_before(command, known, books, context, asked=asked)
    require_positive(command.goods, "goods")
    accrual, owner = _judge(command, books, context, asked=asked)
    answer = order_answer(accrual, owner, context)
    kind, key = order_answer_key(command.partner, command.order_id, "paid")
    kept = RequestKey(
        kind=kind,
        key=key,
        subscription_id=accrual.subscription_id,
        figures=asked,
        answer=dump_answer(answer),
    )
    return Outcome(answer=answer, records=(accrual, kept))


def _recorded_before(command: OrderPaid, known: Accrual, books: Books, context: Context, *, asked: str) -> Outcome:
    """The answer given then; the order as it stands where that answer is not kept any more."""
    if not same_figures(known.paid_figures, asked):
        raise Conflict("this order is known with other figures", field="order_id")
    kept = books.keys.get(order_answer_key(command.partner, command.order_id, "paid"))
    if kept is not None:
        return stored_outcome(kept)
    owner = books.subscriptions.get(known.subscription_id)
    return Outcome(answer=order_answer(known, owner, context), hit=True)


def _judge(command: OrderPaid, books: Books, context: Context, *, asked: str) -> tuple[Accrual, Subscription | None]:
    """The order with its fate, and whose it is."""
    programme = context.programme
    paid_at = instant_or_now(command.paid_at, context, "paid_at")
    click = books.clicks.get(command.click_id) if command.click_id is not None else None
    if click is not None and click.partner != command.partner:
        click = None
    owner = None if click is None else _owner(click, books)
    membership = None if owner is None else books.memberships.get(owner.subscription_id)
    promised = click if click is not None and is_click_good(click, command.partner, paid_at) else None
    instants: tuple[datetime, ...] = (paid_at, context.now)
    if promised is not None and programme.rate_at == "click":
        instants = (promised.clicked_at, *instants)
    terms = partner_terms(context.catalogue, command.partner, *instants)
    promise, min_purchase, version = _promise(terms, promised, paid_at, context)
    earns = earned(promise, min_purchase, command.goods, programme.rounding)
    reason = why_not(command, click, membership, paid_at=paid_at, terms=terms, earns=earns)
    if reason is None and membership is not None and membership.state is MembershipState.LEFT:
        reason = Reason.LEFT
    accrual = Accrual(
        subscription_id=NOBODY if owner is None else owner.subscription_id,
        partner=command.partner,
        order_id=command.order_id,
        partner_name=terms.name,
        category=terms.category,
        click_id=command.click_id,
        promise=promise,
        min_purchase=min_purchase,
        terms_version=version,
        goods=command.goods,
        delivery=command.delivery,
        channel=command.channel,
        paid_at=paid_at,
        paid_figures=asked,
        recorded_at=context.now,
        deadline=confirm_deadline(paid_at, terms.confirm_days, programme),
        state=AccrualState.PENDING if reason is None else AccrualState.REJECTED,
        reason=reason,
        reward=earns.reward if reason is None else 0,
        ended_at=None if reason is None else context.now,
    )
    is_late = accrual.state is AccrualState.PENDING and context.now >= accrual.deadline
    return (expired(accrual) if is_late else accrual), owner


def _owner(click: Click, books: Books) -> Subscription | None:
    """Whose click it is; a number that was unknown at the click may have become a subscriber since."""
    if click.subscription_id == NOBODY:
        return books.subscription_by_msisdn.get(click.msisdn)
    return books.subscriptions.get(click.subscription_id)


def _promise(
    terms: PartnerTerms, promised: Click | None, paid_at: datetime, context: Context
) -> tuple[Reward, Kopecks, str]:
    """Reward, minimum purchase and catalogue version: what the banner promised counts (rule 12, `rate_at`)."""
    if promised is not None and context.programme.rate_at == "click":
        return promised.reward, promised.min_purchase, promised.terms_version
    promise = promise_at(context.catalogue, terms, paid_at)
    return promise.reward, terms.min_purchase, context.catalogue.version
