"""Messages older than sms.keep_days are forgotten: a chunk a second while there are some, then a look every hour."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from gateway.database import Transactor
from sms.outbox.purge import Purged, purge_inbox, purge_messages

CHUNK_SPACING_S = 1.0
REST_S = 3_600.0


class Purging:
    """`keep_days` 0 forgets nothing. What was sent is dated by the business clock, what came in by the wall's."""

    _log = Logger()

    def __init__(
        self,
        database: Transactor,
        clock: IReactorTime,
        *,
        keep_days: int,
        now: Callable[[], datetime],
        wall: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._clock = clock
        self._keep = timedelta(days=keep_days)
        self._now = now
        self._wall = wall
        self._after = 0
        self._rests_until = 0.0
        self._forgotten = 0
        self._loop = LoopingCall(self._look)
        self._loop.clock = clock
        self._looking: Deferred[LoopingCall] | None = None

    async def start(self) -> None:
        """Begin, unless everything is to be kept."""
        if self._keep:
            self._looking = self._loop.start(CHUNK_SPACING_S, now=False)

    async def stop(self) -> None:
        """End with the chunk that runs."""
        if self._loop.running:
            self._loop.stop()
        if self._looking is not None:
            await self._looking

    def _look(self) -> "Deferred[None] | None":
        if self._clock.seconds() < self._rests_until:
            return None
        return Deferred.fromCoroutine(self._chunk()).addErrback(self._failed)

    async def _chunk(self) -> None:
        purged, received = await self._database.transact(self._purge)
        self._forgotten += purged.messages + received
        self._after = purged.after or 0
        if purged.after is None and not received:
            self._rests_until = self._clock.seconds() + REST_S
            if self._forgotten:
                self._log.info("old_messages_forgotten {count}", count=self._forgotten)
                self._forgotten = 0

    def _purge(self, connection: Connection) -> tuple[Purged, int]:
        purged = purge_messages(connection, self._now() - self._keep, self._after)
        return purged, purge_inbox(connection, self._wall() - self._keep)

    def _failed(self, failure: Failure) -> None:
        self._rests_until = self._clock.seconds() + REST_S / 60
        self._log.error("purge_failed", log_failure=failure)
