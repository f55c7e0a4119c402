"""What operators call about messages: look through the outbox, one message's timeline, dead letters again."""

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, PlainValidator, StringConstraints, WithJsonSchema
from typing_extensions import TypedDict

from gateway.http.auth import Scope
from gateway.http.bodies import Body, path_id, wire_instant_or_none
from gateway.http.care import MessageDocument, message_to_wire
from gateway.http.fields import MESSAGE_ID_LENGTH_MAX
from gateway.http.msisdn import normalise
from gateway.http.ports import Outbox, OutboxQuery
from gateway.http.problems import Problem
from gateway.http.queries import Query
from gateway.http.routing import Call, Reply, Route, answer
from sms.outbox import MessageView, OutboxState, timeline

OPS = frozenset({Scope.OPS})
OPS_OR_CARE = frozenset({Scope.OPS, Scope.CARE})
PAGE_ITEMS = 100
RETRIES_AT_ONCE = 1_000

Kind = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,32}$")]
Place = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}$")]
StateWord = Literal[
    "queued", "held", "claimed", "written", "accepted", "enroute", "delivered", "expired", "undeliverable",
    "rejected", "deleted", "unknown", "dead",
]  # fmt: skip


def _number(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a number is digits like 79160000001")  # noqa: TRY004 - pydantic tells of ValueErrors
    return normalise(value)


QueryMsisdn = Annotated[str, PlainValidator(_number), WithJsonSchema({"type": "string", "pattern": "^7[0-9]{10}$"})]


class OutboxListQuery(Query):
    """Which messages, and where to go on."""

    state: StateWord | None = None
    kind: Kind | None = None
    msisdn: QueryMsisdn | None = None
    limit: Annotated[str, StringConstraints(pattern=r"^([1-9][0-9]?|[1-4][0-9]{2}|500)$")] | None = None
    cursor: Place | None = None


class RetryBody(Body):
    """Which dead letters: of one kind, or all; where to go on."""

    kind: Kind | None = None
    cursor: Place | None = None
    limit: int = Field(RETRIES_AT_ONCE, ge=1, le=RETRIES_AT_ONCE)


class OutboxMessageDocument(MessageDocument):
    """One message with its number and what it waits for."""

    msisdn: str
    expires_at: str | None
    waits_until: str | None


class MomentDocument(TypedDict):
    """One instant in a message's life; `clock` is business or wall, `at` null where none is stored."""

    at: str | None
    clock: str
    what: str
    detail: str


class TimelineDocument(OutboxMessageDocument):
    """One message and its whole life in words."""

    timeline: list[MomentDocument]


class OutboxDocument(TypedDict):
    """Messages, newest first; a page may be short although more follow: go on while there is a cursor."""

    items: list[OutboxMessageDocument]
    next_cursor: str | None


class RetriedDocument(TypedDict):
    """How many dead letters were queued again; go on while there is a cursor."""

    retried: int
    next_cursor: str | None


class OutboxCalls:
    """The calls about messages."""

    def __init__(self, outbox: Outbox, zone: ZoneInfo) -> None:
        self._outbox = outbox
        self._zone = zone

    async def browse(self, call: Call) -> Reply:
        """Messages that fit."""
        query: OutboxListQuery = call.query
        page = await self._outbox.browse(
            OutboxQuery(
                state=query.state,
                kind=query.kind,
                msisdn=query.msisdn,
                before=None if query.cursor is None else int(query.cursor),
                limit=PAGE_ITEMS if query.limit is None else int(query.limit),
            )
        )
        document: OutboxDocument = {
            "items": [self._to_wire(one) for one in page.messages],
            "next_cursor": None if page.before is None else str(page.before),
        }
        return answer(document)

    async def show(self, call: Call) -> Reply:
        """One message and its timeline."""
        found = await self._outbox.find(_message_id(call))
        if found is None:
            raise _unknown()
        document: TimelineDocument = {
            **self._to_wire(found),
            "timeline": [
                {
                    "at": wire_instant_or_none(one.at, self._zone),
                    "clock": one.clock,
                    "what": one.what,
                    "detail": one.detail,
                }
                for one in timeline(found)
            ],
        }
        return answer(document)

    async def retry(self, call: Call) -> Reply:
        """Queue a dead letter again."""
        found, is_retried = await self._outbox.retry(_message_id(call))
        if found is None:
            raise _unknown()
        if not is_retried:
            why = "its subscriber refused it" if found.state is OutboxState.DEAD else "only a dead letter goes again"
            raise Problem(409, "WRONG_STATE", f"the message is {found.state}: {why}")
        return answer(self._to_wire(found))

    async def retry_all(self, call: Call) -> Reply:
        """Queue many dead letters again."""
        body: RetryBody = call.body
        before = None if body.cursor is None else int(body.cursor)
        done = await self._outbox.retry_all(body.kind, before, body.limit)
        document: RetriedDocument = {
            "retried": done.retried,
            "next_cursor": None if done.before is None else str(done.before),
        }
        return answer(document)

    def _to_wire(self, one: MessageView) -> OutboxMessageDocument:
        return {
            **message_to_wire(one, self._zone),
            "msisdn": one.msisdn,
            "expires_at": wire_instant_or_none(one.expires_at, self._zone),
            "waits_until": wire_instant_or_none(one.waits_until, self._zone),
        }

    def routes(self) -> list[Route]:
        """Their routes."""
        return [
            Route(
                method="GET",
                path="/v1/outbox",
                handler=self.browse,
                summary="Messages, newest first, by state, kind and number",
                scopes=OPS,
                query=OutboxListQuery,
                answers={200: OutboxDocument},
                refusals=("UNKNOWN_SUBSCRIBER",),
            ),
            Route(
                method="POST",
                path="/v1/outbox/retries",
                handler=self.retry_all,
                summary="Queue dead letters again, newest first, those of one kind or all",
                scopes=OPS,
                body=RetryBody,
                answers={200: RetriedDocument},
            ),
            Route(
                method="GET",
                path="/v1/outbox/{message_id}",
                handler=self.show,
                summary="One message and its whole timeline",
                scopes=OPS_OR_CARE,
                answers={200: TimelineDocument},
                refusals=("UNKNOWN_MESSAGE",),
            ),
            Route(
                method="POST",
                path="/v1/outbox/{message_id}/retry",
                handler=self.retry,
                summary="Queue one dead letter again",
                scopes=OPS,
                answers={200: OutboxMessageDocument},
                refusals=("UNKNOWN_MESSAGE", "WRONG_STATE"),
            ),
        ]


def _message_id(call: Call) -> str:
    return path_id(call, "message_id", MESSAGE_ID_LENGTH_MAX)


def _unknown() -> Problem:
    return Problem(404, "UNKNOWN_MESSAGE", "no message has this id")
