"""Seals the journal in the background: reading and hashing beside the traffic, writing in short transactions.

One pass looks at every subscription once and seals what it finds; passes follow each other with rests of many times
their own length. Of several gateways on one PostgreSQL one at a time makes a pass (an advisory lock of the auditor's
session); should two ever do, the chain's end decides and nothing is sealed twice.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text
from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from billing.money import Kopecks
from billing.store.reconciliation import sealed_sums
from billing.store.seal import next_block, put_block
from billing.store.seal_chain import tip
from billing.words import Account
from gateway.database import Database

LOOK_SECONDS = 5.0
REST = 20
"""After a pass that took long, the next comes after this many times as long."""
BLOCK_REST = 3
"""In the background each block is followed by a rest of this many times its time: on the 1st, when the month job
writes millions of postings, hashing them may wait and dials may not. Not while somebody waits for the turn."""
BLOCK_REST_SECONDS_MAX = 1.0

TURN_LOCK = int.from_bytes(b"fc-turn.", "big")


@dataclass(frozen=True, slots=True, kw_only=True)
class SealPass:
    """What one pass sealed; `imbalance` is what balances and sealed postings differ by, None where it is unknown."""

    blocks: int
    postings: int
    imbalance: Kopecks | None


class Sealing:
    """`imbalanced(kopecks)` is told after every pass that could tell."""

    _log = Logger()

    def __init__(
        self,
        database: Database,
        *,
        key: bytes,
        zone: ZoneInfo,
        now: Callable[[], datetime],
        clock: IReactorTime,
        imbalanced: Callable[[Kopecks], None],
    ) -> None:
        self._database = database
        self._key = key
        self._zone = zone
        self._now = now
        self._clock = clock
        self._imbalanced = imbalanced
        self._turn = DeferredLock()
        self._is_stopping = False
        self._rest_until = 0.0
        self._loop = LoopingCall(self._look)
        self._loop.clock = clock
        self._looking: Deferred[None] | None = None

    async def start(self) -> None:
        """Begin to look; the first pass comes a little later."""
        self._looking = self._loop.start(LOOK_SECONDS, now=False).addErrback(self._failed).addCallback(lambda _: None)

    async def stop(self) -> None:
        """Look no more; the block that is made ends first."""
        self._is_stopping = True
        if self._loop.running:
            self._loop.stop()
        if self._looking is not None:
            await self._looking
        await self._turn.acquire()
        self._turn.release()

    async def run(self, *, is_background: bool = False) -> SealPass | None:
        """Seal everything that is committed by now; None: another gateway is at it, or the program stops."""
        await self._turn.acquire()
        try:
            if self._is_stopping or not await self._database.audit(_take_turn):
                return None
            try:
                return await self._pass(is_background=is_background)
            finally:
                await self._database.audit(_end_turn)
        finally:
            self._turn.release()

    async def _pass(self, *, is_background: bool) -> SealPass | None:
        began = self._clock.seconds()
        first = await self._database.audit(tip)
        sums: Counter[Account] = Counter()
        above = blocks = postings = 0
        while not self._is_stopping:
            block_began = self._clock.seconds()
            look = await self._database.audit(next_block, self._key, self._zone, above)
            if look is None:
                imbalance = await self._database.audit(_imbalance, sums, first.block_no + blocks)
                if imbalance is not None:
                    self._imbalanced(imbalance)
                self._rest_until = self._clock.seconds() + REST * (self._clock.seconds() - began)
                return SealPass(blocks=blocks, postings=postings, imbalance=imbalance)
            if look.block is not None:
                if not await self._database.transact(put_block, look.block, self._now()):
                    continue
                blocks += 1
                postings += look.block.postings
            sums.update(look.sums)
            above = look.up_to
            if is_background and not self._turn.waiting:
                rest = BLOCK_REST * (self._clock.seconds() - block_began)
                await deferLater(self._clock, min(rest, BLOCK_REST_SECONDS_MAX))
        return None

    def _look(self) -> "Deferred[None] | None":
        if self._clock.seconds() < self._rest_until:
            return None
        return Deferred.fromCoroutine(self._run()).addErrback(self._failed)

    async def _run(self) -> None:
        await self.run(is_background=True)

    def _failed(self, failure: Failure) -> None:
        self._log.failure("sealing_failed", failure)


def _take_turn(connection: Connection) -> bool:
    if connection.dialect.name == "sqlite":
        return True
    return bool(connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": TURN_LOCK}).scalar_one())


def _end_turn(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": TURN_LOCK})


def _imbalance(connection: Connection, sums: Counter[Account], block_no: int) -> Kopecks | None:
    """What the balances that were looked at and all sealed postings differ by; None where others sealed too."""
    if tip(connection).block_no != block_no:
        return None
    sealed = sealed_sums(connection)
    return sum(abs(sealed[account] - sums[account]) for account in (Account.BONUS, Account.CASHBACK, Account.MAIN))
