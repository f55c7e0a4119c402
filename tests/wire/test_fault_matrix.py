"""Every fault point, by an exception and by SIGKILL, on both databases: the story ends as the undisturbed one does.

The default run raises at every point, on one database each, and kills at one (tests/wire/test_kill.py at more);
FIRSTCHARGE_LONG=1 runs all 44 cases. `export.half_written` has no test here.
"""

import itertools
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import postgres_server
import pytest
from both_databases import BOTH
from fault_story import Outcome, Served, Teller, died_in_the_migration, write_configuration
from sqlalchemy import inspect
from system import System, http_call

from gateway import migrations
from gateway.database import open_engine
from gateway.demo.plan import DemoOptions
from gateway.faults import InjectedFault

sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))

from hosted import Host, Hosted

POINTS = (
    "accrual.before_commit",
    "accrual.after_commit",
    "outbox.claimed",
    "sms.before_write",
    "sms.after_write",
    "sms.resp_before_mark",
    "dlr.before_commit",
    "ussd.before_reply",
    "bill.after_n_lines",
    "bill.before_close",
)
DOUBLES = {"sms.after_write", "sms.resp_before_mark"}
"""Killed here the SMSC has the message, and nobody stored that it has."""
IN_DOUBT = DOUBLES | {"sms.before_write"}
"""Killed here the attempt is stored: whether it was written is not known, and a re-send is counted."""
IS_LONG = os.environ.get("FIRSTCHARGE_LONG") == "1"
EVERYWHERE = list(itertools.product(POINTS, BOTH))
RAISED = EVERYWHERE if IS_LONG else list(zip(POINTS, itertools.cycle(BOTH), strict=False))
KILLED = EVERYWHERE if IS_LONG else [("accrual.before_commit", "postgresql")]
MIGRATED = [("raise", "postgresql"), ("kill", "sqlite"), ("raise", "sqlite"), ("kill", "postgresql")]
Fresh = Callable[[str], str]
Raised = tuple[Outcome, int]
"""What came of it, and how many SMS may have come twice."""
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def fresh(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fresh]:
    """Copies of an empty, migrated database, by kind."""
    folder = tmp_path_factory.mktemp("databases")
    made: list[tuple[str, str]] = []
    templates: dict[str, str] = {}

    def copy(kind: str) -> str:
        number = next(_numbers)
        if kind == "sqlite":
            if kind not in templates:
                templates[kind] = str(folder / "empty.sqlite3")
                _migrate(f"sqlite:///{templates[kind]}")
            shutil.copy(templates[kind], folder / f"{number}.sqlite3")
            return f"sqlite:///{folder / f'{number}.sqlite3'}"
        server = request.getfixturevalue("postgres_url")
        if kind not in templates:
            templates[kind] = f"fc_faults_{os.getpid()}"
            made.append((server, templates[kind]))
            _migrate(postgres_server.new_database(server, templates[kind]))
        name = f"fc_fault_{os.getpid()}_{number}"
        made.append((server, name))
        return postgres_server.new_database(server, name, template=templates[kind])

    yield copy
    for server, name in reversed(made):
        postgres_server.drop_database(server, name)


def _migrate(url: str) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        migrations.upgrade(connection)
    engine.dispose()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """The process that runs systems whose faults only raise."""
    running = Host(tmp_path_factory.mktemp("host") / "host.log")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def undisturbed(fresh: Fresh, host: Host, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Outcome]:
    """What comes of the story when nothing happens, by kind of database."""
    found: dict[str, Outcome] = {}

    def outcome(kind: str) -> Outcome:
        if kind not in found:
            found[kind] = _told_by_host(tmp_path_factory.mktemp("undisturbed"), host, fresh(kind), {})[0]
        return found[kind]

    return outcome


@pytest.fixture
def raised(fresh: Fresh, host: Host, tmp_path: Path) -> Callable[[str, str], Raised]:
    """The story with an exception at a point."""
    return lambda point, kind: _told_by_host(tmp_path, host, fresh(kind), {"FIRSTCHARGE_FAULT": f"{point}:raise"})


def _told_by_host(folder: Path, host: Host, database: str, environ: dict[str, str]) -> tuple[Outcome, int]:
    system = Hosted(
        folder / "system",
        host,
        database=database,
        clock_start="2025-03-03T12:00:00+03:00",
        environ={"FIRSTCHARGE__SMS__UNKNOWN_GRACE_S": "1", **environ},
    )
    try:
        outcome = Teller(system.start()).tell()
        return outcome, _possible_duplicates(system)
    finally:
        system.stop()


def _possible_duplicates(system: System) -> int:
    text = http_call(system.http_port, "GET", "/metrics").body
    found = re.search(r"^firstcharge_sms_possible_duplicates_total(?:\{[^}]*\})? ([0-9.]+)", text, re.MULTILINE)
    return int(float(found.group(1))) if found else 0


def _assert_same(outcome: Outcome, expected: Outcome, *, doubles_max: int) -> None:
    """All as undisturbed; of the SMS none is missing and only so many came twice."""
    for name in ("postings", "sums", "charge", "month", "answers", "messages"):
        assert getattr(outcome, name) == getattr(expected, name), name
    assert not expected.texts - outcome.texts
    assert (outcome.texts - expected.texts).total() <= doubles_max


def test_the_undisturbed_story_is_the_same_on_both_databases(undisturbed: Callable[[str], Outcome]) -> None:
    sqlite, postgres = (undisturbed(kind) for kind in BOTH)
    assert sqlite == postgres
    assert sqlite.sums == ("0.00", "0.00", "0.00")
    assert sqlite.texts.total() == len(sqlite.messages) == 5


@pytest.mark.parametrize(("point", "kind"), RAISED)
def test_an_exception_at_any_point_changes_nothing_in_the_end(
    point: str, kind: str, host: Host, undisturbed: Callable[[str], Outcome], raised: Callable[[str, str], Raised]
) -> None:
    expected = undisturbed(kind)
    seen = host.log.stat().st_size
    outcome, doubles = raised(point, kind)
    _assert_same(outcome, expected, doubles_max=0)
    assert doubles == 0
    with host.log.open("rb") as log:
        log.seek(seen)
        said = log.read().decode()
    assert f"InjectedFault: {point}" in said, "an exception that nobody sees in the log"


@pytest.mark.parametrize(("point", "kind"), KILLED)
def test_a_kill_at_any_point_changes_nothing_in_the_end(
    point: str, kind: str, fresh: Fresh, undisturbed: Callable[[str], Outcome], tmp_path: Path
) -> None:
    expected = undisturbed(kind)
    system = Served(tmp_path / "system", fresh(kind), {"FIRSTCHARGE_FAULT": f"{point}:kill"})
    try:
        outcome = Teller(system.start()).tell()
        doubles = _possible_duplicates(system)
    finally:
        system.stop()
    assert system.deaths == 1
    _assert_same(outcome, expected, doubles_max=doubles if point in DOUBLES else 0)
    assert doubles <= (point in IN_DOUBT)


def _shape(url: str) -> Any:
    """Everything the database says of its schema."""
    engine = open_engine(url, read_only=True)
    try:
        found = inspect(engine)
        with engine.connect() as connection:
            version = migrations.version_of(connection)
        tables = {
            name: (
                [str(one["name"]) + str(one["type"]) for one in found.get_columns(name)],
                found.get_pk_constraint(name)["constrained_columns"],
                sorted(str(one["name"]) for one in found.get_indexes(name)),
                sorted(str(one["name"]) for one in found.get_check_constraints(name)),
                sorted(str(one["constrained_columns"]) for one in found.get_foreign_keys(name)),
            )
            for name in found.get_table_names()
        }
        return version, tables
    finally:
        engine.dispose()


def _empty(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if kind == "sqlite":
        return f"sqlite:///{tmp_path / 'new.sqlite3'}"
    return str(request.getfixturevalue("fresh_postgres"))


@pytest.mark.parametrize(("action", "kind"), MIGRATED[: None if IS_LONG else 2])
def test_a_migration_that_died_in_the_middle_left_nothing_and_runs_again(
    action: str, kind: str, request: pytest.FixtureRequest, fresh: Fresh, tmp_path: Path
) -> None:
    url = _empty(kind, request, tmp_path)
    config = write_configuration(DemoOptions(folder=tmp_path, database=url))
    fault = {"FIRSTCHARGE_FAULT": f"migrate.mid:{action}"}
    if action == "kill":
        assert died_in_the_migration(config, fault) == -9
    else:
        engine = open_engine(url)
        with pytest.raises(InjectedFault), engine.begin() as connection:
            migrations.upgrade(connection, _raise)
        engine.dispose()
    assert _shape(url) == (None, {})
    _migrate(url)
    assert _shape(url) == _shape(fresh(kind))


def _raise(point: str) -> None:
    assert point == "migrate.mid"
    raise InjectedFault(point)
