"""What no caller should send: refused as 400 INVALID naming its field, on both databases, and nothing happens."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hosted import Hosted
from signing import postback
from system import Reply, http_call

M, N = "79162000001", "79162000002"
NASTY = ["\0", "a\0b", "\ud800", "\udfff\ud800", "a\nb", "\x7f", "\x1b[2J", "\u202e", " a", "a ", "x" * 65, "x" * 300]
"""As ids; each is outside what an id may be."""

RAW = ["%00", "a%00b", "%0A", "%20a", "a%20", "x" * 300, "%E2%80%AE"]
NO_UTF8 = ["%FF", "%ED%A0%80"]
"""As ids in a path."""

SUMS = [
    "0.00",
    "-1.00",
    "0.001",
    "1.000",
    "1",
    "1000000000000.00",
    "1" + "0" * 15 + ".00",
    "1e15",
    "NaN",
    "",
    "\0",
    10**15,
]
CHARGE = {"msisdn": M, "type": "usage", "amount": "1.00"}


@pytest.fixture(scope="module")
def system(shared: Hosted) -> Iterator[Hosted]:
    """A member with an order, a charge, a reservation and a voucher; afterwards nothing else happened."""
    shared.member(M, main="100.00")
    shared.subscriber(N)
    shared.accrue(M, "50.00", "o-0")
    shared.ok("POST", f"/v1/members/{M}/credit", {"credit_id": "c"})
    assert shared.charge("c-0", M, "1.00").status == 201
    hold = {"reservation_id": "h-0", "msisdn": M, "amount": "1.00", "type": "usage", "expires_in_s": 600}
    assert shared.api("POST", "/v1/reservations", hold).status == 201
    assert shared.api("POST", "/v1/vouchers", {"voucher_id": "v-0", "msisdn": M, "amount": "1.00"}).status == 201
    shared.forget(M)
    before = shared.balance(M), shared.ok("GET", "/v1/catalogue")
    yield shared
    assert shared.happened(M) == ([], [])
    assert (shared.balance(M), shared.ok("GET", "/v1/catalogue")) == before
    assert "Traceback" not in shared.output()


def assert_invalid(reply: Reply, field: str, value: Any) -> None:
    assert (reply.status, reply.body["code"]) == (400, "INVALID"), (field, value, reply)
    assert reply.headers["Content-Type"] == "application/problem+json"
    if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        return  # half a letter is no JSON: nothing in the body has a name
    assert any(one["field"].startswith(field) for one in reply.body["errors"]), (field, value, reply.body)


BODIES: list[tuple[str, str, dict[str, Any], str]] = [
    ("POST", "/v1/charges", CHARGE | {"charge_id": "in"}, "charge_id"),
    ("POST", "/v1/charges", CHARGE | {"charge_id": "in"}, "msisdn"),
    ("POST", "/v1/charges", CHARGE | {"charge_id": "in"}, "type"),
    ("POST", "/v1/charges/c-0/refunds", {"refund_id": "in", "amount": "0.01"}, "refund_id"),
    ("POST", "/v1/topups", {"topup_id": "in", "msisdn": M, "amount": "1.00"}, "topup_id"),
    ("POST", "/v1/reservations", CHARGE | {"reservation_id": "in", "expires_in_s": 60}, "reservation_id"),
    ("POST", "/v1/vouchers", {"voucher_id": "in", "msisdn": M, "amount": "1.00"}, "voucher_id"),
    ("POST", "/v1/voucher-redemptions", {"redemption_id": "in", "code": "x", "amount": "1.00"}, "redemption_id"),
    ("POST", "/v1/voucher-redemptions", {"redemption_id": "in", "code": "x", "amount": "1.00"}, "code"),
    ("POST", f"/v1/members/{M}/credit", {"credit_id": "in"}, "credit_id"),
    ("POST", "/v1/promos/quiz/credits", {"action_id": "in", "msisdn": M, "amount": "1.00"}, "action_id"),
    ("POST", "/v1/clicks", {"msisdn": M, "partner": "ozon"}, "partner"),
    ("PUT", f"/v1/subscribers/{N}", {}, "tariff"),
    ("PUT", f"/v1/subscribers/{N}", {}, "time_zone"),
    ("PUT", f"/v1/subscribers/{N}", {}, "imsi"),
    ("POST", f"/v1/subscribers/{N}/number-change", {"new_msisdn": N}, "new_msisdn"),
    ("POST", "/v1/month-runs", {"period": "2025-03"}, "period"),
    ("POST", "/v1/clock", {}, "to"),
    ("POST", "/v1/clock", {}, "by"),
    ("POST", "/v1/adverts", {"campaign_id": "in", "texts": {"ru": "a", "ro": "a", "en": "a"}}, "campaign_id"),
    (
        "POST",
        "/v1/members",
        {"msisdn": N, "channel": "web", "accept_terms": True, "terms_version": "1"},
        "terms_version",
    ),
]


@pytest.mark.parametrize(("method", "path", "body", "field"), BODIES, ids=[f"{b[1]}-{b[3]}" for b in BODIES])
def test_an_id_that_is_none_is_invalid_in_every_body(
    system: Hosted, method: str, path: str, body: dict[str, Any], field: str
) -> None:
    for value in NASTY:
        assert_invalid(system.api(method, path, body | {field: value}), field, value)


@pytest.mark.parametrize("field", ["order_id", "click_id"])
def test_an_id_that_is_none_is_invalid_in_a_signed_event(system: Hosted, field: str) -> None:
    body = {"event": "paid", "order_id": "in", "goods": "1000.00", "channel": "web"}
    for value in NASTY:
        assert_invalid(postback(system.http_port, "ozon", body | {field: value}), field, value)


def test_texts_of_people_hold_no_control_characters_and_no_half_letters(system: Hosted) -> None:
    join = {"msisdn": N, "channel": "web", "accept_terms": True, "terms_version": "1", "form": "full"}
    for text in ("\0", "a\0b", "\ud800", "a\nb", "\x1b[2J", " ", "x" * 1001):
        for field in ("full_name", "email"):
            assert_invalid(system.api("POST", "/v1/members", join | {field: text}), field, text)
        override = system.api("POST", "/v1/accruals/ozon/o-0/override", {"reason": text})
        assert_invalid(override, "reason", text)
        partner = {"code": "p", "name": text, "category": "shop", "percent": "5"}
        assert_invalid(system.api("PUT", "/v1/catalogue", {"partners": [partner]}), "partners[0].name", text)
    for text in ("\0", "\ud800", " "):
        advert = {"campaign_id": "in", "texts": {"ru": text, "ro": "a", "en": "a"}}
        assert_invalid(system.api("POST", "/v1/adverts", advert), "texts.ru", text)


PATHS: list[tuple[str, str, Any, str]] = [
    ("GET", "/v1/charges/{}", None, "charge_id"),
    ("POST", "/v1/charges/{}/refunds", {"refund_id": "in", "amount": "0.01"}, "charge_id"),
    ("GET", "/v1/reservations/{}", None, "reservation_id"),
    ("POST", "/v1/reservations/{}/commit", {"amount": "0.01"}, "reservation_id"),
    ("POST", "/v1/reservations/{}/release", None, "reservation_id"),
    ("GET", "/v1/vouchers/{}", None, "voucher_id"),
    ("DELETE", "/v1/vouchers/{}", None, "voucher_id"),
    ("GET", "/v1/accruals/ozon/{}", None, "order_id"),
    ("GET", "/v1/accruals/{}/o-0", None, "partner"),
    ("POST", "/v1/accruals/ozon/{}/override", {"reason": "why"}, "order_id"),
    ("POST", "/v1/promos/{}/credits", {"action_id": "in", "msisdn": M, "amount": "1.00"}, "promo"),
    ("PUT", "/v1/tariffs/{}", {"fee": "1.00"}, "code"),
    ("GET", "/v1/month-runs/{}", None, "period"),
    ("GET", "/v1/subscribers/{}", None, "msisdn"),
    ("PUT", "/v1/subscribers/{}", {}, "msisdn"),
    ("GET", "/v1/subscribers/{}/balance", None, "msisdn"),
    ("GET", "/v1/subscribers/{}/statement", None, "msisdn"),
    ("GET", "/v1/subscribers/{}/messages", None, "msisdn"),
    ("GET", "/v1/subscribers/{}/accruals", None, "msisdn"),
    ("POST", "/v1/subscribers/{}/erasure", None, "msisdn"),
    ("POST", "/v1/subscribers/{}/port-out", None, "msisdn"),
    ("GET", "/v1/members/{}", None, "msisdn"),
    ("DELETE", "/v1/members/{}?channel=web", None, "msisdn"),
]


@pytest.mark.parametrize(("method", "path", "body", "field"), PATHS, ids=[f"{p[0]} {p[1]}" for p in PATHS])
def test_an_id_that_is_none_is_invalid_or_unknown_in_every_path(
    system: Hosted, method: str, path: str, body: Any, field: str
) -> None:
    for raw in RAW:
        reply = system.api(method, path.format(raw), body)
        assert_invalid(reply, field, raw)
    for raw in NO_UTF8:
        reply = system.api(method, path.format(raw), body)
        assert (reply.status, reply.body["code"]) == (400, "INVALID"), (raw, reply)


def test_the_partner_of_a_postback_is_uniformly_401(system: Hosted) -> None:
    for raw in (*RAW, "nobody", "lamoda"):
        body = {"event": "confirmed", "order_id": "o-0"}
        assert postback(system.http_port, raw, body, secret="x").status == 401, raw


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (f"/v1/subscribers/{M}/statement?from={{}}", "from"),
        (f"/v1/subscribers/{M}/statement?to={{}}", "to"),
        (f"/v1/subscribers/{M}/statement?cursor={{}}", "cursor"),
        ("/v1/ussd/records?from={}", "from"),
        ("/v1/ussd/records?cursor={}", "cursor"),
    ],
)
def test_a_parameter_that_is_none_is_invalid(system: Hosted, path: str, field: str) -> None:
    for raw in ("%00", "x" * 300, "2025-02-29T00:00:00Z%00", quote("٣")):
        assert_invalid(system.api("GET", path.format(raw)), field, raw)
    for query in ("%00=1", "a%00b=1", "%FF=1", f"{field}=%FF", f"{field}=%ED%A0%80", f"{field}=a&{field}=a"):
        assert system.api("GET", path.partition("?")[0] + "?" + query).body["code"] == "INVALID"


def test_leaving_by_a_channel_that_is_none_is_invalid(system: Hosted) -> None:
    for raw in ("%00", "web%00", "x" * 300):
        assert_invalid(system.api("DELETE", f"/v1/members/{M}?channel={raw}"), "channel", raw)
        assert_invalid(system.api("DELETE", f"/v1/members/{M}?channel=web&confirm={raw}"), "confirm", raw)


SUM_CALLS: list[tuple[str, dict[str, Any], str]] = [
    ("/v1/charges", CHARGE | {"charge_id": "in"}, "amount"),
    ("/v1/charges/c-0/refunds", {"refund_id": "in"}, "amount"),
    ("/v1/topups", {"topup_id": "in", "msisdn": M}, "amount"),
    ("/v1/reservations", CHARGE | {"reservation_id": "in", "expires_in_s": 60}, "amount"),
    ("/v1/reservations/h-0/commit", {}, "amount"),
    ("/v1/vouchers", {"voucher_id": "in", "msisdn": M}, "amount"),
    ("/v1/vouchers", {"voucher_id": "in", "msisdn": M, "amount": "1.00"}, "handset_price"),
    ("/v1/voucher-redemptions", {"redemption_id": "in", "code": "AAAAAAAAAAAA"}, "amount"),
    ("/v1/promos/quiz/credits", {"action_id": "in", "msisdn": M}, "amount"),
]


@pytest.mark.parametrize(("path", "body", "field"), SUM_CALLS, ids=[f"{one[0]}-{one[2]}" for one in SUM_CALLS])
def test_a_sum_that_is_zero_negative_of_three_decimals_or_enormous_is_invalid(
    system: Hosted, path: str, body: dict[str, Any], field: str
) -> None:
    for value in SUMS:
        assert_invalid(system.api("POST", path, body | {field: value}), field, value)


def test_goods_and_delivery_that_are_no_sums_are_invalid(system: Hosted) -> None:
    paid = {"event": "paid", "order_id": "in", "goods": "1000.00", "channel": "web"}
    for value in SUMS:
        assert_invalid(postback(system.http_port, "ozon", paid | {"goods": value}), "goods", value)
        if value != "0.00":
            assert_invalid(postback(system.http_port, "ozon", paid | {"delivery": value}), "delivery", value)


def test_sums_up_to_the_largest_are_taken_whole(shared: Hosted) -> None:
    most = "999999999999.99"
    shared.subscriber("79162000003")
    assert shared.topup("most", "79162000003", most)["main"] == most
    assert shared.charge("most", "79162000003", most).body["main"] == most
    assert shared.balance("79162000003")["main"] == "0.00"


@pytest.mark.parametrize("charge_id", ["batch"])
def test_an_id_that_is_a_path_of_ours_is_refused_or_found_again(system: Hosted, charge_id: str) -> None:
    assert_invalid(system.charge(charge_id, M, "1.00"), "charge_id", charge_id)
    found = system.api("GET", f"/v1/charges/{charge_id}")
    assert found.status in {404, 405}


def test_conflicting_repeats_are_409_whatever_differs(system: Hosted) -> None:
    for path, body, others in (
        ("/v1/charges", CHARGE | {"charge_id": "c-0"}, [{"amount": "2.00"}, {"msisdn": N}, {"type": "content"}]),
        ("/v1/vouchers", {"voucher_id": "v-0", "msisdn": M, "amount": "1.00"}, [{"amount": "2.00"}, {"msisdn": N}]),
        ("/v1/members/" + M + "/credit", {"credit_id": "c"}, []),
    ):
        assert system.api("POST", path, body).status == 200
        for other in others:
            system.refused(system.api("POST", path, body | other), 409, "CONFLICT")
    system.refused(system.api("POST", f"/v1/members/{N}/credit", {"credit_id": "c"}), 409, "CONFLICT")


def test_bytes_that_are_no_json_are_invalid(system: Hosted) -> None:
    for raw in (b"\x00", b"\xff\xfe", b'{"charge_id":"a\x00"}', b"[" * 100_000, b'{"a":' * 100_000, b"1" * 100_000):
        reply = system.api("POST", "/v1/charges", raw)
        assert (reply.status, reply.body["code"]) == (400, "INVALID"), raw[:20]
    nasty = http_call(system.http_port, "GET", "/v1/catalogue", None, {"Authorization": "Bearer \xff\x80"})
    assert nasty.status == 401
