"""Links the operator paused: stored, so that a pause outlives a restart and holds in every process."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert

from sms.outbox.instants import from_micros, to_micros
from sms.outbox.schema import paused_link


def pause_link(connection: Connection, name: str, now_wall: datetime) -> None:
    """Let nothing go on this link; one that is paused stays paused since then."""
    fresh = insert(paused_link).values(name=name, paused_at=to_micros(now_wall))
    connection.execute(fresh.on_conflict_do_nothing())


def resume_link(connection: Connection, name: str) -> None:
    """Let messages go on this link again."""
    connection.execute(delete(paused_link).where(paused_link.c.name == name))


def paused_links(connection: Connection) -> frozenset[str]:
    """Names of all links that are paused."""
    return frozenset(connection.execute(select(paused_link.c.name)).scalars())


def pauses(connection: Connection) -> Sequence[tuple[str, datetime]]:
    """Names of all links that are paused, and since when."""
    rows = connection.execute(select(paused_link).order_by(paused_link.c.name))
    return [(row.name, from_micros(row.paused_at)) for row in rows]
