"""Money and percent: whole kopecks and millionths inside, decimal strings at every outer edge, never a float."""

import re
from typing import TypeAlias

Kopecks: TypeAlias = int
"""A sum in the smallest unit of the currency. May be negative where domain.md allows it (main balance)."""

Micropercent: TypeAlias = int
"""A percent in millionths of one percent: 4.5 % is 4_500_000."""

KOPECKS_PER_ROUBLE = 100
KOPECKS_MAX = 10**14 - 1
"""No sum in the system reaches a trillion roubles; 64-bit columns hold sums of many of these."""

MICRO_PER_PERCENT = 1_000_000

_MONEY = re.compile(r"-?(0|[1-9][0-9]{0,12})\.[0-9]{2}", re.ASCII)
_PERCENT = re.compile(r"(0|[1-9][0-9]{0,2})(?:\.([0-9]{1,6}))?", re.ASCII)


class MalformedAmount(ValueError):
    """An amount is a decimal string with exactly two digits after the point, such as "650.00"."""


def parse_money(text: str) -> Kopecks:
    """The kopecks of a decimal string with two digits ("650.00").

    Raises:
        MalformedAmount: any other shape (one digit, three digits, exponent, spaces, plus sign) or too large.
    """
    if not _MONEY.fullmatch(text):
        raise MalformedAmount(f"{text[:40]!r} is not an amount like '650.00'")
    kopecks = int(text.replace(".", ""))
    if abs(kopecks) > KOPECKS_MAX:
        raise MalformedAmount(f"{text[:40]!r} is larger than any sum the programme handles")
    return kopecks


def format_money(kopecks: int) -> str:
    """The decimal string with two digits: 65000 is "650.00", -5 is "-0.05"."""
    if kopecks < 0:
        return f"-{format_money(-kopecks)}"
    return f"{kopecks // KOPECKS_PER_ROUBLE}.{kopecks % KOPECKS_PER_ROUBLE:02d}"


def parse_percent(text: str) -> Micropercent:
    """The millionths of a percent of a decimal string ("4.5"), at most six digits after the point.

    Raises:
        MalformedAmount: any other shape.
    """
    match = _PERCENT.fullmatch(text)
    if not match:
        raise MalformedAmount(f"{text[:40]!r} is not a percent like '4.5'")
    whole, fraction = match.groups()
    return int(whole) * MICRO_PER_PERCENT + int((fraction or "").ljust(6, "0"))


def format_percent(value: int) -> str:
    """The shortest decimal string: 4_500_000 is "4.5", 5_000_000 is "5"."""
    whole, fraction = divmod(value, MICRO_PER_PERCENT)
    return f"{whole}.{fraction:06d}".rstrip("0").rstrip(".")
