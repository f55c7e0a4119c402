"""The HTTP door: accepts connections, admits requests, runs one coroutine for each, turns errors into problems."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

from pydantic import TypeAdapter, ValidationError
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ServerFactory
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from billing.errors import LedgerRefusal
from gateway.http.auth import Keys, Principal, cookie_from, require
from gateway.http.channel import DoorChannel, DoorRequest, problem_reply, too_large
from gateway.http.limiting import RateLimit
from gateway.http.problems import Problem, malformed, refused
from gateway.http.queries import read_query
from gateway.http.routing import Call, Reply, Route, Router
from gateway.http.streams import BodyAborted

SWEEP_SECONDS = 1
RETRY_AFTER_SECONDS = 2

_JSON_TYPES = frozenset({b"application/json"})
_JSON_LINES_TYPES = _JSON_TYPES | {
    b"application/x-ndjson",
    b"application/ndjson",
    b"application/jsonl",
    b"application/x-jsonlines",
    b"application/json-lines",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorLimits:
    """How many connections the door takes, in all and from one address; calls a second of one key, about one number.

    A rate of 0 is no limit.
    """

    connections_max: int = 4096
    connections_per_address_max: int = 1024
    calls_per_key_per_s: float = 0.0
    calls_per_number_per_s: float = 0.0


class HttpDoor(ServerFactory[DoorChannel]):
    """A factory to listen with. `stopFactory` follows the end of listening; `drain` waits for running requests."""

    noisy = False

    def __init__(
        self,
        router: Router,
        keys: Keys,
        *,
        reactor: Any,
        wall: Callable[[], float],
        unavailable: tuple[type[Exception], ...] = (),
        limits: DoorLimits | None = None,
    ) -> None:
        """`wall` gives Unix seconds; `unavailable` are the errors that mean "try again later" (503)."""
        self.is_stopping = False
        self._router = router
        self._keys = keys
        self._reactor = reactor
        self._wall = wall
        self._unavailable = unavailable
        self._limits = limits or DoorLimits()
        self._key_rate = RateLimit(self._limits.calls_per_key_per_s, self.seconds)
        self._number_rate = RateLimit(self._limits.calls_per_number_per_s, self.seconds)
        self._readers = {
            id(route): TypeAdapter(route.body)
            for route in router.routes
            if route.body is not None and not route.signed
        }
        self._channels: set[DoorChannel] = set()
        self._addresses: Counter[str] = Counter()
        self._serving: set[Deferred[None]] = set()
        self._drained: Deferred[None] | None = None
        self._date = (0, b"")
        self._sweeper = LoopingCall(self._sweep)
        self._sweeper.clock = reactor
        self._log = Logger()

    def startFactory(self) -> None:  # noqa: N802 - Twisted's name
        """Begin to sweep deadlines."""
        self._sweeping = self._sweeper.start(SWEEP_SECONDS, now=False)

    def stopFactory(self) -> None:  # noqa: N802 - Twisted's name
        """Nobody listens any more: idle connections go, the others after their answer."""
        self.is_stopping = True
        if self._sweeper.running:
            self._sweeper.stop()
        for channel in tuple(self._channels):
            channel.close_if_idle()

    async def drain(self) -> None:
        """Wait until every request that runs is answered."""
        while self._serving:
            self._drained = Deferred()
            await self._drained

    def abort_connections(self) -> None:
        """Cut what connections are left; the last step of a stop."""
        for channel in tuple(self._channels):
            channel.transport.abortConnection()

    def buildProtocol(self, addr: IAddress | None) -> DoorChannel:  # noqa: N802 - Twisted's name
        """A connection."""
        channel = DoorChannel(self, str(getattr(addr, "host", addr)))
        channel.factory = self
        return channel

    def seconds(self) -> float:
        """Monotonic seconds."""
        return float(self._reactor.seconds())

    def date_line(self) -> bytes:
        """The Date header of this second."""
        second = int(self._wall())
        if self._date[0] != second:
            self._date = (second, f"Date: {formatdate(second, usegmt=True)}\r\n".encode("ascii"))
        return self._date[1]

    def opened(self, channel: DoorChannel) -> bool:
        """Whether one more connection is welcome."""
        self._channels.add(channel)
        self._addresses[channel.address] += 1
        return (
            not self.is_stopping
            and len(self._channels) <= self._limits.connections_max
            and self._addresses[channel.address] <= self._limits.connections_per_address_max
        )

    def closed(self, channel: DoorChannel) -> None:
        """A connection is gone."""
        if channel in self._channels:
            self._channels.discard(channel)
            self._addresses[channel.address] -= 1
            if not self._addresses[channel.address]:
                del self._addresses[channel.address]

    def admit(self, request: DoorRequest, length: int | None) -> Call:
        """Route, key, length, content type and query of a request whose headers are in; raises Problem."""
        path, _, query = request.uri.partition(b"?")
        route, values = self._router.find(request.method, path)
        principal = None if route.scopes is None else self._who(request, route)
        if principal is not None:
            self._require_rate(principal, values.get("msisdn"))
        if length is not None and length > route.body_octets_max:
            raise too_large(route.body_octets_max)
        if length != 0 and (route.body is not None or route.signed or route.stream):
            _require_json(request.header(b"Content-Type"), route)
        return Call(
            route=route,
            path=values,
            principal=principal,
            query=read_query(route.query, query),
            header=request.header,
        )

    def _who(self, request: DoorRequest, route: Route) -> Principal:
        principal = self._keys.of_authorization(request.header(b"Authorization"))
        if principal is None and route.cookie:
            principal = self._keys.of_cookie(cookie_from(request.header(b"Cookie")), self._wall())
        return require(principal, route.scopes or frozenset())

    def _require_rate(self, principal: Principal, number: str | None) -> None:
        if self._key_rate.allows(principal.name) and (number is None or self._number_rate.allows(number)):
            return
        retry = (b"Retry-After", b"%d" % RETRY_AFTER_SECONDS)
        raise Problem(429, "RATE_LIMITED", "too many calls; come again in a moment", headers=[retry])

    def serve(self, request: DoorRequest) -> None:
        """Run the handler of an admitted request; the door owns it until it is answered."""
        running = Deferred.fromCoroutine(self._answer(request))
        if not running.called:
            self._serving.add(running)
            _ = running.addBoth(self._served, running)

    def _served(self, _result: None, running: Deferred[None]) -> None:
        self._serving.discard(running)
        if not self._serving and self._drained is not None:
            drained, self._drained = self._drained, None
            drained.callback(None)

    async def _answer(self, request: DoorRequest) -> None:
        assert request.call is not None  # noqa: S101 - only admitted requests are served
        try:
            reply = await self._reply(request.call)
        except Problem as problem:
            reply = problem_reply(problem)
        except LedgerRefusal as refusal:
            reply = problem_reply(refused(refusal))
        except BodyAborted:
            return
        except self._unavailable as error:
            self._log.warn("request_unavailable {route} {error}", route=request.call.route.path, error=repr(error))
            retry = (b"Retry-After", b"%d" % RETRY_AFTER_SECONDS)
            reply = problem_reply(Problem(503, "UNAVAILABLE", "try again in a moment", headers=[retry]))
        except Exception:  # noqa: BLE001 - the border: whatever a handler did not foresee is logged and answered
            self._log.failure("request_failed {route}", route=request.call.route.path)
            reply = problem_reply(
                Problem(500, "INTERNAL", "something went wrong here; nothing about it is your fault")
            )
        request.send(reply)

    async def _reply(self, call: Call) -> Reply:
        reader = self._readers.get(id(call.route))
        if reader is not None:
            try:
                call.body = reader.validate_json(call.raw)
            except ValidationError as error:
                raise malformed(error) from None
        return await call.route.handler(call)

    def _sweep(self) -> None:
        now = self.seconds()
        for channel in tuple(self._channels):
            if channel.deadline is not None and channel.deadline < now:
                channel.overdue()


def _require_json(content_type: bytes | None, route: Route) -> None:
    kind = (content_type or b"").partition(b";")[0].strip().lower()
    if kind not in (_JSON_LINES_TYPES if route.stream else _JSON_TYPES):
        raise Problem(415, "NOT_JSON", f"the body must be {route.content_type}")
