"""Days, months and deadlines in the operator's zone. Instants are aware and in UTC; a period is "2025-04"."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo


class MalformedPeriod(ValueError):
    """A period is a year and a month, such as "2025-04"."""


def local_date(instant: datetime, zone: ZoneInfo) -> date:
    """The calendar day of an instant in the zone."""
    return instant.astimezone(zone).date()


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a day in the zone, in UTC.

    Where a clock change skips midnight this is the first instant that exists (through the UTC round trip).
    """
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


@lru_cache(maxsize=1_024)
def period_of(instant: datetime, zone: ZoneInfo) -> str:
    """The month an instant belongs to, in the zone: "2025-04"."""
    return _period(local_date(instant, zone))


def first_of(period: str) -> date:
    """The first day of a period.

    Raises:
        MalformedPeriod: not "YYYY-MM" with a real month.
    """
    year, dash, month = period.partition("-")
    digits = len(year) == len("2025") and len(month) == len("04") and (year + month).isascii()
    if not (dash and digits and (year + month).isdigit() and 1 <= int(month) <= 12 and int(year) > 0):  # noqa: PLR2004 - months
        raise MalformedPeriod(f"{period[:20]!r} is not a period like '2025-04'")
    return date(int(year), int(month), 1)


def period_start(period: str, zone: ZoneInfo) -> datetime:
    """The first instant of a period in the zone, in UTC."""
    return start_of_day(first_of(period), zone)


def next_period(period: str) -> str:
    """The period after this one."""
    return _period(first_of(period) + timedelta(days=31))


def next_first(instant: datetime, zone: ZoneInfo) -> date:
    """The 1st on which what accrues at this instant is credited."""
    return first_of(next_period(period_of(instant, zone)))


def deadline_after(instant: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The first instant that is too late, `days` whole days after the day of `instant` (exclusive bound).

    Paid 2025-01-15 with 90 days: last good instant is the end of 2025-04-15, so this is 2025-04-16 00:00 local.
    """
    return start_of_day(local_date(instant, zone) + timedelta(days=days + 1), zone)


def _period(day: date) -> str:
    return f"{day.year:04d}-{day.month:02d}"
