"""The outbox on a database: queued once, claimed in order, answered and receipted in any order."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from both_databases import Databases
from sqlalchemy import Connection, Executable, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from gateway.database import open_engine
from sms.outbox import (
    ADVERT_POLICY,
    SERVICE_POLICY,
    Answer,
    Attempt,
    Claim,
    Claimant,
    Claimed,
    Frozen,
    MessageMalformed,
    MessageView,
    MobileOriginated,
    NewMessage,
    NewReceipt,
    OutboxState,
    Priority,
    QuietHours,
    SegmentOutcome,
    SentAgain,
    ServiceClass,
    Settled,
    Step,
    claim,
    dead_letters,
    drop_adverts,
    due_unknown,
    enqueue,
    erase,
    forget_receipts,
    has_untried,
    messages_of,
    metadata,
    next_release,
    pending_counts,
    readdress,
    record_attempts,
    record_mo,
    record_receipts,
    record_responses,
    recover,
    reference_of,
    release_held,
    retry_dead,
    unsent_segments,
    verdict,
)
from sms.outbox.claim import _FRONT, _LET_GO
from sms.outbox.instants import to_micros
from sms.outbox.receipts import _BY_KEY, _IN_DOUBT, _UNANSWERED, _WAITING_BY_KEY, _WAITING_BY_NUMBER
from sms.outbox.schema import inbox, message

NOON = datetime(2025, 3, 3, 9, 0, tzinfo=UTC)  # 12:00 in Moscow
POLICIES = {ServiceClass.SERVICE: SERVICE_POLICY, ServiceClass.ADVERT: ADVERT_POLICY}
A, B = "79160000001", "79160000002"


class Half:
    def random(self) -> float:
        return 0.5


@pytest.fixture
def db(databases: Databases) -> Connection:
    return databases.open()


def new(message_id: str, msisdn: str = A, **fields: object) -> NewMessage:
    given = {"subscription_id": int(msisdn or 1) % 100, "kind": "accrued", "params": "{}", "created_at": NOON}
    return NewMessage(**{"message_id": message_id, "msisdn": msisdn, "not_before": NOON, **given, **fields})  # type: ignore[arg-type]


def take(db: Connection, limit: int = 100, *, now: datetime = NOON, owner: str = "gateway") -> Claim:
    return claim(db, Claimant(owner=owner, now_business=now, quiet=QuietHours()), limit)


def ids(found: Claim) -> list[str]:
    return [one.message_id for one in found.messages]


def write(db: Connection, messages: Sequence[Claimed], *, segments: int = 1, wall: datetime = NOON) -> None:
    unsent = unsent_segments(db, messages)
    record_attempts(
        db,
        [
            Frozen(
                seq=one.seq, language="ru", text=one.text or "Т", coding="ucs2", segments=segments,
                attempt_no=one.attempts + 1,
            )
            for one in messages
        ],
        [
            Attempt(seq=one.seq, segment_no=no, attempt_no=one.attempts + 1, link="sms", session_id="s")
            for one in messages
            for no in unsent.get(one.seq, range(1, segments + 1))
        ],
        wall,
    )  # fmt: skip


def settle(
    db: Connection, one: Claimed, *answers: tuple[int, Answer, str | None], segments: int = 1, wall: datetime = NOON
) -> int:
    found = [
        SegmentOutcome(
            segment_no=no,
            attempt_no=one.attempts + 1,
            answer=answer,
            status=answer.upper(),
            responded_at=to_micros(wall),
            smsc_id=smsc_id,
            sequence_no=7,
        )
        for no, answer, smsc_id in answers
    ]
    decided = verdict(
        found,
        POLICIES[ServiceClass(one.service_class)],
        failures=one.failures,
        now_wall=to_micros(wall),
        rng=Half(),
    )
    return record_responses(
        db, [Settled(seq=one.seq, msisdn=one.msisdn, segments=segments, outcomes=found, verdict=decided)]
    )


def receipt(smsc_id: str, step: Step, source: str = A, **fields: object) -> NewReceipt:
    return NewReceipt(link="sms", smsc_id=smsc_id, step=step, source=source, **fields)  # type: ignore[arg-type]


def state(db: Connection, message_id: str) -> OutboxState:
    return OutboxState(db.execute(select(message.c.state).where(message.c.message_id == message_id)).scalar_one())


def view(db: Connection, message_id: str, *, now: datetime = NOON) -> MessageView:
    owner = db.execute(select(message.c.subscription_id).where(message.c.message_id == message_id)).scalar_one()
    return next(one for one in messages_of(db, owner, now) if one.message_id == message_id)


def given_accepted(db: Connection, message_id: str = "m", smsc_id: str = "id-1", msisdn: str = A) -> Claimed:
    enqueue(db, [new(message_id, msisdn)])
    one = next(found for found in take(db).messages if found.message_id == message_id)
    write(db, [one])
    settle(db, one, (1, Answer.ACCEPTED, smsc_id))
    return one


def given_unknown(db: Connection, message_id: str = "m", **fields: object) -> Claimed:
    enqueue(db, [new(message_id, **fields)])
    [one] = take(db).messages
    write(db, [one])
    settle(db, one, (1, Answer.UNKNOWN, None))
    return one


# -- into the queue


def test_a_message_is_queued_once_however_often_it_is_enqueued(db: Connection) -> None:
    assert enqueue(db, [new("accrued:ozon:o-1"), new("accrued:ozon:o-1"), new("accrued:ozon:o-2")]) == 2
    assert enqueue(db, [new("accrued:ozon:o-1", params='{"other":1}')]) == 0
    assert len(messages_of(db, 1, NOON)) == 2


@pytest.mark.parametrize(
    "wrong",
    [{"msisdn": ""}, {"msisdn": "+79160000001"}, {"msisdn": "1" * 16}, {"message_id": ""}, {"params": "x" * 4001}],
)
def test_what_no_wire_or_table_can_carry_is_refused_before_it_is_queued(
    db: Connection, wrong: dict[str, str]
) -> None:
    fields = {"message_id": "m", "msisdn": A, **wrong}
    with pytest.raises(MessageMalformed):
        enqueue(db, [new(**fields)])


def test_the_database_itself_refuses_a_state_that_is_none(db: Connection) -> None:
    enqueue(db, [new("m")])
    with pytest.raises(IntegrityError), db.begin_nested():
        db.execute(message.update().values(state="lost"))
    with pytest.raises(IntegrityError):
        db.execute(message.update().values(state="dead", reason=None))


def test_on_postgresql_who_moves_messages_waits_until_the_other_has_committed(fresh_postgres: str) -> None:
    engine = open_engine(fresh_postgres)
    with engine.connect() as one, engine.connect() as other:
        metadata.create_all(one)
        enqueue(one, [new("first"), new("second")])
        one.commit()
        taken = take(one)
        other.execute(text("SET LOCAL lock_timeout = 50"))
        with pytest.raises(OperationalError, match="lock timeout"):
            take(other)
        other.rollback()
        write(one, taken.messages)
        settle(one, taken.messages[0], (1, Answer.ACCEPTED, "id-1"))
        one.commit()
        assert ids(take(other)) == ["second"], "it was parked, and let go by the answer"


def test_thousands_of_messages_in_one_call_are_all_there(db: Connection) -> None:
    assert enqueue(db, [new(f"m{at}", str(79160000000 + at)) for at in range(12_001)]) == 12_001


# -- off the queue


def test_priority_goes_before_age_and_age_before_arrival(db: Connection) -> None:
    enqueue(db, [new("bulk", "1", priority=Priority.BULK, not_before=NOON - timedelta(hours=2))])
    enqueue(db, [new("young", "2"), new("old", "3", not_before=NOON - timedelta(minutes=1))])
    enqueue(db, [new("registered", "4", priority=Priority.URGENT)])
    assert ids(take(db)) == ["registered", "old", "young", "bulk"]


def test_at_most_as_many_as_asked_and_the_rest_next_time(db: Connection) -> None:
    enqueue(db, [new(f"m{at}", str(at)) for at in range(5)])
    first = take(db, 2)
    assert (ids(first), first.may_hold_more) == (["m0", "m1"], True)
    assert ids(take(db, 9)) == ["m2", "m3", "m4"]
    assert not take(db, 9).may_hold_more


def test_not_before_its_instant(db: Connection) -> None:
    later = NOON + timedelta(hours=1)
    enqueue(db, [new("m", not_before=later)])
    assert ids(take(db, now=later - timedelta(microseconds=1))) == []
    assert view(db, "m").state is OutboxState.HELD
    assert ids(take(db, now=later)) == ["m"]


def test_one_message_per_destination_is_in_flight_and_the_next_goes_when_it_is_answered(db: Connection) -> None:
    enqueue(db, [new("a1"), new("a2"), new("a3"), new("b1", B)])
    first, other = take(db).messages
    assert (first.message_id, other.message_id) == ("a1", "b1")
    assert ids(take(db)) == []
    write(db, [first, other])
    settle(db, first, (1, Answer.ACCEPTED, "1"))
    assert ids(take(db)) == ["a2"]
    assert ids(take(db)) == []


def test_an_unknown_one_does_not_block_those_behind_it(db: Connection) -> None:
    enqueue(db, [new("a1"), new("a2")])
    [first] = take(db).messages
    write(db, [first])
    settle(db, first, (1, Answer.UNKNOWN, None))
    assert ids(take(db)) == ["a2"]


def test_one_that_waits_for_its_next_attempt_keeps_later_ones_behind_it(db: Connection) -> None:
    enqueue(db, [new("a1"), new("a2")])
    [first] = take(db).messages
    write(db, [first])
    settle(db, first, (1, Answer.TEMPORARY, None))
    assert state(db, "a1") is OutboxState.HELD
    assert ids(take(db)) == []
    enqueue(db, [new("registered", priority=Priority.URGENT)])
    assert ids(take(db)) == ["registered"]


def test_a_throttled_one_keeps_its_place_before_those_behind_it(db: Connection) -> None:
    enqueue(db, [new("a1"), new("a2")])
    [first] = take(db).messages
    write(db, [first])
    settle(db, first, (1, Answer.THROTTLED, None))
    [again] = take(db).messages
    assert (again.message_id, again.failures, again.attempts) == ("a1", 0, 1)


def test_a_long_queue_to_one_number_is_stepped_over_once(db: Connection) -> None:
    enqueue(db, [new(f"a{at}") for at in range(50)] + [new("b", B)])
    found: list[str] = []
    for _ in range(3):
        found += ids(take(db, 10))
    assert found == ["a0", "b"]


def test_expired_is_checked_when_taken_and_is_a_dead_letter(db: Connection) -> None:
    enqueue(db, [new("late", expires_at=NOON), new("fresh", expires_at=NOON + timedelta(microseconds=1))])
    found = take(db)
    assert (ids(found), found.expired) == (["fresh"], 1)
    assert (view(db, "late").state, view(db, "late").reason) == (OutboxState.DEAD, "EXPIRED")


def test_what_is_due_but_met_by_quiet_hours_waits_for_their_end(db: Connection) -> None:
    enqueue(db, [new("notice", time_zone="Europe/Moscow"), new("registered", B)])
    night = NOON + timedelta(hours=10)
    found = take(db, now=night)
    assert (ids(found), found.postponed) == (["registered"], 1)
    morning = datetime(2025, 3, 4, 6, tzinfo=UTC)
    assert view(db, "notice", now=night).not_before == morning
    assert view(db, "notice", now=night).state is OutboxState.HELD
    assert ids(take(db, now=morning)) == ["notice"]


def test_who_waits_behind_an_expired_or_postponed_one_is_let_go(db: Connection) -> None:
    enqueue(db, [new("a1"), new("a2", expires_at=NOON + timedelta(minutes=1)), new("a3", time_zone="Europe/Moscow")])
    enqueue(db, [new("a4")])
    [first] = take(db).messages
    write(db, [first])
    settle(db, first, (1, Answer.ACCEPTED, "1"))
    found = take(db, now=NOON + timedelta(hours=10))
    assert ids(found) == ["a4"]
    assert (found.expired, found.postponed) == (1, 1)


# -- answers


def test_a_written_message_shows_its_frozen_text_and_its_attempt(db: Connection) -> None:
    given_accepted(db)
    shown = view(db, "m")
    assert (shown.state, shown.text, shown.language, shown.segments) == (OutboxState.ACCEPTED, "Т", "ru", 1)
    assert [(one.link, one.status, one.smsc_id, one.at) for one in shown.attempts] == [
        ("sms", "ACCEPTED", "id-1", NOON)
    ]


def test_a_temporary_refusal_is_due_again_by_the_wall_clock(db: Connection) -> None:
    enqueue(db, [new("m")])
    [one] = take(db).messages
    write(db, [one])
    settle(db, one, (1, Answer.TEMPORARY, None))
    assert release_held(db, NOON + timedelta(seconds=2)) == 0
    assert release_held(db, NOON + timedelta(seconds=3)) == 1
    [again] = take(db).messages
    assert (again.failures, again.text) == (1, "Т")


def test_only_the_segments_the_smsc_has_not_are_sent_again(db: Connection) -> None:
    enqueue(db, [new("m")])
    [one] = take(db).messages
    write(db, [one], segments=3)
    answers = (1, Answer.ACCEPTED, "1"), (2, Answer.THROTTLED, None), (3, Answer.ACCEPTED, "3")
    settle(db, one, *answers, segments=3)
    [again] = take(db).messages
    assert unsent_segments(db, [again]) == {again.seq: [2]}
    write(db, [again], segments=3)
    settle(db, again, (2, Answer.ACCEPTED, "2"), segments=3)
    assert state(db, "m") is OutboxState.ACCEPTED
    assert [(one.segment, one.status) for one in view(db, "m").attempts] == [
        (1, "ACCEPTED"), (2, "THROTTLED"), (3, "ACCEPTED"), (2, "ACCEPTED"),
    ]  # fmt: skip


# -- restart and doubts


def test_at_the_start_claimed_goes_back_and_written_is_unknown_never_queued(db: Connection) -> None:
    enqueue(db, [new("claimed"), new("written", B), new("behind", B)])
    taken = {one.message_id: one for one in take(db).messages}
    take(db)  # parks the one behind
    write(db, [taken["written"]])
    found = recover(db, NOON, POLICIES)
    assert (found.given_back, found.in_doubt) == (1, 1)
    assert state(db, "claimed") is OutboxState.QUEUED
    assert state(db, "written") is OutboxState.UNKNOWN
    assert view(db, "written").attempts[0].status == "UNKNOWN"
    assert ids(take(db)) == ["claimed", "behind"]


def test_an_unknown_service_message_is_sent_once_more_after_its_grace_then_given_up(db: Connection) -> None:
    given_unknown(db)
    assert due_unknown(db, NOON + timedelta(seconds=119), POLICIES).resent == 0
    assert due_unknown(db, NOON + timedelta(seconds=120), POLICIES).resent == 1
    [again] = take(db).messages
    write(db, [again])
    settle(db, again, (1, Answer.UNKNOWN, None), wall=NOON + timedelta(minutes=3))
    assert due_unknown(db, NOON + timedelta(minutes=6), POLICIES).dead == 1
    assert (view(db, "m").state, view(db, "m").reason) == (OutboxState.DEAD, "OUTCOME_UNKNOWN")
    assert [one.reason for one in dead_letters(db)] == ["OUTCOME_UNKNOWN"]


def test_an_unknown_advert_is_dropped(db: Connection) -> None:
    given_unknown(db, service_class=ServiceClass.ADVERT, priority=Priority.ADVERT)
    found = due_unknown(db, NOON + timedelta(seconds=120), POLICIES)
    assert (found.resent, found.dead) == (0, 1)


# -- receipts


@pytest.mark.parametrize(
    ("step", "after"),
    [
        (Step.DELIVERED, OutboxState.DELIVERED),
        (Step.EXPIRED, OutboxState.EXPIRED),
        (Step.UNDELIVERABLE, OutboxState.UNDELIVERABLE),
        (Step.REJECTED, OutboxState.REJECTED),
        (Step.DELETED, OutboxState.DELETED),
        (Step.ENROUTE, OutboxState.ENROUTE),
        (Step.LOST, OutboxState.UNKNOWN),
    ],
)
def test_a_receipt_moves_its_message(db: Connection, step: Step, after: OutboxState) -> None:
    given_accepted(db)
    counts = record_receipts(db, [receipt("id-1", step, error="000")], NOON + timedelta(seconds=4))
    assert (counts.matched, counts.waiting) == (1, 0)
    assert counts.delivery_seconds == ([("sms", 4.0)] if step is Step.DELIVERED else [])
    assert state(db, "m") is after
    assert [(one.state, one.error) for one in view(db, "m").receipts] == [(step, "000")]


def test_a_receipt_any_number_of_times_is_one_row_and_one_effect(db: Connection) -> None:
    """SMPP check 61."""
    given_accepted(db)
    first = record_receipts(db, [receipt("id-1", Step.DELIVERED), receipt("id-1", Step.DELIVERED)], NOON)
    again = record_receipts(db, [receipt("id-1", Step.DELIVERED)], NOON)
    assert (first.duplicates, again.duplicates) == (1, 1)
    assert len(first.delivery_seconds) == 1
    assert again.delivery_seconds == []
    assert len(view(db, "m").receipts) == 1


@pytest.mark.parametrize("together", [True, False])
def test_enroute_after_delivered_undoes_nothing(db: Connection, together: bool) -> None:
    """SMPP check 61."""
    given_accepted(db)
    both = [receipt("id-1", Step.DELIVERED), receipt("id-1", Step.ENROUTE)]
    for batch in [both] if together else [[one] for one in both]:
        record_receipts(db, batch, NOON)
    assert state(db, "m") is OutboxState.DELIVERED


def test_a_receipt_before_the_answer_waits_and_then_counts(db: Connection) -> None:
    """SMPP check 61."""
    enqueue(db, [new("m")])
    [one] = take(db).messages
    write(db, [one])
    assert record_receipts(db, [receipt("id-1", Step.DELIVERED)], NOON).waiting == 1
    assert state(db, "m") is OutboxState.WRITTEN
    assert settle(db, one, (1, Answer.ACCEPTED, "id-1")) == 1
    assert state(db, "m") is OutboxState.DELIVERED
    assert [one.state for one in view(db, "m").receipts] == ["delivered"]


def test_a_receipt_nobody_owns_is_forgotten_after_a_quarter_of_an_hour(db: Connection) -> None:
    record_receipts(db, [receipt("nobody", Step.DELIVERED)], NOON)
    assert forget_receipts(db, NOON + timedelta(minutes=15)) == 0
    assert forget_receipts(db, NOON + timedelta(minutes=15, microseconds=1)) == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [("000001F4", "500"), ("000001F4", "1f4"), ("500", "1F4"), ("00500", "500"), ("AbC-1", "abc-1")],
)
def test_an_id_in_another_form_finds_its_message(db: Connection, given: str, said: str) -> None:
    given_accepted(db, smsc_id=given)
    record_receipts(db, [receipt(said, Step.DELIVERED)], NOON)
    assert state(db, "m") is OutboxState.DELIVERED
    assert view(db, "m").attempts[0].smsc_id == given


def test_the_number_decides_between_messages_whose_ids_look_alike(db: Connection) -> None:
    given_accepted(db, "for-a", "16", A)
    given_accepted(db, "for-b", "10", B)
    record_receipts(db, [receipt("16", Step.DELIVERED, B)], NOON)
    assert (state(db, "for-a"), state(db, "for-b")) == (OutboxState.ACCEPTED, OutboxState.DELIVERED)


def test_an_id_that_another_form_would_give_to_an_older_message_waits_for_its_own_answer(db: Connection) -> None:
    given_accepted(db, "older", "0000000A")
    enqueue(db, [new("newer")])
    [newer] = take(db).messages
    write(db, [newer])
    assert record_receipts(db, [receipt("00000010", Step.DELIVERED)], NOON).waiting == 1
    settle(db, newer, (1, Answer.ACCEPTED, "00000010"))
    assert (state(db, "older"), state(db, "newer")) == (OutboxState.ACCEPTED, OutboxState.DELIVERED)


def test_an_id_in_another_form_that_came_before_its_answer_finds_it_then(db: Connection) -> None:
    enqueue(db, [new("m")])
    [one] = take(db).messages
    write(db, [one])
    record_receipts(db, [receipt("500", Step.DELIVERED)], NOON)
    settle(db, one, (1, Answer.ACCEPTED, "000001F4"))
    assert state(db, "m") is OutboxState.DELIVERED


def test_an_id_that_the_smsc_uses_again_belongs_to_the_message_that_is_not_finished(db: Connection) -> None:
    given_accepted(db, "older", "1")
    record_receipts(db, [receipt("1", Step.DELIVERED, done_date="2025-03-03")], NOON)
    enqueue(db, [new("newer")])
    [newer] = take(db).messages
    write(db, [newer])
    record_receipts(db, [receipt("1", Step.UNDELIVERABLE, done_date="2025-03-04")], NOON)
    settle(db, newer, (1, Answer.ACCEPTED, "1"))
    assert (state(db, "older"), state(db, "newer")) == (OutboxState.DELIVERED, OutboxState.UNDELIVERABLE)


def test_a_receipt_without_a_number_is_believed_on_its_own_link(db: Connection) -> None:
    given_accepted(db)
    record_receipts(db, [NewReceipt(link="other", smsc_id="id-1", step=Step.DELIVERED, source="")], NOON)
    assert state(db, "m") is OutboxState.ACCEPTED
    record_receipts(db, [receipt("id-1", Step.DELIVERED, "")], NOON)
    assert state(db, "m") is OutboxState.DELIVERED


@pytest.mark.parametrize("receipt_first", [True, False])
def test_a_lost_answer_is_made_good_by_a_receipt_that_carries_our_reference(
    db: Connection, receipt_first: bool
) -> None:
    enqueue(db, [new("m")])
    [one] = take(db).messages
    write(db, [one])
    named = receipt("id-9", Step.ENROUTE, umr=reference_of(one.seq))
    if receipt_first:
        record_receipts(db, [named], NOON)
    settle(db, one, (1, Answer.UNKNOWN, None))
    if not receipt_first:
        record_receipts(db, [named], NOON)
    assert state(db, "m") is OutboxState.ENROUTE
    assert due_unknown(db, NOON + timedelta(hours=1), POLICIES).resent == 0
    record_receipts(db, [receipt("id-9", Step.DELIVERED)], NOON)
    assert state(db, "m") is OutboxState.DELIVERED


def test_a_reference_of_somebody_else_makes_nothing_good(db: Connection) -> None:
    one = given_unknown(db)
    record_receipts(db, [receipt("id-9", Step.DELIVERED, B, umr=reference_of(one.seq))], NOON)
    record_receipts(db, [receipt("id-8", Step.DELIVERED, A, umr=reference_of(one.seq + 1))], NOON)
    assert state(db, "m") is OutboxState.UNKNOWN


def test_a_long_message_is_delivered_with_its_last_segment(db: Connection) -> None:
    enqueue(db, [new("m")])
    [one] = take(db).messages
    write(db, [one], segments=2)
    record_receipts(db, [receipt("s2", Step.DELIVERED)], NOON)
    settle(db, one, (1, Answer.ACCEPTED, "s1"), (2, Answer.ACCEPTED, "s2"), segments=2)
    assert state(db, "m") is OutboxState.ENROUTE
    record_receipts(db, [receipt("s1", Step.DELIVERED)], NOON)
    assert state(db, "m") is OutboxState.DELIVERED


def test_a_receipt_for_one_segment_does_not_finish_a_message_still_being_sent(db: Connection) -> None:
    enqueue(db, [new("m")])
    [one] = take(db).messages
    write(db, [one], segments=2)
    settle(db, one, (1, Answer.ACCEPTED, "s1"), (2, Answer.TEMPORARY, None), segments=2)
    record_receipts(db, [receipt("s1", Step.DELIVERED)], NOON)
    assert state(db, "m") is OutboxState.HELD
    release_held(db, NOON + timedelta(hours=1))
    [again] = take(db).messages
    assert unsent_segments(db, [again]) == {again.seq: [2]}
    write(db, [again], segments=2)
    settle(db, again, (2, Answer.ACCEPTED, "s2"), segments=2)
    assert state(db, "m") is OutboxState.ENROUTE


# -- the subscriber's wishes and the operator's hand


def test_stop_drops_queued_adverts_at_once_and_service_messages_go_on(db: Connection) -> None:
    enqueue(db, [new("advert", service_class=ServiceClass.ADVERT), new("notice"), new("other", B,
            service_class=ServiceClass.ADVERT)])  # fmt: skip
    assert drop_adverts(db, 1) == 1
    assert (view(db, "advert").state, view(db, "advert").reason) == (OutboxState.DEAD, "OPTED_OUT")
    assert sorted(ids(take(db))) == ["notice", "other"]
    assert retry_dead(db, ["advert"]).messages == 0


def test_who_waits_behind_a_dropped_advert_is_let_go(db: Connection) -> None:
    enqueue(db, [new("advert", service_class=ServiceClass.ADVERT), new("notice")])
    [one] = take(db).messages
    write(db, [one])
    settle(db, one, (1, Answer.TEMPORARY, None))
    assert ids(take(db)) == []
    drop_adverts(db, 1)
    assert ids(take(db)) == ["notice"]


def test_a_dead_letter_is_sent_again_when_the_operator_says_so(db: Connection) -> None:
    enqueue(db, [new("m")])
    [one] = take(db).messages
    write(db, [one], segments=2)
    settle(db, one, (1, Answer.ACCEPTED, "1"), (2, Answer.PERMANENT, None), segments=2)
    assert view(db, "m").reason == "PERMANENT"
    assert retry_dead(db, ["m", "no such"]) == SentAgain(messages=1, doubtful=0)
    [again] = take(db).messages
    assert (again.failures, unsent_segments(db, [again])) == (0, {again.seq: [2]})


def test_after_a_change_of_number_what_is_not_yet_sent_goes_to_the_new_one(db: Connection) -> None:
    enqueue(db, [new("a1"), new("a2"), new("a3")])
    [first] = take(db).messages
    assert readdress(db, 1, B) == 2
    [second] = take(db).messages
    assert (first.msisdn, second.msisdn, second.message_id) == (A, B, "a2")


def test_erasure_forgets_numbers_and_texts_and_sends_nothing_more(db: Connection) -> None:
    given_accepted(db)
    enqueue(db, [new("next")])
    record_receipts(db, [receipt("id-1", Step.DELIVERED)], NOON)
    record_mo(db, given_mo())
    assert erase(db, 1, [A]) == 1
    assert ids(take(db)) == []
    assert A not in "".join(str(row) for table in metadata.tables.values() for row in db.execute(select(table)))
    assert view(db, "m").text == ""
    assert (view(db, "next").reason, retry_dead(db, ["next"]).messages) == ("ERASED", 0)


# -- messages from subscribers


def given_mo(**fields: object) -> MobileOriginated:
    known = {"link": "sms", "source": A, "destination": "4400", "text": "STOP", "payload": b"STOP", "umr": None}
    return MobileOriginated(**{**known, "received_at": NOON, **fields})  # type: ignore[arg-type]


def test_the_same_message_from_a_subscriber_in_the_same_minute_is_a_copy(db: Connection) -> None:
    assert record_mo(db, given_mo())
    assert not record_mo(db, given_mo(received_at=NOON + timedelta(seconds=59)))
    assert record_mo(db, given_mo(received_at=NOON + timedelta(seconds=60)))
    assert record_mo(db, given_mo(payload=b"STOP ", text="STOP "))
    assert record_mo(db, given_mo(umr=4))
    assert len(db.execute(select(inbox)).all()) == 4


# -- what is asked


def test_pending_counts_by_kind_and_the_age_of_the_oldest(db: Connection) -> None:
    enqueue(
        db, [new("a", kind="bill"), new("b", B, kind="bill"), new("c", "3", not_before=NOON - timedelta(hours=1))]
    )
    enqueue(db, [new("behind", kind="bill")])
    given = take(db, 2).messages
    counts = pending_counts(db)
    assert counts.by_kind == {"accrued": 1, "bill": 3}
    assert counts.oldest_due == NOON
    write(db, given)
    for one in given:
        settle(db, one, (1, Answer.UNKNOWN, None))
    assert pending_counts(db).in_doubt == 2


def test_untried_until_its_first_answer_is_stored(db: Connection) -> None:
    assert not has_untried(db, NOON)
    enqueue(db, [new("m"), new("behind"), new("later", B, not_before=NOON + timedelta(hours=1))])
    assert has_untried(db, NOON)
    [one] = take(db).messages
    write(db, [one])
    assert has_untried(db, NOON)
    settle(db, one, (1, Answer.ACCEPTED, "1"))
    assert has_untried(db, NOON)
    [behind] = take(db).messages
    write(db, [behind])
    settle(db, behind, (1, Answer.THROTTLED, None))
    assert not has_untried(db, NOON)
    assert has_untried(db, NOON + timedelta(hours=1))


def test_the_next_release_is_the_earliest_instant_after_now(db: Connection) -> None:
    hour = timedelta(hours=1)
    enqueue(db, [new("now"), new("b", B, not_before=NOON + 2 * hour, priority=Priority.URGENT)])
    enqueue(db, [new("c", "3", not_before=NOON + hour)])
    assert next_release(db, NOON, NOON + 3 * hour) == NOON + hour
    assert next_release(db, NOON + hour, NOON + 3 * hour) == NOON + 2 * hour
    assert next_release(db, NOON + 2 * hour, NOON + 3 * hour) is None
    assert next_release(db, NOON, NOON + hour / 2) is None


# -- indexes


def plan_of(db: Connection, statement: Executable) -> list[str]:
    """The steps of the plan, on PostgreSQL as it would be for tables too long to be read."""
    compiled = statement.compile(db)
    if db.dialect.name == "sqlite":
        text = f"EXPLAIN QUERY PLAN {compiled}".replace("LIMIT ?", "LIMIT 1").replace("?", "'[]'")
        return [str(row[3]) for row in db.exec_driver_sql(text)]
    db.exec_driver_sql("SET LOCAL enable_seqscan = off")
    values = {name: 1 if value is None else value for name, value in compiled.params.items()} | {"rows": "[1]"}
    given = {name: value for name, value in values.items() if f"%({name})s" in str(compiled)}
    return [str(row[0]) for row in db.exec_driver_sql(f"EXPLAIN {compiled}", given)]


def test_claiming_and_matching_search_indexes_however_long_the_queue(db: Connection) -> None:
    for statement, index in [
        (_FRONT, "ix_sms_message_ready (priority=? AND not_before<?)"),
        (_FRONT, "ix_sms_message_open (msisdn=?)"),
        (_LET_GO, "ix_sms_message_parked (msisdn=?)"),
        (_BY_KEY, "ix_sms_attempt_smsc_key (smsc_key=?)"),
        (_IN_DOUBT, "ix_sms_message_open (msisdn=?)"),
        (_UNANSWERED, "ix_sms_message_open (msisdn=?)"),
        (_WAITING_BY_KEY, "ix_sms_receipt_unmatched_key (smsc_key=?)"),
        (_WAITING_BY_NUMBER, "ix_sms_receipt_unmatched_source (source=?)"),
    ]:
        plan = plan_of(db, statement)
        if db.dialect.name == "postgresql":
            assert any("Index" in step and index.partition(" ")[0] in step.split() for step in plan), plan
            assert not any("Seq Scan on sms_" in step for step in plan), plan
        else:
            assert any(index in step for step in plan), plan
            assert not any(step.startswith("SCAN sms_") for step in plan), plan
