"""What becomes of a message once every segment in flight has its answer, or will have none. Pure.

The worst answer decides: one segment refused for good makes the message dead, one of unknown outcome makes it
unknown, one to be tried again makes it wait. Segments the SMSC took are never sent again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sms.outbox.instants import micros_of
from sms.outbox.model import DeathReason, OutboxState, Step, next_state
from sms.outbox.retry import ClassPolicy, Rng, StatusClass, backoff_s


class Answer(StrEnum):
    """What one submission came to."""

    ACCEPTED = "accepted"
    PERMANENT = "permanent"
    TEMPORARY = "temporary"
    THROTTLED = "throttled"
    LINK = "link"
    UNKNOWN = "unknown"
    NEVER_WRITTEN = "never_written"


ANSWER_OF_CLASS: dict[StatusClass, Answer] = {
    StatusClass.ACCEPTED: Answer.ACCEPTED,
    StatusClass.PERMANENT: Answer.PERMANENT,
    StatusClass.TEMPORARY: Answer.TEMPORARY,
    StatusClass.THROTTLED: Answer.THROTTLED,
    StatusClass.LINK: Answer.LINK,
}

SEGMENT_STATES: dict[Answer, OutboxState] = {
    Answer.ACCEPTED: OutboxState.ACCEPTED,
    Answer.PERMANENT: OutboxState.DEAD,
    Answer.TEMPORARY: OutboxState.QUEUED,
    Answer.THROTTLED: OutboxState.QUEUED,
    Answer.LINK: OutboxState.QUEUED,
    Answer.UNKNOWN: OutboxState.UNKNOWN,
    Answer.NEVER_WRITTEN: OutboxState.QUEUED,
}
"""What is stored for a segment; QUEUED ones are sent again with their message."""


@dataclass(slots=True, kw_only=True)
class SegmentOutcome:
    """The answer to one submitted segment (not frozen: there is one for every submit_sm).

    `status` is the name of the answer's status, UNKNOWN or NEVER_WRITTEN; `responded_at` wall microseconds.
    """

    segment_no: int
    attempt_no: int
    answer: Answer
    status: str
    responded_at: int
    smsc_id: str | None = None
    sequence_no: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to store for the message; `retry_at` is wall microseconds."""

    state: OutboxState
    failures: int
    reason: str | None = None
    retry_at: int | None = None


_ACCEPTED = next_state(OutboxState.WRITTEN, Step.ACCEPT)


def verdict(
    outcomes: Sequence[SegmentOutcome],
    policy: ClassPolicy,
    *,
    failures: int,
    now_wall: int,
    rng: Rng,
    ask_at: int | None = None,
) -> Verdict:
    """The verdict over a WRITTEN message from the answers to the segments that were in flight.

    `ask_at`: when its SMSC is asked for a receipt that stayed away, wall microseconds.
    """
    if all(outcome.answer is Answer.ACCEPTED for outcome in outcomes):
        return Verdict(state=_ACCEPTED, failures=failures, retry_at=ask_at)
    answers = {outcome.answer for outcome in outcomes}
    if Answer.PERMANENT in answers:
        refusal = next(outcome.status for outcome in outcomes if outcome.answer is Answer.PERMANENT)
        return Verdict(state=next_state(OutboxState.WRITTEN, Step.GIVE_UP), failures=failures + 1, reason=refusal)
    if Answer.UNKNOWN in answers:
        retry_at = now_wall + micros_of(policy.unknown_grace_s)
        return Verdict(state=next_state(OutboxState.WRITTEN, Step.DOUBT), failures=failures, retry_at=retry_at)
    if Answer.TEMPORARY in answers:
        return _after_failure(policy, failures + 1, now_wall, rng)
    return Verdict(state=next_state(OutboxState.WRITTEN, Step.GIVE_BACK), failures=failures)


def _after_failure(policy: ClassPolicy, failures: int, now_wall: int, rng: Rng) -> Verdict:
    if failures >= policy.attempts_max:
        state = next_state(OutboxState.WRITTEN, Step.GIVE_UP)
        return Verdict(state=state, failures=failures, reason=DeathReason.ATTEMPTS_OVER)
    retry_at = now_wall + micros_of(backoff_s(policy, failures, rng))
    return Verdict(state=next_state(OutboxState.WRITTEN, Step.DELAY), failures=failures, retry_at=retry_at)
