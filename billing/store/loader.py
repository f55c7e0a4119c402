"""Books for a group of commands, loaded in few statements: keys first, then whole subscriptions, locked in id order.

On PostgreSQL everything a decision rests on is read after the locks, so that it is as fresh as the locked row.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, bindparam, select

from billing.books import Books
from billing.calendar import period_of
from billing.charging import fee_subscription_id
from billing.commands import Command, DrawCharge, RefundCharge, TopUp
from billing.decision import Context
from billing.needs import Needs, needs
from billing.records import NOBODY, Accrual, Charge, Click, Record, Reservation, Voucher
from billing.store import rows, schema
from billing.store.dialects import among, fetch, lock_balances, locks_rows
from billing.store.partial import is_accrued, is_open, is_pending
from billing.store.rows import Shape
from billing.words import KeyKind

R = TypeVar("R", bound=Record)
K = TypeVar("K")
V = TypeVar("V")

Named = Click | Accrual | Charge | Voucher | Reservation
"""What commands name by its id."""

SUBSCRIPTION_END = len(schema.subscription.columns)
BALANCE_END = SUBSCRIPTION_END + len(schema.balance.columns)
MEMBERSHIP_END = BALANCE_END + len(schema.membership.columns)

OWNER_IDS = select(schema.msisdn_owner.c.subscription_id).where(
    among(schema.msisdn_owner.c.msisdn), schema.msisdn_owner.c.valid_until.is_(None)
)
_money = schema.subscription.join(schema.balance)
MONEY = (
    select(*rows.SUBSCRIPTION.columns, *rows.BALANCE.columns)
    .select_from(_money)
    .where(among(schema.subscription.c.subscription_id))
)
MONEY_BY_NUMBER = (
    select(*rows.SUBSCRIPTION.columns, *rows.BALANCE.columns)
    .select_from(schema.msisdn_owner.join(schema.subscription).join(schema.balance))
    .where(among(schema.msisdn_owner.c.msisdn), schema.msisdn_owner.c.valid_until.is_(None))
)
"""The same by number, where no rows are locked in between."""
WHOLE = MONEY.add_columns(*rows.MEMBERSHIP.columns).select_from(
    _money.outerjoin(schema.membership, schema.membership.c.subscription_id == schema.subscription.c.subscription_id)
)
"""Subscriptions with balances, and with membership too."""

ASKS_NO_MEMBERSHIP = frozenset({DrawCharge, RefundCharge, TopUp})
"""Whoever has money pays and is paid; a third of the load of such a group is left out."""
ASKS_NUMBERS = frozenset({DrawCharge, TopUp})
"""Of these, those that name subscriptions by their numbers alone."""

REQUEST_KEYS = rows.REQUEST_KEY.select().where(
    schema.request_key.c.kind == bindparam("kind"), among(schema.request_key.c.key)
)
CLICKS = rows.CLICK.select().where(among(schema.click.c.click_id))
ORDERS = rows.ACCRUAL.select().where(
    schema.accrual.c.partner == bindparam("partner"), among(schema.accrual.c.order_id)
)
CHARGES = (
    rows.CHARGE.select()
    .select_from(
        schema.request_key.join(
            schema.charge,
            (schema.charge.c.subscription_id == schema.request_key.c.subscription_id)
            & (schema.charge.c.charge_id == schema.request_key.c.key),
        )
    )
    .where(schema.request_key.c.kind == KeyKind.CHARGE.value, among(schema.request_key.c.key))
)
"""Charges by the ids callers gave, which lead to their subscriptions through the request keys."""
FEES = rows.CHARGE.select().where(among(schema.charge.c.subscription_id, "owners"), among(schema.charge.c.charge_id))
"""Fees of the month job by their ids, which name their subscriptions."""
VOUCHERS = (
    rows.VOUCHER.select()
    .select_from(
        schema.request_key.join(
            schema.voucher,
            (schema.voucher.c.subscription_id == schema.request_key.c.subscription_id)
            & (schema.voucher.c.voucher_id == schema.request_key.c.key),
        )
    )
    .where(schema.request_key.c.kind == KeyKind.VOUCHER.value, among(schema.request_key.c.key))
)
"""Vouchers by the ids callers gave."""
RESERVATIONS = (
    rows.RESERVATION.select()
    .select_from(
        schema.request_key.join(
            schema.reservation,
            (schema.reservation.c.subscription_id == schema.request_key.c.subscription_id)
            & (schema.reservation.c.reservation_id == schema.request_key.c.key),
        )
    )
    .where(schema.request_key.c.kind == KeyKind.RESERVATION.value, among(schema.request_key.c.key))
)
"""Reservations by the ids callers gave."""
VOUCHERS_BY_CODE = rows.VOUCHER.select().where(among(schema.voucher.c.code))
TARIFFS = rows.TARIFF.select().where(among(schema.tariff.c.code))


PENDING = rows.ACCRUAL.select().where(among(schema.accrual.c.subscription_id), is_pending())
ACCRUED = rows.ACCRUAL.select().where(among(schema.accrual.c.subscription_id), is_accrued())
OPEN_CHARGES = rows.CHARGE.select().where(among(schema.charge.c.subscription_id), is_open())


def load(connection: Connection, commands: Sequence[Command], context: Context) -> Books:
    """Everything these commands read (`billing.needs` says what), their balance rows locked."""
    wanted = needs(commands)
    books = Books()
    kinds = set(map(type, commands))
    if kinds <= ASKS_NUMBERS and not locks_rows(connection):
        _load_subscriptions(connection, MONEY_BY_NUMBER, wanted.msisdns, books)
    else:
        ids = _find_subscriptions(connection, wanted, books)
        if lock_balances(connection, ids):
            _load_by_key(connection, wanted, books)
        _load_subscriptions(connection, MONEY if kinds <= ASKS_NO_MEMBERSHIP else WHOLE, ids, books)
    for kind, keys in _grouped(wanted.keys):
        _load(connection, rows.REQUEST_KEY, REQUEST_KEYS, books, values=keys, kind=kind.value)
    _load(connection, rows.TARIFF, TARIFFS, books, values=wanted.tariffs)
    _load_open_sets(connection, wanted, context, books)
    return books


def _find_subscriptions(connection: Connection, wanted: Needs, books: Books) -> set[int]:
    """The ids that the commands' numbers, clicks, orders, charges, vouchers and reservations lead to."""
    numbers = set(wanted.msisdns)
    ids = set()
    for record in _load_by_key(connection, wanted, books):
        if isinstance(record, Click) and record.subscription_id == NOBODY:
            numbers.add(record.msisdn)
        ids.add(record.subscription_id)
    if numbers:
        ids.update(number for (number,) in fetch(connection, OWNER_IDS, {"values": numbers}))
    ids.discard(NOBODY)
    return ids


def _load_by_key(connection: Connection, wanted: Needs, books: Books) -> list[Named]:
    """Clicks, orders, charges, vouchers and reservations the commands name."""
    clicks = _load(connection, rows.CLICK, CLICKS, books, values=wanted.clicks)
    charges = charges_by_id(connection, wanted.charges)
    for charge in charges:
        books.put(charge)
    accruals: list[Accrual] = []
    for partner, order_ids in _grouped(wanted.orders):
        accruals += _load(connection, rows.ACCRUAL, ORDERS, books, values=order_ids, partner=partner)
    vouchers = _load(connection, rows.VOUCHER, VOUCHERS, books, values=wanted.vouchers)
    vouchers += _load(connection, rows.VOUCHER, VOUCHERS_BY_CODE, books, values=wanted.voucher_codes)
    reservations = _load(connection, rows.RESERVATION, RESERVATIONS, books, values=wanted.reservations)
    return [*clicks, *charges, *accruals, *vouchers, *reservations]


def charges_by_id(connection: Connection, charge_ids: Collection[str]) -> list[Charge]:
    """The charges that have these ids."""
    owners = {charge_id: fee_subscription_id(charge_id) for charge_id in charge_ids}
    fees = [charge_id for charge_id, owner in owners.items() if owner is not None]
    given = [charge_id for charge_id, owner in owners.items() if owner is None]
    found: list[Any] = []
    if given:
        found += fetch(connection, CHARGES, {"values": given})
    if fees:
        found += fetch(connection, FEES, {"values": fees, "owners": {owners[fee] for fee in fees}})
    return [rows.CHARGE.record(row) for row in found]


def _load_subscriptions(
    connection: Connection, statement: Select[Any], values: Collection[Any], books: Books
) -> None:
    """Subscriptions with balances, and with membership where the statement asks for it, one row each."""
    if not values:
        return
    for row in fetch(connection, statement, {"values": values}):
        books.put(rows.SUBSCRIPTION.record(row[:SUBSCRIPTION_END]))
        books.put(rows.BALANCE.record(row[SUBSCRIPTION_END:BALANCE_END]))
        if len(row) > BALANCE_END and row[BALANCE_END] is not None:
            books.put(rows.MEMBERSHIP.record(row[BALANCE_END:]))


def _load_open_sets(connection: Connection, wanted: Needs, context: Context, books: Books) -> None:
    """Open accruals and charges where they are needed whole; ACCRUED ones also where the credit step is due."""
    numbered = books.subscription_by_msisdn
    whole = {numbered[number].subscription_id for number in wanted.open_accruals if number in numbered}
    owing = {numbered[number].subscription_id for number in wanted.open_charges if number in numbered}
    period = period_of(context.now, context.programme.zone)
    uncredited = {key for key, balances in books.balances.items() if balances.credited_period < period}
    _load(connection, rows.ACCRUAL, PENDING, books, values=whole)
    _load(connection, rows.ACCRUAL, ACCRUED, books, values=whole | uncredited)
    _load(connection, rows.CHARGE, OPEN_CHARGES, books, values=owing)


def _load(
    connection: Connection,
    shape: Shape[R],
    statement: Select[Any],
    books: Books,
    *,
    values: Collection[Any],
    **parameters: Any,
) -> list[R]:
    """Put the rows of a statement for these values into the books; no values, no statement."""
    if not values:
        return []
    found = [shape.record(row) for row in fetch(connection, statement, {"values": values, **parameters})]
    for record in found:
        books.put(record)
    return found


def _grouped(pairs: Iterable[tuple[K, V]]) -> Iterable[tuple[K, list[V]]]:
    """The second parts by the first."""
    groups: defaultdict[K, list[V]] = defaultdict(list)
    for first, second in pairs:
        groups[first].append(second)
    return groups.items()
