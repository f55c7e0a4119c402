"""What a shop sends to the gateway, and what it makes of the answers."""

import hashlib
import hmac
import json
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from simulator.errors import GatewayUnreachable
from simulator.gateway_client import GatewayAnswer
from simulator.shops import Shops

A = "79160000001"


class FakeGateway:
    """Answers clicks with numbers and postbacks with what the test says; counts everything."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any], dict[str, str], bytes]] = []
        self.refuse_click: GatewayAnswer | None = None
        self.away = 0
        self.hold: Deferred[None] | None = None

    async def call(
        self, method: str, path: str, *, body: bytes = b"", headers: dict[str, str], **_: Any
    ) -> GatewayAnswer:
        assert method == "POST"
        self.calls.append((path, json.loads(body), headers, body))
        if self.away:
            self.away -= 1
            raise GatewayUnreachable("away")
        if path != "/v1/clicks":
            return GatewayAnswer(status=200, body=b'{"state": "pending"}', headers={"idempotency-hit": "true"})
        if self.hold is not None:
            await self.hold
        if self.refuse_click is not None:
            return self.refuse_click
        return GatewayAnswer(status=201, body=json.dumps({"click_id": f"c-{len(self.calls)}"}).encode(), headers={})

    def sent(self, path: str) -> list[dict[str, Any]]:
        return [document for known, document, _, _ in self.calls if known == path]


def shops_of(gateway: FakeGateway, **secrets: str) -> Shops:
    return Shops(gateway=gateway, key="demo-key", wall=lambda: 1_741_000_000.9, secrets=secrets)


def result_of(coroutine: Any) -> Any:
    outcome: list[Any] = []
    Deferred.fromCoroutine(coroutine).addBoth(outcome.append)
    return outcome[0] if outcome else None


def order(shops: Shops, order_id: str = "o-1", **figures: Any) -> Any:
    click = figures.pop("click", True)
    return shops.order("ozon", msisdn=A, order_id=order_id, click=click, figures=figures)


def test_buying_clicks_first_and_then_sends_the_paid_postback_with_that_click() -> None:
    gateway = FakeGateway()
    answer = result_of(order(shops_of(gateway), goods="2000.00", delivery="300.00", channel="web"))
    assert gateway.sent("/v1/clicks") == [{"msisdn": A, "partner": "ozon"}]
    assert gateway.sent("/v1/postbacks/ozon") == [
        {
            "event": "paid",
            "order_id": "o-1",
            "click_id": "c-1",
            "goods": "2000.00",
            "delivery": "300.00",
            "channel": "web",
        }
    ]
    assert gateway.calls[0][2]["Authorization"] == "Bearer demo-key"
    assert (answer.status, answer.body, answer.headers) == (200, b'{"state": "pending"}', {"idempotency-hit": "true"})


def test_whoever_pays_in_the_past_has_clicked_then() -> None:
    gateway = FakeGateway()
    result_of(order(shops_of(gateway), goods="1.00", paid_at="2025-03-05T10:00:00+03:00"))
    assert gateway.sent("/v1/clicks")[0]["clicked_at"] == "2025-03-05T10:00:00+03:00"


def test_without_a_click_none_is_made_and_none_is_named() -> None:
    gateway = FakeGateway()
    result_of(order(shops_of(gateway), goods="1.00", click=False))
    assert [path for path, *_ in gateway.calls] == ["/v1/postbacks/ozon"]
    assert "click_id" not in gateway.sent("/v1/postbacks/ozon")[0]


def test_a_refused_click_is_the_answer_and_nothing_is_paid() -> None:
    gateway = FakeGateway()
    gateway.refuse_click = GatewayAnswer(status=404, body=b'{"code":"UNKNOWN_PARTNER"}', headers={})
    assert result_of(order(shops_of(gateway), goods="1.00")) == gateway.refuse_click
    assert len(gateway.calls) == 1


def test_the_same_order_again_is_the_very_same_postback() -> None:
    gateway = FakeGateway()
    shops = shops_of(gateway)
    result_of(order(shops, goods="1.00"))
    result_of(order(shops, goods="1.00"))
    first, second = (body for path, _, _, body in gateway.calls if path == "/v1/postbacks/ozon")
    assert first == second
    assert len(gateway.sent("/v1/clicks")) == 1


def test_the_same_order_twice_at_once_clicks_once() -> None:
    gateway = FakeGateway()
    gateway.hold = Deferred()
    shops = shops_of(gateway)
    answers: list[Any] = []
    for _ in range(3):
        Deferred.fromCoroutine(order(shops, goods="1.00")).addBoth(answers.append)
    assert len(gateway.sent("/v1/clicks")) == 1
    gateway.hold.callback(None)
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert {one["click_id"] for one in gateway.sent("/v1/postbacks/ozon")} == {"c-1"}


def test_the_signature_covers_the_very_octets_that_are_sent() -> None:
    gateway = FakeGateway()
    result_of(shops_of(gateway).postback("кино", {"event": "rejected", "order_id": "о-1"}))
    path, _, headers, body = gateway.calls[0]
    assert path == "/v1/postbacks/%D0%BA%D0%B8%D0%BD%D0%BE"
    expected = hmac.new("demo-secret-кино".encode(), b"1741000000." + body, hashlib.sha256).hexdigest()
    assert headers["Firstcharge-Signature"] == f"t=1741000000,v1={expected}"


def test_a_configured_secret_replaces_the_published_one() -> None:
    gateway = FakeGateway()
    result_of(shops_of(gateway, ozon="other").postback("ozon", {"event": "rejected", "order_id": "o-1"}))
    _, _, headers, body = gateway.calls[0]
    expected = hmac.new(b"other", b"1741000000." + body, hashlib.sha256).hexdigest()
    assert headers["Firstcharge-Signature"].endswith(expected)


@pytest.mark.parametrize(("away", "calls"), [(1, 2), (2, 2)])
def test_a_broken_connection_is_tried_once_more(away: int, calls: int) -> None:
    gateway = FakeGateway()
    gateway.away = away
    outcome = result_of(shops_of(gateway).postback("ozon", {"event": "rejected", "order_id": "o-1"}))
    assert len(gateway.calls) == calls
    if away == 1:
        assert outcome.status == 200
    else:
        assert outcome.check(GatewayUnreachable)
