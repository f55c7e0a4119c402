"""The journal as auditors and finance see it: exports, heads of sealed blocks, closed business days."""

from collections.abc import Awaitable, Sequence
from datetime import date, datetime
from typing import Annotated, Literal, Protocol
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, StringConstraints
from typing_extensions import TypedDict

from billing.money import format_money
from billing.store.reconciliation import ClosedDay
from billing.store.seal_chain import Head
from gateway.http.auth import Scope
from gateway.http.bodies import wire_instant
from gateway.http.problems import Problem, invalid
from gateway.http.queries import Cursor, Query, QueryInstant
from gateway.http.routing import Call, Pieces, Reply, Route, answer

OPS = frozenset({Scope.OPS})
OPS_OR_BILLING = frozenset({Scope.OPS, Scope.BILLING})
HEADS_AT_ONCE = 1_000
DAYS_AT_ONCE = 366
BLOCK_NO_MAX = 2**62
DAY_LAST = "9999-12-31"
CONTENT_TYPES = {"csv": b"text/csv; charset=utf-8", "jsonl": b"application/x-ndjson"}


class JournalBusy(Exception):
    """As many exports run as may."""


class Journal(Protocol):
    """What these calls ask of the program."""

    def export(self, start: datetime | None, end: datetime | None, form: str, /) -> Pieces:
        """Postings with `[start, end)` on booked_at; raises JournalBusy."""
        ...

    def heads(self, above: int, limit: int, /) -> Awaitable[Sequence[Head]]:
        """Sealed blocks above a number, in order."""
        ...

    def closed_days(self, since: str, until: str, limit: int, /) -> Awaitable[Sequence[ClosedDay]]:
        """Closed days with since ≤ day < until, in order."""
        ...


def _real_day(text: str) -> str:
    date.fromisoformat(text)
    return text


Day = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
    AfterValidator(_real_day),
    Field(json_schema_extra={"format": "date"}),
]


class ExportQuery(Query):
    """`[from, to)` on booked_at, and the form."""

    start: QueryInstant | None = Field(None, alias="from")
    end: QueryInstant | None = Field(None, alias="to")
    form: Literal["csv", "jsonl"] = Field("csv", alias="format")


class HeadsQuery(Query):
    """Where to go on."""

    cursor: Cursor | None = None


class DaysQuery(Query):
    """Business days `[from, to)` and where to go on."""

    start: Day | None = Field(None, alias="from")
    end: Day | None = Field(None, alias="to")
    cursor: Cursor | None = None


class HeadDocument(TypedDict):
    """A sealed block: `head` stands for every posting up to it."""

    block: int
    head: str
    postings: int
    amount: str
    sealed_at: str
    key_id: str


class HeadsDocument(TypedDict):
    """Heads in order of their blocks."""

    items: list[HeadDocument]
    next_cursor: str | None


class AccountDocument(TypedDict):
    """One account, all subscriptions together, over a day."""

    account: str
    opening: str
    closing: str


MovementDocument = TypedDict(
    "MovementDocument", {"kind": str, "from": str, "to": str, "postings": int, "amount": str}
)


class CashbackDocument(TypedDict):
    """Where all cashback issued since the beginning is at the day's end."""

    issued: str
    spent: str
    lapsed: str
    voucher: str
    reversed: str
    outstanding: str


class DayDocument(TypedDict):
    """One closed business day. `imbalance` is "0.00" where everything adds up."""

    day: str
    closed_at: str
    sealed_block: int
    postings: int
    moved: str
    accounts: list[AccountDocument]
    movements: list[MovementDocument]
    cashback: CashbackDocument
    imbalance: str


class DaysDocument(TypedDict):
    """Closed days in order; one without postings has none, its sums are those of the day before."""

    items: list[DayDocument]
    next_cursor: str | None


def head_to_wire(one: Head, zone: ZoneInfo) -> HeadDocument:
    """A sealed block."""
    return {
        "block": one.block_no,
        "head": one.head,
        "postings": one.postings,
        "amount": format_money(one.amount),
        "sealed_at": wire_instant(one.sealed_at, zone),
        "key_id": one.key_id,
    }


def day_to_wire(one: ClosedDay, zone: ZoneInfo) -> DayDocument:
    """A closed day."""
    cashback = one.cashback
    return {
        "day": one.day,
        "closed_at": wire_instant(one.closed_at, zone),
        "sealed_block": one.block_no,
        "postings": one.postings,
        "moved": format_money(one.moved),
        "accounts": [
            {"account": row.account, "opening": format_money(row.opening), "closing": format_money(row.closing)}
            for row in one.accounts
        ],
        "movements": [
            {
                "kind": line.kind,
                "from": line.source,
                "to": line.target,
                "postings": line.postings,
                "amount": format_money(line.amount),
            }
            for line in one.lines
        ],
        "cashback": {
            "issued": format_money(cashback.issued),
            "spent": format_money(cashback.spent),
            "lapsed": format_money(cashback.lapsed),
            "voucher": format_money(cashback.voucher),
            "reversed": format_money(cashback.reversed),
            "outstanding": format_money(cashback.outstanding),
        },
        "imbalance": format_money(one.imbalance),
    }


class LedgerCalls:
    """The calls of auditors and finance."""

    def __init__(self, journal: Journal, zone: ZoneInfo) -> None:
        self._journal = journal
        self._zone = zone

    async def export(self, call: Call) -> Reply:
        """The journal, as it stood when the call came."""
        query: ExportQuery = call.query
        try:
            pieces = self._journal.export(query.start, query.end, query.form)
        except JournalBusy:
            raise Problem(
                503, "UNAVAILABLE", "other exports are running; come again later", headers=[(b"Retry-After", b"30")]
            ) from None
        return Reply(pieces=pieces, content_type=CONTENT_TYPES[query.form])

    async def heads(self, call: Call) -> Reply:
        """Heads of sealed blocks."""
        query: HeadsQuery = call.query
        above = 0
        if query.cursor is not None:
            if not query.cursor.isdigit():
                raise invalid("cursor", "a cursor is what an earlier page gave as next_cursor")
            above = min(int(query.cursor), BLOCK_NO_MAX)
        items = list(await self._journal.heads(above, HEADS_AT_ONCE + 1))
        page = items[:HEADS_AT_ONCE]
        document: HeadsDocument = {
            "items": [head_to_wire(one, self._zone) for one in page],
            "next_cursor": str(page[-1].block_no) if len(items) > HEADS_AT_ONCE else None,
        }
        return answer(document)

    async def days(self, call: Call) -> Reply:
        """Closed business days."""
        query: DaysQuery = call.query
        since = max(query.start or "", query.cursor or "")
        items = list(await self._journal.closed_days(since, query.end or DAY_LAST, DAYS_AT_ONCE + 1))
        page = items[:DAYS_AT_ONCE]
        document: DaysDocument = {
            "items": [day_to_wire(one, self._zone) for one in page],
            "next_cursor": items[DAYS_AT_ONCE].day if len(items) > DAYS_AT_ONCE else None,
        }
        return answer(document)

    def routes(self) -> list[Route]:
        """Their routes."""
        return [
            Route(
                method="GET",
                path="/v1/ledger/export",
                handler=self.export,
                summary="The journal as CSV or JSON lines, one snapshot; the last line is a trailer",
                scopes=OPS,
                query=ExportQuery,
                answers={200: None},
                produces="text/csv",
                also_produces=("application/x-ndjson",),
            ),
            Route(
                method="GET",
                path="/v1/ledger/heads",
                handler=self.heads,
                summary="Heads of the sealed blocks, oldest first, to be kept elsewhere",
                scopes=OPS_OR_BILLING,
                query=HeadsQuery,
                answers={200: HeadsDocument},
            ),
            Route(
                method="GET",
                path="/v1/reconciliations",
                handler=self.days,
                summary="Closed business days: sums, movements, where the cashback is",
                scopes=OPS_OR_BILLING,
                query=DaysQuery,
                answers={200: DaysDocument},
            ),
        ]
