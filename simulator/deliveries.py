"""deliver_sm on their way to an ESME: sent while a receiver has room, kept and sent again until its answer.

No answer, a lost connection or a temporary refusal: again, with a new sequence number, until the time to live
is over. A permanent refusal ends it. Without a receiver everything waits; the queue is bounded, oldest out.
"""

from collections import deque
from collections.abc import Callable
from copy import copy
from enum import StrEnum
from functools import partial

from twisted.internet.interfaces import IReactorTime

from simulator.sessions import BoundAccount
from simulator.timers import Timers
from sms.errors import PduError, RequestFailed, SessionStateError
from sms.smpp.constants import CommandStatus
from sms.smpp.pdu import DataSm, DeliverSm, Pdu

QUEUE_MAX = 100_000

TEMPORARY = frozenset(
    {
        CommandStatus.ESME_RX_T_APPN,
        CommandStatus.ESME_RMSGQFUL,
        CommandStatus.ESME_RTHROTTLED,
        CommandStatus.ESME_RSYSERR,
    }
)


class Outcome(StrEnum):
    """How a delivery ended."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    EXPIRED = "expired"


Ended = Callable[[Outcome], None]


class _Delivery:
    __slots__ = ("ended", "expires_at", "pdu")

    def __init__(self, pdu: DeliverSm | DataSm, expires_at: float, ended: Ended | None) -> None:
        self.pdu = pdu
        self.expires_at = expires_at
        self.ended = ended


class Deliveries:
    """The queue of one account."""

    def __init__(self, account: BoundAccount, *, clock: IReactorTime, retry_s: float, ttl_s: float) -> None:
        self._account = account
        self._clock = clock
        self._retry_s = retry_s
        self._ttl_s = ttl_s
        self._timers = Timers(clock)
        self._queue: deque[_Delivery] = deque()
        self.accepted = 0
        self.refused = 0
        self.expired = 0

    def __len__(self) -> int:
        """How many wait to be sent, those waiting for their next try included."""
        return len(self._queue) + len(self._timers)

    def send(self, pdu: DeliverSm | DataSm, ended: Ended | None = None) -> None:
        """Deliver, now or when somebody can take it; `ended` hears how it went, once."""
        self._put(_Delivery(pdu, self._clock.seconds() + self._ttl_s, ended))

    def pump(self) -> None:
        """Send what can be sent: after a bind, or when a window has room again."""
        queue = self._queue
        while queue:
            if queue[0].expires_at <= self._clock.seconds():
                self._expire(queue.popleft())
                continue
            session = self._account.receiver()
            if session is None:
                return
            delivery = queue.popleft()
            try:
                session.link.try_request(delivery.pdu, partial(self._answered, delivery))
            except SessionStateError:
                queue.appendleft(delivery)
                return
            except PduError:
                self._end(delivery, Outcome.REFUSED)

    def stop(self) -> None:
        """Forget everything."""
        self._timers.cancel_all()
        self._queue.clear()

    def _put(self, delivery: _Delivery) -> None:
        if len(self._queue) >= QUEUE_MAX:
            self._expire(self._queue.popleft())
        self._queue.append(delivery)
        self.pump()

    def _answered(self, delivery: _Delivery, answer: Pdu | RequestFailed) -> None:
        if isinstance(answer, RequestFailed):
            delivery.pdu = copy(delivery.pdu)
            self._timers.later(self._retry_s, self._put, delivery)
        elif answer.command_status == 0:
            self._end(delivery, Outcome.ACCEPTED)
        elif answer.command_status in TEMPORARY:
            delivery.pdu = copy(delivery.pdu)
            self._timers.later(self._retry_s, self._put, delivery)
        else:
            self._end(delivery, Outcome.REFUSED)
        if self._queue:
            self.pump()

    def _expire(self, delivery: _Delivery) -> None:
        self._end(delivery, Outcome.EXPIRED)

    def _end(self, delivery: _Delivery, outcome: Outcome) -> None:
        if outcome is Outcome.ACCEPTED:
            self.accepted += 1
        elif outcome is Outcome.REFUSED:
            self.refused += 1
        else:
            self.expired += 1
        if delivery.ended is not None:
            delivery.ended(outcome)
