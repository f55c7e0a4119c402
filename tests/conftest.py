"""The guard every test runs under: no leaked timers, no open ports, no Deferred error nobody looked at."""

import gc
import os
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from twisted.internet import reactor as _reactor
from twisted.internet.base import ReactorBase
from twisted.logger import LogLevel, globalLogPublisher

pytest_plugins = ["both_databases"]

REQUIRE_PEERS = "FIRSTCHARGE_REQUIRE_PEERS"
"""Set where nothing may be skipped (CI): a skipped test fails with the reason it gave."""

SLOW_FOLDERS = ("wire", "mutation", "contract", "property")
"""Their tests take seconds, the others' milliseconds."""

settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")  # a timing never fails a test

KEPT_BY_THE_REACTOR = {"_UnixWaker", "_SIGCHLDWaker", "_FDWaker", "_SocketWaker"}


def _selectables(reactor: Any) -> set[Any]:
    """What the reactor watches, besides its own wakers."""
    watched = [*reactor.getReaders(), *reactor.getWriters()]
    return {one for one in watched if type(one).__name__ not in KEPT_BY_THE_REACTOR}


def _haste(item: pytest.Item) -> int:
    folder = item.path.parent.name
    return SLOW_FOLDERS.index(folder) if folder in SLOW_FOLDERS else len(SLOW_FOLDERS)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Slow folders first, so that no worker is left alone with them; without what only the long forms have.

    Left out is not skipped: nothing is missing for it.
    """
    items.sort(key=_haste)
    if os.environ.get("FIRSTCHARGE_LONG"):
        return
    left_out = [item for item in items if item.get_closest_marker("long") is not None]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item.get_closest_marker("long") is None]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where peers are required a skip is a failure."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get(REQUIRE_PEERS) == "1":
        report.outcome = "failed"
        report.longrepr = f"skipped although {REQUIRE_PEERS}=1: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def nothing_leaks() -> Iterator[None]:
    """Fail a test that leaves delayed calls or sockets behind, or a Deferred failure unhandled."""
    reactor: Any = _reactor
    assert isinstance(reactor, ReactorBase)
    timers_before = set(reactor.getDelayedCalls())
    sockets_before = _selectables(reactor)
    failures: list[str] = []

    def observe(event: dict[str, Any]) -> None:
        if event.get("log_level") is LogLevel.critical:
            failures.append(str(event.get("log_failure") or event.get("log_format")))

    globalLogPublisher.addObserver(observe)
    try:
        yield
        gc.collect(0)  # an unhandled failure is reported when its Deferred is collected
    finally:
        globalLogPublisher.removeObserver(observe)
    timers = [call for call in reactor.getDelayedCalls() if call not in timers_before and call.active()]
    sockets = _selectables(reactor) - sockets_before
    for call in timers:
        call.cancel()
    for one in sockets:
        reactor.removeReader(one)
        reactor.removeWriter(one)
    assert not failures, f"errors nobody handled: {failures}"
    assert not timers, f"leaked timers: {timers}"
    assert not sockets, f"leaked sockets: {sockets}"
