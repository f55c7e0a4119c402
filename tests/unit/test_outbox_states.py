"""What may become of a message: the transition table, settled flights, statuses, waits, quiet hours."""

from collections.abc import Sequence
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from sms.outbox.errors import StepImpossible
from sms.outbox.instants import from_micros, to_micros
from sms.outbox.model import (
    FINAL_STATES,
    RECEIPT_STEPS,
    TRANSITIONS,
    DeathReason,
    OutboxState,
    Step,
    next_state,
    whole_state,
)
from sms.outbox.quiet import QuietHours
from sms.outbox.retry import (
    ADVERT_POLICY,
    SERVICE_POLICY,
    STATUS_CLASSES,
    ClassPolicy,
    StatusClass,
    backoff_s,
    class_of,
    status_name,
)
from sms.outbox.settle import Answer, SegmentOutcome, verdict
from sms.outbox.smsc_ids import key_of, other_forms
from sms.smpp.constants import CommandStatus

MOSCOW = ZoneInfo("Europe/Moscow")
BUCHAREST = ZoneInfo("Europe/Bucharest")
S = OutboxState


class Always:
    """A dice that always shows the same."""

    def __init__(self, value: float) -> None:
        self.value = value

    def random(self) -> float:
        return self.value


def outcomes(*answers: Answer) -> Sequence[SegmentOutcome]:
    return [
        SegmentOutcome(segment_no=no, attempt_no=1, answer=answer, status=answer.upper(), responded_at=0)
        for no, answer in enumerate(answers, 1)
    ]


# -- the table


@pytest.mark.parametrize("state", sorted(FINAL_STATES))
@pytest.mark.parametrize("step", sorted(RECEIPT_STEPS))
def test_what_an_smsc_said_last_is_never_undone_by_another_receipt(state: OutboxState, step: Step) -> None:
    """SMPP check 61."""
    assert next_state(state, step) is state


def test_written_without_an_answer_becomes_unknown_and_only_a_grace_that_ends_queues_it_again() -> None:
    assert next_state(S.WRITTEN, Step.DOUBT) is S.UNKNOWN
    assert next_state(S.UNKNOWN, Step.DUE) is S.QUEUED
    with pytest.raises(StepImpossible):
        next_state(S.UNKNOWN, Step.GIVE_BACK)


def test_claimed_but_never_written_goes_back_to_the_queue() -> None:
    assert next_state(S.CLAIMED, Step.GIVE_BACK) is S.QUEUED


@pytest.mark.parametrize("state", [S.QUEUED, S.HELD, S.CLAIMED, S.DEAD])
def test_a_receipt_for_what_the_smsc_cannot_have_changes_nothing(state: OutboxState) -> None:
    for step in RECEIPT_STEPS:
        assert next_state(state, step) is state


def test_enroute_after_accepted_and_delivered_after_enroute() -> None:
    assert next_state(S.ACCEPTED, Step.ENROUTE) is S.ENROUTE
    assert next_state(S.ENROUTE, Step.DELIVERED) is S.DELIVERED


def test_every_state_can_be_reached_and_every_state_but_the_final_ones_can_be_left() -> None:
    assert {S.QUEUED, *TRANSITIONS.values()} == set(S)
    assert {state for state, _ in TRANSITIONS} == set(S) - FINAL_STATES


def test_a_long_message_is_as_good_as_its_worst_segment() -> None:
    assert whole_state([S.DELIVERED, S.DELIVERED]) is S.DELIVERED
    assert whole_state([S.DELIVERED, S.UNDELIVERABLE]) is S.UNDELIVERABLE
    assert whole_state([S.DELIVERED, S.ACCEPTED]) is S.ENROUTE
    assert whole_state([S.ACCEPTED, S.ACCEPTED]) is S.ACCEPTED
    assert whole_state([S.DELIVERED, S.UNKNOWN]) is S.UNKNOWN


# -- settled flights


def test_all_segments_taken_is_accepted() -> None:
    found = verdict(
        outcomes(Answer.ACCEPTED, Answer.ACCEPTED), SERVICE_POLICY, failures=2, now_wall=0, rng=Always(0.5)
    )
    assert (found.state, found.failures, found.retry_at) == (S.ACCEPTED, 2, None)


def test_one_segment_refused_for_good_makes_a_dead_letter_that_names_the_status() -> None:
    found = verdict(
        outcomes(Answer.ACCEPTED, Answer.PERMANENT), SERVICE_POLICY, failures=0, now_wall=0, rng=Always(0)
    )
    assert (found.state, found.reason) == (S.DEAD, "PERMANENT")


@pytest.mark.parametrize("answer", [Answer.THROTTLED, Answer.LINK, Answer.NEVER_WRITTEN])
def test_throttled_and_never_written_go_back_without_using_up_an_attempt(answer: Answer) -> None:
    """SMPP check 52."""
    found = verdict(outcomes(answer, Answer.ACCEPTED), SERVICE_POLICY, failures=3, now_wall=0, rng=Always(0.5))
    assert (found.state, found.failures, found.retry_at) == (S.QUEUED, 3, None)


def test_an_unknown_outcome_waits_for_its_grace() -> None:
    found = verdict(outcomes(Answer.UNKNOWN), SERVICE_POLICY, failures=0, now_wall=1_000_000, rng=Always(0.5))
    assert (found.state, found.retry_at) == (S.UNKNOWN, 121_000_000)


def test_a_temporary_refusal_waits_and_the_last_attempt_ends_in_a_dead_letter() -> None:
    """SMPP check 53."""
    policy = ClassPolicy(attempts_max=2, backoff_first_s=4.0)
    first = verdict(outcomes(Answer.TEMPORARY), policy, failures=0, now_wall=0, rng=Always(0.5))
    assert (first.state, first.failures, first.retry_at) == (S.HELD, 1, 2_000_000)
    last = verdict(outcomes(Answer.TEMPORARY), policy, failures=1, now_wall=0, rng=Always(0.5))
    assert (last.state, last.reason) == (S.DEAD, DeathReason.ATTEMPTS_OVER)


# -- statuses and waits


def test_every_status_the_standards_name_has_a_class() -> None:
    assert {int(status) for status in CommandStatus} <= STATUS_CLASSES.keys()


@pytest.mark.parametrize("status", [0x0A, 0x0B, 0x15, 0x01, 0x43, 0x48, 0x49, 0x50, 0x51, 0x61, 0x62])
def test_statuses_that_no_repetition_cures_are_permanent(status: int) -> None:
    """SMPP check 53."""
    assert class_of(status, {}) is StatusClass.PERMANENT


@pytest.mark.parametrize("status", [0x08, 0x64, 0x45, 0x400, 0x4FF, 0x12345])
def test_temporary_vendor_and_unknown_statuses_are_tried_again_a_bounded_number_of_times(status: int) -> None:
    """SMPP check 53."""
    assert class_of(status, {}) is StatusClass.TEMPORARY


@pytest.mark.parametrize("status", [0x58, 0x14])
def test_throttled_and_full_queue_pause_the_link(status: int) -> None:
    """SMPP checks 52, 53."""
    assert class_of(status, {}) is StatusClass.THROTTLED


@pytest.mark.parametrize("status", [0x04, 0x05, 0x0D, 0x0E, 0x0F])
def test_statuses_of_the_session_concern_the_link(status: int) -> None:
    """SMPP check 53."""
    assert class_of(status, {}) is StatusClass.LINK


def test_a_links_own_table_wins() -> None:
    """SMPP check 53."""
    assert class_of(0x400, {0x400: StatusClass.PERMANENT}) is StatusClass.PERMANENT
    assert class_of(0x58, {0x58: StatusClass.TEMPORARY}) is StatusClass.TEMPORARY


def test_a_status_is_named_as_the_standard_names_it_or_by_its_number() -> None:
    assert status_name(0x58) == "ESME_RTHROTTLED"
    assert status_name(0x401) == "0x00000401"


def test_waits_double_up_to_their_cap_with_full_jitter() -> None:
    policy = ClassPolicy(backoff_first_s=5.0, backoff_max_s=60.0)
    assert [backoff_s(policy, failures, Always(1.0)) for failures in (1, 2, 3, 4, 5, 500)] == [5, 10, 20, 40, 60, 60]
    assert backoff_s(policy, 3, Always(0.0)) == 0


def test_an_advert_of_unknown_outcome_is_never_sent_again() -> None:
    assert (ADVERT_POLICY.resends_max, SERVICE_POLICY.resends_max) == (0, 1)


# -- ids


def test_ids_are_compared_without_case_and_leading_zeros_and_across_bases() -> None:
    assert key_of("00AB") == key_of("ab")
    assert key_of("0000") == "0"
    assert "171" in other_forms("ab")
    assert "ab" in other_forms("171")
    assert other_forms("not-a-number") == []
    assert other_forms("f" * 33) == []


# -- quiet hours


def at(text: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "release"),
    [
        ("2025-03-03T20:59:59.999999", "2025-03-03T20:59:59.999999"),
        ("2025-03-03T21:00", "2025-03-04T09:00"),
        ("2025-03-03T23:59", "2025-03-04T09:00"),
        ("2025-03-04T00:00", "2025-03-04T09:00"),
        ("2025-03-04T08:59:59.999999", "2025-03-04T09:00"),
        ("2025-03-04T09:00", "2025-03-04T09:00"),
        ("2025-12-31T22:00", "2026-01-01T09:00"),
        ("2028-02-28T22:00", "2028-02-29T09:00"),
    ],
)
def test_quiet_hours_hold_from_21_to_9_on_the_local_clock(now: str, release: str) -> None:
    assert QuietHours().release_at(at(now, MOSCOW), MOSCOW) == at(release, MOSCOW)


def test_the_night_clocks_change_ends_at_nine_by_the_new_time() -> None:
    spring = QuietHours().release_at(datetime(2025, 3, 29, 20, tzinfo=UTC), BUCHAREST)
    assert spring == datetime(2025, 3, 30, 6, tzinfo=UTC)  # 09:00+03:00
    autumn = QuietHours().release_at(datetime(2025, 10, 25, 20, tzinfo=UTC), BUCHAREST)
    assert autumn == datetime(2025, 10, 26, 7, tzinfo=UTC)  # 09:00+02:00


def test_an_end_that_the_clock_jumps_over_is_the_first_instant_after_the_jump() -> None:
    quiet = QuietHours(start=time(1), end=time(3, 30))
    released = quiet.release_at(datetime(2025, 3, 30, 0, 30, tzinfo=UTC), BUCHAREST)  # 02:30; 03:00 becomes 04:00
    assert released == datetime(2025, 3, 30, 1, 30, tzinfo=UTC)
    assert not quiet.release_at(released, BUCHAREST) > released


def test_in_the_second_passage_of_a_repeated_hour_the_end_is_its_second_one() -> None:
    quiet = QuietHours(start=time(1), end=time(3, 30))
    second_0310 = datetime(2025, 10, 26, 1, 10, tzinfo=UTC)  # 03:10 for the second time, +02:00
    assert quiet.release_at(second_0310, BUCHAREST) == datetime(2025, 10, 26, 1, 30, tzinfo=UTC)


def test_equal_ends_mean_no_quiet_hours_and_a_span_within_the_day_works() -> None:
    night = at("2025-03-03T23:00", MOSCOW)
    assert QuietHours(start=time(0), end=time(0)).release_at(night, MOSCOW) == night
    siesta = QuietHours(start=time(13), end=time(15))
    assert siesta.release_at(at("2025-03-03T14:00", MOSCOW), MOSCOW) == at("2025-03-03T15:00", MOSCOW)
    assert siesta.release_at(night, MOSCOW) == night


@pytest.mark.parametrize("name", ["Mars/Olympus", "../etc/passwd", ""])
def test_an_unknown_zone_is_read_as_the_operators(name: str) -> None:
    quiet = QuietHours(zone=MOSCOW)
    assert quiet.release_in(at("2025-03-03T22:00", MOSCOW), name) == at("2025-03-04T09:00", MOSCOW)


def test_instants_survive_the_tables_to_the_microsecond() -> None:
    instant = datetime(2025, 3, 30, 1, 30, 0, 123457, tzinfo=UTC)
    assert from_micros(to_micros(instant)) == instant
