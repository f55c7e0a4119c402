"""What operators call about SMPP links: list, pause, resume, reload."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from typing_extensions import TypedDict

from gateway.http.auth import Scope
from gateway.http.bodies import path_id, wire_instant
from gateway.http.ports import LinkControl, LinksRefused
from gateway.http.problems import Problem
from gateway.http.routing import Call, Reply, Route, answer

OPS = frozenset({Scope.OPS})
EVERY_PROCESS = "every process"
"""Where a pause holds: it is a row of the database."""


class LinkDocument(TypedDict):
    """One link of the asked process. `paused_since` null: messages may go; `rate_per_s` null: no limit now."""

    name: str
    roles: list[str]
    state: str
    host: str
    port: int
    tls: bool
    bind: str
    weight: int
    window: int
    window_used: int
    rate_per_s: float | None
    paused_since: str | None


class LinksDocument(TypedDict):
    """The links of the asked process."""

    items: list[LinkDocument]


class ReloadedDocument(TypedDict):
    """What reading the links again did, by name; changed ones were unbound and are connected anew."""

    added: list[str]
    removed: list[str]
    changed: list[str]
    untouched: list[str]


class PausedDocument(TypedDict):
    """Whether a link is paused, and where that holds."""

    name: str
    paused: bool
    holds_in: str


class LinkCalls:
    """The calls about links."""

    def __init__(self, links: LinkControl, zone: ZoneInfo) -> None:
        self._links = links
        self._zone = zone

    async def show(self, call: Call) -> Reply:  # noqa: ARG002 - a route's handler
        """Every link."""
        return answer({"items": [self._with_wire_instants(one) for one in await self._links.all_links()]})

    async def pause(self, call: Call) -> Reply:
        """Let nothing go on a link."""
        return await _set(call, self._links.pause, is_paused=True)

    async def resume(self, call: Call) -> Reply:
        """Let messages go again."""
        return await _set(call, self._links.resume, is_paused=False)

    async def reload(self, call: Call) -> Reply:  # noqa: ARG002 - a route's handler
        """Go by the file's links as they are now."""
        try:
            return answer(await self._links.reload())
        except LinksRefused as refusal:
            raise Problem(422, "CONFIGURATION", str(refusal), members={"findings": list(refusal.findings)}) from None

    def _with_wire_instants(self, one: Mapping[str, object]) -> dict[str, object]:
        return {
            name: wire_instant(value, self._zone) if isinstance(value, datetime) else value
            for name, value in one.items()
        }

    def routes(self) -> list[Route]:
        """Their routes."""
        return [
            Route(
                method="GET",
                path="/v1/links",
                handler=self.show,
                summary="The SMPP links of this process",
                scopes=OPS,
                answers={200: LinksDocument},
            ),
            Route(
                method="POST",
                path="/v1/links/reload",
                handler=self.reload,
                summary="Read [[links]] of the configuration again; this process goes by them, others are untouched",
                scopes=OPS,
                answers={200: ReloadedDocument},
                refusals=("CONFIGURATION",),
            ),
            Route(
                method="POST",
                path="/v1/links/{link}/pause",
                handler=self.pause,
                summary="Send no SMS on a link, in any process, until it is resumed; it stays bound",
                scopes=OPS,
                answers={200: PausedDocument},
                refusals=("UNKNOWN_LINK",),
            ),
            Route(
                method="POST",
                path="/v1/links/{link}/resume",
                handler=self.resume,
                summary="Send SMS on a link again",
                scopes=OPS,
                answers={200: PausedDocument},
                refusals=("UNKNOWN_LINK",),
            ),
        ]


async def _set(call: Call, change: Callable[[str], Awaitable[bool]], *, is_paused: bool) -> Reply:
    name = path_id(call, "link")
    if not await change(name):
        raise Problem(404, "UNKNOWN_LINK", "this process has no SMS link of this name; see GET /v1/links")
    document: PausedDocument = {"name": name, "paused": is_paused, "holds_in": EVERY_PROCESS}
    return answer(document)
