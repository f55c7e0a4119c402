"""The operator's balance service, asked for the first line of `*100#` where the main balance is theirs (rule 42).

`GET main_balance_url?msisdn=79160000001` → 200 `{"main":"123.45"}`, in time, or the line is left out: an answer that
is late, large, redirected or nonsense is no answer, and more questions at once than are bounded here are not asked.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from twisted.internet.defer import CancelledError, Deferred, TimeoutError  # noqa: A004 - Twisted's own
from twisted.internet.error import ConnectError, ConnectingCancelledError, ConnectionClosed, DNSLookupError
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.client import (
    Agent,
    HTTPConnectionPool,
    ResponseDone,
    ResponseFailed,
    ResponseNeverReceived,
)
from twisted.web.http import OK, PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from billing.money import Kopecks, MalformedAmount, parse_money
from gateway import __version__

SHARE_OF_SOFT_DEADLINE = 0.75
"""The rest is for the ledger's own figures and the network."""

UNREACHED = (
    ConnectError,
    ConnectionClosed,
    DNSLookupError,
    ResponseFailed,
    ResponseNeverReceived,
)

ASKED_MAX = 64
CONNECTIONS_MAX = 16
IDLE_SECONDS_MAX = 30
ANSWER_OCTETS_MAX = 4_096


class NoMainBalance(Exception):
    """The balance service gave no sum; says why."""


class MainBalanceService:
    """Asks one URL, over a few kept connections; redirects are not followed."""

    _log = Logger()

    def __init__(self, url: str, reactor: Any, *, seconds_max: float) -> None:
        """`reactor` connects and keeps time."""
        self._url = url
        self._clock = reactor
        self._seconds_max = seconds_max
        self._pool = HTTPConnectionPool(reactor)
        self._pool.maxPersistentPerHost = CONNECTIONS_MAX
        self._pool.cachedConnectionTimeout = IDLE_SECONDS_MAX
        self._agent = Agent(reactor, connectTimeout=seconds_max, pool=self._pool)
        self._asked: set[Deferred[Kopecks]] = set()
        self._is_answering = True

    async def main_of(self, msisdn: str) -> Kopecks | None:
        """A number's main balance; None where the service did not say it in time."""
        if len(self._asked) >= ASKED_MAX:
            self._silent("too many questions at once")
            return None
        asking = Deferred.fromCoroutine(self._ask(msisdn))
        self._asked.add(asking)
        try:
            main = await asking.addTimeout(self._seconds_max, self._clock)
        except (TimeoutError, CancelledError, ConnectingCancelledError):
            self._silent(f"no answer within {self._seconds_max:g} s")
            return None
        except NoMainBalance as reason:
            self._silent(str(reason))
            return None
        except UNREACHED as error:
            self._silent(f"{type(error).__name__}: {error}")
            return None
        finally:
            self._asked.discard(asking)
        if not self._is_answering:
            self._is_answering = True
            self._log.info("main_balance_answers_again")
        return main

    async def stop(self) -> None:
        """Give up what is asked and close the kept connections."""
        for asking in list(self._asked):
            asking.cancel()
        await self._pool.closeCachedConnections()

    async def _ask(self, msisdn: str) -> Kopecks:
        headers = Headers({"Accept": ["application/json"], "User-Agent": [f"firstcharge/{__version__}"]})
        response = await self._agent.request(b"GET", _with_number(self._url, msisdn).encode(), headers)
        body = await _body_of(response)
        if response.code != OK:
            raise NoMainBalance(f"status {response.code}")
        return _main_in(body)

    def _silent(self, reason: str) -> None:
        """Told once, not once a dial."""
        if self._is_answering:
            self._is_answering = False
            self._log.warn("main_balance_silent {reason}", reason=reason)


def _with_number(url: str, msisdn: str) -> str:
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, urlencode({"msisdn": msisdn}))))
    return urlunsplit(parts._replace(path=parts.path or "/", query=query))


def _main_in(body: bytes) -> Kopecks:
    """The sum in an answer.

    Raises:
        NoMainBalance: there is none.
    """
    try:
        document = json.loads(body)
        main = document.get("main") if isinstance(document, Mapping) else None
        if not isinstance(main, str):
            raise NoMainBalance('no {"main":"123.45"}')
        return parse_money(main)
    except (ValueError, RecursionError, MalformedAmount):
        raise NoMainBalance("no sum") from None


def _body_of(response: IResponse) -> "Deferred[bytes]":
    collector = _Collector()
    response.deliverBody(collector)
    return collector.whole


class _Collector(Protocol):
    """The body of an answer up to its limit; giving up on it closes the connection."""

    transport: Any  # what an HTTP client hands out knows little more than to close

    def __init__(self) -> None:
        self.whole: Deferred[bytes] = Deferred(lambda _: self.transport.loseConnection())
        self._octets = b""

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Keep a part."""
        if self.whole.called:
            return
        self._octets += data
        if len(self._octets) > ANSWER_OCTETS_MAX:
            self.whole.errback(NoMainBalance(f"more than {ANSWER_OCTETS_MAX} octets"))
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802 - Twisted's name
        """The body is whole, or cut short."""
        if self.whole.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):
            self.whole.callback(self._octets)
        else:
            self.whole.errback(reason)
