"""Exports as streams: one snapshot, only a few pieces ahead of a slow client, gone with a client that leaves."""

from pathlib import Path

import pytest
import pytest_twisted
from both_databases import METADATA
from ledger_world import A, World
from sqlalchemy import insert
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from billing.programme import MOSCOW
from billing.store import rows, schema
from billing.store.dialects import put_rows
from billing.store.writer import put
from gateway.database import open_engine
from gateway.journal_export import EXPORTS_MAX, PIECES_AHEAD_MAX, ROWS_AT_ONCE, JournalExports, TooManyExports, Wanted
from gateway.journal_lines import csv_cell

POSTINGS = ROWS_AT_ONCE * (PIECES_AHEAD_MAX + 20)
ALL = Wanted(start=None, end=None, form="csv")


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database with many postings of one subscription."""
    made = f"sqlite:///{tmp_path / 'own.sqlite3'}"
    engine = open_engine(made)
    world = World()
    world.member(A)
    with engine.begin() as connection:
        for metadata in METADATA:
            metadata.create_all(connection)
        put(connection, world.books.subscriptions.values(), world.context.now)
        (row,) = (rows.POSTING.row(one) for one in world.journal)
        put_rows(connection, schema.posting, [(row[0], n, n, *row[3:]) for n in range(1, POSTINGS + 1)])
    engine.dispose()
    return made


class Reader:
    """A client that may be slow."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.done: Deferred[bool] = Deferred()

    def write(self, piece: bytes) -> None:
        self.pieces.append(piece)


async def wait(seconds: float) -> None:
    await deferLater(reactor, seconds, lambda: None)  # type: ignore[arg-type] - Twisted's reactor is a module


@pytest_twisted.ensureDeferred
async def test_a_slow_client_is_waited_for_and_gets_the_snapshot_of_the_beginning(url: str) -> None:
    exports = JournalExports(url, reactor, zone=MOSCOW)
    reader, stream = Reader(), exports.open(ALL)
    stream.pauseProducing()
    stream.attach(reader.write, reader.done.callback)
    await wait(0.3)
    assert reader.pieces == []
    engine = open_engine(url)
    with engine.begin() as connection:
        first = connection.exec_driver_sql("SELECT * FROM posting LIMIT 1").one()
        names = schema.posting.columns.keys()
        late = dict(zip(names, first, strict=True)) | {"entry_no": POSTINGS + 1}
        connection.exec_driver_sql(
            str(insert(schema.posting).compile(dialect=connection.dialect)), tuple(late[name] for name in names)
        )
    engine.dispose()
    stream.resumeProducing()
    assert await reader.done is True
    lines = b"".join(reader.pieces).decode().splitlines()
    assert len(lines) == POSTINGS + 2
    assert lines[-1].startswith(f"trailer,{POSTINGS},block-0,,,,")
    await stream.ended
    await exports.stop()


@pytest_twisted.ensureDeferred
async def test_a_client_that_leaves_ends_the_thread_and_makes_room_for_another(url: str) -> None:
    exports = JournalExports(url, reactor, zone=MOSCOW)
    reader = Reader()
    streams = [exports.open(ALL) for _ in range(EXPORTS_MAX)]
    with pytest.raises(TooManyExports):
        exports.open(ALL)
    streams[0].pauseProducing()
    streams[0].attach(reader.write, reader.done.callback)
    await wait(0.1)
    streams[0].stopProducing()
    await streams[0].ended
    assert not reader.done.called
    streams[1].stopProducing()
    third = exports.open(ALL)
    await exports.stop()
    assert third.ended.called


@pytest_twisted.ensureDeferred
async def test_a_database_that_fails_breaks_the_export_off(tmp_path: Path) -> None:
    exports = JournalExports(f"sqlite:///{tmp_path / 'empty.sqlite3'}", reactor, zone=MOSCOW)
    reader, stream = Reader(), exports.open(ALL)
    stream.attach(reader.write, reader.done.callback)
    assert await reader.done is False
    await exports.stop()


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_no_cell_begins_as_a_formula(text: str) -> None:
    assert csv_cell(text).strip('"').startswith("'")
    assert csv_cell('say "x", y') == '"say ""x"", y"'
    assert csv_cell("plain") == "plain"
