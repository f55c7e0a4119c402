"""The page of invariants names what is there, and every check."""

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_every_invariant_has_its_checks_constraints_and_tests_and_every_check_its_invariant() -> None:
    sys.path.insert(0, str(DOCS))
    try:
        import invariants_table  # noqa: PLC0415 - it lies beside the page
    finally:
        sys.path.remove(str(DOCS))
    assert invariants_table.unshown() == []
    assert sorted(invariants_table.INVARIANTS) == list(range(1, 32))
    assert all(one.checks or one.why for one in invariants_table.INVARIANTS.values())
    assert invariants_table.page() == (DOCS / "invariants.md").read_text(encoding="utf-8")
