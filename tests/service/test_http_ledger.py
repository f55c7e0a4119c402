"""The journal's files at the HTTP door: exports in chunks, heads in pages, closed days."""

from http_parts import Connection, Door

from gateway.http.channel import STREAM_SECONDS_MAX

PATH = "/v1/ledger/export"


def request(door: Door, path: str, version: str = "1.1", method: str = "GET") -> Connection:
    connection = door.connect()
    connection.send(f"{method} {path} HTTP/{version}\r\nHost: x\r\nAuthorization: Bearer ops-key\r\n\r\n".encode())
    return connection


def test_an_export_goes_out_in_chunks_and_ends_with_the_last_one() -> None:
    door = Door()
    head, _, body = request(door, PATH).received.partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert b"Content-Length" not in head
    assert b"Content-Type: text/csv" in head
    assert body == b"1a\r\nsubscription_id,entry_no\r\n\r\n5\r\n1,1\r\n\r\n0\r\n\r\n"


def test_an_old_client_gets_it_as_it_is_until_the_connection_ends() -> None:
    door = Door()
    connection = request(door, PATH, "1.0")
    head, _, body = connection.received.partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert body == b"subscription_id,entry_no\r\n1,1\r\n"
    assert connection.is_closed


def test_head_makes_no_export() -> None:
    door = Door()
    assert request(door, PATH, method="HEAD").received.endswith(b"\r\n\r\n")
    assert door.journal.pieces.is_stopped


def test_an_export_lasts_as_long_as_its_pieces_move_and_is_cut_off_when_they_do_not() -> None:
    door = Door()
    pieces = door.journal.pieces
    pieces.pieces = [b"1,1\r\n"] * 4
    pieces.is_slow = True
    connection = request(door, PATH)
    for _ in range(3):
        door.clock.pump([60] * (STREAM_SECONDS_MAX // 60 - 1))
        pieces.move_one()
    assert connection.received.count(b"1,1") == 3
    door.clock.pump([60] * (STREAM_SECONDS_MAX // 60 - 1))
    assert not connection.transport.disconnected
    door.clock.pump([60] * 2)
    assert connection.transport.disconnected


def test_a_client_that_leaves_stops_it() -> None:
    door = Door()
    door.journal.pieces.is_slow = True
    connection = request(door, PATH)
    connection.channel.stopProducing()  # what a transport tells first when its connection is lost
    assert door.journal.pieces.is_stopped


def test_an_export_that_breaks_off_breaks_the_connection() -> None:
    door = Door()
    door.journal.pieces.breaks_off = True
    connection = request(door, PATH)
    assert not connection.received.endswith(b"0\r\n\r\n")
    assert connection.transport.disconnected


def test_a_third_export_is_told_to_come_later() -> None:
    door = Door()
    door.journal.is_busy = True
    answer = door.call("GET", PATH)
    assert (answer.status, answer.code) == (503, "UNAVAILABLE")
    assert answer.headers["retry-after"] == "30"


def test_what_is_asked_for_reaches_the_journal() -> None:
    door = Door()
    request(door, f"{PATH}?from=2025-03-03T00:00:00%2B03:00&format=jsonl")
    ((start, end, form),) = door.journal.asked
    assert start is not None
    assert (start.isoformat(), end, form) == ("2025-03-02T21:00:00+00:00", None, "jsonl")
    assert door.call("GET", f"{PATH}?format=xml").status == 400
    assert door.call("GET", PATH, key="care-key").status == 403


def test_heads_come_in_pages() -> None:
    door = Door()
    first = door.call("GET", "/v1/ledger/heads").body
    assert (len(first["items"]), first["next_cursor"]) == (1_000, "1000")
    second = door.call("GET", "/v1/ledger/heads?cursor=1000").body
    assert ([one["block"] for one in second["items"]], second["next_cursor"]) == ([1_001, 1_002], None)
    assert door.call("GET", "/v1/ledger/heads?cursor=x").status == 400


def test_closed_days_tell_sums_movements_and_where_the_cashback_is() -> None:
    door = Door()
    (day,) = door.call("GET", "/v1/reconciliations?from=2025-03-01&to=2025-03-03").body["items"]
    assert day["day"] == "2025-03-02"
    assert day["accounts"] == [{"account": "main", "opening": "0.00", "closing": "100.50"}]
    assert day["movements"][0] == {
        "kind": "topup",
        "from": "cash_in",
        "to": "main",
        "postings": 2,
        "amount": "100.50",
    }
    assert (day["cashback"]["issued"], day["imbalance"]) == ("50.00", "0.00")
    assert door.call("GET", "/v1/reconciliations?to=2025-03-02").body["items"] == []
    assert door.call("GET", "/v1/reconciliations?from=2025-02-30").status == 400
