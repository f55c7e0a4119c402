"""The page of hostile peers has a row for every persona, and names tests there are."""

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_every_hostile_persona_and_every_misdeed_has_its_row_and_its_tests() -> None:
    sys.path.insert(0, str(DOCS))
    try:
        import hostile_table  # noqa: PLC0415 - it lies beside the page
    finally:
        sys.path.remove(str(DOCS))
    assert hostile_table.unshown() == []
    assert hostile_table.page() == (DOCS / "hostile-peers.md").read_text(encoding="utf-8")
