"""Who sends: leases by the database's clock; what a dead sender had in flight is taken over, a living one's never."""

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from both_databases import Databases, Pool
from sqlalchemy import Connection

from sms.outbox import (
    ADVERT_POLICY,
    SERVICE_POLICY,
    Answer,
    Attempt,
    Claimant,
    Claimed,
    Frozen,
    NewMessage,
    OutboxState,
    QuietHours,
    SegmentOutcome,
    ServiceClass,
    Settled,
    begin,
    claim,
    due_unknown,
    enqueue,
    extend,
    leave,
    messages_of,
    others_send,
    record_attempts,
    record_responses,
    recover,
    verdict,
)
from sms.outbox.instants import to_micros
from sms.outbox.senders import LEASE_SECONDS

NOON = datetime(2025, 3, 3, 9, 0, tzinfo=UTC)
POLICIES = {ServiceClass.SERVICE: SERVICE_POLICY, ServiceClass.ADVERT: ADVERT_POLICY}
A, B = "79160000001", "79160000002"
LAPSED = -1.0


class Half:
    def random(self) -> float:
        return 0.5


@pytest.fixture
def shared(postgres_pool: Pool) -> Iterator[Connection]:
    """A database that several processes may use."""
    databases = Databases(postgres_pool)
    yield databases.open()
    databases.close()


@pytest.fixture
def alone() -> Iterator[Connection]:
    """A file's database, which one process uses."""
    databases = Databases(None)
    yield databases.open()
    databases.close()


def queue(db: Connection, *message_ids: str, msisdn: str = A) -> None:
    enqueue(
        db,
        [
            NewMessage(
                message_id=one,
                subscription_id=1,
                msisdn=msisdn,
                kind="accrued",
                params="{}",
                created_at=NOON,
                not_before=NOON,
            )
            for one in message_ids
        ],
    )


def take(db: Connection, owner: str) -> Sequence[Claimed]:
    return claim(db, Claimant(owner=owner, now_business=NOON, quiet=QuietHours()), 10).messages


def write(db: Connection, messages: Sequence[Claimed]) -> None:
    record_attempts(
        db,
        [
            Frozen(seq=one.seq, language="ru", text="Т", coding="ucs2", segments=1, attempt_no=one.attempts + 1)
            for one in messages
        ],
        [
            Attempt(seq=one.seq, segment_no=1, attempt_no=one.attempts + 1, link="sms", session_id="s")
            for one in messages
        ],
        NOON,
    )


def answered(db: Connection, one: Claimed, answer: Answer, smsc_id: str | None = None) -> None:
    outcome = SegmentOutcome(
        segment_no=1,
        attempt_no=one.attempts + 1,
        answer=answer,
        status=answer.upper(),
        responded_at=to_micros(NOON),
        smsc_id=smsc_id,
    )
    decided = verdict([outcome], SERVICE_POLICY, failures=0, now_wall=to_micros(NOON), rng=Half())
    record_responses(db, [Settled(seq=one.seq, msisdn=one.msisdn, segments=1, outcomes=[outcome], verdict=decided)])


def states(db: Connection) -> dict[str, str]:
    return {one.message_id: one.state.value for one in messages_of(db, 1, NOON)}


def test_what_a_living_sender_has_in_flight_is_left_alone(shared: Connection) -> None:
    begin(shared, "first", NOON)
    queue(shared, "m")
    write(shared, take(shared, "first"))
    begin(shared, "second", NOON)
    assert recover(shared, NOON + timedelta(days=1), POLICIES).in_doubt == 0  # whatever a process's own clock says
    assert states(shared) == {"m": "written"}


def test_a_lapsed_lease_gives_back_what_was_claimed_and_doubts_what_was_written(shared: Connection) -> None:
    begin(shared, "first", NOON)
    begin(shared, "second", NOON)
    queue(shared, "claimed")
    queue(shared, "written", "behind", msisdn=B)
    taken = {one.message_id: one for one in take(shared, "first")}
    assert set(taken) == {"claimed", "written"}
    write(shared, [taken["written"]])
    extend(shared, "first", NOON, lines_up=1, lease_s=LAPSED)
    found = recover(shared, NOON, POLICIES)
    assert (found.given_back, found.in_doubt) == (1, 1)
    assert states(shared) == {"claimed": "queued", "written": "unknown", "behind": "queued"}
    assert [one.message_id for one in take(shared, "second")] == ["claimed", "behind"]
    assert recover(shared, NOON, POLICIES).in_doubt == 0


def test_a_sender_that_was_taken_for_dead_is_told_when_it_extends_its_lease(shared: Connection) -> None:
    begin(shared, "first", NOON)
    assert extend(shared, "first", NOON, lines_up=1)
    extend(shared, "first", NOON, lines_up=1, lease_s=LAPSED)
    recover(shared, NOON, POLICIES)
    assert not extend(shared, "first", NOON, lines_up=1)
    assert extend(shared, "first", NOON, lines_up=1)


def test_one_message_is_in_flight_per_destination_over_all_senders(shared: Connection) -> None:
    begin(shared, "first", NOON)
    begin(shared, "second", NOON)
    queue(shared, "m1", "m2")
    [first] = take(shared, "first")
    write(shared, [first])
    assert take(shared, "second") == []
    answered(shared, first, Answer.ACCEPTED, "1")
    assert [one.message_id for one in take(shared, "second")] == ["m2"]


def test_the_late_answer_of_one_taken_for_dead_counts_while_nobody_sent_again(shared: Connection) -> None:
    begin(shared, "first", NOON)
    queue(shared, "m")
    [one] = take(shared, "first")
    write(shared, [one])
    leave(shared, "first")
    recover(shared, NOON, POLICIES)
    assert states(shared) == {"m": "unknown"}
    answered(shared, one, Answer.ACCEPTED, "1")
    assert states(shared) == {"m": "accepted"}


@pytest.mark.parametrize("late", [Answer.NEVER_WRITTEN, Answer.TEMPORARY, Answer.UNKNOWN, Answer.PERMANENT])
def test_a_late_answer_changes_nothing_of_the_attempt_that_is_on_its_way_now(
    shared: Connection, late: Answer
) -> None:
    begin(shared, "first", NOON)
    begin(shared, "second", NOON)
    queue(shared, "m", "behind")
    [old] = take(shared, "first")
    write(shared, [old])
    leave(shared, "first")
    recover(shared, NOON, POLICIES)
    later = NOON + timedelta(seconds=SERVICE_POLICY.unknown_grace_s)
    assert due_unknown(shared, later, POLICIES).resent == 1
    [again] = take(shared, "second")
    write(shared, [again])
    answered(shared, old, late)
    assert states(shared)["m"] == OutboxState.WRITTEN
    assert take(shared, "second") == []
    answered(shared, again, Answer.ACCEPTED, "2")
    assert states(shared)["m"] == OutboxState.ACCEPTED


def test_whether_another_sends_is_known_from_its_last_word_until_its_lease_ends(shared: Connection) -> None:
    begin(shared, "first", NOON)
    begin(shared, "second", NOON)
    assert not others_send(shared, "first", NOON)
    extend(shared, "second", NOON, lines_up=2)
    assert others_send(shared, "first", NOON)
    assert not others_send(shared, "second", NOON)
    extend(shared, "second", NOON, lines_up=2, lease_s=LAPSED)
    assert not others_send(shared, "first", NOON)


def test_at_the_start_on_a_file_every_sender_before_is_dead(alone: Connection) -> None:
    begin(alone, "last run", NOON)
    queue(alone, "m")
    write(alone, take(alone, "last run"))
    later = NOON + timedelta(days=9)
    assert recover(alone, later, POLICIES).in_doubt == 0
    begin(alone, "this run", later)
    assert recover(alone, later, POLICIES).in_doubt == 1


def test_a_lease_lasts_for_seconds_where_there_may_be_others_and_for_ever_on_a_file(
    shared: Connection, alone: Connection
) -> None:
    assert begin(shared, "first", NOON) == LEASE_SECONDS
    assert begin(alone, "first", NOON) == math.inf
