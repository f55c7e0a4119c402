"""A small synchronous HTTP client for the two JSON contracts, on the standard library, with time limits.

One connection a call: nothing to keep, nothing stale. Proxies of the environment are not asked: these are
addresses of the operator's own network, mostly loopback.
"""

import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from gateway.cli.errors import BadUsage, Refused, Unreachable

ANSWER_SECONDS_MAX = 35.0
"""The slowest answer of the contract, POST /v1/clock, comes after 30 s at the latest."""

BODY_OCTETS_MAX = 64 * 1024 * 1024
"""No answer of the contract is larger."""

PIECE_OCTETS = 1 << 16

OK_BELOW = 300

JSON_LINES = "application/x-ndjson"
"""Bodies of bytes are lines of JSON, and such answers stay bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One HTTP answer; `body` is decoded JSON, or the text as it came where it is none."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the other side said yes."""
        return self.status < OK_BELOW


class Client:
    """Calls to one base address."""

    def __init__(self, base_url: str, *, key: str | None = None, seconds_max: float = ANSWER_SECONDS_MAX) -> None:
        """Store the parts.

        Raises:
            BadUsage: the address is not http(s)://host[:port], or the key is none that a header can carry.
        """
        try:
            parts = urlsplit(base_url if "//" in base_url else f"http://{base_url}")
            port = parts.port
        except ValueError:  # not a number, or a bracket that is never closed
            raise _no_address(base_url) from None
        if parts.scheme not in ("http", "https") or not parts.hostname or not base_url.isascii():
            raise _no_address(base_url)
        if key is not None and not (key.isascii() and key.isprintable()):
            raise BadUsage("a key is printable ASCII", fix="copy it again as it was given to you")
        self.base_url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._tls = parts.scheme == "https"
        self._host = parts.hostname
        self._port = port
        self._prefix = parts.path.rstrip("/")
        self._key = key
        self._seconds_max = seconds_max

    def call(
        self, method: str, path: str, body: Any = None, *, query: Mapping[str, str | None] | None = None
    ) -> Answer:
        """The answer, whatever its status.

        Raises:
            Unreachable: nobody listens, or no answer came in time.
        """
        asked = {name: value for name, value in (query or {}).items() if value is not None}
        target = self._prefix + path + (f"?{urlencode(asked)}" if asked else "")
        try:
            return self._exchange(method, target, body)
        except (OSError, http.client.HTTPException) as error:
            told = getattr(error, "strerror", None) or str(error) or type(error).__name__
            reason = "no answer in time" if isinstance(error, TimeoutError) else told
            raise Unreachable(
                f"cannot reach {self.base_url}: {reason}  ({method} {path})",
                fix="is it running? start it with `firstcharge demo`, or give the right address",
            ) from None

    def expect(
        self, method: str, path: str, body: Any = None, *, query: Mapping[str, str | None] | None = None
    ) -> Answer:
        """A good answer.

        Raises:
            Refused: the other side said no.
            Unreachable: nobody listens, or no answer came in time.
        """
        answer = self.call(method, path, body, query=query)
        if not answer.ok:
            raise Refused(status=answer.status, body=answer.body, where=f"{method} {self.base_url}{path}")
        return answer

    def ask(self, method: str, path: str, body: Any = None, *, query: Mapping[str, str | None] | None = None) -> Any:
        """The JSON body of a good answer; raises as `expect` does."""
        return self.expect(method, path, body, query=query).body

    def patient(self, seconds_max: float) -> "Client":
        """The same, waiting longer: for what looks at everything there is."""
        return Client(self.base_url, key=self._key, seconds_max=seconds_max)

    def download(self, path: str, *, query: Mapping[str, str | None] | None = None) -> Iterator[bytes]:
        """The body of a good answer in pieces, as it comes; raises as `expect` does, also when it breaks off."""
        asked = {name: value for name, value in (query or {}).items() if value is not None}
        target = self._prefix + path + (f"?{urlencode(asked)}" if asked else "")
        connection = self._connection()
        try:
            connection.request("GET", target, headers=self._headers())
            response = connection.getresponse()
            if response.status >= OK_BELOW:
                body = _decoded(response.read(BODY_OCTETS_MAX))
                raise Refused(status=response.status, body=body, where=f"GET {self.base_url}{path}")
            while piece := response.read(PIECE_OCTETS):
                yield piece
        except (OSError, http.client.HTTPException) as error:
            reason = "it broke off" if isinstance(error, http.client.IncompleteRead) else str(error)
            raise Unreachable(
                f"cannot reach {self.base_url}: {reason or type(error).__name__}  (GET {path})",
                fix="look at the gateway's log, then ask again",
            ) from None
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._tls else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=self._seconds_max)

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json", "Connection": "close"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        return headers

    def _exchange(self, method: str, target: str, body: Any) -> Answer:
        headers = self._headers()
        content = None
        if body is not None:
            is_lines = isinstance(body, bytes)
            content = body if is_lines else json.dumps(body).encode()
            headers["Content-Type"] = JSON_LINES if is_lines else "application/json"
        connection = self._connection()
        try:
            connection.request(method, target, body=content, headers=headers)
            response = connection.getresponse()
            received = response.read(BODY_OCTETS_MAX)
        finally:
            connection.close()
        named = {name.lower(): value for name, value in response.getheaders()}
        is_raw = named.get("content-type") == JSON_LINES
        return Answer(status=response.status, body=received if is_raw else _decoded(received), headers=named)


def in_path(text: str) -> str:
    """A text as one segment of a path; what is no Unicode becomes "?", which no id or number has."""
    return quote(text, safe="", errors="replace")


def _no_address(base_url: str) -> BadUsage:
    return BadUsage(f"{base_url!r} is no address", fix="write it like http://127.0.0.1:8080")


def _decoded(received: bytes) -> Any:
    """JSON where it is JSON, None where nothing came, else the text."""
    if not received:
        return None
    try:
        return json.loads(received)
    except ValueError:
        return received.decode("utf-8", "replace")
