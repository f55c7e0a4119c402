"""Money, percent, days, months and deadlines at their outer edges."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from billing.calendar import (
    MalformedPeriod,
    deadline_after,
    first_of,
    local_date,
    next_first,
    next_period,
    period_of,
    period_start,
    start_of_day,
)
from billing.money import KOPECKS_MAX, MalformedAmount, format_money, format_percent, parse_money, parse_percent

MOSCOW = ZoneInfo("Europe/Moscow")


@pytest.mark.parametrize(
    ("text", "kopecks"), [("650.00", 65_000), ("0.05", 5), ("-5.00", -500), ("-0.05", -5), ("0.00", 0)]
)
def test_money_is_a_decimal_string_with_two_digits(text: str, kopecks: int) -> None:
    assert parse_money(text) == kopecks
    assert format_money(kopecks) == text


@pytest.mark.parametrize(
    "text",
    ["", "1", "1.0", "1.000", "01.00", "+1.00", " 1.00", "1.00 ", "1e2", "1,00", "١.٠٠", ".50", "99999999999999.00"],
)
def test_any_other_shape_of_money_is_malformed(text: str) -> None:
    with pytest.raises(MalformedAmount):
        parse_money(text)


def test_the_largest_sum_still_parses_and_one_past_it_does_not() -> None:
    assert parse_money(format_money(KOPECKS_MAX)) == KOPECKS_MAX
    with pytest.raises(MalformedAmount):
        parse_money(format_money(KOPECKS_MAX + 1))


@pytest.mark.parametrize(("text", "micro"), [("4.5", 4_500_000), ("25", 25_000_000), ("0.000001", 1), ("0", 0)])
def test_percent_is_the_shortest_decimal_string(text: str, micro: int) -> None:
    assert parse_percent(text) == micro
    assert format_percent(micro) == text


@pytest.mark.parametrize("text", ["", "-1", "1.", "1.0000001", "1000", "5%", "01"])
def test_any_other_shape_of_percent_is_malformed(text: str) -> None:
    with pytest.raises(MalformedAmount):
        parse_percent(text)


def test_days_and_months_are_the_operators() -> None:
    """Scenario 25: 2025-12-31T21:00:00Z belongs to January in Moscow."""
    turn = datetime(2025, 12, 31, 21, tzinfo=UTC)
    assert local_date(turn, MOSCOW) == date(2026, 1, 1)
    assert period_of(turn, MOSCOW) == "2026-01"
    assert period_of(turn, ZoneInfo("UTC")) == "2025-12"
    assert period_start("2026-01", MOSCOW) == turn
    assert next_first(turn, MOSCOW) == date(2026, 2, 1)
    assert next_period("2025-12") == "2026-01"


@pytest.mark.parametrize(
    "text", ["2025", "2025-13", "2025-00", "0000-01", "2025-1", "25-01", "2025/01", "2025-01-01"]
)
def test_a_malformed_period_is_refused(text: str) -> None:
    with pytest.raises(MalformedPeriod):
        first_of(text)


def test_day_ninety_ends_at_midnight_after_it() -> None:
    """Rule 20: paid 2025-01-15, last good instant 2025-04-15 23:59:59."""
    paid = datetime(2025, 1, 15, 11, tzinfo=UTC)
    assert deadline_after(paid, 90, MOSCOW) == datetime(2025, 4, 15, 21, tzinfo=UTC)


def test_a_midnight_that_a_clock_change_skips_starts_the_day_at_its_first_instant() -> None:
    """Beirut springs forward at midnight: 2025-03-30 begins at 01:00."""
    assert start_of_day(date(2025, 3, 30), ZoneInfo("Asia/Beirut")) == datetime(2025, 3, 29, 22, tzinfo=UTC)
