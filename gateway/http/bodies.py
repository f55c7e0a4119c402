"""What all bodies share: strict types, no unknown fields, null means absent."""

from datetime import datetime
from functools import lru_cache
from typing import TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from gateway.http.msisdn import MalformedMsisdn, normalise
from gateway.http.problems import invalid
from gateway.http.routing import Call

T = TypeVar("T")

ID_LENGTH_MAX = 64


class Body(BaseModel):
    """Root of bodies. Optional fields are `X | None = None`: null and absent are the same."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def or_default(value: T | None, default: T) -> T:
    """A field that was left out."""
    return default if value is None else value


def path_msisdn(call: Call, name: str = "msisdn") -> str:
    """The number in the path, normalised; 400 where it is none."""
    try:
        return normalise(call.path[name])
    except MalformedMsisdn as error:
        raise invalid(name, str(error)) from None


def path_id(call: Call, name: str, length_max: int = ID_LENGTH_MAX) -> str:
    """An id in the path; 400 for what no id can be."""
    value = call.path[name]
    if not 0 < len(value) <= length_max or not (value.isascii() and value.isprintable() and value.strip() == value):
        raise invalid(name, f"an id is 1 to {length_max} printable ASCII characters")
    return value


@lru_cache(maxsize=1_024)
def wire_instant(instant: datetime, zone: ZoneInfo) -> str:
    """ISO 8601 with the operator's offset."""
    return instant.astimezone(zone).isoformat()


def wire_instant_or_none(instant: datetime | None, zone: ZoneInfo) -> str | None:
    """As `wire_instant`; null stays null."""
    return None if instant is None else instant.astimezone(zone).isoformat()
