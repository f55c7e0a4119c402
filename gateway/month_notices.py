"""Notices of a month chunk: one INSERT from the chunk's own work table, in the chunk's transaction.

The ids are those the ledger's events would give (`gateway.notices`), so a notice exists once however it came about.
Quiet hours differ by zone, so the zones of a chunk are looked up first and each gets its instant.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Select, Subquery, case, cast, literal, null, select, union_all
from sqlalchemy.types import BigInteger, SmallInteger, Text

from billing.charging import fee_charge_id
from billing.store.dialects import insert
from billing.store.month import Bounds, notices_statement
from gateway.notices import Timing
from gateway.texts import NoticeKind
from sms.outbox.bulk import COUNTED
from sms.outbox.instants import to_micros
from sms.outbox.model import OutboxState, Priority, ServiceClass
from sms.outbox.queue import ENQUEUE_COLUMNS
from sms.outbox.schema import message

_Columns = Mapping[str, ColumnElement[Any]]

_ORDER = (NoticeKind.CREDITED, NoticeKind.USED_UP, NoticeKind.BILL)
"""In which order one subscription is told of its month."""


def enqueue_month_notices(connection: Connection, period: str, bounds: Bounds, timing: Timing) -> int:
    """Queue what the chunk that was just run tells; how many were new. Credited goes before the bill."""
    told = notices_statement().order_by(None).subquery("told")
    parameters = {"above": bounds.above, "up_to": bounds.up_to}
    zones = connection.execute(select(told.c.time_zone).distinct(), parameters).scalars().all()
    common = _common(told, zones, timing)
    fee = fee_charge_id(period, 0).removesuffix("0")
    bill = {"amount": told.c.fee, "cashback": told.c.cashback, "main": told.c.main}
    parts = [
        _part(common, NoticeKind.CREDITED, f"{period}:", {"amount": told.c.credited}).where(told.c.credited > 0),
        _part(common, NoticeKind.USED_UP, f"{period}:", {}).where(told.c.used_up == 1),
        _part(common, NoticeKind.BILL, fee, bill).where(told.c.cashback > 0),
    ]
    rows = union_all(*parts).subquery("told_rows")
    # SQLite reads ON CONFLICT after a SELECT without WHERE as part of a join.
    chosen = (
        select(*(rows.c[name] for name in ENQUEUE_COLUMNS))
        .where(rows.c.message_id.is_not(None))
        .order_by(rows.c.subscription_id, rows.c.position)
    )
    statement = insert(message, connection.dialect).from_select(list(ENQUEUE_COLUMNS), chosen)
    queued: int = connection.execute(
        statement.on_conflict_do_nothing(), parameters, execution_options=COUNTED
    ).rowcount
    return queued


def _common(told: Subquery, zones: Sequence[str | None], timing: Timing) -> _Columns:
    """What all notices of a subscription share."""
    release = {name: _release(name, timing) for name in zones}
    operators = literal(_release(None, timing), BigInteger)
    named = {name: literal(micros, BigInteger) for name, micros in release.items() if name is not None}
    return {
        "subscription_id": told.c.subscription_id,
        "msisdn": told.c.msisdn,
        "service_class": literal(ServiceClass.SERVICE.value, Text),
        "priority": literal(int(Priority.BULK), SmallInteger),
        "created_at": literal(to_micros(timing.now), BigInteger),
        "not_before": case(named, value=told.c.time_zone, else_=operators) if named else operators,
        "expires_at": cast(null(), BigInteger),
        "time_zone": case((told.c.time_zone.is_(None), literal(timing.zone.key, Text)), else_=told.c.time_zone),
        "state": literal(OutboxState.QUEUED.value, Text),
    }


def _release(time_zone: str | None, timing: Timing) -> int:
    zone = timing.zone if time_zone is None else ZoneInfo(time_zone)
    return to_micros(timing.quiet.release_at(timing.now, zone))


def _part(common: _Columns, kind: NoticeKind, ref: str, figures: _Columns) -> Select[Any]:
    """One kind of notice; `ref` goes before the subscription id, `figures` are the sums of its text."""
    columns: dict[str, ColumnElement[Any]] = {
        **common,
        "message_id": literal(f"{kind}:{ref}", Text) + cast(common["subscription_id"], Text),
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
