"""The outbox as operators look through it: any messages, newest first, a page at a time; dead letters tried again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Connection, Select, and_, func, literal_column, or_, select, text

from sms.outbox.instants import to_micros
from sms.outbox.model import MessageView, OutboxState
from sms.outbox.schema import DEAD_SQL, UNKNOWN_SQL, message
from sms.outbox.upkeep import NEVER_RETRIED, retry_dead
from sms.outbox.views import views_of

PAGE_MAX = 500
LOOKED_THROUGH_MAX = 50_000
"""Rows one page looks at; what is rare is found over several pages, each of which is answered soon."""
_INDEXED = {OutboxState.DEAD: DEAD_SQL, OutboxState.UNKNOWN: UNKNOWN_SQL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which messages: all that is given must fit. `before` is the cursor of an earlier page."""

    state: OutboxState | None = None
    kind: str | None = None
    subscription_id: int | None = None
    before: int | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage:
    """Messages newest first; `before` where there may be more, even if this page is short or empty."""

    messages: Sequence[MessageView]
    before: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """How many dead letters were queued again; `before` where there may be more.

    Of these `doubtful` may have reached somebody already.
    """

    retried: int
    doubtful: int
    before: int | None


def browse(connection: Connection, wanted: Wanted, now_business: datetime) -> MessagePage:
    """A page of the outbox."""
    limit = min(wanted.limit, PAGE_MAX)
    query = select(message).order_by(message.c.seq.desc()).limit(limit)
    if wanted.before is not None:
        query = query.where(message.c.seq < wanted.before)
    if wanted.kind is not None:
        query = query.where(message.c.kind == wanted.kind)
    if wanted.subscription_id is not None:
        query = query.where(message.c.subscription_id == wanted.subscription_id)
    if wanted.state is not None:
        query = query.where(_in_state(wanted.state, to_micros(now_business)))
    floor = 0
    if wanted.subscription_id is None and wanted.state not in _INDEXED:
        floor = _floor(connection, wanted.before)
        query = query.where(message.c.seq >= floor)
    rows = connection.execute(query).all()
    following = None
    if len(rows) == limit:
        following = rows[-1].seq
    elif floor > 1:
        following = floor
    return MessagePage(messages=views_of(connection, rows, now_business), before=following)


def find_message(connection: Connection, message_id: str, now_business: datetime) -> MessageView | None:
    """One message by its id; None if there is none."""
    rows = connection.execute(select(message).where(message.c.message_id == message_id)).all()
    return views_of(connection, rows, now_business)[0] if rows else None


def retry_dead_of(connection: Connection, *, kind: str | None, before: int | None, limit: int) -> Retried:
    """Queue dead letters again, the newest first; those that a subscriber refused stay dead."""
    query: Select[Any] = (
        select(message.c.seq, message.c.message_id)
        .where(text(DEAD_SQL), message.c.reason.not_in(NEVER_RETRIED))
        .order_by(message.c.seq.desc())
        .limit(limit)
    )
    if kind is not None:
        query = query.where(message.c.kind == kind)
    if before is not None:
        query = query.where(message.c.seq < before)
    rows = connection.execute(query).all()
    again = retry_dead(connection, [row.message_id for row in rows])
    return Retried(
        retried=again.messages, doubtful=again.doubtful, before=rows[-1].seq if len(rows) == limit else None
    )


def _in_state(state: OutboxState, now: int) -> ColumnElement[bool]:
    """As shown: what waits for its hour is held."""
    if state is OutboxState.QUEUED:
        return and_(message.c.state == state, message.c.not_before <= now)
    if state is OutboxState.HELD:
        waits = and_(message.c.state == OutboxState.QUEUED, message.c.not_before > now)
        return or_(message.c.state == state, waits)
    known = _INDEXED.get(state)
    return (
        message.c.state == state if known is None else literal_column(f"({known})", Boolean)
    )  # word by word, for its index


def _floor(connection: Connection, before: int | None) -> int:
    top = before
    if top is None:
        top = (connection.execute(select(func.max(message.c.seq))).scalar() or 0) + 1
    return max(0, top - LOOKED_THROUGH_MAX)
