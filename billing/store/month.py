"""The job of the 1st, set-based, in chunks that hold the writer for a few hundredths of a second.

The caller asks for the next chunk, runs it in one transaction of its own together with the notices of it, and adapts
the size to the time it took. Checkpoint and totals lie in `month_run`, committed with the chunk: a run killed
anywhere goes on where it stood, and a chunk done again finds nothing to do.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Select, bindparam, func, select, update

from billing.calendar import period_of, period_start
from billing.decision import Context
from billing.errors import NotDue
from billing.money import Kopecks
from billing.store import month_sql, schema
from billing.store.columns import to_micros
from billing.store.dialects import insert, locks_rows
from billing.store.dialects import run as run_prepared

CHUNK_MS_TARGET = 35
"""What a chunk should take, so that with its commit it holds the writer for at most 50 ms."""

CHUNK_MIN = 500
CHUNK_MAX = 20_000
CHUNK_FIRST = 500
"""Subscriptions of a chunk: fewest, most, and of the first one. A chunk costs 3 to 10 ms however small it is: on a
machine that is short of processor, smaller ones would keep others waiting longer, not shorter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkTotals:
    """What one chunk did."""

    subscriptions: int
    expired_count: int
    expired_amount: Kopecks
    credited_count: int
    credited_amount: Kopecks
    charged_count: int
    charged_amount: Kopecks
    charged_cashback: Kopecks
    charged_main: Kopecks
    charged_unpaid: Kopecks
    notices: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthRun(ChunkTotals):
    """Where the run of one period stands; the totals are those of all its chunks."""

    period: str
    status: Literal["pending", "running", "done"]
    cursor: int
    """Highest subscription id already done."""
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The subscriptions of a chunk: above < id ≤ up_to."""

    above: int
    up_to: int
    subscriptions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthNotice:
    """What one subscription is told about its month: credited where above 0, bill where `cashback` is, used up."""

    subscription_id: int
    msisdn: str
    time_zone: str | None
    credited: Kopecks
    fee: Kopecks
    cashback: Kopecks
    main: Kopecks
    unpaid: Kopecks
    used_up: bool


TOTALS = tuple(one.name for one in fields(ChunkTotals))
NOTHING = ChunkTotals(**dict.fromkeys(TOTALS, 0))

_run = schema.month_run.c
HOLD_RUN = select(_run.period).where(_run.period == bindparam("of")).with_for_update()
AHEAD = month_sql.ahead()
LOCKED = month_sql.locked()
NOTICES = month_sql.notices()
CHECK_POINT = (
    update(schema.month_run)
    .where(_run.period == bindparam("of"), _run.cursor <= bindparam("above"))
    .values(
        status="running",
        cursor=bindparam("up_to"),
        **{name: _run[name] + bindparam(f"add_{name}") for name in TOTALS},
    )
)


def request_run(connection: Connection, period: str, context: Context) -> MonthRun:
    """The run of a period, made `pending` where nobody asked for it before.

    Raises:
        NotDue: the period has not begun.
        MalformedPeriod: not a period.
    """
    if period_start(period, context.programme.zone) > context.now:
        raise NotDue(f"{period} has not begun")
    fresh = {
        "period": period,
        "status": "pending",
        "cursor": 0,
        "started_at": context.now,
        "finished_at": None,
        **dict.fromkeys(TOTALS, 0),
    }
    connection.execute(insert(schema.month_run, connection.dialect).values(fresh).on_conflict_do_nothing())
    run = run_of(connection, period)
    if run is None:
        raise AssertionError("a run that was just asked for is gone")
    return run


def run_of(connection: Connection, period: str) -> MonthRun | None:
    """Where the run of a period stands; None: nobody asked for it."""
    row = connection.execute(select(schema.month_run).where(schema.month_run.c.period == period)).one_or_none()
    return None if row is None else MonthRun(**row._asdict())


def progress_of(connection: Connection, run: MonthRun) -> float:
    """How far a run is, 0.0 to 1.0, by its place between the smallest and the largest subscription id."""
    if run.status == "done":
        return 1.0
    key = schema.balance.c.subscription_id
    first = connection.execute(select(func.min(key))).scalar_one()
    last = connection.execute(select(func.max(key))).scalar_one()
    if first is None or run.cursor < first:
        return 0.0
    return min(1.0, (run.cursor - int(first) + 1) / (int(last) - int(first) + 1))


def next_bounds(connection: Connection, run: MonthRun, size: int = CHUNK_FIRST) -> Bounds | None:
    """The next chunk of at most `size` subscriptions after the checkpoint as it stands; None: nothing is left.

    Until the transaction ends the checkpoint stays: a process that lost its turn unawares would else run a chunk that
    overlaps, and what it charged beyond the other's would be in no total.
    """
    if locks_rows(connection):
        run_prepared(connection, HOLD_RUN, {"of": run.period})
    ahead: Any = run_prepared(connection, AHEAD, {"of": run.period, "size": size}).one()
    return None if ahead.up_to is None else Bounds(**ahead._asdict())


def next_size(size: int, elapsed_ms: int) -> int:
    """The size of the chunk after one of `size` that took so long: nearer to the target, at most twice or half."""
    fitting = size * CHUNK_MS_TARGET // max(elapsed_ms, 1)
    return max(CHUNK_MIN, min(CHUNK_MAX, max(size // 2, min(size * 2, fitting))))


def run_chunk(connection: Connection, period: str, bounds: Bounds, context: Context) -> ChunkTotals:
    """Expire, credit and charge a chunk of a run that was asked for, and move its checkpoint, in one transaction.

    `billing.month_rules.step_month` is the rule; done again it changes nothing. What commands of the new month
    credited before the chunk came by counts in its totals, but is no notice of it.
    """
    statements = month_sql.chunk_statements(context.programme)
    for statement in statements.prepare:
        run_prepared(connection, statement, {})
    zone = context.programme.zone
    parameters = {
        "period": period,
        "current": period_of(context.now, zone),
        "start": to_micros(period_start(period, zone)),
        "now": to_micros(context.now),
        "above": bounds.above,
        "up_to": bounds.up_to,
    }
    if locks_rows(connection):
        run_prepared(connection, LOCKED, parameters)
    before: Any = run_prepared(connection, statements.before, parameters).one()
    run_prepared(connection, statements.fill, parameters)
    for statement in statements.write:
        run_prepared(connection, statement, parameters)
    done = run_prepared(connection, statements.totals, parameters).one()
    figures = {name: int(value) for name, value in done._asdict().items()}
    figures["credited_count"] += int(before.early_count)
    figures["credited_amount"] += int(before.early_amount)
    totals = ChunkTotals(
        subscriptions=bounds.subscriptions,
        expired_count=int(before.expired_count),
        expired_amount=int(before.expired_amount),
        **figures,
    )
    return totals if _check_point(connection, period, bounds, totals) else NOTHING


def notices_statement() -> Select[Any]:
    """The SELECT of a chunk's notices, columns as `MonthNotice`, parameters above and up_to.

    It reads the chunk's work table: run it after `run_chunk` in the same transaction, as it is or as the source of an
    INSERT.
    """
    return NOTICES


def notices_of_chunk(connection: Connection, bounds: Bounds) -> Iterator[MonthNotice]:
    """Who is told what of the chunk that was just run in this transaction, by subscription id."""
    parameters = {"above": bounds.above, "up_to": bounds.up_to}
    for row in connection.execute(NOTICES.order_by("subscription_id"), parameters):
        yield MonthNotice(**{**row._asdict(), "used_up": bool(row.used_up)})


def finish_run(connection: Connection, period: str, now: datetime) -> None:
    """The run is over: nothing is left above its cursor."""
    table = schema.month_run
    connection.execute(
        update(table).where(table.c.period == period, table.c.status != "done").values(status="done", finished_at=now)
    )


def _check_point(connection: Connection, period: str, bounds: Bounds, totals: ChunkTotals) -> bool:
    """Move the cursor and add the totals; False where the cursor was past this chunk already: nothing is added."""
    added = {f"add_{name}": getattr(totals, name) for name in TOTALS}
    given = {"of": period, "above": bounds.above, "up_to": bounds.up_to, **added}
    return run_prepared(connection, CHECK_POINT, given).rowcount == 1
