"""What the ledger's checks are built of: a SELECT over a range of subscriptions whose rows are violations."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    String,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    select,
)

_above = bindparam("above", type_=BigInteger)
_up_to = bindparam("up_to", type_=BigInteger)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One invariant; `says` is the sentence that is not so for each row of the statement.

    Columns subscription_id, ref, found, expected; parameters above and up_to (above < id ≤ up_to).
    """

    name: str
    says: str
    statement: Select[Any]


def within(table: FromClause) -> ColumnElement[bool]:
    """The rows of the range."""
    return and_(table.c.subscription_id > _above, table.c.subscription_id <= _up_to)


def check(
    name: str,
    says: str,
    source: FromClause,
    condition: ColumnElement[bool],
    *,
    key: ColumnElement[int],
    ref: ColumnElement[Any],
    found: Any,
    expected: Any,
) -> Check:
    """Rows of a source where something is wrong, as a check."""
    figures = (("ref", ref), ("found", found), ("expected", expected))
    columns: list[ColumnElement[Any]] = [key.label("subscription_id")]
    columns += [cast(value, String).label(label) for label, value in figures]
    return Check(name=name, says=says, statement=select(*columns).select_from(source).where(condition))


def joined(*parts: Any) -> ColumnElement[str]:
    """Figures side by side."""
    text: ColumnElement[str] = cast(parts[0], String)
    for part in parts[1:]:
        text = text + literal("/") + cast(part, String)
    return text


def sum_where(condition: ColumnElement[bool], amount: ColumnElement[int]) -> ColumnElement[int]:
    """The sum of the rows of a group for which it holds."""
    return func.coalesce(func.sum(case((condition, amount), else_=0)), 0)
