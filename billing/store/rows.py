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
from billing.store import schema
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
    values: Callable[[R], tuple[Any, ...]]
    """The fields in the table's column order, words as exact strings, which drivers take without an adapter."""
    encoders: tuple[tuple[int, Codec], ...]
    decoders: tuple[tuple[int, Codec], ...]
    names: tuple[str, ...]
    """The fields that are one column each."""
    promise: tuple[str, int] | None

    def select(self) -> Select[Any]:
        """All rows of the table, as `record` reads them."""
        return select(*self.columns)

    def row(self, record: R) -> tuple[Any, ...]:
        """The record as driver values in the table's column order."""
        values = self.values(record)
        if not self.encoders:
            return values
        row = list(values)
        for index, encode in self.encoders:
            row[index] = encode(row[index])
        return tuple(row)

    def record(self, row: Sequence[Any]) -> R:
        """The record of a row of `columns`; what was written by `row` needs no checks."""
        values = list(row)
        for index, decode in self.decoders:
            values[index] = decode(values[index])
        if self.promise is None:
            return self.record_type(**dict(zip(self.names, values, strict=True)))
        name, at = self.promise
        promise = {name: Reward(percent=values.pop(at), fixed=values.pop(at))}
        return self.record_type(**dict(zip(self.names, values, strict=True)), **promise)


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
) -> Shape[R]:
    """The shape of a record: `words` are columns of closed sets, `days` dates kept as texts.

    `promise` names the field that is kept in promise_percent and promise_fixed.
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
    return Shape(
        record_type=record,
        table=table,
        columns=tuple(_plain(column) for column in table.columns),
        key=attrgetter(*(column.name for column in table.primary_key.columns)),
        values=astuple
        if not split and known == tuple(names)
        else attrgetter(*(split.get(one, one) for one in names)),
        encoders=tuple(encoders),
        decoders=tuple(decoders),
        names=tuple(plain),
        promise=(promise, names.index("promise_percent")) if promise else None,
    )


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


SUBSCRIPTION = _shape(Subscription, schema.subscription, words={"contract": Contract, "network": Network})
MEMBERSHIP = _shape(
    Membership, schema.membership, words={"state": MembershipState, "channel": Channel}, days=("birth_date",)
)
BALANCE = _shape(Balances, schema.balance)
POSTING = _shape(Posting, schema.posting, words={"kind": PostingKind, "source": Account, "target": Account})
REQUEST_KEY = _shape(RequestKey, schema.request_key, words={"kind": KeyKind})
CLICK = _shape(Click, schema.click, promise="reward")
ACCRUAL = _shape(
    Accrual,
    schema.accrual,
    words={"category": Category, "channel": OrderChannel, "state": AccrualState, "reason": Reason},
    promise="promise",
)
CHARGE = _shape(Charge, schema.charge, words={"type": ChargeType, "status": ChargeStatus})
SETTLEMENT = _shape(Settlement, schema.settlement)
REFUND = _shape(Refund, schema.refund)
VOUCHER = _shape(Voucher, schema.voucher, words={"source": Account, "state": VoucherState})
RESERVATION = _shape(Reservation, schema.reservation, words={"type": ChargeType, "state": ReservationState})
TARIFF = _shape(Tariff, schema.tariff)
AUDIT = _shape(AuditEntry, schema.audit)
