"""Where the month bench runs: a database as it stood before the 1st, copies of it, and bare SQL as the floor.

The floor takes the rows that the job wrote and puts them into a copy of the database as it stood before, in one
transaction of plain INSERT … SELECT and UPDATE … FROM. Both sides are durable: SQLite in WAL with synchronous=FULL,
PostgreSQL with fsync and synchronous_commit on.
"""

import contextlib
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import postgres_server
from month_world import START, fill
from sqlalchemy import Engine, create_engine, make_url, text

from billing.store import schema as billing_schema
from billing.store.columns import to_micros
from gateway import schema as gateway_schema
from gateway.database import SQLITE_PRAGMAS, open_engine
from sms.outbox import schema as outbox_schema

METADATA = (billing_schema.metadata, outbox_schema.metadata, gateway_schema.metadata)
APPENDED = {"posting": "booked_at", "charge": "booked_at", "sms_message": "created_at"}
"""Tables that grow, and the instant by which the job's rows are told from older ones."""
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
KEYS = {"balance": ("subscription_id",), "accrual": ("subscription_id", "partner", "order_id")}
DURABLE = ("fsync=on", "synchronous_commit=on", "shared_buffers=256MB", "max_wal_size=4GB", "max_connections=20")


class Place(Protocol):
    """One kind of database, filled with subscriptions once."""

    def copy(self, name: str) -> str:
        """A copy of the database as it stood before; its URL."""
        ...

    def floor(self, done: str) -> float:
        """Seconds in which bare SQL writes the rows that the job wrote into the copy `done`."""
        ...

    def drop(self, name: str) -> None:
        """Away with a copy."""
        ...


@contextlib.contextmanager
def place(kind: str, size: int) -> Iterator[Place]:
    """A place with so many subscriptions, gone with the context."""
    with tempfile.TemporaryDirectory(prefix="month-") as folder:
        if kind == "sqlite":
            yield Sqlite(Path(folder), size)
            return
        os.chmod(folder, 0o755)  # noqa: PTH101,S103 - the server runs as somebody else
        with durable_server() as server:
            yield Postgres(server.url, size)


class Sqlite:
    """Files in a folder."""

    def __init__(self, folder: Path, size: int) -> None:
        self._folder = folder
        self._before = folder / "before.db"
        engine = open_engine(f"sqlite:///{self._before}")
        _create(engine, size)
        engine.dispose()

    def copy(self, name: str) -> str:
        """A copy of the file."""
        shutil.copy(self._before, self._folder / f"{name}.db")
        os.sync()
        return f"sqlite:///{self._folder / name}.db"

    def floor(self, done: str) -> float:
        """With the job's database attached."""
        self.copy("bare")
        connection = sqlite3.connect(self._folder / "bare.db", isolation_level=None)
        for pragma in SQLITE_PRAGMAS:
            connection.execute(pragma)
        connection.execute("ATTACH ? AS done", (str(self._folder / f"{done}.db"),))
        began = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        for statement in _floor_statements():
            connection.execute(statement)
        connection.execute("COMMIT")
        taken = time.perf_counter() - began
        connection.close()
        self.drop("bare")
        return taken

    def drop(self, name: str) -> None:
        """The file and what lies beside it."""
        for path in self._folder.glob(f"{name}.db*"):
            path.unlink()


class Postgres:
    """Databases of a server of our own."""

    def __init__(self, url: str, size: int) -> None:
        self._url = url
        self._before = self._database("before", "template0")
        engine = open_engine(self._before)
        _create(engine, size)
        engine.dispose()
        self._maintain(self._before, "VACUUM (ANALYZE, FREEZE)")

    def copy(self, name: str) -> str:
        """CREATE DATABASE from the first."""
        url = self._database(name, "before")
        self._maintain(url, "CHECKPOINT")
        return url

    def floor(self, done: str) -> float:
        """With the job's rows in a schema beside, brought there before the clock starts."""
        url = self.copy("bare")
        self._bring(make_url(self._url).set(database=done), url)
        self._maintain(url, "CHECKPOINT")
        engine = create_engine(url)
        with engine.connect() as connection:
            began = time.perf_counter()
            for statement in _floor_statements():
                connection.execute(text(statement))
            connection.commit()
            taken = time.perf_counter() - began
        engine.dispose()
        self.drop("bare")
        return taken

    def drop(self, name: str) -> None:
        """DROP DATABASE."""
        postgres_server.drop_database(self._url, name)

    def _database(self, name: str, template: str) -> str:
        self._maintain(self._url, f"CREATE DATABASE {name} STRATEGY file_copy TEMPLATE {template} ENCODING 'UTF8'")
        return make_url(self._url).set(database=name).render_as_string(hide_password=False)

    def _bring(self, source: Any, target: str) -> None:
        reading, writing = create_engine(source), create_engine(target)
        with reading.connect() as there, writing.connect() as here:
            here.execute(text("CREATE SCHEMA done"))
            for table in (*APPENDED, *CHANGED):
                here.execute(text(f"CREATE TABLE done.{table} (LIKE public.{table})"))
                raw_from: Any = there.connection.driver_connection
                raw_to: Any = here.connection.driver_connection
                with (
                    raw_from.cursor().copy(f"COPY {table} TO STDOUT (FORMAT binary)") as rows,
                    raw_to.cursor().copy(f"COPY done.{table} FROM STDIN (FORMAT binary)") as copied,
                ):
                    for block in rows:
                        copied.write(block)
                here.execute(text(f"ANALYZE done.{table}"))
            here.commit()
        reading.dispose()
        writing.dispose()

    def _maintain(self, url: str, statement: str) -> None:
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()


def _create(engine: Engine, size: int) -> None:
    with engine.connect() as connection:
        with connection.begin():
            for metadata in METADATA:
                metadata.create_all(connection)
        fill(connection, size)


def _floor_statements() -> Iterator[str]:
    now = to_micros(START)
    for table, instant in APPENDED.items():
        yield f"INSERT INTO {table} SELECT * FROM done.{table} WHERE {instant} = {now}"  # noqa: S608 - our names
    for table, columns in CHANGED.items():
        changed = ", ".join(f"{column} = fresh.{column}" for column in columns)
        same = " AND ".join(f"{table}.{part} = fresh.{part}" for part in KEYS[table])
        yield f"UPDATE {table} SET {changed} FROM done.{table} AS fresh WHERE {same}"  # noqa: S608 - our names


class _DurableServer(postgres_server.Server):
    """As an operator runs it, but for more room for its log."""

    def start(self) -> None:
        """Start and wait until it answers."""
        options = " ".join(f"-c {one}" for one in DURABLE)
        options += f" -c listen_addresses='' -k {self._folder}"
        self._control("start", "-o", options, "-l", self._folder / "log", "-t", 60)


@contextlib.contextmanager
def durable_server() -> Iterator[postgres_server.Server]:
    """A server that keeps what it committed, as an operator runs it."""
    folder = Path(tempfile.mkdtemp(prefix="fcpg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, postgres_server.OTHER_USER)
        running = _DurableServer(folder)
        try:
            yield running
        finally:
            running.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
