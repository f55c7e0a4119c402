"""Fresh systems on both databases, each a copy of one empty, migrated database; audited when the test ends."""

import itertools
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import postgres_server
import pytest
from both_databases import BOTH
from hosted import Host, Hosted
from said import Starting

from gateway import migrations
from gateway.database import open_engine

START = "2025-03-03T12:00:00+03:00"

_numbers = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    """The marks from which docs/rules.md is made."""
    config.addinivalue_line("markers", "rule(number): the rule of the programme that the test asks")
    config.addinivalue_line("markers", "switch(key, value): the value of a switch that the test sets")
    config.addinivalue_line("markers", "scenario(number): the scenario that the test plays, every sentence of it")


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """The process that runs systems."""
    running = Host(tmp_path_factory.mktemp("host") / "host.log")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file."""
    path = tmp_path_factory.mktemp("template") / "empty.sqlite3"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> Iterator[tuple[str, str]]:
    """The server's URL, and the name of a migrated, empty database on it."""
    name = f"fc_template_{os.getpid()}"
    _migrate(postgres_server.new_database(postgres_url, name))
    yield postgres_url, name
    postgres_server.drop_database(postgres_url, name)


def _migrate(url: str) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        migrations.upgrade(connection)
    engine.dispose()


@pytest.fixture(params=BOTH)
def started(request: pytest.FixtureRequest, host: Host, tmp_path: Path) -> Iterator[Starting]:
    """A factory of running systems, on SQLite and on PostgreSQL."""
    yield from _factory(request, request.param, host, tmp_path)


def _factory(request: pytest.FixtureRequest, kind: str, host: Host, folder: Path) -> Iterator[Starting]:
    systems: list[Hosted] = []
    databases: list[tuple[str, str]] = []

    def fresh(where: Path) -> str:
        if kind == "sqlite":
            where.mkdir()
            shutil.copy(request.getfixturevalue("sqlite_template"), where / "own.sqlite3")
            return f"sqlite:///{where / 'own.sqlite3'}"
        server, template = request.getfixturevalue("postgres_template")
        name = f"fc_{os.getpid()}_{next(_numbers)}_rules"
        url = postgres_server.new_database(server, name, template=template)
        databases.append((server, name))
        return url

    def start(
        *,
        clock_start: str = START,
        environ: Mapping[str, str] | None = None,
        config: str = "",
        zone: str = "UTC",
        **switches: str,
    ) -> Hosted:
        """`switches`: keys of [programme]."""
        programme = {f"FIRSTCHARGE__PROGRAMME__{key.upper()}": value for key, value in switches.items()}
        where = folder / f"system-{len(systems)}"
        system = Hosted(
            where,
            host,
            database=fresh(where),
            clock_start=clock_start,
            environ={**programme, **(environ or {})},
            config=config,
            zone=zone,
        )
        systems.append(system)
        return system.start()

    try:
        yield start
        for system in systems:
            system.audit()
    finally:
        for system in systems:
            system.stop()
        for server, name in databases:
            postgres_server.drop_database(server, name)


@pytest.fixture
def system(started: Starting) -> Hosted:
    """The demo's catalogue and nobody in it, at 2025-03-03 12:00 Moscow time."""
    return started()


@pytest.fixture(scope="module", params=BOTH)
def shared(request: pytest.FixtureRequest, host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosted]:
    """One running system for the tests of a module that leave clock and catalogue alone."""
    for start in _factory(request, request.param, host, tmp_path_factory.mktemp("shared")):
        yield start()
