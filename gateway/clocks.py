"""The business clock: decides months, expiry, quiet hours and booked instants.

`system` follows the wall clock. `manual` stands still until it is moved forward; a move is a small discrete-event
loop: due work runs in the order of its instants with the clock standing at each. The instant is kept in the
database, survives a restart and is followed by every process; one at a time moves it.
"""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, insert, select, update

from billing.store.columns import from_micros, to_micros
from gateway.database import Changer
from gateway.http.ports import ClockRefused, DueWork
from gateway.schema import business_clock

DUE_STEPS_MAX = 10_000
"""Steps of one move: a thousand years of months with their mornings; more is a source that never advances."""


class DueSource(Protocol):
    """Something that has work due at business instants."""

    name: str

    async def next_due(self, until: datetime) -> datetime | None:
        """The earliest instant at or before `until` at which work is waiting; None when there is none."""
        ...

    async def run_due(self, at: datetime) -> None:
        """Do what is due at `at`; afterwards `next_due` must not give `at` for the same work again."""
        ...


class Turn(Protocol):
    """The right to move the clock, which one has at a time."""

    async def acquire(self) -> None:
        """Wait for it."""
        ...

    async def release(self) -> None:
        """Give it back."""
        ...

    def confirm(self, connection: Connection) -> None:
        """Keep it until the transaction ends; raises where it was lost."""
        ...


class SystemClock:
    """The business clock that follows the wall clock."""

    def __init__(self, wall: Callable[[], datetime]) -> None:
        self._wall = wall

    def now(self) -> datetime:
        """Now, aware, UTC."""
        return self._wall()

    async def look(self) -> datetime:
        """The same."""
        return self._wall()

    def saw(self, stored: int) -> None:
        """Its row says nothing."""


class ManualClock:
    """The business clock that stands until it is moved, by this process or by another one."""

    def __init__(self, database: Changer, stored: datetime, turn: Turn) -> None:
        """`stored` is where `open_clock` found it."""
        self._database = database
        self._now = stored
        self._turn = turn
        self._looking = threading.Lock()

    def now(self) -> datetime:
        """Where the clock stands, aware, UTC; in a transaction it is what its row says."""
        return self._now

    async def look(self) -> datetime:
        """Where its row stands now."""
        await self._database.read(_at_its_beginning)
        return self._now

    def saw(self, stored: int) -> None:
        """This is where its row stands; called from database threads."""
        if stored > to_micros(self._now):
            self._forward_to(from_micros(stored))

    async def advance(self, to: datetime, sources: Sequence[DueSource], ran: list[DueWork]) -> None:
        """Move forward to `to`, running what is due on the way, in the order of its instants.

        Sources that are due at the same instant run in the order given; `ran` grows as they do. Moves queue up
        behind each other, in all processes.

        Raises:
            ClockRefused: `to` lies before where the clock stands.
        """
        await self._turn.acquire()
        try:
            if to < await self.look():
                raise ClockRefused(f"the business clock stands at {self._now.isoformat()}; it only moves forward")
            for _ in range(DUE_STEPS_MAX):
                due = await earliest(sources, to)
                if due is None:
                    await self._stand_at(to)
                    break
                source, at = due
                await self._stand_at(max(at, self._now))
                await source.run_due(self._now)
                ran.append(DueWork(at=self._now, what=source.name))
            else:
                raise AssertionError(f"more than {DUE_STEPS_MAX} pieces of due work before {to.isoformat()}")
            for source in sources:
                await source.run_due(self._now)
        finally:
            await self._turn.release()

    async def _stand_at(self, at: datetime) -> None:
        if at == self._now:
            return
        await self._database.change(self._store, at)
        self._forward_to(at)

    def _store(self, connection: Connection, at: datetime) -> None:
        self._turn.confirm(connection)
        store_now(connection, at)

    def _forward_to(self, at: datetime) -> None:
        with self._looking:
            self._now = max(self._now, at)


def _at_its_beginning(_connection: Connection) -> None:
    """A transaction that only looks where the programme stands, as all do."""


async def earliest(sources: Sequence[DueSource], until: datetime) -> tuple[DueSource, datetime] | None:
    """The source with the earliest due instant up to `until`, the first of equals."""
    best: tuple[DueSource, datetime] | None = None
    for source in sources:
        at = await source.next_due(until)
        if at is not None and (best is None or at < best[1]):
            best = (source, at)
    return best


def open_clock(connection: Connection, start: datetime) -> tuple[datetime, datetime]:
    """(stored now, installed at) of the clock row, made with `start` at the first start ever."""
    row = connection.execute(select(business_clock.c.now, business_clock.c.installed_at)).one_or_none()
    if row is None:
        micros = to_micros(start)
        connection.execute(insert(business_clock).values(id=1, now=micros, installed_at=micros))
        return start, start
    return from_micros(row.now), from_micros(row.installed_at)


def store_now(connection: Connection, at: datetime) -> None:
    """Commit where the manual clock stands; never back."""
    micros = to_micros(at)
    connection.execute(update(business_clock).where(business_clock.c.now < micros).values(now=micros))
