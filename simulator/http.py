"""A small HTTP server on twisted.web: a table of routes with coroutines behind them, JSON in and out.

Limits before work: octets of a body, seconds to send a request, connections of one address. Errors are
RFC 9457 problems. Host and Origin are checked: no page of another site reaches us through somebody's browser.
"""

import ipaddress
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from pydantic import BaseModel, ValidationError
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.iweb import INonQueuedRequestFactory
from zope.interface import directlyProvides

from simulator.errors import (
    BodyTooLarge,
    MethodRefused,
    NotJson,
    OriginRefused,
    PathUnknown,
    Problem,
    RequestInvalid,
    Stopping,
)

BODY_OCTETS_MAX = 1_048_576
REQUEST_SECONDS_MAX = 10.0
IDLE_SECONDS_MAX = 75.0
LINGER_SECONDS = 2.0
CLOSE_SECONDS_MAX = 1.0
CONNECTIONS_PER_ADDRESS_MAX = 256

JSON_TYPE = "application/json"
PROBLEM_TYPE = "application/problem+json"

_SAFE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as its handler sees it; `route` is the pattern that matched, `path` its parameters."""

    route: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    request: http.Request

    def read(self, model: type[Model]) -> Model:
        """The body as this model; raises RequestInvalid naming every field that is wrong."""
        try:
            return model.model_validate_json(self.body or b"{}")
        except ValidationError as error:
            errors = [
                {"field": ".".join(str(part) for part in one["loc"]), "detail": one["msg"]} for one in error.errors()
            ]
            first = errors[0]
            raise RequestInvalid(
                f"{first['field'] or 'body'}: {first['detail']}", field=first["field"] or None, errors=errors
            ) from None

    def only_query(self, *known: str) -> Mapping[str, str]:
        """The query; raises RequestInvalid for a parameter this call does not take."""
        for name in self.query:
            if name not in known:
                raise RequestInvalid(f"unknown parameter {name}", field=name)
        return self.query


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer: `document` is written as JSON, `body` as it stands."""

    status: int = 200
    document: Any = None
    body: bytes | None = None
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)


class Streaming:
    """What a handler returns when it has taken the request over and will finish it itself."""


Handler = Callable[[Call], Awaitable[Reply | Streaming]]


class Routes:
    """Patterns such as `/sim/handsets/{msisdn}/dial` and the coroutines behind their methods."""

    def __init__(self) -> None:
        self._table: list[tuple[str, tuple[str, ...], dict[str, Handler]]] = []

    def add(self, pattern: str, **methods: Handler) -> None:
        """Serve a path with these methods; GET answers HEAD too."""
        self._table.append((pattern, tuple(pattern.strip("/").split("/")), methods))

    def find(self, method: str, path: str) -> tuple[Handler, str, dict[str, str]]:
        """The handler, its pattern and the path's parameters; raises PathUnknown or MethodRefused."""
        segments = [unquote(segment, errors="strict") for segment in path.strip("/").split("/")]
        for pattern, wanted, methods in self._table:
            parameters = _matched(wanted, segments)
            if parameters is None:
                continue
            handler = methods.get("GET" if method == "HEAD" else method)
            if handler is None:
                allowed = ", ".join(sorted(methods))
                raise MethodRefused(f"{path} has {allowed}", allowed=allowed)
            return handler, pattern, parameters
        raise PathUnknown(f"nothing is served at {path}")


def _matched(pattern: tuple[str, ...], segments: list[str]) -> dict[str, str] | None:
    if len(pattern) != len(segments):
        return None
    parameters: dict[str, str] = {}
    for wanted, segment in zip(pattern, segments, strict=True):
        if wanted.startswith("{"):
            if not segment:
                return None
            parameters[wanted[1:-1]] = segment
        elif wanted != segment:
            return None
    return parameters


def host_is_ours(host: str, allowed: Iterable[str]) -> bool:
    """Whether a Host header names this machine: localhost, an address, or a configured name.

    A page that rebinds its own name to our address always shows that name here.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
        if name != "localhost" and name not in allowed:
            ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Door(http.HTTPFactory):
    """The listener; `running` are the requests being served."""

    failures = Logger()

    def __init__(
        self,
        routes: Routes,
        *,
        clock: IReactorTime,
        allowed_hosts: Iterable[str] = (),
        body_octets_max: int = BODY_OCTETS_MAX,
        connections_per_address_max: int = CONNECTIONS_PER_ADDRESS_MAX,
    ) -> None:
        super().__init__(timeout=IDLE_SECONDS_MAX, reactor=clock)
        self.routes = routes
        self.allowed_hosts = frozenset(allowed_hosts)
        self.body_octets_max = body_octets_max
        self.running: set[Deferred[None]] = set()
        self._channels: set[_Channel] = set()
        self._connections: Counter[str] = Counter()
        self._emptied: Deferred[None] | None = None
        self._connections_max = connections_per_address_max

    def startFactory(self) -> None:  # noqa: N802 - Twisted's name
        """No access log, so no timer for its date either."""

    def stopFactory(self) -> None:  # noqa: N802 - Twisted's name
        """Nothing was started."""

    def buildProtocol(self, addr: IAddress | None) -> Any:  # noqa: N802 - Twisted's name
        """A channel, or a closed door where one address has too many."""
        host = str(getattr(addr, "host", ""))
        if self._connections[host] >= self._connections_max:
            return None
        self._connections[host] += 1
        channel: Any = _Channel(self, host)
        self._channels.add(channel)
        channel.factory = self
        channel.callLater = self.reactor.callLater
        channel.timeOut = self.timeOut
        make_request = partial(_Request, door=self)
        directlyProvides(make_request, INonQueuedRequestFactory)
        channel.requestFactory = make_request
        return channel

    def log(self, request: http.Request) -> None:
        """No access log: counters and the PDU trace say more."""

    def forget(self, channel: "_Channel") -> None:
        """A connection is gone."""
        self._channels.discard(channel)
        self._connections[channel.host] -= 1
        if self._connections[channel.host] <= 0:
            del self._connections[channel.host]
        if not self._channels and self._emptied is not None:
            self._emptied.callback(None)
            self._emptied = None

    async def stop(self) -> None:
        """End every request that is still being served, and close every connection."""
        for one in list(self.running):
            one.cancel()
        for channel in list(self._channels):
            channel.loseConnection()
        if self._channels:
            self._emptied = Deferred()
            impatience = self.reactor.callLater(CLOSE_SECONDS_MAX, self._abort)
            await self._emptied
            if impatience.active():
                impatience.cancel()

    def _abort(self) -> None:
        for channel in list(self._channels):
            channel.forceAbortClient()


class _Channel(http.HTTPChannel):
    """A connection with an absolute deadline for each request: one octet now and then does not extend it."""

    def __init__(self, door: Door, host: str) -> None:
        super().__init__()
        self._door = door
        self.host = host
        self._deadline: Any = None
        self.refused = False

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        super().connectionMade()
        self._start_deadline()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        if self.refused:
            return
        if self._deadline is None and not self._handlingRequest:
            self._start_deadline()
        super().dataReceived(data)

    def allContentReceived(self) -> None:  # noqa: N802 - Twisted's name
        self._stop_deadline()
        super().allContentReceived()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802 - Twisted's name
        self._stop_deadline()
        super().connectionLost(reason)
        self._door.forget(self)  # last: whoever waits for the door to be empty goes on here

    def refuse(self, problem: Problem) -> None:
        """Answer before the request is whole, and close once the sender had a moment to read that.

        Closing at once would reset the connection under whoever still sends, and the answer with it.
        """
        if self.refused:
            return
        self.refused = True
        self._stop_deadline()
        body = json.dumps(problem.document()).encode()
        headers = {
            "Content-Type": PROBLEM_TYPE,
            "Content-Length": str(len(body)),
            "Connection": "close",
            **_SAFE_HEADERS,
        }
        lines = [
            f"HTTP/1.1 {problem.status} {problem.title}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        if self.transport is not None:
            self.transport.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        self._deadline = self._door.reactor.callLater(LINGER_SECONDS, self._too_slow)

    def _start_deadline(self) -> None:
        self._deadline = self._door.reactor.callLater(REQUEST_SECONDS_MAX, self._too_slow)

    def _stop_deadline(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        self.forceAbortClient()


class _Request(http.Request):
    """One request: bounded while it arrives, routed once it is there."""

    channel: Any  # a _Channel

    def __init__(self, channel: Any, *, door: Door) -> None:
        super().__init__(channel, parsePOSTFormSubmission=False)
        self._door = door
        self._octets = 0

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - Twisted's name
        too_large = length is not None and length > self._door.body_octets_max
        super().gotLength(0 if too_large else length)
        if too_large:
            self.channel.refuse(BodyTooLarge(f"at most {self._door.body_octets_max} octets"))

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        self._octets += len(data)
        if self._octets > self._door.body_octets_max:
            self.channel.refuse(BodyTooLarge(f"at most {self._door.body_octets_max} octets"))
        else:
            super().handleContentChunk(data)

    def process(self) -> None:
        if self.channel.refused:
            return
        served = Deferred.fromCoroutine(self._serve())
        self._door.running.add(served)
        _ = served.addBoth(self._served, served)

    async def _serve(self) -> None:
        try:
            self._check_origin()
            target = _target_of(self.uri)
            handler, route, parameters = self._door.routes.find(self.method.decode("ascii"), target.path)
            query = dict(parse_qsl(target.query, keep_blank_values=True, errors="strict"))
            reply = await handler(
                Call(route=route, path=parameters, query=query, body=self._json_body(), request=self)
            )
        except Problem as problem:
            reply = _problem_reply(problem)
        except UnicodeDecodeError:
            reply = _problem_reply(RequestInvalid("the address is not UTF-8"))
        if isinstance(reply, Reply):
            self._answer(reply)

    def _served(self, result: Any, served: Deferred[None]) -> None:
        """The border of the network door: whatever a handler did not expect is logged and answered once."""
        self._door.running.discard(served)
        if isinstance(result, Failure) and result.check(CancelledError):
            self._answer(_problem_reply(Stopping("the simulator is being stopped")))
        elif isinstance(result, Failure):
            self._door.failures.failure("a request failed", failure=result)
            self._answer(_problem_reply(Problem("the simulator failed; its log says why")))

    def _check_origin(self) -> None:
        host = self.getHeader("host") or ""
        if not host_is_ours(host, self._door.allowed_hosts):
            raise OriginRefused("this host name is not ours: use localhost or an address")
        origin = self.getHeader("origin")
        if origin is not None and origin.partition("://")[2] != host:
            raise OriginRefused("pages of other origins are not served")

    def _json_body(self) -> bytes:
        body = b"" if self.content is None else bytes(self.content.read())
        media_type = (self.getHeader("content-type") or "").partition(";")[0].strip().lower()
        if body and media_type != JSON_TYPE:
            raise NotJson("send application/json")
        return body

    def _answer(self, reply: Reply) -> None:
        if self._disconnected or self.finished:
            return
        body = reply.body if reply.body is not None else json.dumps(reply.document, ensure_ascii=False).encode()
        self.setResponseCode(reply.status)
        for name, value in {**_SAFE_HEADERS, "Content-Type": reply.content_type, **reply.headers}.items():
            self.setHeader(name, value)
        self.setHeader("Content-Length", str(len(body)))
        if self.method != b"HEAD":
            self.write(body)
        self.finish()


def _target_of(uri: bytes) -> SplitResult:
    try:
        return urlsplit(uri.decode("ascii"))
    except ValueError:
        raise RequestInvalid("the address cannot be read") from None


def _problem_reply(problem: Problem) -> Reply:
    headers = {"Allow": problem.allowed} if isinstance(problem, MethodRefused) else {}
    return Reply(status=problem.status, document=problem.document(), content_type=PROBLEM_TYPE, headers=headers)


def stream_headers() -> dict[str, str]:
    """What every answer carries, for those who write theirs piece by piece."""
    return dict(_SAFE_HEADERS)
