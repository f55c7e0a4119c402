"""Records to rows of driver values and back, one shape per record.

Writing goes past Core's per-row work (see `dialects.put_rows`), so rows hold plain integers and strings; reading goes
through Core's typed columns, so builders get aware instants and sets of blocks.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from operator import attrgetter
from typing import Any, Generic, TypeVar

from sqlalchemy import Table

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
    Reward,
    Settlement,
    Subscription,
    Tariff,
    Voucher,
)
from billing.store import schema
from billing.store.columns import to_bits, to_micros
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
    VoucherState,
)

R = TypeVar("R")

Codec = Callable[[Any], Any]

PLAIN: Codec = str.__str__
"""A word of a closed set as an exact string, which drivers take without a search for adapters."""


def optional(codec: Codec) -> Codec:
    """The codec where there is a value, None where there is none."""
    return lambda value: None if value is None else codec(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape(Generic[R]):
    """How one kind of record lies in its table: fields are columns, but a promise is two columns."""

    record_type: type[R]
    table: Table
    key: Callable[[R], Any]
    values: Callable[[R], tuple[Any, ...]]
    encoders: tuple[tuple[int, Codec], ...]
    decoders: tuple[tuple[int, Codec], ...]
    setters: tuple[Callable[[R, Any], None], ...]
    promise: tuple[int, Callable[[R, Any], None]] | None

    def row(self, record: R) -> tuple[Any, ...]:
        """The record as driver values in the table's column order."""
        row = list(self.values(record))
        for index, encode in self.encoders:
            row[index] = encode(row[index])
        return tuple(row)

    def record(self, row: Sequence[Any]) -> R:
        """The record of a row of all the table's columns, read through Core.

        Slots are set directly: what was written by `row` needs no checks, and `__init__` costs three times as much.
        """
        values = list(row)
        for index, decode in self.decoders:
            values[index] = decode(values[index])
        record = object.__new__(self.record_type)
        if self.promise is not None:
            at, set_promise = self.promise
            set_promise(record, Reward(percent=values.pop(at), fixed=values.pop(at)))
        for set_field, value in zip(self.setters, values, strict=True):
            set_field(record, value)
        return record


def _shape(
    record: type[R],
    table: Table,
    *,
    promise: str = "",
    encode: Mapping[str, Codec] | None = None,
    decode: Mapping[str, Codec] | None = None,
) -> Shape[R]:
    """The shape of a record; `promise` names its field that is kept in promise_percent and promise_fixed."""
    names = list(table.columns.keys())
    paths = {"promise_percent": f"{promise}.percent", "promise_fixed": f"{promise}.fixed"} if promise else {}
    plain = [name for name in names if name not in paths]
    known = {field.name for field in fields(record)}  # type: ignore[arg-type]
    if known != {*plain, *filter(None, [promise])}:
        raise AssertionError(f"{table.name}: columns {plain} are not the fields {known}")
    return Shape(
        record_type=record,
        table=table,
        key=attrgetter(*(column.name for column in table.primary_key.columns)),
        values=attrgetter(*(paths.get(name, name) for name in names)),
        encoders=tuple((names.index(name), codec) for name, codec in (encode or {}).items()),
        decoders=tuple((names.index(name), codec) for name, codec in (decode or {}).items()),
        setters=tuple(record.__dict__[name].__set__ for name in plain),
        promise=(names.index("promise_percent"), record.__dict__[promise].__set__) if promise else None,
    )


_maybe_instant = optional(to_micros)

SUBSCRIPTION = _shape(
    Subscription,
    schema.subscription,
    encode={"contract": PLAIN, "network": PLAIN, "blocks": to_bits, "created_at": to_micros},
    decode={"contract": Contract, "network": Network},
)
MEMBERSHIP = _shape(
    Membership,
    schema.membership,
    encode={
        "state": PLAIN,
        "channel": PLAIN,
        "joined_at": to_micros,
        "left_at": _maybe_instant,
        "terms_accepted_at": to_micros,
        "adverts_at": _maybe_instant,
        "birth_date": optional(date.isoformat),
    },
    decode={"state": MembershipState, "channel": Channel, "birth_date": optional(date.fromisoformat)},
)
BALANCE = _shape(Balances, schema.balance)
POSTING = _shape(
    Posting,
    schema.posting,
    encode={"kind": PLAIN, "source": PLAIN, "target": PLAIN, "booked_at": to_micros, "effective_at": to_micros},
    decode={"kind": PostingKind, "source": Account, "target": Account},
)
REQUEST_KEY = _shape(RequestKey, schema.request_key, encode={"kind": PLAIN}, decode={"kind": KeyKind})
CLICK = _shape(
    Click,
    schema.click,
    promise="reward",
    encode={"clicked_at": to_micros, "valid_until": to_micros},
)
ACCRUAL = _shape(
    Accrual,
    schema.accrual,
    promise="promise",
    encode={
        "category": PLAIN,
        "channel": PLAIN,
        "paid_at": to_micros,
        "recorded_at": to_micros,
        "deadline": to_micros,
        "state": PLAIN,
        "reason": optional(PLAIN),
        "confirmed_at": _maybe_instant,
        "ended_at": _maybe_instant,
    },
    decode={"category": Category, "channel": OrderChannel, "state": AccrualState, "reason": optional(Reason)},
)
CHARGE = _shape(
    Charge,
    schema.charge,
    encode={"type": PLAIN, "status": PLAIN, "occurred_at": to_micros, "booked_at": to_micros},
    decode={"type": ChargeType, "status": ChargeStatus},
)
SETTLEMENT = _shape(Settlement, schema.settlement, encode={"at": to_micros})
REFUND = _shape(Refund, schema.refund, encode={"at": to_micros})
VOUCHER = _shape(
    Voucher,
    schema.voucher,
    encode={"source": PLAIN, "valid_until": to_micros, "state": PLAIN, "issued_at": to_micros},
    decode={"source": Account, "state": VoucherState},
)
TARIFF = _shape(Tariff, schema.tariff)
AUDIT = _shape(AuditEntry, schema.audit, encode={"at": to_micros})
