"""What keeps two transactions apart: row locks on PostgreSQL, one writer on SQLite, a commit nobody asks twice."""

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from both_databases import METADATA
from ledger_world import A, B, World
from msgspec.structs import replace
from sqlalchemy import Connection, Engine, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from twisted.internet import reactor

from billing.commands import DrawCharge, PutSubscriber, TopUp
from billing.decision import Outcome
from billing.records import Balances, Subscription, Tariff
from billing.store import month, schema
from billing.store.catalogue import put_tariff
from billing.store.dialects import lock_balances
from billing.store.ledger import execute
from billing.store.verify import verify
from billing.store.writer import put
from billing.words import ChargeType
from gateway import campaigns, leases
from gateway.database import Database, open_engine
from gateway.postgres import SERVING_LOCK

CONTEXT = World().context
WAIT_S = 20


@pytest.fixture
def engine(fresh_postgres: str) -> Iterator[Engine]:
    """A PostgreSQL with all tables."""
    made = open_engine(fresh_postgres)
    with made.begin() as connection:
        for metadata in METADATA:
            metadata.create_all(connection)
    yield made
    made.dispose()


def done(connection: Connection, *commands: Any) -> list[Outcome]:
    results = execute(connection, commands, CONTEXT)
    assert all(isinstance(one, Outcome) for one in results), results
    return [one for one in results if isinstance(one, Outcome)]


def charge(charge_id: str, amount: int) -> DrawCharge:
    return DrawCharge(charge_id=charge_id, msisdn=A, type=ChargeType.USAGE, amount=amount)


class Beside:
    """Work of another transaction, in a thread, that has to wait for somebody."""

    def __init__(self, engine: Engine, work: Callable[[Connection], Any]) -> None:
        self._engine = engine
        self._work = work
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def waits_for_a_lock(self) -> None:
        """Return once the server says that somebody waits."""
        waiting = text(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            with self._engine.connect() as connection:
                if connection.execute(waiting).scalar_one():
                    return
            assert self._thread.is_alive(), f"it waited for nobody: {self._failure}"
            time.sleep(0.01)
        raise AssertionError("nobody waits")

    def join(self) -> None:
        """Wait for its commit."""
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()
        assert self._failure is None, self._failure

    def _run(self) -> None:
        try:
            with self._engine.begin() as connection:
                self._work(connection)
        except BaseException as failure:  # noqa: BLE001 - told by join, in the test's own thread
            self._failure = failure


def test_a_charge_that_meets_another_of_the_same_number_decides_on_what_that_one_left(engine: Engine) -> None:
    with engine.begin() as connection:
        done(connection, PutSubscriber(msisdn=A), TopUp(topup_id="t", msisdn=A, amount=1_000))
    with engine.connect() as first:
        done(first, charge("c-1", 700))
        second = Beside(engine, lambda connection: done(connection, charge("c-2", 700)))
        second.waits_for_a_lock()
        first.commit()
    second.join()
    with engine.connect() as connection:
        columns = schema.charge.c
        parts = connection.execute(select(columns.charge_id, columns.main, columns.unpaid)).all()
        assert sorted(tuple(one) for one in parts) == [("c-1", 700, 0), ("c-2", 300, 400)]
        assert verify(connection, CONTEXT.programme).is_ok


def test_one_id_for_two_numbers_at_once_is_one_request(engine: Engine) -> None:
    with engine.begin() as connection:
        people = [PutSubscriber(msisdn=A), PutSubscriber(msisdn=B)]
        done(connection, *people, *(TopUp(topup_id=f"t-{of}", msisdn=of, amount=1_000) for of in (A, B)))
    with engine.connect() as first:
        done(first, charge("c-1", 700))
        second = Beside(engine, lambda connection: done(connection, replace(charge("c-1", 700), msisdn=B)))
        second.waits_for_a_lock()
        first.commit()
    with pytest.raises(AssertionError, match="pk_request_key"):
        second.join()
    with engine.connect() as connection:
        assert verify(connection, CONTEXT.programme).is_ok
        assert connection.execute(select(schema.charge.c.main)).scalars().all() == [700]


def test_balance_rows_are_locked_in_id_order_however_they_lie(engine: Engine) -> None:
    with engine.begin() as connection:
        for key in (2, 1):
            subscription = Subscription(subscription_id=key, msisdn=f"7916000000{key}", created_at=CONTEXT.now)
            put(connection, [subscription, Balances(subscription_id=key, credited_period="2025-03")], CONTEXT.now)

    def lock_both(connection: Connection) -> None:
        for path in ("indexscan", "bitmapscan", "indexonlyscan"):
            connection.execute(text(f"SET LOCAL enable_{path} = off"))
        lock_balances(connection, [2, 1])

    row = select(schema.balance.c.subscription_id)
    with engine.connect() as first, engine.connect() as third:
        first.execute(row.where(schema.balance.c.subscription_id == 1).with_for_update())
        second = Beside(engine, lock_both)
        second.waits_for_a_lock()
        third.execute(row.where(schema.balance.c.subscription_id == 2).with_for_update(nowait=True))
        third.rollback()
        first.rollback()
    second.join()


def test_a_months_chunk_waits_for_a_charge_and_decides_on_what_it_left(engine: Engine) -> None:
    first_of_april = World().at("2025-04-01 00:00").context
    with engine.begin() as connection:
        put_tariff(connection, Tariff(code="smart", fee=65_000))
        done(connection, PutSubscriber(msisdn=A, tariff="smart"), TopUp(topup_id="t", msisdn=A, amount=100_000))

    def run_month(connection: Connection) -> None:
        run = month.request_run(connection, "2025-04", first_of_april)
        bounds = month.next_bounds(connection, run, 100)
        assert bounds is not None
        month.run_chunk(connection, "2025-04", bounds, first_of_april)

    with engine.connect() as first:
        done(first, charge("c-1", 50_000))
        second = Beside(engine, run_month)
        second.waits_for_a_lock()
        first.commit()
    second.join()
    with engine.connect() as connection:
        columns = schema.charge.c
        fee = connection.execute(select(columns.main, columns.unpaid).where(columns.period == "2025-04")).one()
        assert tuple(fee) == (50_000, 15_000)
        assert verify(connection, CONTEXT.programme).is_ok


def test_two_processes_that_both_run_the_month_take_chunks_that_do_not_overlap(engine: Engine) -> None:
    first_of_april = World().at("2025-04-01 00:00").context
    with engine.begin() as connection:
        put_tariff(connection, Tariff(code="smart", fee=65_000))
        done(connection, PutSubscriber(msisdn=A, tariff="smart"), PutSubscriber(msisdn=B, tariff="smart"))
        run = month.request_run(connection, "2025-04", first_of_april)

    def take_chunk(connection: Connection, size: int) -> None:
        bounds = month.next_bounds(connection, run, size)
        assert bounds is not None
        month.run_chunk(connection, "2025-04", bounds, first_of_april)

    with engine.connect() as first:
        take_chunk(first, 1)
        second = Beside(engine, partial(take_chunk, size=2))
        second.waits_for_a_lock()
        first.commit()
    second.join()
    with engine.connect() as connection:
        ended = month.request_run(connection, "2025-04", first_of_april)
        charged = connection.execute(select(schema.charge.c.amount)).scalars().all()
        assert (ended.charged_count, ended.charged_amount) == (len(charged), sum(charged)) == (2, 130_000)


def test_a_consent_that_a_campaign_has_read_stays_until_its_adverts_are_committed(engine: Engine) -> None:
    with engine.begin() as connection:
        done(connection, PutSubscriber(msisdn=A))
        [key] = connection.execute(select(schema.subscription.c.subscription_id)).scalars()
        connection.execute(
            insert(schema.membership).values(
                subscription_id=key,
                state="active",
                channel="web",
                form="login",
                adverts=True,
                joined_at=CONTEXT.now,
                terms_accepted_at=CONTEXT.now,
            )
        )
    with engine.connect() as campaign, engine.connect() as stop:
        assert len(campaign.execute(campaigns._MEMBERS).all()) == 1
        stop.execute(text("SET LOCAL lock_timeout = 50"))
        with pytest.raises(OperationalError, match="lock timeout"):
            stop.execute(update(schema.membership).values(adverts=False))


def test_a_lease_that_lapses_during_a_transaction_is_taken_over_after_its_commit(engine: Engine) -> None:
    with engine.begin() as connection:
        assert leases.take(connection, "work", "one", CONTEXT.now, lease_s=0.3)
    with engine.connect() as one, engine.connect() as other:
        leases.confirm(one, "work", "one", CONTEXT.now)
        time.sleep(0.4)
        other.execute(text("SET LOCAL lock_timeout = 50"))
        with pytest.raises(OperationalError, match="lock timeout"):
            leases.take(other, "work", "other", CONTEXT.now)
        other.rollback()
        one.commit()
        assert leases.take(other, "work", "other", CONTEXT.now)


def test_the_journal_is_never_truncated(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(IntegrityError, match="append-only"):
        connection.execute(text("TRUNCATE posting CASCADE"))


def test_sqlites_writer_has_the_file_alone_from_its_first_statement_on(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'own.sqlite3'}"
    first, second = open_engine(url), open_engine(url)
    with first.connect() as one, second.connect() as other:
        one.execute(text("SELECT 1"))
        raw: Any = other.connection.driver_connection
        raw.execute("PRAGMA busy_timeout = 20")
        with pytest.raises(OperationalError, match="locked"):
            other.execute(text("SELECT 1"))


def test_the_sqlite_we_open_keeps_foreign_keys_and_commits_to_the_disk(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'own.sqlite3'}")
    with engine.connect() as connection:
        for metadata in METADATA:
            metadata.create_all(connection)
        found = [connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in ("journal_mode", "synchronous")]
        assert found == ["wal", 2]
        with pytest.raises(IntegrityError, match="FOREIGN KEY"):
            put(connection, [Balances(subscription_id=99, credited_period="2025-03")], CONTEXT.now)


@pytest_twisted.ensureDeferred
async def test_a_commit_under_which_the_connection_broke_is_not_asked_for_again(fresh_postgres: str) -> None:
    database = Database(fresh_postgres, reactor)
    await database.start()
    runs: list[int] = []

    def prepare(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE thing (n integer)"))
        connection.execute(
            text(
                "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$"
            )
        )
        connection.execute(
            text(
                "CREATE CONSTRAINT TRIGGER dies AFTER INSERT ON thing DEFERRABLE INITIALLY DEFERRED"
                " FOR EACH ROW EXECUTE FUNCTION die()"
            )
        )

    def add(connection: Connection) -> None:
        runs.append(1)
        connection.execute(text("INSERT INTO thing VALUES (1)"))

    try:
        await database.transact(prepare)
        with pytest.raises(DBAPIError):
            await database.transact(add)
        assert runs == [1]
    finally:
        await database.stop()


@pytest_twisted.ensureDeferred
async def test_after_a_lost_session_the_next_one_serves_the_database_again(fresh_postgres: str) -> None:
    database = Database(fresh_postgres, reactor)
    await database.start()
    engine = open_engine(fresh_postgres)
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    lock = text("SELECT pg_try_advisory_lock(:key)")
    try:
        with engine.connect() as connection:
            assert not connection.execute(lock, {"key": SERVING_LOCK}).scalar_one()
            connection.execute(text(f"SELECT pg_terminate_backend(pid, 5000) {others}"))
            await database.transact(lambda one: one.execute(text("SELECT 1")).scalar_one())
            assert not connection.execute(lock, {"key": SERVING_LOCK}).scalar_one()
    finally:
        await database.stop()
        engine.dispose()
