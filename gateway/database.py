"""The database behind one small door: `transact` writes, `read` reads, each one function in one transaction.

SQLite has one writer thread (BEGIN IMMEDIATE, WAL, synchronous=FULL) and one reader thread (query_only), so that a
dial never waits behind a chunk of the month job. Work gets a SQLAlchemy Connection, returns values, never rows
that outlive it. Context variables travel into the thread.
"""

import contextvars
import fcntl
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

P = ParamSpec("P")
T = TypeVar("T")

BUSY_TIMEOUT_MS = 5_000
CACHE_KIB = 65_536
WAL_AUTOCHECKPOINT_PAGES = 4_000

SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
    f"PRAGMA cache_size=-{CACHE_KIB}",
    f"PRAGMA wal_autocheckpoint={WAL_AUTOCHECKPOINT_PAGES}",
    "PRAGMA temp_store=MEMORY",
)


class DatabaseError(Exception):
    """Root of what the database door itself reports."""


class DatabaseLocked(DatabaseError):
    """Another gateway process holds this SQLite file; one process at a time may serve it."""


class DatabaseUnsupported(DatabaseError):
    """The URL names a database this build does not speak."""


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


class _Lane:
    """One database thread with its one connection, opened in the thread and kept."""

    def __init__(self, engine: Engine, reactor: Any, name: str) -> None:
        self._engine = engine
        self._reactor = reactor
        self._pool = ThreadPool(1, 1, name)
        self._connection: Connection | None = None
        self._wait_seconds = 0.0

    def take_wait_seconds(self) -> float:
        """The longest that work waited for the thread since this was asked last."""
        longest, self._wait_seconds = self._wait_seconds, 0.0
        return longest

    def start(self) -> None:
        self._pool.start()

    def run(self, work: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> "Deferred[T]":
        context = contextvars.copy_context()
        asked_at = self._reactor.seconds()
        return deferToThreadPool(
            self._reactor, self._pool, context.run, self._in_transaction, asked_at, work, args, kwargs
        )

    def _in_transaction(
        self, asked_at: float, work: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> T:
        self._wait_seconds = max(self._wait_seconds, self._reactor.seconds() - asked_at)
        if self._connection is None:
            self._connection = self._engine.connect()
        try:
            with self._connection.begin():
                return work(self._connection, *args, **kwargs)
        except SQLAlchemyError:
            # A broken connection must not poison the next transaction; it is opened anew.
            self._connection.close()
            self._connection = None
            raise

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def stop(self) -> None:
        """Let queued work end, close the connection in its own thread, then end the thread."""
        await deferToThreadPool(self._reactor, self._pool, self._close)
        self._pool.stop()


class Database:
    """Owns the engines and threads of one database; `start` opens, `stop` lets running work end and closes."""

    def __init__(self, url: str, reactor: Any) -> None:
        """Store the parts; `reactor` is an IReactorFromThreads.

        Raises:
            DatabaseUnsupported: not an SQLite URL.
        """
        if make_url(url).get_backend_name() != "sqlite":
            raise DatabaseUnsupported(f"database.url = {url!r}: this version speaks sqlite:///FILE only")
        self.url = url
        self._lock_file: IO[str] | None = None
        self._writer = _Lane(sqlite_engine(url), reactor, "database-writer")
        self._reader = _Lane(sqlite_engine(url, read_only=True), reactor, "database-reader")
        self._auditor = _Lane(sqlite_engine(url, read_only=True), reactor, "database-auditor")

    async def start(self) -> None:
        """Take the file for this process and open the threads.

        Raises:
            DatabaseLocked: another process serves the file.
        """
        self._lock_file = lock_sqlite_file(self.url)
        self._writer.start()
        self._reader.start()
        self._auditor.start()

    def transact(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> "Deferred[T]":
        """Run `work(connection, …)` in a writing transaction; committed when the Deferred fires."""
        return self._writer.run(work, args, kwargs)

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
        return max(lane.take_wait_seconds() for lane in (self._writer, self._reader, self._auditor))

    async def stop(self) -> None:
        """End the threads after their queued work and release the file."""
        await self._auditor.stop()
        await self._reader.stop()
        await self._writer.stop()
        if self._lock_file is not None:
            self._lock_file.close()
            self._lock_file = None


def sqlite_engine(url: str, *, read_only: bool = False) -> Engine:
    """An engine whose transactions begin as ours must: IMMEDIATE for the writer, query_only for the reader."""
    engine = create_engine(url, poolclass=NullPool, connect_args={"check_same_thread": False})

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
    """Hold an advisory lock beside the SQLite file for this process's life; None for a database in memory.

    Raises:
        DatabaseLocked: another process holds it.
    """
    name = make_url(url).database
    if not name or name == ":memory:":
        return None
    handle = Path(f"{name}.lock").open("w", encoding="ascii")  # noqa: SIM115 - kept open for the process's life
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        raise DatabaseLocked(f"{name} is served by another gateway process; stop that one first") from None
    return handle
