"""Notices of the month job, set-based: one INSERT for a chunk, from what the chunk just did, in its transaction.

The same messages `gateway.notices` makes of single events: a credit that a command of the new month brought
forward and one of the job have the same message_id, so that nobody is told twice.
"""

from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    String,
    Subquery,
    bindparam,
    case,
    cast,
    func,
    literal,
    null,
    select,
    union_all,
)

from billing.store.columns import to_micros
from billing.store.dialects import insert
from billing.store.month import Bounds, notices_statement
from gateway.notices import Timing
from gateway.texts import NoticeKind
from sms.outbox import ENQUEUE_COLUMNS, OutboxState, Priority, ServiceClass
from sms.outbox.schema import message


def enqueue_month_notices(connection: Connection, period: str, bounds: Bounds, timing: Timing) -> int:
    """Queue what the chunk's subscribers are told: credited, then bill, then used up; how many messages.

    Run it in the chunk's transaction, after `run_chunk`. Done again it adds nothing.
    """
    chunk = notices_statement().order_by(None).subquery("chunk")
    parameters = {"above": bounds.above, "up_to": bounds.up_to}
    zones = connection.execute(select(chunk.c.time_zone).distinct(), parameters).scalars().all()
    releases = {zone: _release(zone, timing) for zone in zones}
    if not releases:
        return 0
    rows = union_all(
        _messages(chunk, NoticeKind.CREDITED, period, chunk.c.credited > 0, amount=chunk.c.credited),
        _messages(
            chunk,
            NoticeKind.BILL,
            period,
            chunk.c.cashback > 0,
            amount=chunk.c.fee,
            cashback=chunk.c.cashback,
            main=chunk.c.main,
        ),
        _messages(chunk, NoticeKind.USED_UP, period, chunk.c.used_up == 1),
    ).subquery("rows")
    statement = (
        insert(message, connection.dialect)
        .from_select(
            list(ENQUEUE_COLUMNS),
            select(
                *(rows.c[name] for name in ENQUEUE_COLUMNS[:7]),
                literal(to_micros(timing.now)),
                _by_zone(rows.c.time_zone, releases),
                null(),
                func.coalesce(rows.c.time_zone, timing.zone.key),
                literal(OutboxState.QUEUED.value),
            ).where(rows.c.priority.is_not(None)),  # SQLite needs a WHERE before ON CONFLICT
        )
        .on_conflict_do_nothing()
    )
    return connection.execute(statement, parameters).rowcount


def _release(zone: str | None, timing: Timing) -> int:
    local = timing.zone if zone is None else ZoneInfo(zone)
    return to_micros(timing.quiet.release_at(timing.now, local))


def _by_zone(zone: ColumnElement[str], releases: dict[str | None, int]) -> ColumnElement[int]:
    """When a message of this zone may go."""
    named = {name: at for name, at in releases.items() if name is not None}
    operators = releases.get(None, 0)
    return case(named, value=zone, else_=operators) if named else literal(operators)


def _messages(
    chunk: Subquery, kind: NoticeKind, period: str, condition: ColumnElement[bool], **figures: ColumnElement[int]
) -> Select[tuple[object, ...]]:
    """One kind's rows: the first seven of ENQUEUE_COLUMNS, then the zone."""
    middle = f"fee:{period}" if kind is NoticeKind.BILL else period  # the event's ref: a bill's is its charge id
    return select(
        (literal(f"{kind}:{middle}:") + cast(chunk.c.subscription_id, String)).label("message_id"),
        chunk.c.subscription_id,
        chunk.c.msisdn,
        literal(kind.value).label("kind"),
        _json(figures).label("params"),
        literal(ServiceClass.SERVICE.value).label("service_class"),
        literal(int(Priority.BULK)).label("priority"),
        chunk.c.time_zone,
    ).where(condition, chunk.c.msisdn != bindparam("no_number", ""))


def _json(figures: dict[str, ColumnElement[int]]) -> ColumnElement[str]:
    """The JSON object of some sums, as the single events' notices have it."""
    text: ColumnElement[str] = literal("{")
    for position, (name, value) in enumerate(figures.items()):
        comma = "," if position else ""
        text = text + literal(f'{comma}"{name}":') + cast(value, String)
    return text + literal("}")
