"""The types of single configuration values: what may stand in TOML or in a variable, and what it becomes.

Errors are written to stand after the value: "must be …".
"""

import re
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator

from billing.money import MalformedAmount, parse_money
from billing.words import ChargeType

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_URL = re.compile(r"https?://[^\s/]+(/\S*)?")


def _sum(value: object) -> int:
    try:
        kopecks = parse_money(value) if isinstance(value, str) else -1
    except MalformedAmount:
        kopecks = -1
    if kopecks < 0:
        raise ValueError('must be an amount in quotes with two decimals, like "50.00"')
    return kopecks


def _cap(value: object) -> int | None:
    return None if value in {None, "off"} else _sum(value)


def _zone(value: object) -> ZoneInfo:
    if isinstance(value, ZoneInfo):
        return value
    try:
        return ZoneInfo(value)  # type: ignore[arg-type]  # whatever is no text is answered below
    except (KeyError, OSError, TypeError, ValueError):
        raise ValueError("must be the name of a time zone, like Europe/Moscow") from None


def _certificate_file(value: str) -> str:
    try:
        is_one = not value or "-----BEGIN CERTIFICATE-----" in Path(value).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        is_one = False
    if not is_one:
        raise ValueError("must be a readable PEM file with a certificate")
    return value


CertificateFile = Annotated[str, AfterValidator(_certificate_file)]


def _hour(value: object) -> time:
    if isinstance(value, time):
        return value
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('must be a time of day like "21:00"')
    return time(int(match.group(1)), int(match.group(2)))


def _instant(value: object) -> datetime | None:
    if value is None:
        return None
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(instant, datetime) and instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("must be an instant with offset, like 2025-03-03T12:00:00+03:00")


def _types(value: object) -> frozenset[ChargeType]:
    if value == "all":
        return frozenset(ChargeType)
    wanted = value.split(",") if isinstance(value, str) else value
    names = {str(one).strip() for one in wanted} if isinstance(wanted, list | tuple | set | frozenset) else {""}
    if not names <= set(ChargeType):
        raise ValueError(f'must be "all" or a list of {", ".join(ChargeType)}')
    return frozenset(ChargeType(one) for one in names)


def _number(value: object) -> object:
    """TOML knows 0x34 as a number; a variable brings it as text."""
    if isinstance(value, str) and re.fullmatch(r"0x[0-9A-Fa-f]{1,8}", value):
        return int(value, 16)
    return value


def _url(value: object) -> str:
    if not isinstance(value, str) or not (value == "" or _URL.fullmatch(value)):
        raise ValueError("must be an http or https address, or empty")
    return value


Sum = Annotated[int, PlainValidator(_sum)]
Cap = Annotated[int | None, PlainValidator(_cap)]
Zone = Annotated[ZoneInfo, PlainValidator(_zone)]
Hour = Annotated[time, PlainValidator(_hour)]
InstantOrNone = Annotated[datetime | None, PlainValidator(_instant)]
SpendTypes = Annotated[frozenset[ChargeType], PlainValidator(_types)]
HexNumber = Annotated[int, BeforeValidator(_number)]
Url = Annotated[str, PlainValidator(_url)]
Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
ShiftTableNames = tuple[
    Literal[
        "turkish", "spanish", "portuguese", "bengali", "gujarati", "hindi", "kannada", "malayalam", "oriya",
        "punjabi", "tamil", "telugu", "urdu",
    ],
    ...,
]  # fmt: skip
