"""A system in the host process: the same two HTTP contracts, its database a copy of an empty one."""

import json
import os
import subprocess
import sys
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from signing import postback
from system import Reply, System, free_ports

from gateway.demo.catalogue import CATALOGUE, TARIFFS

HOST = Path(__file__).with_name("host_process.py")
OWN_ACCOUNTS = ("bonus", "cashback", "main")


class NotStarted(Exception):
    """What the program said instead of starting."""


class Host:
    """The process; started with the first order."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._process: subprocess.Popen[str] | None = None

    def do(self, **order: Any) -> None:
        """One order, carried out when this returns."""
        if self._process is None:
            root = str(Path(__file__).parents[2])
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    [sys.executable, str(HOST)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    cwd=root,
                    env={**os.environ, "PYTHONPATH": root},
                )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the host ended: {self.log.read_text()[-3000:]}"
        wrong = json.loads(answer)["wrong"]
        if wrong is not None:
            raise NotStarted(wrong)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait(20)
            assert self._process.stdout is not None
            self._process.stdout.close()


class Hosted(System):
    """One system of the host. What is asked for here is asked over HTTP, dialled or sent by SMS, as by anyone."""

    def __init__(
        self,
        folder: Path,
        host: Host,
        *,
        database: str,
        clock_start: str,
        environ: Mapping[str, str],
        config: str = "",
        zone: str = "UTC",
    ) -> None:
        super().__init__(folder, clock_start=clock_start, environ=environ)
        self.kind = database.partition("+")[0].partition(":")[0]
        self._host = host
        self._database = database
        self._config = config
        self._zone = zone
        self._environ = dict(environ)
        self._is_running = self._is_loaded = False
        self._marks: dict[str, int] = {}
        self.numbers: dict[str, None] = {}

    def start(self, *extra: str) -> "Hosted":
        """Start both and load the demo's catalogue."""
        assert not extra
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "own.toml"
        config.write_text(self._config, encoding="utf-8")
        self._host.do(
            do="start",
            folder=str(self.folder),
            http_port=self.http_port,
            sim_port=self.sim_port,
            smpp_port=self.smpp_port,
            database=self._database,
            clock_start=self.clock_start,
            environ=self._environ,
            zone=self._zone,
            config=str(config) if self._config else None,
        )
        self._is_running = True
        if self._is_loaded:
            self._wait_for_links()
            return self
        self._is_loaded = True
        for code, fee in TARIFFS.items():
            self.ok("PUT", f"/v1/tariffs/{code}", {"fee": fee})
        self.ok("PUT", "/v1/catalogue", CATALOGUE)
        self._wait_for_links()
        return self

    def _wait_for_links(self) -> None:
        for _ in range(1000):
            if self.api("GET", "/readyz").status == 200:
                return
        raise AssertionError(self.api("GET", "/readyz"))

    def output(self) -> str:
        """The end of the host's log."""
        return self._host.log.read_text(errors="replace")[-3000:]

    def stop(self) -> None:
        """Stop both."""
        if self._is_running:
            self._is_running = False
            self._host.do(do="stop", folder=str(self.folder))

    def start_again(self, *, clock_start: str | None = None, environ: Mapping[str, str] | None = None) -> None:
        """Stop and start on the same database, perhaps with other settings; the network forgets its messages."""
        self.stop()
        self._environ |= environ or {}
        if clock_start is not None:
            self.clock_start = clock_start
        self.http_port, self.sim_port, self.smpp_port = free_ports(3)
        self.start()

    # -- what is asked, remembered and compared

    def subscriber(self, msisdn: str, *, main: str | None = None, **fields: Any) -> Any:
        """PUT a subscriber; its account is looked at when the test ends."""
        self.numbers[msisdn] = None
        return super().subscriber(msisdn, main=main, **fields)

    def member(self, msisdn: str, *, main: str | None = None, **fields: Any) -> None:
        """A subscriber who is a member, with what that posted and told left behind."""
        super().member(msisdn, main=main, **fields)
        self.forget(msisdn)

    def forget(self, *msisdns: str) -> None:
        """From here on `posted` and `told` begin."""
        for msisdn in msisdns:
            self._marks[msisdn] = len(self.movements(msisdn))
            self.clear(msisdn)

    def movements(self, msisdn: str) -> list[tuple[str, str, str]]:
        """Every posting ever, oldest first."""
        return [(one["from"], one["to"], one["amount"]) for one in self.entries(msisdn)]

    def entries(self, msisdn: str) -> list[Any]:
        """Every entry of the statement, oldest first."""
        items: list[Any] = []
        path = f"/v1/subscribers/{msisdn}/statement"
        cursor = ""
        while True:
            page = self.ok("GET", path + cursor)
            items += page["items"]
            if page["next_cursor"] is None:
                return items[::-1]
            cursor = f"?cursor={page['next_cursor']}"

    def posted(self, msisdn: str) -> list[tuple[str, str, str]]:
        """Postings since `forget`, oldest first, top-ups included."""
        return self.movements(msisdn)[self._marks.get(msisdn, 0) :]

    def told(self, msisdn: str) -> list[str]:
        """SMS since `forget`."""
        return self.inbox(msisdn)

    def happened(self, msisdn: str) -> tuple[Sequence[tuple[str, str, str]], Sequence[str]]:
        """Postings and SMS since `forget`: nothing else happened to this number."""
        return self.posted(msisdn), self.told(msisdn)

    def refused(self, reply: Reply, status: int, code: str) -> Any:
        """A refusal as RFC 9457 has it; its body."""
        assert (reply.status, reply.body.get("code")) == (status, code), reply
        assert reply.headers["Content-Type"] == "application/problem+json"
        assert reply.body["status"] == status
        return reply.body

    def event(self, partner: str, event: str, order_id: str, **fields: Any) -> Reply:
        """A signed postback of a shop's own making."""
        return postback(self.http_port, partner, {"event": event, "order_id": order_id} | fields)

    def click(self, msisdn: str, partner: str = "ozon", **fields: Any) -> Any:
        """A click-out."""
        return self.ok("POST", "/v1/clicks", {"msisdn": msisdn, "partner": partner} | fields)

    def credit(self, msisdn: str, credit_id: str = "credit") -> Reply:
        """Bonus to cashback now."""
        return self.api("POST", f"/v1/members/{msisdn}/credit", {"credit_id": credit_id})

    def cashback(self, msisdn: str, amount: str) -> None:
        """Give cashback by a promotion credited at once, and leave it behind."""
        self.promo(msisdn, amount, f"cb-{msisdn}-{zlib.crc32(os.urandom(8))}")
        assert self.credit(msisdn, f"cb-{msisdn}-{zlib.crc32(os.urandom(8))}").status == 201
        self.forget(msisdn)

    def leave(self, msisdn: str, channel: str = "web") -> Any:
        """Leave, confirmed."""
        return self.ok("DELETE", f"/v1/members/{msisdn}?channel={channel}&confirm=true")

    def answer(self, msisdn: str, text: str) -> Any:
        """Answer an open dialogue."""
        return self.sim("POST", f"/sim/handsets/{msisdn}/answer", {"text": text}).body

    def send_sms(self, msisdn: str, text: str, to: str = "4400") -> None:
        """An SMS from a handset."""
        assert self.sim("POST", f"/sim/handsets/{msisdn}/sms", {"to": to, "text": text}).status == 200

    def audit(self) -> None:
        """What holds after every test: the ledger's own invariants, and sums added up here from the statements."""
        if not self._is_running:
            return
        self.verify()
        for msisdn in self.numbers:
            reply = self.api("GET", f"/v1/subscribers/{msisdn}/balance")
            if reply.status == 404:
                continue  # the number went to another one
            sums = dict.fromkeys(OWN_ACCOUNTS, 0)
            for source, target, amount in self.movements(msisdn):
                for account, sign in ((source, -1), (target, 1)):
                    if account in sums:
                        sums[account] += sign * int(amount.replace(".", ""))
                assert sums["bonus"] >= 0
                assert sums["cashback"] >= 0
            membership = self.ok("GET", f"/v1/subscribers/{msisdn}")["membership"]
            for account in OWN_ACCOUNTS:
                if reply.body[account] is None:
                    assert sums[account] == 0  # main is somebody else's
                elif membership != "none" or account == "main":
                    assert int(reply.body[account].replace(".", "")) == sums[account], (msisdn, account)
