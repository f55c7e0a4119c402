"""Messages that cannot be delivered yet: scheduled for later, or for a phone that is switched off.

Each waits for its instant, for its phone, or for the end of its validity. Relative times run on the reactor's
clock; absolute ones are compared with the network's clock when they are accepted.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from twisted.internet.interfaces import IDelayedCall

from simulator.messages import StoredMessage
from simulator.timers import Timers
from sms.errors import ScheduleInvalid, ValidityInvalid
from sms.smpp.constants import MessageState
from sms.smpp.times import parse_time

PENDING_MAX = 100_000
VALIDITY_SECONDS_DEFAULT = 3 * 86_400.0


def seconds_until(moment: datetime | timedelta | None, now: datetime) -> float | None:
    """How long until an SMPP time, at least 0; None for an empty one."""
    if moment is None:
        return None
    period = moment - now if isinstance(moment, datetime) else moment
    return max(0.0, period.total_seconds())


class _Waiting:
    __slots__ = ("due", "expiry", "message")

    def __init__(self, message: StoredMessage) -> None:
        self.message = message
        self.due: IDelayedCall | None = None
        self.expiry: IDelayedCall | None = None


class Pending:
    """The waiting messages; `deliver` and `expire` are told when a wait ends. `is_full`: no further one may wait."""

    def __init__(
        self,
        timers: Timers,
        *,
        handset_is_on: Callable[[str], bool],
        deliver: Callable[[StoredMessage], None],
        expire: Callable[[StoredMessage], None],
    ) -> None:
        self._timers = timers
        self._handset_is_on = handset_is_on
        self._deliver = deliver
        self._expire = expire
        # By message, not by its id: the destinations of one submit_multi share theirs.
        self._waiting: dict[StoredMessage, _Waiting] = {}
        self.is_full = False

    def __len__(self) -> int:
        """How many messages wait."""
        return len(self._waiting)

    def __contains__(self, message: StoredMessage) -> bool:
        """Whether this message still waits."""
        return message in self._waiting

    def hold(self, message: StoredMessage, *, schedule: str, validity: str, now: datetime) -> None:
        """Keep a message until it can be delivered or its validity ends."""
        message.state = MessageState.ENROUTE
        self._waiting[message] = _Waiting(message)
        self.is_full = len(self._waiting) >= PENDING_MAX
        self.set_times(message, schedule=schedule, validity=validity, now=now)

    def set_times(self, message: StoredMessage, *, schedule: str, validity: str, now: datetime) -> None:
        """New times for a waiting message."""
        waiting = self._waiting[message]
        self._timers.cancel(waiting.due)
        self._timers.cancel(waiting.expiry)
        waiting.due = waiting.expiry = None
        until_due = seconds_until(parse_time(schedule, ScheduleInvalid), now)
        valid_for = seconds_until(parse_time(validity, ValidityInvalid), now)
        if until_due:
            waiting.due = self._timers.later(until_due, self._come_due, message)
        if valid_for is None:
            valid_for = (until_due or 0.0) + VALIDITY_SECONDS_DEFAULT
        waiting.expiry = self._timers.later(valid_for, self._validity_ended, message)
        if not until_due:
            self._come_due(message)

    def handset_came(self, msisdn: str) -> list[StoredMessage]:
        """A phone was switched on: deliver what waited for it; the messages that did."""
        came = [one.message for one in list(self._waiting.values()) if one.message.to == msisdn and one.due is None]
        for message in came:
            self._come_due(message)
        return came

    def remove(self, message: StoredMessage) -> None:
        """Stop waiting: it was cancelled or replaced."""
        waiting = self._waiting.pop(message)
        self.is_full = False
        self._timers.cancel(waiting.due)
        self._timers.cancel(waiting.expiry)

    def matching(self, *, source: str, to: str, service_type: str, system_id: str) -> list[StoredMessage]:
        """The waiting messages of one sender between these addresses."""
        return [
            one.message
            for one in self._waiting.values()
            if one.message.source == source
            and one.message.to == to
            and one.message.pdu.service_type == service_type
            and one.message.account.system_id == system_id
        ]

    def _come_due(self, message: StoredMessage) -> None:
        waiting = self._waiting[message]
        waiting.due = None
        if self._handset_is_on(message.to):
            self.remove(message)
            self._deliver(message)

    def _validity_ended(self, message: StoredMessage) -> None:
        self.remove(message)
        self._expire(message)
