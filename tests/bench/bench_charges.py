"""B5 in process, SQLite: groups of charges through the ledger against the bare driver writing the same rows.

Both write to a file in WAL with synchronous=FULL; the floor has its rows ready and commits every 100 charges.
"""

import random
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from billing.catalogue import Catalogue
from billing.commands import DrawCharge
from billing.decision import Context, Outcome
from billing.programme import Programme
from billing.records import Balances, Charge, RequestKey, Subscription
from billing.store import rows, schema
from billing.store.ledger import execute
from billing.store.writer import put
from billing.words import ChargeType
from gateway.database import SQLITE_PRAGMAS, sqlite_engine

NOW = datetime(2025, 4, 2, tzinfo=UTC)
SUBSCRIPTIONS = 20_000
CHARGES = 12_800
GROUPS = (64, 100)
FLOOR_GROUP = 100
ROUNDS = 3
FIRST_ID = 10**15
UPDATE = (
    "UPDATE balance SET cashback = ?, main = ?, next_entry = ?, cap_period = ?, cap_used = ?, spent_period = ?, "
    "used_up_period = ? WHERE subscription_id = ?"
)


def run(groups: Sequence[int] = GROUPS) -> list[dict[str, Any]]:
    """One row per size of a group, in charges a second."""
    with tempfile.TemporaryDirectory() as folder:
        before = Path(folder) / "before.db"
        _fill(before)
        return [_measure(Path(folder), before, size) for size in groups]


def _measure(folder: Path, before: Path, size: int) -> dict[str, Any]:
    ours, floors = [], []
    for number in range(ROUNDS):
        path, bare = folder / f"{size}-{number}.db", folder / f"{size}-{number}-bare.db"
        shutil.copy(before, path)
        shutil.copy(before, bare)
        taken, outcomes = _run_ledger(path, size, number)
        ours.append(CHARGES / taken)
        floors.append(CHARGES / _run_floor(bare, outcomes))
    figure, floor = statistics.median(ours), statistics.median(floors)
    name = f"B5 charges in process, SQLite FULL, groups of {size}"
    return {"name": name, "figure": figure, "floor": floor, "ratio": figure / floor, "target": "≥ 0.5", "unit": "1/s"}


def _fill(path: Path) -> None:
    """Numbers with money in both buckets."""
    engine = sqlite_engine(f"sqlite:///{path}")
    with engine.connect() as connection, connection.begin():
        schema.metadata.create_all(connection)
        subscriptions = [
            Subscription(subscription_id=FIRST_ID + number * 7, msisdn=f"79{number:09d}", created_at=NOW)
            for number in range(SUBSCRIPTIONS)
        ]
        balances = [
            Balances(
                subscription_id=one.subscription_id,
                cashback=150 if one.subscription_id % 2 else 10_000,
                main=10_000_000,
                credited_period="2025-04",
            )
            for one in subscriptions
        ]
        put(connection, [*subscriptions, *balances], NOW)
    engine.dispose()


def _run_ledger(path: Path, size: int, seed: int) -> tuple[float, list[Outcome]]:
    nobody: Any = None
    context = Context(now=NOW, programme=Programme(), catalogue=Catalogue(partners={}, promos={}), ids=nobody)
    rng = random.Random(seed)
    commands = [
        DrawCharge(
            charge_id=f"bill-{number}-{rng.randrange(10**9)}",
            msisdn=f"79{rng.randrange(SUBSCRIPTIONS):09d}",
            type=ChargeType.USAGE,
            amount=100,
        )
        for number in range(CHARGES)
    ]
    outcomes: list[Outcome] = []
    with sqlite_engine(f"sqlite:///{path}").connect() as connection:
        began = time.perf_counter()
        for first in range(0, CHARGES, size):
            with connection.begin():
                results = execute(connection, commands[first : first + size], context)
            outcomes += [result for result in results if isinstance(result, Outcome)]
        taken = time.perf_counter() - began
    assert len(outcomes) == CHARGES
    return taken, outcomes


def _run_floor(path: Path, outcomes: Sequence[Outcome]) -> float:
    """Seconds in which the bare driver writes the same rows, made ready before."""
    groups = [_ready(outcomes[first : first + FLOOR_GROUP]) for first in range(0, CHARGES, FLOOR_GROUP)]
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in SQLITE_PRAGMAS:
        connection.execute(pragma)
    began = time.perf_counter()
    for group in groups:
        connection.execute("BEGIN IMMEDIATE")
        for statement, ready in group:
            connection.executemany(statement, ready)
        connection.execute("COMMIT")
    taken = time.perf_counter() - began
    connection.close()
    return taken


def _ready(outcomes: Sequence[Outcome]) -> list[tuple[str, list[tuple[Any, ...]]]]:
    """Statements with their rows."""
    records = [record for outcome in outcomes for record in outcome.records]
    balances = [
        (
            one.cashback,
            one.main,
            one.next_entry,
            one.cap_period,
            one.cap_used,
            one.spent_period,
            one.used_up_period,
            one.subscription_id,
        )
        for one in records
        if isinstance(one, Balances)
    ]
    return [
        (UPDATE, balances),
        (_insert(schema.charge), [rows.CHARGE.row(one) for one in records if isinstance(one, Charge)]),
        (_insert(schema.request_key), [rows.REQUEST_KEY.row(one) for one in records if isinstance(one, RequestKey)]),
        (_insert(schema.posting), [rows.POSTING.row(one) for outcome in outcomes for one in outcome.postings]),
    ]


def _insert(table: Any) -> str:
    return f"INSERT INTO {table.name} VALUES ({', '.join('?' * len(table.columns))})"  # noqa: S608 - our own names
