"""Books for a group of commands, loaded in few statements: keys first, then whole subscriptions, locked in id order.

On PostgreSQL everything a decision rests on is read after the locks, so that it is as fresh as the locked row.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, literal_column, select

from billing.books import Books
from billing.calendar import period_of
from billing.commands import Command
from billing.decision import Context
from billing.needs import Needs, needs
from billing.records import NOBODY, Accrual, Charge, Click, Record
from billing.store import rows, schema
from billing.store.dialects import batches, lock_balances
from billing.store.rows import Shape
from billing.words import AccrualState, KeyKind

R = TypeVar("R", bound=Record)
K = TypeVar("K")
V = TypeVar("V")

SUBSCRIPTION_END = len(schema.subscription.columns)
BALANCE_END = SUBSCRIPTION_END + len(schema.balance.columns)


def load(connection: Connection, commands: Sequence[Command], context: Context) -> Books:
    """Everything these commands read (`billing.needs` says what), their balance rows locked."""
    wanted = needs(commands)
    books = Books()
    ids = _find_subscriptions(connection, wanted, books)
    if lock_balances(connection, ids):
        _load_by_key(connection, wanted, books)
    _load_subscriptions(connection, ids, books)
    for kind, keys in _grouped(wanted.keys):
        table = schema.request_key.c
        _load(connection, rows.REQUEST_KEY, table.key, keys, books, table.kind == kind.value)
    _load(connection, rows.TARIFF, schema.tariff.c.code, wanted.tariffs, books)
    _load_open_sets(connection, wanted, context, books)
    return books


def _find_subscriptions(connection: Connection, wanted: Needs, books: Books) -> set[int]:
    """The ids that the commands' numbers, clicks, orders and charges lead to."""
    numbers = set(wanted.msisdns)
    ids = set()
    for record in _load_by_key(connection, wanted, books):
        if isinstance(record, Click) and record.subscription_id == NOBODY:
            numbers.add(record.msisdn)
        ids.add(record.subscription_id)
    owner = schema.msisdn_owner.c
    for some in batches(numbers):
        found = select(owner.subscription_id).where(owner.msisdn.in_(some), owner.valid_until.is_(None))
        ids.update(connection.execute(found).scalars())
    ids.discard(NOBODY)
    return ids


def _load_by_key(connection: Connection, wanted: Needs, books: Books) -> list[Click | Accrual | Charge]:
    """Clicks, orders and charges the commands name."""
    found: list[Click | Accrual | Charge] = []
    clicks = _load(connection, rows.CLICK, schema.click.c.click_id, wanted.clicks, books)
    found.extend(clicks)
    for partner, order_ids in _grouped(wanted.orders):
        table = schema.accrual.c
        accruals = _load(connection, rows.ACCRUAL, table.order_id, order_ids, books, table.partner == partner)
        found.extend(accruals)
    for some in batches(wanted.charges):
        charges = _put_all(books, rows.CHARGE, connection.execute(charges_by_id(some)))
        found.extend(charges)
    return found


def _load_subscriptions(connection: Connection, ids: Collection[int], books: Books) -> None:
    """Subscriptions with balances and membership, one row each."""
    key = schema.subscription.c.subscription_id
    joined = schema.subscription.join(schema.balance).outerjoin(
        schema.membership, schema.membership.c.subscription_id == key
    )
    whole = select(schema.subscription, schema.balance, schema.membership).select_from(joined)
    for some in batches(ids):
        for row in connection.execute(whole.where(key.in_(some))):
            values = tuple(row)
            books.put(rows.SUBSCRIPTION.record(values[:SUBSCRIPTION_END]))
            books.put(rows.BALANCE.record(values[SUBSCRIPTION_END:BALANCE_END]))
            if values[BALANCE_END] is not None:
                books.put(rows.MEMBERSHIP.record(values[BALANCE_END:]))


def _load_open_sets(connection: Connection, wanted: Needs, context: Context, books: Books) -> None:
    """Open accruals and charges where they are needed whole; ACCRUED ones also where the credit step is due."""
    numbered = books.subscription_by_msisdn
    whole = {numbered[number].subscription_id for number in wanted.open_accruals if number in numbered}
    period = period_of(context.now, context.programme.zone)
    uncredited = {key for key, balances in books.balances.items() if balances.credited_period < period}
    table = schema.accrual.c
    _load(connection, rows.ACCRUAL, table.subscription_id, whole, books, state_is(AccrualState.PENDING))
    _load(connection, rows.ACCRUAL, table.subscription_id, whole | uncredited, books, state_is(AccrualState.ACCRUED))
    owing = {numbered[number].subscription_id for number in wanted.open_charges if number in numbered}
    _load(connection, rows.CHARGE, schema.charge.c.subscription_id, owing, books, still_open())


def charges_by_id(charge_ids: Sequence[str]) -> Select[Any]:
    """The SELECT of charges by their ids, which lead to their subscriptions through the request keys."""
    key, charge = schema.request_key.c, schema.charge.c
    joined = schema.request_key.join(
        schema.charge, (charge.subscription_id == key.subscription_id) & (charge.charge_id == key.key)
    )
    return select(schema.charge).select_from(joined).where(key.kind == KeyKind.CHARGE.value, key.key.in_(charge_ids))


def state_is(state: AccrualState) -> ColumnElement[bool]:
    """Accruals in a state, spelled as the partial indexes spell it: SQLite does not see it through a parameter."""
    return schema.accrual.c.state == literal_column(f"'{state.value}'")


def still_open() -> ColumnElement[bool]:
    """Charges with an unpaid rest, spelled as the partial index spells it."""
    return schema.charge.c.unpaid > literal_column("0")


def _load(
    connection: Connection,
    shape: Shape[R],
    column: ColumnElement[Any],
    values: Iterable[Any],
    books: Books,
    *more: ColumnElement[bool],
) -> list[R]:
    """Put the rows whose column is one of the values (and for which more holds) into the books."""
    found: list[R] = []
    for some in batches(values):
        found += _put_all(books, shape, connection.execute(select(shape.table).where(column.in_(some), *more)))
    return found


def _put_all(books: Books, shape: Shape[R], result: Iterable[Any]) -> list[R]:
    records = [shape.record(row) for row in result]
    for record in records:
        books.put(record)
    return records


def _grouped(pairs: Iterable[tuple[K, V]]) -> Iterable[tuple[K, list[V]]]:
    """The second parts by the first."""
    groups: defaultdict[K, list[V]] = defaultdict(list)
    for first, second in pairs:
        groups[first].append(second)
    return groups.items()
