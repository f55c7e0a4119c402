"""`firstcharge demo` as people start it: both processes, real sockets, nothing faked."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from system import free_ports, http_call

STORY_SECONDS_MAX = 60
"""The story takes a second; the machine may be busy with other tests."""

Demo = Callable[..., "Running"]
SIX_SMS = 6
POSTINGS = 8


class Running:
    """One demo of a test."""

    def __init__(self, folder: Path, *options: str, environ: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.http_port, self.sim_port, self.smpp_port = free_ports(3)
        ports = ("--http-port", str(self.http_port), "--sim-port", str(self.sim_port))
        self.command = [sys.executable, "-m", "gateway", "demo", "--dir", str(folder), *ports]
        self.command += ["--smpp-port", str(self.smpp_port), *options]
        self.process = subprocess.Popen(
            self.command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environ or {})},
            start_new_session=True,
        )

    def ended(self) -> tuple[int, str, str]:
        """Exit code and both outputs, once it has ended by itself."""
        out, err = self.process.communicate(timeout=STORY_SECONDS_MAX)
        return self.process.returncode, out, err

    def stopped(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """The same after a signal."""
        self.process.send_signal(number)
        return self.ended()

    def until(self, text: str) -> list[str]:
        """Lines printed up to the one that holds the text."""
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if text in line:
                return lines
        raise AssertionError(f"{text!r} never came: {lines} {self.process.stderr and self.process.stderr.read()}")

    def api(self, method: str, path: str, body: object = None) -> tuple[int, object]:
        """A call of the gateway."""
        reply = http_call(self.http_port, method, path, body, {"Authorization": "Bearer demo-key"})
        return reply.status, reply.body

    def children(self) -> set[int]:
        """The processes it has started."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return {int(one) for one in path.read_text().split()}


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    running: list[Running] = []

    def start(*options: str, environ: dict[str, str] | None = None) -> Running:
        running.append(Running(tmp_path / "demo", *options, environ=environ))
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.stopped()
        for pipe in (one.process.stdout, one.process.stderr):
            assert pipe is not None
            pipe.close()


def test_the_story_is_told_and_its_database_can_be_kept(demo: Demo) -> None:
    code, out, err = demo("--exit").ended()
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert "ledger verified" in lines
    assert len([line for line in lines if line[14:20].strip().endswith("SMS") or "  SMS  " in line]) == SIX_SMS
    assert len([line for line in lines if "  posting  " in line]) == POSTINGS
    assert any("*100# → Баланс:300,00р ⏎" in line for line in lines)
    code, out, err = demo("--exit", "--keep").ended()
    assert (code, err) == (0, "")
    assert "the story was told before" in out
    code, out, err = demo("--exit", "--json").ended()
    assert (code, err) == (0, ""), "without --keep the story starts from nothing"
    documents = [json.loads(line) for line in out.splitlines()]
    assert len(documents[-1]["postings"]) == POSTINGS


def test_the_story_is_the_same_on_postgresql(demo: Demo, fresh_postgres: str) -> None:
    code, out, err = demo("--exit", "--database", fresh_postgres).ended()
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert "ledger verified" in lines
    assert len([line for line in lines if "  posting  " in line]) == POSTINGS
    assert any("*100# → Баланс:300,00р ⏎" in line for line in lines)


def test_a_late_clock_tells_the_same_story(demo: Demo) -> None:
    environ = {"TZ": "Asia/Vladivostok"}  # whatever zone the computer has
    code, out, err = demo("--exit", "--clock-start", "2025-12-31T23:30:00+03:00", environ=environ).ended()
    assert (code, err) == (0, "")
    assert "01.02 09:00  A  SMS" in out


def test_without_story_there_is_the_catalogue_and_nobody_in_it(demo: Demo) -> None:
    running = demo("--no-story")
    running.until("Ctrl-C ends")
    status, catalogue = running.api("GET", "/v1/catalogue")
    assert isinstance(catalogue, dict)
    found = {
        (one["code"], one["name"], one["category"], one.get("percent") or one.get("fixed"))
        for one in catalogue["partners"]
    }
    assert (status, found) == (
        200,
        {
            ("ozon", "Ozon", "shop", "5"),
            ("aliexpress", "AliExpress", "shop", "7"),
            ("domino", "Domino's", "leisure", "100.00"),
            ("lamoda", "Lamoda", "shop", "10"),
            ("decathlon", "Decathlon", "shop", "3"),
            ("booking", "Booking", "travel", "4"),
            ("kino", "Kino", "leisure", "20"),
        },
    )
    assert [one["code"] for one in catalogue["promos"]] == ["quiz"]
    assert running.api("GET", "/v1/subscribers/79160000001")[0] == 404
    assert running.api("PUT", "/v1/subscribers/79160000001", {"tariff": "zero"})[0] == 200
    assert http_call(running.http_port, "GET", "/readyz").status == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_demo_and_both_children(demo: Demo, number: int) -> None:
    running = demo("--no-story")
    running.until("Ctrl-C ends")
    children = running.children()
    assert len(children) == 2
    code, out, err = running.stopped(number)
    assert (code, out.split(), err) == (0, ["stopping"], "")
    assert not [one for one in children if Path(f"/proc/{one}").exists()]
    for port in (running.http_port, running.sim_port, running.smpp_port):
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            raise AssertionError(f"somebody listens on {port}")


def test_a_child_that_dies_ends_the_demo_with_its_log(demo: Demo) -> None:
    running = demo("--no-story")
    running.until("Ctrl-C ends")
    for one in running.children():
        if b"simulator" in Path(f"/proc/{one}/cmdline").read_bytes().split(b"\0"):
            os.kill(one, signal.SIGKILL)
    code, _, err = running.ended()
    assert code == 1
    assert "the simulator ended by itself (signal SIGKILL)" in err
    assert "simulator ready" in err


def test_a_taken_port_ends_the_demo_at_once_naming_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        command = [sys.executable, "-m", "gateway", "demo", "--dir", str(tmp_path / "d"), "--smpp-port", str(port)]
        http, sim = free_ports(2)
        command += ["--http-port", str(http), "--sim-port", str(sim)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"port {port} on 127.0.0.1 is taken" in done.stderr
    assert not (tmp_path / "d").exists()


def test_the_users_file_and_environment_are_obeyed(demo: Demo, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[programme]\nwelcome_bonus = "70.00"\nvoucher_days = 10\n', encoding="utf-8")
    environ = {"FIRSTCHARGE__PROGRAMME__WELCOME_BONUS": "90.00"}
    running = demo("--no-story", "--config", str(file), environ=environ)
    running.until("Ctrl-C ends")
    running.api("PUT", "/v1/subscribers/79160000001", {})
    body = {"msisdn": "79160000001", "channel": "web", "accept_terms": True, "terms_version": "1"}
    status, joined = running.api("POST", "/v1/members", body)
    assert isinstance(joined, dict)
    assert (status, joined["welcome_bonus"]) == (201, "90.00")


def test_a_story_under_other_rules_ends_with_what_differs_first(demo: Demo) -> None:
    code, _, err = demo("--exit", environ={"FIRSTCHARGE__PROGRAMME__WELCOME_BONUS": "90.00"}).ended()
    assert code == 1
    assert "the story differs: A's membership" in err
    assert "expected: ('active', '50.00')" in err
    assert "seen:     ('active', '90.00')" in err


def test_a_wrong_configuration_is_told_before_anything_starts(demo: Demo) -> None:
    began = time.monotonic()
    code, out, err = demo("--no-story", environ={"FIRSTCHARGE__SMS__SENDER": "MTS Cashback"}).ended()
    assert (code, out) == (1, "")
    assert "sms.sender = MTS Cashback  must be at most 11 characters" in err
    assert "ended by itself" not in err
    assert time.monotonic() - began < STORY_SECONDS_MAX


def test_the_simulator_runs_alone(tmp_path: Path) -> None:
    sim, smpp = free_ports(2)
    command = [sys.executable, "-m", "gateway", "simulator", "--sim-port", str(sim), "--smpp-port", str(smpp)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"simulator ready: http://127.0.0.1:{sim}/ smpp 127.0.0.1:{smpp}\n"
        assert http_call(sim, "GET", "/sim/faults").status == 200
        process.terminate()
    assert process.returncode == 0


def test_serving_without_a_file_is_refused_with_what_is_missing() -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FIRSTCHARGE__")}
    command = [sys.executable, "-m", "gateway", "serve"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    assert done.returncode == 1
    assert all(f"{section}  is missing" in done.stderr for section in ("database", "links", "keys"))


def test_serving_a_database_that_was_never_made_is_refused_with_the_fix(demo: Demo, tmp_path: Path) -> None:
    demo("--exit").ended()
    file = tmp_path / "demo" / "firstcharge.toml"
    environ = {**os.environ, "FIRSTCHARGE__DATABASE__URL": f"sqlite:///{tmp_path}/empty.sqlite3"}
    command = [sys.executable, "-m", "gateway", "serve", "--config", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    assert done.returncode == 1
    assert "run: firstcharge db upgrade" in done.stderr
