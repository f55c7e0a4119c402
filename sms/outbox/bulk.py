"""Many rows in one statement: the rows travel as one JSON array and SQLite's json_each takes it apart.

executemany would let go of the interpreter lock at every row and, beside a busy reactor, wait for it at every
row again (seen: 3,700 rows a second instead of 30,000). One statement lets go of it once. This file is the only
one that knows how the database reads JSON.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Insert,
    String,
    Table,
    Update,
    bindparam,
    func,
    select,
    type_coerce,
    update,
)
from sqlalchemy.dialects.sqlite import insert

ROWS_MAX = 5_000
"""Rows in one statement; more are sent in several."""

Row = Sequence[int | str | None]


def json_rows(parameter: str = "rows") -> FromClause:
    """A bound JSON array as a table of one column, `value`: one element in each row."""
    return func.json_each(bindparam(parameter, type_=String)).table_valued("value", name="given")


def field(given: FromClause, position: int, column: Column[Any]) -> ColumnElement[Any]:
    """One element of each given row, of the type of the column it is for."""
    return type_coerce(func.json_extract(given.c.value, f"$[{position}]"), column.type)


def among(column: Column[Any], parameter: str = "rows") -> ColumnElement[bool]:
    """Whether the column is one of the elements of a bound flat JSON array."""
    return column.in_(select(type_coerce(json_rows(parameter).c.value, column.type)))


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
        changed += connection.execute(statement, {"rows": piece, **parameters}).rowcount
    return changed


def as_json(rows: Sequence[Row] | Sequence[int] | Sequence[str]) -> str:
    """The bound value of `rows`."""
    return json.dumps(rows, separators=(",", ":"))
