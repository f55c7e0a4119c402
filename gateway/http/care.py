"""What customer care looks up: balance, statement, messages, USSD sessions."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from typing_extensions import TypedDict

from billing.answers import BalanceView
from billing.money import format_money
from billing.records import Posting
from gateway.http.auth import Scope
from gateway.http.bodies import path_msisdn, wire_instant
from gateway.http.ports import Reads
from gateway.http.problems import invalid
from gateway.http.queries import RangeQuery
from gateway.http.routing import Call, Reply, Route, answer
from sms.outbox.model import MessageView

CARE = frozenset({Scope.CARE})
CARE_OR_BILLING = frozenset({Scope.CARE, Scope.BILLING})
PAGE_ITEMS = 200


class HeldDocument(TypedDict):
    """What reservations hold."""

    main: str
    cashback: str


class BalanceDocument(TypedDict):
    """Everything about money; `main` is null where the operator's own system owns it."""

    main: str | None
    cashback: str
    bonus: str
    bonus_due_on: str | None
    bonus_held: str
    pending: str
    held: HeldDocument
    carry_over: str
    unpaid: str
    currency: str
    as_of: str


PostingDocument = TypedDict(
    "PostingDocument",
    {
        "entry_no": int,
        "tx_id": str,
        "kind": str,
        "from": str,
        "to": str,
        "amount": str,
        "booked_at": str,
        "effective_at": str,
        "ref": str,
    },
)


class StatementDocument(TypedDict):
    """Movements, newest first."""

    items: list[PostingDocument]
    next_cursor: str | None


class AttemptDocument(TypedDict):
    """One submission of one segment."""

    at: str
    link: str
    segment: int
    status: str | None
    smsc_id: str | None
    number: int
    session: str
    sequence: int | None
    answered_at: str | None


class ReceiptDocument(TypedDict):
    """One delivery receipt."""

    at: str
    segment: int
    state: str
    error: str | None
    done_date: str


class MessageDocument(TypedDict):
    """One message and what became of it."""

    message_id: str
    kind: str
    text: str | None
    language: str | None
    state: str
    reason: str | None
    created_at: str
    not_before: str
    segments: int
    attempts: list[AttemptDocument]
    receipts: list[ReceiptDocument]


class MessagesDocument(TypedDict):
    """Messages, newest first."""

    items: list[MessageDocument]


class UssdRecordDocument(TypedDict):
    """One USSD session; the number is masked."""

    session_id: str
    msisdn: str
    code: str
    dialled: str
    began_at: str
    trail: list[str]
    outcome: str
    latency_ms: int
    duration_ms: int
    octets: int


class UssdRecordsDocument(TypedDict):
    """Sessions, newest first."""

    items: list[UssdRecordDocument]
    next_cursor: str | None


def balance_to_wire(view: BalanceView, zone: ZoneInfo, *, currency: str, owns_main: bool) -> BalanceDocument:
    """Everything about money."""
    balances = view.balances
    return {
        "main": format_money(balances.main) if owns_main else None,
        "cashback": format_money(balances.cashback),
        "bonus": format_money(balances.bonus),
        "bonus_due_on": view.bonus_due_on.isoformat() if view.bonus_due_on else None,
        "bonus_held": format_money(view.bonus_held),
        "pending": format_money(view.pending),
        "held": {"main": format_money(balances.held_main), "cashback": format_money(balances.held_cashback)},
        "carry_over": format_money(balances.carry_over),
        "unpaid": format_money(view.unpaid),
        "currency": currency,
        "as_of": wire_instant(view.as_of, zone),
    }


def posting_to_wire(one: Posting, zone: ZoneInfo) -> PostingDocument:
    """One movement; `tx_id` is the same for movements booked together."""
    return {
        "entry_no": one.entry_no,
        "tx_id": f"{one.subscription_id}-{one.tx_no}",
        "kind": one.kind,
        "from": one.source,
        "to": one.target,
        "amount": format_money(one.amount),
        "booked_at": wire_instant(one.booked_at, zone),
        "effective_at": wire_instant(one.effective_at, zone),
        "ref": one.ref,
    }


def message_to_wire(one: MessageView, zone: ZoneInfo) -> MessageDocument:
    """One message and what became of it."""
    return {
        "message_id": one.message_id,
        "kind": one.kind,
        "text": one.text,
        "language": one.language,
        "state": one.state,
        "reason": one.reason,
        "created_at": wire_instant(one.created_at, zone),
        "not_before": wire_instant(one.not_before, zone),
        "segments": one.segments,
        "attempts": [
            {
                "at": wire_instant(attempt.at, zone),
                "link": attempt.link,
                "segment": attempt.segment,
                "status": attempt.status,
                "smsc_id": attempt.smsc_id,
                "number": attempt.number,
                "session": attempt.session,
                "sequence": attempt.sequence,
                "answered_at": None if attempt.answered_at is None else wire_instant(attempt.answered_at, zone),
            }
            for attempt in one.attempts
        ],
        "receipts": [
            {
                "at": wire_instant(receipt.at, zone),
                "segment": receipt.segment,
                "state": receipt.state,
                "error": receipt.error,
                "done_date": receipt.done_date,
            }
            for receipt in one.receipts
        ],
    }


class Care:
    """The look-ups of customer care."""

    def __init__(self, reads: Reads, zone: ZoneInfo, *, currency: str, owns_main: bool) -> None:
        """`owns_main`: the main account lives in this ledger."""
        self._reads = reads
        self._zone = zone
        self._currency = currency
        self._owns_main = owns_main

    async def balance(self, call: Call) -> Reply:
        """Everything about money."""
        view = await self._reads.balance(path_msisdn(call))
        return answer(balance_to_wire(view, self._zone, currency=self._currency, owns_main=self._owns_main))

    async def statement(self, call: Call) -> Reply:
        """Movements, newest first."""
        query: RangeQuery = call.query
        items: Sequence[Posting] = await self._reads.statement(
            path_msisdn(call),
            start=query.start,
            end=query.end,
            before=_number(query.cursor),
            limit=PAGE_ITEMS + 1,
        )
        page = items[:PAGE_ITEMS]
        document: StatementDocument = {
            "items": [posting_to_wire(one, self._zone) for one in page],
            "next_cursor": str(page[-1].entry_no) if len(items) > PAGE_ITEMS else None,
        }
        return answer(document)

    async def messages(self, call: Call) -> Reply:
        """Messages with attempts and receipts."""
        items = await self._reads.messages(path_msisdn(call))
        document: MessagesDocument = {"items": [message_to_wire(one, self._zone) for one in items]}
        return answer(document)

    async def ussd_records(self, call: Call) -> Reply:
        """USSD sessions."""
        query: RangeQuery = call.query
        page = await self._reads.ussd_records(
            start=query.start, end=query.end, cursor=_number(query.cursor), limit=PAGE_ITEMS
        )
        return answer(
            {
                "items": [_with_wire_instants(one, self._zone) for one in page.items],
                "next_cursor": None if page.cursor is None else str(page.cursor),
            }
        )

    def routes(self) -> list[Route]:
        """Their routes."""
        subscriber = "/v1/subscribers/{msisdn}"
        unknown = ("UNKNOWN_SUBSCRIBER",)
        return [
            Route(
                method="GET",
                path=f"{subscriber}/balance",
                handler=self.balance,
                summary="Everything about money",
                scopes=CARE_OR_BILLING,
                answers={200: BalanceDocument},
                refusals=unknown,
            ),
            Route(
                method="GET",
                path=f"{subscriber}/statement",
                handler=self.statement,
                summary="Movements, newest first",
                scopes=CARE_OR_BILLING,
                query=RangeQuery,
                answers={200: StatementDocument},
                refusals=unknown,
            ),
            Route(
                method="GET",
                path=f"{subscriber}/messages",
                handler=self.messages,
                summary="Messages with their attempts and receipts",
                scopes=CARE,
                answers={200: MessagesDocument},
                refusals=unknown,
            ),
            Route(
                method="GET",
                path="/v1/ussd/records",
                handler=self.ussd_records,
                summary="USSD session records, newest first",
                scopes=CARE | {Scope.OPS},
                query=RangeQuery,
                answers={200: UssdRecordsDocument},
            ),
        ]


def _number(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not cursor.isdigit():
        raise invalid("cursor", "a cursor is what an earlier page gave as next_cursor")
    return min(int(cursor), 2**62)


def _with_wire_instants(record: Mapping[str, object], zone: ZoneInfo) -> dict[str, object]:
    return {
        name: wire_instant(value, zone) if isinstance(value, datetime) else value for name, value in record.items()
    }
