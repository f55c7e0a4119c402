"""What happens to messages beside sending: waits that end, the subscriber's wishes, the operator's hand."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, select, text, update

from sms.outbox.bulk import among, as_json
from sms.outbox.claim import bury, let_next_go
from sms.outbox.instants import micros_of, to_micros
from sms.outbox.model import DeathReason, OutboxState, ServiceClass, Step, next_state
from sms.outbox.retry import Policies
from sms.outbox.schema import (
    DEAD_SQL,
    HELD_SQL,
    UNKNOWN_SQL,
    UNMATCHED_SQL,
    inbox,
    inbox_part,
    message,
    receipt,
)
from sms.outbox.turns import take_turn

RECEIPT_WAIT_SECONDS = 900.0
"""How long an unmatched receipt waits for its answer."""
DUE_ROWS_MAX = 1_000
"""Waits ended in one transaction; the rest follow in the next."""
NEVER_RETRIED = (DeathReason.OPTED_OUT, DeathReason.ERASED)

_STILL_TO_SEND = (OutboxState.QUEUED, OutboxState.HELD, OutboxState.UNKNOWN)

_HELD_DUE = (
    select(message.c.seq)
    .where(text(HELD_SQL), message.c.retry_at <= bindparam("now"))
    .order_by(message.c.retry_at)
    .limit(DUE_ROWS_MAX)
)
_UNKNOWN_DUE = (
    select(message.c.seq, message.c.service_class, message.c.resends, message.c.msisdn)
    .where(text(UNKNOWN_SQL), message.c.retry_at <= bindparam("now"))
    .order_by(message.c.retry_at)
    .limit(DUE_ROWS_MAX)
)
_REQUEUE_HELD = (
    update(message).where(among(message.c.seq)).values(state=next_state(OutboxState.HELD, Step.DUE), retry_at=None)
)
_RESEND = (
    update(message)
    .where(among(message.c.seq))
    .values(state=next_state(OutboxState.UNKNOWN, Step.DUE), retry_at=None, resends=message.c.resends + 1)
)
_PENDING_OF = select(message.c.seq, message.c.msisdn).where(
    message.c.subscription_id == bindparam("of_subscription"), message.c.state.in_(_STILL_TO_SEND)
)
_RETRY = (
    update(message)
    .where(
        text(DEAD_SQL), among(message.c.message_id), message.c.reason.not_in(NEVER_RETRIED), message.c.msisdn != ""
    )
    .values(state=next_state(OutboxState.DEAD, Step.RETRY), reason=None, failures=0, expires_at=None)
)


_RETRY_DOUBTFUL = _RETRY.where(message.c.reason == DeathReason.OUTCOME_UNKNOWN).values(resends=message.c.resends + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentAgain:
    """Dead letters the operator queued again; of these `doubtful` may have reached somebody already."""

    messages: int
    doubtful: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resent:
    """Messages whose grace after an unknown outcome ended: `resent` may reach somebody twice, `dead` are given up."""

    resent: int
    dead: int


def release_held(connection: Connection, now_wall: datetime) -> int:
    """Messages whose wait before the next attempt has ended are queued again; how many."""
    take_turn(connection)
    seqs = connection.execute(_HELD_DUE, {"now": to_micros(now_wall)}).scalars().all()
    if seqs:
        connection.execute(_REQUEUE_HELD, {"rows": as_json(seqs)})
    return len(seqs)


def due_unknown(connection: Connection, now_wall: datetime, policies: Policies) -> Resent:
    """Messages of unknown outcome whose grace has ended: sent again as often as their class allows, then dead."""
    take_turn(connection)
    again: list[int] = []
    dead: list[tuple[int, str]] = []
    destinations: list[str] = []
    for seq, service_class, resends, msisdn in connection.execute(_UNKNOWN_DUE, {"now": to_micros(now_wall)}):
        if resends < policies[ServiceClass(service_class)].resends_max:
            again.append(seq)
        else:
            dead.append((seq, DeathReason.OUTCOME_UNKNOWN.value))
            destinations.append(msisdn)
    if again:
        connection.execute(_RESEND, {"rows": as_json(again)})
    if dead:
        bury(connection, dead, destinations)
    return Resent(resent=len(again), dead=len(dead))


def forget_receipts(connection: Connection, now_wall: datetime) -> int:
    """Receipts that waited too long for an answer naming their id are dropped; how many."""
    oldest = to_micros(now_wall) - micros_of(RECEIPT_WAIT_SECONDS)
    return connection.execute(delete(receipt).where(text(UNMATCHED_SQL), receipt.c.received_at < oldest)).rowcount


def drop_adverts(connection: Connection, subscription_id: int) -> int:
    """STOP: adverts not yet sent become dead letters at once; how many."""
    take_turn(connection)
    pending = connection.execute(
        _PENDING_OF.where(message.c.service_class == ServiceClass.ADVERT), {"of_subscription": subscription_id}
    ).all()
    return _drop(connection, pending, DeathReason.OPTED_OUT)


def erase(connection: Connection, subscription_id: int, msisdns: Sequence[str]) -> int:
    """Forget numbers and texts of a subscription, and what it wrote; what is not yet sent never will be."""
    take_turn(connection)
    pending = connection.execute(_PENDING_OF, {"of_subscription": subscription_id}).all()
    dropped = _drop(connection, pending, DeathReason.ERASED)
    seqs = select(message.c.seq).where(message.c.subscription_id == subscription_id)
    connection.execute(update(receipt).where(receipt.c.seq.in_(seqs)).values(source=""))
    connection.execute(delete(receipt).where(text(UNMATCHED_SQL), receipt.c.source.in_(msisdns)))
    connection.execute(
        update(message)
        .where(message.c.subscription_id == subscription_id)
        .values(msisdn="", params="{}", text=case((message.c.text.is_(None), None), else_=""))
    )
    connection.execute(delete(inbox).where(inbox.c.source.in_(msisdns)))
    connection.execute(delete(inbox_part).where(inbox_part.c.source.in_(msisdns)))
    return dropped


def readdress(connection: Connection, subscription_id: int, new_msisdn: str) -> int:
    """The subscription has another number: what is not yet sent goes there; how many messages."""
    take_turn(connection)
    pending = connection.execute(_PENDING_OF, {"of_subscription": subscription_id}).all()
    seqs = as_json([row.seq for row in pending])
    connection.execute(
        update(message).where(among(message.c.seq)).values(msisdn=new_msisdn, parked=0), {"rows": seqs}
    )
    let_next_go(connection, [row.msisdn for row in pending])
    return len(pending)


def retry_dead(connection: Connection, message_ids: Iterable[str]) -> SentAgain:
    """The operator sends dead letters again, with all attempts before them; not those a subscriber refused."""
    take_turn(connection)
    rows = {"rows": as_json(list(message_ids))}
    doubtful = connection.execute(_RETRY_DOUBTFUL, rows).rowcount
    return SentAgain(messages=doubtful + connection.execute(_RETRY, rows).rowcount, doubtful=doubtful)


def _drop(connection: Connection, pending: Sequence[Any], reason: DeathReason) -> int:
    if pending:
        bury(connection, [(row.seq, reason.value) for row in pending], [row.msisdn for row in pending])
    return len(pending)
