"""`POST /v1/charges/batch`: JSON lines in and out, same order, in constant memory.

Lines are drawn while the body arrives. The answers go into a spool file and out once the body has ended: a client
that sends everything before it reads would otherwise stop us, and we it.
"""

from collections.abc import Sequence
from functools import partial
from typing import IO
from zoneinfo import ZoneInfo

from twisted.internet.defer import Deferred

from billing.commands import DrawCharge
from gateway.http.auth import Scope
from gateway.http.charge_lines import RefusedLine, answer_of, command_of
from gateway.http.charges import ChargeDocument
from gateway.http.ports import Ledger
from gateway.http.routing import Call, Reply, Route
from gateway.http.spooling import JSON_LINES, spooled_lines
from gateway.http.streams import LineStream

BATCH_OCTETS_MAX = 64 << 20
LINES_AT_ONCE_MAX = 512


class ChargesBatch:
    """The batch call. A refusal is its line's answer; when the database fails, the whole batch is to come again."""

    def __init__(self, ledger: Ledger, zone: ZoneInfo) -> None:
        self._ledger = ledger
        self._zone = zone

    async def draw_all(self, call: Call) -> Reply:
        """Draw every line; overall 200."""
        assert call.stream is not None  # noqa: S101 - the route streams
        return await spooled_lines(partial(self._draw_into, call.stream))

    async def _draw_into(self, stream: LineStream, spool: IO[bytes]) -> None:
        """While lines are drawn, the lines before them are answered and the next are read."""
        drawing: Deferred[list[bytes]] | None = None
        try:
            while lines := await stream.take(LINES_AT_ONCE_MAX):
                before, drawing = drawing, Deferred.fromCoroutine(self._draw([command_of(line) for line in lines]))
                if before is not None:
                    spool.writelines(await before)
            if drawing is not None:
                spool.writelines(await drawing)
        except BaseException:
            if drawing is not None:
                _ = drawing.addErrback(_nobody_asks)
            raise

    async def _draw(self, read: Sequence[DrawCharge | bytes]) -> list[bytes]:
        """The answers in the lines' order; what was no charge is its own answer."""
        commands = [one for one in read if isinstance(one, DrawCharge)]
        outcomes = iter(await self._ledger.execute_all(commands))
        return [answer_of(one, next(outcomes), self._zone) if isinstance(one, DrawCharge) else one for one in read]

    def routes(self) -> list[Route]:
        """The route."""
        return [
            Route(
                method="POST",
                path="/v1/charges/batch",
                handler=self.draw_all,
                summary="Draw many charges: JSON lines in, JSON lines out, same order",
                scopes=frozenset({Scope.BILLING}),
                answers={200: ChargeDocument | RefusedLine},
                stream=True,
                content_type=JSON_LINES,
                produces=JSON_LINES,
                body_octets_max=BATCH_OCTETS_MAX,
            )
        ]


def _nobody_asks(_failure: object) -> None:
    """The batch failed before these lines were answered; they are drawn, and the next time their ids say so."""
