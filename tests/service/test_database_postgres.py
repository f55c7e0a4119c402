"""The database door on PostgreSQL: lanes beside each other, unlucky transactions again, a server that goes away."""

import threading
from collections.abc import Iterator

import pytest
import pytest_twisted
from ledger_world import A, B, CountingIds, World, join
from postgres_server import Server, drop_database, new_database
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError, InternalError, OperationalError
from twisted.internet import reactor
from twisted.internet.defer import gatherResults

from billing.commands import DrawCharge, PutSubscriber, TopUp
from billing.decision import Context, Outcome
from billing.store import ledger, reads
from billing.store.verify import verify
from billing.words import ChargeType
from gateway import migrations, postgres
from gateway.database import Database, DatabaseLocked, DatabaseUnsupported, open_engine
from gateway.lanes import ATTEMPTS_MAX

ROUNDS = 12


def _create(connection: Connection) -> None:
    connection.execute(text("CREATE TABLE thing (n integer PRIMARY KEY, hits integer NOT NULL DEFAULT 0)"))
    connection.execute(text("INSERT INTO thing VALUES (1), (2)"))


def _add(connection: Connection, n: int) -> None:
    connection.execute(text("INSERT INTO thing VALUES (:n)"), {"n": n})


def _hits(connection: Connection) -> list[int]:
    return list(connection.execute(text("SELECT hits FROM thing ORDER BY n")).scalars())


def _hit(connection: Connection, n: int) -> None:
    connection.execute(text("UPDATE thing SET hits = hits + 1 WHERE n = :n"), {"n": n})


@pytest_twisted.ensureDeferred
async def test_the_reader_cannot_write_on_postgresql_and_sees_one_instant(fresh_postgres: str) -> None:
    database = Database(fresh_postgres, reactor)
    await database.start()
    try:
        await database.transact(_create)
        looked, changed = threading.Event(), threading.Event()

        def look_twice(connection: Connection) -> tuple[list[int], list[int]]:
            before = _hits(connection)
            looked.set()
            assert changed.wait(10)
            return before, _hits(connection)

        def change(connection: Connection) -> None:
            assert looked.wait(10)
            _hit(connection, 1)

        reading = database.read(look_twice)
        await database.transact(change)
        changed.set()
        assert await reading == ([0, 0], [0, 0])
        assert await database.read(_hits) == [1, 0]
        with pytest.raises(InternalError, match="read-only"):
            await database.read(_add, 3)
    finally:
        await database.stop()


@pytest_twisted.ensureDeferred
async def test_two_transactions_run_at_once_on_postgresql(fresh_postgres: str) -> None:
    database = Database(fresh_postgres, reactor)
    await database.start()
    meeting = threading.Barrier(2, timeout=10)
    try:
        await gatherResults([database.transact(lambda _: meeting.wait()) for _ in range(2)])
    finally:
        await database.stop()


@pytest_twisted.ensureDeferred
async def test_a_deadlock_is_run_again_and_both_transactions_are_done(fresh_postgres: str) -> None:
    database = Database(fresh_postgres, reactor)
    await database.start()
    meeting = threading.Barrier(2, timeout=10)
    runs: list[int] = []

    def cross(connection: Connection, first: int, second: int) -> None:
        runs.append(first)
        _hit(connection, first)
        if len(runs) <= 2:
            meeting.wait()
        _hit(connection, second)

    try:
        await database.transact(_create)
        await gatherResults([database.transact(cross, 1, 2), database.transact(cross, 2, 1)])
        assert await database.read(_hits) == [2, 2]
        assert len(runs) == 3
    finally:
        await database.stop()


@pytest_twisted.ensureDeferred
async def test_what_stays_unlucky_is_given_up_after_some_attempts(fresh_postgres: str) -> None:
    database = Database(fresh_postgres, reactor)
    await database.start()
    runs: list[int] = []

    def known(connection: Connection) -> None:
        runs.append(1)
        _add(connection, 1)

    try:
        await database.transact(_create)
        with pytest.raises(IntegrityError):
            await database.transact(known)
        assert len(runs) == ATTEMPTS_MAX
        assert await database.read(_hits) == [0, 0]
    finally:
        await database.stop()


@pytest_twisted.ensureDeferred
async def test_a_session_that_was_ended_meanwhile_is_opened_again_and_nothing_is_told(fresh_postgres: str) -> None:
    database = Database(fresh_postgres, reactor)
    await database.start()
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    try:
        await database.transact(_create)
        await database.transact(lambda _: None)
        assert await database.read(_hits) == [0, 0]
        await database.audit(lambda one: one.execute(text(f"{others} AND pid <> pg_backend_pid()")).all())
        await database.transact(_hit, 1)
        assert await database.read(_hits) == [1, 0]
    finally:
        await database.stop()


@pytest.fixture(autouse=True)
def no_long_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "LOCK_WAIT_MS_MAX", 100)


@pytest.fixture
def stoppable(postgres_process: Server) -> Iterator[tuple[Server, str]]:
    """A server that may be stopped, and a database on it."""
    yield postgres_process, new_database(postgres_process.url, "stoppable")
    drop_database(postgres_process.url, "stoppable")


@pytest_twisted.ensureDeferred
async def test_without_a_server_it_says_so_at_once_and_goes_on_when_it_is_back(
    stoppable: tuple[Server, str],
) -> None:
    server, url = stoppable
    database = Database(url, reactor)
    await database.start()
    try:
        await database.transact(_create)
        server.stop()
        for ask in (database.transact, database.read):
            with pytest.raises(OperationalError):
                await ask(_hits)
        server.start()
        await database.transact(_hit, 2)
        assert await database.read(_hits) == [0, 1]
    finally:
        await database.stop()


@pytest_twisted.ensureDeferred
async def test_several_processes_may_serve_and_nobody_changes_the_schema_meanwhile(fresh_postgres: str) -> None:
    first, second = Database(fresh_postgres, reactor), Database(fresh_postgres, reactor)
    await first.start()
    await second.start()
    with open_engine(fresh_postgres).connect() as upkeep:
        with pytest.raises(DatabaseLocked, match="a gateway process serves this database"):
            postgres.hold_for_upkeep(upkeep)
        await second.stop()
        await first.stop()
        postgres.hold_for_upkeep(upkeep)
        third = Database(fresh_postgres, reactor)
        with pytest.raises(DatabaseLocked, match="the schema of this database is being changed"):
            await third.start()
        await third.stop()


def test_another_driver_than_psycopg_is_refused_with_the_one_to_name() -> None:
    with pytest.raises(DatabaseUnsupported, match=r"database\.url = 'postgresql\+pg8000://u:\*\*\*@h/x'.*\+psycopg"):
        Database("postgresql+pg8000://u:secret@h/x", reactor)


@pytest_twisted.ensureDeferred
async def test_writers_beside_each_other_lose_no_update_and_draw_no_charge_twice(fresh_postgres: str) -> None:
    database = Database(fresh_postgres, reactor)
    await database.start()
    context = Context(
        now=World().context.now,
        programme=World().context.programme,
        catalogue=World().context.catalogue,
        ids=CountingIds(),
    )
    try:
        await database.transact(migrations.upgrade)
        people = [PutSubscriber(msisdn=msisdn) for msisdn in (A, B)]
        await database.transact(ledger.execute, [*people, join(A), join(B)], context)
        groups = []
        for number in range(ROUNDS):
            topups = [TopUp(topup_id=f"t{number}{of}", msisdn=of, amount=1_000) for of in (A, B)]
            charges = [DrawCharge(charge_id=f"c{number}", msisdn=A, type=ChargeType.USAGE, amount=300)]
            groups += [[*topups, *charges], [*charges, *reversed(topups)]]
        results = await gatherResults([database.transact(ledger.execute, group, context) for group in groups])
        outcomes = [one for some in results for one in some]
        assert all(isinstance(one, Outcome) for one in outcomes)
        assert sum(one.hit for one in outcomes) == len(outcomes) // 2
        found = await database.read(reads.balances_of, {A, B}, context.now, context.programme)
        assert [found[one].balances.main for one in (A, B)] == [ROUNDS * 700, ROUNDS * 1_000]
        assert (await database.audit(verify, context.programme)).is_ok
    finally:
        await database.stop()
