"""One process at a time runs due work and moves the business clock; another takes over when it dies.

The turn is a row with an end by the database's clock, extended while the turn lasts. An SQLite file has one process,
where the turn is only one among its own callers.
"""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert
from twisted.internet.defer import Deferred, DeferredLock, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from gateway.database import Transactor
from gateway.schema import lease
from sms.outbox.bulk import COUNTED
from sms.outbox.instants import micros_of
from sms.outbox.senders import BEAT_SECONDS, LEASE_SECONDS, now_of

DUE_WORK = "due work"
ASK_SECONDS = 0.2
"""Who waits for another process's turn asks this often."""


class TurnLost(Exception):
    """The turn was taken over by another process, or the program stops; what was to be done is not."""


class DueTurn:
    """The turn of one process, `owner` by name; as many callers as like wait for it, one has it at a time."""

    _log = Logger()

    def __init__(
        self,
        database: Transactor,
        reactor: IReactorTime,
        *,
        owner: str,
        wall: Callable[[], datetime],
        is_shared: bool,
    ) -> None:
        self._database = database
        self._reactor = reactor
        self._owner = owner
        self._wall = wall
        self._is_shared = is_shared
        self._own = DeferredLock()
        self._renewal = LoopingCall(self._renew)
        self._renewal.clock = reactor
        self._renewing: Deferred[LoopingCall] = succeed(self._renewal)
        self._is_stopping = False

    async def acquire(self) -> None:
        """Wait for the turn.

        Raises:
            TurnLost: the program stops.
        """
        await self._own.acquire()
        try:
            while not await self._take():
                await self._wait()
        except BaseException:
            self._own.release()
            raise

    async def try_acquire(self) -> bool:
        """Take the turn if nobody has it."""
        if self._own.locked:
            return False
        await self._own.acquire()
        try:
            is_taken = await self._take()
        except BaseException:
            self._own.release()
            raise
        if not is_taken:
            self._own.release()
        return is_taken

    async def release(self) -> None:
        """End the turn."""
        try:
            if self._is_shared:
                self._renewal.stop()
                await self._renewing  # one on its way would take the lease again
                await self._database.transact(release, DUE_WORK, self._owner)
        finally:
            self._own.release()

    def confirm(self, connection: Connection) -> None:
        """Keep the turn until the transaction ends.

        Raises:
            TurnLost: another process has it.
        """
        if self._is_shared:
            confirm(connection, DUE_WORK, self._owner, self._wall())

    async def stop(self) -> None:
        """Wait for other processes no longer."""
        self._is_stopping = True

    async def _take(self) -> bool:
        if not self._is_shared:
            return True
        is_taken: bool = await self._database.transact(take, DUE_WORK, self._owner, self._wall())
        if is_taken:
            self._renewing = self._renewal.start(BEAT_SECONDS, now=False)
        return is_taken

    async def _wait(self) -> None:
        if self._is_stopping:
            raise TurnLost("the program stops")
        await deferLater(self._reactor, ASK_SECONDS)

    def _renew(self) -> "Deferred[object]":
        return self._database.transact(take, DUE_WORK, self._owner, self._wall()).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        self._log.failure("turn_not_renewed", failure)


def take(
    connection: Connection, name: str, owner: str, now_wall: datetime, *, lease_s: float = LEASE_SECONDS
) -> bool:
    """Take a lease that is free or lapsed, or extend one's own; whether `owner` has it now."""
    now = now_of(connection, now_wall)
    mine = insert(lease).values(name=name, owner=owner, until=now + micros_of(lease_s))
    is_free = (lease.c.owner == mine.excluded.owner) | (lease.c.until <= now)
    taken = {"owner": mine.excluded.owner, "until": mine.excluded.until}
    done = connection.execute(
        mine.on_conflict_do_update(index_elements=[lease.c.name], set_=taken, where=is_free),
        execution_options=COUNTED,
    )
    return done.rowcount > 0


def release(connection: Connection, name: str, owner: str) -> None:
    """Give a lease back; nothing where another one has it."""
    connection.execute(delete(lease).where(lease.c.name == name, lease.c.owner == owner))


def confirm(connection: Connection, name: str, owner: str, now_wall: datetime) -> None:
    """Keep a lease until the transaction ends.

    Raises:
        TurnLost: `owner` has it no longer.
    """
    mine = select(lease.c.until).where(lease.c.name == name, lease.c.owner == owner).with_for_update(read=True)
    until = connection.execute(mine).scalar()
    if until is None or until <= now_of(connection, now_wall):
        raise TurnLost("another process has taken over")
