"""What two gateways on one PostgreSQL share, without their doors: database, turn, clock and catalogue of each."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from gateway import migrations
from gateway.clocks import ManualClock, open_clock
from gateway.database import Database
from gateway.directory import StoredDirectory
from gateway.leases import DueTurn
from gateway.standing import Standing

START = datetime(2025, 3, 3, 9, 0, tzinfo=UTC)


class Process:
    """The shared parts of one gateway."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self.database = Database(url, reactor)
        self.turn = DueTurn(self.database, reactor, owner=name, wall=lambda: START, is_shared=True)
        self.clock = ManualClock(self.database, START, self.turn)
        self.directory = StoredDirectory(self.database, now=self.clock.now, is_shared=True)

    async def start(self) -> None:
        await self.database.start()
        await self.database.transact(open_clock, START)
        await self.directory.load()
        self.database.follow(Standing(self.clock, self.directory))

    async def stop(self) -> None:
        await self.turn.stop()
        await self.directory.stop()
        await self.database.stop()


class Both:
    """Two of them."""

    def __init__(self, url: str) -> None:
        self.first, self.second = Process("first", url), Process("second", url)

    async def start(self) -> None:
        migrating = Database(self.first.database.url, reactor)
        await migrating.start()
        await migrating.transact(migrations.upgrade)
        await migrating.stop()
        await self.first.start()
        await self.second.start()

    async def stop(self) -> None:
        await self.first.stop()
        await self.second.stop()


@pytest.fixture
def both(fresh_postgres: str) -> Iterator[Both]:
    made = Both(fresh_postgres)
    pytest_twisted.blockon(Deferred.fromCoroutine(made.start()))
    yield made
    pytest_twisted.blockon(Deferred.fromCoroutine(made.stop()))
