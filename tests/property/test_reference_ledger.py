"""The ledger side by side with a second one that was written from the rules alone (tests/reference/ledger.py).

After every step answers, sums, what the balance shows, orders, postings and notices are equal; at the end of every
run `verify` finds nothing. FIRSTCHARGE_LONG=1 takes 50,000 operations, else 1,000. Ten planted bugs show that the
comparison sees what it should: by a short story each, and in the long run by the random search.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from reference.planted import CLICK, CONFIRMED, GIVEN, START, TEN, Planted, paid, planted
from reference.play import Play, memory
from reference.replay import difference, shortened
from reference.rules import Programme

IS_LONG = os.environ.get("FIRSTCHARGE_LONG") == "1"
STEPS_OF_A_RUN = 50
APRIL = datetime(2025, 3, 31, 21, tzinfo=UTC)
RUNS, OPERATIONS = (1_000, 50_000) if IS_LONG else (20, 1_000)
RUNS_FOR_A_BUG = 400


def searching(runs: int) -> settings:
    return settings(
        max_examples=runs,
        stateful_step_count=STEPS_OF_A_RUN,
        phases=(Phase.generate,),
        deadline=None,
        derandomize=not IS_LONG,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def test_the_ledger_equals_the_reference_ledger() -> None:
    before = Play.operations
    try:
        run_state_machine_as_test(Play, settings=searching(RUNS))
    except Exception as found:  # noqa: BLE001  (a product that fails differs, whatever it raises)
        last = Play.latest
        assert last is not None
        short = shortened(memory(), last.programme, last.start, last.trace)
        lines = [str(last.programme), str(last.start), *map(repr, short)]
        told = difference(memory(), last.programme, last.start, short) or repr(found)
        pytest.fail("\n".join([*lines, told]), pytrace=False)
    assert Play.operations - before >= OPERATIONS


@pytest.mark.parametrize("bug", TEN, ids=lambda bug: bug.name)
def test_a_planted_bug_is_seen(bug: Planted) -> None:
    story = (*GIVEN, *bug.shown_by)
    assert difference(memory(), bug.programme, START, story) is None
    with planted(bug):
        assert difference(memory(), bug.programme, START, story) is not None


def test_an_order_whose_1st_has_begun_is_answered_as_credited_while_the_job_is_late() -> None:
    """Found by the random search: the answer named the 1st after that one."""
    story = (
        *(*GIVEN[:2], CLICK, paid(33_33), GIVEN[2]),
        ("override", {"partner": "ozon", "order_id": "o1", "reason": "care"}),
        *(("advance", {"to": APRIL, "month_jobs": False}), CONFIRMED, ("month", {"period": "2025-04"})),
    )
    assert difference(memory(), Programme(), START, story) is None


@pytest.mark.long
@pytest.mark.parametrize("bug", TEN, ids=lambda bug: bug.name)
def test_a_planted_bug_is_found_by_the_random_search(bug: Planted) -> None:
    # What differs comes as an assertion, or as the database's own refusal of an impossible row.
    with planted(bug), pytest.raises(Exception, match=""):  # noqa: PT011  (any of them is a find)
        run_state_machine_as_test(Play, settings=searching(RUNS_FOR_A_BUG))
