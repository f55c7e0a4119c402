"""What subscribers, shops and operators may look up. Values come out, never rows; unknown things are refused.

A number means the subscription that owns it now. Every look-up is one or two statements that an index serves, also
after years of history; balances and fees of many numbers are one.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, TypeVar

from msgspec import Struct
from sqlalchemy import Connection, bindparam, func, select

from billing.accruals import as_it_stands
from billing.answers import BalanceView, ChargeView, ReservationAnswer, SubscriberAnswer, VoucherView
from billing.errors import UnknownCharge, UnknownOrder, UnknownReservation, UnknownSubscriber, UnknownVoucher
from billing.finding import standing
from billing.programme import Programme
from billing.records import Accrual, Balances, Charge, Membership, Posting, Subscription
from billing.reservations import reservation_answer, reservation_as_it_stands
from billing.store import rows, schema
from billing.store.dialects import among
from billing.store.loader import BALANCE_END, MEMBERSHIP_END, RESERVATIONS, SUBSCRIPTION_END, VOUCHERS, charges_by_id
from billing.store.partial import is_open, is_pending, is_tariff_fee
from billing.store.rows import Shape
from billing.views import balance_view
from billing.vouchers import voucher_as_it_stands

R = TypeVar("R", bound=Struct)

PAGE_MAX = 1_000
"""Rows of one page."""

MOVEMENTS = 5
"""What `*100*4#` shows."""

_key = schema.subscription.c.subscription_id
_owned = (
    schema.msisdn_owner.join(schema.subscription)
    .join(schema.balance, schema.balance.c.subscription_id == _key)
    .outerjoin(schema.membership, schema.membership.c.subscription_id == _key)
)
_is_owner = among(schema.msisdn_owner.c.msisdn) & schema.msisdn_owner.c.valid_until.is_(None)

STANDINGS = (
    select(*rows.SUBSCRIPTION.columns, *rows.BALANCE.columns, *rows.MEMBERSHIP.columns)
    .select_from(_owned)
    .where(_is_owner)
)
"""Subscriptions by numbers, with balances and membership."""

_pending = (
    select(func.coalesce(func.sum(schema.accrual.c.reward), 0))
    .where(schema.accrual.c.subscription_id == _key, is_pending(), schema.accrual.c.deadline > bindparam("now"))
    .correlate(schema.subscription)
    .scalar_subquery()
)
_unpaid = (
    select(func.coalesce(func.sum(schema.charge.c.unpaid), 0))
    .where(schema.charge.c.subscription_id == _key, is_open())
    .correlate(schema.subscription)
    .scalar_subquery()
)
_any_fee = schema.charge.alias("any_fee")
_newest = (
    select(func.max(_any_fee.c.entry_no))
    .where(_any_fee.c.subscription_id == schema.msisdn_owner.c.subscription_id, is_tariff_fee(_any_fee))
    .correlate(schema.msisdn_owner)
    .scalar_subquery()
)
_charge = schema.charge.c
LAST_FEES = (
    select(schema.msisdn_owner.c.msisdn, *rows.CHARGE.columns)
    .select_from(
        schema.msisdn_owner.outerjoin(
            schema.charge,
            (_charge.subscription_id == schema.msisdn_owner.c.subscription_id)
            & is_tariff_fee()
            & (_charge.entry_no == _newest),
        )
    )
    .where(_is_owner)
)
"""Numbers with the newest tariff fee of their subscription."""

BALANCES = STANDINGS.add_columns(_pending.label("pending"), _unpaid.label("unpaid"))
"""The same with what is pending at an instant and what is unpaid."""


def subscriber(connection: Connection, msisdn: str) -> SubscriberAnswer:
    """The subscription of a number. Raises UnknownSubscriber."""
    subscription, balances, membership = _standing(connection, msisdn)
    return SubscriberAnswer(
        subscription=subscription, credit_limit=balances.credit_limit, membership=standing(membership)
    )


def member(connection: Connection, msisdn: str) -> tuple[Subscription, Membership | None]:
    """The subscription of a number and its membership, None: never joined. Raises UnknownSubscriber."""
    subscription, _, membership = _standing(connection, msisdn)
    return subscription, membership


def balance(connection: Connection, msisdn: str, now: datetime, programme: Programme) -> BalanceView:
    """Everything about a number's money. Raises UnknownSubscriber."""
    found = balances_of(connection, (msisdn,), now, programme)
    if msisdn not in found:
        raise UnknownSubscriber("no subscription has this number")
    return found[msisdn]


def balances_of(
    connection: Connection, msisdns: Collection[str], now: datetime, programme: Programme
) -> Mapping[str, BalanceView]:
    """Balances by number, in one statement however many; numbers that nobody owns are left out."""
    if not msisdns:
        return {}
    found: dict[str, BalanceView] = {}
    for row in connection.execute(BALANCES, {"values": msisdns, "now": now}).all():
        subscription, balances, membership = _whole(row)
        found[subscription.msisdn] = balance_view(
            subscription,
            balances,
            membership,
            pending=int(row.pending),
            unpaid=int(row.unpaid),
            now=now,
            programme=programme,
        )
    return found


def charge(connection: Connection, charge_id: str) -> ChargeView:
    """A charge as it stands now, with what refunds and top-ups did to it. Raises UnknownCharge."""
    charges = charges_by_id(connection, (charge_id,))
    if not charges:
        raise UnknownCharge("no charge has this id")
    (found,) = charges
    return ChargeView(
        charge=found,
        msisdn=_number_of(connection, found.subscription_id),
        refunds=_parts(connection, rows.REFUND, found),
        settlements=_parts(connection, rows.SETTLEMENT, found),
    )


def last_fees_of(connection: Connection, msisdns: Collection[str]) -> Mapping[str, Charge | None]:
    """The newest tariff fee by number, whoever drew it, in one statement however many; None: no fee yet.

    Numbers that nobody owns are left out.
    """
    if not msisdns:
        return {}
    return {
        row[0]: None if row[1] is None else rows.CHARGE.record(row[1:])
        for row in connection.execute(LAST_FEES, {"values": msisdns}).all()
    }


def accrual(connection: Connection, partner: str, order_id: str, now: datetime) -> Accrual:
    """One order; a pending one past its deadline is expired, swept or not. Raises UnknownOrder."""
    table = schema.accrual
    row = connection.execute(
        rows.ACCRUAL.select().where(table.c.partner == partner, table.c.order_id == order_id)
    ).one_or_none()
    if row is None:
        raise UnknownOrder("this order was never paid")
    return as_it_stands(rows.ACCRUAL.record(row), now)


def accruals(connection: Connection, msisdn: str, now: datetime, limit: int = PAGE_MAX) -> tuple[Accrual, ...]:
    """Orders of a number, newest first, at most `limit`; states as of now. Raises UnknownSubscriber."""
    table = schema.accrual
    newest = (
        rows.ACCRUAL.select()
        .where(table.c.subscription_id == _subscription_id(connection, msisdn))
        .order_by(table.c.recorded_at.desc(), table.c.partner, table.c.order_id)
        .limit(limit)
    )
    return tuple(as_it_stands(rows.ACCRUAL.record(row), now) for row in connection.execute(newest))


def voucher(connection: Connection, voucher_id: str, now: datetime) -> VoucherView:
    """A voucher; an issued one past its end is expired, swept or not. Raises UnknownVoucher."""
    row = connection.execute(VOUCHERS, {"values": (voucher_id,)}).one_or_none()
    if row is None:
        raise UnknownVoucher("no voucher has this id")
    found = voucher_as_it_stands(rows.VOUCHER.record(row), now)
    return VoucherView(voucher=found, msisdn=_number_of(connection, found.subscription_id))


def reservation(connection: Connection, reservation_id: str, now: datetime) -> ReservationAnswer:
    """A reservation; a held one past its end is expired, swept or not. Raises UnknownReservation."""
    row = connection.execute(RESERVATIONS, {"values": (reservation_id,)}).one_or_none()
    if row is None:
        raise UnknownReservation("no reservation has this id")
    found = reservation_as_it_stands(rows.RESERVATION.record(row), now)
    return reservation_answer(found, _number_of(connection, found.subscription_id))


def statement(
    connection: Connection,
    msisdn: str,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    before: int | None = None,
    limit: int = PAGE_MAX,
) -> tuple[Posting, ...]:
    """Postings newest first, `[start, end)` on booked_at, entry numbers below `before`. Raises UnknownSubscriber."""
    table = schema.posting.c
    wanted = [table.subscription_id == _subscription_id(connection, msisdn)]
    if start is not None:
        wanted.append(table.booked_at >= start)
    if end is not None:
        wanted.append(table.booked_at < end)
    if before is not None:
        wanted.append(table.entry_no < before)
    newest = rows.POSTING.select().where(*wanted).order_by(table.entry_no.desc()).limit(min(limit, PAGE_MAX))
    return tuple(rows.POSTING.record(row) for row in connection.execute(newest))


def movements(connection: Connection, msisdn: str) -> tuple[Posting, ...]:
    """The last few postings, newest first. Raises UnknownSubscriber."""
    return statement(connection, msisdn, limit=MOVEMENTS)


def _standing(connection: Connection, msisdn: str) -> tuple[Subscription, Balances, Membership | None]:
    row = connection.execute(STANDINGS, {"values": (msisdn,)}).one_or_none()
    if row is None:
        raise UnknownSubscriber("no subscription has this number")
    return _whole(row)


def _whole(row: Any) -> tuple[Subscription, Balances, Membership | None]:
    is_known = row[BALANCE_END] is not None
    return (
        rows.SUBSCRIPTION.record(row[:SUBSCRIPTION_END]),
        rows.BALANCE.record(row[SUBSCRIPTION_END:BALANCE_END]),
        rows.MEMBERSHIP.record(row[BALANCE_END:MEMBERSHIP_END]) if is_known else None,
    )


def _subscription_id(connection: Connection, msisdn: str) -> int:
    owner = schema.msisdn_owner.c
    found = select(owner.subscription_id).where(owner.msisdn == msisdn, owner.valid_until.is_(None))
    subscription_id = connection.execute(found).scalar_one_or_none()
    if subscription_id is None:
        raise UnknownSubscriber("no subscription has this number")
    return int(subscription_id)


def _number_of(connection: Connection, subscription_id: int) -> str:
    found = select(schema.subscription.c.msisdn).where(schema.subscription.c.subscription_id == subscription_id)
    return str(connection.execute(found).scalar_one())


def _parts(connection: Connection, shape: Shape[R], charge_found: Charge) -> tuple[R, ...]:
    """Refunds or settlements of a charge, oldest first."""
    table = shape.table
    wanted = shape.select().where(
        table.c.subscription_id == charge_found.subscription_id, table.c.charge_id == charge_found.charge_id
    )
    in_order = wanted.order_by(table.c.at, *list(table.primary_key.columns)[2:])
    return tuple(shape.record(row) for row in connection.execute(in_order))
