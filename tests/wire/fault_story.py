"""One subscriber's story, told until its end whatever happens to the gateway, and what came of it.

The teller is a caller as ours must be: whatever is not answered is asked again with the same id.
"""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signing import postback
from system import A, Reply, System, http_call

from gateway.demo.catalogue import CATALOGUE, TARIFFS
from gateway.demo.plan import DemoOptions, plan_of
from gateway.demo.toml import dumps

PATIENCE_S = 40
PAUSE_S = 0.03
SETTLED = {"held", "delivered"}
FIRST = "2025-04-01T10:00:00+03:00"
NOT_NOW = {500, 502, 503}
Ask = Callable[[], Reply]


def write_configuration(options: DemoOptions) -> Path:
    """The demo's configuration of these options, as the gateway reads it."""
    plan = plan_of(options, config=None, environ={})
    plan.configuration_file.write_text(dumps(plan.document), encoding="utf-8")
    return plan.configuration_file


class Served(System):
    """The gateway and the simulator as processes of their own over one database; the gateway may die."""

    def __init__(self, folder: Path, database: str, environ: Mapping[str, str]) -> None:
        super().__init__(folder, environ={"FIRSTCHARGE__SMS__UNKNOWN_GRACE_S": "1"})
        self._fault = dict(environ)
        self._database = database
        self._gateway: subprocess.Popen[bytes] | None = None
        self._simulator: subprocess.Popen[bytes] | None = None
        self.deaths = 0

    def start(self, *extra: str) -> "Served":
        """Both at once, then the catalogue."""
        assert not extra
        self.folder.mkdir(parents=True)
        options = DemoOptions(
            folder=self.folder,
            http_port=self.http_port,
            sim_port=self.sim_port,
            smpp_port=self.smpp_port,
            database=self._database,
            clock_start=self.clock_start,
        )
        self._config = write_configuration(options)
        ports = ("--sim-port", str(self.sim_port), "--smpp-port", str(self.smpp_port))
        address = ("--gateway-url", f"http://127.0.0.1:{self.http_port}", "--gateway-key", "demo-key")
        self._simulator = self._run("simulator", "-m", "simulator", *ports, *address)
        self._serve(self._fault)
        self._wait(lambda: http_call(self.sim_port, "GET", "/sim/faults", timeout=5).status == 200)
        self._wait(lambda: http_call(self.http_port, "GET", "/healthz", timeout=5).status == 200)
        for code, fee in TARIFFS.items():
            self.ok("PUT", f"/v1/tariffs/{code}", {"fee": fee})
        self.ok("PUT", "/v1/catalogue", CATALOGUE)
        self._wait_until_served()
        return self

    def output(self) -> str:
        """The ends of both logs."""
        return "\n".join(one.read_text(errors="replace")[-3000:] for one in self.folder.glob("*.log"))

    def revive(self) -> bool:
        """Start the gateway again if it died, without the fault; wait until it is ready."""
        assert self._gateway is not None
        if self._gateway.poll() is None:
            return False
        assert self._gateway.returncode == -signal.SIGKILL, self.output()
        self.deaths += 1
        self._serve({})
        self._wait_until_served()
        return True

    def stop(self) -> None:
        """End both."""
        for process in (self._gateway, self._simulator):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()

    def _serve(self, fault: Mapping[str, str]) -> None:
        self._gateway = self._run("gateway", "-m", "gateway", "serve", "--config", str(self._config), **fault)

    def _run(self, name: str, *arguments: str, **environ: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *arguments], stdout=log, stderr=log, env={**self.environ, **environ}, cwd=Path.cwd()
            )

    def _wait_until_served(self) -> None:
        self._wait(lambda: http_call(self.http_port, "GET", "/readyz", timeout=5).status == 200)

    def _wait(self, is_ready: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                if is_ready():
                    return
            except (OSError, http.client.HTTPException):
                pass
            for process in (self._gateway, self._simulator):
                assert process is not None
                assert process.poll() is None, self.output()
            time.sleep(PAUSE_S)
        raise AssertionError(self.output())


@dataclass(frozen=True)
class Outcome:
    """Everything the story leaves behind that does not depend on luck."""

    postings: list[tuple[str, str, str, str]]
    sums: tuple[str, str, str]
    texts: Counter[str]
    messages: list[tuple[str, str]]
    charge: Mapping[str, Any]
    month: Mapping[str, Any]
    answers: list[Any]


class Teller:
    """Tells the story on one system."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._answers: list[Any] = []

    def tell(self) -> Outcome:
        """The whole story and its outcome."""
        system = self._system
        self._api("PUT", f"/v1/subscribers/{A}", {"tariff": "smart"})
        self._api("POST", "/v1/topups", {"topup_id": "t-1", "msisdn": A, "amount": "500.00"})
        joining = {"msisdn": A, "channel": "web", "accept_terms": True, "terms_version": "1"}
        self._ask(lambda: system.api("POST", "/v1/members", joining), accepted={201, 409})
        self._settle()
        self._earn()
        self._settle()
        self._api("POST", "/v1/promos/quiz/credits", {"action_id": "q-1", "msisdn": A, "amount": "100.00"})
        self._settle()
        self._dial("*100*5*1#")
        charge = {"charge_id": "c-1", "msisdn": A, "type": "usage", "amount": "80.00"}
        self._answers.append(self._api("POST", "/v1/charges", charge)["steps"])
        self._settle()
        self._api("POST", "/v1/clock", {"to": FIRST})
        self._settle()
        return self._outcome()

    def _earn(self) -> None:
        click = self._api("POST", "/v1/clicks", {"msisdn": A, "partner": "ozon"})["click_id"]
        order = {"order_id": "o-1", "click_id": click, "goods": "1000.00", "delivery": "0.00", "channel": "web"}
        self._answers.append(self._event("paid", **order)["state"])
        confirmed = [self._event("confirmed", order_id="o-1") for _ in range(2)]
        assert confirmed[0] == confirmed[1]
        self._answers.append(confirmed[0])

    def _event(self, name: str, **fields: Any) -> Any:
        return self._ask(lambda: postback(self._system.http_port, "ozon", {"event": name} | fields)).body

    def _api(self, method: str, path: str, body: Any) -> Any:
        return self._ask(lambda: self._system.api(method, path, body)).body

    def _ask(self, ask: Ask, accepted: set[int] | None = None) -> Reply:
        """Ask until it is answered."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                reply = ask()
                if reply.status in (accepted or {200, 201, 202}):
                    return reply
                assert reply.status in NOT_NOW, reply
            except (OSError, http.client.HTTPException):
                pass
            self._revive()
            time.sleep(PAUSE_S)
        raise AssertionError(self._system.output())

    def _dial(self, code: str) -> None:
        """Dial until a screen comes back; the second screen may say that it was done already."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            reply = self._system.sim("POST", f"/sim/handsets/{A}/dial", {"code": code})
            is_answered = reply.status == 200 and reply.body["failure"] is None
            if not self._revive() and is_answered and "позже" not in reply.body["text"]:
                return
            time.sleep(PAUSE_S)
        raise AssertionError(self._system.output())

    def _settle(self) -> None:
        """Wait until every message is delivered or held, reviving what died meanwhile."""
        end = time.monotonic() + PATIENCE_S
        items: Any = None
        while time.monotonic() < end:
            reply = self._ask(lambda: self._system.api("GET", f"/v1/subscribers/{A}/messages"))
            items = reply.body["items"]
            if all(one["state"] in SETTLED for one in items):
                return
            time.sleep(PAUSE_S)
        raise AssertionError((items, self._system.output()))

    def _revive(self) -> bool:
        revive = getattr(self._system, "revive", None)
        return bool(revive and revive())

    def _outcome(self) -> Outcome:
        system = self._system
        system.verify()
        items = system.ok("GET", f"/v1/subscribers/{A}/statement")["items"]
        texts = [one["text"] for one in system.sim("GET", f"/sim/handsets/{A}/inbox").body["messages"]]
        charge = system.ok("GET", "/v1/charges/c-1")
        return Outcome(
            postings=[(one["kind"], one["from"], one["to"], one["amount"]) for one in reversed(items)],
            sums=system.sums(A),
            texts=Counter(texts),
            messages=sorted((one["kind"], one["state"]) for one in system.outbox(A)),
            charge={name: charge[name] for name in ("amount", "cashback", "main", "unpaid", "status")},
            month=system.ok("GET", "/v1/month-runs/2025-04"),
            answers=self._answers,
        )


def died_in_the_migration(config: Path, environ: Mapping[str, str]) -> int:
    """`db upgrade` with a fault; its exit code."""
    command = [sys.executable, "-m", "gateway", "db", "upgrade", "--config", str(config)]
    return subprocess.run(command, env={**os.environ, **environ}, check=False, capture_output=True).returncode
