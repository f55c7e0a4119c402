"""The dispatcher on a virtual clock: what is sent, when, how often, and what is stored of it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sending import NOON, A, Sending, run, text_of
from sqlalchemy.exc import OperationalError
from twisted.internet.defer import Deferred

from sms.dispatcher import LinkTerms
from sms.errors import DestinationAddressInvalid, NeverWritten, ResponseTimeout
from sms.outbox import Priority, ServiceClass, StatusClass, pause_link, resume_link
from sms.outbox.schema import attempt
from sms.smpp.constants import CommandStatus, Tag
from sms.smpp.pdu import GenericNack, SubmitSm

S = CommandStatus


@pytest.fixture
def sending() -> Iterator[Sending]:
    one = Sending()
    yield one
    finish(one)


def finish(sending: Sending) -> None:
    """Stop, whatever is still in flight."""
    sending.database.broken = False
    sending.database.free()
    stopped = sending.stop(drain_s=0)
    sending.after(2)
    assert stopped.called
    assert not sending.clock.getDelayedCalls()


# -- a message


def test_a_committed_message_is_submitted_at_once_with_everything_a_network_needs(sending: Sending) -> None:
    session = sending.start().bind()
    sending.queue("m", msisdn=A)
    [pdu] = session.submitted
    assert (pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr) == (5, 0, "CASHBACK")
    assert (pdu.dest_addr_ton, pdu.dest_addr_npi, pdu.destination_addr) == (1, 1, A)
    assert (pdu.registered_delivery, pdu.data_coding, pdu.esm_class) == (1, 0, 0)
    assert (pdu.short_message, pdu.validity_period) == (b"Text of m", "")
    assert pdu.tlv_int(Tag.USER_MESSAGE_REFERENCE) == 2
    session.answer()
    shown = sending.view("m")
    assert (shown.state, shown.text, shown.language) == ("accepted", "Text of m", "en")
    assert [(one.status, one.smsc_id, one.link) for one in shown.attempts] == [("ESME_ROK", "id-1", "sms")]
    assert sending.counters.submitted == {("accrued", "sms", "accepted"): 1}


def test_the_attempt_is_committed_before_the_first_octet_is_written(sending: Sending) -> None:
    session = sending.start().bind()
    seen: list[Any] = []

    def look(_pdu: SubmitSm) -> None:
        rows = sending.database.do(lambda connection: connection.execute(attempt.select()).all())
        seen.extend((sending.view("m").state, row.link, row.umr, row.status) for row in rows)

    session.on_submit = look
    sending.queue("m")
    assert seen == [("written", "sms", 2, None)]


def test_cyrillic_travels_as_ucs2_and_a_long_text_in_segments_of_one_reference(sending: Sending) -> None:
    sending.texts["m"] = "Кэшбэк " * 20
    session = sending.start().bind()
    sending.queue("m")
    assert [pdu.data_coding for pdu in session.submitted] == [8, 8, 8]
    assert [pdu.esm_class for pdu in session.submitted] == [0x40] * 3
    assert [pdu.short_message[:6].hex() for pdu in session.submitted] == [
        "050003010301",
        "050003010302",
        "050003010303",
    ]
    session.answer()
    session.answer(number=3)
    assert sending.view("m").state == "written"
    session.answer(number=2)
    assert (sending.view("m").state, sending.view("m").segments) == ("accepted", 3)
    assert sending.counters.segments == {"ucs2": 3}


def test_the_text_is_rendered_once_and_frozen(sending: Sending) -> None:
    session = sending.start().bind()
    sending.queue("m")
    sending.texts["m"] = "Another text"
    session.answer(S.ESME_RSYSERR)
    sending.after(6)
    assert [text_of(pdu) for pdu in session.submitted] == ["Text of m"] * 2
    assert sending.rendered == ["m"]


def test_an_expiry_is_told_to_the_smsc_and_checked_before_sending(sending: Sending) -> None:
    session = sending.start().bind()
    sending.queue("fresh", expires_at=NOON + timedelta(days=1, hours=2, minutes=3, seconds=4))
    sending.queue("late", expires_at=NOON)
    assert [(text_of(pdu), pdu.validity_period) for pdu in session.submitted] == [
        ("Text of fresh", "000001020304000R")
    ]
    assert (sending.view("late").state, sending.view("late").reason) == ("dead", "EXPIRED")
    assert (sending.counters.expired, sending.counters.dead) == (1, 1)


def test_a_text_that_cannot_be_rendered_kills_its_own_message_and_no_other(sending: Sending) -> None:
    sending.texts["bad"] = ValueError("no such kind")
    session = sending.start().bind()
    sending.queue("good-1", "bad", "good-2")
    assert [text_of(pdu) for pdu in session.submitted] == ["Text of good-1", "Text of good-2"]
    assert (sending.view("bad").state, sending.view("bad").reason) == ("dead", "RENDER_FAILED")


def test_a_text_of_more_segments_than_allowed_is_a_dead_letter() -> None:
    sending = Sending(parts_max=2)
    sending.texts["long"] = "x" * 400
    session = sending.start().bind()
    sending.queue("long", "short")
    assert [text_of(pdu) for pdu in session.submitted] == ["Text of short"]
    assert sending.view("long").reason == "TEXT_TOO_LONG"
    finish(sending)


def test_what_our_own_codec_refuses_is_a_dead_letter_and_the_next_one_goes(sending: Sending) -> None:
    session = sending.start().bind()

    def refuse_first(pdu: SubmitSm) -> None:
        if text_of(pdu) == "Text of bad":
            raise DestinationAddressInvalid("no such address")

    session.on_submit = refuse_first
    sending.queue("bad", "good")
    assert (sending.view("bad").state, sending.view("bad").reason) == ("dead", "PDU_REFUSED")
    assert [text_of(pdu) for pdu in session.submitted] == ["Text of good"]


# -- window, order, bounds


def test_as_many_are_in_flight_as_the_window_allows_and_each_answer_lets_one_more_go(sending: Sending) -> None:
    session = sending.start().bind(window=3)
    sending.queue(*(f"m{at}" for at in range(8)))
    assert len(session.submitted) == 3
    session.answer(number=2)
    assert len(session.submitted) == 4
    session.answer_all()
    assert len(session.submitted) == 8
    assert set(sending.states().values()) == {"accepted"}


def test_the_window_slot_is_free_at_the_answer_not_when_it_is_stored(sending: Sending) -> None:
    session = sending.start().bind(window=2)
    sending.queue(*(f"m{at}" for at in range(4)))
    session.answer()
    sending.database.stuck = True
    session.answer()
    session.answer()
    assert len(session.submitted) == 4


def test_answers_not_yet_stored_are_bounded_and_sending_pauses_at_the_bound() -> None:
    sending = Sending(unrecorded_max=5)
    session = sending.start().bind(window=50)
    sending.queue(*(f"m{at}" for at in range(20)))
    assert len(session.submitted) == 5
    sending.database.stuck = True
    session.answer_all()
    sending.after(3)
    assert (len(session.submitted), sending.dispatcher.unrecorded) == (5, 5)
    sending.database.free()
    assert len(session.submitted) == 10
    while session.waiting:
        session.answer_all()
        sending.after(1)
    assert len(session.submitted) == 20
    finish(sending)


def test_a_window_that_closes_under_our_hands_loses_nothing(sending: Sending) -> None:
    session = sending.start().bind(window=3)
    session.pretends = 2
    sending.queue(*(f"m{at}" for at in range(6)))
    assert len(session.submitted) == 3
    session.answer_all()
    assert [text_of(pdu) for pdu in session.submitted] == [f"Text of m{at}" for at in range(6)]


def test_one_message_per_destination_is_in_flight_and_the_next_follows_at_once(sending: Sending) -> None:
    session = sending.start().bind()
    sending.queue("m1", "m2", "m3", msisdn=A)
    assert [text_of(pdu) for pdu in session.submitted] == ["Text of m1"]
    session.answer_all()
    assert [text_of(pdu) for pdu in session.submitted] == ["Text of m1", "Text of m2", "Text of m3"]
    assert sending.clock.seconds() == 0


def test_a_registration_overtakes_a_queue_of_bulk_notices(sending: Sending) -> None:
    session = sending.start().bind(window=2)
    sending.queue(*(f"bulk{at}" for at in range(30)), priority=Priority.BULK)
    sending.queue("registered", priority=Priority.URGENT)
    while "Text of registered" not in [text_of(pdu) for pdu in session.submitted]:
        session.answer()
    assert len(session.submitted) <= 7  # what was written ahead, not the queue


def test_a_window_full_of_somebody_elses_requests_is_looked_at_again(sending: Sending) -> None:
    session = sending.start().bind(window=2)
    session.taken_by_others = 2
    sending.queue("m")
    assert session.submitted == []
    session.taken_by_others = 0
    sending.after(0.05)
    assert len(session.submitted) == 1


# -- refusals


def test_throttled_keeps_the_message_slows_the_link_and_uses_up_no_attempt(sending: Sending) -> None:
    """SMPP check 52."""
    session = sending.start().bind()
    sending.queue("m1", "m2", msisdn=A)
    session.answer(S.ESME_RTHROTTLED)
    assert [text_of(pdu) for pdu in session.submitted] == ["Text of m1"]
    sending.after(3)
    session.answer(S.ESME_RMSGQFUL)
    sending.after(3)
    session.answer()
    sending.after(3)
    assert [text_of(pdu) for pdu in session.submitted] == ["Text of m1"] * 3 + ["Text of m2"]
    session.answer_all()
    assert [one.status for one in sending.view("m1").attempts] == ["ESME_RTHROTTLED", "ESME_RMSGQFUL", "ESME_ROK"]
    assert sending.counters.throttled == {"sms": 2}
    assert sending.states() == {"m1": "accepted", "m2": "accepted"}


def test_an_smsc_that_announces_congestion_is_given_a_rest_before_it_refuses(sending: Sending) -> None:
    session = sending.start().bind(window=1)
    sending.queue("m1", "m2")
    session.answer(congestion=100)
    assert len(session.submitted) == 1
    sending.after(1.5)
    assert len(session.submitted) == 2
    assert sending.states()["m1"] == "accepted"


def test_a_temporary_refusal_waits_by_the_wall_clock_and_is_tried_again(sending: Sending) -> None:
    session = sending.start().bind()
    sending.queue("m")
    session.answer(S.ESME_RSYSERR)
    assert sending.view("m").state == "held"
    sending.after(2.4)
    assert len(session.submitted) == 1
    sending.after(2)
    assert len(session.submitted) == 2


def test_a_permanent_refusal_is_a_dead_letter_that_names_the_status(sending: Sending) -> None:
    """SMPP check 53."""
    session = sending.start().bind()
    sending.queue("m")
    session.answer(S.ESME_RINVDSTADR)
    assert (sending.view("m").state, sending.view("m").reason) == ("dead", "ESME_RINVDSTADR")
    assert sending.counters.dead == 1


def test_a_generic_nack_fails_its_message_only_whatever_its_status(sending: Sending) -> None:
    session = sending.start().bind()
    sending.queue("m", "n")
    for sequence_number, status in ((1, 0), (2, S.ESME_RINVCMDID)):
        _, answered = session.waiting.pop(sequence_number)
        answered(GenericNack(command_status=status))
    assert sending.states() == {"m": "held", "n": "held"}


def test_a_links_own_table_decides_on_vendor_codes() -> None:
    sending = Sending(links=[LinkTerms(name="sms", status_classes={0x401: StatusClass.PERMANENT})])
    session = sending.start().bind()
    sending.queue("m", "n")
    session.answer(0x401)
    session.answer(0x402)
    assert [sending.view(one).state for one in "mn"] == ["dead", "held"]
    assert sending.view("m").reason == "0x00000401"
    finish(sending)


def test_a_status_of_the_session_lets_the_link_rest_and_the_message_stay(sending: Sending) -> None:
    session = sending.start().bind(window=1)
    sending.queue("m", "n")
    session.answer(S.ESME_RINVBNDSTS)
    assert sending.states() == {"m": "queued", "n": "queued"}
    sending.after(4.5)
    assert len(session.submitted) == 1
    sending.after(2)
    assert len(session.submitted) == 2


# -- lost sessions and lost answers


def test_a_connection_lost_in_flight_is_unknown_and_sent_once_more_after_the_grace(sending: Sending) -> None:
    """SMPP check 24."""
    session = sending.start().bind()
    sending.queue("m")
    sending.drop(session)
    assert sending.view("m").state == "unknown"
    assert sending.counters.in_doubt == 1
    again = sending.bind()
    sending.after(119)
    assert again.submitted == []
    sending.after(3)
    assert len(again.submitted) == 1
    assert sending.counters.possible_duplicates == 1
    again.fail_all(ResponseTimeout("no answer"))
    sending.after(125)
    assert len(again.submitted) == 1
    assert (sending.view("m").state, sending.view("m").reason) == ("dead", "OUTCOME_UNKNOWN")


def test_an_advert_of_unknown_outcome_is_not_sent_again(sending: Sending) -> None:
    session = sending.start().bind()
    sending.queue("m", service_class=ServiceClass.ADVERT, priority=Priority.ADVERT)
    session.fail_all(ResponseTimeout("no answer"))
    sending.after(125)
    assert len(session.submitted) == 1
    assert (sending.view("m").state, sending.counters.possible_duplicates) == ("dead", 0)


def test_what_was_never_written_goes_back_and_is_no_doubt(sending: Sending) -> None:
    session = sending.start().bind(window=2)
    sending.queue(*(f"m{at}" for at in range(4)))
    sending.drop(session)
    assert list(sending.states().values()).count("unknown") == 2
    assert list(sending.states().values()).count("queued") == 2
    again = sending.bind()
    assert len(again.submitted) == 2
    assert sending.counters.possible_duplicates == 0


def test_a_session_that_ends_between_commit_and_writing_gives_everything_back(sending: Sending) -> None:
    session = sending.start().bind()
    sending.database.stuck = True
    sending.queue("m")
    sending.dispatcher.lines.down("sms", session)
    sending.after(0.1)
    again = sending.bind()
    sending.database.free()
    assert session.submitted == []
    assert [text_of(pdu) for pdu in again.submitted] == ["Text of m"]
    assert [one.status for one in sending.view("m").attempts] == ["NEVER_WRITTEN", None]


def test_what_the_session_itself_never_wrote_is_no_doubt(sending: Sending) -> None:
    session = sending.start().bind()
    sending.queue("m")
    session.fail_all(NeverWritten("still in the buffer"))
    assert len(session.submitted) == 2
    assert sending.counters.in_doubt == 0


def test_without_a_link_everything_waits_and_goes_when_it_is_up(sending: Sending) -> None:
    sending.start()
    sending.queue("m1", "m2")
    sending.after(60)
    assert sending.states() == {"m1": "queued", "m2": "queued"}
    session = sending.bind()
    assert len(session.submitted) == 2


def test_a_restart_puts_what_was_written_in_doubt_and_sends_what_was_queued(sending: Sending) -> None:
    session = sending.start().bind()
    sending.queue("written")
    other = Sending()
    other.database = sending.database
    other.dispatcher._around = sending.dispatcher._around
    run(other.dispatcher.start())
    assert sending.view("written").state == "unknown"
    assert other.counters.in_doubt == 1
    session.answer()
    assert sending.view("written").state == "accepted"
    stopped = other.stop(0)
    sending.after(2)
    assert stopped.called


# -- clocks


def test_due_work_is_looked_for_each_second(sending: Sending) -> None:
    session = sending.start().bind()
    sending.queue("m", not_before=NOON + timedelta(hours=1))
    sending.after(5)
    assert (session.submitted, sending.view("m").state) == ([], "held")
    sending.business = NOON + timedelta(hours=1)
    sending.after(1)
    assert len(session.submitted) == 1


def test_tried_once_waits_for_the_first_answer_of_everything_released(sending: Sending) -> None:
    session = sending.start().bind(window=1)
    sending.queue("m1", "m2", msisdn=A)
    sending.queue("later", not_before=NOON + timedelta(hours=1))
    tried = Deferred.fromCoroutine(sending.dispatcher.tried_once(NOON, 30))
    session.answer()
    assert not tried.called
    session.answer(S.ESME_RTHROTTLED)
    assert tried.called
    assert tried.result is True


def test_tried_once_does_not_wait_for_a_link_that_is_down(sending: Sending) -> None:
    sending.start()
    sending.queue("m")
    assert run(sending.dispatcher.tried_once(NOON, 30)) is False


def test_tried_once_ends_when_the_dispatcher_stops(sending: Sending) -> None:
    sending.start().bind()
    sending.queue("m")
    tried = Deferred.fromCoroutine(sending.dispatcher.tried_once(NOON, 30))
    stopped = sending.stop(drain_s=0)
    assert (stopped.called, tried.called, tried.result) == (True, True, False)


def test_tried_once_does_not_wait_for_what_is_postponed_meanwhile(sending: Sending) -> None:
    sending.start().bind()
    sending.business = NOON + timedelta(hours=10)
    sending.queue("m", time_zone="Europe/Moscow")
    assert run(sending.dispatcher.tried_once(sending.business, 30)) is True


def test_tried_once_ends_when_the_link_goes_down_meanwhile_and_after_its_limit(sending: Sending) -> None:
    session = sending.start().bind()
    sending.queue("m")
    down = Deferred.fromCoroutine(sending.dispatcher.tried_once(NOON, 30))
    late = Deferred.fromCoroutine(sending.dispatcher.tried_once(NOON, 5))
    sending.after(4.9)
    assert (down.called, late.called) == (False, False)
    sending.after(0.2)
    assert (late.called, down.called) == (True, False)
    sending.drop(session)
    sending.after(1)
    assert down.called


def test_as_a_source_of_due_work_it_names_the_next_release(sending: Sending) -> None:
    session = sending.start().bind()
    morning = NOON + timedelta(hours=21)
    sending.queue("m", not_before=morning)
    assert run(sending.dispatcher.next_due(morning - timedelta(seconds=1))) is None
    assert run(sending.dispatcher.next_due(morning)) == morning
    sending.business = morning
    ran = Deferred.fromCoroutine(sending.dispatcher.run_due(morning))
    session.answer()
    assert ran.called
    assert run(sending.dispatcher.next_due(morning)) is None


# -- the end


def test_stopping_waits_for_answers_and_gives_back_what_was_not_written(sending: Sending) -> None:
    session = sending.start().bind(window=2)
    sending.queue(*(f"m{at}" for at in range(4)))
    stopped = sending.stop()
    assert not stopped.called
    session.answer_all()
    assert stopped.called
    assert sending.states() == {"m0": "accepted", "m1": "accepted", "m2": "queued", "m3": "queued"}


def test_stopping_does_not_wait_for_ever_and_what_is_not_answered_is_in_doubt(sending: Sending) -> None:
    sending.start().bind()
    sending.queue("m")
    stopped = sending.stop(drain_s=3)
    sending.after(2.9)
    assert not stopped.called
    sending.after(0.2)
    assert stopped.called
    assert sending.view("m").state == "unknown"


def test_an_answer_after_the_stop_is_too_late(sending: Sending) -> None:
    session = sending.start().bind()
    sending.queue("m")
    sending.stop(drain_s=0)
    session.answer()
    assert sending.view("m").state == "unknown"


def test_stopping_waits_for_what_is_being_stored(sending: Sending) -> None:
    session = sending.start().bind()
    sending.queue("m")
    sending.database.stuck = True
    session.answer()
    stopped = sending.stop()
    assert not stopped.called
    sending.database.free()
    assert stopped.called
    assert sending.view("m").state == "accepted"


def test_what_never_started_stops(sending: Sending) -> None:
    assert sending.stop().called


# -- trouble


def test_a_database_that_fails_while_rendering_makes_no_dead_letters(sending: Sending) -> None:
    sending.texts["m"] = OperationalError("SELECT", {}, Exception("gone"))
    session = sending.start().bind()
    sending.queue("m")
    assert sending.view("m").state == "queued"
    sending.texts["m"] = "Text"
    sending.after(1)
    assert len(session.submitted) == 1


def test_a_database_that_is_gone_for_a_while_loses_and_doubles_nothing(sending: Sending) -> None:
    session = sending.start().bind()
    sending.queue("m1")
    sending.database.broken = True
    session.answer()
    sending.after(10)
    sending.database.broken = False
    sending.queue("m2")
    sending.after(3)
    session.answer_all()
    assert sending.states() == {"m1": "accepted", "m2": "accepted"}
    assert len(session.submitted) == 2


@pytest.mark.parametrize("point", ["outbox.claimed", "sms.before_write", "sms.after_write", "sms.resp_before_mark"])
def test_an_error_at_any_fault_point_loses_and_doubles_nothing(sending: Sending, point: str) -> None:
    session = sending.start().bind(window=1)
    sending.raising.add(point)
    sending.queue("m1", "m2")
    for _ in range(8):
        sending.after(1)
        session.answer_all()
    assert point in sending.faults
    assert sending.states() == {"m1": "accepted", "m2": "accepted"}
    assert len(session.submitted) == 2


def test_the_fault_points_are_passed_in_their_order(sending: Sending) -> None:
    session = sending.start().bind()
    sending.queue("m")
    session.answer()
    assert sending.faults == ["outbox.claimed", "sms.before_write", "sms.resp_before_mark", "sms.after_write"]


def test_answers_that_the_database_refuses_at_the_end_are_in_doubt_after_the_next_start(sending: Sending) -> None:
    session = sending.start().bind()
    sending.queue("m")
    sending.database.broken = True
    session.answer()
    stopped = sending.stop()
    sending.after(2)
    assert stopped.called
    assert sending.view("m").state == "written"


# -- several links


def test_two_links_take_turns_by_weight_and_one_that_is_down_takes_none() -> None:
    sending = Sending(links=[LinkTerms(name="one", weight=3), LinkTerms(name="two", weight=1)], unrecorded_max=8)
    one, two = sending.bind("one", window=20), sending.bind("two", window=20)
    sending.queue(*(f"m{at}" for at in range(8)))
    sending.start()
    assert (len(one.submitted), len(two.submitted)) == (6, 2)
    one.answer_all()
    two.answer_all()
    sending.drop(one, "one")
    sending.queue("n1", "n2")
    assert len(two.submitted) == 4
    finish(sending)


def test_an_operator_pauses_a_link_and_lets_it_go_on(sending: Sending) -> None:
    session = sending.start().bind()
    sending.database.do(pause_link, "sms", NOON)
    sending.after(1.1)
    sending.queue("m")
    sending.after(5)
    assert session.submitted == []
    sending.database.do(resume_link, "sms")
    sending.after(1.1)
    assert len(session.submitted) == 1
