"""What differs between SQLite and PostgreSQL, in one place: upserts, row locks, smallest and largest of integers.

Rows of the hot path are handed to the driver as they are: one INSERT is compiled per table and dialect, and Core's
work per row (5.5 µs against 1.4) is left out.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, Literal, TypeVar

from sqlalchemy import ColumnElement, Connection, Dialect, Integer, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

from billing.store.schema import balance

T = TypeVar("T")

IN_LIST_MAX = 1_000
"""Values in one IN list; both databases take many more, plans stay small."""

ON_CONFLICT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
"""INSERT with ON CONFLICT, per dialect."""

OnConflict = Literal["error", "replace", "ignore"]


class least(GenericFunction[int]):  # noqa: N801 - functions are named as in SQL
    """The smaller of two integers; NULL where one is NULL (PostgreSQL skips it: give it none)."""

    type = Integer()
    inherit_cache = True


class greatest(GenericFunction[int]):  # noqa: N801 - as above
    """The larger of two integers."""

    type = Integer()
    inherit_cache = True


@compiles(least, "sqlite")
def _least_sqlite(element: least, compiler: SQLCompiler, **options: Any) -> str:
    return f"min{compiler.process(element.clause_expr, **options)}"


@compiles(greatest, "sqlite")
def _greatest_sqlite(element: greatest, compiler: SQLCompiler, **options: Any) -> str:
    return f"max{compiler.process(element.clause_expr, **options)}"


def smaller(one: ColumnElement[int], other: Any) -> ColumnElement[int]:
    """The smaller of two sums."""
    return func.least(one, other)


def larger(one: ColumnElement[int], other: Any) -> ColumnElement[int]:
    """The larger of two sums."""
    return func.greatest(one, other)


def insert(table: Table, dialect: Dialect) -> Any:
    """An INSERT that has `on_conflict_do_update` and `on_conflict_do_nothing`."""
    return ON_CONFLICT[dialect.name](table)


def put_rows(
    connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]], on_conflict: OnConflict = "error"
) -> None:
    """Insert rows of driver values in the table's column order; `replace` rewrites the row with the same key."""
    if not rows:
        return
    sql, names = _compiled(table, on_conflict, connection.dialect)
    parameters: Any = rows if names is None else [dict(zip(names, row, strict=True)) for row in rows]
    connection.exec_driver_sql(sql, parameters)


@lru_cache(maxsize=128)
def _compiled(table: Table, on_conflict: OnConflict, dialect: Dialect) -> tuple[str, tuple[str, ...] | None]:
    """The statement's text, and the parameters' names where the driver wants names."""
    statement = insert(table, dialect)
    if on_conflict == "ignore":
        statement = statement.on_conflict_do_nothing()
    elif on_conflict == "replace":
        keys = list(table.primary_key.columns)
        statement = statement.on_conflict_do_update(
            index_elements=keys,
            set_={
                column.name: statement.excluded[column.name] for column in table.columns if column not in set(keys)
            },
        )
    compiled = statement.compile(dialect=dialect, column_keys=[column.name for column in table.columns])
    names = tuple(column.name for column in table.columns)
    if compiled.positional and tuple(compiled.positiontup or ()) != names:
        raise AssertionError(f"{table.name}: {compiled.positiontup} is not the order of the columns")
    return str(compiled), None if compiled.positional else names


def lock_balances(connection: Connection, subscription_ids: Iterable[int]) -> bool:
    """Lock the balance rows of these subscriptions in id order; True where what was read before may be stale.

    SQLite has one writer and needs no locks.
    """
    if connection.dialect.name == "sqlite":
        return False
    key = balance.c.subscription_id
    for ids in batches(sorted(subscription_ids)):
        connection.execute(select(key).where(key.in_(ids)).order_by(key).with_for_update()).all()
    return True


def lock_balances_between(connection: Connection, above: int, up_to: int) -> None:
    """Lock the balance rows with above < id ≤ up_to, in id order; nothing on SQLite."""
    if connection.dialect.name == "sqlite":
        return
    key = balance.c.subscription_id
    connection.execute(select(key).where(key > above, key <= up_to).order_by(key).with_for_update()).all()


def batches(values: Iterable[T], size: int = IN_LIST_MAX) -> Iterator[list[T]]:
    """The values in lists of at most `size`."""
    rest = iter(values)
    while batch := list(islice(rest, size)):
        yield batch
