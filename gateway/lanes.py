"""Database threads, each with its one connection, opened in the thread and kept.

A transaction that others were in the way of (deadlock, same key) is run again, a bounded number of times; so is one
whose connection turns out to be lost before the commit was asked for. What became of a commit under which the
connection broke is not known here: the caller is told, and request keys settle a retry.
"""

import contextvars
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

T = TypeVar("T")

ATTEMPTS_MAX = 4


def _never(_error: DBAPIError) -> bool:
    return False


def _nothing(_connection: Connection) -> None:
    pass


def _begun_with(
    begun: Callable[[Connection], None],
    work: Callable[..., T],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    connection: Connection,
) -> T:
    begun(connection)
    return work(connection, *args, **kwargs)


class Lane:
    """`opened` is called with every new connection; `is_unlucky` says which errors are worth another attempt.

    `begun`, where it is set, is called at the beginning of every transaction that does not name another.
    """

    def __init__(
        self,
        engine: Engine,
        reactor: Any,
        name: str,
        *,
        opened: Callable[[Connection], None] = _nothing,
        is_unlucky: Callable[[DBAPIError], bool] = _never,
    ) -> None:
        self.waiting = 0
        """Transactions asked for and not ended."""
        self.begun: Callable[[Connection], None] = _nothing
        self._engine = engine
        self._reactor = reactor
        self._pool = ThreadPool(1, 1, name)
        self._opened = opened
        self._is_unlucky = is_unlucky
        self._connection: Connection | None = None
        self._is_committing = False
        self._wait_seconds = 0.0

    def take_wait_seconds(self) -> float:
        """The longest that work waited for the thread since this was asked last."""
        longest, self._wait_seconds = self._wait_seconds, 0.0
        return longest

    def start(self) -> None:
        """Start the thread; the connection is opened by the first transaction."""
        self._pool.start()

    def run(
        self,
        work: Callable[..., T],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        begun: Callable[[Connection], None] | None = None,
    ) -> "Deferred[T]":
        """Run `work(connection, …)` in a transaction; context variables travel into the thread."""
        call = partial(_begun_with, begun or self.begun, work, args, kwargs)
        context = contextvars.copy_context()
        self.waiting += 1
        asked_at = self._reactor.seconds()
        done = deferToThreadPool(self._reactor, self._pool, context.run, self._until_done, asked_at, call)
        return done.addBoth(self._ended)

    async def stop(self) -> None:
        """Let queued work end, close the connection in its own thread, then end the thread."""
        if not self._pool.started:
            return
        await deferToThreadPool(self._reactor, self._pool, self._close)
        self._pool.stop()

    def _ended(self, result: Any) -> Any:
        self.waiting -= 1
        return result

    def _until_done(self, asked_at: float, call: Callable[[Connection], T]) -> T:
        self._wait_seconds = max(self._wait_seconds, self._reactor.seconds() - asked_at)
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                return self._in_transaction(call)
            except DBAPIError as error:
                is_lost = error.connection_invalidated and not self._is_committing
                if attempt == ATTEMPTS_MAX or not (is_lost or self._is_unlucky(error)):
                    raise
        raise AssertionError("the last attempt either returned or raised")

    def _in_transaction(self, call: Callable[[Connection], T]) -> T:
        self._is_committing = False
        connection = self._open()
        try:
            with connection.begin():
                result = call(connection)
                self._is_committing = True
        except SQLAlchemyError:
            # A broken connection must not poison the next transaction; it is opened anew.
            self._close()
            raise
        return result

    def _open(self) -> Connection:
        if self._connection is None:
            connection = self._engine.connect()
            try:
                self._opened(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
