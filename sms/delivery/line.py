"""One link as the dispatcher feeds it: what was written ahead waits here for window and rate.

The window slot is free again at the response, not at its storing. Whatever ends a session gives back what was never
written; what was written and not answered is in doubt.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from math import ceil
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from sms.delivery.counters import DeliveryCounters
from sms.delivery.flight import Part
from sms.delivery.pacing import Pacer
from sms.errors import NeverWritten, PduError, RequestFailed, SessionStateError, WindowFull
from sms.outbox.instants import to_micros
from sms.outbox.model import DeathReason
from sms.outbox.retry import StatusClass, class_of, status_name
from sms.outbox.settle import ANSWER_OF_CLASS, Answer
from sms.smpp.constants import Tag
from sms.smpp.pdu import GenericNack, MessageResp, Pdu

AHEAD_S = 0.1
"""Written ahead of the window: what the link takes in this time. A kill leaves no more than that in doubt."""
AHEAD_S_MAX = 0.75
REFILLS_AHEAD = 3
"""With a contracted rate enough is written ahead to last while more is fetched, however busy the database is: else
each message more would wait for a transaction, and the rate would be the database's."""
REFILL_DECAY = 0.9
SHARED_WINDOW_WAIT_S = 0.02
"""The window is full of somebody else's requests (USSD on the same link): look again after this."""
AFTER_ERROR_S = 1.0
STATUS_OK = status_name(0)


class Wire(Protocol):
    """The part of `SmppProtocol` that sending needs."""

    window: int

    @property
    def window_free(self) -> int:
        """How many requests may be written now."""
        ...

    def try_request(self, pdu: Pdu, answered: Callable[[Pdu | RequestFailed], None]) -> int:
        """Write a request; `answered` gets its response or its failure; the sequence_number."""
        ...


class Line:
    """The sending side of one link. `on_room` is called when more may be written ahead.

    While `may_write()` is false nothing is written: others may have taken over what waits here.
    """

    _log = Logger()

    def __init__(
        self,
        name: str,
        *,
        clock: IReactorTime,
        wall: Callable[[], datetime],
        counters: DeliveryCounters,
        rate_per_s: float | None = None,
        status_classes: Mapping[int, StatusClass] | None = None,
        weight: int = 1,
        fault: Callable[[str], None],
        on_room: Callable[[], None],
        may_write: Callable[[], bool],
        may_ask: bool = True,
    ) -> None:
        self.name = name
        self.weight = weight
        self.may_ask = may_ask
        self.session_id = ""
        self.pacer = Pacer(rate_per_s)
        self._clock = clock
        self._wall = wall
        self._counters = counters
        self._status_classes = status_classes or {}
        self._fault = fault
        self._on_room = on_room
        self._may_write = may_write
        self._wire: Wire | None = None
        self._is_paused = False
        self._waiting: deque[Part] = deque()
        self._in_flight: set[Part] = set()
        self._timer: IDelayedCall | None = None
        self._has_written = False
        self._refill_at = 0
        self._refill_s = 0.0

    @property
    def is_up(self) -> bool:
        """Whether messages may be given to it: bound, neither paused by an operator nor resting."""
        return self._wire is not None and not self._is_paused and not self.pacer.is_resting(self._clock.seconds())

    @property
    def is_paused(self) -> bool:
        """Whether the operator stopped it."""
        return self._is_paused

    @property
    def in_flight(self) -> int:
        """Segments written and not answered."""
        return len(self._in_flight)

    def room(self) -> int:
        """How many segments may be written ahead now."""
        if self._wire is None or not self.is_up:
            return 0
        rate = self.pacer.rate
        if rate is None:
            ahead = max(self._wire.window, ceil(self.pacer.sending.per_s(self._clock.seconds()) * AHEAD_S))
        else:
            ahead = ceil(rate * min(max(AHEAD_S, REFILLS_AHEAD * self._refill_s), AHEAD_S_MAX)) + 1
        return max(0, ahead - len(self._waiting))

    def refilled_in(self, seconds: float) -> None:
        """How long the last fetching of messages took; long ones are remembered for a while."""
        self._refill_s = max(seconds, self._refill_s * REFILL_DECAY)

    def up(self, wire: Wire) -> None:
        """The link is bound."""
        self._wire = wire
        self.session_id = f"{self.name}:{to_micros(self._wall())}"
        self._on_room()

    def down(self, wire: object) -> None:
        """That session is over. What was in flight gets its failure from the session itself."""
        if wire is self._wire:
            self._wire = None
            self.give_back()

    def pause(self) -> None:
        """The operator stops sending on this link."""
        self._is_paused = True
        self.give_back()

    def resume(self) -> None:
        """The operator lets it send again."""
        self._is_paused = False
        self._on_room()

    def add(self, parts: Iterable[Part], session_id: str) -> None:
        """Submit these when window and rate allow; if that session is gone they come back as never written."""
        self._waiting.extend(parts)
        self._refill_at = len(self._waiting) // 2
        if self.is_up and session_id == self.session_id:
            self.pump()
        else:
            self.give_back()

    def give_back(self) -> None:
        """Settle what waits as never written."""
        self._cancel_timer()
        now = to_micros(self._wall())
        while self._waiting:
            self._settle(self._waiting.popleft(), Answer.NEVER_WRITTEN, "NEVER_WRITTEN", now)

    def ask(self, pdu: Pdu, answered: Callable[[Pdu | RequestFailed], None]) -> bool:
        """Write a question beside the messages; False where half of the window is in use, or the session over."""
        wire = self._wire
        if wire is None or 2 * wire.window_free < wire.window:
            return False
        try:
            wire.try_request(pdu, answered)
        except (WindowFull, SessionStateError):
            return False
        return True

    def abandon(self) -> None:
        """Stop waiting for answers: what is in flight is in doubt, what waits was never written."""
        self.give_back()
        now = to_micros(self._wall())
        for part in list(self._in_flight):
            self._in_flight.discard(part)
            self._settle(part, Answer.UNKNOWN, "UNKNOWN", now)

    def pump(self) -> None:
        """Write as much as window and rate allow."""
        try:
            self._write()
        except Exception:  # noqa: BLE001 - the dispatcher's border: one bad message must not stop the rest
            self._log.error("sending on link {link} failed", link=self.name, log_failure=Failure())
            self._wake_in(AFTER_ERROR_S)
        if len(self._waiting) <= self._refill_at and self._wire is not None:
            self._on_room()

    def _write(self) -> None:
        if self._has_written:
            self._has_written = False
            self._fault("sms.after_write")
        now = self._clock.seconds()
        wire = self._wire
        if wire is None or not self._waiting:
            return
        if not self._may_write():
            self.give_back()
            return
        allowed = self.pacer.allowance(now)
        count = min(len(self._waiting), wire.window_free)
        if allowed is not None and allowed < count:
            count = allowed
        sent = 0
        try:
            while sent < count and self._submit(wire, self._waiting[0]):
                sent += 1
        finally:
            if sent:
                self._has_written = True
                self.pacer.sent(now, sent)
        if self._waiting:
            if allowed is not None and sent >= allowed:
                self._wake_in(self.pacer.wait_s(now))
            elif not self._in_flight:
                self._wake_in(SHARED_WINDOW_WAIT_S)

    def _submit(self, wire: Wire, part: Part) -> bool:
        """Write the first part that waits; False if the session takes no more now."""
        self._fault("sms.before_write")
        self._waiting.popleft()
        self._in_flight.add(part)
        try:
            part.sequence_no = wire.try_request(part.pdu, partial(self._answered, part))
        except WindowFull:
            self._take_back(part)
            return False
        except SessionStateError:  # it is ending; whoever owns the link will say so, or bind anew
            self._take_back(part)
            self.down(wire)
            return False
        except PduError as error:
            self._in_flight.discard(part)
            self._log.warn("link {link} refuses to encode a message: {reason}", link=self.name, reason=error.reason)
            self._settle(part, Answer.PERMANENT, DeathReason.PDU_REFUSED, to_micros(self._wall()))
        return True

    def _take_back(self, part: Part) -> None:
        self._in_flight.discard(part)
        self._waiting.appendleft(part)

    def _answered(self, part: Part, result: Pdu | RequestFailed) -> None:
        self._in_flight.discard(part)
        at = to_micros(self._wall())
        if isinstance(result, RequestFailed):
            if isinstance(result, NeverWritten):
                self._settle(part, Answer.NEVER_WRITTEN, "NEVER_WRITTEN", at)
            else:
                self._settle(part, Answer.UNKNOWN, "UNKNOWN", at)
        else:
            self._responded(part, result, at)
        self.pump()

    def _responded(self, part: Part, response: Pdu, at: int) -> None:
        if response.tlvs:
            congestion = response.tlv_int(Tag.CONGESTION_STATE)
            if congestion is not None:
                self.pacer.congestion(self._clock.seconds(), congestion)
        if response.command_status == 0 and isinstance(response, MessageResp):
            self.pacer.accepted(self._clock.seconds())
            self._settle(part, Answer.ACCEPTED, STATUS_OK, at, response.message_id or None)
            return
        status = status_name(response.command_status)
        status_class = class_of(response.command_status, self._status_classes)
        if isinstance(response, GenericNack) and status_class is StatusClass.ACCEPTED:
            status_class = StatusClass.TEMPORARY  # whatever its status says: it was not understood
        if status_class is StatusClass.THROTTLED:
            self._counters.throttled[self.name] += 1
            self.pacer.throttled(self._clock.seconds())
        elif status_class is StatusClass.LINK:
            self._log.warn("link {link} answered {status}: it rests", link=self.name, status=status)
            self.pacer.rest(self._clock.seconds())
            self.give_back()
        self._settle(part, ANSWER_OF_CLASS[status_class], status, at)

    def _settle(self, part: Part, answer: Answer, status: str, at: int, smsc_id: str | None = None) -> None:
        self._counters.submitted[part.flight.message.kind, self.name, answer] += 1
        part.settle(answer, status, at, smsc_id)

    def _wake_in(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = self._clock.callLater(max(seconds, 0.001), self._woken)

    def _woken(self) -> None:
        self._timer = None
        self.pump()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
