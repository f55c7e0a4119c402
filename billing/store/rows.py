"""Records to rows of driver values and back, one shape per record.

Writing goes past Core's per-row work (see `dialects.put_rows`), so rows hold plain integers and strings; reading goes
through Core's typed columns, so builders get aware instants and sets of blocks.
"""

from collections.abc import Callable, Mapping
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

PROMISE = {"promise_percent": "promise.percent", "promise_fixed": "promise.fixed"}


def optional(codec: Codec) -> Codec:
    """The codec where there is a value, None where there is none."""
    return lambda value: None if value is None else codec(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape(Generic[R]):
    """How one kind of record lies in its table."""

    table: Table
    key: Callable[[R], Any]
    values: Callable[[R], tuple[Any, ...]]
    encoders: tuple[tuple[int, Codec], ...]
    names: tuple[str, ...]
    build: Callable[[dict[str, Any]], R]

    def row(self, record: R) -> tuple[Any, ...]:
        """The record as driver values in the table's column order."""
        row = list(self.values(record))
        for index, encode in self.encoders:
            row[index] = encode(row[index])
        return tuple(row)

    def record(self, row: Any) -> R:
        """The record of a row of all the table's columns, read through Core."""
        return self.build(dict(zip(self.names, row, strict=True)))


def _shape(
    record: type[R],
    table: Table,
    *,
    paths: Mapping[str, str] | None = None,
    encode: Mapping[str, Codec] | None = None,
    decode: Mapping[str, Codec] | None = None,
    build: Callable[[dict[str, Any]], R] | None = None,
) -> Shape[R]:
    names = tuple(table.columns.keys())
    paths = paths or {}
    encode = encode or {}
    decoders = tuple((decode or {}).items())
    known = {field.name for field in fields(record)} | set(paths)  # type: ignore[arg-type]
    if not known >= set(names):
        raise AssertionError(f"{table.name} has columns {set(names) - known} that its record does not have")

    def build_plain(values: dict[str, Any]) -> R:
        for name, codec in decoders:
            values[name] = codec(values[name])
        return build(values) if build else record(**values)

    return Shape(
        table=table,
        key=attrgetter(*(paths.get(column.name, column.name) for column in table.primary_key.columns)),
        values=attrgetter(*(paths.get(name, name) for name in names)),
        encoders=tuple((names.index(name), codec) for name, codec in encode.items()),
        names=names,
        build=build_plain,
    )


def _with_reward(record: type[R], field: str) -> Callable[[dict[str, Any]], R]:
    """A builder that makes one Reward of the two promise columns."""

    def build(values: dict[str, Any]) -> R:
        values[field] = Reward(percent=values.pop("promise_percent"), fixed=values.pop("promise_fixed"))
        return record(**values)

    return build


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
    paths={"promise_percent": "reward.percent", "promise_fixed": "reward.fixed"},
    encode={"clicked_at": to_micros, "valid_until": to_micros},
    build=_with_reward(Click, "reward"),
)
ACCRUAL = _shape(
    Accrual,
    schema.accrual,
    paths=PROMISE,
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
    build=_with_reward(Accrual, "promise"),
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
