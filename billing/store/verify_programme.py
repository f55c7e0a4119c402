"""Checks of the programme's rules: where issued cashback is, states and instants of rewards, what lapses, erasure."""

from sqlalchemy import and_, case, exists, func, literal, or_, select

from billing.programme import Programme
from billing.store import schema
from billing.store.verify_kit import Check, check, joined, sum_where, within
from billing.words import Account, AccrualState, KeyKind, MembershipState, PostingKind

PERIOD = "____-__"
"""How a month's credit names what it is for."""


def programme_checks(programme: Programme) -> tuple[Check, ...]:
    """Invariants 14, 17, 19, 24, 28, 30, 31; where main is someone else's, refunds to it are posted by nobody."""
    own = ("main", "cashback") if programme.main_balance == "internal" else ("cashback",)
    return (_issued(), _states(), _in_time(), _lapses(), _credits(), _refunds(own), _erased())


def _issued() -> Check:
    """Invariant 28, of every subscription alone: no transaction touches two."""
    posting, balance = schema.posting.c, schema.balance.c
    parts = {
        "issued": posting.source == Account.PROGRAMME_EXPENSE.value,
        "reversed": posting.target == Account.PROGRAMME_EXPENSE.value,
        "lapsed": posting.target == Account.LAPSED.value,
        "spent": and_(posting.source == Account.CASHBACK.value, posting.target == Account.REVENUE.value),
        "restored": and_(posting.source == Account.REVENUE.value, posting.target == Account.CASHBACK.value),
        "voucher": posting.target == Account.VOUCHER.value,
        "returned": posting.source == Account.VOUCHER.value,
    }
    sums = (
        select(
            posting.subscription_id,
            *(sum_where(condition, posting.amount).label(name) for name, condition in parts.items()),
        )
        .where(within(schema.posting))
        .group_by(posting.subscription_id)
        .subquery("sums")
    )
    one = sums.c
    gone = one.reversed + one.lapsed + one.spent - one.restored + one.voucher - one.returned
    return check(
        "issued_is_accounted_for",
        "what was issued is spent, lapsed, in vouchers, taken back or still in bonus and cashback",
        schema.balance.join(sums, one.subscription_id == balance.subscription_id),
        and_(within(schema.balance), one.issued != gone + balance.bonus + balance.cashback),
        key=balance.subscription_id,
        ref=literal("issued"),
        found=gone + balance.bonus + balance.cashback,
        expected=one.issued,
    )


def _states() -> Check:
    """Invariant 17, as far as a row tells how it came to its state."""
    order = schema.accrual.c
    came_to_money = [
        state.value
        for state in (AccrualState.ACCRUED, AccrualState.CREDITED, AccrualState.REVERSED, AccrualState.LAPSED)
    ]
    is_pending = order.state == AccrualState.PENDING.value
    wrong = or_(
        and_(is_pending, or_(order.confirmed_at.is_not(None), order.ended_at.is_not(None))),
        and_(order.state.in_(came_to_money), or_(order.confirmed_at.is_(None), order.accrued_period == "")),
        and_(order.state == AccrualState.EXPIRED.value, order.ended_at.is_(None)),
    )
    return check(
        "reward_came_to_its_state",
        "a reward is confirmed before it is money, and ends when it ends",
        schema.accrual,
        and_(within(schema.accrual), wrong),
        key=order.subscription_id,
        ref=order.partner + literal(":") + order.order_id,
        found=order.state,
        expected=literal("the instants of that state"),
    )


def _in_time() -> Check:
    """Invariant 19."""
    order = schema.accrual.c
    late = and_(order.confirmed_at >= order.deadline, order.override_reason.is_(None))
    return check(
        "confirmed_in_time",
        "a reward is confirmed before its deadline, unless an operator let it through",
        schema.accrual,
        and_(within(schema.accrual), late),
        key=order.subscription_id,
        ref=order.partner + literal(":") + order.order_id,
        found=order.confirmed_at,
        expected=order.deadline,
    )


def _lapses() -> Check:
    """Invariant 24: cashback and bonus lapse with a membership, never by time."""
    posting, member = schema.posting.c, schema.membership
    stays = or_(
        member.c.state.is_(None),
        and_(member.c.state == MembershipState.ACTIVE.value, posting.booked_at > member.c.joined_at),
    )
    same = and_(member.c.subscription_id == posting.subscription_id, within(member))
    return check(
        "lapse_has_its_leaving",
        "cashback and bonus lapse only where a membership ended",
        schema.posting.outerjoin(member, same),
        and_(within(schema.posting), posting.kind == PostingKind.LAPSE.value, stays),
        key=posting.subscription_id,
        ref=posting.entry_no,
        found=posting.amount,
        expected=literal("a membership that ended"),
    )


def _credits() -> Check:
    """Invariant 31, rule 25: the month's credit is posted once; a credit on demand has a key of its own."""
    posting, key = schema.posting.c, schema.request_key.c
    on_demand = exists().where(key.kind == KeyKind.CREDIT.value, key.key == posting.ref)
    times = (
        select(posting.subscription_id, posting.ref, func.count().label("times"))
        .where(
            within(schema.posting),
            posting.kind == PostingKind.CREDIT.value,
            posting.ref.like(PERIOD),
            ~on_demand,
        )
        .group_by(posting.subscription_id, posting.ref)
        .having(func.count() > 1)
        .subquery("credits")
    )
    return check(
        "credited_once_a_month",
        "a month's bonus is credited once",
        times,
        times.c.times > 1,
        key=times.c.subscription_id,
        ref=times.c.ref,
        found=times.c.times,
        expected=literal(1),
    )


def _refunds(own: tuple[str, ...]) -> Check:
    """Invariant 14: a refund gave back to each account what it says."""
    refund, posting = schema.refund.c, schema.posting.c
    posted = (
        select(
            posting.subscription_id,
            posting.ref,
            sum_where(posting.target == Account.MAIN.value, posting.amount).label("main"),
            sum_where(posting.target == Account.CASHBACK.value, posting.amount).label("cashback"),
        )
        .where(within(schema.posting), posting.kind == PostingKind.REFUND.value)
        .group_by(posting.subscription_id, posting.ref)
        .subquery("posted")
    )
    same = and_(posted.c.subscription_id == refund.subscription_id, posted.c.ref == refund.refund_id)
    said = [refund[name] for name in own]
    back = [func.coalesce(posted.c[name], 0) for name in own]
    return check(
        "refund_is_posted",
        "what a refund gave back to main and cashback is its postings",
        schema.refund.outerjoin(posted, same),
        and_(within(schema.refund), or_(*(one != other for one, other in zip(said, back, strict=True)))),
        key=refund.subscription_id,
        ref=refund.refund_id,
        found=joined(*back),
        expected=joined(*said),
    )


def _erased() -> Check:
    """Invariant 30: who has no number and is in no directory was erased; nothing personal is left."""
    subscription, member, click = schema.subscription.c, schema.membership, schema.click.c
    known = exists().where(schema.msisdn_owner.c.subscription_id == subscription.subscription_id)
    clicked = exists().where(click.subscription_id == subscription.subscription_id, click.msisdn != "")
    named = or_(
        member.c.full_name.is_not(None),
        member.c.birth_date.is_not(None),
        member.c.email.is_not(None),
        subscription.imsi.is_not(None),
        clicked,
    )
    same = and_(member.c.subscription_id == subscription.subscription_id, within(member))
    return check(
        "erased_is_forgotten",
        "nothing personal is left of a subscriber who was erased",
        schema.subscription.outerjoin(member, same),
        and_(within(schema.subscription), subscription.msisdn == "", ~known, named),
        key=subscription.subscription_id,
        ref=literal("personal data"),
        found=case((clicked, literal("a click's number")), else_=literal("name, birth date, e-mail or IMSI")),
        expected=literal("nothing"),
    )
