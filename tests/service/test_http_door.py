"""The door itself: limits before buffering, absolute deadlines, keep-alive, errors, the end of the program."""

import tempfile
from typing import Any

import pytest
from http_parts import KEY, A, Answer, Door
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from gateway.http.auth import Scope
from gateway.http.door import DoorLimits
from gateway.http.routing import Call, Reply, Route, answer

BODY = b'{"charge_id":"c-1","msisdn":"79160000001","type":"usage","amount":"650.00"}'
MIB = 1 << 20


@pytest.fixture
def door() -> Door:
    return Door()


def head(method: str, path: str, *lines: str) -> bytes:
    fixed = ("Host: x", f"Authorization: Bearer {KEY}", "Content-Type: application/json")
    return "\r\n".join((f"{method} {path} HTTP/1.1", *fixed, *lines, "", "")).encode()


def test_an_unknown_path_is_404_and_another_method_405_with_what_is_allowed(door: Door) -> None:
    assert door.call("GET", "/v2").code == "NOT_FOUND"
    assert door.call("GET", "/v1/charges/c-1/x/y/z").status == 404
    assert door.call("GET", "/" + "a/" * 30).status == 404
    for method in ("TRACE", "OPTIONS", "DELETE", "get"):
        refused = door.call(method, "/v1/charges/c-1")
        assert (refused.status, refused.code, refused.headers["allow"]) == (405, "METHOD_NOT_ALLOWED", "GET")
    assert door.call("GET", "/v1/members/" + A).status == 200
    assert door.call("POST", "/v1/members/" + A).headers["allow"] == "DELETE, GET, PATCH"


def test_head_is_get_without_the_body_also_where_it_is_refused(door: Door) -> None:
    whole = door.call("GET", "/v1/charges/c-1")
    for path, status in (("/v1/charges/c-1", 200), ("/v1/charges", 405), ("/v2", 404)):
        connection = door.connect()
        connection.send(head("HEAD", path))
        received = connection.received
        assert received.startswith(f"HTTP/1.1 {status} ".encode())
        assert received.endswith(b"\r\n\r\n")
        assert (f"Content-Length: {len(whole.raw)}\r\n".encode() in received) == (status == 200)


def test_path_parameters_are_decoded_and_bounded(door: Door) -> None:
    assert door.call("GET", "/v1/charges/c%2d1").status == 200
    assert door.call("GET", "/v1/charges/c%2F1").code == "UNKNOWN_CHARGE"
    assert door.call("GET", "/v1/charges/" + "x" * 64).code == "UNKNOWN_CHARGE"
    assert door.call("GET", "/v1/charges/hold:" + "x" * 64).code == "UNKNOWN_CHARGE"
    assert door.call("GET", "/v1/charges/hold:" + "x" * 65).status == 400
    for bad in ("x" * 65, "%00", "%20", "%0a", "%d0%b9", "%ff"):
        assert door.call("GET", f"/v1/charges/{bad}").status == 400, bad
    assert door.call("GET", f"/v1/subscribers/%2B{A}").status == 200
    assert door.call("GET", "/v1/subscribers/8%20916%20000-00-01").status == 200
    assert door.call("GET", "/v1/subscribers/abc").body["field"] == "msisdn"


def test_parameters_nobody_asked_for_are_refused(door: Door) -> None:
    assert door.call("GET", "/healthz?verbose=1").body["field"] == "verbose"
    assert door.call("POST", "/v1/charges?x", {"charge_id": "c"}).status == 400


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""])
def test_a_body_that_is_not_json_is_415(door: Door, content_type: str) -> None:
    refused = door.call("POST", "/v1/charges", BODY, Content_Type=content_type)
    assert (refused.status, refused.code) == (415, "NOT_JSON")
    assert door.call("POST", "/v1/charges", BODY, Content_Type="Application/JSON; charset=utf-8").status == 201


def test_a_missing_body_is_400_and_names_what_is_needed(door: Door) -> None:
    assert door.call("POST", "/v1/charges").status == 400
    missing = door.call("POST", "/v1/charges", {})
    assert {one["field"] for one in missing.body["errors"]} == {"charge_id", "msisdn", "type", "amount"}
    assert "field" not in missing.body


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", 650), ("amount", "650"), ("amount", "650.0"), ("amount", "650.001"), ("amount", "0.00"),
        ("amount", "-1.00"), ("amount", "+1.00"), ("amount", "1e3"), ("amount", " 1.00"), ("amount", "٦.00"),
        ("amount", "9" * 30 + ".00"), ("amount", True), ("amount", None), ("amount", ["1.00"]),
        ("charge_id", ""), ("charge_id", "x" * 65), ("charge_id", "a\nb"), ("charge_id", " a"), ("charge_id", 7),
        ("charge_id", "№1"), ("msisdn", "123"), ("msisdn", 79160000001), ("msisdn", ""), ("type", "fee"),
        ("occurred_at", "2025-03-03T12:00:00"), ("occurred_at", "2025-02-30T12:00:00Z"),
        ("occurred_at", "1741000000"), ("occurred_at", 1741000000), ("occurred_at", "0001-01-01T00:00:00+14:00"),
        ("occurred_at", "9999-12-31T23:59:59-14:00"), ("occurred_at", "2025-03-03 12:00:00Z"),
        ("occured_at", "2025-03-03T12:00:00Z"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_400_and_named(door: Door, field: str, value: Any) -> None:
    body = {"charge_id": "c-1", "msisdn": A, "type": "usage", "amount": "1.00"} | {field: value}
    refused = door.call("POST", "/v1/charges", body)
    assert (refused.status, refused.code, refused.body["field"]) == (400, "INVALID", field)
    assert door.ledger.commands == []


def test_a_body_at_the_limit_is_read_and_one_octet_more_is_413(door: Door) -> None:
    padded = BODY + b" " * (MIB - len(BODY))
    assert door.call("POST", "/v1/charges", padded).status == 201
    refused = door.call("POST", "/v1/charges", padded + b" ")
    assert (refused.status, refused.code) == (413, "TOO_LARGE")
    assert len(door.ledger.commands) == 1


def test_a_body_announced_too_large_is_dropped_as_it_comes_and_the_connection_lives_on(door: Door) -> None:
    connection = door.connect()
    connection.send(head("POST", "/v1/charges", f"Content-Length: {2 * MIB}"))
    for _ in range(32):
        connection.send(b"x" * (MIB // 16))
        request = connection.channel.requests[0] if connection.channel.requests else None
        assert request is None or request._chunks == []
    assert connection.answer().status == 413
    connection.send(head("GET", "/v1/clock"))
    assert [one.status for one in connection.answers()] == [413, 200]


def test_a_body_far_too_large_is_answered_at_once_and_the_rest_dropped_until_the_end(door: Door) -> None:
    connection = door.connect()
    connection.send(head("POST", "/v1/charges", f"Content-Length: {1 << 40}"))
    refused = connection.answer()
    assert (refused.status, refused.headers["connection"]) == (413, "close")
    connection.send(b"x" * MIB)
    assert len(connection.answers()) == 1
    assert not connection.is_closed
    door.clock.pump([1] * 7)
    assert connection.is_closed


def test_a_chunked_body_is_counted_as_it_grows(door: Door) -> None:
    connection = door.connect()
    connection.send(head("POST", "/v1/charges", "Transfer-Encoding: chunked"))
    connection.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY))
    assert connection.answer().status == 201
    connection.send(head("POST", "/v1/charges", "Transfer-Encoding: chunked"))
    piece = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    for _ in range(20):
        connection.send(piece)
    connection.send(b"0\r\n\r\n")
    assert [one.status for one in connection.answers()] == [201, 413]


def test_a_client_that_asks_first_is_told_to_go_on_or_not(door: Door) -> None:
    welcome = door.connect()
    welcome.send(head("POST", "/v1/charges", f"Content-Length: {len(BODY)}", "Expect: 100-continue"))
    assert welcome.received == b"HTTP/1.1 100 Continue\r\n\r\n"
    welcome.send(BODY)
    assert b"201 Created" in welcome.received
    refused = door.connect()
    refused.send(head("POST", "/v1/charges", f"Content-Length: {2 * MIB}", "Expect: 100-continue"))
    assert b"100 Continue" not in refused.received
    assert refused.answer().status == 413


def test_requests_on_one_connection_are_answered_in_order(door: Door) -> None:
    connection = door.connect()
    request = head("POST", "/v1/charges", f"Content-Length: {len(BODY)}") + BODY
    door.ledger.is_held = True
    connection.send(request + head("GET", "/v1/clock"))
    assert connection.received == b""
    door.ledger.holds[0].callback(None)
    assert [one.status for one in connection.answers()] == [201, 200]
    assert not connection.is_closed


@pytest.mark.parametrize(
    ("version", "header"), [("1.1", "Connection: close"), ("1.1", "Connection: x, Close"), ("1.0", "X: y")]
)
def test_a_client_that_wants_the_connection_closed_gets_that(door: Door, version: str, header: str) -> None:
    connection = door.connect()
    connection.send(f"GET /healthz HTTP/{version}\r\nHost: x\r\n{header}\r\n\r\n".encode())
    assert connection.answer().headers["connection"] == "close"
    assert connection.is_closed


def test_a_header_that_dribbles_in_is_cut_off_whatever_it_sends(door: Door) -> None:
    connection = door.connect()
    connection.send(b"GET /healthz HTTP/1.1\r\n")
    for _ in range(12):
        door.clock.advance(1)
        connection.send(b"X")
    assert connection.answer().code == "TIMEOUT"
    assert connection.is_closed


def test_a_body_that_dribbles_in_is_cut_off(door: Door) -> None:
    connection = door.connect()
    connection.send(head("POST", "/v1/charges", "Content-Length: 1000"))
    for _ in range(32):
        door.clock.advance(1)
        connection.send(b" ")
    assert connection.answer().status == 408
    assert connection.is_closed


def test_an_idle_connection_is_closed_without_a_word_and_a_served_one_is_left_alone(door: Door) -> None:
    idle, busy = door.connect(), door.connect()
    door.ledger.is_held = True
    busy.send(head("POST", "/v1/charges", f"Content-Length: {len(BODY)}") + BODY)
    door.clock.pump([1] * 62)
    assert (idle.is_closed, idle.received) == (True, b"")
    door.clock.pump([1] * 60)
    assert not busy.is_closed
    door.ledger.holds[0].callback(None)
    assert busy.answer().status == 201


def test_a_connection_that_does_not_go_is_aborted(door: Door) -> None:
    connection = door.connect()
    aborted: list[bool] = []
    connection.transport.abortConnection = lambda: aborted.append(True)
    door.clock.pump([1] * 62)
    assert aborted == []
    door.clock.pump([1] * 6)
    assert aborted


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x00\x01\x02\r\n\r\n", 400),
        (b"GET /healthz\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST /v1/charges HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\n" + b"X: y\r\n" * 101 + b"\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nX: " + b"y" * 20000 + b"\r\n\r\n", 431),
    ],
)
def test_what_is_not_http_is_refused_and_the_connection_closed(door: Door, sent: bytes, status: int) -> None:
    connection = door.connect()
    connection.send(sent)
    assert connection.answers()[-1].status == status
    assert connection.is_closed


def test_every_split_of_a_request_gives_the_same_answer(door: Door) -> None:
    request = head("POST", "/v1/charges", f"Content-Length: {len(BODY)}") + BODY
    whole = door.connect()
    whole.send(request)
    for at in range(1, len(request)):
        connection = door.connect()
        connection.send(request[:at])
        connection.send(request[at:])
        assert connection.received == whole.received


def test_connections_are_limited_in_all_and_per_address() -> None:
    door = Door(limits=DoorLimits(connections_max=3, connections_per_address_max=2))
    first, second, third = door.connect("10.0.0.1"), door.connect("10.0.0.1"), door.connect("10.0.0.1")
    assert [one.is_closed for one in (first, second, third)] == [False, False, True]
    third.channel.connectionLost(Failure(ConnectionDone()))
    other = door.connect("10.0.0.2")
    assert not other.is_closed
    assert door.connect("10.0.0.3").is_closed


def test_calls_are_limited_per_key_and_per_number() -> None:
    door = Door(limits=DoorLimits(calls_per_key_per_s=3, calls_per_number_per_s=1))
    path = f"/v1/subscribers/{A}"
    assert [door.call("GET", path).status for _ in range(2)] == [200, 429]
    refused = door.call("GET", path)
    assert (refused.status, refused.code, refused.headers["retry-after"]) == (429, "RATE_LIMITED", "2")
    assert door.call("GET", path, key="care-key").status == 429
    assert door.call("GET", "/v1/clock").status == 429
    assert door.call("GET", "/v1/clock", key="ops-key").status == 200
    assert door.call("GET", "/healthz", key=None).status == 200
    door.clock.advance(1)
    assert door.call("GET", path).status == 200


def test_a_client_that_leaves_gets_no_answer_and_its_command_ends_all_the_same(door: Door) -> None:
    connection = door.connect()
    door.ledger.is_held = True
    connection.send(head("POST", "/v1/charges", f"Content-Length: {len(BODY)}") + BODY)
    connection.channel.connectionLost(Failure(ConnectionDone()))
    door.ledger.holds[0].callback(None)
    assert connection.received == b""
    assert len(door.ledger.commands) == 1


def test_a_failure_nobody_foresaw_is_500_and_logged(door: Door) -> None:
    seen: list[Any] = []
    door.ledger.fails["DrawCharge"] = ValueError(f"secret of {A}")

    def observe(event: Any) -> None:
        if event.get("log_failure"):
            seen.append(event["log_failure"].value)
            event["log_level"] = None  # looked at: the guard of the tests need not report it

    door.door._log.observer = observe
    failed = door.call("POST", "/v1/charges", BODY)
    assert (failed.status, failed.code) == (500, "INTERNAL")
    assert A.encode() not in failed.raw
    assert [type(one) for one in seen] == [ValueError]


def test_a_database_that_is_away_is_503_with_retry_after(door: Door) -> None:
    door.ledger.fails["DrawCharge"] = ConnectionError("database is away")
    away = door.call("POST", "/v1/charges", BODY)
    assert (away.status, away.code, away.headers["retry-after"]) == (503, "UNAVAILABLE", "2")


def test_the_end_waits_for_running_requests_and_closes_idle_connections(door: Door) -> None:
    idle, busy = door.connect(), door.connect()
    door.ledger.is_held = True
    busy.send(head("POST", "/v1/charges", f"Content-Length: {len(BODY)}") + BODY)
    door.door.stopFactory()
    drained = Deferred.fromCoroutine(door.door.drain())
    assert (idle.is_closed, busy.is_closed, drained.called) == (True, False, False)
    assert door.connect().is_closed
    door.ledger.holds[0].callback(None)
    assert busy.answer().status == 201
    assert busy.is_closed
    assert drained.called


def test_the_date_is_the_walls(door: Door) -> None:
    assert door.call("GET", "/healthz").headers["date"] == "Mon, 03 Mar 2025 11:06:40 GMT"


def test_a_header_that_stands_twice_counts_for_nothing(door: Door) -> None:
    connection = door.connect()
    connection.send(
        f"GET /v1/clock HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode()
    )
    assert connection.answer().status == 401


@pytest.mark.parametrize("header", ["Basic ZGVtbw==", f"bearer  {KEY}", f"BEARER {KEY}", f"Bearer {KEY}x", "Bearer "])
def test_the_key_is_a_bearer_token_in_any_case(door: Door, header: str) -> None:
    expected = 200 if header.lower().split() == ["bearer", KEY] else 401
    assert door.call("GET", "/v1/clock", Authorization=header).status == expected


def test_a_long_answer_is_sent_as_fast_as_the_client_reads_and_cut_off_when_it_stops() -> None:
    files: list[Any] = []

    async def handler(_call: Call) -> Reply:
        files.append(tempfile.TemporaryFile())  # noqa: SIM115 - the door closes it
        files[-1].write(b"0123456789" * 100_000)
        return Reply(file=files[-1])

    route = Route(
        method="GET", path="/long", handler=handler, summary="", scopes=frozenset({Scope.OPS}), answers={200: None}
    )
    door = Door(route)
    whole = door.call("GET", "/long")
    assert (len(whole.raw), files[0].closed) == (1_000_000, True)
    slow = door.connect()
    slow.transport.write = lambda data: (StringTransport.write(slow.transport, data), slow.channel.pauseProducing())
    slow.send(head("GET", "/long"))
    first = len(slow.received)
    assert first < 100_000
    slow.channel.resumeProducing()
    assert first < len(slow.received) < 200_000
    aborted: list[bool] = []
    slow.transport.abortConnection = lambda: aborted.append(True)
    for _ in range(3):
        door.clock.pump([30] * 29)
        slow.channel.resumeProducing()
    assert not aborted, "it still reads"
    door.clock.pump([30] * 31)
    assert aborted
    slow.channel.stopProducing()
    assert files[1].closed


def test_handlers_that_answer_at_once_are_not_kept(door: Door) -> None:
    assert isinstance(door.call("GET", "/healthz"), Answer)
    assert door.door._serving == set()
    assert answer({"a": 1}).body == b'{"a":1}'
