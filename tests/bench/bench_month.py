"""B6: the 1st of the month on both databases against bare SQL that writes the same rows, in the same run.

The job runs as the gateway runs it, in a process of its own, in adaptive chunks with their notices, each its own
durable transaction; the floor is one transaction of plain SQL over the finished rows. `make bench ARGS="--only B6"`
measures what a minute allows; larger ones: `python tests/bench/bench_month.py --size 1000000 --database sqlite`.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1])]

from month_databases import Place, place  # noqa: E402 - run as a script it finds its neighbours first

DATABASES = ("sqlite", "postgresql")
SIZES = {"sqlite": 100_000, "postgresql": 30_000}
"""What a minute allows; larger ones are asked for."""
ROUNDS = 3
CHARGES_PER_SECOND = 500
RATIO_MAX = 2.0
CHUNK_MS_MAX = 50
CHARGE_P99_MS_MAX = 200
RSS_MIB_MAX = 300


def run(
    *,
    sizes: Sequence[int] = (),
    databases: Sequence[str] = DATABASES,
    rounds: int = ROUNDS,
    rate: int = CHARGES_PER_SECOND,
) -> list[dict[str, Any]]:
    """Rows of the whole job, its time per subscription, chunks, memory, and of charges beside it."""
    found: list[dict[str, Any]] = []
    for kind in databases:
        for size in sizes or (SIZES[kind],):
            with place(kind, size) as where:
                found += _measure(where, f"B6 month, {kind}, {size:,}", size, rounds=rounds, rate=rate)
    return found


def _measure(where: Place, name: str, size: int, *, rounds: int, rate: int) -> list[dict[str, Any]]:
    jobs, floors = [], []
    for _ in range(rounds):
        jobs.append(_job(where.copy("done"), 0))
        floors.append(where.floor("done"))
        where.drop("done")
    job = {key: statistics.median(one[key] for one in jobs) for key in jobs[0]}
    floor = statistics.median(floors)
    rows = [
        _row(name, job["seconds"], "s", floor=floor, target=f"≤ {RATIO_MAX}"),
        _row(f"{name}: a subscription", job["seconds"] / size * 1e6, "µs", floor=floor / size * 1e6),
        _row(f"{name}: our processor time a subscription", job["processor_s"] / size * 1e6, "µs"),
        _row(f"{name}: chunk p99", job["chunk_p99_ms"], "ms", target=f"≤ {CHUNK_MS_MAX}"),
        _row(f"{name}: chunk longest", job["chunk_max_ms"], "ms"),
        _row(f"{name}: memory", job["rss_mib"], "MiB", target=f"≤ {RSS_MIB_MAX}"),
    ]
    if rate:
        rows += _beside(where, f"{name} with {rate} charges/s", size, rate)
    return rows


def _beside(where: Place, name: str, size: int, rate: int) -> Iterator[dict[str, Any]]:
    """The same with charges beside it."""
    job = _job(where.copy("beside"), rate)
    where.drop("beside")
    yield _row(name, job["seconds"], "s")
    yield _row(f"{name}: a subscription", job["seconds"] / size * 1e6, "µs")
    yield _row(f"{name}: charge p50", job["charge_p50_ms"], "ms")
    yield _row(f"{name}: charge p99", job["charge_p99_ms"], "ms", target=f"≤ {CHARGE_P99_MS_MAX}")
    yield _row(f"{name}: charge longest", job["charge_max_ms"], "ms")
    yield _row(f"{name}: memory", job["rss_mib"], "MiB", target=f"≤ {RSS_MIB_MAX}")


def _job(url: str, rate: int) -> dict[str, float]:
    command = [sys.executable, str(HERE / "month_runner.py"), url, str(rate)]
    environment = {"PYTHONPATH": ":".join(sys.path[:3]), "PATH": ""}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(done.stderr)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _row(
    name: str, figure: float, unit: str, *, floor: float | None = None, target: str | None = None
) -> dict[str, Any]:
    ratio = None if floor is None else figure / floor
    return {"name": name, "figure": figure, "floor": floor, "ratio": ratio, "target": target, "unit": unit}


def main() -> None:
    """Larger sizes, from the shell: rows as JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, action="append", help="subscriptions; may be given several times")
    parser.add_argument("--database", choices=DATABASES, action="append", help="both unless given")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--charges", type=int, default=CHARGES_PER_SECOND, help="a second beside the job; 0: none")
    given = parser.parse_args()
    for kind in given.database or DATABASES:
        for size in given.size or (SIZES[kind],):
            for row in run(sizes=(size,), databases=(kind,), rounds=given.rounds, rate=given.charges):
                print(json.dumps(row, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
