"""The whole gateway beside an SMSC that turns hostile and back: it outlives that and serves."""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from bill_world import resident_mib
from system import System

from simulator.personas import HOSTILE_PERSONAS
from simulator.unasked import PARTS_TEXT

LONG = bool(os.environ.get("FIRSTCHARGE_LONG"))
PERSONAS = list(HOSTILE_PERSONAS) if LONG else ["delivery_flood", "mutants"]
HOSTILE_SECONDS = 50.0 if LONG else 1.0
"""Long enough for enquire_link_s + response_timeout_s as they are by default."""
BACK_SECONDS_MAX = 70.0
GROWTH_MIB_MAX = 60.0
NUMBERS = iter(range(79162000000, 79162000999))


@pytest.fixture
def member(shared: System) -> str:
    msisdn = str(next(NUMBERS))
    shared.member(msisdn, main="10.00")
    shared.inbox(msisdn)
    shared.clear(msisdn)
    return msisdn


@pytest.fixture
def become(shared: System) -> Iterator[Callable[[str], None]]:
    """Make the SMSC this persona; it has manners again when the test is over."""

    def be(persona: str) -> None:
        assert shared.sim("PUT", f"/sim/personas/{persona}").status == 200

    yield be
    shared.sim("DELETE", "/sim/faults")


def in_good_terms(system: System) -> None:
    """The SMSC has manners again, and all links are bound to it."""
    assert system.sim("DELETE", "/sim/faults").status == 200
    end = time.monotonic() + BACK_SECONDS_MAX
    while {one["state"] for one in system.ok("GET", "/status")["links"]} != {"bound"}:
        assert time.monotonic() < end, system.output()
        time.sleep(0.05)


def gateway_pid(system: System) -> int:
    assert system.process is not None
    parent = system.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return max(map(int, children), key=lambda pid: b"serve" in Path(f"/proc/{pid}/cmdline").read_bytes())


def test_parts_in_any_order_double_or_missing_make_one_message_of_those_that_are_whole(
    shared: System, become: Callable[[str], None]
) -> None:
    """Reliability test 7: SAR parts shuffled."""
    become("shuffled_parts")
    database = next(shared.folder.glob("*.sqlite3"))
    end = time.monotonic() + 20
    texts: list[str] = []
    while not texts and time.monotonic() < end:
        time.sleep(0.2)
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            texts = [
                text for (text,) in connection.execute(
                    "SELECT text FROM sms_inbox WHERE text LIKE 'A long message%' AND missing = 0"
                )
            ]  # fmt: skip
    in_good_terms(shared)
    assert texts == [PARTS_TEXT]


@pytest.mark.parametrize("persona", PERSONAS)
def test_a_gateway_outlives_a_hostile_smsc_and_sends_when_it_has_manners_again(
    shared: System, member: str, become: Callable[[str], None], persona: str
) -> None:
    """Reliability test 7, G9; memory does not grow with what the SMSC sends."""
    before = resident_mib(gateway_pid(shared))
    sums = shared.sums(member)
    become(persona)
    time.sleep(HOSTILE_SECONDS)
    assert shared.sums(member) == sums, "the ledger is served meanwhile"
    in_good_terms(shared)
    shared.promo(member, "30.00", f"after-{persona}")
    assert any(text.startswith("Начислено 30 р") for text in shared.inbox(member))
    assert shared.screen(member, "*100#").startswith("Баланс:10,00р")
    assert resident_mib(gateway_pid(shared)) - before < GROWTH_MIB_MAX
