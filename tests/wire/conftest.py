"""Whole systems for wire tests, each on a fresh database and free ports, stopped whatever happens."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from system import System


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., System]]:
    """A factory of running systems."""
    systems: list[System] = []

    def start(
        *,
        clock_start: str = "2025-03-03T12:00:00+03:00",
        environ: Mapping[str, str] | None = None,
        extra: tuple[str, ...] = (),
    ) -> System:
        system = System(tmp_path / f"system-{len(systems)}", clock_start=clock_start, environ=environ)
        systems.append(system)
        return system.start(*extra)

    try:
        yield start
    finally:
        for system in systems:
            system.stop()


@pytest.fixture
def system(started: Callable[..., System]) -> System:
    """The demo's system at 2025-03-03 12:00 Moscow time."""
    return started()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One running system for the tests of a module: each uses numbers and ids of its own."""
    system = System(tmp_path_factory.mktemp("shared") / "system")
    try:
        yield system.start()
    finally:
        system.stop()
