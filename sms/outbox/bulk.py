"""Many rows in one statement: the rows travel as one JSON array and the database takes it apart.

executemany would let go of the interpreter lock at every row and, beside a busy reactor, wait for it at every
row again (seen: 3,700 rows a second instead of 30,000). One statement lets go of it once. This file is the only
one that knows how the database reads JSON.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Insert,
    Integer,
    Select,
    String,
    Table,
    Update,
    bindparam,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import OperatorType

ROWS_MAX = 5_000
"""Rows in one statement; more are sent in several."""

COUNTED = {"preserve_rowcount": True}
"""Execution options of an INSERT whose rows are counted; PostgreSQL's driver forgets the count otherwise."""

Row = Sequence[int | str | None]


class _elements(FunctionElement[Any]):  # noqa: N801 - functions are named as in SQL
    """The elements of a bound JSON array, one a row, in the column `value`."""

    name = "elements"
    inherit_cache = True


class _element(FunctionElement[Any]):  # noqa: N801 - as above
    """An element as a value of the second argument's type."""

    name = "element"
    inherit_cache = True


class _item(FunctionElement[Any]):  # noqa: N801 - as above
    """One item of an element that is an array: (element, position)."""

    name = "item"
    inherit_cache = True


class _is_among(FunctionElement[bool]):  # noqa: N801 - as above
    """Whether the first argument is one of the elements that the second selects."""

    name = "is_among"
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: OperatorType | None = None) -> "_is_among":  # noqa: ARG002 - SQLAlchemy's signature
        """Itself: wrapped as `… = 1` it would lose the index on SQLite."""
        return self


@compiles(_elements, "sqlite")
def _elements_sqlite(element: _elements, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({_parts(element, compiler, options)[0]})"


@compiles(_elements, "postgresql")
def _elements_postgresql(element: _elements, compiler: SQLCompiler, **options: Any) -> str:
    return f"jsonb_array_elements(CAST({_parts(element, compiler, options)[0]} AS jsonb))"


@compiles(_element, "sqlite")
def _element_sqlite(element: _element, compiler: SQLCompiler, **options: Any) -> str:
    return _parts(element, compiler, options)[0]


@compiles(_element, "postgresql")
def _element_postgresql(element: _element, compiler: SQLCompiler, **options: Any) -> str:
    value = _parts(element, compiler, options)[0]
    return f"CAST({value} #>> '{{}}' AS {_type_name(element, compiler)})"


@compiles(_item, "sqlite")
def _item_sqlite(element: _item, compiler: SQLCompiler, **options: Any) -> str:
    value, position = _parts(element, compiler, options)
    return f"json_extract({value}, '$[{position}]')"


@compiles(_item, "postgresql")
def _item_postgresql(element: _item, compiler: SQLCompiler, **options: Any) -> str:
    value, position = _parts(element, compiler, options)
    return f"CAST({value} ->> {position} AS {_type_name(element, compiler)})"


@compiles(_is_among, "sqlite")
def _is_among_sqlite(element: _is_among, compiler: SQLCompiler, **options: Any) -> str:
    column, chosen = _parts(element, compiler, options)
    return f"{column} IN {chosen}"


@compiles(_is_among, "postgresql")
def _is_among_postgresql(element: _is_among, compiler: SQLCompiler, **options: Any) -> str:
    # An array is looked up in the index whatever the planner guesses of its length; a subquery may read the table.
    column, chosen = _parts(element, compiler, options)
    return f"{column} = ANY (ARRAY{chosen})"


def _parts(element: FunctionElement[Any], compiler: SQLCompiler, options: dict[str, Any]) -> list[str]:
    return [compiler.process(one, **options) for one in element.clauses]


def _type_name(element: FunctionElement[Any], compiler: SQLCompiler) -> str:
    return str(compiler.dialect.type_compiler_instance.process(element.type))


def _typed(function: FunctionElement[Any], column: Column[Any]) -> ColumnElement[Any]:
    function.type = column.type
    return function


def json_rows(parameter: str = "rows") -> FromClause:
    """A bound JSON array as a table of one column, `value`: one element in each row."""
    return _elements(bindparam(parameter, type_=String)).table_valued("value", name="given")


def whole(given: FromClause, column: Column[Any]) -> ColumnElement[Any]:
    """Each given element, which is no array, of the type of the column it is for."""
    return _typed(_element(given.c.value), column)


def field(given: FromClause, position: int, column: Column[Any]) -> ColumnElement[Any]:
    """One item of each given array, of the type of the column it is for."""
    return _typed(_item(given.c.value, literal_column(str(position), Integer)), column)


def among(column: Column[Any], parameter: str = "rows") -> ColumnElement[bool]:
    """Whether the column is one of the elements of a bound flat JSON array."""
    return _is_among(column, select(whole(json_rows(parameter), column)).scalar_subquery())


def among_selected(column: Column[Any], chosen: Select[Any]) -> ColumnElement[bool]:
    """Whether the column is one of what a query of given rows selects, looked up in its index."""
    return _is_among(column, chosen.scalar_subquery())


def insert_many(table: Table, columns: Sequence[str], *, update_on_conflict: Sequence[str] = ()) -> Insert:
    """INSERT of given rows in this order of columns; rows already there stay, or take over the named columns."""
    given = json_rows()
    chosen = [field(given, position, table.c[name]).label(name) for position, name in enumerate(columns)]
    # SQLite needs a WHERE here, or it reads ON CONFLICT as a join's ON.
    statement = insert(table).from_select(list(columns), select(*chosen).where(given.c.value.is_not(None)))
    if not update_on_conflict:
        return statement.on_conflict_do_nothing()
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={name: statement.excluded[name] for name in update_on_conflict},
    )


def update_many(
    table: Table, keys: Sequence[str], columns: Sequence[str], *guards: ColumnElement[bool], **values: Any
) -> Update:
    """UPDATE from given rows: first the key columns, then the columns to set; `values` are the same for all.

    Rows that fail a guard stay as they are.
    """
    given = json_rows()
    names = [*keys, *columns]
    fields = {name: field(given, position, table.c[name]) for position, name in enumerate(names)}
    return (
        update(table)
        .where(*(table.c[name] == fields[name] for name in keys), *guards)
        .values({name: fields[name] for name in columns} | values)
    )


def run_many(connection: Connection, statement: Insert | Update, rows: Iterable[Row], **parameters: Any) -> int:
    """Run such a statement over all rows, a bounded number at a time; how many rows it changed."""
    changed = 0
    waiting = list(rows)
    for start in range(0, len(waiting), ROWS_MAX):
        piece = as_json(waiting[start : start + ROWS_MAX])
        done = connection.execute(statement, {"rows": piece, **parameters}, execution_options=COUNTED)
        changed += done.rowcount
    return changed


def as_json(rows: Sequence[Row] | Sequence[int] | Sequence[str]) -> str:
    """The bound value of `rows`."""
    return json.dumps(rows, separators=(",", ":"))
