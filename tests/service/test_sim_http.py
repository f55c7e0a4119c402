"""The simulator's HTTP door, octet by octet."""

import json
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from simulator.api.common import Body
from simulator.http import Call, Door, Reply, Routes, host_is_ours


class Transport(StringTransport):
    """A transport that knows abort."""

    def abortConnection(self) -> None:  # noqa: N802 - Twisted's name
        self.aborting = True
        self.loseConnection()


class Name(Body):
    """A body of one field."""

    name: str


class Bench:
    """A door with a few routes on a clock of the test's own."""

    def __init__(self, **limits: int) -> None:
        self.clock = Clock()
        self.held: Deferred[Reply] = Deferred()
        routes = Routes()
        routes.add("/", GET=self.hello)
        routes.add("/names/{name}", GET=self.hello, POST=self.post)
        routes.add("/slow", GET=self.slow)
        self.door = Door(routes, clock=self.clock, allowed_hosts=("sim.example",), **limits)
        self.transports: list[Transport] = []

    async def hello(self, call: Call) -> Reply:
        return Reply(document={"path": dict(call.path), "query": dict(call.query)})

    async def post(self, call: Call) -> Reply:
        return Reply(status=201, document={"name": call.read(Name).name})

    async def slow(self, _: Call) -> Reply:
        return await self.held

    def connect(self) -> tuple[Any, Transport]:
        address = IPv4Address("TCP", "127.0.0.1", 40_000)
        channel = self.door.buildProtocol(address)
        transport = Transport(peerAddress=address)
        channel.makeConnection(transport)
        self.transports.append(transport)
        return channel, transport

    def ask(self, octets: bytes) -> tuple[int, dict[str, str], Any]:
        channel, transport = self.connect()
        channel.dataReceived(octets)
        answer = parsed(transport.value())
        channel.connectionLost(Failure(ConnectionDone()))
        assert self.clock.getDelayedCalls() == []
        return answer


def parsed(octets: bytes) -> tuple[int, dict[str, str], Any]:
    head, _, body = octets.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
    return int(lines[0].split()[1]), headers, json.loads(body) if body else None


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    given = {"Host": "localhost:8081", **{name.replace("_", "-"): value for name, value in headers.items()}}
    if body:
        given = {"Content-Type": "application/json", "Content-Length": str(len(body)), **given}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def test_path_and_query_reach_the_handler_decoded() -> None:
    status, headers, document = Bench().ask(request("GET", "/names/%D0%BE-1?a=1&b=%20"))
    assert (status, document) == (200, {"path": {"name": "о-1"}, "query": {"a": "1", "b": " "}})
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (request("GET", "/", Host="[::1"), 403),
        (request("GET", "/", Origin="http://["), 403),
        (request("GET", "//["), 400),
        (request("GET", "http://[/"), 400),
    ],
)
def test_an_address_that_cannot_be_read_is_the_callers_fault(octets: bytes, status: int) -> None:
    assert Bench().ask(octets)[0] == status


def test_every_answer_forbids_what_a_page_must_not_do() -> None:
    _, headers, _ = Bench().ask(request("GET", "/"))
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert headers["x-content-type-options"] == "nosniff"


def test_head_is_get_without_the_body() -> None:
    status, headers, document = Bench().ask(request("HEAD", "/"))
    assert (status, document) == (200, None)
    assert int(headers["content-length"]) > 0


def test_an_unknown_path_is_a_problem() -> None:
    status, headers, document = Bench().ask(request("GET", "/nothing"))
    assert (status, document["code"]) == (404, "NOT_FOUND")
    assert headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["DELETE", "PUT", "TRACE", "OPTIONS", "BREW"])
def test_another_method_is_refused_and_the_right_ones_are_named(method: str) -> None:
    status, headers, document = Bench().ask(request(method, "/names/x"))
    assert (status, headers["allow"], document["code"]) == (405, "GET, POST", "METHOD_NOT_ALLOWED")


def test_every_wrong_field_is_named() -> None:
    status, _, document = Bench().ask(request("POST", "/names/x", b'{"name": 5, "surprise": 1}'))
    assert (status, document["code"]) == (400, "INVALID")
    assert {one["field"] for one in document["errors"]} == {"name", "surprise"}


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"\xff\xfe", b'{"name": "a"} x'])
def test_what_is_no_json_object_is_invalid(body: bytes) -> None:
    assert Bench().ask(request("POST", "/names/x", body))[0] == 400


def test_only_json_is_read() -> None:
    status, _, document = Bench().ask(
        request("POST", "/names/x", b"name=a", Content_Type="application/x-www-form-urlencoded")
    )
    assert (status, document["code"]) == (415, "NOT_JSON")


def test_a_body_at_the_limit_is_read_and_one_octet_more_is_not() -> None:
    bench = Bench(body_octets_max=100)
    at_limit = b'{"name": "' + b"x" * 88 + b'"}'
    assert len(at_limit) == 100
    assert bench.ask(request("POST", "/names/x", at_limit))[0] == 201
    status, _, document = bench.ask(request("POST", "/names/x", at_limit + b" "))
    assert (status, document["code"]) == (413, "TOO_LARGE")


def test_an_announced_giant_is_refused_before_it_comes() -> None:
    bench = Bench()
    channel, transport = bench.connect()
    channel.dataReceived(request("POST", "/names/x", Content_Length="1000000000000", Content_Type="application/json"))
    assert parsed(transport.value())[0] == 413
    channel.dataReceived(b"and more of it" * 1000)
    assert not transport.disconnecting
    bench.clock.advance(2.1)
    assert transport.disconnecting
    channel.connectionLost(Failure(ConnectionDone()))


def test_a_chunked_body_is_counted_as_it_comes() -> None:
    bench = Bench(body_octets_max=100)
    channel, transport = bench.connect()
    head = request("POST", "/names/x", Transfer_Encoding="chunked", Content_Type="application/json")
    channel.dataReceived(head + b"40\r\n" + b"x" * 64 + b"\r\n")
    assert transport.value() == b""
    channel.dataReceived(b"40\r\n" + b"x" * 64 + b"\r\n")
    assert parsed(transport.value())[0] == 413
    channel.dataReceived(b"and more of it" * 1000)
    assert not transport.disconnecting
    bench.clock.advance(2.1)
    assert transport.disconnecting
    channel.connectionLost(Failure(ConnectionDone()))


def test_a_request_must_be_there_in_time_however_steadily_it_trickles() -> None:
    bench = Bench()
    channel, transport = bench.connect()
    for octet in request("GET", "/")[:15]:
        channel.dataReceived(bytes((octet,)))
        bench.clock.advance(0.7)
    assert transport.disconnecting
    channel.connectionLost(Failure(ConnectionDone()))


def test_a_second_request_on_the_connection_has_its_own_deadline() -> None:
    bench = Bench()
    channel, transport = bench.connect()
    channel.dataReceived(request("GET", "/"))
    bench.clock.advance(30)
    assert not transport.disconnecting
    channel.dataReceived(b"GET / HTTP/1.1\r\n")
    bench.clock.advance(10.1)
    assert transport.disconnecting
    channel.connectionLost(Failure(ConnectionDone()))


def test_a_handler_may_take_longer_than_a_request_may() -> None:
    bench = Bench()
    channel, transport = bench.connect()
    channel.dataReceived(request("GET", "/slow"))
    bench.clock.advance(40)
    bench.held.callback(Reply(document={"at": "last"}))
    assert parsed(transport.value())[2] == {"at": "last"}
    channel.connectionLost(Failure(ConnectionDone()))


def test_stopping_ends_what_is_being_served() -> None:
    bench = Bench()
    channel, _ = bench.connect()
    channel.dataReceived(request("GET", "/slow"))
    assert len(bench.door.running) == 1
    stopped = Deferred.fromCoroutine(bench.door.stop())
    assert bench.door.running == set()
    assert not stopped.called
    channel.connectionLost(Failure(ConnectionDone()))
    assert stopped.called
    assert bench.clock.getDelayedCalls() == []


def test_one_address_has_a_bounded_number_of_connections() -> None:
    bench = Bench(connections_per_address_max=2)
    (first, _), (second, _) = bench.connect(), bench.connect()
    assert bench.door.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1)) is None
    assert bench.door.buildProtocol(IPv4Address("TCP", "127.0.0.2", 1)) is not None
    first.connectionLost(Failure(ConnectionDone()))
    third, _ = bench.connect()
    second.connectionLost(Failure(ConnectionDone()))
    third.connectionLost(Failure(ConnectionDone()))


@pytest.mark.parametrize("host", ["localhost", "localhost:8081", "127.0.0.1:8081", "[::1]:8081", "sim.example"])
def test_hosts_that_name_this_machine_are_served(host: str) -> None:
    assert host_is_ours(host, ("sim.example",))


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8081", "localhost.evil.example", "", "127.0.0.1.nip.io"]
)
def test_a_page_that_rebinds_its_name_to_us_is_refused(host: str) -> None:
    assert not host_is_ours(host, ("sim.example",))
    status, _, document = Bench().ask(request("GET", "/", Host=host))
    assert (status, document["code"]) == (403, "FORBIDDEN_ORIGIN")


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://localhost:8081", 201), ("http://localhost:8080", 403), ("https://evil.example", 403), ("null", 403)],
)
def test_only_our_own_pages_may_post(origin: str, status: int) -> None:
    assert Bench().ask(request("POST", "/names/x", b'{"name": "a"}', Origin=origin))[0] == status
