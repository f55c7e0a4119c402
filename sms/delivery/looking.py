"""One look a second at what ends by itself: waits, graces, leases of others. Runs in a database thread."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from sms.outbox.inbox_parts import finish_parts
from sms.outbox.paused import paused_links
from sms.outbox.retry import Policies
from sms.outbox.senders import Recovered, extend, is_alone, recover
from sms.outbox.upkeep import Resent, due_unknown, forget_receipts, release_held


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """What ended by itself in one look."""

    held_released: int
    unknown: Resent
    receipts_forgotten: int
    taken_over: Recovered
    was_leased: bool
    paused: frozenset[str]
    parts_unfinished: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """What this process says of itself, now and then, and what it looks for then."""

    owner: str
    lines_up: int


def look_after(connection: Connection, now: datetime, policies: Policies, beat: Beat | None) -> Upkeep:
    """End the waits that are over; with a `beat` also extend our lease and take over from the dead."""
    taken_over, was_leased = Recovered(given_back=0, in_doubt=0), True
    parts_unfinished = 0
    if beat is not None:
        parts_unfinished = finish_parts(connection, now)
        if not is_alone(connection):
            was_leased = extend(connection, beat.owner, now, lines_up=beat.lines_up)
            taken_over = recover(connection, now, policies)
    return Upkeep(
        held_released=release_held(connection, now),
        unknown=due_unknown(connection, now, policies),
        receipts_forgotten=forget_receipts(connection, now),
        taken_over=taken_over,
        was_leased=was_leased,
        paused=paused_links(connection),
        parts_unfinished=parts_unfinished,
    )
