"""The month run's two lines, in figures."""

from typing import Any

import pytest

from gateway.cli.month_progress import Rate, bar_line, fraction, split_line, sums_agree


def given_run(**changes: Any) -> dict[str, Any]:
    charged = {
        "count": 781_204,
        "amount": "312481000.00",
        "cashback": "41902113.50",
        "main": "270578886.50",
        "unpaid": "0.00",
    }
    return {"period": "2025-04", "status": "running", "progress": 0.781204, "charged": charged, **changes}


def test_the_bar_shows_part_count_rate_and_time_left() -> None:
    assert bar_line(given_run(), 61_310.0) == (
        "Month 2025-04  ██████████████░░░░░ 78 %  781,204/1,000,000  61,310/s  eta 0:04"
    )


def test_the_split_adds_up_and_says_so() -> None:
    assert split_line(given_run()) == (
        " billed 312,481,000.00   cashback 41,902,113.50 (13.4 %)   main 270,578,886.50   unpaid 0.00   Σ=0 ok"
    )


def test_a_split_that_is_a_kopeck_off_is_seen() -> None:
    run = given_run()
    run["charged"]["main"] = "270578886.51"
    assert not sums_agree(run)
    assert split_line(run).endswith("Σ≠0")


def test_nothing_billed_has_no_share_and_no_rate() -> None:
    nothing = {"count": 0, "amount": "0.00", "cashback": "0.00", "main": "0.00", "unpaid": "0.00"}
    run = given_run(progress=0, charged=nothing)
    assert bar_line(run, 0.0) == "Month 2025-04  ░░░░░░░░░░░░░░░░░░░ 0 %  0"
    assert "(" not in split_line(run)


def test_a_run_that_is_done_is_whole_whatever_its_progress_says() -> None:
    assert fraction(given_run(status="done", progress=0.2)) == 1.0


def test_the_rate_is_between_the_first_state_seen_and_the_latest() -> None:
    rate = Rate()
    assert rate.seen(given_run(), 10.0) == 0.0
    later = given_run()
    later["charged"]["count"] += 500
    assert rate.seen(later, 12.0) == pytest.approx(250.0)
