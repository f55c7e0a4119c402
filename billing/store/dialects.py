"""What differs between SQLite and PostgreSQL, in one place: lists as one parameter, upserts, row locks, min and max.

Rows of the hot path are handed to the driver as they are: one INSERT is compiled per table and dialect, and Core's
work per row (5.5 µs against 1.4) is left out.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    CursorResult,
    Dialect,
    Executable,
    Integer,
    Table,
    Text,
    bindparam,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import DDLCompiler, SQLCompiler
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator, TypeEngine

from billing.store.schema import balance

ON_CONFLICT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
"""INSERT with ON CONFLICT, per dialect."""

OnConflict = Literal["error", "replace"]


class Many(TypeDecorator[list[Any]]):
    """Any number of values in one parameter: a JSON array for SQLite, an array for PostgreSQL."""

    impl = Text
    cache_ok = True

    def __init__(self, item_type: TypeEngine[Any]) -> None:
        super().__init__()
        self.item_type = item_type

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type of the parameter."""
        return Text() if dialect.name == "sqlite" else postgresql.ARRAY(self.item_type)

    def process_bind_param(self, value: Collection[Any] | None, dialect: Dialect) -> Any:
        """The values as the driver takes them."""
        listed = list(value or ())
        return json.dumps(listed) if dialect.name == "sqlite" else listed


class any_of(GenericFunction[bool]):  # noqa: N801 - functions are named as in SQL
    """Whether the first argument is one of the values of the second, a parameter of type `Many`."""

    type = Boolean()
    inherit_cache = True

    def self_group(self, against: OperatorType | None = None) -> "any_of":  # noqa: ARG002 - SQLAlchemy's signature
        """Itself: wrapped as `… = 1` it would lose the index on SQLite."""
        return self


class least(GenericFunction[int]):  # noqa: N801 - as above
    """The smaller of two integers, neither of them NULL."""

    type = Integer()
    inherit_cache = True


class greatest(GenericFunction[int]):  # noqa: N801 - as above
    """The larger of two integers, neither of them NULL."""

    type = Integer()
    inherit_cache = True


@compiles(any_of, "sqlite")
def _any_of_sqlite(element: any_of, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(one, **options) for one in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - compiled parts, values are bound


@compiles(any_of, "postgresql")
def _any_of_postgresql(element: any_of, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(one, **options) for one in element.clauses)
    return f"{column} = ANY ({values})"


@compiles(least, "sqlite")
def _least_sqlite(element: least, compiler: SQLCompiler, **options: Any) -> str:
    return f"min{compiler.process(element.clause_expr, **options)}"


@compiles(greatest, "sqlite")
def _greatest_sqlite(element: greatest, compiler: SQLCompiler, **options: Any) -> str:
    return f"max{compiler.process(element.clause_expr, **options)}"


def among(column: ColumnElement[Any], name: str = "values") -> ColumnElement[bool]:
    """`column` is one of the values of the parameter `name`, a collection of any size.

    The statement's text does not depend on how many there are, so that it is compiled once.
    """
    return any_of(column, bindparam(name, type_=Many(column.type)))


def smaller(one: Any, other: Any) -> ColumnElement[int]:
    """The smaller of two sums."""
    return func.least(one, other)


def larger(one: Any, other: Any) -> ColumnElement[int]:
    """The larger of two sums."""
    return func.greatest(one, other)


def run(connection: Connection, statement: Executable, parameters: Mapping[str, Any]) -> CursorResult[Any]:
    """Execute a statement that is made once and run often; rows come as the driver gives them.

    It is compiled once per dialect and then goes past Core's work per execution (0.1 ms): so the parameters are
    driver values (instants in microseconds, collections for `among`), and the result has no types.
    """
    prepared = _prepare(statement, connection.dialect)
    values = {**prepared.constants, **{name: parameters[name] for name in prepared.wanted}}
    for name in prepared.collections:
        values[name] = prepared.dump(list(values[name]))
    bound: Any = values if prepared.order is None else tuple([values[name] for name in prepared.order])
    return connection.exec_driver_sql(prepared.sql, bound)


def fetch(connection: Connection, statement: Executable, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """All rows of `run`, as the driver's own tuples: SQLAlchemy's cost a microsecond each, and more to slice."""
    cursor: Any = run(connection, statement, parameters).cursor
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """A compiled statement: `order` of its parameters, None where the driver takes them by name."""

    sql: str
    order: tuple[str, ...] | None
    constants: dict[str, Any]
    wanted: tuple[str, ...]
    collections: tuple[str, ...]
    dump: Callable[[list[Any]], Any]


@lru_cache(maxsize=256)
def _prepare(statement: Executable, dialect: Dialect) -> _Prepared:
    compiled: Any = statement.compile(dialect=dialect)  # type: ignore[attr-defined]
    if isinstance(compiled, DDLCompiler):
        return _Prepared(sql=str(compiled), order=(), constants={}, wanted=(), collections=(), dump=list)
    is_given = {name: bind.value is None and bind.callable is None for name, bind in compiled.binds.items()}
    return _Prepared(
        sql=str(compiled),
        order=tuple(compiled.positiontup) if compiled.positional else None,
        constants={name: bind.value for name, bind in compiled.binds.items() if not is_given[name]},
        wanted=tuple(name for name, given in is_given.items() if given),
        collections=tuple(name for name, bind in compiled.binds.items() if isinstance(bind.type, Many)),
        dump=json.dumps if dialect.name == "sqlite" else list,
    )


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
    if on_conflict == "replace":
        keys = list(table.primary_key.columns)
        replaced = {one.name: statement.excluded[one.name] for one in table.columns if not one.primary_key}
        statement = statement.on_conflict_do_update(index_elements=keys, set_=replaced)
    names = tuple(column.name for column in table.columns)
    compiled = statement.compile(dialect=dialect, column_keys=names)
    if compiled.positional and tuple(compiled.positiontup or ()) != names:
        raise AssertionError(f"{table.name}: {compiled.positiontup} is not the order of the columns")
    return str(compiled), None if compiled.positional else names


LOCKED = (
    select(balance.c.subscription_id)
    .where(among(balance.c.subscription_id))
    .order_by(balance.c.subscription_id)
    .with_for_update()
)


def locks_rows(connection: Connection) -> bool:
    """Whether others may write at the same time; SQLite has one writer."""
    return connection.dialect.name != "sqlite"


def lock_balances(connection: Connection, subscription_ids: Collection[int]) -> bool:
    """Lock the balance rows of these subscriptions in id order; True where what was read before may be stale.

    SQLite has one writer and needs no locks.
    """
    if not locks_rows(connection):
        return False
    connection.execute(LOCKED, {"values": subscription_ids}).all()
    return True
