"""B7: `bill apply` through a real gateway, on both databases, beside the bare driver writing the same rows.

The rate is that of the whole command: file read, sent, drawn, split written. BENCH_BILL_LINES=1000000 for the million
lines of the requirement; the floor always writes the first 100,000, where it is at its fastest.
"""

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "wire")]

import postgres_server  # noqa: E402 - the tests' own way of having a server
from bill_world import Gateway, fill, floor_seconds, resident_mib, write_file  # noqa: E402 - as above
from month_databases import durable_server  # noqa: E402 - as above

from gateway.database import open_engine  # noqa: E402 - as above

LINES = int(os.environ.get("BENCH_BILL_LINES", "150000"))
SUBSCRIBERS = max(LINES // 10, 1_000)
FLOOR_LINES = min(LINES, 100_000)
SAMPLE_SECONDS = 0.25


def run() -> list[dict[str, Any]]:
    """Rate, memory of the gateway and memory of the command, on each database."""
    found = []
    for kind in ("sqlite", "postgresql"):
        with _place(kind) as (folder, before, copy):
            fill(before, SUBSCRIBERS)
            found += _measure(kind, folder, before, copy())
    return found


@contextlib.contextmanager
def _place(kind: str) -> Iterator[tuple[Path, str, Any]]:
    """(folder, URL of a database to fill, a function that copies it and gives the copy's URL)."""
    with tempfile.TemporaryDirectory(prefix="bill-") as name:
        folder = Path(name)
        if kind == "sqlite":
            path = folder / "before.db"
            yield folder, f"sqlite:///{path}", lambda: f"sqlite:///{shutil.copy(path, folder / 'bare.db')}"
            return
        with durable_server() as server:
            url = postgres_server.new_database(server.url, "before")
            yield folder, url, lambda: postgres_server.new_database(server.url, "bare", template="before")


def _measure(kind: str, folder: Path, url: str, bare: str) -> list[dict[str, Any]]:
    charges = folder / "charges.csv"
    write_file(charges, LINES, SUBSCRIBERS)
    gateway = Gateway(folder, url)
    gateway.start()
    assert gateway.process is not None
    held: tuple[list[float], list[float]] = ([], [])
    began = time.monotonic()
    command = gateway.apply(charges, folder / "split.csv", "--quiet")
    while command.poll() is None:
        for figures, process in zip(held, (gateway.process, command), strict=True):
            figures.append(resident_mib(process.pid))
        time.sleep(SAMPLE_SECONDS)
    taken = time.monotonic() - began
    assert command.returncode == 0, command.communicate()
    gateway.kill()
    done, before = open_engine(url), open_engine(bare)
    lines, floor = floor_seconds(done, before, FLOOR_LINES)
    done.dispose()
    before.dispose()
    name = f"B7 bill apply, {kind}, {LINES:,} lines"
    rate, bare_rate = LINES / taken, lines / floor
    return [
        {
            "name": name,
            "figure": rate,
            "floor": bare_rate,
            "ratio": rate / bare_rate,
            "target": "≥ 1.0",
            "unit": "1/s",
        },
        _memory(f"{name}: gateway, half way and at most", held[0]),
        _memory(f"{name}: command, half way and at most", held[1]),
    ]


def _memory(name: str, held: list[float]) -> dict[str, Any]:
    half, most = held[len(held) // 2], max(held)
    return {"name": name, "figure": most, "floor": half, "ratio": most / half, "target": "flat", "unit": "MiB"}
