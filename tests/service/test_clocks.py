"""The manual clock is a small discrete-event loop: due work in the order of its instants, the clock at each."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor

from billing.store.columns import from_micros, to_micros
from gateway import schema
from gateway.clocks import ManualClock, open_clock
from gateway.database import Database
from gateway.http.ports import ClockRefused, DueWork
from gateway.leases import DueTurn

START = datetime(2025, 3, 3, 9, 0, tzinfo=UTC)


class _Source:
    """Work due at given instants; remembers where the clock stood when it ran."""

    def __init__(self, name: str, *instants: datetime) -> None:
        self.name = name
        self.instants = sorted(instants)
        self.ran_at: list[tuple[datetime, datetime]] = []
        self.clock: ManualClock | None = None
        self.after: dict[datetime, tuple[_Source, datetime]] = {}

    async def next_due(self, until: datetime) -> datetime | None:
        return self.instants[0] if self.instants and self.instants[0] <= until else None

    async def run_due(self, at: datetime) -> None:
        assert self.clock is not None
        if not self.instants or self.instants[0] > at:
            return
        self.ran_at.append((at, self.clock.now()))
        done = self.instants.pop(0)
        if done in self.after:
            other, instant = self.after[done]
            other.instants = sorted([*other.instants, instant])


async def _clock(tmp_path: Path) -> tuple[Database, ManualClock]:
    database = Database(f"sqlite:///{tmp_path / 'clock.sqlite'}", reactor)
    await database.start()
    await database.transact(schema.metadata.create_all)
    stored, _ = await database.transact(open_clock, START)
    turn = DueTurn(database, reactor, owner="only", wall=lambda: START, is_shared=False)
    return database, ManualClock(database, stored, turn)


@pytest_twisted.ensureDeferred
async def test_due_work_runs_in_the_order_of_its_instants_with_the_clock_at_each(tmp_path: Path) -> None:
    database, clock = await _clock(tmp_path)
    day = timedelta(days=1)
    month, messages = _Source("month", START + 2 * day), _Source("messages", START + day, START + 5 * day)
    month.clock = messages.clock = clock
    morning = START + 2 * day + timedelta(hours=9)
    month.after = {START + 2 * day: (messages, morning)}
    ran: list[DueWork] = []
    await clock.advance(START + 4 * day, [month, messages], ran)
    assert [(one.what, one.at) for one in ran] == [
        ("messages", START + day),
        ("month", START + 2 * day),
        ("messages", morning),
    ]
    assert all(at == stood for at, stood in month.ran_at + messages.ran_at)
    assert clock.now() == START + 4 * day
    await database.stop()


@pytest_twisted.ensureDeferred
async def test_the_clock_never_goes_back_and_stays_where_it_was(tmp_path: Path) -> None:
    database, clock = await _clock(tmp_path)
    with pytest.raises(ClockRefused, match="only moves forward"):
        await clock.advance(START - timedelta(microseconds=1), [], [])
    assert clock.now() == START
    await database.stop()


@pytest_twisted.ensureDeferred
async def test_where_the_clock_stands_survives_a_restart_and_the_first_start_is_kept(tmp_path: Path) -> None:
    database, clock = await _clock(tmp_path)
    await clock.advance(START + timedelta(days=40), [], [])
    again, installed = await database.transact(open_clock, START + timedelta(days=99))
    assert again == START + timedelta(days=40)
    assert installed == START
    await database.stop()


def test_instants_are_kept_to_the_microsecond() -> None:
    instant = datetime(2025, 3, 31, 20, 59, 59, 999_999, tzinfo=UTC)
    assert from_micros(to_micros(instant)) == instant
