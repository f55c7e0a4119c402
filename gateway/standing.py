"""Where the programme stands, as every transaction must see it: the business clock and the running catalogue.

Both are kept in memory and may be changed by another process. So every transaction on PostgreSQL begins with a look
at the rows, and a writing one keeps them from changing until it ends: what was answered by one process is what all
others decide by from then on, and nothing is committed at an instant behind one that was committed before.
"""

from typing import Any, Protocol

from sqlalchemy import Connection, func, select

from billing.store.dialects import run
from billing.store.schema import catalogue
from gateway.postgres import hold_still
from gateway.schema import business_clock

_WHERE = select(
    business_clock.c.now, select(func.coalesce(func.max(catalogue.c.version), 0)).scalar_subquery().label("version")
)


class Clock(Protocol):
    """The business clock's memory."""

    def saw(self, stored: int) -> None:
        """This is where its row stands, microseconds."""
        ...


class Directory(Protocol):
    """The catalogue's memory."""

    def saw(self, connection: Connection, version: int) -> None:
        """This is the newest version; `connection` has it."""
        ...


class Standing:
    """What `Database.follow` is given."""

    def __init__(self, clock: Clock, directory: Directory) -> None:
        self._clock = clock
        self._directory = directory

    def writing(self, connection: Connection) -> None:
        """A writing transaction begins."""
        hold_still(connection)
        self.reading(connection)

    def reading(self, connection: Connection) -> None:
        """A transaction begins that writes nothing a decision rests on, or changes where the programme stands."""
        row: Any = run(connection, _WHERE, {}).one()
        self._clock.saw(row[0])
        self._directory.saw(connection, row[1])
