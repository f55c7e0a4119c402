"""B6: the 1st of the month on SQLite against bare SQL that writes the same rows, in the same run.

The job runs in adaptive chunks, each its own transaction in WAL with synchronous=FULL; the floor takes the rows the
job wrote and puts them into a copy of the database as it stood before, in one transaction. Outbox rows are not in it.
"""

import gc
import random
import resource
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from billing.calendar import period_start
from billing.catalogue import Catalogue
from billing.decision import Context
from billing.programme import Programme
from billing.records import Accrual, Balances, Record, Reward, Subscription, Tariff
from billing.store import month, rows, schema
from billing.store.dialects import put_rows
from billing.words import AccrualState, Category, OrderChannel
from gateway.database import sqlite_engine

PERIOD = "2025-04"
SIZES = (100_000,)
ROUNDS = 3
FIRST_ID = 10**15
BATCH = 10_000
RATIO_MAX = 2.0
CHUNK_MS_MAX = 50
NEW_POSTINGS = "INSERT INTO posting SELECT * FROM done.posting"
NEW_CHARGES = "INSERT INTO charge SELECT * FROM done.charge"
CHANGED = {
    "balance": (
        "bonus",
        "cashback",
        "main",
        "next_entry",
        "bonus_period",
        "bonus_new",
        "credited_period",
        "cap_period",
        "cap_used",
        "spent_period",
        "used_up_period",
    ),
    "accrual": ("state", "reason", "reward", "ended_at"),
}


def run(sizes: Sequence[int] = SIZES) -> list[dict[str, Any]]:
    """One row per size for the whole job, one for its longest chunk, one for the memory."""
    found: list[dict[str, Any]] = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            found += _measure(Path(folder), size)
    return found


def _measure(folder: Path, size: int) -> list[dict[str, Any]]:
    before = folder / "before.db"
    _fill(before, size)
    jobs, floors, longest = [], [], []
    for number in range(ROUNDS):
        done, bare = folder / f"done{number}.db", folder / f"bare{number}.db"
        shutil.copy(before, done)
        shutil.copy(before, bare)
        chunks = _run_job(done)
        jobs.append(sum(chunks))
        longest.append(statistics.quantiles(chunks, n=100)[98])
        floors.append(_run_floor(bare, done))
        for path in (*folder.glob("done*"), *folder.glob("bare*")):
            path.unlink()
    job, floor = statistics.median(jobs), statistics.median(floors)
    name = f"B6 month job, SQLite, {size:,} subscriptions"
    return [
        {"name": name, "figure": job, "floor": floor, "ratio": job / floor, "target": f"≤ {RATIO_MAX}", "unit": "s"},
        {"name": f"{name}: time per subscription", "figure": job / size * 1e6, "floor": floor / size * 1e6}
        | {"ratio": None, "target": None, "unit": "µs"},
        {"name": f"{name}: chunk p99", "figure": statistics.median(longest) * 1000, "floor": None, "ratio": None}
        | {"target": f"≤ {CHUNK_MS_MAX}", "unit": "ms"},
        {"name": f"{name}: memory", "figure": _peak_mib(), "floor": None, "ratio": None}
        | {"target": "≤ 300", "unit": "MiB"},
    ]


def _engine(path: Path) -> Engine:
    return sqlite_engine(f"sqlite:///{path}")


def _run_job(path: Path) -> list[float]:
    """Seconds of each chunk, planning and commit included."""
    nobody: Any = None
    start = period_start(PERIOD, Programme().zone)
    context = Context(now=start, programme=Programme(), catalogue=Catalogue(partners={}, promos={}), ids=nobody)
    taken: list[float] = []
    size = month.CHUNK_FIRST
    gc.collect()
    with _engine(path).connect() as connection:
        while True:
            began = time.perf_counter()
            with connection.begin():
                run_now = month.request_run(connection, PERIOD, context)
                bounds = month.next_bounds(connection, run_now, size)
                if bounds is None:
                    month.finish_run(connection, PERIOD, start)
                    break
                month.run_chunk(connection, PERIOD, bounds, context)
            taken.append(time.perf_counter() - began)
            size = month.next_size(size, int(taken[-1] * 1000))
        _check(connection)
    return taken


def _check(connection: Connection) -> None:
    """The job did its work: every subscription charged, nothing left to credit."""
    with connection.begin():
        run_now = month.run_of(connection, PERIOD)
        subscriptions = connection.execute(select(func.count()).select_from(schema.subscription)).scalar_one()
    assert run_now is not None
    assert run_now.status == "done"
    assert run_now.charged_count == subscriptions


def _run_floor(path: Path, done: Path) -> float:
    """Seconds in which bare SQL puts the same rows into the database as it stood before."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-65536"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("PRAGMA wal_autocheckpoint=4000")
    connection.execute("ATTACH ? AS done", (str(done),))
    began = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(NEW_POSTINGS)
    connection.execute(NEW_CHARGES)
    for table, columns in CHANGED.items():
        changed = ", ".join(f"{column} = new.{column}" for column in columns)
        key = "subscription_id" if table == "balance" else "subscription_id, partner, order_id"
        same = " AND ".join(f"{table}.{part} = new.{part}" for part in key.split(", "))
        connection.execute(f"UPDATE {table} SET {changed} FROM done.{table} AS new WHERE {same}")  # noqa: S608 - our names
    connection.execute("COMMIT")
    taken = time.perf_counter() - began
    connection.close()
    return taken


def _fill(path: Path, size: int) -> None:
    """Subscriptions on a tariff; half have bonus, a third cashback left, some an order past its deadline."""
    engine = _engine(path)
    with engine.connect() as connection:
        with connection.begin():
            schema.metadata.create_all(connection)
            put_rows(connection, schema.tariff, [rows.TARIFF.row(Tariff(code="smart", fee=65_000))])
        for first in range(0, size, BATCH):
            with connection.begin():
                _put(connection, list(_records(first, min(size, first + BATCH))))
    engine.dispose()


def _put(connection: Connection, records: list[Record]) -> None:
    for kind, shape in ((Subscription, rows.SUBSCRIPTION), (Balances, rows.BALANCE), (Accrual, rows.ACCRUAL)):
        put_rows(connection, shape.table, [shape.row(one) for one in records if isinstance(one, kind)])  # type: ignore[attr-defined]


def _records(first: int, last: int) -> Iterator[Record]:
    rng = random.Random(first)
    start = period_start(PERIOD, Programme().zone)
    for number in range(first, last):
        key = FIRST_ID + number * 1_000 + rng.randrange(1_000)
        bonus = rng.choice((0, 15_000))
        cashback = rng.choice((0, 0, 20_000))
        yield Subscription(
            subscription_id=key, msisdn=f"79{number:09d}", tariff="smart", created_at=start - timedelta(days=99)
        )
        yield Balances(
            subscription_id=key,
            bonus=bonus,
            cashback=cashback,
            main=rng.choice((1_000, 80_000, 80_000)),
            credited_period="2025-03",
        )
        if bonus:
            yield _order(key, AccrualState.ACCRUED, start + timedelta(days=9))
        elif not number % 20:
            yield _order(key, AccrualState.PENDING, start - timedelta(days=1))


def _order(key: int, state: AccrualState, deadline: Any) -> Accrual:
    return Accrual(
        subscription_id=key,
        partner="ozon",
        order_id=f"o-{key}",
        partner_name="Ozon",
        category=Category.SHOP,
        click_id="c",
        promise=Reward(percent=5_000_000),
        min_purchase=0,
        terms_version="1",
        goods=300_000,
        delivery=0,
        channel=OrderChannel.WEB,
        paid_at=deadline - timedelta(days=90),
        paid_figures="f",
        recorded_at=deadline - timedelta(days=90),
        deadline=deadline,
        state=state,
        reward=15_000,
        accrued_period="2025-03" if state is AccrualState.ACCRUED else "",
    )


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
