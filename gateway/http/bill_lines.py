"""`POST /v1/bill-lines`: a piece of a billing file. JSON lines in and out, same order, drawn in bulk.

A line is that of `/v1/charges/batch`, its answer is the split alone. While one chunk is in the database the next one
is read from the wire; the answers wait in a spool file until the body has ended, as those of the batch call do.
"""

from collections.abc import Awaitable, Sequence
from functools import partial
from typing import IO, NamedTuple, NotRequired, Protocol

import msgspec
from twisted.internet.defer import Deferred
from typing_extensions import TypedDict

from billing.charging import Split, status_of
from billing.commands import DrawCharge
from billing.errors import LedgerRefusal
from billing.money import format_money
from billing.store.bulk_charges import BulkLine, bulk_line
from gateway.http.auth import Scope
from gateway.http.charge_lines import command_of
from gateway.http.routing import Call, Reply, Route
from gateway.http.spooling import JSON_LINES, spooled_lines
from gateway.http.streams import LineStream

PIECE_OCTETS_MAX = 64 << 20
LINES_AT_ONCE_MAX = 512
"""Lines read in one turn of the reactor."""

_encode = msgspec.json.Encoder().encode


class BulkDrawing(Protocol):
    """Draws lines in chunks."""

    @property
    def chunk_lines(self) -> int:
        """How many lines the next chunk should have."""
        ...

    def draw(self, lines: Sequence[BulkLine], /) -> Awaitable[Sequence[Split | LedgerRefusal]]:
        """What became of each line, committed."""
        ...


class SplitLine(TypedDict):
    """How a line was paid, or why it was not; `field` names what is wrong in a malformed line."""

    charge_id: str | None
    msisdn: NotRequired[str]
    amount: NotRequired[str]
    cashback: NotRequired[str]
    main: NotRequired[str]
    unpaid: NotRequired[str]
    status: NotRequired[str]
    code: NotRequired[str]
    detail: NotRequired[str]


_Read = BulkLine | bytes
"""A line that can be drawn, or the answer to one that cannot be read."""


class BillLines:
    """The call. A refusal is its line's answer; when the database fails, the whole piece is to come again."""

    def __init__(self, drawing: BulkDrawing) -> None:
        self._drawing = drawing

    async def draw_all(self, call: Call) -> Reply:
        """Draw every line; overall 200."""
        assert call.stream is not None  # noqa: S101 - the route streams
        return await spooled_lines(partial(self._draw_into, call.stream))

    async def _draw_into(self, stream: LineStream, spool: IO[bytes]) -> None:
        """One chunk is drawn while the one before it is answered and the next one gathers."""
        under_way: _Chunk | None = None
        gathered: list[_Read] = []
        try:
            while lines := await stream.take(LINES_AT_ONCE_MAX):
                gathered += [_read(line) for line in lines]
                if len(gathered) >= self._drawing.chunk_lines:
                    done, under_way = under_way, None
                    results = await done.drawn if done else ()
                    under_way, gathered = self._begin(gathered), []
                    if done:
                        _write(spool, done.lines, results)
        finally:
            results = await under_way.drawn if under_way else ()
        if under_way:
            _write(spool, under_way.lines, results)
        if gathered:
            _write(spool, gathered, await self._draw(gathered))

    def _begin(self, lines: Sequence[_Read]) -> "_Chunk":
        return _Chunk(lines, Deferred.fromCoroutine(self._draw(lines)))

    async def _draw(self, lines: Sequence[_Read]) -> Sequence[Split | LedgerRefusal]:
        """What became of those that could be read."""
        read = [line for line in lines if not isinstance(line, bytes)]
        return await self._drawing.draw(read) if read else ()

    def routes(self) -> list[Route]:
        """The route."""
        return [
            Route(
                method="POST",
                path="/v1/bill-lines",
                handler=self.draw_all,
                summary="Draw a piece of a billing file in bulk: JSON lines in, their splits out, same order",
                scopes=frozenset({Scope.BILLING}),
                answers={200: SplitLine},
                stream=True,
                content_type=JSON_LINES,
                produces=JSON_LINES,
                body_octets_max=PIECE_OCTETS_MAX,
            )
        ]


class _Chunk(NamedTuple):
    """Lines whose drawing is under way."""

    lines: Sequence[_Read]
    drawn: "Deferred[Sequence[Split | LedgerRefusal]]"


def _write(spool: IO[bytes], lines: Sequence[_Read], results: Sequence[Split | LedgerRefusal]) -> None:
    coming = iter(results)
    spool.write(
        b"".join([line if isinstance(line, bytes) else _answer(line.command, next(coming)) for line in lines])
    )


def _read(line: bytes | None) -> _Read:
    found = command_of(line)
    return found if isinstance(found, bytes) else bulk_line(found)


def _answer(command: DrawCharge, result: Split | LedgerRefusal) -> bytes:
    amount = format_money(command.amount)
    if isinstance(result, LedgerRefusal):
        named = f"{result.field}: {result.detail}" if result.field else result.detail
        refused: SplitLine = {
            "charge_id": command.charge_id,
            "msisdn": command.msisdn,
            "amount": amount,
            "code": result.code,
            "detail": named,
        }
        return _encode(refused) + b"\n"
    line: SplitLine = {
        "charge_id": command.charge_id,
        "msisdn": command.msisdn,
        "amount": amount,
        "cashback": format_money(result.cashback),
        "main": format_money(result.main),
        "unpaid": format_money(result.unpaid),
        "status": status_of(paid=result.cashback + result.main, unpaid=result.unpaid).value,
    }
    return _encode(line) + b"\n"
