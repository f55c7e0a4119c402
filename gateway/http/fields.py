"""The types of single fields in bodies: what a string must look like, and what it becomes inside.

Each carries the JSON Schema that says the same, so that /openapi.json is exact.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import PlainValidator, StringConstraints, WithJsonSchema

from billing.money import MalformedAmount, Micropercent, parse_money, parse_percent
from gateway.http.msisdn import normalise

INSTANT_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
INSTANT_LAST = datetime(2200, 1, 1, tzinfo=UTC)

_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)", re.ASCII
)
_ID = r"^[!-~]([ -~]{0,62}[!-~])?$"
_CODE = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_EMAIL = r"^[!-?A-~]{1,64}@[!-?A-~]{1,189}$"

# Printable, on one line: no controls, no bidirectional overrides, and something besides spaces.
_LINE = (
    r"^[^\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]*"
    r"[^\s\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]"
    r"[^\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]*$"
)

PATTERNS_SAY: Mapping[str, str] = {
    _ID: "must be 1 to 64 printable ASCII characters without spaces at the ends",
    _CODE: "must be 1 to 64 letters, digits, dots, dashes and underscores, a letter or digit first",
    _EMAIL: "must be an e-mail address",
    _LINE: "must be text on one line, without control characters",
}
"""What a pattern asks for, in words."""


def _money(value: object, *, minimum: int) -> int:
    if not isinstance(value, str):
        raise MalformedAmount('an amount is a decimal string like "650.00"')
    kopecks = parse_money(value)
    if kopecks < minimum:
        raise MalformedAmount("an amount is above 0.00" if minimum else "an amount is not below 0.00")
    return kopecks


def _positive(value: object) -> int:
    return _money(value, minimum=1)


def _not_negative(value: object) -> int:
    return _money(value, minimum=0)


def _percent(value: object) -> Micropercent:
    if not isinstance(value, str):
        raise MalformedAmount('a percent is a decimal string like "4.5"')
    percent = parse_percent(value)
    if not percent:
        raise MalformedAmount("a percent is above 0")
    return percent


def parse_instant(value: object) -> datetime:
    """The aware UTC instant of an ISO 8601 text with offset.

    Raises:
        ValueError: no such text, or outside 1970 to 2200.
    """
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError("an instant is ISO 8601 with offset, like 2025-03-03T12:00:00+03:00")
    try:
        instant = datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("there is no such day or time") from None
    if not INSTANT_FIRST <= instant <= INSTANT_LAST:
        raise ValueError("an instant lies between 1970 and 2200")
    return instant


def parse_day(value: object) -> date:
    """The calendar day of "YYYY-MM-DD".

    Raises:
        ValueError: no such day.
    """
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value, re.ASCII):
        raise ValueError("a day is YYYY-MM-DD")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("there is no such day") from None


def _msisdn(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError('a number is a string like "79160000001"')  # noqa: TRY004 - pydantic reports ValueError
    return normalise(value)


_AMOUNT_PATTERN = r"^(0|[1-9][0-9]{0,11})\.[0-9]{2}$"

PositiveSum = Annotated[
    int,
    PlainValidator(_positive),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^([1-9][0-9]{0,11}\.[0-9]{2}|0\.([1-9][0-9]|0[1-9]))$",
            "examples": ["650.00"],
        }
    ),
]
Sum = Annotated[
    int,
    PlainValidator(_not_negative),
    WithJsonSchema({"type": "string", "pattern": _AMOUNT_PATTERN, "examples": ["0.00", "650.00"]}),
]
Percent = Annotated[
    int,
    PlainValidator(_percent),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^([1-9][0-9]{0,2}(\.[0-9]{1,6})?|0\.[0-9]{0,5}[1-9])$",
            "examples": ["4.5"],
        }
    ),
]
Msisdn = Annotated[
    str,
    PlainValidator(_msisdn),
    WithJsonSchema({"type": "string", "pattern": "^7[0-9]{10}$", "examples": ["79160000001"]}),
]
Instant = Annotated[
    datetime,
    PlainValidator(parse_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2025-03-03T12:00:00+03:00"]}),
]
Day = Annotated[date, PlainValidator(parse_day), WithJsonSchema({"type": "string", "format": "date"})]
Id = Annotated[str, StringConstraints(pattern=_ID)]
"""What callers name things with: 1 to 64 printable ASCII characters, no spaces at the ends."""

MESSAGE_ID_LENGTH_MAX = 200
MessageId = Annotated[str, StringConstraints(pattern=r"^[!-~]([ -~]{0,198}[!-~])?$")]
"""What the outbox names messages with, such as accrued:ozon:o-1."""

Code = Annotated[str, StringConstraints(pattern=_CODE)]
"""What the catalogue names partners and promotions with: it stands in paths and references."""

Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_LINE)]
"""Text for people on one line: no control characters, no bidirectional overrides."""

Email = Annotated[str, StringConstraints(max_length=254, pattern=_EMAIL)]

__all__ = [
    "PATTERNS_SAY",
    "Code",
    "Day",
    "Email",
    "Id",
    "Instant",
    "Line",
    "Msisdn",
    "Percent",
    "PositiveSum",
    "Sum",
    "parse_day",
    "parse_instant",
]
