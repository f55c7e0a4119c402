"""Which processes send, and what becomes of messages in flight when one of them dies.

Every sender has a lease of some seconds by the database's clock, which it extends while it lives. Whoever sees a
lapsed lease recovers what that sender had in flight: CLAIMED was never written and goes back; WRITTEN is UNKNOWN,
never silently queued. An SQLite file has one process: its lease has no end, and at its start all others are dead.
"""

import math
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Connection, bindparam, cast, delete, extract, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from sms.outbox.bulk import COUNTED, among, as_json, run_many, update_many
from sms.outbox.claim import let_next_go
from sms.outbox.instants import MICROS_PER_SECOND, micros_of, to_micros
from sms.outbox.model import OutboxState, ServiceClass, Step, next_state
from sms.outbox.receipts import match_waiting
from sms.outbox.retry import Policies
from sms.outbox.schema import OPEN_SQL, attempt, message, segment, sender
from sms.outbox.turns import take_turn

LEASE_SECONDS = 10.0
"""A sender that was not heard of for so long is dead: its messages in flight are taken over."""
BEAT_SECONDS = 2.0
"""How often a living one extends its lease."""
FOR_EVER = 2**62

_ALIVE = select(sender.c.owner).where(sender.c.alive_until > bindparam("now"))
_EXTEND = (
    update(sender)
    .where(sender.c.owner == bindparam("whose"), sender.c.alive_until > bindparam("now"))
    .values(alive_until=bindparam("until"), lines_up=bindparam("up"))
)
_IN_FLIGHT = select(message.c.seq, message.c.state, message.c.service_class, message.c.msisdn).where(
    text(OPEN_SQL),
    message.c.state.in_((OutboxState.CLAIMED, OutboxState.WRITTEN)),
    message.c.lease_owner.not_in(_ALIVE),
)
_GIVE_BACK = (
    update(message)
    .where(among(message.c.seq))
    .values(state=next_state(OutboxState.CLAIMED, Step.GIVE_BACK), lease_owner=None)
)
_DOUBT = update_many(
    message, ["seq"], ["retry_at"], state=next_state(OutboxState.WRITTEN, Step.DOUBT), lease_owner=None
)
_DOUBT_ATTEMPTS = (
    update(attempt).where(among(attempt.c.seq), attempt.c.status.is_(None)).values(status=OutboxState.UNKNOWN.upper())
)
_DOUBT_SEGMENTS = (
    update(segment)
    .where(among(segment.c.seq), segment.c.state == OutboxState.WRITTEN)
    .values(state=OutboxState.UNKNOWN)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What dead senders had in flight: `given_back` were never written, `in_doubt` may have been."""

    given_back: int
    in_doubt: int


def extend(
    connection: Connection, owner: str, now_wall: datetime, *, lines_up: int, lease_s: float = LEASE_SECONDS
) -> bool:
    """This sender lives and has so many links up. False: it had no lease (any more), and has a new one.

    Then others may have recovered what it had in flight, so it writes none of that.
    """
    take_turn(connection)
    now = now_of(connection, now_wall)
    until = FOR_EVER if is_alone(connection) else now + micros_of(lease_s)
    values = {"whose": owner, "now": now, "until": until, "up": lines_up}
    if connection.execute(_EXTEND, values, execution_options=COUNTED).rowcount:
        return True
    fresh = insert(sender).values(owner=owner, alive_until=until, lines_up=lines_up)
    taken = {name: fresh.excluded[name] for name in ("alive_until", "lines_up")}
    connection.execute(fresh.on_conflict_do_update(index_elements=[sender.c.owner], set_=taken))
    return False


def begin(connection: Connection, owner: str, now_wall: datetime) -> float:
    """A sender starts, under a name that none had before; how long its lease lasts, in seconds."""
    if is_alone(connection):
        connection.execute(delete(sender))
    extend(connection, owner, now_wall, lines_up=0)
    return math.inf if is_alone(connection) else LEASE_SECONDS


def leave(connection: Connection, owner: str) -> None:
    """A sender ends; what it leaves in flight is recovered by whoever looks next."""
    connection.execute(delete(sender).where(sender.c.owner == owner))


def others_send(connection: Connection, owner: str, now_wall: datetime) -> bool:
    """Whether another living sender has a link up."""
    others = _ALIVE.where(sender.c.owner != owner, sender.c.lines_up > 0).limit(1)
    return connection.execute(others, {"now": now_of(connection, now_wall)}).first() is not None


def recover(connection: Connection, now_wall: datetime, policies: Policies) -> Recovered:
    """Take over what senders without a lease have in flight, and forget those senders."""
    take_turn(connection)
    now = now_of(connection, now_wall)
    claimed: list[int] = []
    written: list[tuple[int, int]] = []
    free: list[str] = []
    doubtful: list[str] = []
    for seq, state, service_class, msisdn in connection.execute(_IN_FLIGHT, {"now": now}):
        free.append(msisdn)
        if state == OutboxState.CLAIMED:
            claimed.append(seq)
        else:
            grace = micros_of(policies[ServiceClass(service_class)].unknown_grace_s)
            written.append((seq, to_micros(now_wall) + grace))
            doubtful.append(msisdn)
    connection.execute(delete(sender).where(sender.c.alive_until <= now))
    if free:
        seqs = as_json([seq for seq, _ in written])
        connection.execute(_GIVE_BACK, {"rows": as_json(claimed)})
        run_many(connection, _DOUBT, written)
        connection.execute(_DOUBT_ATTEMPTS, {"rows": seqs})
        connection.execute(_DOUBT_SEGMENTS, {"rows": seqs})
        let_next_go(connection, free)
        match_waiting(connection, (), doubtful)
    return Recovered(given_back=len(claimed), in_doubt=len(written))


def now_of(connection: Connection, now_wall: datetime) -> int:
    """The database's clock, microseconds; a file has none and takes its only process's."""
    if is_alone(connection):
        return to_micros(now_wall)
    seconds = extract("epoch", func.clock_timestamp())
    return int(connection.execute(select(cast(seconds * MICROS_PER_SECOND, BigInteger))).scalar_one())


def is_alone(connection: Connection) -> bool:
    """Whether there can be no other process: a file has one."""
    return connection.dialect.name == "sqlite"
