"""A whole Firstcharge for a test: `firstcharge demo --no-story` on free ports, driven through its two HTTP contracts.

Nothing of ours is imported: the tests know the program as its users do.
"""

import contextlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

A, B, C, D, OFF_NET = "79160000001", "79160000002", "79160000003", "79160000004", "79030000009"
READY_SECONDS_MAX = 60
PORT_FIRST, PORTS_EACH, PORT_RANGES = 15_000, 2_000, 8
SETTLE_SECONDS_MAX = 20
AT_REST = {"held", "accepted", "enroute", "delivered", "expired", "undeliverable", "rejected", "deleted", "dead"}


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, decoded."""

    status: int
    body: Any
    headers: Mapping[str, str]


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on, all different, below the range from which the system serves outgoing connections.

    One from that range could be taken by any connection between its choice here and its listener's start. Tests
    that run side by side choose from ranges of their own.
    """
    rng = random.SystemRandom()
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % PORT_RANGES
    first = PORT_FIRST + worker * PORTS_EACH
    found: dict[int, socket.socket] = {}
    while len(found) < count:
        port = rng.randrange(first, first + PORTS_EACH)
        if port in found:
            continue
        with contextlib.suppress(OSError):
            found[port] = socket.create_server(("127.0.0.1", port))
    for one in found.values():
        one.close()
    return list(found)


def http_call(
    port: int,
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    *,
    timeout: float = 60,
) -> Reply:
    """One request with a JSON (or raw bytes) body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    sent = {"Content-Type": "application/json"} if raw is not None else {}
    try:
        connection.request(method, path, raw, {**sent, **(headers or {})})
        response = connection.getresponse()
        text = response.read()
        decoded = json.loads(text) if "json" in response.headers.get("Content-Type", "") else text.decode()
        return Reply(response.status, decoded, dict(response.headers))
    finally:
        connection.close()


class System:
    """The gateway and the simulator as two processes under the demo driver."""

    def __init__(
        self,
        folder: Path,
        *,
        clock_start: str = "2025-03-03T12:00:00+03:00",
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.http_port, self.sim_port, self.smpp_port = free_ports(3)
        self.clock_start = clock_start
        self.environ = {**os.environ, **(environ or {})}
        self.process: subprocess.Popen[bytes] | None = None
        self.cleared: dict[str, int] = {}

    def start(self, *extra: str) -> "System":
        """Start and wait until ready."""
        command = [
            *(sys.executable, "-m", "gateway", "demo", "--no-story", "--dir", str(self.folder)),
            *("--http-port", str(self.http_port), "--sim-port", str(self.sim_port)),
            *("--smpp-port", str(self.smpp_port), "--clock-start", self.clock_start, *extra),
        ]
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder.parent / f"{self.folder.name}.out").open("ab") as out:
            self.process = subprocess.Popen(
                command, stdout=out, stderr=subprocess.STDOUT, env=self.environ, start_new_session=True
            )
        self._wait_until_ready()
        return self

    def _wait_until_ready(self) -> None:
        assert self.process is not None
        end = time.monotonic() + READY_SECONDS_MAX
        while time.monotonic() < end:
            assert self.process.poll() is None, f"the demo ended: {self.output()}"
            try:
                if http_call(self.http_port, "GET", "/readyz", timeout=5).status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"not ready in {READY_SECONDS_MAX} s: {self.output()}")

    def output(self) -> str:
        """What the driver printed, and the tails of its children's logs."""
        texts = [(self.folder.parent / f"{self.folder.name}.out").read_text(errors="replace")[-3000:]]
        texts += [f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in self.folder.glob("*.log")]
        return "\n".join(texts)

    def stop(self) -> None:
        """Ask it to stop; kill what does not."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.process = None

    # -- the gateway's API

    def api(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """One call with the demo key."""
        return http_call(self.http_port, method, path, body, {"Authorization": "Bearer demo-key", **headers})

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        """One call that must succeed; its body."""
        reply = self.api(method, path, body)
        assert reply.status in {200, 201, 202}, (method, path, body, reply)
        return reply.body

    def subscriber(self, msisdn: str, *, main: str | None = None, **fields: Any) -> Any:
        """PUT a subscriber, with money on main where asked."""
        made = self.ok("PUT", f"/v1/subscribers/{msisdn}", fields)
        if main is not None:
            self.topup(f"start-{msisdn}", msisdn, main)
        return made

    def topup(self, topup_id: str, msisdn: str, amount: str) -> Any:
        """Top up main."""
        return self.ok("POST", "/v1/topups", {"topup_id": topup_id, "msisdn": msisdn, "amount": amount})

    def join(self, msisdn: str, **fields: Any) -> Reply:
        """Register with accepted terms by web unless told otherwise."""
        return self.api(
            "POST",
            "/v1/members",
            {"msisdn": msisdn, "channel": "web", "accept_terms": True, "terms_version": "1"} | fields,
        )

    def member(self, msisdn: str, *, main: str | None = None, **fields: Any) -> None:
        """A subscriber who is a member."""
        self.subscriber(msisdn, main=main, **fields)
        assert self.join(msisdn).status == 201

    def promo(self, msisdn: str, amount: str, action_id: str) -> Any:
        """Bonus from the demo promotion whose credits name their sum."""
        return self.ok(
            "POST", "/v1/promos/quiz/credits", {"action_id": action_id, "msisdn": msisdn, "amount": amount}
        )

    def charge(self, charge_id: str, msisdn: str, amount: str, type_: str = "usage") -> Reply:
        """Draw a charge."""
        return self.api(
            "POST", "/v1/charges", {"charge_id": charge_id, "msisdn": msisdn, "type": type_, "amount": amount}
        )

    def balance(self, msisdn: str) -> Any:
        """The balance call."""
        return self.ok("GET", f"/v1/subscribers/{msisdn}/balance")

    def sums(self, msisdn: str) -> tuple[str, str, str]:
        """(bonus, cashback, main)."""
        balance = self.balance(msisdn)
        return balance["bonus"], balance["cashback"], balance["main"]

    def postings(self, msisdn: str) -> list[tuple[str, str, str]]:
        """(from, to, amount) oldest first, without the top-ups a test starts with."""
        items = self.ok("GET", f"/v1/subscribers/{msisdn}/statement")["items"]
        return [(one["from"], one["to"], one["amount"]) for one in reversed(items) if one["kind"] != "topup"]

    def accrual(self, partner: str, order_id: str) -> Any:
        """An order as the gateway knows it."""
        return self.ok("GET", f"/v1/accruals/{partner}/{order_id}")

    def clock_to(self, instant: str) -> Any:
        """Move the business clock."""
        return self.ok("POST", "/v1/clock", {"to": instant})

    def verify(self) -> None:
        """All invariants."""
        verdict = self.ok("GET", "/v1/ledger/verify")
        assert verdict["ok"], verdict
        assert verdict["violations"] == []

    # -- the simulator's API

    def sim(self, method: str, path: str, body: Any = None) -> Reply:
        """One call of the simulator."""
        return http_call(self.sim_port, method, path, body)

    def dial(self, msisdn: str, code: str) -> Any:
        """Dial; the USSD screen."""
        reply = self.sim("POST", f"/sim/handsets/{msisdn}/dial", {"code": code})
        assert reply.status == 200, reply
        return reply.body

    def screen(self, msisdn: str, code: str) -> str:
        """Dial a one-shot code; its text."""
        answer = self.dial(msisdn, code)
        assert answer["failure"] is None, answer
        assert answer["open"] is False, answer
        return str(answer["text"])

    def paid(self, partner: str, msisdn: str, order_id: str, goods: str, **fields: Any) -> Reply:
        """Buy at a shop (through a click unless told otherwise)."""
        return self.sim(
            "POST",
            f"/sim/shops/{partner}/orders",
            {"msisdn": msisdn, "order_id": order_id, "goods": goods, "channel": "web"} | fields,
        )

    def shop(self, partner: str, order_id: str, event: str, body: Any = None) -> Reply:
        """confirm, reject, amend or return."""
        return self.sim("POST", f"/sim/shops/{partner}/orders/{order_id}/{event}", body or {})

    def accrue(self, msisdn: str, reward: str, order_id: str) -> None:
        """A confirmed Ozon order worth this reward (5 %)."""
        goods = f"{int(reward.split('.', maxsplit=1)[0]) * 20}.00"
        assert self.paid("ozon", msisdn, order_id, goods).body["state"] == "pending"
        assert self.shop("ozon", order_id, "confirm").body["state"] == "accrued"

    def inbox(self, msisdn: str) -> list[str]:
        """Texts on the handset, oldest first, once the gateway has none on its way to it."""
        end = time.monotonic() + SETTLE_SECONDS_MAX
        while True:
            sent = [one for one in self.outbox(msisdn) if one["state"] not in {"held", "dead"}]
            texts = [one["text"] for one in self.sim("GET", f"/sim/handsets/{msisdn}/inbox").body["messages"]]
            due = len(sent) - self.cleared.get(msisdn, 0)
            if all(one["state"] in AT_REST for one in sent) and len(texts) >= due:
                return texts
            assert time.monotonic() < end, (sent, texts, self.output())
            time.sleep(0.05)

    def outbox(self, msisdn: str) -> Sequence[Any]:
        """The gateway's messages to a number."""
        items: Sequence[Any] = self.ok("GET", f"/v1/subscribers/{msisdn}/messages")["items"]
        return items

    def clear(self, msisdn: str) -> None:
        """Empty a handset's inbox."""
        seen = len(self.inbox(msisdn))
        self.cleared[msisdn] = self.cleared.get(msisdn, 0) + seen
        assert self.sim("DELETE", f"/sim/handsets/{msisdn}/inbox").status == 200
