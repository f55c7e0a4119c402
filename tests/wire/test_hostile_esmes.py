"""Every misdeed of `smpp misbehave` against our SMSC, all at once beside a good client: it is sound to each."""

import os
import random
import time
from typing import Any

import pytest
import pytest_twisted
from hostile_smscs import Watched, link_to, network, pause, reactor
from smpp_samples import submit_sm
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.logger import LogLevel, globalLogPublisher

from sms.smpp.config import LinkConfig
from sms.tools.misbehave import MISDEEDS, MisdeedReport, misbehave
from sms.tools.stage import Stage

LONG = bool(os.environ.get("FIRSTCHARGE_LONG"))
LIMITS: dict[str, Any] = {
    "bind_deadline_s": 0.7,
    "partial_pdu_s": 0.4,
    "enquire_link_s": 0.8,
    "response_timeout_s": 1.5,
    "write_stall_s": 1.0,
}
COUNT = 60
SECONDS = 10.0 if LONG else 3.5
CLOSED = {"connect_and_silent", "slow_loris", "slow_loris_bound", "no_enquire_link"}
"""Those that end by a timer of ours, never at once."""


def stage(port: int, *, count: int = COUNT, seconds: float = SECONDS, seed: int = 1) -> Stage:
    config = LinkConfig(name="bad", host="127.0.0.1", port=port, system_id="demo", password="demo")
    return Stage(
        config=config, endpoint=TCP4ClientEndpoint(reactor, "127.0.0.1", port), clock=reactor,
        rng=random.Random(seed), count=count, seconds=seconds, to="79160000001",
    )  # fmt: skip


class GoodClient(Watched):
    """Submits one message after another, whatever else goes on; `slowest_s` is its longest wait."""

    slowest_s = 0.0
    goes_on = True

    def bound(self, link: Any) -> None:
        super().bound(link)
        self._next(link)

    def _next(self, link: Any) -> None:
        if not self.goes_on:
            return
        asked = time.monotonic()

        def answered(outcome: Any) -> None:
            self.slowest_s = max(self.slowest_s, time.monotonic() - asked)
            self._answered(outcome)
            reactor.callLater(0.005, self._next, link)

        link.try_request(submit_sm(), answered)


class Seen:
    """What all of it came to."""

    def __init__(self) -> None:
        self.reports: dict[str, MisdeedReport] = {}
        self.good = GoodClient("good")
        self.errors: list[str] = []
        self.sessions_left = -1

    def observe(self, event: dict[str, Any]) -> None:
        if event.get("log_level") in (LogLevel.error, LogLevel.critical):
            self.errors.append(str(event.get("log_failure") or event.get("log_format")))


async def _all_at_once() -> Seen:
    seen = Seen()
    async with network("modern", **LIMITS) as running, link_to(running.smpp_port, seen.good, system_id="gateway",
                                                               password="secret1") as link:  # fmt: skip
        await link.wait_bound()
        each = [Deferred.fromCoroutine(misbehave(one, stage(running.smpp_port))) for one in MISDEEDS.values()]
        reports = await gatherResults(each, consumeErrors=True)
        seen.reports = dict(zip(MISDEEDS, reports, strict=True))
        seen.good.goes_on = False
        await pause(0.2)
        seen.sessions_left = len(running.smsc.sessions())
    return seen


@pytest.fixture(scope="module")
def seen() -> Seen:
    watching = Deferred.fromCoroutine(_all_at_once())
    observer = Seen()
    globalLogPublisher.addObserver(observer.observe)
    try:
        found: Seen = pytest_twisted.blockon(watching)
    finally:
        globalLogPublisher.removeObserver(observer.observe)
    found.errors = observer.errors
    return found


@pytest.mark.parametrize("name", MISDEEDS)
def test_our_smsc_takes_a_misdeed_soundly_and_serves_the_next_client(seen: Seen, name: str) -> None:
    """Reliability test 7; SMPP checks 1, 2, 3, 4, 10, 15, 16, 18, 20, 21, 33."""
    report = seen.reports[name]
    assert report.complaint is None, report
    assert report.alive_ms is not None
    if name in CLOSED:
        assert report.closed_after_s is not None
        assert report.closed_after_s > 0.3
    if name == "slow_loris_bound":
        assert not report.answered["enquire_link", 0], (
            "partial_pdu_s ends it, before anybody asks whether it is there"
        )


def test_none_of_them_cost_the_good_client_its_session_or_an_answer(seen: Seen) -> None:
    """Reliability G9."""
    good = seen.good
    assert len(good.bound_at) == 1
    assert set(good.outcomes) == {"ESME_ROK"}
    assert good.accepted > 50
    assert good.slowest_s < 2.0


def test_none_of_them_leaves_a_session_or_an_error_behind(seen: Seen) -> None:
    assert seen.sessions_left == 1, "the good client's"
    assert seen.errors == []
