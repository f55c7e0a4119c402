"""The partner shops: a click-out through the programme, then signed postbacks, as any partner would send them.

There is a shop for every partner code. The gateway's answer is passed on unchanged. A shop remembers the
click of an order, so that repeating the order repeats the very same postback.
"""

import hashlib
import hmac
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from twisted.internet.defer import Deferred

from simulator.errors import GatewayUnreachable
from simulator.gateway_client import Gateway, GatewayAnswer

ORDERS_REMEMBERED_MAX = 100_000
TRIES_MAX = 2
HTTP_CREATED = 201

_Key = tuple[str, str, str]


def signature(secret: str, body: bytes, *, at: int) -> str:
    """The value of Firstcharge-Signature: HMAC-SHA256 of `UNIX.` and the raw body."""
    signed = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={signed}"


class Shops:
    """All shops; `secrets` holds those that differ from `demo-secret-CODE`."""

    def __init__(self, *, gateway: Gateway, key: str, wall: Callable[[], float], secrets: Mapping[str, str]) -> None:
        self._gateway = gateway
        self._key = key
        self._wall = wall
        self._secrets = dict(secrets)
        self._clicks: OrderedDict[_Key, str] = OrderedDict()
        self._clicking: dict[_Key, list[Deferred[None]]] = {}

    async def order(
        self, partner: str, *, msisdn: str, order_id: str, click: bool, figures: Mapping[str, Any]
    ) -> GatewayAnswer:
        """Click out (unless the buyer came directly) and send the paid postback.

        A click the gateway refuses is the answer. The click is made at `paid_at` where the order names one:
        whoever pays in the past has clicked before.
        """
        event: dict[str, Any] = {"event": "paid", "order_id": order_id}
        if click:
            clicked = await self._click(partner, msisdn, order_id, figures.get("paid_at"))
            if isinstance(clicked, GatewayAnswer):
                return clicked
            event["click_id"] = clicked
        return await self.postback(partner, {**event, **figures})

    async def postback(self, partner: str, event: Mapping[str, Any]) -> GatewayAnswer:
        """Send one signed event."""
        body = json.dumps(event, ensure_ascii=False).encode()
        secret = self._secrets.get(partner, f"demo-secret-{partner}")
        headers = {
            "Content-Type": "application/json",
            "Firstcharge-Signature": signature(secret, body, at=int(self._wall())),
        }
        return await self._post(f"/v1/postbacks/{quote(partner, safe='')}", body, headers)

    async def _click(self, partner: str, msisdn: str, order_id: str, clicked_at: Any) -> str | GatewayAnswer:
        """The click id of this order, made once even when the order is sent twice at the same time."""
        key = (partner, order_id, msisdn)
        while key in self._clicking:
            turn: Deferred[None] = Deferred()
            self._clicking[key].append(turn)
            await turn
        known = self._clicks.get(key)
        if known is not None:
            return known
        self._clicking[key] = []
        try:
            return await self._new_click(key, clicked_at)
        finally:
            for turn in self._clicking.pop(key):
                turn.callback(None)

    async def _new_click(self, key: _Key, clicked_at: Any) -> str | GatewayAnswer:
        partner, _, msisdn = key
        document = {"msisdn": msisdn, "partner": partner}
        if clicked_at is not None:
            document["clicked_at"] = clicked_at
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
        answer = await self._post("/v1/clicks", json.dumps(document, ensure_ascii=False).encode(), headers)
        if answer.status != HTTP_CREATED:
            return answer
        click_id = str(json.loads(answer.body)["click_id"])
        self._clicks[key] = click_id
        if len(self._clicks) > ORDERS_REMEMBERED_MAX:
            self._clicks.popitem(last=False)
        return click_id

    async def _post(self, path: str, body: bytes, headers: dict[str, str]) -> GatewayAnswer:
        """Clicks and postbacks may be repeated without harm, as partners do when a connection breaks."""
        for _ in range(TRIES_MAX - 1):
            try:
                return await self._gateway.call("POST", path, body=body, headers=headers)
            except GatewayUnreachable:
                continue
        return await self._gateway.call("POST", path, body=body, headers=headers)
