"""B5: charges in process with 64 in flight, on SQLite, on PostgreSQL and on one a millisecond away; and over HTTP.

In process the floor is the bare driver that writes the same rows in transactions of 100 charges. Each round measures
one after the other, so that both find the machine alike.
"""

import contextlib
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from charges_doors import KEY, call, gateway, per_second, request
from charges_world import create, fill, groups_written, msisdn, write_on_postgres, write_on_sqlite
from sqlalchemy import create_engine, make_url, text

from gateway.database import open_engine

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent)]

from month_databases import durable_server  # noqa: E402 - it wants the path above
from postgres_server import NoPostgres, Server, drop_database  # noqa: E402 - as above

CHARGES = 12_800
HTTP_CHARGES = 8_000
BATCH_CHARGES = 30_000
ROUNDS = 3
ROUND_TRIP_MS = 1
CREATED = 201


def run() -> Iterator[dict[str, Any]]:
    """The rows of B5."""
    with tempfile.TemporaryDirectory() as folder:
        yield _on_sqlite(Path(folder))
        try:
            with durable_server() as server:
                yield from _on_postgres(server)
        except NoPostgres as reason:
            yield {"name": f"B5 charges on PostgreSQL: not measured, {reason}"}
        yield from _over_http(Path(folder))


def row(name: str, figures: list[float], floors: list[float] | None, target: str) -> dict[str, Any]:
    """Medians; the ratio is the median of the rounds' ratios."""
    ratio = statistics.median(one / other for one, other in zip(figures, floors, strict=True)) if floors else None
    floor = statistics.median(floors) if floors else None
    return {
        "name": name,
        "figure": statistics.median(figures),
        "floor": floor,
        "ratio": ratio,
        "target": target,
        "unit": "1/s",
    }


def _on_sqlite(folder: Path) -> dict[str, Any]:
    before = folder / "before.db"
    engine = open_engine(f"sqlite:///{before}")
    create(engine)
    engine.dispose()
    ours, floors = [], []
    for number in range(ROUNDS):
        path, bare = folder / f"{number}.db", folder / f"{number}-bare.db"
        shutil.copy(before, path)
        shutil.copy(before, bare)
        ours.append(CHARGES / _through_the_lane(f"sqlite:///{path}", number))
        with open_engine(f"sqlite:///{path}", read_only=True).connect() as connection:
            groups = groups_written(connection, "?")
        floors.append(CHARGES / write_on_sqlite(str(bare), groups))
    return row("B5 charges in process, 64 in flight, SQLite FULL", ours, floors, "≥ 0.5")


def _on_postgres(server: Server) -> Iterator[dict[str, Any]]:
    before = _database(server.url, "before", "template0")
    engine = open_engine(before)
    create(engine)
    engine.dispose()
    yield _in_rounds(server, "B5 charges in process, 64 in flight, PostgreSQL", lambda url: url)
    with _delayed(server.url) as port:
        yield _in_rounds(
            server,
            f"B5 the same with a round trip of {ROUND_TRIP_MS} ms",
            lambda url: (
                make_url(url).set(host="127.0.0.1", port=port, query={}).render_as_string(hide_password=False)
            ),
        )


def _in_rounds(server: Server, name: str, through: Callable[[str], str]) -> dict[str, Any]:
    ours, floors = [], []
    for number in range(ROUNDS):
        done = _database(server.url, "done", "before")
        bare = _database(server.url, "bare", "before")
        ours.append(CHARGES / _through_the_lane(through(done), number))
        engine = create_engine(done)
        with engine.connect() as connection:
            groups = groups_written(connection, "%s")
        engine.dispose()
        floors.append(CHARGES / write_on_postgres(through(bare), groups))
        drop_database(server.url, "done")
        drop_database(server.url, "bare")
    return row(name, ours, floors, "≥ 0.5")


def _over_http(folder: Path) -> Iterator[dict[str, Any]]:
    single, batch = [], []
    with served(folder) as port:
        for number in range(ROUNDS):
            rng = random.Random(number)
            bodies = [_body(f"http-{number}-{n}", rng) for n in range(HTTP_CHARGES)]
            key = f"Authorization: Bearer {KEY}"
            requests = [request("POST", "/v1/charges", body, key) for body in bodies]
            single.append(per_second(port, requests, lambda status: status == CREATED))
            body = b"\n".join(_body(f"batch-{number}-{n}", rng) for n in range(BATCH_CHARGES))
            began = time.perf_counter()
            status, answer = call(port, "POST", "/v1/charges/batch", body)
            batch.append(BATCH_CHARGES / (time.perf_counter() - began))
            assert (status, answer.count(b'"booked_at"')) == (200, BATCH_CHARGES), answer[:200]
    yield row("B5 POST /v1/charges, 64 connections, SQLite FULL", single, None, "≥ 2500")
    yield row("B5 POST /v1/charges/batch, SQLite FULL", batch, None, "≥ 10000")


@contextlib.contextmanager
def served(folder: Path) -> Iterator[int]:
    """A gateway over numbers with money, on SQLite; its port."""
    path = folder / "served.db"
    with gateway(folder, f"sqlite:///{path}"):
        pass  # it makes the tables
    engine = open_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        fill(connection, credited_period="2199-12")
    engine.dispose()
    with gateway(folder, f"sqlite:///{path}") as port:
        yield port


def _body(charge_id: str, rng: random.Random) -> bytes:
    return json.dumps({"charge_id": charge_id, "msisdn": msisdn(rng), "type": "usage", "amount": "1.00"}).encode()


def _through_the_lane(url: str, seed: int) -> float:
    command = [sys.executable, str(HERE / "charges_runner.py"), url, str(CHARGES), str(seed)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=dict(os.environ))
    return float(json.loads(done.stdout)["seconds"])


def _database(url: str, name: str, template: str) -> str:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        made = f"CREATE DATABASE {name} STRATEGY file_copy TEMPLATE {template} ENCODING 'UTF8'"
        connection.execute(text(made))
        connection.execute(text("CHECKPOINT"))
    engine.dispose()
    return make_url(url).set(database=name).render_as_string(hide_password=False)


@contextlib.contextmanager
def _delayed(url: str) -> Iterator[int]:
    """A port that leads to the server, further away."""
    target = f"{make_url(url).query['host']}/.s.PGSQL.5432"
    command = [sys.executable, str(HERE / "delay.py"), target, str(ROUND_TRIP_MS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as proxy:
        assert proxy.stdout is not None
        try:
            yield int(proxy.stdout.readline())
        finally:
            proxy.kill()
