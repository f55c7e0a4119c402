"""The life of one message in words, every instant with its clock. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sms.outbox.model import FINAL_STATES, DeathReason, MessageView, OutboxState

BUSINESS, WALL = "business", "wall"

REASONS: Mapping[str, str] = {
    DeathReason.ATTEMPTS_OVER: "all attempts that its class allows were refused",
    DeathReason.OUTCOME_UNKNOWN: "no answer came, and no more copies are allowed",
    DeathReason.EXPIRED: "its time was over before it could go",
    DeathReason.OPTED_OUT: "the subscriber wants no adverts",
    DeathReason.ERASED: "the subscriber was erased",
    DeathReason.RENDER_FAILED: "its text could not be made; see the log",
    DeathReason.TEXT_TOO_LONG: "its text needs more segments than allowed",
    DeathReason.NO_RECEIPT: "the SMSC took it and never told what became of it",
    DeathReason.PDU_REFUSED: "no PDU can carry it, for example because of its address",
}
STATES: Mapping[OutboxState, str] = {
    OutboxState.QUEUED: "waits for its turn, a link, or another message to the same number",
    OutboxState.CLAIMED: "is about to be written",
    OutboxState.WRITTEN: "was written; its answer is awaited",
    OutboxState.ACCEPTED: "the SMSC has it; its receipt is awaited",
    OutboxState.ENROUTE: "the SMSC is delivering it",
    OutboxState.DELIVERED: "is on the phone",
    OutboxState.EXPIRED: "the SMSC gave up: its validity ended",
    OutboxState.UNDELIVERABLE: "the SMSC cannot deliver it",
    OutboxState.REJECTED: "the SMSC rejected it",
    OutboxState.DELETED: "was deleted at the SMSC",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One thing that happened, or will; `at` is None where no instant is stored, `clock` says whose it is."""

    at: datetime | None
    clock: str
    what: str
    detail: str


def reason_in_words(reason: str) -> str:
    """Why a message is dead, for people."""
    return REASONS.get(reason, f"the SMSC refused it for good: {reason}")


def timeline(one: MessageView) -> Sequence[Moment]:
    """Everything known of a message, in order: first by the business clock, then by the wall's."""
    return [*_before_sending(one), *sorted(_sending(one), key=_when), _now(one)]


def _when(moment: Moment) -> datetime:
    assert moment.at is not None  # noqa: S101 - all that is sorted happened
    return moment.at


def _before_sending(one: MessageView) -> Iterator[Moment]:
    yield Moment(at=one.created_at, clock=BUSINESS, what="queued", detail=f"kind {one.kind}")
    if one.not_before > one.created_at:
        why = f"quiet hours in {one.time_zone}" if one.time_zone else "not to go earlier"
        yield Moment(at=one.not_before, clock=BUSINESS, what="held_until", detail=why)
    if one.expires_at is not None:
        yield Moment(at=one.expires_at, clock=BUSINESS, what="expires", detail="not sent from then on")


def _sending(one: MessageView) -> Iterator[Moment]:
    claimed: set[int] = set()
    for sent in one.attempts:
        part = f"segment {sent.segment} of {one.segments}, " if one.segments > 1 else ""
        if sent.number not in claimed:
            claimed.add(sent.number)
            detail = f"attempt {sent.number} over {sent.link}, session {sent.session}"
            yield Moment(at=sent.at, clock=WALL, what="claimed", detail=detail)
        sequence = "no submit_sm" if sent.sequence is None else f"submit_sm #{sent.sequence}"
        yield Moment(at=sent.at, clock=WALL, what="attempt", detail=f"{part}{sent.link}: {sequence}")
        if sent.answered_at is not None:
            named = f", id {sent.smsc_id}" if sent.smsc_id else ""
            detail = f"{part}{sent.link}: {sent.status}{named}"
            yield Moment(at=sent.answered_at, clock=WALL, what="answer", detail=detail)
    for said in one.receipts:
        part = f"segment {said.segment} of {one.segments}: " if one.segments > 1 else ""
        error = f", error {said.error}" if said.error else ""
        yield Moment(at=said.at, clock=WALL, what="receipt", detail=f"{part}{said.state}{error}")


def _now(one: MessageView) -> Moment:
    """Where it stands; the instant of a final state is its last receipt's."""
    state = one.state
    at = one.receipts[-1].at if one.receipts and state in FINAL_STATES else None
    if state is OutboxState.HELD:
        if one.waits_until is None:
            return Moment(at=one.not_before, clock=BUSINESS, what=state, detail="until its hour comes")
        return Moment(at=one.waits_until, clock=WALL, what=state, detail="until its next attempt")
    if state is OutboxState.UNKNOWN:
        if one.waits_until is None:
            return Moment(at=None, clock=WALL, what=state, detail=_unknown(one.reason))
        detail = "no answer came; a copy goes, or it is given up, when this grace ends"
        return Moment(at=one.waits_until, clock=WALL, what=state, detail=detail)
    if one.reason is not None:
        return Moment(at=at, clock=WALL, what=state, detail=reason_in_words(one.reason))
    return Moment(at=at, clock=WALL, what=state, detail=STATES[state])


def _unknown(reason: str | None) -> str:
    return "the SMSC does not know what became of it" if reason is None else reason_in_words(reason)
