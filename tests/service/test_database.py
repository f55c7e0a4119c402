"""The database door: one function, one transaction; a reader beside the writer; one process per file."""

import contextvars
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError
from twisted.internet import reactor

from gateway.database import Database, DatabaseLocked, DatabaseUnsupported, open_engine


def _url(folder: Path) -> str:
    return f"sqlite:///{folder / 'ledger.sqlite'}"


def _create(connection: Connection) -> None:
    connection.execute(text("CREATE TABLE thing (n INTEGER)"))


def _add(connection: Connection, n: int, *, then: Exception | None = None) -> None:
    connection.execute(text("INSERT INTO thing VALUES (:n)"), {"n": n})
    if then is not None:
        raise then


def _all(connection: Connection) -> list[Any]:
    return [row.n for row in connection.execute(text("SELECT n FROM thing ORDER BY n"))]


@pytest_twisted.ensureDeferred
async def test_work_that_raises_leaves_nothing_behind(tmp_path: Path) -> None:
    database = Database(_url(tmp_path), reactor)
    await database.start()
    await database.transact(_create)
    await database.transact(_add, 1)
    with pytest.raises(ValueError, match="no"):
        await database.transact(_add, 2, then=ValueError("no"))
    assert await database.read(_all) == [1]
    await database.stop()


@pytest_twisted.ensureDeferred
async def test_a_reader_sees_the_state_before_while_a_writer_is_at_work(tmp_path: Path) -> None:
    database = Database(_url(tmp_path), reactor)
    await database.start()
    await database.transact(_create)
    seen: list[list[int]] = []

    def write_and_look(connection: Connection, other: Any) -> None:
        _add(connection, 1)
        with other.connect() as beside:
            seen.append(_all(beside))

    await database.transact(write_and_look, database._reader._engine)
    assert seen == [[]]
    assert await database.read(_all) == [1]
    await database.stop()


@pytest_twisted.ensureDeferred
async def test_the_reader_cannot_write(tmp_path: Path) -> None:
    database = Database(_url(tmp_path), reactor)
    await database.start()
    await database.transact(_create)
    with pytest.raises(OperationalError, match="readonly"):
        await database.read(_add, 1)
    assert await database.read(_all) == []
    await database.stop()


@pytest_twisted.ensureDeferred
async def test_a_second_process_on_the_same_file_is_refused(tmp_path: Path) -> None:
    first = Database(_url(tmp_path), reactor)
    await first.start()
    with pytest.raises(DatabaseLocked, match=r"ledger\.sqlite is served by another gateway process"):
        await Database(_url(tmp_path), reactor).start()
    await first.stop()
    again = Database(_url(tmp_path), reactor)
    await again.start()
    await again.stop()


@pytest_twisted.ensureDeferred
async def test_context_variables_travel_into_the_thread(tmp_path: Path) -> None:
    trace: contextvars.ContextVar[str] = contextvars.ContextVar("trace", default="none")
    database = Database(_url(tmp_path), reactor)
    await database.start()
    trace.set("t-1")
    assert await database.read(lambda _connection: trace.get()) == "t-1"
    await database.stop()


def test_another_database_than_sqlite_is_refused_with_the_key_to_mend() -> None:
    with pytest.raises(DatabaseUnsupported, match=r"database\.url"):
        Database("mysql://localhost/x", reactor)


@pytest.mark.parametrize("given", ["file", "postgresql+psycopg://host/name"])
def test_an_error_does_not_tell_what_a_statement_was_given(tmp_path: Path, given: str) -> None:
    engine = open_engine(_url(tmp_path) if given == "file" else given)
    error = engine.dialect.loaded_dbapi.OperationalError("gone")
    told = DBAPIError.instance(
        "INSERT INTO membership", {"full_name": "Anna"}, error, Exception, hide_parameters=engine.hide_parameters
    )
    assert "Anna" not in str(told)


@pytest_twisted.ensureDeferred
async def test_one_that_never_started_stops_at_once(tmp_path: Path) -> None:
    holder = Database(_url(tmp_path), reactor)
    await holder.start()
    second = Database(_url(tmp_path), reactor)
    try:
        with pytest.raises(DatabaseLocked):
            await second.start()
        await second.stop()
    finally:
        await holder.stop()
