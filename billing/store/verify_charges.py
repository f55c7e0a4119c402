"""Checks of charges: their figures, their postings, their settlements and refunds, and the first-charge rule."""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    String,
    Subquery,
    and_,
    case,
    cast,
    func,
    literal,
    not_,
    or_,
    select,
)

from billing.programme import Programme
from billing.store import schema
from billing.store.verify_kit import Check, check, joined, sum_where, within
from billing.store.verify_reservations import held_at
from billing.words import Account, ChargeStatus, ChargeType, KeyKind, PostingKind


def charge_checks(programme: Programme) -> tuple[Check, ...]:
    """Invariants 9, 10, 11, 12, 14; those that a switch lifts are left out under it."""
    found = [_figures(), _fees(), _settlements(), _refunds(), _keys()]
    if programme.main_balance == "internal":
        found += [_postings(), _postings_without_charge()]
        if programme.monthly_spend_cap is None:
            found.append(_first_charge(programme))
    return tuple(found)


def _figures() -> Check:
    """Invariant 9, and the status that follows from the figures."""
    charge = schema.charge.c
    drawn = charge.cashback + charge.main + charge.settled
    wrong = or_(
        charge.amount != drawn + charge.unpaid + charge.refunded_unpaid,
        (charge.status == ChargeStatus.PAID.value) != (charge.unpaid == 0),
        and_(charge.status == ChargeStatus.UNPAID.value, drawn > 0),
        and_(charge.status == ChargeStatus.PART_PAID.value, drawn == 0),
        charge.refunded_cashback > charge.cashback,
        charge.refunded_main > charge.main + charge.settled,
    )
    return check(
        "charge_adds_up",
        "a charge is what was drawn, settled, refunded while open, and is open",
        schema.charge,
        and_(within(schema.charge), wrong),
        key=charge.subscription_id,
        ref=charge.charge_id,
        found=joined(
            charge.status, charge.cashback, charge.main, charge.settled, charge.unpaid, charge.refunded_unpaid
        ),
        expected=charge.amount,
    )


def _fees() -> Check:
    """Invariant 12: the id says subscription and period, so that there is one."""
    charge = schema.charge.c
    fee_id = literal("fee:") + charge.period + literal(":") + cast(charge.subscription_id, String)
    is_fee = charge.period != ""
    return check(
        "one_fee_a_month",
        "the month job's fee has the one id of its subscription and period",
        schema.charge,
        and_(
            within(schema.charge), is_fee, or_(charge.charge_id != fee_id, charge.type != ChargeType.TARIFF_FEE.value)
        ),
        key=charge.subscription_id,
        ref=charge.charge_id,
        found=charge.period,
        expected=fee_id,
    )


def _posted() -> Subquery:
    """What was posted under each charge id, from cashback, from main, and settled."""
    posting = schema.posting.c
    is_charge = posting.kind == PostingKind.CHARGE.value
    return (
        select(
            posting.subscription_id,
            posting.ref,
            sum_where(and_(is_charge, posting.source == Account.CASHBACK.value), posting.amount).label("cashback"),
            sum_where(and_(is_charge, posting.source == Account.MAIN.value), posting.amount).label("main"),
            sum_where(posting.kind == PostingKind.SETTLEMENT.value, posting.amount).label("settled"),
        )
        .where(within(schema.posting), posting.kind.in_([PostingKind.CHARGE.value, PostingKind.SETTLEMENT.value]))
        .group_by(posting.subscription_id, posting.ref)
        .subquery("posted")
    )


def _postings() -> Check:
    """What a charge says was drawn is what was posted."""
    charge, posted = schema.charge.c, _posted()
    drawn = [charge.cashback, charge.main, charge.settled]
    moved = [func.coalesce(posted.c[name], 0) for name in ("cashback", "main", "settled")]
    return check(
        "charge_is_posted",
        "cashback/main/settled of a charge are its postings",
        schema.charge.outerjoin(
            posted, and_(posted.c.subscription_id == charge.subscription_id, posted.c.ref == charge.charge_id)
        ),
        and_(within(schema.charge), or_(*(one != other for one, other in zip(drawn, moved, strict=True)))),
        key=charge.subscription_id,
        ref=charge.charge_id,
        found=joined(*drawn),
        expected=joined(*moved),
    )


def _postings_without_charge() -> Check:
    """Nothing is drawn without a charge."""
    posting, charge = schema.posting.c, schema.charge
    same = and_(
        charge.c.subscription_id == posting.subscription_id, charge.c.charge_id == posting.ref, within(charge)
    )
    kinds = [PostingKind.CHARGE.value, PostingKind.SETTLEMENT.value]
    return check(
        "posting_has_its_charge",
        "what is drawn is drawn for a charge",
        schema.posting.outerjoin(charge, same),
        and_(within(schema.posting), posting.kind.in_(kinds), charge.c.charge_id.is_(None)),
        key=posting.subscription_id,
        ref=posting.ref,
        found=posting.entry_no,
        expected=literal("a charge"),
    )


def _part_sums(table: Any, *names: str) -> Subquery:
    sums = [func.sum(table.c[name]).label(name) for name in names]
    keys = (table.c.subscription_id, table.c.charge_id)
    statement: Select[Any] = select(*keys, *sums).where(within(table)).group_by(*keys)
    return statement.subquery()


def _settlements() -> Check:
    """What top-ups settled of a charge."""
    charge, sums = schema.charge.c, _part_sums(schema.settlement, "amount")
    total = func.coalesce(sums.c.amount, 0)
    same = and_(sums.c.subscription_id == charge.subscription_id, sums.c.charge_id == charge.charge_id)
    return check(
        "settlements_add_up",
        "what is settled of a charge is the sum of its settlements",
        schema.charge.outerjoin(sums, same),
        and_(within(schema.charge), charge.settled != total),
        key=charge.subscription_id,
        ref=charge.charge_id,
        found=charge.settled,
        expected=total,
    )


def _refunds() -> Check:
    """Invariant 14."""
    charge, sums = schema.charge.c, _part_sums(schema.refund, "unpaid", "main", "cashback")
    names = ("unpaid", "main", "cashback")
    given = [charge[f"refunded_{name}"] for name in names]
    totals = [func.coalesce(sums.c[name], 0) for name in names]
    same = and_(sums.c.subscription_id == charge.subscription_id, sums.c.charge_id == charge.charge_id)
    return check(
        "refunds_add_up",
        "what is refunded of a charge (open/main/cashback) is the sum of its refunds",
        schema.charge.outerjoin(sums, same),
        and_(within(schema.charge), or_(*(one != other for one, other in zip(given, totals, strict=True)))),
        key=charge.subscription_id,
        ref=charge.charge_id,
        found=joined(*given),
        expected=joined(*totals),
    )


def _keys() -> Check:
    """Invariant 7: who charged once can ask again. The month job's fees are known by their own ids."""
    charge, key = schema.charge.c, schema.request_key.c
    same = and_(key.kind == KeyKind.CHARGE.value, key.key == charge.charge_id)
    is_lost = or_(key.key.is_(None), key.subscription_id != charge.subscription_id)
    return check(
        "charge_has_its_key",
        "a charge is known under its request key",
        schema.charge.outerjoin(schema.request_key, same),
        and_(within(schema.charge), charge.period == "", is_lost),
        key=charge.subscription_id,
        ref=charge.charge_id,
        found=key.subscription_id,
        expected=charge.subscription_id,
    )


def _first_charge(programme: Programme) -> Check:
    """Invariant 11: main is drawn only once available cashback is used up.

    The cashback bucket right after the draw is summed up from the journal. Charge types that cashback may not pay
    are left out; under a monthly cap nothing follows from the journal alone.
    """
    posting, charge = schema.posting.c, schema.charge.c
    delta = case(
        (posting.target == Account.CASHBACK.value, posting.amount),
        (posting.source == Account.CASHBACK.value, -posting.amount),
        else_=0,
    )
    left = func.sum(delta).over(partition_by=posting.subscription_id, order_by=posting.entry_no)
    columns = (posting.subscription_id, posting.entry_no, posting.kind, posting.source, posting.ref)
    matters = or_(
        posting.source == Account.CASHBACK.value,
        posting.target == Account.CASHBACK.value,
        and_(posting.kind == PostingKind.CHARGE.value, posting.source == Account.MAIN.value),
    )
    journal = select(*columns, left.label("left")).where(within(schema.posting), matters).subquery("journal")
    never = [kind.value for kind in ChargeType if kind not in programme.spend_types]
    is_drawn: ColumnElement[bool] = and_(
        journal.c.kind == PostingKind.CHARGE.value, journal.c.source == Account.MAIN.value, journal.c.left != 0
    )
    held = held_at(journal.c.subscription_id, journal.c.entry_no)
    source: FromClause = journal
    if never:
        same = and_(charge.subscription_id == journal.c.subscription_id, charge.charge_id == journal.c.ref)
        source = journal.join(schema.charge, and_(same, within(schema.charge)))
        is_drawn = and_(is_drawn, not_(charge.type.in_(never)))
    is_drawn = and_(is_drawn, journal.c.left != held)
    return check(
        "cashback_pays_first",
        "main is drawn only where no cashback is left but what is held",
        source,
        is_drawn,
        key=journal.c.subscription_id,
        ref=journal.c.ref,
        found=journal.c.left,
        expected=held,
    )
