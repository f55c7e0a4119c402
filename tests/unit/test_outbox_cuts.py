"""How longer messages were cut, stored on both databases."""

from datetime import UTC, datetime

from both_databases import Databases
from sqlalchemy import Connection, select

from sms.outbox import Attempt, Claimant, Claimed, Frozen, NewMessage, QuietHours, claim, enqueue, record_attempts
from sms.outbox.attempts import unsent_segments
from sms.outbox.cuts import Cut, cut_anew, known_cuts, last_references
from sms.outbox.schema import attempt

NOON = datetime(2025, 3, 3, 9, 0, tzinfo=UTC)


def given_written(connection: Connection, message_id: str, *, subscription_id: int, reference: int) -> Claimed:
    """A message of two segments, submitted, as the next look at the queue would find it."""
    one = NewMessage(
        message_id=message_id, subscription_id=subscription_id, msisdn=f"7916000000{subscription_id}",
        kind="accrued", params="{}", created_at=NOON, not_before=NOON,
    )  # fmt: skip
    enqueue(connection, [one])
    [taken] = claim(connection, Claimant(owner="gateway", now_business=NOON, quiet=QuietHours()), 1).messages
    frozen = Frozen(seq=taken.seq, language="ru", text="T", coding="gsm7", segments=2, attempt_no=1)
    attempts = [
        Attempt(seq=taken.seq, segment_no=number, attempt_no=1, link="sms", session_id="s") for number in (1, 2)
    ]
    known = Cut(seq=taken.seq, subscription_id=subscription_id, reference=reference, form="gsm7:udh8:0:0")
    record_attempts(connection, [frozen], attempts, NOON, cuts=[known])
    return taken._replace(segments=2)


def test_cuts_are_found_by_message_and_references_by_destination(databases: Databases) -> None:
    with databases.open() as connection:
        first = given_written(connection, "a", subscription_id=1, reference=70_000)
        second = given_written(connection, "b", subscription_id=2, reference=3)
        assert known_cuts(connection, [first, second]) == {
            first.seq: Cut(seq=first.seq, subscription_id=1, reference=70_000, form="gsm7:udh8:0:0"),
            second.seq: Cut(seq=second.seq, subscription_id=2, reference=3, form="gsm7:udh8:0:0"),
        }
        assert known_cuts(connection, [first._replace(segments=1)]) == {}
        assert last_references(connection, [1, 2, 3, 1]) == {1: 70_000, 2: 3}
        assert last_references(connection, []) == {}


def test_message_cut_anew_has_no_segments_and_hears_no_late_receipts(databases: Databases) -> None:
    with databases.open() as connection:
        first = given_written(connection, "a", subscription_id=1, reference=1)
        second = given_written(connection, "b", subscription_id=2, reference=1)
        connection.execute(attempt.update().values(smsc_key="k"))
        cut_anew(connection, [first.seq])
        assert set(known_cuts(connection, [first, second])) == {second.seq}
        assert unsent_segments(connection, [first, second]) == {second.seq: [1, 2]}
        keys = connection.execute(select(attempt.c.seq, attempt.c.smsc_key).distinct()).all()
        assert {row.seq: row.smsc_key for row in keys} == {first.seq: None, second.seq: "k"}
