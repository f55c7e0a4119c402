"""The month job in processes that are killed with SIGKILL at random instants, and what every table holds afterwards.

The job is the gateway's own; its database door runs each transaction at once in the only thread. Processes are forked
from a server that has loaded everything, so that a kill falls into the work and not into imports.
`python tests/wire/month_killing.py SIZE KILLS sqlite|postgresql` does it with as many subscriptions as wanted.
"""

import hashlib
import json
import multiprocessing
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
if __name__ == "__main__":
    sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1])]

import month_world  # noqa: E402 - run as a script it finds its neighbours first
import postgres_server  # noqa: E402 - as above
from sqlalchemy import create_engine, make_url, text  # noqa: E402 - as above
from twisted.internet.defer import Deferred, maybeDeferred  # noqa: E402 - as above

from billing.catalogue import Catalogue  # noqa: E402 - as above
from billing.decision import Context  # noqa: E402 - as above
from billing.programme import Programme  # noqa: E402 - as above
from billing.store import schema as billing_schema  # noqa: E402 - as above
from gateway.database import open_engine  # noqa: E402 - as above
from gateway.month_job import MonthJob, MonthSurroundings  # noqa: E402 - as above
from gateway.notices import Timing  # noqa: E402 - as above
from sms.outbox import schema as outbox_schema  # noqa: E402 - as above
from sms.outbox.quiet import QuietHours  # noqa: E402 - as above

PROGRAMME = Programme()
PRELOADED = [
    "gateway.month_job",
    "sms.outbox",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "gateway.database",
]
"""What takes long to import; the server forgets the path to the tests' own modules."""
HELD = {
    "posting": ("subscription_id, entry_no", "*"),
    "balance": ("subscription_id", "*"),
    "charge": ("subscription_id, entry_no, charge_id", "*"),
    "accrual": ("subscription_id, partner, order_id", "*"),
    "month_run": ("period", "*"),
    "sms_message": (
        "subscription_id, seq",
        (
            "message_id, subscription_id, msisdn, kind, params, service_class, priority, state, created_at,"
            " not_before, expires_at, time_zone, retry_at, parked, attempts"
        ),
    ),
}
"""Order and columns by which a table is compared: all but the outbox's numbers, which may leave gaps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """How a run went that was killed again and again."""

    kills: int
    standings: tuple[int, ...]
    """How many subscriptions were done at each kill."""


class DirectDatabase:
    """The database's door in one thread, without a reactor."""

    def __init__(self, url: str) -> None:
        self._engine = open_engine(url)
        self._connection = self._engine.connect()

    def transact(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> "Deferred[Any]":
        """One transaction, over when this returns."""
        return maybeDeferred(self._run, work, args, kwargs)

    read = transact

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
        self._engine.dispose()

    def _run(self, work: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        with self._connection.begin():
            return work(self._connection, *args, **kwargs)


def run_month(url: str, begun: Any = None) -> None:
    """Run what is due on 1 April, in this process; `begun` is set just before."""
    database = DirectDatabase(url)
    nobody: Any = None
    context = Context(
        now=month_world.START, programme=PROGRAMME, catalogue=Catalogue(partners={}, promos={}), ids=nobody
    )
    timing = Timing(now=month_world.START, quiet=QuietHours(), zone=PROGRAMME.zone)
    around = MonthSurroundings(
        context=lambda: context,
        timing=lambda: timing,
        monotonic=time.monotonic,
        fault=lambda _point: None,
        queued=lambda: None,
        requested=lambda: None,
    )
    job = MonthJob(database, around, installed_at=month_world.START - month_world.AGE)
    if begun is not None:
        begun.set()
    failed: list[Any] = []
    _ = Deferred.fromCoroutine(job.run_due(month_world.START)).addErrback(failed.append)
    database.close()
    if failed:
        failed[0].raiseException()


def run_and_kill(url: str, *, kills: int, seconds: float, rng: random.Random) -> Killed:
    """Kill the run so many times at random instants, then let it end; `seconds` is what an undisturbed one takes."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    _process(context, _nothing).join()  # the server is up, everything is loaded
    standings: list[int] = []
    total = _count(url)
    while len(standings) < kills:
        begun = context.Event()
        process = _process(context, run_month, url, begun)
        assert begun.wait(60)
        left = 1 - (standings[-1] if standings else 0) / total
        time.sleep(rng.uniform(0, 2 * seconds * left / (kills - len(standings) + 2)))
        process.kill()
        process.join()
        if process.exitcode == 0:
            break
        standings.append(_done(url))
    process = _process(context, run_month, url)
    process.join()
    assert process.exitcode == 0
    return Killed(kills=len(standings), standings=tuple(standings))


def digest(url: str) -> dict[str, str]:
    """A hash of every table the job writes to: equal where each row is, whatever the database."""
    engine = open_engine(url)
    found: dict[str, str] = {}
    with engine.connect().execution_options(stream_results=True, yield_per=10_000) as connection:
        for table, (order, columns) in HELD.items():
            hashed = hashlib.sha256()
            statement = text(f"SELECT {columns} FROM {table} ORDER BY {order}")  # noqa: S608 - our names
            for row in connection.execute(statement):
                hashed.update(repr([int(one) if isinstance(one, bool) else one for one in row]).encode())
            found[table] = hashed.hexdigest()
    engine.dispose()
    return found


def populate(url: str, size: int) -> None:
    """Tables and subscriptions of every standing, just before the 1st."""
    engine = open_engine(url)
    with engine.connect() as connection:
        with connection.begin():
            for metadata in (billing_schema.metadata, outbox_schema.metadata):
                metadata.create_all(connection)
        month_world.fill(connection, size)
        month_world.mix(connection)
    engine.dispose()


def compare(urls: tuple[str, str], *, kills: int, seed: int) -> dict[str, Any]:
    """One copy undisturbed, one killed; figures of both.

    Raises:
        AssertionError: they differ.
    """
    whole, killed = urls
    began = time.monotonic()
    run_month(whole)
    seconds = time.monotonic() - began
    began = time.monotonic()
    found = run_and_kill(killed, kills=kills, seconds=seconds, rng=random.Random(seed))
    expected, seen = digest(whole), digest(killed)
    assert seen == expected, [table for table, one in expected.items() if seen[table] != one]
    return {
        "subscriptions": _count(whole),
        "undisturbed_s": seconds,
        "killed_s": time.monotonic() - began,
        "kills": found.kills,
        "standings": found.standings,
        "digest": expected,
    }


def sqlite_pair(folder: Path, size: int) -> tuple[str, str]:
    """Two equal databases in a folder."""
    populate(f"sqlite:///{folder}/whole.db", size)
    shutil.copy(folder / "whole.db", folder / "killed.db")
    return f"sqlite:///{folder}/whole.db", f"sqlite:///{folder}/killed.db"


def postgres_pair(url: str, name: str, size: int) -> tuple[str, str]:
    """Two equal databases of a server."""
    whole = postgres_server.new_database(url, f"{name}_whole")
    populate(whole, size)
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}_killed STRATEGY file_copy TEMPLATE {name}_whole"))
    engine.dispose()
    return whole, make_url(whole).set(database=f"{name}_killed").render_as_string(hide_password=False)


def _process(context: ForkServerContext, target: Callable[..., None], *args: Any) -> Any:
    process = context.Process(target=target, args=args)
    process.start()
    return process


def _nothing() -> None:
    pass


def _count(url: str) -> int:
    return _ask(url, "SELECT count(*) FROM balance")


def _done(url: str) -> int:
    return _ask(url, "SELECT coalesce(max(subscriptions), 0) FROM month_run")


def _ask(url: str, statement: str) -> int:
    engine = open_engine(url)
    with engine.connect() as connection:
        found = int(connection.execute(text(statement)).scalar_one())
    engine.dispose()
    return found


def main() -> None:
    """As many subscriptions and kills as asked, on one database; prints the figures."""
    size, kills, kind = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    with tempfile.TemporaryDirectory(prefix="kill-") as folder:
        if kind == "sqlite":
            found = compare(sqlite_pair(Path(folder), size), kills=kills, seed=size)
        else:
            with postgres_server.server() as server:
                found = compare(postgres_pair(server.url, "kill", size), kills=kills, seed=size)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
