"""Every field of every call given wrong: 400 INVALID naming the field, and nothing done (interface.md, 400)."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from signing import postback
from system import B, Reply, System, http_call

M = "79162000001"
SUM = [
    "-1.00",
    "1",
    "1.5",
    "1.500",
    "01.00",
    "+1.00",
    "1,00",
    "1e3",
    "",
    " 1.00",
    "٣.00",
    "9" * 30 + ".00",
    1,
    1.5,
    True,
    [],
    {},
]
POSITIVE = [*SUM, "0.00"]
ID = ["", " a", "a ", "a\n", "a\0b", "x" * 300, "счет", 1, True, ["a"]]
NUMBER = [
    "",
    "abc",
    "1",
    "+",
    "7916000000",
    "791600000011",
    "9" * 30,
    "79160000001\0",
    "٧٩١٦٠٠٠٠٠٠١",
    79160000001,
    ["7"],
]
INSTANT = [
    "",
    "now",
    "2025-03-02",
    "2025-03-03T11:00:00",
    "2025-02-29T11:00:00+03:00",
    "1969-12-31T23:59:59Z",
    1740000000,
    True,
]
AHEAD = "2025-03-03T12:05:01+03:00"
WORD = ["", "nonsense", "WEB", 1, True, []]
FLAG = ["true", "yes", 1, 0, []]
LINE = ["", "  ", "a\nb", "a\0b", "\u202eabc", "x" * 1000, 1]

CHARGE = {"charge_id": "in-1", "msisdn": M, "type": "usage", "amount": "1.00"}
JOIN = {"msisdn": B, "channel": "web", "accept_terms": True, "terms_version": "1"}
PAID = {"event": "paid", "order_id": "in-1", "goods": "1000.00", "channel": "web"}
PARTNER = {"code": "p", "name": "P", "category": "shop", "percent": "5"}
PROMO = {"code": "q", "name": "Q"}
DAY = ["2025-02-29", "29.02.2000", "2000-2-1", "2025-03-04", "1899-12-31", "", 1]
PERIOD = ["", "2025", "2025-13", "2025-00", "2025-4", "202504", "x", 202504]
DURATION = ["", "P", "PT", "1D", "P1DT", "P99999D", 86400, "tomorrow"]

OPTIONAL = {"accept_terms", "terms_version", "amount"}
"""Left out, these are the rules' to miss: terms are required, a promotion may have a sum of its own."""

Table = list[tuple[str, str, Mapping[str, Any], Mapping[str, list[Any]]]]

CALLS: Table = [
    ("PUT", "/v1/tariffs/t", {"fee": "1.00"}, {"fee": SUM}),
    (
        "PUT",
        f"/v1/subscribers/{M}",
        {},
        {
            "contract": WORD,
            "network": WORD,
            "language": [*WORD, "de", "RU"],
            "tariff": ID,
            "msisdn": [*NUMBER, B],
            "imsi": ["", "x", "1" * 20, 250011234567890],
            "time_zone": ["", "Mars/X", "../x", 3, "x" * 300],
            "unicode": WORD,
            "credit_limit": SUM,
        },
    ),
    (
        "POST",
        "/v1/members",
        JOIN,
        {
            "msisdn": NUMBER,
            "channel": [*WORD, "contact_centre"],
            "accept_terms": FLAG,
            "terms_version": ID,
            "adverts": FLAG,
            "adverts_text_version": ID,
            "form": WORD,
            "full_name": LINE,
            "birth_date": DAY,
            "email": ["", "x", "a@", "a@b\r\nc", 1],
        },
    ),
    ("PATCH", f"/v1/members/{M}", {"adverts": True}, {"adverts": [*FLAG, None], "channel": WORD}),
    ("POST", f"/v1/members/{M}/credit", {"credit_id": "in-1"}, {"credit_id": ID}),
    (
        "POST",
        "/v1/clicks",
        {"msisdn": M, "partner": "ozon"},
        {"msisdn": NUMBER, "partner": ID, "clicked_at": [*INSTANT, AHEAD]},
    ),
    (
        "POST",
        "/v1/charges",
        CHARGE,
        {"charge_id": ID, "msisdn": NUMBER, "type": WORD, "amount": POSITIVE, "occurred_at": [*INSTANT, AHEAD]},
    ),
    (
        "POST",
        "/v1/charges/c-0/refunds",
        {"refund_id": "in-1", "amount": "1.00"},
        {"refund_id": ID, "amount": POSITIVE},
    ),
    (
        "POST",
        "/v1/topups",
        {"topup_id": "in-1", "msisdn": M, "amount": "1.00"},
        {"topup_id": ID, "msisdn": NUMBER, "amount": POSITIVE},
    ),
    (
        "POST",
        "/v1/promos/quiz/credits",
        {"action_id": "in-1", "msisdn": M, "amount": "1.00"},
        {"action_id": ID, "msisdn": NUMBER, "amount": [*POSITIVE, None]},
    ),
    (
        "POST",
        "/v1/vouchers",
        {"voucher_id": "in-1", "msisdn": M, "amount": "1.00"},
        {"voucher_id": ID, "msisdn": NUMBER, "amount": POSITIVE, "handset_price": POSITIVE},
    ),
    ("POST", "/v1/accruals/ozon/o-0/override", {"reason": "why"}, {"reason": LINE}),
    ("POST", "/v1/month-runs", {"period": "2025-03"}, {"period": PERIOD}),
    ("POST", "/v1/clock", {}, {"to": INSTANT, "by": DURATION}),
    ("POST", "/login", {"key": "demo-key"}, {"key": ["", 1, "x" * 1000]}),
]
SIGNED: Table = [
    (
        "POST",
        "ozon",
        PAID,
        {
            "event": WORD,
            "order_id": ID,
            "click_id": ID,
            "goods": POSITIVE,
            "delivery": SUM,
            "channel": [*WORD, "app"],
            "paid_at": [*INSTANT, AHEAD],
        },
    ),
    ("POST", "ozon", {"event": "confirmed", "order_id": "o-0"}, {"order_id": ID, "goods": POSITIVE}),
    ("POST", "ozon", {"event": "rejected", "order_id": "o-0"}, {"order_id": ID, "goods": ["1.00"]}),
    ("POST", "ozon", {"event": "amended", "order_id": "o-0", "goods": "1.00"}, {"goods": [*POSITIVE, None]}),
    ("POST", "ozon", {"event": "returned", "order_id": "o-0"}, {"returned_goods": POSITIVE}),
]
CATALOGUE: dict[str, list[Any]] = {
    "code": [*ID, "a b", "a/b"],
    "name": LINE,
    "category": WORD,
    "percent": [*WORD, "0", "-1", "5%", "1.1234567", 5],
    "min_purchase": SUM,
    "confirm_days": [0, -1, "30", 1.5, True],
    "app_allowed": FLAG,
    "valid_from": INSTANT,
    "secrets": ["s", [], [""], ["a", "b", "c"], [1], ["a b"]],
}
PROMOS: dict[str, list[Any]] = {
    "code": ID,
    "name": LINE,
    "amount": POSITIVE,
    "percent": ["0", "x", 5],
    "partner": [*ID, "nobody"],
    "uncapped": FLAG,
    "from": INSTANT,
    "to": INSTANT,
}


@pytest.fixture(scope="module")
def system(shared: System) -> Iterator[System]:
    """A member with an order and a charge; afterwards nothing else happened."""
    shared.member(M, main="100.00")
    shared.subscriber(B)
    assert shared.paid("ozon", M, "o-0", "1000.00").body["state"] == "pending"
    assert shared.charge("c-0", M, "1.00").status == 201
    before = shared.postings(M), shared.ok("GET", "/v1/catalogue"), shared.accrual("ozon", "o-0")
    yield shared
    assert (shared.postings(M), shared.ok("GET", "/v1/catalogue"), shared.accrual("ozon", "o-0")) == before
    assert shared.ok("GET", f"/v1/members/{B}")["membership"] == "none"
    shared.verify()


def assert_invalid(reply: Reply, field: str, value: Any) -> None:
    assert (reply.status, reply.body["code"]) == (400, "INVALID"), (field, value, reply)
    assert reply.headers["Content-Type"] == "application/problem+json"
    named = [one["field"] for one in reply.body["errors"]]
    assert any(one.startswith(field) for one in named), (field, value, reply.body)


@pytest.mark.parametrize(("method", "path", "body", "fields"), CALLS, ids=[f"{one[0]} {one[1]}" for one in CALLS])
def test_a_wrong_value_is_400_and_names_its_field(
    system: System, method: str, path: str, body: Mapping[str, Any], fields: Mapping[str, list[Any]]
) -> None:
    for field, values in fields.items():
        for value in values:
            assert_invalid(system.api(method, path, {**body, field: value}), field, value)
    assert_invalid(system.api(method, path, {**body, "unheard_of": 1}), "unheard_of", 1)
    for required in body.keys() - OPTIONAL:
        reply = system.api(method, path, {name: value for name, value in body.items() if name != required})
        assert_invalid(reply, required, "left out")
    for raw in (b"", b"{", b"[]", b"null", b"1", b'{"a":}', b"\xff", b"\xef\xbb\xbf{}", b"[" * 10_000):
        reply = system.api(method, path, raw, **{"Content-Type": "application/json"})
        assert (reply.status, reply.body["code"]) == (400, "INVALID"), raw


@pytest.mark.parametrize(("method", "partner", "body", "fields"), SIGNED, ids=[one[2]["event"] for one in SIGNED])
def test_a_signed_event_with_a_wrong_value_is_400_and_names_its_field(
    system: System, method: str, partner: str, body: Mapping[str, Any], fields: Mapping[str, list[Any]]
) -> None:
    assert method == "POST"
    for field, values in fields.items():
        for value in values:
            assert_invalid(postback(system.http_port, partner, {**body, field: value}), field, value)
    assert_invalid(postback(system.http_port, partner, {**body, "unheard_of": 1}), "unheard_of", 1)


def test_a_wrong_value_anywhere_in_the_catalogue_is_400_and_names_its_place(system: System) -> None:
    for field, values in CATALOGUE.items():
        for value in values:
            reply = system.api("PUT", "/v1/catalogue", {"partners": [PARTNER | {field: value}]})
            assert_invalid(reply, "partners[0]", value)
    for field, values in PROMOS.items():
        for value in values:
            body = {"partners": [PARTNER], "promos": [PROMO | {field: value}]}
            assert_invalid(system.api("PUT", "/v1/catalogue", body), "promos[0]", value)
    for body in ({}, {"partners": None}, {"partners": {}}, {"partners": [1]}, {"partners": [PARTNER, PARTNER]}):
        assert_invalid(system.api("PUT", "/v1/catalogue", body), "partners", body)


@pytest.mark.parametrize(
    "path", ["abc", "1", "%00", "7916000000", "9" * 30, "%2B", "79162000001%00", "%D0%B0", "0", "x" * 300]
)
def test_a_path_with_a_number_that_is_none_is_400(system: System, path: str) -> None:
    for method, rest, body in (
        ("GET", f"/v1/subscribers/{path}", None),
        ("PUT", f"/v1/subscribers/{path}", {}),
        ("GET", f"/v1/subscribers/{path}/balance", None),
        ("GET", f"/v1/subscribers/{path}/statement", None),
        ("GET", f"/v1/subscribers/{path}/messages", None),
        ("GET", f"/v1/subscribers/{path}/accruals", None),
        ("GET", f"/v1/members/{path}", None),
        ("DELETE", f"/v1/members/{path}?channel=web", None),
        ("POST", f"/v1/members/{path}/credit", {"credit_id": "c"}),
    ):
        assert_invalid(system.api(method, rest, body), "msisdn", path)


@pytest.mark.parametrize("typed", ["+7 916 200-00-01", "8 (916) 200 00 01", "89162000001", "%2B79162000001"])
def test_a_number_may_be_typed_as_people_do(system: System, typed: str) -> None:
    typed_in_path = typed.replace(" ", "%20")
    assert system.ok("GET", f"/v1/subscribers/{typed_in_path}")["msisdn"] == M
    body = {"msisdn": typed.replace("%2B", "+"), "partner": "ozon"}
    assert system.api("POST", "/v1/clicks", body).status == 201


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        (f"/v1/subscribers/{M}/statement", ["from=x", "to=2025-03-03", "from=", "cursor=", "cursor=x", "limit=5"]),
        ("/v1/ussd/records", ["from=x", "to=2025-02-29T00:00:00Z", "cursor=-1", "x=1"]),
        (f"/v1/subscribers/{M}/balance", ["x=1"]),
        (f"/v1/subscribers/{M}/messages", ["cursor=1"]),
    ],
)
def test_a_wrong_parameter_is_400_and_named(system: System, path: str, queries: list[str]) -> None:
    for query in queries:
        assert_invalid(system.api("GET", f"{path}?{query}"), query.partition("=")[0], query)
    assert system.api("GET", f"{path}?x=%ff").status == 400


def test_leaving_takes_a_channel_of_its_list_and_true_or_false(system: System) -> None:
    path = f"/v1/members/{M}"
    for query in ("", "?channel=site", "?channel=WEB", "?channel=", "?confirm=true"):
        assert_invalid(system.api("DELETE", path + query), "channel", query)
    for query in ("confirm=yes", "confirm=1", "confirm=", "confirm=TRUE"):
        assert_invalid(system.api("DELETE", f"{path}?channel=web&{query}"), "confirm", query)
    for channel in ("web", "app", "contact_centre", "ussd", "sms"):
        reply = system.api("DELETE", f"{path}?channel={channel}")
        assert (reply.status, reply.body["code"]) == (409, "CONFIRM_LAPSE")
        assert reply.body["lapses"] == {"bonus": "50.00", "pending": "50.00", "cashback": "0.00"}


def test_a_body_must_be_json_and_at_most_one_mebibyte(system: System) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/xml", ""):
        reply = system.api("POST", "/v1/charges", b"{}", **{"Content-Type": content_type})
        assert reply.status == 415
    whole = b'{"fee":"1.00"}'.rjust(1 << 20)
    assert system.api("PUT", "/v1/tariffs/t", whole).status == 200
    assert system.api("PUT", "/v1/tariffs/t", b" " + whole).status == 413
    charset = {"Content-Type": "application/json; charset=utf-8"}
    assert system.api("PUT", "/v1/tariffs/t", b'{"fee":"1.00"}', **charset).status == 200


def test_every_path_says_which_methods_it_takes(system: System) -> None:
    document = http_call(system.http_port, "GET", "/openapi.json").body
    for path, operations in document["paths"].items():
        concrete = path.replace("{", "").replace("}", "")
        for method in {"get", "put", "post", "patch", "delete"} - set(operations):
            reply = system.api(method.upper(), concrete)
            assert reply.status == 405, (method, path)
            assert set(reply.headers["Allow"].lower().split(", ")) == set(operations)
    for unknown in ("/", "/v1", "/v1/nope", "/v1/charges/a/b/c", "/v1/catalogue/"):
        assert http_call(system.http_port, "GET", unknown).status == 404


def test_no_key_is_401_for_every_call_but_probes_and_postbacks(system: System) -> None:
    document = http_call(system.http_port, "GET", "/openapi.json").body
    for path, operations in document["paths"].items():
        concrete = path.replace("{", "").replace("}", "")
        for method, operation in operations.items():
            if "security" not in operation:
                continue
            for headers in ({}, {"Authorization": "Bearer nope"}, {"Authorization": "Basic demo-key"}):
                reply = http_call(system.http_port, method.upper(), concrete, None, headers)
                assert (reply.status, reply.body["code"]) == (401, "UNAUTHORIZED"), (method, path)
                assert reply.headers["WWW-Authenticate"] == "Bearer"
