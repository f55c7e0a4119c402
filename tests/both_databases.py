"""Fixtures for one contract on both databases: `databases.open()` gives an empty one, on SQLite and on PostgreSQL.

PostgreSQL comes from `FIRSTCHARGE_TEST_DATABASE_URL` or from a wheel; where neither can be had its half is skipped
with the reason.
"""

import itertools
import os
from collections.abc import Iterator

import postgres_server
import pytest
from postgres_server import NoPostgres, Server
from sqlalchemy import Connection, Engine, create_engine, event, text

from billing.store import schema as billing_schema
from gateway import schema as gateway_schema
from gateway.database import open_engine
from sms.outbox import schema as outbox_schema

BOTH = ("sqlite", "postgresql")
METADATA = (billing_schema.metadata, outbox_schema.metadata, gateway_schema.metadata)
EMPTY_ALL = """
    CREATE FUNCTION empty_all() RETURNS void LANGUAGE plpgsql AS $$
    DECLARE one regclass; is_used boolean;
    BEGIN
        SET LOCAL session_replication_role = replica;
        FOR one IN SELECT c.oid FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM %s)', one) INTO is_used;
            IF is_used THEN EXECUTE format('TRUNCATE %s CASCADE', one); END IF;
        END LOOP;
        FOR one IN SELECT c.oid FROM pg_class c WHERE c.relkind = 'S' LOOP PERFORM setval(one, 1, false); END LOOP;
    END $$"""
"""Truncating only what was used takes a tenth of the time; as a replica no trigger forbids it."""
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_process() -> Iterator[Server]:
    """A server of our own, for tests that stop it."""
    try:
        with postgres_server.server() as running:
            yield running
    except NoPostgres as reason:
        pytest.skip(f"no PostgreSQL: {reason}")


@pytest.fixture(scope="session")
def postgres_url(request: pytest.FixtureRequest) -> str:
    """URL of a database whose user may create others."""
    given = os.environ.get(postgres_server.URL_VARIABLE)
    if given:
        return given
    running: Server = request.getfixturevalue("postgres_process")
    return running.url


@pytest.fixture
def fresh_postgres(postgres_url: str) -> Iterator[str]:
    """URL of an empty database without tables."""
    name = _name()
    yield postgres_server.new_database(postgres_url, name)
    postgres_server.drop_database(postgres_url, name)


class Pool:
    """Databases with all tables, made when they are wanted and emptied to be used again."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._free: list[tuple[str, Engine]] = []

    def take(self) -> tuple[str, Engine]:
        """An empty database: (name, engine)."""
        if self._free:
            return self._free.pop()
        name = _name()
        engine = open_engine(postgres_server.new_database(self._url, name))
        with engine.begin() as connection:
            _create(connection)
            connection.execute(text(EMPTY_ALL))
        return name, engine

    def give_back(self, name: str, engine: Engine) -> None:
        """Empty it, whatever was committed in it."""
        with engine.begin() as connection:
            connection.execute(text("SELECT empty_all()"))
        self._free.append((name, engine))

    def drop(self) -> None:
        """Drop all that were given back."""
        for name, engine in self._free:
            engine.dispose()
            postgres_server.drop_database(self._url, name)


@pytest.fixture(scope="session")
def postgres_pool(postgres_url: str) -> Iterator[Pool]:
    """Where the contract suites take their databases from."""
    pool = Pool(postgres_url)
    yield pool
    pool.drop()


class Databases:
    """Opens as many databases of one kind as a test wants."""

    def __init__(self, pool: Pool | None) -> None:
        self.kind = "sqlite" if pool is None else "postgresql"
        self._pool = pool
        self._opened: list[tuple[Connection, str]] = []

    def open(self) -> Connection:
        """A connection to an empty database with all tables, closed with the test. Do not commit schema changes."""
        name, engine = ("", _sqlite()) if self._pool is None else self._pool.take()
        connection = engine.connect()
        if self._pool is None:
            _create(connection)
        self._opened.append((connection, name))
        return connection

    def close(self) -> None:
        """Close all."""
        for connection, name in self._opened:
            connection.close()
            if self._pool is None:
                connection.engine.dispose()
            else:
                self._pool.give_back(name, connection.engine)


@pytest.fixture(params=BOTH)
def databases(request: pytest.FixtureRequest) -> Iterator[Databases]:
    """Empty databases, on SQLite and on PostgreSQL."""
    found = Databases(None if request.param == "sqlite" else request.getfixturevalue("postgres_pool"))
    yield found
    found.close()


def drop_guards(connection: Connection) -> None:
    """Let anything be written, as no code would: no CHECK, no foreign key, no trigger."""
    if connection.dialect.name == "sqlite":
        for trigger in ("posting_no_update", "posting_no_delete"):
            connection.execute(text(f"DROP TRIGGER {trigger}"))
        connection.execute(text("PRAGMA ignore_check_constraints = ON"))
        return
    connection.execute(text("DROP TRIGGER posting_no_change ON posting"))
    guards = (
        "SELECT conrelid::regclass::text, conname FROM pg_constraint"
        " WHERE contype IN ('c', 'f') AND connamespace = 'public'::regnamespace"
    )
    for table, name in connection.execute(text(guards)).all():
        connection.execute(text(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'))


def _name() -> str:
    return f"fc_{os.getpid()}_{next(_numbers)}"


def _sqlite() -> Engine:
    engine = create_engine("sqlite://")

    @event.listens_for(engine, "connect")
    def _foreign_keys(connection: object, _record: object) -> None:
        connection.execute("PRAGMA foreign_keys=ON")  # type: ignore[attr-defined]

    return engine


def _create(connection: Connection) -> None:
    for metadata in METADATA:
        metadata.create_all(connection)
