"""The requests of ours that wait for answers: window, timeouts, and what became of each."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TypeAlias

from twisted.internet.defer import Deferred

from sms.errors import NeverWritten, OutcomeUnknown, ResponseTimeout
from sms.smpp.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorTime

    from sms.errors import RequestFailed
    from sms.smpp.pdu import Pdu

    Answered: TypeAlias = Callable[[Pdu | RequestFailed], None]


class _Waiting:
    """One request on its way."""

    __slots__ = ("answered", "due", "in_window", "on_written", "written")

    def __init__(
        self, answered: Answered, due: float, on_written: Callable[[int], None] | None, *, in_window: bool
    ) -> None:
        self.answered = answered
        self.due = due
        self.in_window = in_window
        self.written = False
        self.on_written = on_written


class Requests:
    """Kept by sequence_number in the order of sending, which is also the order of their timeouts."""

    def __init__(
        self,
        clock: IReactorTime,
        timeout_s: float,
        *,
        expired: Callable[[int], None],
        idle: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._timeout_s = timeout_s
        self._expired = expired
        self._idle = idle
        self._waiting: dict[int, _Waiting] = {}
        self._unwritten: list[int] = []
        self._slots: deque[Deferred[None]] = deque()
        self._deadline = Deadline(clock, self._expire_due)
        self.in_window = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(
        self,
        number: int,
        answered: Answered,
        *,
        in_window: bool,
        on_written: Callable[[int], None] | None = None,
    ) -> None:
        """Wait for the answer to this number."""
        due = self._clock.seconds() + self._timeout_s
        self._waiting[number] = _Waiting(answered, due, on_written, in_window=in_window)
        self._unwritten.append(number)
        self.in_window += in_window
        if not self._deadline.is_set:
            self._deadline.set_in(self._timeout_s)

    def mark_written(self) -> None:
        """Everything added so far was handed to the transport."""
        numbers, self._unwritten = self._unwritten, []
        for number in numbers:
            waiting = self._waiting.get(number)
            if waiting is not None:
                waiting.written = True
                if waiting.on_written is not None:
                    waiting.on_written(number)

    def settle(self, number: int, outcome: Pdu | RequestFailed) -> None:
        """Tell who asked; the window has room again. Without effect for numbers not waited for."""
        waiting = self._waiting.pop(number, None)
        if waiting is None:
            return
        self.in_window -= waiting.in_window
        if self._slots and waiting.in_window:
            # First those who wait, then the one who has its answer and may want to go on.
            self.offer_slot()
        waiting.answered(outcome)
        if not self._waiting:
            self._idle()

    def slot(self) -> Deferred[None]:
        """Fires when the window may have room, first come first served; fails with NeverWritten."""
        slot: Deferred[None] = Deferred(self._slots.remove)
        self._slots.append(slot)
        return slot

    def refuse_waiting(self) -> None:
        """Nothing more is sent: whoever waits for room goes away with NeverWritten."""
        slots, self._slots = self._slots, deque()
        for slot in slots:
            slot.errback(NeverWritten("the session ended before there was room in the window"))

    @property
    def written(self) -> list[int]:
        """The numbers of those the peer may have seen."""
        return [number for number, waiting in self._waiting.items() if waiting.written]

    def fail_all(self) -> None:
        """The connection is gone: what was written may have been obeyed, what was not is safe."""
        self._deadline.stop()
        for number, waiting in list(self._waiting.items()):
            if waiting.written:
                self.settle(number, OutcomeUnknown("the connection ended before the answer"))
            else:
                self.settle(number, NeverWritten("the connection ended before the request was written"))
        self.refuse_waiting()

    def offer_slot(self) -> None:
        """Let the next in line look whether the window has room."""
        if self._slots:
            self._slots.popleft().callback(None)

    def _expire_due(self) -> None:
        now = self._clock.seconds()
        while self._waiting:
            number, oldest = next(iter(self._waiting.items()))
            if oldest.due > now:
                self._deadline.set_in(oldest.due - now)
                return
            self._expired(number)
            self.settle(number, ResponseTimeout(f"no answer within {self._timeout_s:g} s"))
