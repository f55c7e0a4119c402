"""The batch call: JSON lines in and out in order, while they arrive, in constant memory."""

import json
from typing import Any

import pytest
from http_parts import KEY, A, Answer, Door
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from billing import errors
from gateway.http.streams import LINE_OCTETS_MAX, LINES_WAITING_MAX, BodyAborted, LineStream


def line(charge_id: str, **changes: Any) -> bytes:
    return json.dumps({"charge_id": charge_id, "msisdn": A, "type": "usage", "amount": "1.00"} | changes).encode()


def lines_of(answer: Answer) -> list[Any]:
    assert answer.status == 200
    return [json.loads(one) for one in answer.raw.splitlines()]


@pytest.fixture
def door() -> Door:
    return Door()


def batch(door: Door, body: bytes, content_type: str = "application/x-ndjson") -> Answer:
    return door.call("POST", "/v1/charges/batch", body, Content_Type=content_type)


def test_every_line_is_answered_in_its_place(door: Door) -> None:
    body = b"\n".join(
        [
            line("c-1"),
            b"",
            b"not json",
            line("c-3", amount="0"),
            line("c-4", extra=1),
            b"[1]",
            line("x" * 5000),
            line("c-9"),
        ]
    )
    drawn, garbage, amount, extra, array, long, last = lines_of(batch(door, body))
    assert (drawn["cashback"], last["status"]) == ("150.00", "paid")
    assert (garbage["charge_id"], garbage["code"]) == (None, "INVALID")
    assert (amount["charge_id"], amount["code"]) == ("c-3", "INVALID")
    assert "amount" in amount["detail"]
    assert (extra["charge_id"], extra["code"]) == ("c-4", "INVALID")
    assert array["charge_id"] is None
    assert "4096" in long["detail"]
    assert [one.charge_id for one in door.ledger.commands] == ["c-1", "c-9"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/x-ndjson", "application/jsonl", "application/ndjson"]
)
def test_the_usual_names_of_json_lines_are_understood(door: Door, content_type: str) -> None:
    assert len(lines_of(batch(door, line("c-1") + b"\r\n", content_type))) == 1
    assert batch(door, line("c-1"), "text/csv").status == 415


def test_a_refused_line_says_why_and_the_rest_goes_on(door: Door) -> None:
    door.ledger.fails["DrawCharge"] = errors.UnknownSubscriber("no subscription has this number")
    refused = {"charge_id": "c-1", "code": "UNKNOWN_SUBSCRIBER", "detail": "no subscription has this number"}
    assert lines_of(batch(door, line("c-1") + b"\n" + line("c-1"))) == [refused, refused]


def test_an_empty_batch_is_an_empty_answer(door: Door) -> None:
    answer = batch(door, b"")
    assert (answer.status, answer.raw) == (200, b"")
    assert batch(door, b"\n\n \n").raw == b""


def test_lines_are_drawn_while_the_body_arrives(door: Door) -> None:
    connection = door.connect()
    body = line("c-1") + b"\n" + line("c-2") + b"\n"
    head = f"POST /v1/charges/batch HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/x-ndjson\r\n"
    connection.send(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body))
    connection.send(body[: len(line("c-1")) + 1])
    assert len(door.ledger.commands) == 1
    assert connection.received == b""
    connection.send(body[len(line("c-1")) + 1 :])
    assert len(lines_of(connection.answer())) == 2
    connection.send(f"GET /v1/clock HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode())
    assert [one.status for one in connection.answers()] == [200, 200]


def test_a_client_faster_than_the_ledger_is_made_to_wait(door: Door) -> None:
    connection = door.connect()
    door.ledger.is_held = True
    count = LINES_WAITING_MAX + 1000
    body = b"\n".join(line(f"c-{number}") for number in range(count))
    head = f"POST /v1/charges/batch HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/x-ndjson\r\n"
    connection.send(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body))
    connection.send(body)
    assert connection.transport.producerState == "paused"
    door.ledger.is_held = False
    answered = 0
    while door.ledger.holds:
        holds, door.ledger.holds = door.ledger.holds, []
        answered += len(holds)
        for hold in holds:
            hold.callback(None)
    assert connection.transport.producerState == "producing"
    assert len(lines_of(connection.answer())) == count
    assert answered < LINES_WAITING_MAX


def test_a_batch_over_64_mib_is_413(door: Door) -> None:
    connection = door.connect()
    head = f"POST /v1/charges/batch HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/x-ndjson\r\n"
    connection.send(head.encode() + b"Content-Length: %d\r\n\r\n" % ((64 << 20) + 1))
    assert connection.answer().status == 413
    chunked = door.connect()
    chunked.send(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
    piece = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    for _ in range(65):
        chunked.send(piece)
    assert chunked.answer().status == 413


def test_a_database_that_is_away_means_the_whole_batch_is_to_come_again(door: Door) -> None:
    door.ledger.fails["DrawCharge"] = ConnectionError("database is away")
    assert batch(door, line("c-1") + b"\n" + line("c-2")).status == 503


def test_a_client_that_leaves_in_the_middle_ends_the_batch(door: Door) -> None:
    connection = door.connect()
    head = f"POST /v1/charges/batch HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/x-ndjson\r\n"
    connection.send(head.encode() + b"Content-Length: 1000\r\n\r\n" + line("c-1") + b"\n")
    assert len(door.door._serving) == 1
    connection.channel.connectionLost(Failure(ConnectionDone()))
    assert door.door._serving == set()
    assert len(door.ledger.commands) == 1


def test_a_key_without_the_scope_never_gets_a_line_read(door: Door) -> None:
    refused = door.call("POST", "/v1/charges/batch", line("c-1"), key="care-key", Content_Type="application/x-ndjson")
    assert refused.status == 403
    assert door.ledger.commands == []


def run(stream: LineStream, at_most: int = 1000) -> list[bytes | None]:
    with pytest.raises(StopIteration) as ended:
        stream.take(at_most).send(None)
    taken: list[bytes | None] = ended.value.value
    return taken


def given_stream() -> LineStream:
    return LineStream(lambda: None, lambda: None)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_lines_are_the_same_however_they_are_cut(size: int) -> None:
    body = b"one\ntwo\r\n\n" + b"x" * LINE_OCTETS_MAX + b"\n" + b"y" * (LINE_OCTETS_MAX + 1) + b"\nlast"
    stream = given_stream()
    for at in range(0, len(body), size):
        stream.feed(body[at : at + size])
    stream.end()
    assert run(stream) == [b"one", b"two\r", b"x" * LINE_OCTETS_MAX, None, b"last"]
    assert run(stream) == []


def test_a_last_line_that_is_too_long_is_still_a_line() -> None:
    stream = given_stream()
    stream.feed(b"x" * (LINE_OCTETS_MAX + 1))
    stream.end()
    assert run(stream) == [None]


def test_an_aborted_body_is_an_error_for_who_reads_it() -> None:
    stream = given_stream()
    stream.feed(b"one\n")
    stream.abort("gone")
    with pytest.raises(BodyAborted):
        stream.take(1).send(None)
