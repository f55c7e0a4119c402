"""A few protections are taken out in every run of the tests; `make mutation` takes out all."""

import json
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from protections import PROTECTIONS, REQUESTS, Protection  # noqa: E402 - it lies beside the tests, in no package
from run import PAGE, RECORD, judge, page  # noqa: E402 - as above

QUICK = [one for one in PROTECTIONS if one.quick]


@pytest.mark.parametrize("protection", QUICK, ids=lambda one: one.name)
def test_without_a_protection_a_test_turns_red(protection: Protection) -> None:
    assert judge(protection).red is not None


def test_a_protection_that_is_no_longer_there_is_told() -> None:
    gone = Protection(name="gone", module="billing.requests", old="no such text", new="", tests=(REQUESTS,))
    with pytest.raises(SystemExit, match="does not stand once in billing"):
        judge(gone)


def test_every_text_to_take_out_stands_once_in_its_module() -> None:
    root = HERE.parents[1]
    for one in PROTECTIONS:
        source = (root / f"{one.module.replace('.', '/')}.py").read_text(encoding="utf-8")
        assert source.count(one.old) == 1, one.name
        assert one.old != one.new


def test_the_page_is_what_the_last_run_found_and_nothing_was_missed() -> None:
    findings = json.loads(RECORD.read_text(encoding="utf-8"))
    assert PAGE.read_text(encoding="utf-8") == page(findings)
    assert [one["protection"] for one in findings if one["red"] is None] == []
