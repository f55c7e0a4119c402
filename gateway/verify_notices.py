"""Invariant 27: each committed movement that is told has its one message, and each such message its movement.

Message ids are unique in the outbox, so that more than one cannot be. Who has no number is told nothing.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, String, Text, and_, case, cast, func, literal, or_, select

from billing.store import schema
from billing.store.verify_kit import within
from billing.store.verify_programme import PERIOD
from billing.store.violations import Violation
from billing.words import AccrualState, ChargeType, KeyKind, PostingKind, Reason
from gateway.texts import NoticeKind
from sms.outbox.schema import message

NOTICE_CHECKS = ("movement_is_told", "bill_is_told", "order_is_told", "notice_has_its_movement")
_TOLD = "what was committed is told once"
_COMMITTED = "what is told was committed"


def notice_violations(connection: Connection, above: int, up_to: int) -> Iterator[Violation]:
    """Of subscriptions with above < id ≤ up_to."""
    for name, says, statement in _statements():
        for row in connection.execute(statement, {"above": above, "up_to": up_to}):
            yield Violation(
                invariant=name,
                says=says,
                subscription_id=row.subscription_id,
                ref=row.ref,
                found="no message" if says is _TOLD else "no movement",
                expected=row.expected,
            )


@lru_cache(maxsize=1)
def _statements() -> tuple[tuple[str, str, Select[Any]], ...]:
    says = (_TOLD, _TOLD, _TOLD, _COMMITTED)
    statements = (_untold_postings(), _untold_bills(), _untold_orders(), _unfounded())
    return tuple(zip(NOTICE_CHECKS, says, statements, strict=True))


def _id(kind: NoticeKind, *parts: Any) -> ColumnElement[str]:
    text: ColumnElement[Any] = literal(f"{kind}:", Text)
    for part in parts:
        text = text + (literal(part, Text) if isinstance(part, str) else cast(part, Text))
    return text


def _missing(source: Any, expected: ColumnElement[str], owner: Any, ref: Any, *conditions: Any) -> Select[Any]:
    """Rows of a source whose message is not there, of subscriptions that have a number."""
    subscription = schema.subscription
    mine = and_(subscription.c.subscription_id == owner, within(subscription), subscription.c.msisdn != "")
    there = and_(message.c.message_id == expected, message.c.subscription_id == owner)
    return (
        select(owner.label("subscription_id"), cast(ref, String).label("ref"), expected.label("expected"))
        .select_from(source.join(subscription, mine).outerjoin(message, there))
        .where(*conditions, message.c.seq.is_(None))
    )


def _untold_postings() -> Select[Any]:
    """Rewards, promotions, credits, vouchers."""
    posting, key = schema.posting.c, schema.request_key
    on_demand = select(key.c.key).where(key.c.kind == KeyKind.CREDIT.value, key.c.key == posting.ref).exists()
    is_credit = posting.kind == PostingKind.CREDIT.value
    expected = case(
        (posting.kind == PostingKind.ACCRUAL.value, _id(NoticeKind.ACCRUED, posting.ref)),
        (posting.kind == PostingKind.PROMO.value, _id(NoticeKind.ACCRUED, "promo/", posting.ref)),
        (posting.kind == PostingKind.VOUCHER.value, _id(NoticeKind.VOUCHER, posting.ref)),
        (and_(is_credit, on_demand), _id(NoticeKind.CREDITED, "demand:", posting.ref)),
        else_=_id(NoticeKind.CREDITED, posting.ref, ":", posting.subscription_id),
    )
    told = (PostingKind.ACCRUAL, PostingKind.PROMO, PostingKind.VOUCHER, PostingKind.CREDIT)
    return _missing(
        schema.posting,
        expected,
        posting.subscription_id,
        posting.ref,
        within(schema.posting),
        posting.kind.in_([kind.value for kind in told]),
        or_(~is_credit, posting.ref.like(PERIOD), on_demand),
    )


def _untold_bills() -> Select[Any]:
    """Fees of which cashback paid something."""
    charge = schema.charge.c
    return _missing(
        schema.charge,
        _id(NoticeKind.BILL, charge.charge_id),
        charge.subscription_id,
        charge.charge_id,
        within(schema.charge),
        charge.type == ChargeType.TARIFF_FEE.value,
        charge.cashback > 0,
    )


def _untold_orders() -> Select[Any]:
    """What a shop rejected, and the latest of what returns took back."""
    order = schema.accrual.c
    ref = order.partner + literal(":") + order.order_id
    is_rejected = and_(order.state == AccrualState.REJECTED.value, order.reason == Reason.REJECTED_BY_SHOP.value)
    expected = case(
        (is_rejected, _id(NoticeKind.REJECTED, ref)), else_=_id(NoticeKind.REVERSED, ref, ":", order.reversed_sum)
    )
    return _missing(
        schema.accrual,
        expected,
        order.subscription_id,
        ref,
        within(schema.accrual),
        or_(is_rejected, order.reversed_sum > 0),
    )


def _unfounded() -> Select[Any]:
    """Notices of rewards and bills whose movement is not there."""
    posting, charge = schema.posting, schema.charge
    told = message.c
    ref = case(
        (told.kind == NoticeKind.BILL.value, func.substr(told.message_id, len(NoticeKind.BILL) + 2)),
        else_=func.substr(told.message_id, len(NoticeKind.ACCRUED) + 2),
    )
    rewards = and_(
        posting.c.subscription_id == told.subscription_id,
        within(posting),
        posting.c.kind.in_([PostingKind.ACCRUAL.value, PostingKind.PROMO.value]),
        or_(posting.c.ref == ref, literal("promo/") + posting.c.ref == ref),
    )
    bills = and_(charge.c.subscription_id == told.subscription_id, within(charge), charge.c.charge_id == ref)
    is_bill = told.kind == NoticeKind.BILL.value
    return select(
        told.subscription_id, told.message_id.label("ref"), literal("its movement").label("expected")
    ).where(
        within(message),
        told.kind.in_([NoticeKind.ACCRUED.value, NoticeKind.BILL.value]),
        case(
            (is_bill, ~select(charge.c.charge_id).where(bills).exists()),
            else_=~select(posting.c.ref).where(rewards).exists(),
        ),
    )
