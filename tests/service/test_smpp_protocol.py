"""The Twisted shell of a session: writes, window, timers, the end. Clock and string transports only."""

from typing import Any

import pytest
from smpp_ends import BIND, End, Handler, bound_esme, bound_smsc
from smpp_samples import deliver_sm, submit_sm
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from sms.errors import (
    BindOverdue,
    BindRefused,
    ConnectionDropped,
    FramingError,
    MessageIdInvalid,
    NeverWritten,
    OutcomeUnknown,
    PduIncomplete,
    PeerLostFraming,
    PeerNotReading,
    PeerSilent,
    ResponseTimeout,
    SessionStateError,
    UnbindUnanswered,
    WindowFull,
)
from sms.smpp.codec import encode
from sms.smpp.config import Timing
from sms.smpp.constants import CommandStatus as Status
from sms.smpp.pdu import (
    AlertNotification,
    BindTransceiverResp,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Outbind,
    Pdu,
    QuerySm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
)
from sms.smpp.protocol import SmppProtocol
from sms.smpp.session import Role, SessionState

RESPONSE_S = Timing().response_timeout_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Asked:
    """A request made by a coroutine, and what came of it."""

    def __init__(self, link: SmppProtocol, pdu: Pdu, **options: Any) -> None:
        self.outcome: Any = None
        self.deferred = Deferred.fromCoroutine(link.request(pdu, **options)).addBoth(self._keep)

    def _keep(self, outcome: Any) -> None:
        self.outcome = getattr(outcome, "value", outcome)


# Writing.


def test_answers_of_one_read_leave_in_one_write(clock: Clock) -> None:
    end = bound_smsc(clock)
    end.transport.writes = 0
    end.receive(*[submit_sm(sequence_number=number) for number in range(2, 52)], EnquireLink(sequence_number=99))
    assert end.transport.writes == 1
    assert sorted(pdu.sequence_number for pdu in end.sent()) == [*range(2, 52), 99]
    assert [call for call in clock.getDelayedCalls() if call.getTime() <= clock.seconds()] == []


def test_answers_given_later_leave_in_one_write_a_turn(clock: Clock) -> None:
    end = bound_smsc(clock, handler=Handler(answers=False))
    requests = [submit_sm(sequence_number=number) for number in range(2, 12)]
    end.receive(*requests)
    assert end.sent() == []
    end.transport.writes = 0
    for request in requests:
        end.link.respond(request, SubmitSmResp(message_id="1"))
    assert end.transport.writes == 0
    assert len(end.turn()) == 10
    assert end.transport.writes == 1


def test_requests_leave_with_the_turn_and_say_so(clock: Clock) -> None:
    end = bound_esme(clock)
    written: list[int] = []
    one = Asked(end.link, submit_sm(), on_written=written.append)
    two = Asked(end.link, submit_sm(), on_written=written.append)
    assert written == []
    end.transport.writes = 0
    assert [pdu.sequence_number for pdu in end.turn()] == [2, 3]
    assert (written, end.transport.writes) == ([2, 3], 1)
    end.receive(SubmitSmResp(message_id="b", sequence_number=3), SubmitSmResp(message_id="a", sequence_number=2))
    assert (one.outcome.message_id, two.outcome.message_id) == ("a", "b")


# Requests and the window.


def test_the_answer_comes_back_whatever_its_status(clock: Clock) -> None:
    """SMPP checks 13, 52: throttling and generic_nack are answers, not failures of the link."""
    end = bound_esme(clock)
    asked = [Asked(end.link, submit_sm()) for _ in range(2)]
    end.turn()
    end.receive(
        SubmitSmResp(command_status=Status.ESME_RTHROTTLED, sequence_number=2),
        GenericNack(command_status=3, sequence_number=3),
    )
    assert [one.outcome.command_status for one in asked] == [Status.ESME_RTHROTTLED, 3]
    assert end.link.state is SessionState.BOUND_TRX


def test_the_window_holds_requests_back_first_come_first_served(clock: Clock) -> None:
    end = bound_esme(clock, window=2)
    asked = [Asked(end.link, submit_sm(service_type=str(number))) for number in range(5)]
    assert [pdu.sequence_number for pdu in end.turn()] == [2, 3]
    assert end.link.window_free == 0
    end.receive(SubmitSmResp(message_id="x", sequence_number=3))
    assert [pdu.service_type for pdu in end.sent()] == ["2"]  # type: ignore[attr-defined]
    end.receive(SubmitSmResp(message_id="x", sequence_number=2), SubmitSmResp(message_id="x", sequence_number=4))
    assert [pdu.service_type for pdu in end.sent()] == ["3", "4"]  # type: ignore[attr-defined]
    assert [one.outcome is None for one in asked] == [False, False, False, True, True]
    end.lose()


def test_a_request_refused_before_it_is_sent_leaves_room_for_the_next(clock: Clock) -> None:
    end = bound_esme(clock, window=1)
    first = Asked(end.link, submit_sm())
    wrong = Asked(end.link, QuerySm(message_id="1" * 65))
    last = Asked(end.link, submit_sm(service_type="last"))
    end.turn()
    end.receive(SubmitSmResp(message_id="x", sequence_number=2))
    assert isinstance(wrong.outcome, MessageIdInvalid)
    assert [pdu.service_type for pdu in end.sent()] == ["last"]  # type: ignore[attr-defined]
    end.receive(SubmitSmResp(message_id="y", sequence_number=3))
    assert (first.outcome.message_id, last.outcome.message_id) == ("x", "y")


def test_who_waits_for_room_may_give_up(clock: Clock) -> None:
    end = bound_esme(clock, window=1)
    Asked(end.link, submit_sm())
    waiting, next_one = Asked(end.link, submit_sm()), Asked(end.link, submit_sm(service_type="next"))
    waiting.deferred.cancel()
    end.turn()
    end.receive(SubmitSmResp(message_id="x", sequence_number=2))
    assert [pdu.service_type for pdu in end.sent()] == ["next"]  # type: ignore[attr-defined]
    assert next_one.outcome is None
    end.lose()


def test_without_a_coroutine(clock: Clock) -> None:
    end = bound_esme(clock, window=1)
    outcomes: list[Any] = []
    assert end.link.try_request(submit_sm(), outcomes.append) == 2
    with pytest.raises(WindowFull):
        end.link.try_request(submit_sm(), outcomes.append)
    end.turn()
    end.receive(SubmitSmResp(message_id="x", sequence_number=2))
    assert [one.message_id for one in outcomes] == ["x"]
    assert end.link.try_request(submit_sm(), outcomes.append) == 3
    end.lose()
    with pytest.raises(SessionStateError):
        end.link.try_request(submit_sm(), outcomes.append)


def test_what_a_receiver_may_never_send_is_the_callers_error(clock: Clock) -> None:
    """SMPP check 16."""
    end = bound_esme(clock)
    asked = Asked(end.link, deliver_sm())
    assert isinstance(asked.outcome, SessionStateError)


def test_no_answer_in_time_leaves_the_outcome_unknown_and_a_late_one_is_told(clock: Clock) -> None:
    """SMPP checks 10, 24."""
    end = bound_esme(clock, timing=Timing(enquire_link_s=None))
    first = Asked(end.link, submit_sm())
    end.turn()
    clock.advance(RESPONSE_S / 2)
    second = Asked(end.link, submit_sm())
    clock.advance(RESPONSE_S / 2 - 0.1)
    assert first.outcome is None
    clock.advance(0.1)
    assert isinstance(first.outcome, ResponseTimeout)
    assert second.outcome is None
    assert end.link.window_free == end.link.window - 1
    clock.advance(RESPONSE_S / 2)
    assert isinstance(second.outcome, OutcomeUnknown)
    late = SubmitSmResp(message_id="late", sequence_number=2)
    end.receive(late, SubmitSmResp(message_id="?", sequence_number=77))
    assert [(request and request.sequence_number, response.sequence_number) for request, response
            in end.handler.unmatched] == [(2, 2), (None, 77)]  # fmt: skip


def test_a_malformed_answer_leaves_the_outcome_unknown(clock: Clock) -> None:
    end = bound_esme(clock)
    asked = Asked(end.link, submit_sm())
    end.turn()
    octets = encode(SubmitSmResp(message_id="1", sequence_number=2))[:-1]
    end.link.dataReceived(len(octets).to_bytes(4) + octets[4:])
    assert isinstance(asked.outcome, OutcomeUnknown)


def test_a_peer_that_closes_on_our_unbind_is_told_from_one_that_just_goes(clock: Clock) -> None:
    """SMPP check 23."""
    end = bound_esme(clock)
    left = Deferred.fromCoroutine(end.link.unbind())
    assert [pdu.name for pdu in end.turn()] == ["unbind"]
    end.lose()
    assert left.called
    assert [type(reason) for _, reason in end.handler.ended] == [UnbindUnanswered]


def test_a_lost_connection_tells_written_from_unwritten(clock: Clock) -> None:
    """SMPP check 24."""
    end = bound_esme(clock, window=2)
    written, unwritten_pdu = submit_sm(), submit_sm()
    asked = [Asked(end.link, written)]
    end.turn()
    asked += [Asked(end.link, unwritten_pdu), Asked(end.link, submit_sm())]
    end.lose()
    assert [type(one.outcome) for one in asked] == [OutcomeUnknown, NeverWritten, NeverWritten]
    assert len(end.handler.ended) == 1
    in_flight, reason = end.handler.ended[0]
    assert in_flight == [written]
    assert isinstance(reason, ConnectionDropped)
    assert clock.getDelayedCalls() == []
    late = Asked(end.link, submit_sm())
    assert isinstance(late.outcome, NeverWritten)


# Binding.


def test_establishing_a_session(clock: Clock) -> None:
    end = End(Role.ESME, clock)
    established = Deferred.fromCoroutine(end.link.establish(BIND))
    assert [pdu.name for pdu in end.turn()] == ["bind_transceiver"]
    end.receive(BindTransceiverResp(system_id="SMSC", sequence_number=1), deliver_sm())
    assert established.called
    assert end.handler.bound_links == [end.link]
    assert end.handler.requests == [deliver_sm()]
    assert end.link.bind is not None
    end.lose()


def test_a_refused_bind_has_the_status_of_the_peer(clock: Clock) -> None:
    """SMPP check 19."""
    end = End(Role.ESME, clock)
    established: Deferred[Any] = Deferred.fromCoroutine(end.link.establish(BIND))
    end.turn()
    end.receive(BindTransceiverResp(command_status=Status.ESME_RINVPASWD, sequence_number=1))
    failure = established.result
    established.addErrback(lambda _: None)
    assert isinstance(failure.value, BindRefused)
    assert failure.value.command_status == Status.ESME_RINVPASWD
    assert end.handler.bound_links == []
    end.lose()


def test_a_bind_nobody_answers_times_out(clock: Clock) -> None:
    end = End(Role.ESME, clock, timing=Timing(session_init_s=None))
    outcomes: list[Any] = []
    Deferred.fromCoroutine(end.link.establish(BIND)).addErrback(lambda failure: outcomes.append(failure.value))
    clock.advance(RESPONSE_S)
    assert isinstance(outcomes[0], ResponseTimeout)
    end.lose()


def test_a_connection_without_bind_is_closed(clock: Clock) -> None:
    """SMPP check 20."""
    end = End(Role.SMSC, clock)
    clock.advance(4.9)
    end.receive(EnquireLink(sequence_number=1))
    assert not end.transport.disconnecting
    clock.advance(0.2)
    assert end.transport.disconnecting
    end.lose()
    assert isinstance(end.handler.ended[0][1], BindOverdue)


def test_a_bound_session_is_not_closed_by_the_session_init_timer(clock: Clock) -> None:
    """SMPP check 20."""
    end = bound_smsc(clock)
    clock.advance(6)
    assert not end.transport.disconnecting
    end.lose()


def test_an_outbind_reaches_who_asked_for_it(clock: Clock) -> None:
    """SMPP check 25."""
    seen: list[Outbind] = []
    end = End(Role.ESME, clock, on_outbind=lambda _link, pdu: seen.append(pdu))
    end.receive(Outbind(system_id="SMSC", sequence_number=1))
    assert [pdu.system_id for pdu in seen] == ["SMSC"]
    deaf = End(Role.ESME, clock)
    deaf.receive(Outbind(system_id="SMSC", sequence_number=1))
    assert deaf.sent() == []
    end.lose()
    deaf.lose()


def test_notifications_leave_without_waiting_for_an_answer(clock: Clock) -> None:
    """SMPP check 28."""
    end = bound_smsc(clock)
    end.link.send_unanswered(AlertNotification())
    assert [pdu.name for pdu in end.turn()] == ["alert_notification"]
    assert end.link.session.in_flight == []
    end.lose()


# Keeping alive.


def test_silence_is_asked_about_and_any_pdu_counts_as_life(clock: Clock) -> None:
    """SMPP check 21."""
    end = bound_smsc(clock)
    clock.advance(20)
    end.receive(submit_sm())
    end.sent()
    clock.advance(29)
    assert end.turn() == []
    clock.advance(1.5)
    asked = end.turn()
    assert [pdu.name for pdu in asked] == ["enquire_link"]
    clock.advance(0.5)
    end.receive(EnquireLinkResp(sequence_number=asked[0].sequence_number))
    assert end.link.enquire_rtt_s == 0.5
    clock.advance(29)
    assert end.turn() == []
    clock.advance(1.5)
    assert [pdu.name for pdu in end.turn()] == ["enquire_link"]
    end.lose()


def test_a_dead_peer_is_noticed_in_enquire_link_and_response_time(clock: Clock) -> None:
    """SMPP check 21; reliability G8."""
    end = bound_esme(clock)
    asked = Asked(end.link, submit_sm())
    clock.advance(30)
    end.sent()
    clock.advance(RESPONSE_S - 0.1)
    assert not end.transport.disconnecting
    clock.advance(0.2)
    assert end.transport.disconnecting
    end.lose()
    assert isinstance(end.handler.ended[0][1], PeerSilent)
    assert isinstance(asked.outcome, OutcomeUnknown)


def test_a_peer_that_does_not_know_enquire_link_is_alive(clock: Clock) -> None:
    """SMPP check 21."""
    end = bound_esme(clock)
    clock.advance(30)
    number = end.turn()[0].sequence_number
    end.receive(GenericNack(command_status=3, sequence_number=number))
    clock.advance(RESPONSE_S)
    assert not end.transport.disconnecting
    end.lose()


def test_enquire_link_is_not_held_back_by_a_full_window(clock: Clock) -> None:
    """SMPP check 21."""
    end = bound_esme(clock, window=1, timing=Timing(response_timeout_s=100))
    Asked(end.link, submit_sm())
    clock.advance(30)
    assert [pdu.name for pdu in end.turn()] == ["submit_sm", "enquire_link"]
    end.lose()


def test_an_inactive_session_is_unbound_not_dropped(clock: Clock) -> None:
    """SMPP check 22: enquire_link is no activity."""
    end = bound_smsc(clock, timing=Timing(inactivity_s=60))
    unbind: list[Pdu] = []
    for second in range(1, 111):
        clock.advance(1)
        if second == 50:
            end.receive(submit_sm())
        for pdu in end.sent():
            if isinstance(pdu, EnquireLink):
                end.receive(EnquireLinkResp(sequence_number=pdu.sequence_number))
            unbind += [pdu] if isinstance(pdu, Unbind) else []
        assert bool(unbind) == (second == 110)
    end.receive(UnbindResp(sequence_number=unbind[0].sequence_number))
    end.lose()
    assert end.handler.ended[0][1] is None


def test_a_pdu_that_never_ends_closes_the_connection_however_it_trickles(clock: Clock) -> None:
    """SMPP check 3."""
    end = bound_smsc(clock, timing=Timing(partial_pdu_s=10, enquire_link_s=None))
    octets = encode(submit_sm())
    for at in range(9):
        end.link.dataReceived(octets[at : at + 1])
        clock.advance(1)
    assert not end.transport.disconnecting
    end.link.dataReceived(octets[9:10])
    clock.advance(1)
    assert end.transport.disconnecting
    end.lose()
    assert isinstance(end.handler.ended[0][1], PduIncomplete)


def test_every_pdu_has_its_own_time_to_come_whole(clock: Clock) -> None:
    """SMPP check 3."""
    end = bound_smsc(clock, timing=Timing(partial_pdu_s=10, enquire_link_s=None))
    octets = encode(submit_sm())
    for _ in range(5):
        end.link.dataReceived(octets[:9])
        clock.advance(9)
        end.link.dataReceived(octets[9:])
    end.link.dataReceived(octets[:9])
    clock.advance(9)
    end.link.dataReceived(octets[9:] + octets[:3])
    clock.advance(9)
    assert not end.transport.disconnecting
    assert len(end.handler.requests) == 6
    end.lose()


def test_a_transport_that_pauses_before_the_first_pdu_is_read_on(clock: Clock) -> None:
    """TLS does so during its handshake, which it has to read."""
    end = End(Role.SMSC, clock)
    end.link.pauseProducing()
    assert end.transport.producerState == "producing"
    end.link.resumeProducing()
    end.lose()


def test_a_peer_that_does_not_read_is_not_read_and_then_dropped(clock: Clock) -> None:
    end = bound_smsc(clock, timing=Timing(write_stall_s=30, enquire_link_s=None))
    assert end.transport.producer is end.link
    end.link.pauseProducing()
    assert end.transport.producerState == "paused"
    clock.advance(29)
    end.link.resumeProducing()
    assert end.transport.producerState == "producing"
    clock.advance(60)
    assert not end.transport.disconnected
    end.link.pauseProducing()
    clock.advance(30)
    assert end.transport.disconnected
    end.link.stopProducing()
    end.lose()
    assert isinstance(end.handler.ended[0][1], PeerNotReading)


# Faults.


def test_a_broken_stream_is_nacked_and_closed(clock: Clock) -> None:
    """SMPP checks 1, 2."""
    end = bound_smsc(clock)
    end.link.dataReceived(encode(submit_sm()) + (15).to_bytes(4))
    assert [pdu.name for pdu in end.sent()] == ["submit_sm_resp", "generic_nack"]
    assert end.transport.disconnecting
    end.link.respond(submit_sm(), SubmitSmResp(message_id="late"))
    end.lose()
    assert isinstance(end.handler.ended[0][1], FramingError)


def test_a_peer_that_lost_our_stream_is_left(clock: Clock) -> None:
    """SMPP check 13."""
    end = bound_esme(clock)
    asked = Asked(end.link, submit_sm())
    end.turn()
    end.receive(GenericNack(command_status=2))
    assert end.transport.disconnecting
    end.lose()
    assert isinstance(end.handler.ended[0][1], PeerLostFraming)
    assert isinstance(asked.outcome, OutcomeUnknown)


class Faulty(Handler):
    """Raises at every request."""

    def request_received(self, link: SmppProtocol, pdu: Pdu) -> None:
        if pdu.sequence_number == 99:
            link.respond(pdu, SubmitSmResp(message_id="answered"))
        raise ZeroDivisionError


def test_a_fault_of_the_owner_is_answered_and_does_not_cost_the_session(clock: Clock) -> None:
    """SMPP check 55: what was not stored is delivered again."""
    esme, smsc = bound_esme(clock, handler=Faulty()), bound_smsc(clock, handler=Faulty())
    esme.receive(deliver_sm())
    smsc.receive(submit_sm(), submit_sm(sequence_number=99))
    assert esme.sent() == [DeliverSmResp(command_status=Status.ESME_RX_T_APPN, sequence_number=8)]
    assert [pdu.command_status for pdu in smsc.sent()] == [Status.ESME_RSYSERR, Status.ESME_ROK]
    assert esme.link.state is smsc.link.state is SessionState.BOUND_TRX
    esme.lose()
    smsc.lose()


# The end.


def test_leaving_in_good_order(clock: Clock) -> None:
    """SMPP check 23: no new requests, answers come, unbind, close."""
    end = bound_esme(clock, window=1)
    last, waiting = Asked(end.link, submit_sm()), Asked(end.link, submit_sm())
    end.turn()
    left = Deferred.fromCoroutine(end.link.unbind())
    assert isinstance(waiting.outcome, NeverWritten)
    assert end.turn() == []
    end.receive(SubmitSmResp(message_id="last", sequence_number=2))
    assert last.outcome.message_id == "last"
    unbind = end.turn()
    assert [pdu.name for pdu in unbind] == ["unbind"]
    end.receive(UnbindResp(sequence_number=unbind[0].sequence_number))
    assert end.transport.disconnecting
    assert not left.called
    end.lose()
    assert left.called
    assert end.handler.ended == [([], None)]
    assert clock.getDelayedCalls() == []


def test_leaving_does_not_wait_for_ever(clock: Clock) -> None:
    """SMPP check 23: the requester waits with a limit."""
    end = bound_esme(clock, timing=Timing(response_timeout_s=60))
    asked = Asked(end.link, submit_sm())
    end.turn()
    left = Deferred.fromCoroutine(end.link.unbind())
    clock.advance(5)
    assert [pdu.name for pdu in end.turn()] == ["unbind"]
    clock.advance(5)
    assert end.transport.disconnected
    end.lose()
    assert left.called
    assert isinstance(asked.outcome, OutcomeUnknown)
    assert end.handler.ended[0][0][0].name == "submit_sm"


def test_leaving_goes_on_when_the_last_request_is_given_up(clock: Clock) -> None:
    """SMPP check 23."""
    end = bound_esme(clock, timing=Timing(response_timeout_s=3))
    asked = Asked(end.link, submit_sm())
    end.turn()
    clock.advance(1)
    Deferred.fromCoroutine(end.link.unbind())
    clock.advance(2)
    assert isinstance(asked.outcome, ResponseTimeout)
    assert [pdu.name for pdu in end.turn()] == ["unbind"]
    end.lose()


def test_leaving_what_is_lost_or_was_never_ours(clock: Clock) -> None:
    end = bound_esme(clock)
    number = end.link.session.send(submit_sm())
    end.receive(SubmitSmResp(message_id="1", sequence_number=number))
    asked = Asked(end.link, submit_sm())
    left = Deferred.fromCoroutine(end.link.unbind())
    end.lose()
    assert left.called
    assert isinstance(asked.outcome, NeverWritten)
    assert Deferred.fromCoroutine(end.link.unbind()).called
    assert clock.getDelayedCalls() == []


def test_nothing_is_sent_on_a_session_that_is_being_closed(clock: Clock) -> None:
    end = bound_esme(clock)
    end.link.close()
    with pytest.raises(SessionStateError):
        end.link.try_request(submit_sm(), lambda _: None)
    assert isinstance(Asked(end.link, submit_sm()).outcome, NeverWritten)
    assert end.turn() == []
    end.lose()


def test_leaving_twice_or_unbound_is_harmless(clock: Clock) -> None:
    end = bound_esme(clock)
    lefts = [Deferred.fromCoroutine(end.link.unbind()) for _ in range(2)]
    assert [pdu.name for pdu in end.turn()] == ["unbind"]
    end.lose()
    assert all(left.called for left in lefts)
    end.link.close()
    end.link.abort()
    young = End(Role.ESME, clock)
    left = Deferred.fromCoroutine(young.link.unbind())
    assert young.transport.disconnecting
    young.lose()
    assert left.called
    assert clock.getDelayedCalls() == []


def test_a_peer_that_leaves_gets_the_answers_it_waits_for(clock: Clock) -> None:
    """SMPP check 23."""
    end = bound_smsc(clock, handler=Handler(answers=False))
    end.receive(submit_sm(), Unbind(sequence_number=9))
    assert [pdu.name for pdu in end.sent()] == ["unbind_resp"]
    assert not end.transport.disconnecting
    end.link.respond(submit_sm(), SubmitSmResp(message_id="1"))
    assert [pdu.name for pdu in end.turn()] == ["submit_sm_resp"]
    assert end.transport.disconnecting
    end.lose()
    assert end.handler.ended == [([], None)]


def test_a_peer_that_leaves_is_not_kept_for_ever(clock: Clock) -> None:
    """SMPP check 23."""
    end = bound_smsc(clock, handler=Handler(answers=False))
    end.receive(submit_sm(), Unbind(sequence_number=9))
    clock.advance(5)
    assert end.transport.disconnecting
    assert not end.transport.disconnected
    clock.advance(5)
    assert end.transport.disconnected
    end.lose()


def test_a_peer_that_leaves_with_nothing_open_is_closed_at_once(clock: Clock) -> None:
    """SMPP check 23."""
    end = bound_smsc(clock)
    end.receive(Unbind(sequence_number=9))
    assert [pdu.name for pdu in end.sent()] == ["unbind_resp"]
    assert end.transport.disconnecting
    end.lose()


def test_answers_to_a_session_that_is_over_go_nowhere(clock: Clock) -> None:
    end = bound_smsc(clock, handler=Handler(answers=False))
    end.receive(submit_sm())
    end.lose()
    end.link.respond(submit_sm(), SubmitSmResp(message_id="1"))
    assert end.turn() == []
    assert clock.getDelayedCalls() == []
