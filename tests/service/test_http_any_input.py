"""Whatever comes in a body, a query or a path is answered, never with 500, and never reaches the ledger unchecked."""

import json
from typing import Any

from http_parts import A, Door
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.http.signatures import is_signed, sign

ROUTES = [(route.method, route.path) for route in Door().router.routes if route.body is not None and not route.signed]
NAMES = sorted(
    {
        name
        for route in Door().router.routes
        for model in [route.body, route.query]
        for name in getattr(model, "model_fields", {})
    }
    | {"event", "order_id", "goods", "from", "to"}
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(
        ["650.00", "0.00", "0.01", "-1.00", "1e3", A, "+7 916 000-00-01", "2025-03-03T12:00:00+03:00", "P1D", "web",
         "usage", "individual", "shop", "c-1", "2025-03", "Europe/Moscow", "../etc/passwd", "' OR 1=1 --", "=1+1",
         "\u202e", "\x00", "𝟙"]
    )
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)
BODIES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8)


def fill(path: str, msisdn: str = A) -> str:
    return path.replace("{msisdn}", msisdn).replace("{", "").replace("}", "")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(method_path=st.sampled_from(ROUTES), body=BODIES | VALUES)
def test_any_json_is_answered_and_not_with_500(method_path: tuple[str, str], body: Any) -> None:
    method, path = method_path
    door = Door()
    answer = door.call(method, fill(path), json.dumps(body).encode("utf-8", "surrogatepass"))
    assert answer.status < 500, answer
    if answer.status == 400:
        assert answer.code == "INVALID"
        assert answer.body["errors"] or answer.body["field"]
        assert door.ledger.commands == []
    door.check_document(method, fill(path), answer)


@settings(max_examples=100, deadline=None)
@given(method_path=st.sampled_from(ROUTES), raw=st.binary(max_size=200))
def test_any_octets_are_answered_and_not_with_500(method_path: tuple[str, str], raw: bytes) -> None:
    method, path = method_path
    assert Door().call(method, fill(path), raw).status < 500


@settings(max_examples=100, deadline=None)
@given(body=BODIES)
def test_any_signed_postback_is_answered_and_not_with_500(body: dict[str, Any]) -> None:
    door = Door()
    raw = json.dumps(body).encode("utf-8", "surrogatepass")
    signature = sign(raw, "s1-secret", int(door.wall))
    answer = door.call("POST", "/v1/postbacks/ozon", raw, key=None, Firstcharge_Signature=signature)
    assert answer.status in {200, 400}


@settings(max_examples=200, deadline=None)
@given(path=st.text(st.characters(codec="latin-1", exclude_characters="\r\n \x00"), max_size=60))
def test_any_path_is_answered_and_not_with_500(path: str) -> None:
    connection = Door().connect()
    connection.send(f"GET /v1/{path} HTTP/1.1\r\nAuthorization: Bearer demo-key\r\n\r\n".encode("latin-1"))
    assert connection.answer().status < 500


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=400))
def test_any_octets_on_the_port_break_nothing(data: bytes) -> None:
    door = Door()
    connection = door.connect()
    connection.send(data)
    assert all(answer.status < 500 for answer in connection.answers())
    assert door.call("GET", "/healthz").status == 200


@settings(max_examples=200, deadline=None)
@given(header=st.binary(max_size=120) | st.just(b"t=1741000000,v1="), body=st.binary(max_size=50))
def test_no_header_that_was_not_signed_is_taken_for_signed(header: bytes, body: bytes) -> None:
    assert not is_signed(header, body, ["secret-of-ozon"], 1_741_000_000.0)


@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=200), other=st.binary(max_size=200), secret=st.text(min_size=1, max_size=40))
def test_a_signature_fits_its_body_and_secret_alone(body: bytes, other: bytes, secret: str) -> None:
    header = sign(body, secret, 1_741_000_000).encode()
    assert is_signed(header, body, ["x", secret], 1_741_000_000.0)
    assert is_signed(header, other, [secret], 1_741_000_000.0) is (body == other)
    assert not is_signed(header, body, [secret + "x"], 1_741_000_000.0)
    assert not is_signed(header, body, [], 1_741_000_000.0)
