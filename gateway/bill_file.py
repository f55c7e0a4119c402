"""Billing files: their lines are drawn in chunks that hold the database for a few hundredths of a second each.

A chunk is one transaction with its notices; other commands go in between. A chunk that was committed and not
answered is answered from its request keys when it comes again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from billing.charging import Split
from billing.decision import Context
from billing.errors import LedgerRefusal
from billing.store.bulk_charges import BulkLine, Drawn, draw_many
from gateway.database import Transactor
from gateway.notices import Timing, notices_for
from sms.outbox import enqueue

CHUNK_MS_TARGET = 60
"""What a chunk should take; live charges wait for one, and for its commit, often with a checkpoint in it.

Shorter ones cost speed: more commits, and pages of the trees that more of them write again.
"""
CHUNK_MIN = 500
CHUNK_MAX = 5_000
CHUNK_FIRST = 1_000
"""Lines of a chunk: fewest, most, and of the first one."""

MS_PER_S = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BillSurroundings:
    """What drawing in bulk is given: the decision's context, the notices' timing, a clock, fault points."""

    context: Callable[[], Context]
    timing: Callable[[datetime], Timing]
    monotonic: Callable[[], float]
    fault: Callable[[str], None]
    booked: Callable[[Sequence[Split], bool], None]
    """Called on the reactor after a commit: what is new, and whether there are notices."""


class BillFiles:
    """Draws chunks of lines; `chunk_lines` is how many the next one should have."""

    def __init__(self, database: Transactor, surroundings: BillSurroundings) -> None:
        self._database = database
        self._around = surroundings
        self.chunk_lines = CHUNK_FIRST

    async def draw(self, lines: Sequence[BulkLine]) -> Sequence[Split | LedgerRefusal]:
        """What became of each line, committed; the lines of one subscription draw in their order.

        Raises:
            SQLAlchemyError: the database failed; the request keys settle a repeat.
        """
        drawn, elapsed_ms = await self._database.transact(self._chunk, lines)
        if len(lines) >= self.chunk_lines or elapsed_ms > CHUNK_MS_TARGET:  # a rest that was quick says nothing
            self.chunk_lines = next_lines(len(lines), elapsed_ms)
        self._around.booked(drawn.booked, bool(drawn.events))
        return drawn.results

    def _chunk(self, connection: Connection, lines: Sequence[BulkLine]) -> tuple[Drawn, int]:
        began = self._around.monotonic()
        context = self._around.context()
        drawn = draw_many(connection, lines, context)
        enqueue(connection, notices_for(drawn.events, self._around.timing(context.now)))
        self._around.fault("bill.chunk")
        return drawn, int((self._around.monotonic() - began) * MS_PER_S)


def next_lines(lines: int, elapsed_ms: int) -> int:
    """Lines of the chunk after one of `lines` that took so long: nearer to the target, at most twice or half."""
    fitting = lines * CHUNK_MS_TARGET // max(elapsed_ms, 1)
    return max(CHUNK_MIN, min(CHUNK_MAX, max(lines // 2, min(lines * 2, fitting))))
