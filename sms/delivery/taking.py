"""One database transaction of the dispatcher: claim, render, freeze, commit the attempts.

Runs in a database thread and knows no link: only names, how much each may be given and how it carries texts. The
text is frozen with its letters; where it is cut is its link's affair, see `sms.delivery.cutting`. A text that cannot
be rendered or is too long makes its own message a dead letter and no other.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from twisted.logger import Logger
from twisted.python.failure import Failure

from sms.delivery.cutting import Ready, numbered, past_of, ready_for
from sms.delivery.turns import Turns
from sms.outbox.attempts import Attempt, Frozen, record_attempts
from sms.outbox.claim import Claimant, bury, claim
from sms.outbox.cuts import Cut
from sms.outbox.model import Claimed, DeathReason, Rendered
from sms.text import Carriage, Segment, TextTooLong

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
    weights: Mapping[str, int]
    turns: Turns
    carriages: Mapping[str, Carriage]
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
        batch = _share_out(connection, claimed.messages, texts, order, dead)
        cuts = numbered(connection, batch)
        taken = _taken(batch, order)
        _commit(connection, batch, taken, cuts, order.now_wall)
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
) -> dict[int, Rendered]:
    """The texts of messages: frozen ones as they are, others rendered; what fails is added to `dead`."""
    fresh = [one for one in messages if one.text is None]
    texts = _render(connection, fresh, order.render)
    for one in messages:
        if one.text is not None:
            texts[one.seq] = Rendered(text=one.text, language=one.language or "")
        elif one.seq not in texts:
            dead.append((one.seq, DeathReason.RENDER_FAILED.value))
    return texts


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


def _share_out(
    connection: Connection,
    messages: Sequence[Claimed],
    texts: Mapping[int, Rendered],
    order: Order,
    dead: list[tuple[int, str]],
) -> list[Ready]:
    """Each message to the link whose turn it is of those with room; a long one may overdraw its link's share."""
    left = {link: share for link, _, share in order.shares}
    past = past_of(connection, messages)
    batch: list[Ready] = []
    for one in messages:
        form = texts.get(one.seq)
        if form is None:
            continue
        names = [link for link, room in left.items() if room > 0] or list(left)
        links = [(link, order.carriages[link]) for link in order.turns.order(names, order.weights)]
        try:
            ready = ready_for(one, form, links, past=past, parts_max=order.parts_max)
        except TextTooLong:
            dead.append((one.seq, DeathReason.TEXT_TOO_LONG.value))
            continue
        left[ready.link] -= len(ready.parts)
        order.turns.took(ready.link, names, order.weights, len(ready.parts))
        batch.append(ready)
    return batch


def _taken(batch: Sequence[Ready], order: Order) -> list[Taken]:
    sessions = {link: session_id for link, session_id, _ in order.shares}
    return [
        Taken(
            message=one.message,
            link=one.link,
            session_id=sessions[one.link],
            parts=one.parts,
            segments=len(one.segments),
            coding=one.segments[0].coding.value,
            attempt_no=one.message.attempts + 1,
        )
        for one in batch
    ]


def _commit(
    connection: Connection, batch: Sequence[Ready], taken: Sequence[Taken], cuts: Sequence[Cut], now_wall: datetime
) -> None:
    frozen = [
        Frozen(
            seq=one.message.seq,
            language=one.language,
            text=one.text,
            coding=of_link.coding,
            segments=of_link.segments,
            attempt_no=of_link.attempt_no,
        )
        for one, of_link in zip(batch, taken, strict=True)
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
    record_attempts(connection, frozen, attempts, now_wall, cuts=cuts)
