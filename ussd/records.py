"""The record of one session (call detail record): one for every session that began, none for anything else."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Outcome(StrEnum):
    """How a session ended."""

    ANSWERED = "answered"
    STALE = "stale"
    DEADLINE = "deadline"
    NO_SUCH_CODE = "no_such_code"
    WRONG_CHOICES = "wrong_choices"
    BUSY = "busy"
    UNAVAILABLE = "unavailable"
    ABORTED = "aborted"
    IDLE = "idle"
    REPLACED = "replaced"
    LINK_LOST = "link_lost"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """What is kept of a session; nothing in it names the subscriber.

    `msisdn` is masked by the injected masker. `code` is an entry of the code table or "other", so a bounded
    set; `dialled` is what was dialled where that cannot be anybody's number. `latency_ms` runs from the dial
    to the first answer (to the end where there was none). `octets` went to the subscriber, packed.
    """

    session_id: str
    began_at: datetime
    msisdn: str
    code: str
    dialled: str
    trail: tuple[str, ...]
    outcome: Outcome
    latency_ms: int
    duration_ms: int
    octets: int
