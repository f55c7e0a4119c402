"""deliver_sm on their way to an ESME: sent while a receiver has room, kept and sent again until its answer.

No answer, a lost connection or a temporary refusal: again, with a new sequence number, until the time to live
is over. A permanent refusal ends it. Without a receiver everything waits; what waits is bounded, oldest out.
"""

from collections import deque
from collections.abc import Callable
from enum import StrEnum
from functools import partial

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from simulator.sessions import BoundAccount
from sms.errors import PduError, RequestFailed, SessionStateError
from sms.smpp.constants import CommandStatus
from sms.smpp.pdu import DataSm, DeliverSm, Pdu

QUEUE_MAX = 100_000
"""What may wait for one account, for a receiver or for its next try."""
MOMENT_SECONDS = 1e-6
"""Instants that differ by less are the same one: their sums are rounded."""

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
    __slots__ = ("again_at", "ended", "expires_at", "pdu")

    def __init__(self, pdu: DeliverSm | DataSm, expires_at: float, ended: Ended | None) -> None:
        self.pdu = pdu
        self.expires_at = expires_at
        self.again_at = 0.0
        self.ended = ended


class Deliveries:
    """The queue of one account."""

    def __init__(self, account: BoundAccount, *, clock: IReactorTime, retry_s: float, ttl_s: float) -> None:
        self._account = account
        self._clock = clock
        self._retry_s = retry_s
        self._ttl_s = ttl_s
        self._queue: deque[_Delivery] = deque()
        # All rest equally long, so the first to rest is the first to be sent again: one timer is enough.
        self._resting: deque[_Delivery] = deque()
        self._wake: IDelayedCall | None = None
        self.accepted = 0
        self.refused = 0
        self.expired = 0

    def __len__(self) -> int:
        """How many wait to be sent, those waiting for their next try included."""
        return len(self._queue) + len(self._resting)

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
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        self._queue.clear()
        self._resting.clear()

    def _put(self, delivery: _Delivery) -> None:
        self._make_room()
        self._queue.append(delivery)

    def _make_room(self) -> None:
        if len(self) >= QUEUE_MAX:
            waiting = [one for one in (self._queue, self._resting) if one]
            self._end(min(waiting, key=lambda one: one[0].expires_at).popleft(), Outcome.EXPIRED)

    def _rest(self, delivery: _Delivery) -> None:
        self._make_room()
        delivery.again_at = self._clock.seconds() + self._retry_s
        self._resting.append(delivery)
        if self._wake is None:
            self._wake = self._clock.callLater(self._retry_s, self._woken)

    def _woken(self) -> None:
        self._wake = None
        resting, now = self._resting, self._clock.seconds()
        while resting and resting[0].again_at - now < MOMENT_SECONDS:
            self._queue.append(resting.popleft())
        if resting:
            self._wake = self._clock.callLater(resting[0].again_at - now, self._woken)
        self.pump()

    def _answered(self, delivery: _Delivery, answer: Pdu | RequestFailed) -> None:
        if isinstance(answer, RequestFailed) or answer.command_status in TEMPORARY:
            self._rest(delivery)
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
