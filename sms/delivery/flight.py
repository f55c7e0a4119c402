"""A message between its committed attempt and the last answer to its segments."""

from collections.abc import Callable

from sms.outbox.model import Claimed
from sms.outbox.settle import Answer, SegmentOutcome
from sms.smpp.pdu import SubmitSm


class Flight:
    """One message; `landed` is called once, when every segment that was to be sent has its outcome."""

    __slots__ = ("_landed", "_parts_open", "message", "outcomes", "segments", "validity_s")

    def __init__(self, message: Claimed, *, segments: int, parts: int, landed: "Callable[[Flight], None]") -> None:
        self.message = message
        self.segments = segments
        self.validity_s: float | None = None
        """How long its SMSC may try; None is the SMSC's own time."""
        self.outcomes: list[SegmentOutcome] = []
        self._parts_open = parts
        self._landed = landed

    def add(self, outcome: SegmentOutcome) -> None:
        """One segment has its outcome."""
        self.outcomes.append(outcome)
        self._parts_open -= 1
        if self._parts_open == 0:
            self._landed(self)


class Part:
    """One segment of a flight, to be submitted once; only its first outcome counts."""

    __slots__ = ("_is_settled", "attempt_no", "flight", "pdu", "segment_no", "sequence_no")

    def __init__(self, flight: Flight, *, segment_no: int, attempt_no: int, pdu: SubmitSm) -> None:
        self.flight = flight
        self.segment_no = segment_no
        self.attempt_no = attempt_no
        self.pdu = pdu
        self.sequence_no: int | None = None
        self._is_settled = False

    def settle(self, answer: Answer, status: str, at: int, smsc_id: str | None = None) -> None:
        """Give it its outcome, at this instant in wall microseconds."""
        if self._is_settled:
            return
        self._is_settled = True
        self.flight.add(
            SegmentOutcome(
                segment_no=self.segment_no,
                attempt_no=self.attempt_no,
                answer=answer,
                status=status,
                responded_at=at,
                smsc_id=smsc_id,
                sequence_no=self.sequence_no,
            )
        )
