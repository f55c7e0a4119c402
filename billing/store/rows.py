"""Records to rows of driver values and back, one shape per record.

Writing goes past Core's per-row work (see `dialects.put_rows`), so rows hold plain integers and strings; reading
takes the same plain columns (`Shape.columns`) and decodes them here, in one pass.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from operator import attrgetter
from typing import Any, Generic, TypeVar

from msgspec import Struct
from msgspec.structs import astuple
from sqlalchemy import Boolean, Column, ColumnElement, Integer, Select, Table, select, type_coerce
from sqlalchemy.types import TypeDecorator

from billing.records import (
    Accrual,
    AuditEntry,
    Balances,
    Charge,
    Click,
    Membership,
    Posting,
    Refund,
    RequestKey,
    Reservation,
    Reward,
    Settlement,
    Subscription,
    Tariff,
    Voucher,
)
from billing.store import hot_rows, schema
from billing.store.columns import Blocks, Instant, from_bits, from_micros, to_bits, to_micros
from billing.words import (
    Account,
    AccrualState,
    Category,
    Channel,
    ChargeStatus,
    ChargeType,
    Contract,
    KeyKind,
    MembershipState,
    Network,
    OrderChannel,
    PostingKind,
    Reason,
    ReservationState,
    VoucherState,
)

R = TypeVar("R", bound=Struct)

Codec = Callable[[Any], Any]

PLAIN: Codec = str.__str__
"""A word of a closed set as an exact string."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape(Generic[R]):
    """How one kind of record lies in its table: fields are columns, but a promise is two columns."""

    record_type: type[R]
    table: Table
    columns: tuple[ColumnElement[Any], ...]
    """The table's columns as plain integers and strings; what `record` reads."""
    key: Callable[[R], Any]
    row: Callable[[R], tuple[Any, ...]]
    """The record as driver values in the table's column order, words as exact strings, which need no adapter."""
    record: Callable[[Sequence[Any]], R]
    """The record of a row of `columns`; what was written by `row` needs no checks."""

    def select(self) -> Select[Any]:
        """All rows of the table, as `record` reads them."""
        return select(*self.columns)


def _plain(column: Column[Any]) -> ColumnElement[Any]:
    """The column without its type's conversions; named, so that it can be told from others."""
    if isinstance(column.type, TypeDecorator | Boolean):
        return type_coerce(column, Integer).label(column.name)
    return column


def _shape(
    record: type[R],
    table: Table,
    *,
    words: Mapping[str, type[StrEnum]] | None = None,
    days: Collection[str] = (),
    promise: str = "",
    record_of: Callable[[Sequence[Any]], R] | None = None,
    row_of: Callable[[R], tuple[Any, ...]] | None = None,
) -> Shape[R]:
    """The shape of a record: `words` are columns of closed sets, `days` dates kept as texts.

    `promise` names the field that is kept in promise_percent and promise_fixed. `record_of` and `row_of` are the same
    conversions written out (`hot_rows`), which the tables of the hot path have.
    """
    names = list(table.columns.keys())
    split = {"promise_percent": f"{promise}.percent", "promise_fixed": f"{promise}.fixed"} if promise else {}
    plain = [name for name in names if name not in split]
    known = record.__struct_fields__
    if set(known) != {*plain, *filter(None, [promise])}:
        raise AssertionError(f"{table.name}: columns {plain} are not the fields {known}")
    encoders, decoders = [], []
    for index, column in enumerate(table.columns):
        word = (words or {}).get(column.name)
        encode, decode = _codec(column, word, is_day=column.name in days)
        if word is not None and not column.nullable:
            split[column.name] = f"{column.name}._value_"
        encoders += [(index, encode)] if encode else []
        decoders += [(index, decode)] if decode else []
    values = astuple if not split and known == tuple(names) else attrgetter(*(split.get(one, one) for one in names))
    promised = (promise, names.index("promise_percent")) if promise else None
    return Shape(
        record_type=record,
        table=table,
        columns=tuple(_plain(column) for column in table.columns),
        key=attrgetter(*(column.name for column in table.primary_key.columns)),
        row=row_of or row_maker(values, encoders),
        record=record_of or record_maker(record, plain, decoders, promised),
    )


def row_maker(
    values: Callable[[R], tuple[Any, ...]], encoders: Sequence[tuple[int, Codec]]
) -> Callable[[R], tuple[Any, ...]]:
    """A function from a record to its row: its values in the table's column order, these places encoded."""
    if not encoders:
        return values

    def row(record: R) -> tuple[Any, ...]:
        found = list(values(record))
        for index, encode in encoders:
            found[index] = encode(found[index])
        return tuple(found)

    return row


def record_maker(
    record_type: type[R],
    names: Sequence[str],
    decoders: Sequence[tuple[int, Codec]],
    promise: tuple[str, int] | None,
) -> Callable[[Sequence[Any]], R]:
    """A function from a row to its record: these places decoded, a promise put together of its two."""

    def record(row: Sequence[Any]) -> R:
        values = list(row)
        for index, decode in decoders:
            values[index] = decode(values[index])
        if promise is None:
            return record_type(**dict(zip(names, values, strict=True)))
        name, at = promise
        reward = {name: Reward(percent=values.pop(at), fixed=values.pop(at))}
        return record_type(**dict(zip(names, values, strict=True)), **reward)

    return record


def _codec(column: Column[Any], words: type[StrEnum] | None, *, is_day: bool) -> tuple[Codec | None, Codec | None]:
    """How a column's value is written and read; None where it is as it is."""
    if words is not None:
        by_text: dict[str | None, StrEnum | None] = {word.value: word for word in words}
        by_text[None] = None
        return (_optional(PLAIN) if column.nullable else None), by_text.__getitem__
    pair: tuple[Codec, Codec]
    if is_day:
        pair = (date.isoformat, date.fromisoformat)
    elif isinstance(column.type, Instant):
        pair = (to_micros, from_micros)
    elif isinstance(column.type, Blocks):
        pair = (to_bits, from_bits)
    else:
        return None, bool if isinstance(column.type, Boolean) else None
    return (_optional(pair[0]), _optional(pair[1])) if column.nullable else pair


def _optional(codec: Codec) -> Codec:
    """The codec where there is a value, None where there is none."""
    return lambda value: None if value is None else codec(value)


SUBSCRIPTION = _shape(
    Subscription,
    schema.subscription,
    words={"contract": Contract, "network": Network},
    record_of=hot_rows.subscription_of,
)
MEMBERSHIP = _shape(
    Membership, schema.membership, words={"state": MembershipState, "channel": Channel}, days=("birth_date",)
)
BALANCE = _shape(Balances, schema.balance, record_of=hot_rows.balances_of)
POSTING = _shape(
    Posting,
    schema.posting,
    words={"kind": PostingKind, "source": Account, "target": Account},
    row_of=hot_rows.posting_row,
)
REQUEST_KEY = _shape(RequestKey, schema.request_key, words={"kind": KeyKind})
CLICK = _shape(Click, schema.click, promise="reward")
ACCRUAL = _shape(
    Accrual,
    schema.accrual,
    words={"category": Category, "channel": OrderChannel, "state": AccrualState, "reason": Reason},
    promise="promise",
)
CHARGE = _shape(Charge, schema.charge, words={"type": ChargeType, "status": ChargeStatus}, row_of=hot_rows.charge_row)
SETTLEMENT = _shape(Settlement, schema.settlement)
REFUND = _shape(Refund, schema.refund)
VOUCHER = _shape(Voucher, schema.voucher, words={"source": Account, "state": VoucherState})
RESERVATION = _shape(Reservation, schema.reservation, words={"type": ChargeType, "state": ReservationState})
TARIFF = _shape(Tariff, schema.tariff)
AUDIT = _shape(AuditEntry, schema.audit)
