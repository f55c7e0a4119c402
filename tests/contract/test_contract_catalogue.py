"""The catalogue on the running system: versions, promises kept, promotions, secrets, names (rules 12, 13, 19, 40)."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from signing import postback
from system import A, System

OZON = {"code": "ozon", "name": "Ozon", "category": "shop", "percent": "5"}
LAMODA = {"code": "lamoda", "name": "Lamoda", "category": "shop", "percent": "10"}


@pytest.fixture
def system(shared: System) -> Iterator[System]:
    """The shared system with a member and the demo's catalogue, put back after each test."""
    if shared.ok("PUT", f"/v1/subscribers/{A}", {})["membership"] == "none":
        assert shared.join(A).status == 201
    before = shared.ok("GET", "/v1/catalogue")
    yield shared
    assert shared.ok("PUT", "/v1/catalogue", before) == before


@pytest.fixture
def put(system: System) -> Callable[..., Any]:
    def put(*partners: dict[str, Any], promos: list[dict[str, Any]] | None = None) -> Any:
        return system.ok("PUT", "/v1/catalogue", {"partners": partners, "promos": promos or []})

    return put


def click(system: System, **fields: Any) -> Any:
    return system.ok("POST", "/v1/clicks", {"msisdn": A, "partner": "ozon"} | fields)


def paid(system: System, order_id: str, click_id: str | None, **fields: Any) -> Any:
    body = {"event": "paid", "order_id": order_id, "click_id": click_id, "goods": "1000.00", "channel": "web"}
    return postback(system.http_port, "ozon", body | fields)


def test_the_terms_of_the_click_count_and_its_length_is_kept_to_the_instant(system: System, put: Any) -> None:
    put(OZON, OZON | {"percent": "8", "valid_from": "2025-03-03T11:00:00+03:00"})
    before = click(system, clicked_at="2025-03-03T10:59:59+03:00")
    assert (before["reward"], before["valid_until"]) == ({"percent": "5"}, "2025-03-04T10:59:59+03:00")
    assert click(system, clicked_at="2025-03-03T11:00:00+03:00")["reward"] == {"percent": "8"}
    assert paid(system, "v-1", before["click_id"]).body["reward"] == "50.00"
    first = click(system, clicked_at="2025-03-02T12:00:00+03:00")["click_id"]
    late = click(system, clicked_at="2025-03-02T11:59:59+03:00")["click_id"]
    assert paid(system, "v-2", first).body["state"] == "pending"
    assert paid(system, "v-3", late).body["reason"] == "NO_CLICK"


def test_a_partner_left_out_takes_no_new_orders_and_known_ones_go_on(system: System, put: Any) -> None:
    click_id = click(system)["click_id"]
    assert paid(system, "left-1", click_id).body["state"] == "pending"
    put(LAMODA)
    assert system.api("POST", "/v1/clicks", {"msisdn": A, "partner": "ozon"}).body["code"] == "UNKNOWN_PARTNER"
    new = paid(system, "left-2", click_id)
    assert (new.status, new.body["code"]) == (404, "UNKNOWN_PARTNER")
    assert paid(system, "left-1", click_id).headers["Idempotency-Hit"] == "true"
    known = postback(system.http_port, "ozon", {"event": "confirmed", "order_id": "left-1"})
    assert (known.status, known.body["state"]) == (200, "accrued")


def test_secrets_are_kept_unless_given_and_two_may_live(system: System, put: Any) -> None:
    event = {"event": "confirmed", "order_id": "nobody's"}

    def statuses(*secrets: str) -> list[int]:
        return [postback(system.http_port, "lamoda", event, secret=secret).status for secret in secrets]

    put(LAMODA)
    assert statuses("demo-secret-lamoda", "new") == [404, 401]
    shown = put(LAMODA | {"secrets": ["new", "demo-secret-lamoda"]})
    assert "secret" not in str(shown)
    assert statuses("demo-secret-lamoda", "new") == [404, 404]
    put(LAMODA | {"secrets": ["new"]})
    put(LAMODA)
    assert statuses("demo-secret-lamoda", "new") == [401, 404]
    put(LAMODA | {"secrets": ["demo-secret-lamoda"]})


@pytest.mark.parametrize(
    ("promo", "percent"),
    [
        ({"percent": "30"}, "25"),
        ({"percent": "30", "partner": "ozon"}, "25"),
        ({"percent": "30", "uncapped": True}, "30"),
        ({"percent": "3"}, "5"),
        ({"percent": "30", "partner": "lamoda"}, "5"),
        ({"percent": "30", "to": "2025-03-03T12:00:00+03:00"}, "5"),
        ({"percent": "20", "from": "2025-03-03T12:00:00+03:00"}, "20"),
    ],
)
def test_a_promotion_raises_the_promise_clipped_unless_uncapped(
    system: System, put: Any, promo: dict[str, Any], percent: str
) -> None:
    """Scenario 21."""
    put(OZON, LAMODA, promos=[{"code": "p", "name": "P"} | promo])
    assert click(system)["reward"] == {"percent": percent}


def test_a_target_action_is_rewarded_once_and_its_promotion_named(system: System, put: Any) -> None:
    """Scenario 21."""
    put(OZON, promos=[{"code": "quiz", "name": "Викторина"}, {"code": "own", "name": "Own", "amount": "15.00"}])
    system.clear(A)
    before = len(system.postings(A))
    body = {"action_id": "q-1", "msisdn": A, "amount": "30.00"}
    first, second = (system.api("POST", "/v1/promos/quiz/credits", body) for _ in range(2))
    assert (first.status, second.status, second.headers["Idempotency-Hit"]) == (201, 200, "true")
    assert first.body == second.body
    assert system.api("POST", "/v1/promos/quiz/credits", body | {"amount": "31.00"}).status == 409
    own = {"action_id": "q-1", "msisdn": A}
    assert system.api("POST", "/v1/promos/own/credits", own | {"amount": "16.00"}).status == 400
    assert system.api("POST", "/v1/promos/own/credits", own).body["amount"] == "15.00"
    assert system.postings(A)[before:] == [
        ("programme_expense", "bonus", "30.00"),
        ("programme_expense", "bonus", "15.00"),
    ]
    assert system.inbox(A)[0] == "Начислено 30 р кэшбэка: Викторина. Доступно с 01.04. Баланс: *100*1#"


def test_a_long_name_is_cut_so_that_the_notice_stays_in_one_segment_and_sums_never_are(
    system: System, put: Any
) -> None:
    put(OZON | {"name": "Очень длинное название магазина, где продают всё на свете и ещё немного " * 2})
    system.clear(A)
    assert paid(system, "long-1", click(system)["click_id"], goods="99999999.00").body["reward"] == "5000000.00"
    assert system.shop("ozon", "long-1", "confirm").body["state"] == "accrued"
    assert system.shop("ozon", "long-1", "return").body["state"] == "reversed"
    assert paid(system, "long-2", click(system)["click_id"], goods="99999999.00").status == 200
    assert system.shop("ozon", "long-2", "reject").body["state"] == "rejected"
    assert len(system.inbox(A)) == 3
    for message in system.outbox(A)[:3]:
        assert message["segments"] == 1, message
        assert "5000000 р" in message["text"]
        assert "Очень" in message["text"]
