"""The words of the outbox and the one table of what may become of a message.

A message is claimed, its text frozen, its attempt committed, and only then written to a socket. WRITTEN without an
answer is UNKNOWN and is never silently QUEUED again: the SMSC may have it. Final states are sticky.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import NamedTuple

from sms.outbox.errors import StepImpossible
from sms.text import UnicodeMode


class OutboxState(StrEnum):
    """Where a message stands; the same words on the wire of our own interface."""

    QUEUED = "queued"
    HELD = "held"
    CLAIMED = "claimed"
    WRITTEN = "written"
    ACCEPTED = "accepted"
    ENROUTE = "enroute"
    DELIVERED = "delivered"
    EXPIRED = "expired"
    UNDELIVERABLE = "undeliverable"
    REJECTED = "rejected"
    DELETED = "deleted"
    UNKNOWN = "unknown"
    DEAD = "dead"


class Step(StrEnum):
    """What may happen to a message; the last six are what a receipt says."""

    CLAIM = "claim"
    WRITE = "write"
    GIVE_BACK = "give_back"
    ACCEPT = "accept"
    DELAY = "delay"
    DOUBT = "doubt"
    GIVE_UP = "give_up"
    DUE = "due"
    RETRY = "retry"
    ENROUTE = "enroute"
    DELIVERED = "delivered"
    EXPIRED = "expired"
    UNDELIVERABLE = "undeliverable"
    REJECTED = "rejected"
    DELETED = "deleted"
    LOST = "lost"
    """The SMSC itself says UNKNOWN: shown as such, never sent again by itself."""


FINAL_STATES = frozenset(
    {
        OutboxState.DELIVERED,
        OutboxState.EXPIRED,
        OutboxState.UNDELIVERABLE,
        OutboxState.REJECTED,
        OutboxState.DELETED,
    }
)
"""What an SMSC says last; nothing changes them."""

RECEIPT_STEPS = frozenset(
    {
        Step.ENROUTE,
        Step.DELIVERED,
        Step.EXPIRED,
        Step.UNDELIVERABLE,
        Step.REJECTED,
        Step.DELETED,
        Step.LOST,
    }
)

_BY_RECEIPT: dict[Step, OutboxState] = {
    Step.ENROUTE: OutboxState.ENROUTE,
    Step.DELIVERED: OutboxState.DELIVERED,
    Step.EXPIRED: OutboxState.EXPIRED,
    Step.UNDELIVERABLE: OutboxState.UNDELIVERABLE,
    Step.REJECTED: OutboxState.REJECTED,
    Step.DELETED: OutboxState.DELETED,
    Step.LOST: OutboxState.UNKNOWN,
}

AT_THE_SMSC = (OutboxState.WRITTEN, OutboxState.UNKNOWN, OutboxState.ACCEPTED, OutboxState.ENROUTE)
"""States in which a receipt decides; in all others it changes nothing."""

TRANSITIONS: dict[tuple[OutboxState, Step], OutboxState] = {
    (OutboxState.QUEUED, Step.CLAIM): OutboxState.CLAIMED,
    (OutboxState.QUEUED, Step.GIVE_UP): OutboxState.DEAD,
    (OutboxState.HELD, Step.DUE): OutboxState.QUEUED,
    (OutboxState.HELD, Step.GIVE_UP): OutboxState.DEAD,
    (OutboxState.CLAIMED, Step.WRITE): OutboxState.WRITTEN,
    (OutboxState.CLAIMED, Step.GIVE_BACK): OutboxState.QUEUED,
    (OutboxState.CLAIMED, Step.GIVE_UP): OutboxState.DEAD,
    (OutboxState.WRITTEN, Step.ACCEPT): OutboxState.ACCEPTED,
    (OutboxState.WRITTEN, Step.GIVE_BACK): OutboxState.QUEUED,
    (OutboxState.WRITTEN, Step.DELAY): OutboxState.HELD,
    (OutboxState.WRITTEN, Step.DOUBT): OutboxState.UNKNOWN,
    (OutboxState.WRITTEN, Step.GIVE_UP): OutboxState.DEAD,
    (OutboxState.UNKNOWN, Step.ACCEPT): OutboxState.ACCEPTED,
    (OutboxState.UNKNOWN, Step.DUE): OutboxState.QUEUED,
    (OutboxState.UNKNOWN, Step.GIVE_UP): OutboxState.DEAD,
    (OutboxState.DEAD, Step.RETRY): OutboxState.QUEUED,
} | {(state, step): after for state in AT_THE_SMSC for step, after in _BY_RECEIPT.items()}
"""(state, step) -> state. GIVE_BACK from WRITTEN is for what is known never to have reached the socket, and for
answers that ask us to come again (throttled). A receipt in a state not named here changes nothing."""


def next_state(state: OutboxState, step: Step) -> OutboxState:
    """The state after a step; a receipt that comes too late or too early leaves the state as it is.

    Raises:
        StepImpossible: the state does not allow the step.
    """
    after = TRANSITIONS.get((state, step))
    if after is not None:
        return after
    if step in RECEIPT_STEPS:
        return state
    raise StepImpossible(f"a message that is {state} cannot {step}")


def whole_state(segments: list[OutboxState]) -> OutboxState:
    """The state of a message all of whose segments the SMSC has: as good as its worst segment."""
    for state in segments:
        if state in FINAL_STATES and state is not OutboxState.DELIVERED:
            return state
    if all(state is OutboxState.DELIVERED for state in segments):
        return OutboxState.DELIVERED
    if OutboxState.UNKNOWN in segments:
        return OutboxState.UNKNOWN
    if all(state is OutboxState.ACCEPTED for state in segments):
        return OutboxState.ACCEPTED
    return OutboxState.ENROUTE


class ServiceClass(StrEnum):
    """Service messages belong to the programme; adverts need consent and may be refused at any time."""

    SERVICE = "service"
    ADVERT = "advert"


class Priority(IntEnum):
    """Lower goes first: what somebody waits for overtakes any number of bulk notices."""

    URGENT = 0
    NOTICE = 1
    BULK = 2
    ADVERT = 3


class DeathReason(StrEnum):
    """Why a message is dead, besides the name of the status that refused it."""

    ATTEMPTS_OVER = "ATTEMPTS_OVER"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    EXPIRED = "EXPIRED"
    OPTED_OUT = "OPTED_OUT"
    ERASED = "ERASED"
    RENDER_FAILED = "RENDER_FAILED"
    TEXT_TOO_LONG = "TEXT_TOO_LONG"
    NO_RECEIPT = "NO_RECEIPT"
    """Of an unknown one: its SMSC took it and never told what became of it, asked or not."""
    PDU_REFUSED = "PDU_REFUSED"
    """Our own codec would not put it on the wire, an address that cannot be one for example."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A message to send. `message_id` is its dedupe key: queued once, however often it is enqueued.

    `params` is a JSON text that the renderer understands. `not_before` and `expires_at` are business instants.
    `time_zone` names the zone whose quiet hours hold it; None goes at any hour.
    """

    message_id: str
    subscription_id: int
    msisdn: str
    kind: str
    params: str
    created_at: datetime
    not_before: datetime
    service_class: ServiceClass = ServiceClass.SERVICE
    priority: Priority = Priority.NOTICE
    expires_at: datetime | None = None
    time_zone: str | None = None


class Claimed(NamedTuple):
    """A message taken off the queue (a named tuple: it is built for every message of every batch).

    `text` is None until frozen. Instants are business microseconds.
    """

    seq: int
    message_id: str
    subscription_id: int
    msisdn: str
    kind: str
    params: str
    service_class: str
    priority: int
    created_at: int
    not_before: int
    expires_at: int | None
    language: str | None
    text: str | None
    segments: int
    attempts: int
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """The text of a message in its subscriber's language.

    `mode` says how far its letters may still be rewritten; the default sends it as it stands.
    """

    text: str
    language: str
    mode: UnicodeMode = UnicodeMode.STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptView:
    """One submission of one segment. `status` is the SMSC's, UNKNOWN, NEVER_WRITTEN, or None while waiting.

    `session` is the bind of the link it went over, `sequence` the sequence_number of its submit_sm.
    """

    at: datetime
    link: str
    segment: int
    status: str | None
    smsc_id: str | None
    number: int = 1
    session: str = ""
    sequence: int | None = None
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptView:
    """One receipt as it was stored."""

    at: datetime
    segment: int
    state: str
    error: str | None
    done_date: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageView:
    """A message as support sees it; HELD also stands for one that waits for its hour."""

    message_id: str
    kind: str
    text: str | None
    language: str | None
    state: OutboxState
    reason: str | None
    created_at: datetime
    not_before: datetime
    segments: int
    attempts: tuple[AttemptView, ...]
    receipts: tuple[ReceiptView, ...]
    msisdn: str = ""
    time_zone: str | None = None
    waits_until: datetime | None = None
    """Of the wall clock: the next attempt of one that was put off, the end of the grace of one in doubt."""
    expires_at: datetime | None = None
