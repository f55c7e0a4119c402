"""How far the business clock is moved: ISO 8601 durations. Days, weeks, months and years are the calendar's.

"P1M" from 31 January is the last day of February at the same time of day in the operator's zone; a day is the
next day at that time, also where a clock change makes it 23 hours. Hours, minutes and seconds are exact.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import PlainValidator, WithJsonSchema

DAYS_MAX = 3660
MONTHS_PER_YEAR = 12
DAYS_PER_MONTH = 30
DAYS_PER_WEEK = 7

_DURATION = re.compile(
    r"(?P<sign>[+-]?)P(?:(?P<years>[0-9]{1,2})Y)?(?:(?P<months>[0-9]{1,3})M)?"
    r"(?:(?P<weeks>[0-9]{1,4})W)?(?:(?P<days>[0-9]{1,5})D)?"
    r"(?:T(?:(?P<hours>[0-9]{1,6})H)?(?:(?P<minutes>[0-9]{1,7})M)?(?:(?P<seconds>[0-9]{1,9}(?:\.[0-9]{1,6})?)S)?)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A duration; all parts have one sign."""

    months: int = 0
    days: int = 0
    rest: timedelta = timedelta(0)

    def after(self, instant: datetime, zone: ZoneInfo) -> datetime:
        """The UTC instant this far from another one."""
        if not self.months and not self.days:
            return instant + self.rest
        local = instant.astimezone(zone)
        year, month = divmod(local.year * MONTHS_PER_YEAR + local.month - 1 + self.months, MONTHS_PER_YEAR)
        day = min(local.day, monthrange(year, month + 1)[1])
        moved = local.replace(year=year, month=month + 1, day=day) + timedelta(days=self.days)
        return moved.astimezone(UTC) + self.rest


def parse_duration(value: object) -> Span:
    """The span of an ISO 8601 duration ("P1D", "P1M", "PT90S"; a sign goes back).

    Raises:
        ValueError: another shape, or more than ten years.
    """
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    parts = {name: number for name, number in match.groupdict().items() if number} if match else {}
    sign = -1 if parts.pop("sign", "") == "-" else 1
    if not parts or (isinstance(value, str) and value.endswith("T")):
        raise ValueError("a duration is ISO 8601, like P1D, P1M or PT90S")
    whole = {name: sign * int(number) for name, number in parts.items() if name != "seconds"}
    seconds, _, fraction = parts.get("seconds", "0").partition(".")
    exact = timedelta(seconds=int(seconds), microseconds=int(fraction.ljust(6, "0")))
    span = Span(
        months=whole.get("years", 0) * MONTHS_PER_YEAR + whole.get("months", 0),
        days=whole.get("weeks", 0) * DAYS_PER_WEEK + whole.get("days", 0),
        rest=timedelta(hours=whole.get("hours", 0), minutes=whole.get("minutes", 0)) + sign * exact,
    )
    if abs(timedelta(days=span.months * DAYS_PER_MONTH + span.days) + span.rest) > timedelta(days=DAYS_MAX):
        raise ValueError("a duration is at most ten years")
    return span


Duration = Annotated[
    Span,
    PlainValidator(parse_duration),
    WithJsonSchema({"type": "string", "format": "duration", "examples": ["P1D"]}),
]
