"""Times of SMPP 3.4 §7.1.1: `YYMMDDhhmmsstnnp`, absolute with an offset or relative."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from sms.errors import ScheduleInvalid, ValidityInvalid

if TYPE_CHECKING:
    from sms.errors import PduError

TIME_CHARACTERS = 16
QUARTERS_MAX = 48
_QUARTER = timedelta(minutes=15)
_CENTURY = 2000
_RELATIVE_DAYS_MAX = 99
_TENTH_MICROSECONDS = 100_000


def parse_time(text: str, error: type[PduError]) -> datetime | timedelta | None:
    """An aware instant, a period from now (a month is 30 days, a year 365), or None when empty."""
    if not text:
        return None
    digits = text[:-1]
    if len(text) != TIME_CHARACTERS or not (digits.isascii() and digits.isdecimal()):
        raise error("a time is empty or YYMMDDhhmmsstnnp")
    year, month, day, hour, minute, second = (int(digits[at : at + 2]) for at in range(0, 12, 2))
    tenth = int(digits[12])
    quarters = int(digits[13:15])
    sign = text[-1]
    if sign == "R":
        if tenth or quarters:
            raise error("a relative time has t=0 and nn=00")
        return timedelta(days=365 * year + 30 * month + day, hours=hour, minutes=minute, seconds=second)
    if sign not in "+-" or quarters > QUARTERS_MAX:
        raise error("a time ends in an offset of 00 to 48 quarter hours and +, - or R")
    offset = _QUARTER * quarters
    try:
        return datetime(
            _CENTURY + year, month, day, hour, minute, second, tenth * _TENTH_MICROSECONDS,
            tzinfo=timezone(offset if sign == "+" else -offset),
        )  # fmt: skip
    except ValueError:
        raise error("no such date or time of day") from None


def format_absolute(instant: datetime) -> str:
    """The instant in UTC, cut to tenths of a second."""
    utc = instant.astimezone(UTC)
    return f"{utc:%y%m%d%H%M%S}{utc.microsecond // _TENTH_MICROSECONDS}00+"


def format_relative(period: timedelta) -> str:
    """The period from now in whole seconds, at most 99 days 23:59:59."""
    seconds = period.days * 86_400 + period.seconds
    if not 0 <= seconds < (_RELATIVE_DAYS_MAX + 1) * 86_400:
        raise ValueError("a relative time is between 0 and 99 days")
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    # Days over 30 would be read as no day of a month by strict peers: whole months go to MM.
    months, days = divmod(days, 30)
    return f"00{months:02}{days:02}{hours:02}{minutes:02}{rest:02}000R"


def check_times(schedule_delivery_time: str, validity_period: str) -> None:
    """Both well formed, and the validity not over before the delivery is scheduled."""
    schedule = parse_time(schedule_delivery_time, ScheduleInvalid)
    validity = parse_time(validity_period, ValidityInvalid)
    over_before = False
    # With one absolute and one relative only who knows the time can compare them.
    if isinstance(schedule, datetime):
        over_before = isinstance(validity, datetime) and validity < schedule
    elif isinstance(schedule, timedelta):
        over_before = isinstance(validity, timedelta) and validity < schedule
    if over_before:
        raise ValidityInvalid("validity_period ends before schedule_delivery_time")
