"""Checks of rewards, vouchers, request keys and the directory of numbers."""

from typing import Any

from sqlalchemy import Select, Table, and_, case, func, literal, or_, select

from billing.store import schema
from billing.store.verify_kit import Check, check, within
from billing.words import AccrualState, KeyKind, PostingKind, VoucherState

NEVER_POSTED = (AccrualState.PENDING.value, AccrualState.REJECTED.value, AccrualState.EXPIRED.value)
"""States of an order that has not come to money."""


def record_checks() -> tuple[Check, ...]:
    """Invariants 7, 10 of domain.md's states (17), 18, and what vouchers and top-ups posted."""
    return (
        _accruals(),
        _accruals_unknown(),
        _vouchers(),
        _vouchers_back(),
        _kept_under(schema.refund, schema.refund.c.refund_id, KeyKind.REFUND),
        _kept_under(schema.voucher, schema.voucher.c.voucher_id, KeyKind.VOUCHER),
        _kept_under(schema.voucher, schema.voucher.c.redemption_id, KeyKind.REDEMPTION),
        _kept_under(schema.reservation, schema.reservation.c.reservation_id, KeyKind.RESERVATION),
        _topups(),
        _numbers(),
        _owners(),
    )


def orders_to_compute() -> Select[Any]:
    """What rewards are computed from, of every order in a range that stands for money or may come to."""
    order = schema.accrual.c
    states = (AccrualState.PENDING.value, AccrualState.ACCRUED.value, AccrualState.CREDITED.value)
    names = (
        "subscription_id",
        "partner",
        "order_id",
        "promise_percent",
        "promise_fixed",
        "min_purchase",
        "goods",
        "returned_goods",
        "state",
        "reward",
    )
    return select(*(order[name] for name in names)).where(within(schema.accrual), order.state.in_(states))


def _accruals() -> Check:
    """Invariants 17, 18: a reward is posted once, and stands as posted less what returns took."""
    order, posting = schema.accrual.c, schema.posting.c
    posted = (
        select(
            posting.subscription_id,
            posting.ref,
            func.sum(posting.amount).label("amount"),
            func.count().label("times"),
        )
        .where(within(schema.posting), posting.kind == PostingKind.ACCRUAL.value)
        .group_by(posting.subscription_id, posting.ref)
        .subquery("posted")
    )
    total = func.coalesce(posted.c.amount, 0)
    is_lapsed = order.state == AccrualState.LAPSED.value
    expected = case((order.state.in_(NEVER_POSTED), 0), (is_lapsed, total), else_=order.reward + order.reversed_sum)
    same = and_(
        posted.c.subscription_id == order.subscription_id,
        posted.c.ref == order.partner + literal(":") + order.order_id,
    )
    return check(
        "reward_is_posted_once",
        "an order's reward and what returns took of it is its one posting",
        schema.accrual.outerjoin(posted, same),
        and_(within(schema.accrual), or_(total != expected, posted.c.times > 1, and_(is_lapsed, total == 0))),
        key=order.subscription_id,
        ref=order.partner + literal(":") + order.order_id,
        found=total,
        expected=expected,
    )


def _accruals_unknown() -> Check:
    """No reward without its order."""
    order, posting = schema.accrual, schema.posting.c
    same = and_(
        order.c.subscription_id == posting.subscription_id,
        posting.ref == order.c.partner + literal(":") + order.c.order_id,
        within(order),
    )
    return check(
        "reward_has_its_order",
        "a reward is posted for an order",
        schema.posting.outerjoin(order, same),
        and_(within(schema.posting), posting.kind == PostingKind.ACCRUAL.value, order.c.order_id.is_(None)),
        key=posting.subscription_id,
        ref=posting.ref,
        found=posting.entry_no,
        expected=literal("an order"),
    )


def _vouchers() -> Check:
    """A voucher is worth what was posted for it."""
    voucher, posting = schema.voucher.c, schema.posting.c
    posted = (
        select(posting.subscription_id, posting.ref, func.sum(posting.amount).label("amount"))
        .where(within(schema.posting), posting.kind == PostingKind.VOUCHER.value)
        .group_by(posting.subscription_id, posting.ref)
        .subquery("posted")
    )
    total = func.coalesce(posted.c.amount, 0)
    same = and_(posted.c.subscription_id == voucher.subscription_id, posted.c.ref == voucher.voucher_id)
    return check(
        "voucher_is_posted",
        "a voucher is worth what was posted for it",
        schema.voucher.outerjoin(posted, same),
        and_(within(schema.voucher), voucher.amount != total),
        key=voucher.subscription_id,
        ref=voucher.voucher_id,
        found=voucher.amount,
        expected=total,
    )


def _vouchers_back() -> Check:
    """Rule 35: what was not redeemed of an ended voucher went back to the account it came from, once."""
    voucher, posting = schema.voucher.c, schema.posting.c
    back = (
        select(posting.subscription_id, posting.ref, posting.target, func.sum(posting.amount).label("amount"))
        .where(within(schema.posting), posting.kind == PostingKind.VOUCHER_RETURN.value)
        .group_by(posting.subscription_id, posting.ref, posting.target)
        .subquery("back")
    )
    total = func.coalesce(back.c.amount, 0)
    expected = case((voucher.state == VoucherState.ISSUED.value, 0), else_=voucher.amount - voucher.redeemed)
    same = and_(
        back.c.subscription_id == voucher.subscription_id,
        back.c.ref == voucher.voucher_id,
        back.c.target == voucher.source,
    )
    return check(
        "voucher_rest_went_back",
        "what was not redeemed of an ended voucher is back where it came from",
        schema.voucher.outerjoin(back, same),
        and_(within(schema.voucher), total != expected),
        key=voucher.subscription_id,
        ref=voucher.voucher_id,
        found=total,
        expected=expected,
    )


def _kept_under(table: Table, id_column: Any, kind: KeyKind) -> Check:
    """Invariant 7: a row made by a request is known under its key."""
    key = schema.request_key.c
    same = and_(key.kind == kind.value, key.key == id_column)
    owner = table.c.subscription_id
    return check(
        f"{kind.value}_has_its_key",
        f"a {kind.value} is known under its request key",
        table.outerjoin(schema.request_key, same),
        and_(within(table), id_column.is_not(None), or_(key.key.is_(None), key.subscription_id != owner)),
        key=owner,
        ref=id_column,
        found=key.subscription_id,
        expected=owner,
    )


def _topups() -> Check:
    """Invariant 7 for top-ups, whose only row is their posting."""
    posting, key = schema.posting.c, schema.request_key.c
    same = and_(key.kind == KeyKind.TOPUP.value, key.key == posting.ref)
    is_lost = or_(key.key.is_(None), key.subscription_id != posting.subscription_id)
    return check(
        "topup_has_its_key",
        "a top-up is known under its request key",
        schema.posting.outerjoin(schema.request_key, same),
        and_(within(schema.posting), posting.kind == PostingKind.TOPUP.value, is_lost),
        key=posting.subscription_id,
        ref=posting.ref,
        found=key.subscription_id,
        expected=posting.subscription_id,
    )


def _numbers() -> Check:
    """A subscription's number is its own in the directory."""
    subscription, owner = schema.subscription.c, schema.msisdn_owner.c
    same = and_(owner.msisdn == subscription.msisdn, owner.valid_until.is_(None))
    is_lost = or_(owner.msisdn.is_(None), owner.subscription_id != subscription.subscription_id)
    return check(
        "number_is_owned",
        "the directory leads a number to its subscription",
        schema.subscription.outerjoin(schema.msisdn_owner, same),
        and_(within(schema.subscription), subscription.msisdn != "", is_lost),
        key=subscription.subscription_id,
        ref=literal("msisdn"),
        found=owner.subscription_id,
        expected=subscription.subscription_id,
    )


def _owners() -> Check:
    """Nobody owns a number in the directory that the subscription gave up."""
    subscription, owner = schema.subscription.c, schema.msisdn_owner.c
    return check(
        "owned_number_is_used",
        "who owns a number in the directory has it",
        schema.subscription.join(schema.msisdn_owner, owner.subscription_id == subscription.subscription_id),
        and_(within(schema.subscription), owner.valid_until.is_(None), owner.msisdn != subscription.msisdn),
        key=subscription.subscription_id,
        ref=literal("msisdn"),
        found=owner.subscription_id,
        expected=literal("no number"),
    )
