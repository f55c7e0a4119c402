"""What is known of one charge's draw: the balances it found, from the journal, holds, entries, what came later.

Nothing is guessed from today's balances: sums stand as the entries before the charge left them. Only the credit
limit keeps no history, and is told as it is now.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from billing.answers import ChargeView
from billing.charging import HOLD_PREFIX
from billing.money import Kopecks
from billing.records import Charge, Posting
from billing.store import reads, rows, schema
from billing.words import Account, PostingKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Balances and what reservations held of them when the charge was drawn."""

    cashback: Kopecks
    main: Kopecks
    held_cashback: Kopecks
    held_main: Kopecks
    credit_limit: Kopecks
    """As it is now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BillFacts:
    """A charge as it stands, what it found, its entries in the journal and those of what came later."""

    view: ChargeView
    found: Found
    drawn: Sequence[Posting]
    later: Sequence[Posting]
    finds_no_cashback_first: bool
    """No other charge came between it and the last movement of cashback."""


def bill_facts(connection: Connection, charge_id: str) -> BillFacts:
    """The facts of a charge. Raises UnknownCharge."""
    view = reads.charge(connection, charge_id)
    charge = view.charge
    entries = _entries(connection, view)
    return BillFacts(
        view=view,
        found=_found(connection, charge),
        drawn=[one for one in entries if one.kind is PostingKind.CHARGE],
        later=[one for one in entries if one.kind is not PostingKind.CHARGE],
        finds_no_cashback_first=_is_first(connection, charge),
    )


def _found(connection: Connection, charge: Charge) -> Found:
    posting, reservation, balance = schema.posting.c, schema.reservation.c, schema.balance.c
    sums = select(_sum_of(Account.CASHBACK), _sum_of(Account.MAIN)).where(
        posting.subscription_id == charge.subscription_id, posting.entry_no < charge.entry_no
    )
    cashback, main = connection.execute(sums).one()
    is_held = and_(
        reservation.subscription_id == charge.subscription_id,
        reservation.held_entry < charge.entry_no,
        or_(reservation.ended_entry == 0, reservation.ended_entry > charge.entry_no),
        reservation.reservation_id != charge.charge_id.removeprefix(HOLD_PREFIX),
    )
    held = select(
        func.coalesce(func.sum(reservation.held_cashback), 0), func.coalesce(func.sum(reservation.held_main), 0)
    ).where(is_held)
    held_cashback, held_main = connection.execute(held).one()
    limit = select(balance.credit_limit).where(balance.subscription_id == charge.subscription_id)
    return Found(
        cashback=int(cashback),
        main=int(main),
        held_cashback=int(held_cashback),
        held_main=int(held_main),
        credit_limit=connection.execute(limit).scalar_one(),
    )


def _sum_of(account: Account) -> ColumnElement[int]:
    posting = schema.posting.c
    moved = case(
        (posting.target == account.value, posting.amount), (posting.source == account.value, -posting.amount), else_=0
    )
    return func.coalesce(func.sum(moved), 0)


def _entries(connection: Connection, view: ChargeView) -> Sequence[Posting]:
    """The draw, settlements and refunds of the charge, in the journal's order."""
    posting, charge = schema.posting.c, view.charge
    refs: dict[str, tuple[PostingKind, ...]] = {charge.charge_id: (PostingKind.CHARGE, PostingKind.SETTLEMENT)}
    refs |= {one.refund_id: (PostingKind.REFUND,) for one in view.refunds}
    is_named = or_(
        *(and_(posting.ref == ref, posting.kind.in_([kind.value for kind in kinds])) for ref, kinds in refs.items())
    )
    found = (
        rows.POSTING.select()
        .where(posting.subscription_id == charge.subscription_id, posting.entry_no >= charge.entry_no, is_named)
        .order_by(posting.entry_no)
    )
    return [rows.POSTING.record(row) for row in connection.execute(found)]


def _is_first(connection: Connection, charge: Charge) -> bool:
    posting, other = schema.posting.c, schema.charge.c
    moved = select(func.coalesce(func.max(posting.entry_no), 0)).where(
        posting.subscription_id == charge.subscription_id,
        posting.entry_no < charge.entry_no,
        or_(posting.source == Account.CASHBACK.value, posting.target == Account.CASHBACK.value),
    )
    since: int = connection.execute(moved).scalar_one()
    between = select(func.count()).where(
        other.subscription_id == charge.subscription_id,
        other.entry_no > since,
        other.entry_no < charge.entry_no,
        other.cashback == 0,
    )
    return not connection.execute(between).scalar_one()
