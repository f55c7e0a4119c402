"""The ledger side by side with a second one that was written from the rules alone (tests/reference/ledger.py).

After every step answers, sums, what the balance shows, orders, postings and notices are equal; at the end of
every run `verify` finds nothing. FIRSTCHARGE_LONG=1 takes 50,000 steps, else 1,500.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from reference.play import Play
from reference.replay import difference, shortened

IS_LONG = os.environ.get("FIRSTCHARGE_LONG") == "1"
STEPS_OF_A_RUN = 50
RUNS, OPERATIONS = (1_000, 50_000) if IS_LONG else (30, 1_500)


def test_the_ledger_equals_the_reference_ledger() -> None:
    search = settings(
        max_examples=RUNS,
        stateful_step_count=STEPS_OF_A_RUN,
        phases=(Phase.generate,),
        deadline=None,
        derandomize=not IS_LONG,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    try:
        before = Play.operations
        run_state_machine_as_test(Play, settings=search)
        assert Play.operations - before >= OPERATIONS
    except Exception as found:  # noqa: BLE001  (a product that fails differs, whatever it raises)
        last, opened = Play.latest, Play.opened
        assert last is not None
        assert opened is not None
        short = shortened(opened, last.programme, last.start, last.trace)
        lines = [str(last.programme), str(last.start), *map(repr, short)]
        told = difference(opened, last.programme, last.start, short) or repr(found)
        pytest.fail("\n".join([*lines, told]), pytrace=False)
