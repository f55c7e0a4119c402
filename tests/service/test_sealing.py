"""Sealing in the background and closing days as due work, on both databases."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_twisted
from both_databases import Databases, drop_guards
from ledger_world import A, World
from sqlalchemy import Connection, select, update
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock

from billing.programme import MOSCOW
from billing.store import rows, schema
from billing.store.dialects import put_rows
from billing.store.reconciliation import ClosedDay, closed_days
from billing.store.writer import put
from gateway.reconciliation import Reconciler
from gateway.sealing import LOOK_SECONDS, Sealing

KEY = b"k" * 32


class Direct:
    """Every transaction at once, on one connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.before_writing: Callable[[], object] = lambda: None

    def audit(self, work: Callable[..., Any], *args: Any) -> Deferred[Any]:
        return execute(work, self.connection, *args)

    def transact(self, work: Callable[..., Any], *args: Any) -> Deferred[Any]:
        self.before_writing()
        return execute(work, self.connection, *args)


class Office:
    """A ledger with postings of 3 March, its sealer and its reconciler."""

    def __init__(self, connection: Connection, *, is_manual: bool = False) -> None:
        world = World()
        world.member(A).main("100.00")
        put(connection, world.books.tariffs.values(), world.context.now)
        put(connection, [*world.books.subscriptions.values(), *world.books.balances.values()], world.context.now)
        put_rows(connection, schema.posting, [rows.POSTING.row(one) for one in world.journal])
        self.connection = connection
        self.database = Direct(connection)
        self.clock = Clock()
        self.now = world.context.now
        self.imbalances: list[int] = []
        self.closed: list[ClosedDay] = []
        self.sealing = self.sealer()
        self.reconciler = Reconciler(
            self.database,  # type: ignore[arg-type] - as much of it as is used
            self.sealing,
            zone=MOSCOW,
            is_manual=is_manual,
            closed=self.closed.append,
        )

    def sealer(self) -> Sealing:
        return Sealing(
            self.database,  # type: ignore[arg-type] - as above
            key=KEY,
            zone=MOSCOW,
            now=lambda: self.now,
            clock=self.clock,
            imbalanced=self.imbalances.append,
        )

    def blocks(self) -> list[int]:
        return list(self.connection.execute(select(schema.seal_block.c.postings)).scalars())


@pytest.fixture
def office(databases: Databases) -> Office:
    return Office(databases.open())


@pytest_twisted.ensureDeferred
async def test_a_look_seals_what_is_there_and_finds_that_it_adds_up(office: Office) -> None:
    await office.sealing.start()
    assert office.blocks() == []
    office.clock.advance(LOOK_SECONDS)
    assert (office.blocks(), office.imbalances) == ([2], [0])
    office.clock.advance(LOOK_SECONDS)
    assert (office.blocks(), office.imbalances) == ([2], [0, 0])
    await office.sealing.stop()
    assert await office.sealing.run() is None


def test_in_the_background_sealing_rests_after_a_block(office: Office) -> None:
    def takes_long() -> None:
        office.clock.rightNow += 0.2

    office.database.before_writing = takes_long
    passed = Deferred.fromCoroutine(office.sealing.run(is_background=True))
    assert (office.blocks(), passed.called) == ([2], False)
    office.clock.advance(0.59)
    assert not passed.called
    office.clock.advance(0.02)
    assert passed.called


def test_who_waits_for_the_turn_has_it_without_the_rest(office: Office) -> None:
    waiting: list[Deferred[Any]] = []

    def somebody_comes() -> None:
        office.clock.rightNow += 0.2
        waiting.append(Deferred.fromCoroutine(office.sealing.run()))

    office.database.before_writing = somebody_comes
    passed = Deferred.fromCoroutine(office.sealing.run(is_background=True))
    assert (passed.called, [one.called for one in waiting]) == (True, [True])


@pytest_twisted.ensureDeferred
async def test_a_balance_that_moved_without_a_posting_is_told(office: Office) -> None:
    drop_guards(office.connection)
    office.connection.execute(update(schema.balance).values(main=schema.balance.c.main - 7))
    await office.sealing.run()
    assert office.imbalances == [7]


@pytest_twisted.ensureDeferred
async def test_where_another_one_sealed_in_between_nothing_is_sealed_twice_and_nothing_is_claimed(
    office: Office,
) -> None:
    other = office.sealer()

    def seal_first() -> None:
        office.database.before_writing = lambda: None
        _ = Deferred.fromCoroutine(other.run())

    office.database.before_writing = seal_first
    done = await office.sealing.run()
    assert done is not None
    assert (done.blocks, done.imbalance, office.blocks()) == (0, None, [2])


@pytest_twisted.ensureDeferred
async def test_a_day_is_closed_a_minute_after_its_end_and_once(office: Office) -> None:
    midnight = datetime(2025, 3, 3, 21, tzinfo=UTC)
    await office.reconciler.run_due(midnight)
    assert office.closed == []
    later = midnight + timedelta(seconds=60)
    assert await office.reconciler.next_due(later) == later
    await office.reconciler.run_due(later)
    assert await office.reconciler.next_due(later) is None
    await office.reconciler.run_due(later)
    assert [day.day for day in office.closed] == ["2025-03-03"]
    assert len(closed_days(office.connection, "", "9", 9)) == 1


@pytest_twisted.ensureDeferred
async def test_a_move_of_the_clock_over_ten_years_closes_what_there_is_in_one_go(databases: Databases) -> None:
    office = Office(databases.open(), is_manual=True)
    end = datetime(2035, 3, 3, 21, tzinfo=UTC)
    assert await office.reconciler.next_due(end) is None
    await office.reconciler.run_due(end)
    assert [day.day for day in office.closed] == ["2025-03-03"]
    await office.reconciler.stop()
    await office.reconciler.run_due(end + timedelta(days=2))
    assert len(office.closed) == 1
