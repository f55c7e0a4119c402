"""`POST /v1/charges/batch`: JSON lines in and out, same order, in constant memory.

Lines are drawn while the body arrives. The answers go into a spool file and out once the body has ended: a client
that sends everything before it reads would otherwise stop us, and we it.
"""

import tempfile
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json
from twisted.internet.defer import Deferred, DeferredList
from typing_extensions import TypedDict

from billing.answers import ChargeAnswer
from billing.errors import LedgerRefusal
from gateway.http.auth import Scope
from gateway.http.charges import ChargeBody, ChargeDocument, charge_to_wire
from gateway.http.ports import Ledger
from gateway.http.problems import malformed
from gateway.http.routing import Call, Reply, Route
from gateway.http.streams import LINE_OCTETS_MAX, LineStream

BATCH_OCTETS_MAX = 64 << 20
LINES_AT_ONCE_MAX = 512
SPOOL_MEMORY_OCTETS = 1 << 20
JSON_LINES = b"application/x-ndjson"

_LINE = TypeAdapter(ChargeBody)


class RefusedLine(TypedDict):
    """A line that was not drawn; `charge_id` is null where it could not be read."""

    charge_id: str | None
    code: str
    detail: str


class ChargesBatch:
    """The batch call. A refusal is its line's answer; when the database fails, the whole batch is to come again."""

    def __init__(self, ledger: Ledger, zone: ZoneInfo) -> None:
        self._ledger = ledger
        self._zone = zone

    async def draw_all(self, call: Call) -> Reply:
        """Draw every line; overall 200."""
        assert call.stream is not None  # noqa: S101 - the route streams
        spool = tempfile.SpooledTemporaryFile(max_size=SPOOL_MEMORY_OCTETS)  # noqa: SIM115 - the answer closes it
        try:
            await self._draw_into(call.stream, spool)
        except BaseException:
            spool.close()
            raise
        return Reply(file=spool, content_type=JSON_LINES)

    async def _draw_into(self, stream: LineStream, spool: "tempfile.SpooledTemporaryFile[bytes]") -> None:
        while lines := await stream.take(LINES_AT_ONCE_MAX):
            drawing = [Deferred.fromCoroutine(self._draw(line)) for line in lines]
            results: list[tuple[bool, Any]] = await DeferredList(drawing, consumeErrors=True)
            for succeeded, result in results:
                if not succeeded:
                    result.raiseException()
                spool.write(result)

    async def _draw(self, line: bytes | None) -> bytes:
        if line is None:
            return _refused(None, "INVALID", f"a line is longer than {LINE_OCTETS_MAX} octets")
        try:
            body = _LINE.validate_json(line)
        except ValidationError as error:
            return _refused(_charge_id(line), "INVALID", malformed(error).detail)
        try:
            outcome = await self._ledger.execute(body.command())
        except LedgerRefusal as refusal:
            return _refused(body.charge_id, refusal.code, refusal.detail)
        assert isinstance(outcome.answer, ChargeAnswer)  # noqa: S101 - each command has its own answer
        return to_json(charge_to_wire(outcome.answer, self._zone)) + b"\n"

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
                content_type="application/x-ndjson",
                produces="application/x-ndjson",
                body_octets_max=BATCH_OCTETS_MAX,
            )
        ]


def _refused(charge_id: str | None, code: str, detail: str) -> bytes:
    line: RefusedLine = {"charge_id": charge_id, "code": code, "detail": detail}
    return to_json(line) + b"\n"


def _charge_id(line: bytes) -> str | None:
    """The id of a line that is wrong in something else."""
    try:
        given = from_json(line)
    except ValueError:
        return None
    charge_id = given.get("charge_id") if isinstance(given, dict) else None
    return charge_id if isinstance(charge_id, str) else None
