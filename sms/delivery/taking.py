"""One database transaction of the dispatcher: claim, render, freeze, commit the attempts.

Runs in a database thread and knows no link: only names and how much each may be given. A text that cannot be
rendered or is too long makes its own message a dead letter and no other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from twisted.logger import Logger
from twisted.python.failure import Failure

from sms.outbox.attempts import Attempt, Frozen, record_attempts, unsent_segments
from sms.outbox.claim import Claimant, bury, claim
from sms.outbox.model import Claimed, DeathReason, Rendered
from sms.text import Segment, TextTooLong, UnicodeMode, prepared, segments_for

REFERENCE_MODULUS = 256
"""Concatenation references of one octet."""
TEXTS_KEPT = 4_096

Render = Callable[[Connection, Sequence[Claimed]], Sequence[Rendered]]

_log = Logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to take: `shares` says how many segments each link, with its session, may be given.

    `claimant(connection)` is asked in the transaction, so that the business clock is the one of that moment.
    """

    claimant: Callable[[Connection], Claimant]
    now_wall: datetime
    shares: Sequence[tuple[str, str, int]]
    render: Render
    parts_max: int
    fault: Callable[[str], None]


@dataclass(slots=True, kw_only=True)
class Taken:
    """A message committed for one link (not frozen: there is one for every message).

    `parts` are the segments to submit now; `segments` how many the whole text has.
    """

    message: Claimed
    link: str
    session_id: str
    parts: Sequence[Segment]
    segments: int
    coding: str
    attempt_no: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one transaction took, and what it put aside on the way."""

    taken: Sequence[Taken]
    expired: int
    postponed: int
    dead: int
    may_hold_more: bool
    now_business: datetime


@dataclass(slots=True, kw_only=True)
class _Text:
    """A text ready to be cut."""

    text: str
    language: str
    segments: Sequence[Segment]


def take(connection: Connection, order: Order) -> Batch:
    """Claim as many messages as the links may be given, and commit their attempts."""
    limit = sum(share for _, _, share in order.shares)
    claimant = order.claimant(connection)
    claimed = claim(connection, claimant, limit)
    dead: list[tuple[int, str]] = []
    taken: list[Taken] = []
    if claimed.messages:
        order.fault("outbox.claimed")
        texts = _texts(connection, claimed.messages, order, dead)
        unsent = unsent_segments(connection, claimed.messages)
        taken = _share_out(claimed.messages, texts, unsent, order.shares)
        _commit(connection, taken, texts, order.now_wall)
        if dead:
            lost = {seq for seq, _ in dead}
            bury(connection, dead, [one.msisdn for one in claimed.messages if one.seq in lost])
    return Batch(
        taken=taken,
        expired=claimed.expired,
        postponed=claimed.postponed,
        dead=len(dead),
        may_hold_more=claimed.may_hold_more,
        now_business=claimant.now_business,
    )


def _texts(
    connection: Connection, messages: Sequence[Claimed], order: Order, dead: list[tuple[int, str]]
) -> dict[int, _Text]:
    """The texts of messages: frozen ones as they are, others rendered; what fails is added to `dead`."""
    fresh = [one for one in messages if one.text is None]
    rendered = _render(connection, fresh, order.render)
    texts: dict[int, _Text] = {}
    for one in messages:
        if one.text is not None:
            form = Rendered(text=one.text, language=one.language or "")
        elif one.seq in rendered:
            form = rendered[one.seq]
        else:
            dead.append((one.seq, DeathReason.RENDER_FAILED.value))
            continue
        try:
            text, segments = _cut(form.text, form.mode)
            if len(segments) > 1:
                segments = segments_for(text, reference=one.seq % REFERENCE_MODULUS, parts_max=order.parts_max)
        except TextTooLong:
            dead.append((one.seq, DeathReason.TEXT_TOO_LONG.value))
            continue
        texts[one.seq] = _Text(text=text, language=form.language, segments=segments)
    return texts


@lru_cache(maxsize=TEXTS_KEPT)
def _cut(text: str, mode: UnicodeMode) -> tuple[str, tuple[Segment, ...]]:
    """The text as it will be sent, and in how many segments: the bulk of a month has few different texts."""
    ready = prepared(_storable(text), mode)
    return ready, segments_for(ready, reference=0)


def _render(connection: Connection, messages: Sequence[Claimed], render: Render) -> dict[int, Rendered]:
    """All at once; if that fails, one by one, so that the one at fault is found."""
    if not messages:
        return {}
    try:
        return {one.seq: form for one, form in zip(messages, render(connection, messages), strict=True)}
    except SQLAlchemyError:
        raise
    except Exception:  # noqa: BLE001 - the dispatcher's border: one bad message must not stop the rest
        if len(messages) == 1:
            _log.error(
                "message {seq} of kind {kind} cannot be rendered",
                seq=messages[0].seq,
                kind=messages[0].kind,
                log_failure=Failure(),
            )
            return {}
    found: dict[int, Rendered] = {}
    for one in messages:
        found |= _render(connection, [one], render)
    return found


def _storable(text: str) -> str:
    """The text without lone surrogates and NUL, which neither tables nor networks carry."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "")


def _share_out(
    messages: Sequence[Claimed],
    texts: dict[int, _Text],
    unsent: dict[int, list[int]],
    shares: Sequence[tuple[str, str, int]],
) -> list[Taken]:
    """Each message to the next link in turn that still has room; a long one may overdraw its link's share."""
    left = {link: share for link, _, share in shares}
    sessions = {link: session_id for link, session_id, _ in shares}
    taken: list[Taken] = []
    for one in messages:
        text = texts.get(one.seq)
        if text is None:
            continue
        link = max(left, key=left.__getitem__)
        wanted = unsent.get(one.seq)
        parts = [part for part in text.segments if part.number in wanted] if wanted else text.segments
        left[link] -= len(parts)
        taken.append(
            Taken(
                message=one,
                link=link,
                session_id=sessions[link],
                parts=parts,
                segments=len(text.segments),
                coding=text.segments[0].coding.value,
                attempt_no=one.attempts + 1,
            )
        )
    return taken


def _commit(connection: Connection, taken: Sequence[Taken], texts: dict[int, _Text], now_wall: datetime) -> None:
    frozen = [
        Frozen(
            seq=one.message.seq,
            language=texts[one.message.seq].language,
            text=texts[one.message.seq].text,
            coding=one.coding,
            segments=one.segments,
            attempt_no=one.attempt_no,
        )
        for one in taken
    ]
    attempts = [
        Attempt(
            seq=one.message.seq,
            segment_no=part.number,
            attempt_no=one.attempt_no,
            link=one.link,
            session_id=one.session_id,
        )
        for one in taken
        for part in one.parts
    ]
    record_attempts(connection, frozen, attempts, now_wall)
