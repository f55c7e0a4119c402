"""deliver_sm on their way to an ESME: sent while a receiver has room, kept and sent again until its answer.

No answer, a lost connection or a temporary refusal: again, with a new sequence number, until the time to live
is over. A permanent refusal ends it. Without a receiver everything waits; the queue is bounded, oldest out.
"""

from collections import deque
from collections.abc import Callable
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
        delivery = _Delivery(pdu, self._clock.seconds() + self._ttl_s, ended)
        if self._queue or not self._try(delivery):
            self._put(delivery)

    def pump(self) -> None:
        """Send what can be sent: after a bind, or when a window has room again."""
        queue = self._queue
        while queue:
            if queue[0].expires_at <= self._clock.seconds():
                self._end(queue.popleft(), Outcome.EXPIRED)
            elif self._try(queue[0]):
                queue.popleft()
            else:
                return

    def _try(self, delivery: _Delivery) -> bool:
        """Send one delivery if a session can take it."""
        session = self._account.receiver()
        if session is None:
            return False
        try:
            session.link.try_request(delivery.pdu, partial(self._answered, delivery))
        except SessionStateError:
            return False
        except PduError:
            self._end(delivery, Outcome.REFUSED)
        return True

    def stop(self) -> None:
        """Forget everything."""
        self._timers.cancel_all()
        self._queue.clear()

    def _put(self, delivery: _Delivery) -> None:
        if len(self._queue) >= QUEUE_MAX:
            self._end(self._queue.popleft(), Outcome.EXPIRED)
        self._queue.append(delivery)

    def _again(self, delivery: _Delivery) -> None:
        self._put(delivery)
        self.pump()

    def _answered(self, delivery: _Delivery, answer: Pdu | RequestFailed) -> None:
        if isinstance(answer, RequestFailed) or answer.command_status in TEMPORARY:
            self._timers.later(self._retry_s, self._again, delivery)
        else:
            self._end(delivery, Outcome.REFUSED if answer.command_status else Outcome.ACCEPTED)
        if self._queue:
            self.pump()

    def _end(self, delivery: _Delivery, outcome: Outcome) -> None:
        if outcome is Outcome.ACCEPTED:
            self.accepted += 1
        elif outcome is Outcome.REFUSED:
            self.refused += 1
        else:
            self.expired += 1
        if delivery.ended is not None:
            delivery.ended(outcome)
