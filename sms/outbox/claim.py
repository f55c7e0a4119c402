"""Off the queue, by priority, then age; one message per destination at a time.

While a message is in flight or waits for its next attempt, later ones to the same number stay behind it, so that a
subscriber reads them in order. What a claim finds waiting so is parked: no later claim steps over it again, and
whoever settles the one in front lets the next one go (`let_next_go`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select, text, update

from sms.outbox.bulk import among, among_selected, as_json, json_rows, run_many, update_many, whole
from sms.outbox.instants import from_micros, to_micros
from sms.outbox.model import Claimed, DeathReason, OutboxState, Priority, Step, next_state
from sms.outbox.quiet import QuietHours
from sms.outbox.schema import OPEN_SQL, READY_SQL, message
from sms.outbox.turns import take_turn

ROUNDS_MAX = 8
"""Looks at the front of the queue in one claim; each puts aside what it found in the way."""

_other = message.alias("other")
_in_the_way = (
    select(_other.c.seq)
    .where(
        _other.c.msisdn == message.c.msisdn,
        text(f"other.{OPEN_SQL}"),
        _other.c.state != OutboxState.UNKNOWN,
        or_(_other.c.state != OutboxState.HELD, _other.c.priority <= message.c.priority),
    )
    .exists()
)
_FRONT = (
    select(*(message.c[name] for name in Claimed._fields), message.c.time_zone, _in_the_way.label("is_blocked"))
    .where(text(READY_SQL), message.c.priority == bindparam("of_priority"), message.c.not_before <= bindparam("now"))
    .order_by(message.c.not_before, message.c.seq)
    .limit(bindparam("at_most"))
)

_TAKE = (
    update(message)
    .where(among(message.c.seq))
    .values(
        state=next_state(OutboxState.QUEUED, Step.CLAIM),
        lease_owner=bindparam("owner"),
    )
)
_PARK = update(message).where(among(message.c.seq)).values(parked=1)
_POSTPONE = update_many(message, ["seq"], ["not_before"])
_BURY = update_many(
    message,
    ["seq"],
    ["reason"],
    state=OutboxState.DEAD,
    parked=0,
    retry_at=None,
    lease_owner=None,
)

_given = json_rows()
_behind = message.alias("behind")
_first_behind = (
    select(_behind.c.seq)
    .where(text("behind.parked = 1"), _behind.c.msisdn == whole(_given, message.c.msisdn))
    .order_by(_behind.c.priority, _behind.c.not_before, _behind.c.seq)
    .limit(1)
    .correlate(_given)
    .scalar_subquery()
)
_LET_GO = (
    update(message).where(among_selected(message.c.seq, select(_first_behind).select_from(_given))).values(parked=0)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a claim brought. `expired` were buried, `postponed` wait for the end of quiet hours.

    `may_hold_more`: there may be more to claim at once.
    """

    messages: list[Claimed]
    expired: int
    postponed: int
    may_hold_more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimant:
    """Who claims, and when by the business clock. `owner` is a sender (`sms.outbox.senders`)."""

    owner: str
    now_business: datetime
    quiet: QuietHours


@dataclass(slots=True)
class _Sorted:
    """Candidates sorted by what is to be done with them."""

    taken: list[Claimed] = field(default_factory=list)
    parked: list[int] = field(default_factory=list)
    expired: list[tuple[int, str]] = field(default_factory=list)
    postponed: list[tuple[int, int]] = field(default_factory=list)
    out_of_the_way: list[str] = field(default_factory=list)
    """Destinations whose first message left the queue without being sent."""


def claim(connection: Connection, claimant: Claimant, limit: int) -> Claim:
    """Take at most `limit` messages that are due, whose destination is free and whose hour is not quiet.

    They are CLAIMED until `record_attempts` in the same transaction, or in a later one of the same owner.
    """
    take_turn(connection)
    taken: list[Claimed] = []
    busy: set[str] = set()
    expired = postponed = 0
    is_cut_short = False
    for priority in Priority:
        for round_no in range(ROUNDS_MAX + 1):
            asked = limit - len(taken)
            if not asked or round_no == ROUNDS_MAX:
                is_cut_short = True
                break
            rows = _front(connection, claimant, priority, asked)
            found = _sort(rows, claimant, busy)
            _store(connection, claimant, found)
            taken += found.taken
            expired += len(found.expired)
            postponed += len(found.postponed)
            if len(rows) < asked and not found.out_of_the_way:
                break
    return Claim(messages=taken, expired=expired, postponed=postponed, may_hold_more=is_cut_short)


def bury(connection: Connection, dead: Iterable[tuple[int, str]], destinations: Iterable[str]) -> None:
    """Make messages (`seq`, reason) dead letters, and let what waited behind them go."""
    run_many(connection, _BURY, list(dead))
    let_next_go(connection, destinations)


def let_next_go(connection: Connection, destinations: Iterable[str]) -> None:
    """The first message parked behind each destination may be claimed again."""
    distinct = list(dict.fromkeys(destinations))
    if distinct:
        connection.execute(_LET_GO, {"rows": as_json(distinct)})


def _front(connection: Connection, claimant: Claimant, priority: Priority, at_most: int) -> Sequence[Any]:
    return connection.execute(
        _FRONT,
        {"of_priority": int(priority), "now": to_micros(claimant.now_business), "at_most": at_most},
    ).all()


def _sort(rows: Sequence[Any], claimant: Claimant, busy: set[str]) -> _Sorted:
    found = _Sorted()
    now = to_micros(claimant.now_business)
    release_by_zone: dict[str | None, int] = {None: now}
    width = len(Claimed._fields)
    for row in rows:
        one = Claimed._make(row[:width])
        zone, is_blocked = row[width], row[width + 1]
        if zone not in release_by_zone:
            release_by_zone[zone] = to_micros(claimant.quiet.release_in(from_micros(now), zone))
        if one.expires_at is not None and one.expires_at <= now:
            found.expired.append((one.seq, DeathReason.EXPIRED.value))
            found.out_of_the_way.append(one.msisdn)
        elif is_blocked or one.msisdn in busy:
            found.parked.append(one.seq)
        elif release_by_zone[zone] > now:
            found.postponed.append((one.seq, release_by_zone[zone]))
            found.out_of_the_way.append(one.msisdn)
        else:
            busy.add(one.msisdn)
            found.taken.append(one)
    return found


def _store(connection: Connection, claimant: Claimant, found: _Sorted) -> None:
    if found.parked:
        connection.execute(_PARK, {"rows": as_json(found.parked)})
    if found.postponed:
        run_many(connection, _POSTPONE, found.postponed)
    if found.expired:
        run_many(connection, _BURY, found.expired)
    let_next_go(connection, found.out_of_the_way)
    if found.taken:
        seqs = as_json([one.seq for one in found.taken])
        connection.execute(_TAKE, {"rows": seqs, "owner": claimant.owner})
