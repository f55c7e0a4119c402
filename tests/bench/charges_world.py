"""Subscriptions with money for the charge benches, and the bare driver that writes the rows a run of charges wrote.

The floor has its rows ready and commits every 100 charges. Both sides are durable: SQLite in WAL with
synchronous=FULL, PostgreSQL with fsync and synchronous_commit on.
"""

import random
import sqlite3
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, make_url, text

from billing.records import Balances, Subscription
from billing.store import schema
from billing.store.writer import put
from gateway import schema as gateway_schema
from gateway.database import SQLITE_PRAGMAS
from sms.outbox import schema as outbox_schema

NOW = datetime(2025, 4, 2, tzinfo=UTC)
SUBSCRIPTIONS = 20_000
FIRST_ID = 10**15
FLOOR_GROUP = 100
CHANGED = ("cashback", "main", "next_entry", "cap_period", "cap_used", "spent_period", "used_up_period")

Group = Sequence[tuple[str, list[tuple[Any, ...]]]]
"""Statements of one transaction, with their rows."""


def msisdn(rng: random.Random) -> str:
    """One of the numbers."""
    return f"79{rng.randrange(SUBSCRIPTIONS):09d}"


def create(engine: Engine) -> None:
    """All tables, filled."""
    with engine.begin() as connection:
        for metadata in (schema.metadata, outbox_schema.metadata, gateway_schema.metadata):
            metadata.create_all(connection)
        fill(connection)


def fill(connection: Connection, credited_period: str = "2025-04") -> None:
    """Numbers with money in both buckets: half of them have little cashback."""
    for first in range(0, SUBSCRIPTIONS, 1_000):
        subscriptions = [
            Subscription(subscription_id=FIRST_ID + number * 7, msisdn=f"79{number:09d}", created_at=NOW)
            for number in range(first, first + 1_000)
        ]
        balances = [
            Balances(
                subscription_id=one.subscription_id,
                cashback=150 if one.subscription_id % 2 else 10_000,
                main=10_000_000,
                credited_period=credited_period,
            )
            for one in subscriptions
        ]
        put(connection, [*subscriptions, *balances], NOW)


def groups_written(connection: Connection, mark: str) -> list[Group]:
    """What the charges left in the database, in groups of 100 charges, as the bare driver is to write it."""
    rows = {table: _rows(connection, table) for table in ("charge", "posting", "balance", "request_key")}
    postings: dict[Any, list[tuple[Any, ...]]] = {}
    for posting in rows["posting"]:
        postings.setdefault(posting[-1], []).append(posting)
    keys = {key[1]: key for key in rows["request_key"]}
    balances = {balance[0]: balance for balance in rows["balance"]}
    charges = sorted(rows["charge"], key=lambda one: int(one[1].split("-")[1]))
    return [
        [
            (_update(mark), [_changed(balances[owner]) for owner in {one[0] for one in some}]),
            (_insert("charge", mark), some),
            (_insert("request_key", mark), [keys[one[1]] for one in some]),
            (_insert("posting", mark), [posting for one in some for posting in postings[one[1]]]),
        ]
        for some in (charges[first : first + FLOOR_GROUP] for first in range(0, len(charges), FLOOR_GROUP))
    ]


def write_on_sqlite(path: str, groups: Sequence[Group]) -> float:
    """Seconds of the bare driver."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in SQLITE_PRAGMAS:
        connection.execute(pragma)
    began = time.perf_counter()
    for group in groups:
        connection.execute("BEGIN IMMEDIATE")
        for statement, rows in group:
            connection.executemany(statement, rows)
        connection.execute("COMMIT")
    taken = time.perf_counter() - began
    connection.close()
    return taken


def write_on_postgres(url: str, groups: Sequence[Group]) -> float:
    """Seconds of the bare driver."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection, connection.cursor() as cursor:
        began = time.perf_counter()
        for group in groups:
            for statement, rows in group:
                cursor.executemany(statement, rows)  # type: ignore[arg-type]
            connection.commit()
        return time.perf_counter() - began


def _rows(connection: Connection, table: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.execute(text(f"SELECT * FROM {table}"))]  # noqa: S608 - our own names


def _changed(balance: tuple[Any, ...]) -> tuple[Any, ...]:
    names = [column.name for column in schema.balance.columns]
    return (*(balance[names.index(name)] for name in CHANGED), balance[0])


def _update(mark: str) -> str:
    return f"UPDATE balance SET {', '.join(f'{name} = {mark}' for name in CHANGED)} WHERE subscription_id = {mark}"  # noqa: S608 - as above


def _insert(table: str, mark: str) -> str:
    columns = schema.metadata.tables[table].columns
    return f"INSERT INTO {table} VALUES ({', '.join([mark] * len(columns))})"  # noqa: S608 - as above
