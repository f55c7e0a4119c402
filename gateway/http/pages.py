"""Pages for people: login by key for a cookie, and the list of calls. No build step, nothing from outside."""

import html
from collections.abc import Callable, Sequence
from typing import Annotated

from pydantic import StringConstraints
from typing_extensions import TypedDict

from gateway.http.auth import COOKIE_NAME, COOKIE_SECONDS, Keys, Scope
from gateway.http.bodies import Body
from gateway.http.problems import unauthorised
from gateway.http.routing import Call, Reply, Route, answer

HTML = b"text/html; charset=utf-8"
POLICY = ((b"Content-Security-Policy", b"default-src 'self'"), (b"Referrer-Policy", b"no-referrer"))
ANY_KEY: frozenset[Scope] = frozenset()

LOGIN_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Firstcharge: log in</title>
<h1>Firstcharge</h1>
<form id="login"><label>API key <input id="key" type="password" autocomplete="current-password" required></label>
<button>Log in</button> <output id="said"></output></form>
<script src="/login.js"></script></html>
"""
LOGIN_SCRIPT = """"use strict";
document.getElementById("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const key = document.getElementById("key").value;
  const reply = await fetch("/login", {
    method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({key}),
  });
  if (reply.ok) location.assign("/docs");
  else document.getElementById("said").textContent = (await reply.json()).detail;
});
"""


class LoginBody(Body):
    """An API key."""

    key: Annotated[str, StringConstraints(min_length=1, max_length=512)]


class LoginDocument(TypedDict):
    """Who is logged in."""

    name: str
    scopes: list[str]


class Pages:
    """Login and documentation."""

    def __init__(self, keys: Keys, wall: Callable[[], float]) -> None:
        self._keys = keys
        self._wall = wall
        self._docs = b""

    async def login(self, call: Call) -> Reply:
        """A cookie for a key."""
        body: LoginBody = call.body
        principal = self._keys.of_key(body.key.encode("utf-8"))
        if principal is None:
            raise unauthorised()
        value = self._keys.cookie_for(principal, self._wall())
        cookie = b"%b=%b; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict" % (COOKIE_NAME, value, COOKIE_SECONDS)
        document: LoginDocument = {"name": principal.name, "scopes": sorted(principal.scopes)}
        reply = answer(document)
        return Reply(status=reply.status, body=reply.body, headers=[(b"Set-Cookie", cookie)])

    async def login_page(self, call: Call) -> Reply:  # noqa: ARG002 - a route's handler
        """A form for the key."""
        return Reply(body=LOGIN_PAGE.encode(), content_type=HTML, headers=POLICY)

    async def login_script(self, call: Call) -> Reply:  # noqa: ARG002 - a route's handler
        """What the form does."""
        return Reply(body=LOGIN_SCRIPT.encode(), content_type=b"text/javascript; charset=utf-8", headers=POLICY)

    async def docs(self, call: Call) -> Reply:  # noqa: ARG002 - a route's handler
        """The list of calls."""
        return Reply(body=self._docs, content_type=HTML, headers=POLICY)

    def describe(self, routes: Sequence[Route]) -> None:
        """Write the documentation page of a route table."""
        self._docs = docs_page(routes)

    def routes(self) -> list[Route]:
        """Their routes."""
        return [
            Route(
                method="POST",
                path="/login",
                handler=self.login,
                summary="A cookie for a key, for pages in a browser",
                scopes=None,
                body=LoginBody,
                answers={200: LoginDocument},
                refusals=("UNAUTHORIZED",),
            ),
            Route(
                method="GET",
                path="/login",
                handler=self.login_page,
                summary="A form for the key",
                scopes=None,
                answers={200: None},
                produces="text/html",
            ),
            Route(
                method="GET",
                path="/login.js",
                handler=self.login_script,
                summary="What the form does",
                scopes=None,
                answers={200: None},
                produces="text/javascript",
            ),
            Route(
                method="GET",
                path="/docs",
                handler=self.docs,
                summary="This list of calls as a page",
                scopes=ANY_KEY,
                cookie=True,
                answers={200: None},
                produces="text/html",
            ),
        ]


def docs_page(routes: Sequence[Route]) -> bytes:
    """Every call with its scopes, answers and refusals; the exact schemas stand in /openapi.json."""
    rows = "\n".join(_row(route) for route in routes)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Firstcharge: calls</title>'
        '<h1>Calls</h1><p>Bodies and answers in detail: <a href="/openapi.json">/openapi.json</a></p>'
        "<table><tr><th>call<th>does<th>scopes<th>answers<th>refusals</tr>"
        f"\n{rows}\n</table></html>"
    ).encode()


def _row(route: Route) -> str:
    scopes = "none" if route.scopes is None else ", ".join(sorted(route.scopes)) or "any key"
    cells = (
        f"{route.method} {route.path}",
        route.summary,
        "signature" if route.signed else scopes,
        ", ".join(str(status) for status in sorted(route.answers)),
        ", ".join(route.refusals),
    )
    return "<tr>" + "".join(f"<td>{html.escape(cell)}" for cell in cells) + "</tr>"
