"""Several processes on one PostgreSQL: one has the turn, all go by one clock and one catalogue, never an old one."""

import threading
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import pytest
import pytest_twisted
from sqlalchemy import Connection, select
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from two_processes import START, Both, both

from billing.catalogue import PartnerTerms
from billing.records import Reward
from billing.store.columns import from_micros
from billing.words import Category
from gateway import schema
from gateway.clock_door import ClockDoor, DuePoll
from gateway.clocks import DueSource, SystemClock
from gateway.directory import StoredDirectory
from gateway.http.ports import CatalogueDocument, ClockRefused
from gateway.leases import DUE_WORK, TurnLost, confirm, release, take

__all__ = ["both"]

DAY = timedelta(days=1)


class Source:
    """Work due once at an instant."""

    name = "source"

    def __init__(self, at: datetime, doing: Callable[[], Awaitable[None]] | None = None) -> None:
        self.at: datetime | None = at
        self.ran_at: list[datetime] = []
        self._doing = doing

    async def next_due(self, until: datetime) -> datetime | None:
        return self.at if self.at is not None and self.at <= until else None

    async def run_due(self, at: datetime) -> None:
        if await self.next_due(at) is not None:
            self.at = None
            self.ran_at.append(at)
            if self._doing is not None:
                await self._doing()


def lapse(connection: Connection) -> None:
    connection.execute(schema.lease.update().values(until=0))


def holder(connection: Connection) -> str | None:
    return connection.execute(select(schema.lease.c.owner)).scalar()


def stored_clock(connection: Connection) -> datetime:
    return from_micros(connection.execute(select(schema.business_clock.c.now)).scalar_one())


@pytest_twisted.ensureDeferred
async def test_a_lease_is_one_process_s_until_it_is_given_back_or_lapses(both: Both) -> None:
    ask = both.first.database.transact
    assert await ask(take, DUE_WORK, "first", START)
    assert await ask(take, DUE_WORK, "first", START)  # extended
    assert not await ask(take, DUE_WORK, "second", START + 99 * DAY)  # whatever its own clock says
    await ask(release, DUE_WORK, "second")
    assert await ask(holder) == "first"
    await ask(release, DUE_WORK, "first")
    assert await ask(take, DUE_WORK, "second", START)
    await ask(lapse)
    assert await ask(take, DUE_WORK, "first", START)
    with pytest.raises(TurnLost):
        await ask(confirm, DUE_WORK, "second", START)
    await ask(confirm, DUE_WORK, "first", START)
    await ask(lapse)
    with pytest.raises(TurnLost):
        await ask(confirm, DUE_WORK, "first", START)


@pytest_twisted.ensureDeferred
async def test_who_waits_for_the_turn_gets_it_when_it_is_given_back(both: Both) -> None:
    await both.first.turn.acquire()
    assert not await both.second.turn.try_acquire()
    waiting = Deferred.fromCoroutine(both.second.turn.acquire())
    assert not waiting.called
    await both.first.turn.release()
    await waiting
    assert await both.first.database.read(holder) == "second"
    await both.second.turn.release()
    assert await both.first.database.read(holder) is None


@pytest_twisted.ensureDeferred
async def test_who_waits_for_the_turn_waits_no_longer_when_the_program_stops(both: Both) -> None:
    await both.first.turn.acquire()
    waiting = Deferred.fromCoroutine(both.second.turn.acquire())
    await both.second.turn.stop()
    with pytest.raises(TurnLost):
        await waiting
    await both.first.turn.release()


@pytest_twisted.ensureDeferred
async def test_a_clock_moved_by_one_process_is_where_the_other_one_reads_writes_and_moves_it(both: Both) -> None:
    first, second = both.first, both.second
    await first.clock.advance(START + DAY, [], [])
    assert await second.database.read(lambda _: second.clock.now()) == START + DAY
    await first.clock.advance(START + 2 * DAY, [], [])
    assert await second.database.transact(lambda _: second.clock.now()) == START + 2 * DAY
    await first.clock.advance(START + 3 * DAY, [], [])
    with pytest.raises(ClockRefused):
        await second.clock.advance(START + 2 * DAY, [], [])
    await second.clock.advance(START + 4 * DAY, [], [])
    assert await first.clock.look() == START + 4 * DAY


@pytest_twisted.ensureDeferred
async def test_due_work_on_the_way_of_two_moves_at_once_is_run_once(both: Both) -> None:
    work = Source(START + DAY)
    moves = [
        Deferred.fromCoroutine(one.clock.advance(START + 2 * DAY, [work], [])) for one in (both.first, both.second)
    ]
    await gatherResults(moves)
    assert work.ran_at == [START + DAY]
    assert await both.first.clock.look() == await both.second.clock.look() == START + 2 * DAY


@pytest_twisted.ensureDeferred
async def test_who_lost_the_turn_moves_the_clock_no_further_and_goes_on_when_it_has_it_again(both: Both) -> None:
    first, second = both.first, both.second

    lost: Deferred[None] = Deferred()

    async def lose() -> None:
        await second.database.transact(lapse)
        assert await second.turn.try_acquire()
        reactor.callLater(0, lost.callback, None)

    work = Source(START + DAY, lose)
    door = ClockDoor(first.clock, [work], reactor)
    move = Deferred.fromCoroutine(door.advance(START + 2 * DAY))
    await lost
    with pytest.raises(TurnLost):
        await first.database.transact(first.turn.confirm)
    assert await second.clock.look() == START + DAY
    await second.turn.release()
    await move
    assert await second.clock.look() == START + 2 * DAY


@pytest_twisted.ensureDeferred
async def test_what_a_dead_mover_left_behind_is_run_by_whoever_polls(both: Both) -> None:
    first, second = both.first, both.second
    left: Sequence[DueSource] = [Source(START)]
    poll = DuePoll(second.clock, left, reactor, second.turn)
    await first.turn.acquire()
    await poll.run_due()
    assert left[0].ran_at == []
    await second.database.transact(lapse)
    await poll.run_due()
    assert left[0].ran_at == [START]
    await first.turn.release()


@pytest_twisted.ensureDeferred
async def test_the_clock_does_not_move_while_something_is_decided(both: Both) -> None:
    first, second = both.first, both.second
    deciding, may_end = threading.Event(), threading.Event()
    seen: list[datetime] = []

    def decide(_connection: Connection) -> None:
        seen.append(second.clock.now())
        deciding.set()
        assert may_end.wait(10)

    decision = second.database.transact(decide)
    while not deciding.is_set():
        await first.database.read(holder)
    move = Deferred.fromCoroutine(first.clock.advance(START + DAY, [], []))
    await deferLater(reactor, 0.5)
    assert await second.database.read(stored_clock) == START
    may_end.set()
    await decision
    await move
    assert seen == [START]


def catalogue(percent: int) -> CatalogueDocument:
    terms = PartnerTerms(code="ozon", name="Ozon", category=Category.SHOP, reward=Reward(percent=percent, fixed=None))
    return CatalogueDocument(partners=(terms,), promos=())


def version_of(_connection: Connection, directory: StoredDirectory) -> str:
    return directory.running.version


@pytest_twisted.ensureDeferred
async def test_a_catalogue_put_by_one_process_is_what_the_other_one_decides_by_and_shows(both: Both) -> None:
    first, second = both.first, both.second
    for version, percent in enumerate((50_000, 60_000, 70_000), start=1):
        here, there = (first, second) if version % 2 else (second, first)
        await here.directory.put_catalogue(catalogue(percent), {"ozon": [f"secret-{version}"]})
        assert await there.database.transact(version_of, there.directory) == str(version)
        assert (await there.directory.catalogue()).partners[0].reward.percent == percent
        assert await there.directory.secrets("ozon") == (f"secret-{version}",)


@pytest_twisted.ensureDeferred
async def test_catalogues_put_at_once_are_two_versions_and_both_processes_end_with_the_newer(both: Both) -> None:
    processes = (both.first, both.second)
    await gatherResults(
        [
            Deferred.fromCoroutine(one.directory.put_catalogue(catalogue(percent), {}))
            for one, percent in zip(processes, (50_000, 60_000), strict=True)
        ]
    )
    shown = [(await one.directory.catalogue()).partners[0].reward.percent for one in processes]
    assert shown[0] == shown[1]
    assert [one.directory.running.version for one in processes] == ["2", "2"]


def test_the_system_clock_follows_no_row() -> None:
    clock = SystemClock(lambda: START)
    clock.saw(0)
    assert clock.now() == START
