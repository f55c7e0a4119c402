"""B10: how long until it serves, how long the story takes, how large it is, how soon it is back with a full queue."""

import contextlib
import json
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "wire"))

from system import System, http_call  # noqa: E402 - the wire tests' own way of starting a system

RUNS = 3
QUEUED = 1_000_000


def run() -> list[dict[str, Any]]:
    """The rows of B10."""
    with tempfile.TemporaryDirectory() as folder:
        return [
            _row("imports alone", _median(_imports), None, "s"),
            _row("serve ready", _median(lambda: _serve_ready(Path(folder))), 1.5, "s"),
            _row("make demo story", _median(lambda: _story(Path(folder))), 10.0, "s"),
            _row("installed runtime without .pyc", _installed_megabytes(Path(folder)), 130.0, "MB"),
            _row("restart with 1 M queued to the first answer", _restart(Path(folder)), 5.0, "s"),
        ]


def _row(name: str, figure: float, target: float | None, unit: str) -> dict[str, Any]:
    return {"name": f"B10 {name}", "figure": figure, "floor": None, "ratio": None, "target": target, "unit": unit}


def _median(timed: Callable[[], float]) -> float:
    return statistics.median(timed() for _ in range(RUNS))


def _imports() -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import gateway.serve"], check=True, cwd=ROOT)
    return time.monotonic() - began


def _prepared(folder: Path) -> System:
    prepared = System(folder / "prepared")
    if not prepared.folder.exists():
        prepared.start()
        prepared.stop()
    config = (prepared.folder / "firstcharge.toml").read_text()
    prepared.http_port = int(config.split("[http]")[1].split("port = ")[1].split("\n")[0])
    return prepared


def _until_healthy(port: int) -> None:
    while True:
        with contextlib.suppress(OSError):
            if http_call(port, "GET", "/healthz", timeout=5).status == 200:
                return
        time.sleep(0.005)


def _serve(prepared: System, path: str, key: str | None) -> float:
    """Seconds from the start of the process to the first good answer of this path."""
    config = prepared.folder / "firstcharge.toml"
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "gateway", "serve", "--config", str(config)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        _until_healthy(prepared.http_port)
        if key is not None:
            request = urllib.request.Request(
                f"http://127.0.0.1:{prepared.http_port}{path}", headers={"Authorization": f"Bearer {key}"}
            )
            json.load(urllib.request.urlopen(request))  # noqa: S310 - as above
        seconds = time.monotonic() - began
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    return seconds


def _serve_ready(folder: Path) -> float:
    return _serve(_prepared(folder), "/healthz", None)


def _story(folder: Path) -> float:
    system = System(folder / f"story-{time.monotonic_ns()}")
    began = time.monotonic()
    subprocess.run(
        [
            *(sys.executable, "-m", "gateway", "demo", "--exit", "--dir", str(system.folder)),
            *("--http-port", str(system.http_port), "--sim-port", str(system.sim_port)),
            *("--smpp-port", str(system.smpp_port)),
        ],
        check=True,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    return time.monotonic() - began


def _installed_megabytes(folder: Path) -> float:
    """What requirements.lock and the wheel put into a fresh environment, .pyc and pip left out."""
    target = folder / "installed"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-compile", "--disable-pip-version-check"]
    subprocess.run([*pip, "--target", str(target), "-r", str(ROOT / "requirements.lock")], check=True)
    ours = [ROOT / name for name in ("billing", "gateway", "simulator", "sms", "ussd")]
    files = [path for top in (target, *ours) for path in top.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return sum(path.stat().st_size for path in files) / 1e6


def _restart(folder: Path) -> float:
    prepared = _prepared(folder)
    connection = sqlite3.connect(prepared.folder / "firstcharge.sqlite3")
    names = [row[1] for row in connection.execute("PRAGMA table_info(sms_message)")]
    given = {
        "message_id": "'bench:' || value",
        "subscription_id": "0",
        "msisdn": "'7916' || printf('%07d', value)",
        "kind": "'used_up'",
        "params": "'{}'",
        "service_class": "'service'",
        "priority": "2",
        "state": "'queued'",
        "created_at": "0",
        "not_before": str(int(4e15)),
    }
    assert set(given) <= set(names)
    with connection:
        connection.execute(
            f"WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < {QUEUED})"  # noqa: S608 - constants
            f" INSERT INTO sms_message ({', '.join(given)}) SELECT {', '.join(given.values())} FROM n"
        )
    connection.close()
    os.sync()
    return statistics.median(_serve(prepared, "/v1/catalogue", "demo-key") for _ in range(RUNS))


if __name__ == "__main__":
    for one in run():
        print(one)
