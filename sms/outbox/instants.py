"""Instants as the tables keep them: whole microseconds since 1970, UTC. Exact both ways."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MICROS_PER_SECOND = 1_000_000


def to_micros(instant: datetime) -> int:
    """Microseconds of an aware instant."""
    return (instant - EPOCH) // MICROSECOND


def from_micros(micros: int) -> datetime:
    """The aware UTC instant of `to_micros`."""
    return EPOCH + micros * MICROSECOND


def micros_of(seconds: float) -> int:
    """A length of time in seconds as whole microseconds."""
    return round(seconds * MICROS_PER_SECOND)
