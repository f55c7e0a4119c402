"""Reservations for online charging: hold, commit all or part, release, expiry (rule 33; invariants 15, 16).

A commit is a charge like any other, drawn the moment the hold is lifted: so cashback pays first as it stands then,
and what was held is there for sure. A reservation ends exactly once.
"""

from datetime import datetime, timedelta

from msgspec.structs import replace

from billing.answers import ReservationAnswer
from billing.books import Books
from billing.charging import Bill, Split, book_charge, hold_charge_id, split_charge
from billing.commands import CommitReservation, ExpireReservation, ReleaseReservation, Reserve
from billing.crediting import start_draft
from billing.decision import Context, Outcome
from billing.draft import Draft
from billing.errors import ExceedsHold, Expired, InsufficientFunds, InvalidFigure, UnknownReservation, WrongState
from billing.figures import figures_of, require_positive
from billing.finding import subscription_of
from billing.leaving import lapse_leftover
from billing.records import Reservation
from billing.requests import conclude, repeat_of
from billing.words import KeyKind, ReservationState

SECONDS_MAX = 31 * 24 * 3_600
"""A reservation holds for a month at most."""


def reservation_as_it_stands(reservation: Reservation, now: datetime) -> Reservation:
    """The reservation at an instant: a held one past its end is expired, swept or not."""
    if reservation.state is ReservationState.HELD and now >= reservation.expires_at:
        return replace(reservation, state=ReservationState.EXPIRED)
    return reservation


def reservation_answer(reservation: Reservation, msisdn: str) -> ReservationAnswer:
    """What is held, or what the commit drew; an ended hold that was not committed holds nothing."""
    cashback, main = reservation.cashback, reservation.main
    if reservation.state is ReservationState.HELD:
        cashback, main = reservation.held_cashback, reservation.amount - reservation.held_cashback
    is_committed = reservation.state is ReservationState.COMMITTED
    return ReservationAnswer(
        reservation_id=reservation.reservation_id,
        msisdn=msisdn,
        type=reservation.type,
        amount=reservation.amount,
        state=reservation.state,
        cashback=cashback,
        main=main,
        expires_at=reservation.expires_at,
        charge_id=hold_charge_id(reservation.reservation_id) if is_committed else None,
    )


def reserve(command: Reserve, books: Books, context: Context) -> Outcome:
    """Hold a sum whole, cashback first; nothing else can draw it until the reservation ends.

    Where the main balance is someone else's, only cashback is held and `main` is what the caller holds itself.

    Raises:
        InsufficientFunds: cashback and main together do not cover it; nothing is held in part.
    """
    asked = figures_of(command.msisdn, command.type.value, command.amount, command.expires_in_s)
    repeat = repeat_of(books, KeyKind.RESERVATION, command.reservation_id, asked=asked)
    if repeat is not None:
        return repeat
    require_positive(command.amount, "amount")
    if not 0 < command.expires_in_s <= SECONDS_MAX:
        raise InvalidFigure(f"a reservation holds for 1 to {SECONDS_MAX} seconds", field="expires_in_s")
    subscription = subscription_of(books, command.msisdn)
    draft = start_draft(books, subscription, context)
    split = split_charge(draft, command.type, command.amount, context.programme)
    if split.unpaid:
        raise InsufficientFunds("cashback and main together do not cover this reservation", field="amount")
    held_main = split.main if context.programme.main_balance == "internal" else 0
    reservation = Reservation(
        subscription_id=subscription.subscription_id,
        reservation_id=command.reservation_id,
        type=command.type,
        amount=command.amount,
        held_cashback=split.cashback,
        held_main=held_main,
        state=ReservationState.HELD,
        held_entry=draft.take_number(),
        held_at=draft.now,
        expires_at=draft.now + timedelta(seconds=command.expires_in_s),
    )
    draft.change(
        held_cashback=draft.field("held_cashback") + split.cashback,
        held_main=draft.field("held_main") + held_main,
    )
    draft.put(reservation)
    answer = reservation_answer(reservation, command.msisdn)
    return conclude(draft, answer, kind=KeyKind.RESERVATION, key=command.reservation_id, asked=asked)


def commit_reservation(command: CommitReservation, books: Books, context: Context) -> Outcome:
    """Draw all or part of a hold as one charge, cashback first; the rest is free again. Once, then it is a repeat.

    Raises:
        UnknownReservation, Expired, WrongState: no such id; past its end; released.
        ExceedsHold, Conflict: more than is held; committed with another sum.
    """
    charge_id = hold_charge_id(command.reservation_id)
    asked = figures_of("commit", command.reservation_id, command.amount)
    repeat = repeat_of(books, KeyKind.CHARGE, charge_id, asked=asked)
    if repeat is not None:
        return repeat
    require_positive(command.amount, "amount")
    reservation = _held(books, command.reservation_id, context)
    if command.amount > reservation.amount:
        raise ExceedsHold("more than is held", field="amount")
    draft = start_draft(books, books.subscriptions[reservation.subscription_id], context)
    ended = _lift(draft, reservation, ReservationState.COMMITTED)
    split = split_charge(draft, reservation.type, command.amount, context.programme)
    _draw(draft, charge_id, ended, split, context=context, amount=command.amount)
    committed = replace(ended, committed=command.amount, cashback=split.cashback, main=split.main)
    draft.put(committed)
    lapse_leftover(draft, books.memberships.get(reservation.subscription_id), context.programme)
    answer = reservation_answer(committed, draft.subscription.msisdn)
    return conclude(draft, answer, kind=KeyKind.CHARGE, key=charge_id, asked=asked)


def release_reservation(command: ReleaseReservation, books: Books, context: Context) -> Outcome:
    """Free what is held; a released one stays released.

    Raises:
        UnknownReservation, Expired, WrongState: no such id; past its end; committed.
    """
    known = books.reservations.get(command.reservation_id)
    if known is not None and known.state is ReservationState.RELEASED:
        number = books.subscriptions[known.subscription_id].msisdn
        return Outcome(answer=reservation_answer(known, number), hit=True)
    return _free(_held(books, command.reservation_id, context), ReservationState.RELEASED, books, context)


def expire_reservation(command: ExpireReservation, books: Books, context: Context) -> Outcome:
    """Sweep a reservation whose time is over: it holds nothing any more (invariant 16).

    Raises:
        UnknownReservation, WrongState: no such id; not held any more, or its time is not over.
    """
    known = books.reservations.get(command.reservation_id)
    if known is None:
        raise UnknownReservation("no reservation has this id")
    if known.state is not ReservationState.HELD or context.now < known.expires_at:
        raise WrongState("this reservation has not run out")
    return _free(known, ReservationState.EXPIRED, books, context)


def _held(books: Books, reservation_id: str, context: Context) -> Reservation:
    """The reservation, if it still holds; else the refusal that says why not."""
    known = books.reservations.get(reservation_id)
    if known is None:
        raise UnknownReservation("no reservation has this id")
    state = reservation_as_it_stands(known, context.now).state
    if state is ReservationState.EXPIRED:
        raise Expired("this reservation has run out")
    if state is not ReservationState.HELD:
        raise WrongState(f"this reservation is {state.value}")
    return known


def _lift(draft: Draft, reservation: Reservation, state: ReservationState) -> Reservation:
    """The reservation at its end, its hold taken off the balances."""
    draft.change(
        held_cashback=draft.field("held_cashback") - reservation.held_cashback,
        held_main=draft.field("held_main") - reservation.held_main,
    )
    return replace(reservation, state=state, ended_entry=draft.take_number(), ended_at=draft.now)


def _free(reservation: Reservation, state: ReservationState, books: Books, context: Context) -> Outcome:
    draft = start_draft(books, books.subscriptions[reservation.subscription_id], context)
    ended = _lift(draft, reservation, state)
    draft.put(ended)
    lapse_leftover(draft, books.memberships.get(reservation.subscription_id), context.programme)
    return draft.outcome(reservation_answer(ended, draft.subscription.msisdn))


def _draw(
    draft: Draft, charge_id: str, reservation: Reservation, split: Split, *, context: Context, amount: int
) -> None:
    """Book the commit's charge. What is held covers it, unless switches were changed meanwhile."""
    if split.unpaid and not context.programme.part_payment:
        raise InsufficientFunds("cashback and main together do not cover this commit")
    bill = Bill(charge_id=charge_id, type=reservation.type, amount=amount, occurred_at=draft.now)
    book_charge(draft, bill, split, context.programme)
