"""Who moves messages to one number on PostgreSQL waits for the other, also where they have no row in common."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from gateway.database import open_engine
from sms.outbox import (
    Attempt,
    Claimant,
    Claimed,
    Frozen,
    NewMessage,
    QuietHours,
    claim,
    drop_adverts,
    enqueue,
    metadata,
    record_attempts,
)

NOON = datetime(2025, 3, 3, 9, 0, tzinfo=UTC)
NUMBER = "79160000001"


def queue(connection: Connection, message_id: str) -> None:
    """One more message to the number."""
    one = NewMessage(
        message_id=message_id,
        subscription_id=1,
        msisdn=NUMBER,
        kind="accrued",
        params="{}",
        created_at=NOON,
        not_before=NOON,
    )
    enqueue(connection, [one])


def take(connection: Connection) -> list[Claimed]:
    """Claim what may go."""
    return claim(connection, Claimant(owner="gateway", now_business=NOON, quiet=QuietHours()), 10).messages


def write(connection: Connection, one: Claimed) -> None:
    """The attempt, before the octets."""
    frozen = Frozen(seq=one.seq, language="ru", text="T", coding="gsm7", segments=1, attempt_no=1)
    attempt = Attempt(seq=one.seq, segment_no=1, attempt_no=1, link="sms", session_id="s")
    record_attempts(connection, [frozen], [attempt], NOON)


def test_who_might_park_a_message_waits_for_who_might_let_it_go(fresh_postgres: str) -> None:
    """Without a turn the second message would be parked behind the first after that one let nobody go any more."""
    engine = open_engine(fresh_postgres)
    with engine.connect() as sender, engine.connect() as other:
        metadata.create_all(sender)
        queue(sender, "first")
        [first] = take(sender)
        write(sender, first)
        sender.commit()
        queue(sender, "second")
        sender.commit()
        drop_adverts(sender, 1)
        other.execute(text("SET LOCAL lock_timeout = 50"))
        with pytest.raises(OperationalError, match="lock timeout"):
            take(other)
    engine.dispose()
