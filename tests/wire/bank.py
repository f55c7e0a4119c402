"""A bank's day for gateway processes on one PostgreSQL server: clients, readers, and who pulls the plugs.

A client asks again with the same id until it is answered, and keeps the answer; what the ledger must hold at the end
follows from the answers alone.
"""

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fault_story import write_configuration
from postgres_server import NoPostgres, Server
from signing import signature
from system import Reply, free_ports, http_call

from gateway.demo.catalogue import CATALOGUE, TARIFFS
from gateway.demo.plan import DemoOptions

NUMBERS = tuple(f"7916000010{number}" for number in range(4))
PATIENCE_S = 60
NOT_NOW = {500, 502, 503}
AUTHORISED = {"Authorization": "Bearer demo-key", "Content-Type": "application/json"}
Ref = tuple[str, str, str, str]
"""(kind, ref, from, to) of postings."""


def kopecks(text: str) -> int:
    """ "650.00" as 65000."""
    return int(text.replace(".", ""))


class Gateway:
    """One gateway process."""

    def __init__(self, folder: Path, database: str) -> None:
        folder.mkdir(parents=True)
        self.http_port, sim_port, smpp_port = free_ports(3)
        self._log = folder / "gateway.log"
        self._config = write_configuration(
            DemoOptions(
                folder=folder, http_port=self.http_port, sim_port=sim_port, smpp_port=smpp_port, database=database
            )
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; one that finds no server, or its predecessor's session, is started again."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if self._process is None or self._process.poll() is not None:
                self._process = self._run()
            try:
                if http_call(self.http_port, "GET", "/healthz", timeout=5).status == 200:
                    return
            except (OSError, http.client.HTTPException):
                time.sleep(0.03)
        raise AssertionError(self.log())

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def log(self) -> str:
        """The end of its log."""
        return self._log.read_text(errors="replace")[-3000:]

    def _run(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "gateway", "serve", "--config", str(self._config)]
        with self._log.open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=Path.cwd())


class Bank:
    """Gateways on one database; they and the server may be killed and started again."""

    def __init__(self, folder: Path, server: Server, database: str, gateways: int) -> None:
        self.server = server
        self.gateways = [Gateway(folder / f"gateway-{number}", database) for number in range(gateways)]

    def open(self) -> None:
        """Start, and put catalogue and members in."""
        for one in self.gateways:
            one.start()
        for code, fee in TARIFFS.items():
            assert self.ask("PUT", f"/v1/tariffs/{code}", {"fee": fee}).status == 200
        assert self.ask("PUT", "/v1/catalogue", CATALOGUE).status == 200
        for number, msisdn in enumerate(NUMBERS):
            limit = {"credit_limit": "100.00" if number % 2 else "0.00"}
            assert self.ask("PUT", f"/v1/subscribers/{msisdn}", limit).status == 200
            joining = {"msisdn": msisdn, "channel": "web", "accept_terms": True, "terms_version": "1"}
            assert self.ask("POST", "/v1/members", joining).status == 201

    def ask(self, method: str, path: str, body: Any = None) -> Reply:
        """One call on a connection of its own."""
        return http_call(self.gateways[0].http_port, method, path, body, AUTHORISED)

    def kill_gateway(self) -> None:
        """SIGKILL to one, then start it."""
        self.gateways.append(self.gateways.pop(0))
        self.gateways[-1].kill()
        self.gateways[-1].start()

    def crash_server(self) -> None:
        """Stop the server as a crash does, then start it."""
        self.server.stop("immediate")
        self.start_server()

    def kill_server(self) -> None:
        """SIGKILL the server's first process; the others notice and end."""
        pid = int((self.server._data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        self.start_server()

    def start_server(self) -> None:
        """Start; as long as processes of the one before live it refuses."""
        for _ in range(100):
            try:
                self.server.start()
            except NoPostgres:
                time.sleep(0.1)
            else:
                return
        raise AssertionError("the server does not start again")

    def stop(self) -> None:
        """End the gateways."""
        for one in self.gateways:
            one.kill()


class Caller(threading.Thread):
    """A thread with one kept connection; whatever goes wrong in it fails the test."""

    def __init__(self, bank: Bank, stop: threading.Event, seed: int) -> None:
        super().__init__(name=f"caller-{seed}", daemon=True)
        self.rng = random.Random(seed)
        self.failure: BaseException | None = None
        self.asked_again = 0
        self._stop_event = stop
        self._gateways = self.rng.sample(bank.gateways, len(bank.gateways))
        self._connection = self._connected()

    def run(self) -> None:
        """Act until told to stop; an action once begun is carried through."""
        try:
            while not self._stop_event.is_set():
                self.act()
        except BaseException as failure:
            self.failure = failure
            raise
        finally:
            self._connection.close()

    def act(self) -> None:
        """One action."""
        raise NotImplementedError

    def _connected(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._gateways[0].http_port, timeout=20)

    def _ask_another(self) -> None:
        """The same question goes to the next gateway."""
        self._connection.close()
        self._gateways.append(self._gateways.pop(0))
        self._connection = self._connected()

    def until_answered(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Reply:
        """Ask, again and again with the same words, until somebody answers."""
        end = time.monotonic() + PATIENCE_S
        raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        while time.monotonic() < end:
            try:
                self._connection.request(method, path, raw, AUTHORISED | (headers or {}))
                response = self._connection.getresponse()
                text = response.read()
                if response.status not in NOT_NOW:
                    return Reply(response.status, json.loads(text), dict(response.headers))
            except (OSError, http.client.HTTPException):
                pass
            self._ask_another()
            self.asked_again += 1
            time.sleep(0.05)
        raise AssertionError(f"{method} {path}: no answer in {PATIENCE_S} s: {self._gateways[0].log()}")


@dataclass
class Answered:
    """A request that had an effect, and what was answered."""

    path: str
    body: Any
    answer: Any


@dataclass
class Expected:
    """What the ledger must hold, from the answers alone."""

    postings: Counter[Ref] = field(default_factory=Counter)
    returned: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, ref: str, between: tuple[str, str], amount: str) -> None:
        """Money that an answer said moved."""
        if kopecks(amount):
            self.postings[kind, ref, *between] += kopecks(amount)


class Client(Caller):
    """Random operations on few subscriptions."""

    def __init__(self, bank: Bank, stop: threading.Event, seed: int) -> None:
        super().__init__(bank, stop, seed)
        self.expected = Expected()
        self.done: list[Answered] = []
        self.counts: Counter[str] = Counter()
        self._seed = seed
        self._number = 0
        self._charges: list[str] = []
        self._actions: tuple[Callable[[], None], ...] = (
            *(self._charge, self._charge, self._charge, self._refund, self._top_up, self._top_up, self._hold),
            *(self._promo, self._promo, self._credit, self._voucher, self._order, self._again, self._again),
        )

    def act(self) -> None:
        """One operation, whatever it takes."""
        self.rng.choice(self._actions)()

    def _new_id(self) -> str:
        self._number += 1
        return f"b{self._seed}-{self._number}"

    def _sum(self) -> str:
        return f"{self.rng.randrange(1, 120)}.{self.rng.randrange(100):02}"

    def _post(self, path: str, body: Any, refusals: frozenset[str] = frozenset()) -> Any:
        """The answer of a request that took effect; None for a refusal that may be."""
        reply = self.until_answered("POST", path, body)
        self.counts[path.rstrip("0123456789-").split("/")[-1]] += 1
        if reply.status in {200, 201}:
            self.done.append(Answered(path, body, reply.body))
            return reply.body
        assert reply.body["code"] in refusals, (path, body, reply)
        return None

    def _charge(self) -> None:
        charge = {
            "charge_id": self._new_id(),
            "msisdn": self.rng.choice(NUMBERS),
            "type": "usage",
            "amount": self._sum(),
        }
        answer = self._post("/v1/charges", charge)
        parts = [kopecks(answer[name]) for name in ("cashback", "main", "unpaid")]
        assert sum(parts) == kopecks(charge["amount"]), answer
        self._charges.append(charge["charge_id"])
        self._drawn(charge["charge_id"], answer)

    def _drawn(self, charge_id: str, answer: Any) -> None:
        for source in ("cashback", "main"):
            self.expected.add("charge", charge_id, (source, "revenue"), answer[source])

    def _refund(self) -> None:
        if not self._charges:
            return
        charge_id, refund_id = self.rng.choice(self._charges), self._new_id()
        body = {"refund_id": refund_id, "amount": self._sum()}
        answer = self._post(f"/v1/charges/{charge_id}/refunds", body, frozenset({"EXCEEDS_CHARGE"}))
        if answer is not None:
            assert sum(kopecks(answer[name]) for name in ("unpaid", "main", "cashback")) == kopecks(body["amount"])
            for target in ("cashback", "main"):
                self.expected.add("refund", refund_id, ("revenue", target), answer[target])

    def _top_up(self) -> None:
        body = {"topup_id": self._new_id(), "msisdn": self.rng.choice(NUMBERS), "amount": self._sum()}
        answer = self._post("/v1/topups", body)
        self.expected.add("topup", body["topup_id"], ("cash_in", "main"), body["amount"])
        for part in answer["settled"]:
            self.expected.add("settlement", part["charge_id"], ("main", "revenue"), part["amount"])

    def _hold(self) -> None:
        hold = self._new_id()
        body = {
            "reservation_id": hold,
            "msisdn": self.rng.choice(NUMBERS),
            "type": "content",
            "amount": self._sum(),
            "expires_in_s": 3600,
        }
        held = self._post("/v1/reservations", body, frozenset({"INSUFFICIENT_FUNDS"}))
        if held is None:
            return
        assert kopecks(held["cashback"]) + kopecks(held["main"]) == kopecks(body["amount"])
        if self.rng.random() < 0.4:
            released = self.until_answered("POST", f"/v1/reservations/{hold}/release")
            assert released.body["state"] == "released", released
            return
        amount = max(1, kopecks(body["amount"]) // self.rng.choice((1, 2)))
        drawn = self._post(f"/v1/reservations/{hold}/commit", {"amount": f"{amount // 100}.{amount % 100:02}"})
        assert kopecks(drawn["cashback"]) + kopecks(drawn["main"]) == amount
        self._drawn(f"hold:{hold}", drawn)

    def _promo(self) -> None:
        body = {"action_id": self._new_id(), "msisdn": self.rng.choice(NUMBERS), "amount": self._sum()}
        self._post("/v1/promos/quiz/credits", body)
        self.expected.add("promo", f"quiz:{body['action_id']}", ("programme_expense", "bonus"), body["amount"])

    def _credit(self) -> None:
        credit_id = self._new_id()
        answer = self._post(f"/v1/members/{self.rng.choice(NUMBERS)}/credit", {"credit_id": credit_id})
        self.expected.add("credit", credit_id, ("bonus", "cashback"), answer["credited"])

    def _voucher(self) -> None:
        body = {"voucher_id": self._new_id(), "msisdn": self.rng.choice(NUMBERS), "amount": self._sum()}
        answer = self._post("/v1/vouchers", body, frozenset({"INSUFFICIENT_FUNDS"}))
        if answer is None:
            return
        self.expected.add("voucher", body["voucher_id"], ("cashback", "voucher"), body["amount"])
        if self.rng.random() < 0.5:
            gone = self.until_answered("DELETE", f"/v1/vouchers/{body['voucher_id']}")
            assert gone.body["state"] == "cancelled", gone
            self.expected.add("voucher_return", body["voucher_id"], ("voucher", "cashback"), body["amount"])

    def _order(self) -> None:
        order_id = self._new_id()
        click = {"msisdn": self.rng.choice(NUMBERS), "partner": "ozon"}
        click_id = self.until_answered("POST", "/v1/clicks", click).body["click_id"]
        goods = {"goods": f"{self.rng.randrange(100, 2000)}.00", "delivery": "0.00"}
        paid = self._event("paid", order_id, click_id=click_id, channel="web", **goods)
        assert paid["state"] == "pending", paid
        confirmed = self._event("confirmed", order_id)
        assert (confirmed["state"], confirmed["reward"]) == ("accrued", paid["reward"])
        assert self._event("confirmed", order_id) == confirmed
        self.expected.add("accrual", f"ozon:{order_id}", ("programme_expense", "bonus"), paid["reward"])
        if self.rng.random() < 0.6:
            self._event("returned", order_id)
            self.expected.returned[f"ozon:{order_id}"] = kopecks(paid["reward"])

    def _event(self, event: str, order_id: str, **fields: Any) -> Any:
        raw = json.dumps({"event": event, "order_id": order_id} | fields).encode()
        headers = {"Firstcharge-Signature": signature("demo-secret-ozon", raw)}
        reply = self.until_answered("POST", "/v1/postbacks/ozon", raw, headers)
        assert reply.status == 200, (event, order_id, reply)
        self.counts[event] += 1
        return reply.body

    def _again(self) -> None:
        """What was answered once is answered so again."""
        if self.done:
            known = self.rng.choice(self.done)
            reply = self.until_answered("POST", known.path, known.body)
            assert (reply.status, reply.body) == (200, known.answer), (known, reply)
            assert reply.headers["Idempotency-Hit"] == "true"
            self.counts["again"] += 1


class Reader(Caller):
    """Asks for balances without a pause; what it saw is judged at the end."""

    def __init__(self, bank: Bank, stop: threading.Event, seed: int) -> None:
        super().__init__(bank, stop, seed)
        self.seen: dict[str, list[tuple[int, int, int]]] = {msisdn: [] for msisdn in NUMBERS}

    def act(self) -> None:
        """One look."""
        msisdn = self.rng.choice(NUMBERS)
        found = self.until_answered("GET", f"/v1/subscribers/{msisdn}/balance").body
        self.seen[msisdn].append((kopecks(found["bonus"]), kopecks(found["cashback"]), kopecks(found["main"])))
