"""Notices of a month chunk: one INSERT from the chunk's own work table, in the chunk's transaction.

The ids are those the ledger's events would give (`gateway.notices`), so a notice exists once however it came about.
Quiet hours differ by zone, so the zones of a chunk are looked up first and each gets its instant; the statement is
made once for each set of zones.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Connection,
    Dialect,
    Executable,
    Select,
    Subquery,
    bindparam,
    case,
    cast,
    literal,
    null,
    select,
    union_all,
)
from sqlalchemy.types import BigInteger, SmallInteger, Text

from billing.charging import fee_charge_id
from billing.store.dialects import insert, run
from billing.store.month import Bounds, notices_statement
from gateway.notices import Timing
from gateway.texts import NoticeKind
from sms.outbox.instants import to_micros
from sms.outbox.model import OutboxState, Priority, ServiceClass
from sms.outbox.queue import ENQUEUE_COLUMNS
from sms.outbox.schema import message

_Columns = Mapping[str, ColumnElement[Any]]

_ORDER = (NoticeKind.CREDITED, NoticeKind.USED_UP, NoticeKind.BILL)
"""In which order one subscription is told of its month."""

_TOLD = notices_statement().subquery("told")
_ZONES = select(_TOLD.c.time_zone).where(_TOLD.c.time_zone.is_not(None)).distinct().order_by(_TOLD.c.time_zone)


def enqueue_month_notices(connection: Connection, period: str, bounds: Bounds, timing: Timing) -> int:
    """Queue what the chunk that was just run tells; how many were new. Credited goes before the bill."""
    chunk = {"above": bounds.above, "up_to": bounds.up_to}
    zones: tuple[str, ...] = tuple(run(connection, _ZONES, chunk).scalars())
    parameters = {
        **chunk,
        "month": f"{period}:",
        "fee": fee_charge_id(period, 0).removesuffix("0"),
        "created_at": to_micros(timing.now),
        "operators_zone": timing.zone.key,
        "operators_release": _release(timing.zone, timing),
        **{f"release_{number}": _release(ZoneInfo(name), timing) for number, name in enumerate(zones)},
    }
    queued: int = run(connection, _statement(zones, connection.dialect), parameters).rowcount
    return queued


@lru_cache(maxsize=64)
def _statement(zones: tuple[str, ...], dialect: Dialect) -> Executable:
    """The INSERT for a chunk whose subscriptions live in these zones and the operator's."""
    common = _common(_TOLD, zones)
    month, fee = bindparam("month", type_=Text), bindparam("fee", type_=Text)
    bill = {"amount": _TOLD.c.fee, "cashback": _TOLD.c.cashback, "main": _TOLD.c.main}
    parts = [
        _part(common, NoticeKind.CREDITED, month, {"amount": _TOLD.c.credited}).where(_TOLD.c.credited > 0),
        _part(common, NoticeKind.USED_UP, month, {}).where(_TOLD.c.used_up == 1),
        _part(common, NoticeKind.BILL, fee, bill).where(_TOLD.c.cashback > 0),
    ]
    rows = union_all(*parts).subquery("told_rows")
    # SQLite reads ON CONFLICT after a SELECT without WHERE as part of a join.
    chosen = (
        select(*(rows.c[name] for name in ENQUEUE_COLUMNS))
        .where(rows.c.message_id.is_not(None))
        .order_by(rows.c.subscription_id, rows.c.position)
    )
    statement: Executable = (
        insert(message, dialect).from_select(list(ENQUEUE_COLUMNS), chosen).on_conflict_do_nothing()
    )
    return statement


def _common(told: Subquery, zones: tuple[str, ...]) -> _Columns:
    """What all notices of a subscription share."""
    operators = bindparam("operators_release", type_=BigInteger)
    named = {name: bindparam(f"release_{number}", type_=BigInteger) for number, name in enumerate(zones)}
    zone = told.c.time_zone
    return {
        "subscription_id": told.c.subscription_id,
        "msisdn": told.c.msisdn,
        "service_class": literal(ServiceClass.SERVICE.value, Text),
        "priority": literal(int(Priority.BULK), SmallInteger),
        "created_at": bindparam("created_at", type_=BigInteger),
        "not_before": case(named, value=zone, else_=operators) if named else operators,
        "expires_at": cast(null(), BigInteger),
        "time_zone": case((zone.is_(None), bindparam("operators_zone", type_=Text)), else_=zone),
        "state": literal(OutboxState.QUEUED.value, Text),
    }


def _release(zone: ZoneInfo, timing: Timing) -> int:
    return to_micros(timing.quiet.release_at(timing.now, zone))


def _part(common: _Columns, kind: NoticeKind, ref: ColumnElement[str], figures: _Columns) -> Select[Any]:
    """One kind of notice; `ref` goes before the subscription id, `figures` are the sums of its text."""
    columns: dict[str, ColumnElement[Any]] = {
        **common,
        "message_id": literal(f"{kind}:", Text) + ref + cast(common["subscription_id"], Text),
        "kind": literal(kind.value, Text),
        "params": _json(figures),
    }
    chosen = [columns[name].label(name) for name in ENQUEUE_COLUMNS]
    return select(*chosen, literal(_ORDER.index(kind), SmallInteger).label("position")).where(common["msisdn"] != "")


def _json(figures: _Columns) -> ColumnElement[Any]:
    """A JSON object of whole numbers."""
    text: ColumnElement[Any] = literal("{", Text)
    for position, (name, figure) in enumerate(figures.items()):
        comma = "," if position else ""
        text = text + literal(f'{comma}"{name}":', Text) + cast(figure, Text)
    return text + literal("}", Text)
