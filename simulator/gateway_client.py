"""HTTP to the program under test: the shops' clicks and postbacks, and its business clock.

Connections are kept open; an answer is passed on as it came. What cannot be reached, or answers nothing in
time, is a GatewayUnreachable.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred, TimeoutError, succeed  # noqa: A004 - Twisted's own
from twisted.internet.error import ConnectError, ConnectingCancelledError, ConnectionClosed, DNSLookupError
from twisted.internet.interfaces import IConsumer
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool, ResponseDone, ResponseFailed, ResponseNeverReceived
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer, IResponse
from zope.interface import implementer

from simulator.errors import GatewayUnreachable

CONNECT_SECONDS_MAX = 2.0
ANSWER_SECONDS_MAX = 15.0
IDLE_SECONDS_MAX = 5
CONNECTIONS_MAX = 16

PASSED_HEADERS = ("content-type", "idempotency-hit", "retry-after", "location")


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayAnswer:
    """Status, body and the headers that mean something to our caller."""

    status: int
    body: bytes
    headers: dict[str, str]


class Gateway(Protocol):
    """What shops and clock need of the gateway; tests hand in their own."""

    async def call(
        self, method: str, path: str, *, body: bytes = b"", headers: dict[str, str], seconds_max: float = ...
    ) -> GatewayAnswer:
        """Its answer, whatever the status; raises GatewayUnreachable."""


@implementer(IBodyProducer)
class _Body:
    """A body that is written at once."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self.length = len(octets)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:  # noqa: N802 - Twisted's name
        consumer.write(self._octets)
        return succeed(None)

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Nothing is left to pause."""

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Nothing is left to resume."""

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Nothing is left to stop."""


class GatewayClient:
    """Calls to one gateway over a few kept connections."""

    def __init__(self, *, url: str, reactor: Any) -> None:
        self._url = url.rstrip("/")
        self._clock = reactor
        self._pool = HTTPConnectionPool(reactor)
        self._pool.maxPersistentPerHost = CONNECTIONS_MAX
        self._pool.cachedConnectionTimeout = IDLE_SECONDS_MAX
        self._agent = Agent(reactor, connectTimeout=CONNECT_SECONDS_MAX, pool=self._pool)

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: dict[str, str],
        seconds_max: float = ANSWER_SECONDS_MAX,
    ) -> GatewayAnswer:
        """The gateway's answer, whatever its status; raises GatewayUnreachable.

        A kept connection that the gateway closed meanwhile is replaced once for a GET. Everything else is
        the caller's to repeat, as only it knows what may be said twice.
        """
        sent = Headers({name: [value] for name, value in headers.items()})
        try:
            return await self._ask(method, path, body, sent).addTimeout(seconds_max, self._clock)
        except (ConnectError, DNSLookupError, ConnectionClosed, ResponseFailed, ResponseNeverReceived) as error:
            raise GatewayUnreachable(f"no answer from {self._url}: {_reason(error)}") from None
        except (TimeoutError, CancelledError, ConnectingCancelledError):
            raise GatewayUnreachable(f"no answer from {self._url} within {seconds_max:g} s") from None

    def _ask(self, method: str, path: str, body: bytes, headers: Headers) -> Deferred[GatewayAnswer]:
        producer = _Body(body) if body else None
        asked = self._agent.request(method.encode(), f"{self._url}{path}".encode(), headers, producer)
        return asked.addCallback(_read)

    async def stop(self) -> None:
        """Close the kept connections."""
        await self._pool.closeCachedConnections()


def _read(response: IResponse) -> Deferred[GatewayAnswer]:
    kept = {}
    for name in PASSED_HEADERS:
        values = response.headers.getRawHeaders(name)
        if values:
            kept[name] = values[0]
    collector = _Collector()
    response.deliverBody(collector)
    return collector.whole.addCallback(lambda body: GatewayAnswer(status=response.code, body=body, headers=kept))


class _Collector(TwistedProtocol):
    """The body of an answer; giving up on it closes the connection."""

    transport: Any  # what an HTTP client hands out knows little more than to close

    def __init__(self) -> None:
        self.whole: Deferred[bytes] = Deferred(lambda _: self.transport.loseConnection())
        self._parts: list[bytes] = []

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Keep a part."""
        self._parts.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802 - Twisted's name
        """The body is whole, or cut short."""
        if self.whole.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):
            self.whole.callback(b"".join(self._parts))
        else:
            self.whole.errback(reason)


def _reason(error: Exception) -> str:
    reasons = getattr(error, "reasons", None)
    return str(reasons[0].value if reasons else error)
