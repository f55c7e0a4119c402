"""Checks of reservations: what is held is held by somebody, each ends once, and a commit is its charge."""

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select

from billing.charging import HOLD_PREFIX
from billing.store import schema
from billing.store.verify_kit import Check, check, joined, within
from billing.words import ReservationState

HELD, COMMITTED = ReservationState.HELD.value, ReservationState.COMMITTED.value


def reservation_checks() -> tuple[Check, ...]:
    """Invariants 6, 15 and 16; the keys of reservations are among the records."""
    return (_sums(), _ends(), _commits())


def held_at(subscription_id: ColumnElement[int], entry_no: ColumnElement[int]) -> ColumnElement[int]:
    """What reservations held of cashback when an entry number was taken."""
    reservation = schema.reservation.alias("holding").c
    return (
        select(func.coalesce(func.sum(reservation.held_cashback), 0))
        .where(
            reservation.subscription_id == subscription_id,
            reservation.held_entry < entry_no,
            or_(reservation.ended_entry == 0, reservation.ended_entry > entry_no),
        )
        .scalar_subquery()
    )


def _sums() -> Check:
    """Invariants 6, 16: the balances hold what reservations hold, nothing else."""
    balance, reservation = schema.balance.c, schema.reservation.c
    held = (
        select(
            reservation.subscription_id,
            func.sum(reservation.held_cashback).label("cashback"),
            func.sum(reservation.held_main).label("main"),
        )
        .where(within(schema.reservation), reservation.state == HELD)
        .group_by(reservation.subscription_id)
        .subquery("held")
    )
    sums = (func.coalesce(held.c.cashback, 0), func.coalesce(held.c.main, 0))
    return check(
        "held_is_reserved",
        "held cashback/main of a balance are the sums of its open reservations",
        schema.balance.outerjoin(held, held.c.subscription_id == balance.subscription_id),
        and_(within(schema.balance), or_(balance.held_cashback != sums[0], balance.held_main != sums[1])),
        key=balance.subscription_id,
        ref=literal("held"),
        found=joined(balance.held_cashback, balance.held_main),
        expected=joined(*sums),
    )


def _ends() -> Check:
    """Invariant 15: it ends exactly once, and no more is committed than was held."""
    reservation = schema.reservation.c
    is_over = case((reservation.state == HELD, 0), else_=1)
    wrong = or_(
        is_over != case((reservation.ended_entry == 0, 0), else_=1),
        is_over != case((reservation.ended_at.is_(None), 0), else_=1),
        and_(reservation.ended_entry != 0, reservation.ended_entry <= reservation.held_entry),
        reservation.committed > reservation.amount,
        and_(reservation.state != COMMITTED, reservation.committed + reservation.cashback + reservation.main > 0),
    )
    return check(
        "reservation_ends_once",
        "a reservation ends once, and no more is committed than was held",
        schema.reservation,
        and_(within(schema.reservation), wrong),
        key=reservation.subscription_id,
        ref=reservation.reservation_id,
        found=joined(reservation.state, reservation.committed),
        expected=reservation.amount,
    )


def _commits() -> Check:
    """A committed reservation is one charge of what was committed, drawn as it says; no other has one."""
    reservation, charge = schema.reservation.c, schema.charge
    same = and_(
        charge.c.subscription_id == reservation.subscription_id,
        charge.c.charge_id == literal(HOLD_PREFIX) + reservation.reservation_id,
        within(charge),
    )
    figures = [reservation.committed, reservation.cashback, reservation.main]
    drawn = [func.coalesce(charge.c[name], 0) for name in ("amount", "cashback", "main")]
    return check(
        "commit_is_charged",
        "committed/cashback/main of a reservation are its charge",
        schema.reservation.outerjoin(charge, same),
        and_(within(schema.reservation), or_(*(one != other for one, other in zip(figures, drawn, strict=True)))),
        key=reservation.subscription_id,
        ref=reservation.reservation_id,
        found=joined(*figures),
        expected=joined(*drawn),
    )
