"""Quiet hours: when a message that must not wake anybody may go. Pure.

Decided on the subscriber's local clock, so that a change to or from summer time moves the instant, not the hour.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """From `start` up to, not including, `end`, on the local clock; equal ends mean no quiet hours.

    `zone` is the operator's: for a message whose own zone this computer does not know.
    """

    start: time = time(21)
    end: time = time(9)
    zone: tzinfo = UTC

    def release_at(self, now: datetime, zone: tzinfo) -> datetime:
        """`now` itself outside quiet hours, else the instant at which they end in `zone`; aware, UTC."""
        local = now.astimezone(zone)
        if not self._is_quiet(local.time()):
            return now
        day = local.date()
        if local.time() >= self.end:
            day += timedelta(days=1)
        # An end that the clock jumps over is read with the offset before the jump: the first instant after it.
        end = datetime.combine(day, self.end, tzinfo=zone).astimezone(UTC)
        if end > now:
            return end
        # The hour of the end comes twice and `now` is in its second passage.
        return datetime.combine(day, self.end.replace(fold=1), tzinfo=zone).astimezone(UTC)

    def release_in(self, now: datetime, zone_name: str) -> datetime:
        """The same for a zone of the IANA database."""
        try:
            zone: tzinfo = ZoneInfo(zone_name)
        except (KeyError, ValueError, OSError):
            zone = self.zone
        return self.release_at(now, zone)

    def _is_quiet(self, local: time) -> bool:
        if self.start <= self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end
