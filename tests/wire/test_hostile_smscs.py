"""Every hostile persona of the simulator beside a real link of ours, all at once: what we do is named here.

The table of docs/hostile-peers.md is this one; `test_hostile_table.py` compares them.
"""

import os
import resource
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import pytest_twisted
from hostile_smscs import SUBMISSIONS, Watched, link_to, network, pause, reactor, watch
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import LogLevel, globalLogPublisher

from simulator.faults import Faults
from simulator.personas import EVERY_PERSONA, HOSTILE_PERSONAS
from sms.smpp.session import INBOUND_MAX

LONG = bool(os.environ.get("FIRSTCHARGE_LONG"))
WATCHED_S = 3.5
LATE_S = 1.5
"""What a machine under load may add to a time limit."""
MEMORY_GROWTH_KIB_MAX = 60_000

QUICK = {"enquire_link_s": 0.5, "response_timeout_s": 0.5}
PATIENT = {"enquire_link_s": 0.5, "response_timeout_s": 8.0}


class Reaction(NamedTuple):
    """The link's timers, and what must have been seen."""

    timers: dict[str, float]
    seen: Callable[[Watched], bool]


def never_bound(one: Watched) -> bool:
    return not one.bound_at and len(one.binds_at) >= 2


def given_up_as_silent(one: Watched) -> bool:
    """Noticed within enquire_link_s + response_timeout_s, and bound again."""
    lived = [end - start for start, end in zip(one.bound_at, one.ended_at, strict=False)]
    noticed = all(lasted < sum(QUICK.values()) + LATE_S for lasted in lived)
    return one.kinds_of_end == {"PeerSilent"} and len(one.bound_at) >= 2 and noticed


def kept(one: Watched) -> bool:
    """Bound once, and still bound when we left."""
    return len(one.binds_at) == 1 and one.is_bound and not one.reasons


REACTIONS: dict[str, Reaction] = {
    "eight_prefixed": Reaction(PATIENT, kept),
    "never_binds": Reaction(QUICK, never_bound),
    "late_bind": Reaction(QUICK, never_bound),
    "half_open": Reaction(QUICK, never_bound),
    "drops_binds": Reaction(PATIENT, never_bound),
    "unbinds_at_once": Reaction(PATIENT, lambda one: len(one.binds_at) >= 2 and one.said["unbind_resp", 0] >= 2),
    "hangs_up": Reaction(PATIENT, lambda one: len(one.bound_at) >= 2 and one.kinds_of_end == {"ConnectionDropped"}),
    "flapping": Reaction(
        PATIENT, lambda one: len(one.binds_at) >= 3 and one.kinds_of_end <= {"ConnectionDropped", "NoneType"}
    ),
    "mute": Reaction(QUICK, lambda one: given_up_as_silent(one) and set(one.outcomes) == {"ResponseTimeout"}),
    "no_enquire_link": Reaction(QUICK, lambda one: given_up_as_silent(one) and one.accepted >= SUBMISSIONS),
    "not_reading": Reaction(QUICK, lambda one: given_up_as_silent(one) and not one.accepted),
    "wrong_sequence": Reaction(
        QUICK, lambda one: given_up_as_silent(one) and not one.accepted and len(one.unmatched) >= SUBMISSIONS
    ),
    "enquire_link_storm": Reaction(
        PATIENT, lambda one: kept(one) and one.accepted == SUBMISSIONS and one.said["enquire_link_resp", 0] > 100
    ),
    "late_answers": Reaction(
        {"enquire_link_s": 0.5, "response_timeout_s": 1.5},
        lambda one: kept(one) and one.outcomes == {"ResponseTimeout": SUBMISSIONS},
    ),
    "fails_every_second": Reaction(
        PATIENT, lambda one: kept(one) and one.outcomes == {"ESME_ROK": 2, "ESME_RSYSERR": 2}
    ),
    "giant_length": Reaction(PATIENT, lambda one: one.said["generic_nack", 2] == len(one.binds_at) >= 2),
    "tiny_length": Reaction(PATIENT, lambda one: one.said["generic_nack", 2] == len(one.binds_at) >= 2),
    "garbage": Reaction(PATIENT, lambda one: one.said["generic_nack", 2] == len(one.binds_at) >= 2),
    "unknown_commands": Reaction(
        PATIENT, lambda one: kept(one) and one.accepted == SUBMISSIONS and one.said["generic_nack", 3] == 50
    ),
    "mutants": Reaction(PATIENT, lambda one: one.accepted >= SUBMISSIONS and sum(one.said.values()) > 200),
    "delivery_flood": Reaction(PATIENT, lambda one: kept(one) and one.said["deliver_sm_resp", 0] > 1_000),
    "shuffled_parts": Reaction(PATIENT, lambda one: kept(one) and one.said["deliver_sm_resp", 0] == 14),
    "unknown_receipts": Reaction(PATIENT, lambda one: kept(one) and one.said["deliver_sm_resp", 0] == 20),
    "odd_numbers": Reaction(
        PATIENT,
        lambda one: kept(one) and (one.said["deliver_sm_resp", 0], one.said["deliver_sm_resp", 0x48]) == (10, 4),
    ),
}


@pytest.fixture(scope="module")
def watched() -> dict[str, Watched]:
    """All of them beside a link each, in the same seconds of one process."""
    errors: list[str] = []

    def observe(event: dict[str, Any]) -> None:
        if event.get("log_level") in (LogLevel.error, LogLevel.critical):
            errors.append(str(event.get("log_failure") or event.get("log_format")))

    globalLogPublisher.addObserver(observe)
    try:
        beside = [
            Deferred.fromCoroutine(watch(name, WATCHED_S, **reaction.timers)) for name, reaction in REACTIONS.items()
        ]
        found = pytest_twisted.blockon(gatherResults(beside, consumeErrors=True))
    finally:
        globalLogPublisher.removeObserver(observe)
    assert not errors, errors
    return dict(zip(REACTIONS, found, strict=True))


def test_every_hostile_persona_has_its_reaction() -> None:
    assert set(REACTIONS) == set(HOSTILE_PERSONAS)


@pytest.mark.parametrize("persona", REACTIONS)
def test_a_hostile_smsc_gets_the_reaction_that_is_named_for_it(watched: dict[str, Watched], persona: str) -> None:
    """Reliability test 7; SMPP checks 1, 4, 10, 21."""
    one = watched[persona]
    assert REACTIONS[persona].seen(one), vars(one)


@pytest.mark.parametrize("persona", REACTIONS)
def test_whatever_the_smsc_does_we_bind_at_most_once_a_second(watched: dict[str, Watched], persona: str) -> None:
    """Reliability test 14."""
    assert watched[persona].shortest_between_binds > 0.99, watched[persona].binds_at


@pytest_twisted.ensureDeferred
async def test_a_link_that_becomes_half_open_is_noticed_and_bound_again() -> None:
    """Reliability test 8, G8: enquire_link_s + response_timeout_s, on a connection that was good."""
    owner = Watched("modern")
    async with network("modern") as running, link_to(running.smpp_port, owner, **QUICK) as link:
        await link.wait_bound()
        await running.links.apply(Faults.model_validate({"link": "half_open"}))
        silent_at = reactor.seconds()
        while not owner.ended_at:
            await pause(0.02)
        assert owner.ended_at[0] - silent_at < sum(QUICK.values()) + LATE_S
        assert owner.kinds_of_end == {"PeerSilent"}
        await running.links.apply(Faults())
        await link.wait_bound()
        await pause(0.3)
    assert owner.accepted >= SUBMISSIONS


@pytest_twisted.ensureDeferred
async def test_a_flood_of_deliveries_nobody_stores_is_throttled_and_memory_stays_flat() -> None:
    """SMPP check 52; reliability S18: what we cannot store waits at the SMSC."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    owner = Watched("delivery_flood", answers=False)
    async with network("delivery_flood") as running, link_to(running.smpp_port, owner, **PATIENT):
        while sum(owner.said.values()) < (15_000 if LONG else 4_000):
            await pause(0.05)
        assert owner.is_bound
        assert owner.waiting_max == len(owner.requests) == INBOUND_MAX
        assert {status for name, status in owner.said if name == "deliver_sm_resp"} == {0x58}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY_GROWTH_KIB_MAX


@pytest_twisted.ensureDeferred
async def test_an_smsc_that_comes_to_its_senses_is_used_again() -> None:
    owner = Watched("mute")
    async with network("mute") as running, link_to(running.smpp_port, owner, **QUICK):
        while not owner.reasons:
            await pause(0.02)
        await running.links.apply(EVERY_PERSONA["modern"].faults)
        while not owner.accepted:
            await pause(0.02)
    assert owner.shortest_between_binds > 0.99
