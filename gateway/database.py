"""The database behind one small door: `transact` writes, `read` reads, each one function in one transaction.

SQLite has one writer thread (BEGIN IMMEDIATE, WAL, synchronous=FULL) and one reader thread (query_only), so that a
dial never waits behind a chunk of the month job; PostgreSQL has two writer threads, and may serve other processes
beside this one. Work gets a SQLAlchemy Connection, returns values, never rows that outlive it.
"""

import fcntl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.pool import NullPool
from twisted.internet.defer import Deferred

from gateway.database_errors import DatabaseError, DatabaseLocked, DatabaseUnsupported
from gateway.lanes import Lane
from gateway.postgres import hold_for_serving, hold_to_change, is_unlucky, postgres_engine

__all__ = [
    "Changer",
    "Database",
    "DatabaseError",
    "DatabaseLocked",
    "DatabaseUnsupported",
    "Transactor",
    "lock_sqlite_file",
    "open_engine",
    "shown",
    "sqlite_engine",
]

P = ParamSpec("P")
T = TypeVar("T")

BUSY_TIMEOUT_MS = 5_000
CACHE_KIB = 65_536
WAL_AUTOCHECKPOINT_PAGES = 4_000
WRITERS = 2
"""Writer threads on PostgreSQL; with the reader and the auditor four, more are slower under the interpreter lock."""

SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
    f"PRAGMA cache_size=-{CACHE_KIB}",
    f"PRAGMA wal_autocheckpoint={WAL_AUTOCHECKPOINT_PAGES}",
    "PRAGMA temp_store=MEMORY",
)


class Transactor(Protocol):
    """What other packages are handed: one function, one transaction."""

    def transact(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> "Deferred[T]":
        """Run `work(connection, …)` in a writing transaction; committed when the Deferred fires."""
        ...

    def read(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> "Deferred[T]":
        """Run `work(connection, …)` on a snapshot that cannot write."""
        ...


class Changer(Transactor, Protocol):
    """The same for what decisions rest on."""

    def change(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> "Deferred[T]":
        """As `transact`; while it runs nobody decides, in any process."""
        ...


class Follower(Protocol):
    """What looks, at the beginning of every transaction, at what other processes may have changed."""

    def writing(self, connection: Connection) -> None:
        """Look, and keep it so until the transaction ends."""
        ...

    def reading(self, connection: Connection) -> None:
        """Look."""
        ...


class Database:
    """Owns the engines and threads of one database; `start` opens, `stop` lets running work end and closes."""

    def __init__(self, url: str, reactor: Any) -> None:
        """Store the parts; `reactor` is an IReactorFromThreads.

        Raises:
            DatabaseUnsupported: neither an SQLite nor a PostgreSQL URL.
        """
        self.url = url
        self._lock_file: IO[str] | None = None
        self._follower: Follower | None = None
        reading, writing = open_engine(url, read_only=True), open_engine(url)
        if writing.dialect.name == "sqlite":
            self._writers = [Lane(writing, reactor, "database-writer")]
        else:
            # The first writer's session says that the database is served.
            self._writers = [
                Lane(writing, reactor, f"database-writer-{number}", opened=opened, is_unlucky=is_unlucky)
                for number, opened in enumerate((hold_for_serving, *([_as_it_is] * (WRITERS - 1))), start=1)
            ]
        self._reader = Lane(reading, reactor, "database-reader")
        self._auditor = Lane(reading, reactor, "database-auditor")

    @property
    def is_shared(self) -> bool:
        """Whether other processes may serve the same database."""
        return make_url(self.url).get_backend_name() != "sqlite"

    def follow(self, follower: Follower) -> None:
        """Let every transaction from now on begin with this look; nothing where there is no other process."""
        if not self.is_shared:
            return
        self._follower = follower
        for writer in self._writers:
            writer.begun = follower.writing
        self._reader.begun = self._auditor.begun = follower.reading

    async def start(self) -> None:
        """Open the threads, and take an SQLite file for this process.

        Raises:
            DatabaseLocked: another process serves the file, or somebody changes the schema.
            OperationalError: there is no server, or no such database.
        """
        self._lock_file = lock_sqlite_file(self.url)
        for lane in self._lanes():
            lane.start()
        await self._writers[0].run(_as_it_is, (), {})

    def transact(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> "Deferred[T]":
        """Run `work(connection, …)` in a writing transaction; committed when the Deferred fires.

        Two of them may run at once on PostgreSQL; an unlucky one is run again, so `work` changes nothing but rows.
        """
        lane = min(self._writers, key=lambda one: one.waiting)
        return lane.run(work, args, kwargs)

    def change(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> "Deferred[T]":
        """As `transact`, for what decisions rest on: while it runs nobody decides, in any process."""
        lane = min(self._writers, key=lambda one: one.waiting)
        return lane.run(work, args, kwargs, begun=self._changing)

    def read(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> "Deferred[T]":
        """Run `work(connection, …)` on a snapshot that cannot write."""
        return self._reader.run(work, args, kwargs)

    def audit(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> "Deferred[T]":
        """As `read`, for what takes seconds: a thread of its own, so that no dial waits behind it."""
        return self._auditor.run(work, args, kwargs)

    def take_wait_seconds(self) -> float:
        """The longest that work waited for one of the threads since this was asked last."""
        return max(lane.take_wait_seconds() for lane in self._lanes())

    async def stop(self) -> None:
        """End the threads after their queued work and release the database."""
        for lane in reversed(self._lanes()):
            await lane.stop()
        if self._lock_file is not None:
            self._lock_file.close()
            self._lock_file = None

    def _changing(self, connection: Connection) -> None:
        if self._follower is not None:
            hold_to_change(connection)
            self._follower.reading(connection)

    def _lanes(self) -> Sequence[Lane]:
        return (*self._writers, self._reader, self._auditor)


def _as_it_is(_connection: Connection) -> None:
    """A transaction that only opens the connection."""


def open_engine(url: str, *, read_only: bool = False) -> Engine:
    """The engine of a database as the gateway opens it; its errors, which are logged, tell no names and secrets.

    Raises:
        DatabaseUnsupported: neither SQLite nor PostgreSQL.
    """
    backend = make_url(url).get_backend_name()
    if backend == "sqlite":
        return sqlite_engine(url, read_only=read_only)
    if backend == "postgresql":
        return postgres_engine(url, read_only=read_only)
    raise DatabaseUnsupported(
        f"database.url = {shown(url)!r}: this version speaks sqlite:///FILE and postgresql+psycopg://HOST/NAME"
    )


def shown(url: str) -> str:
    """A URL as it may be printed: without its password."""
    return make_url(url).render_as_string(hide_password=True)


def sqlite_engine(url: str, *, read_only: bool = False) -> Engine:
    """An engine whose transactions begin as ours must: IMMEDIATE for the writer, query_only for the reader."""
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves; the driver's own guesses would defer it
        for pragma in SQLITE_PRAGMAS:
            connection.execute(pragma)
        if read_only:
            connection.execute("PRAGMA query_only=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def lock_sqlite_file(url: str) -> IO[str] | None:
    """Hold an advisory lock beside the SQLite file for this process's life; None where there is no file.

    Raises:
        DatabaseLocked: another process holds it.
    """
    parts = make_url(url)
    name = parts.database
    if parts.get_backend_name() != "sqlite" or not name or name == ":memory:":
        return None
    handle = Path(f"{name}.lock").open("w", encoding="ascii")  # noqa: SIM115 - kept open for the process's life
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        raise DatabaseLocked(f"{name} is served by another gateway process; stop that one first") from None
    return handle
