"""How many lines of a billing file are drawn together: what fits the time a chunk may hold the database."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred, succeed

from billing.commands import DrawCharge
from billing.store.bulk_charges import BulkLine, Drawn, bulk_line
from billing.words import ChargeType
from gateway.bill_file import (
    CHUNK_FIRST,
    CHUNK_MAX,
    CHUNK_MIN,
    CHUNK_MS_TARGET,
    BillFiles,
    BillSurroundings,
    next_lines,
)

LINE = bulk_line(DrawCharge(charge_id="c", msisdn="79160000001", type=ChargeType.USAGE, amount=100))


class Timed:
    """Draws nothing, in the time it is told."""

    def __init__(self) -> None:
        self.elapsed_ms = 0

    def transact(self, _work: Callable[..., Any], _lines: Sequence[BulkLine]) -> Deferred[Any]:
        return succeed((Drawn(results=(), events=(), booked=()), self.elapsed_ms))


def never(*_: object) -> Any:
    raise AssertionError("nothing is drawn")


@pytest.mark.parametrize(
    ("lines", "elapsed_ms", "following"),
    [
        (1_000, CHUNK_MS_TARGET, 1_000),
        (1_000, 0, 2_000),
        (1_000, CHUNK_MS_TARGET * 10, 500),
        (CHUNK_MAX, 1, CHUNK_MAX),
        (CHUNK_MIN, 10_000, CHUNK_MIN),
    ],
)
def test_the_next_chunk_is_nearer_to_the_target_within_its_limits(
    lines: int, elapsed_ms: int, following: int
) -> None:
    assert next_lines(lines, elapsed_ms) == following


@pytest_twisted.ensureDeferred
async def test_a_rest_that_was_drawn_quickly_says_nothing_of_whole_chunks_one_that_took_long_does() -> None:
    database = Timed()
    around = BillSurroundings(
        context=never,
        timing=never,
        monotonic=never,
        fault=never,
        booked=lambda _drawn, _told: None,
    )
    files = BillFiles(database, around)  # type: ignore[arg-type] - as much of it as is used
    await files.draw([LINE] * CHUNK_FIRST)
    assert files.chunk_lines == 2 * CHUNK_FIRST
    database.elapsed_ms = CHUNK_MS_TARGET
    await files.draw([LINE] * 3)
    assert files.chunk_lines == 2 * CHUNK_FIRST
    database.elapsed_ms = CHUNK_MS_TARGET + 1
    await files.draw([LINE] * 3)
    assert files.chunk_lines == CHUNK_MIN
