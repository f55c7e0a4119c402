"""Routes: every one names its method, scopes, body, query and answers; the same table is the OpenAPI document.

A route's handler is a coroutine from a Call to a Reply. Matching walks a tree of path segments once.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Protocol
from urllib.parse import unquote_to_bytes

from pydantic import BaseModel
from pydantic_core import to_json

from gateway.http.auth import Principal, Scope
from gateway.http.problems import Problem
from gateway.http.streams import LineStream

JSON = b"application/json"
SEGMENTS_MAX = 12


class Pieces(Protocol):
    """An answer that is made while it is sent; an IPushProducer besides."""

    def attach(self, write: Callable[[bytes], None], done: Callable[[bool], None], /) -> None:
        """Begin: `write` takes pieces, none of them empty; `done`, whether that was the whole."""
        ...

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Write no more for now."""
        ...

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Go on."""
        ...

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Nobody reads any more; also before `attach`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer: status, content type, body and further headers.

    Instead of a body a `file` is sent from its start, or `pieces` as they are made.
    """

    status: int = 200
    body: bytes = b""
    file: IO[bytes] | None = None
    pieces: Pieces | None = None
    content_type: bytes = JSON
    headers: Sequence[tuple[bytes, bytes]] = ()


HIT_HEADER = (b"Idempotency-Hit", b"true")


def answer(document: object, *, status: int = 200, hit: bool = False) -> Reply:
    """A JSON answer; a `hit` repeats an earlier answer."""
    return Reply(status=status, body=to_json(document), headers=(HIT_HEADER,) if hit else ())


def created(document: object, *, hit: bool) -> Reply:
    """201 for what this request made, 200 with `Idempotency-Hit` for its repetition."""
    return answer(document, status=200 if hit else 201, hit=hit)


def _no_header(_name: bytes) -> bytes | None:
    return None


@dataclass(slots=True, kw_only=True)
class Call:
    """One request as its handler sees it. `body` and `query` are instances of the route's models."""

    route: "Route"
    path: Mapping[str, str]
    principal: Principal | None
    raw: bytes = b""
    body: Any = None
    query: Any = None
    header: Callable[[bytes], bytes | None] = _no_header
    stream: LineStream | None = None


Handler = Callable[[Call], Awaitable[Reply]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one path.

    `scopes` None: no key needed; empty: any key; else one of them suffices. `cookie`: the login cookie serves as
    key. `body` is a pydantic type; `signed`: the handler checks and reads the raw body itself; `stream`: it gets
    the body as it arrives. `produces` and `also_produces` are the media types of the answers, `answers` maps a status
    to the type of its document (None: no JSON). `refusals` are the contract's codes this call may answer with.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    scopes: frozenset[Scope] | None
    answers: Mapping[int, Any]
    body: Any = None
    query: type[BaseModel] | None = None
    refusals: Sequence[str] = ()
    cookie: bool = False
    signed: bool = False
    stream: bool = False
    content_type: str = "application/json"
    produces: str = "application/json"
    also_produces: Sequence[str] = ()
    body_octets_max: int = 1 << 20


@dataclass(slots=True)
class _Node:
    literals: dict[str, "_Node"] = field(default_factory=dict)
    wildcard: "_Node | None" = None
    methods: dict[bytes, Route] = field(default_factory=dict)


class Router:
    """Finds the route of a request in the tree of its path segments."""

    def __init__(self, routes: Sequence[Route]) -> None:
        """Build the tree; two routes of one method and path are a mistake of ours."""
        self.routes = tuple(routes)
        self._root = _Node()
        self._names: dict[int, tuple[str, ...]] = {}
        for route in routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        node = self._root
        names: list[str] = []
        for segment in route.path.strip("/").split("/"):
            if segment.startswith("{"):
                names.append(segment[1:-1])
                if node.wildcard is None:
                    node.wildcard = _Node()
                node = node.wildcard
            else:
                node = node.literals.setdefault(segment, _Node())
        method = route.method.encode("ascii")
        if method in node.methods:
            raise AssertionError(f"two routes for {route.method} {route.path}")
        node.methods[method] = route
        self._names[id(route)] = tuple(names)

    def find(self, method: bytes, path: bytes) -> tuple[Route, dict[str, str]]:
        """The route and its path parameters, percent-decoded; HEAD is GET without the body (RFC 9110, 9.3.2).

        Raises:
            Problem: 404 for an unknown path, 405 with Allow for another method, 400 for undecodable octets.
        """
        values: list[str] = []
        node = self._walk(path, values)
        if node is None or not node.methods:
            raise Problem(404, "NOT_FOUND", "there is nothing at this path")
        route = node.methods.get(b"GET" if method == b"HEAD" else method)
        if route is None:
            allowed = b", ".join(sorted(node.methods))
            raise Problem(
                405, "METHOD_NOT_ALLOWED", f"this path takes {allowed.decode()}", headers=[(b"Allow", allowed)]
            )
        return route, dict(zip(self._names[id(route)], values, strict=True))

    def _walk(self, path: bytes, values: list[str]) -> _Node | None:
        node: _Node | None = self._root
        segments = path.split(b"/")[1:]
        if len(segments) > SEGMENTS_MAX:
            return None
        for raw in segments:
            if node is None:
                return None
            segment = _decoded(raw)
            literal = node.literals.get(segment)
            if literal is None:
                values.append(segment)
                node = node.wildcard
            else:
                node = literal
        return node


def _decoded(raw: bytes) -> str:
    try:
        return (unquote_to_bytes(raw) if b"%" in raw else raw).decode("utf-8")
    except UnicodeDecodeError:
        raise Problem(400, "INVALID", "the path is not UTF-8") from None
