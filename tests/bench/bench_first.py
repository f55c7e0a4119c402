"""B11, the real 1st: the month job and its notices at a contracted rate, beside charges, dials and registrations.

A real gateway process on SQLite and on PostgreSQL, both durable. The operator is a lean process of our codec
(`first_operator.py`): the simulator with its captures and web phone would be the narrow place on two cores. Callers
(`first_callers.py`) and phones are open loops. A minute a database by default, the job included;
`python tests/bench/bench_first.py --whole --database sqlite` goes on until the last notice, and counts each.
"""

import argparse
import contextlib
import hashlib
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1])]

from charges_doors import KEY, READY_SECONDS_MAX, ROOT, call  # noqa: E402 - run as a script it finds its neighbours
from month_databases import place  # noqa: E402
from sqlalchemy import text  # noqa: E402

from gateway.database import open_engine  # noqa: E402

DATABASES = ("sqlite", "postgresql")
SUBSCRIPTIONS = 200_000
CONTRACT = 200
CHARGES_PER_S, DIALS_PER_S, JOINS_PER_S = 300, 500, 1
WINDOW_S = 60.0
WHOLE_SECONDS_MAX = 3_600.0
WARM_UP_S = 3.0
"""Callers and phones run this long before the job is started; what they see then is left out."""
NEW_FIRST = 79_550_000_000
PERIOD = "2025-04"
CONFIGURATION = """
[database]
url = "{url}"

[clock]
kind = "manual"
start = "2025-04-01T10:00:00+03:00"

[http]
port = {port}

[[links]]
name = "sms"
roles = ["sms"]
host = "127.0.0.1"
port = {sms}
system_id = "first"
password = "bench"
rate_per_s = {contract}

[[links]]
name = "ussd"
roles = ["ussd"]
host = "127.0.0.1"
port = {ussd}
system_id = "first"
password = "bench"
window = 100

[[keys]]
name = "bench"
hash = "sha256:{hash}"
scopes = ["provisioning", "partner", "billing", "care", "ops"]
"""
MEMBERS = """
    INSERT INTO membership
        (subscription_id, state, joined_at, channel, terms_version, terms_accepted_at, adverts, form)
    SELECT subscription_id, 'active', created_at, 'web', '1', created_at, false, 'login' FROM subscription
"""
QUEUED = """
    SELECT count(*), sum(CASE WHEN state = 'delivered' THEN 1 ELSE 0 END)
    FROM sms_message WHERE text <> 'x' OR text IS NULL
"""
"""What the run queued; the population's own old messages have the text x."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one run brought."""

    began: float
    job_s: float | None
    ended: float
    operator: dict[str, Any]
    callers: dict[str, Any]
    processor_s: float
    rss_mib: float
    queued: int
    delivered: int


def run(databases: Sequence[str] = DATABASES, *, is_whole: bool = False) -> Iterator[dict[str, Any]]:
    """The rows of B11."""
    for kind in databases:
        with place(kind, SUBSCRIPTIONS) as where, tempfile.TemporaryDirectory() as folder:
            seen = _first(where.copy("first"), Path(folder), is_whole=is_whole)
            yield from _rows(f"B11 the 1st, {kind}", seen, is_whole=is_whole)


def _first(url: str, folder: Path, *, is_whole: bool) -> Seen:
    _everybody_joined(url)
    sms, ussd, desk, door = _free_ports()
    config = folder / "firstcharge.toml"
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    config.write_text(
        CONFIGURATION.format(url=url, port=door, sms=sms, ussd=ussd, contract=CONTRACT, hash=digest), encoding="utf-8"
    )
    with _operator(sms), _gateway(config, door, folder / "gateway.log") as gateway:
        _until(lambda: call(door, "GET", "/readyz", None)[0] == http.client.OK)
        for number in range(int(WHOLE_SECONDS_MAX if is_whole else WINDOW_S + 2 * WARM_UP_S) * JOINS_PER_S):
            assert call(door, "PUT", f"/v1/subscribers/{NEW_FIRST + number}", {})[0] == http.client.OK
        with _callers(door) as callers:
            _ask(desk, f"dial {DIALS_PER_S}")
            time.sleep(WARM_UP_S)
            used, began = _processor_s(gateway.pid), time.monotonic()
            assert call(door, "POST", "/v1/month-runs", {"period": PERIOD})[0] == http.client.ACCEPTED
            job_s = _watch(door, desk, began, is_whole=is_whole)
            used, ended = _processor_s(gateway.pid) - used, time.monotonic()
            _ask(desk, "hush")
            said, _ = callers.communicate("end\n", timeout=60)
        seen_by_callers = json.loads(said)
        if is_whole:
            _until_still(desk)
        return Seen(
            began=began, job_s=job_s, ended=ended, operator=_ask(desk, "tell"), callers=seen_by_callers,
            processor_s=used, rss_mib=_rss_mib(gateway.pid), **_queued(url),
        )  # fmt: skip


def _watch(door: int, desk: int, began: float, *, is_whole: bool) -> float | None:
    """Until the window or the last notice; after how many seconds the job was done."""
    job_s = None
    while True:
        time.sleep(0.25)
        passed = time.monotonic() - began
        if job_s is None:
            status, body = call(door, "GET", f"/v1/month-runs/{PERIOD}", None)
            if status == http.client.OK and json.loads(body)["status"] == "done":
                job_s = time.monotonic() - began
        if not is_whole and passed >= WINDOW_S:
            return job_s
        if is_whole and job_s is not None:
            before = _ask(desk, "count")
            time.sleep(5)
            # Registrations alone go on at a few a second.
            if _ask(desk, "count") - before < CONTRACT or passed > WHOLE_SECONDS_MAX:
                return job_s


def _rows(name: str, seen: Seen, *, is_whole: bool) -> Iterator[dict[str, Any]]:
    came = [at for at in seen.operator["accepted_at"] if at >= seen.began]
    full = _seconds(came)
    yield _row(f"{name}: month job", seen.job_s, "s")
    yield _row(f"{name}: notices accepted", _mean_rate(came), "/s", floor=float(CONTRACT), target="0.99–1.01")
    yield _row(f"{name}: most in any second", max(full), "", floor=float(CONTRACT), target="≤ 1.01")
    yield _row(f"{name}: fewest in any second", min(full), "", floor=float(CONTRACT))
    yield _row(f"{name}: throttling answers", seen.operator["throttled"], "", target="0")
    joins = seen.callers["joined_at"]
    told = {who: at for who, at in seen.operator["joined_at"].items() if joins.get(who, 0.0) >= seen.began}
    waits = [max(0.0, at - joins[who]) for who, at in told.items()]
    yield _row(f"{name}: registration SMS p99", _p99(waits), "s", target="≤ 2")
    asked = sum(1 for at in joins.values() if seen.began <= at <= seen.ended - 2)
    yield _row(f"{name}: registrations without SMS after 2 s", max(0, asked - len(told)), "", target="0")
    while_job = seen.began + (seen.job_s or 0.0)
    for what, timed, limit in (("dial", seen.operator["screens"], 50), ("charge", seen.callers["charges"], 200)):
        within = [(at, took * 1e3) for at, took in timed if seen.began <= at <= seen.ended]
        yield _row(f"{name}: {what} p50", statistics.median(took for _, took in within), "ms")
        yield _row(f"{name}: {what} p99", _p99([took for _, took in within]), "ms", target=f"≤ {limit}")
        yield _row(f"{name}: {what} p99 beside the job", _p99([took for at, took in within if at <= while_job]), "ms")
        yield _row(f"{name}: {what} longest", max(took for _, took in within), "ms")
    yield _row(f"{name}: dials unanswered", seen.operator["unanswered"] + seen.operator["refused"], "", target="0")
    statuses = seen.callers["statuses"]
    failed = sum(seen.callers["sent"].values()) - statuses.get("charge 201", 0) - statuses.get("join 201", 0)
    yield _row(f"{name}: calls not answered 201", failed, "", target="0")
    yield _row(f"{name}: gateway's processor", seen.processor_s / (seen.ended - seen.began) * 100, "%")
    yield _row(f"{name}: gateway's memory", seen.rss_mib, "MiB")
    yield _row(f"{name}: second copies", seen.operator["copies"], "", target="0")
    if is_whole:
        yield _row(f"{name}: messages", seen.queued, "")
        yield _row(f"{name}: messages lost", seen.queued - seen.operator["distinct"], "", target="0")
        yield _row(f"{name}: messages not known as delivered", seen.queued - seen.delivered, "", target="0")


def _row(
    name: str, figure: float | None, unit: str, *, floor: float | None = None, target: str | None = None
) -> dict[str, Any]:
    ratio = None if floor is None or figure is None else figure / floor
    return {"name": name, "figure": figure, "floor": floor, "ratio": ratio, "target": target, "unit": unit}


def _mean_rate(came: Sequence[float]) -> float:
    """From the first second after the first notice to the last one."""
    first = bisect_left(came, came[0] + 1)
    return (len(came) - 1 - first) / (came[-1] - came[first])


def _seconds(came: Sequence[float]) -> list[int]:
    """How many came in the second from each of them on, but for the first and the last two seconds."""
    first, last = bisect_left(came, came[0] + 1), bisect_left(came, came[-1] - 2)
    return [bisect_left(came, came[place] + 1) - place for place in range(first, last)]


def _p99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[98] if len(values) > 1 else float("nan")


def _everybody_joined(url: str) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(text(MEMBERS))
    engine.dispose()


def _queued(url: str) -> dict[str, int]:
    engine = open_engine(url, read_only=True)
    with engine.begin() as connection:
        queued, delivered = connection.execute(text(QUEUED)).one()
    engine.dispose()
    return {"queued": int(queued), "delivered": int(delivered or 0)}


def _until_still(desk: int) -> None:
    """Until nothing more comes; then a moment for the receipts to be stored."""
    while True:
        before = _ask(desk, "count")
        time.sleep(3)
        if _ask(desk, "count") == before:
            return


def _ask(desk: int, line: str) -> Any:
    with socket.create_connection(("127.0.0.1", desk), timeout=30) as asking:
        asking.sendall(f"{line}\n".encode())
        told = b""
        while piece := asking.recv(1 << 16):
            told += piece
    return json.loads(told)


@contextlib.contextmanager
def _operator(port: int) -> Iterator[None]:
    given = [str(one) for one in (port, CONTRACT, SUBSCRIPTIONS)]
    process = subprocess.Popen(
        [sys.executable, str(HERE / "first_operator.py"), *given], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        yield
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def _gateway(config: Path, door: int, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    command = ["-m", "gateway", "serve", "--config", str(config), "--upgrade"]
    with log.open("ab") as out:
        process = subprocess.Popen([sys.executable, *command], stdout=out, stderr=out, cwd=ROOT, env=dict(os.environ))
    try:
        _until(lambda: process.poll() is not None or call(door, "GET", "/healthz", None)[0] == http.client.OK)
        assert process.poll() is None, log.read_text()[-2000:]
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def _callers(door: int) -> Iterator["subprocess.Popen[str]"]:
    given = [str(one) for one in (door, KEY, CHARGES_PER_S, JOINS_PER_S, SUBSCRIPTIONS)]
    process = subprocess.Popen(
        [sys.executable, str(HERE / "first_callers.py"), *given],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def _until(ready: Any) -> None:
    end = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            if ready():
                return
        time.sleep(0.02)
    raise AssertionError("not ready in time")


def _free_ports() -> tuple[int, int, int, int]:
    """Three neighbours for the operator, one for the gateway."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as door:
            port = int(first.getsockname()[1])
            with contextlib.suppress(OSError, OverflowError):
                for beside in (port + 1, port + 2):
                    socket.create_server(("127.0.0.1", beside)).close()
                return port, port + 1, port + 2, int(door.getsockname()[1])


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main() -> None:
    """From the shell: rows as JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--whole", action="store_true", help="until the last notice, about 20 minutes")
    parser.add_argument("--database", choices=DATABASES, action="append", help="both unless given")
    given = parser.parse_args()
    for row in run(given.database or DATABASES, is_whole=given.whole):
        print(json.dumps(row, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
