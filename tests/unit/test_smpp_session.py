"""What a session answers by itself, how it numbers and matches, what ends it."""

from typing import Any

import pytest
from smpp_samples import BIND, SAMPLES, deliver_sm, receipt_sm, submit_sm

from sms.errors import (
    AlreadyBound,
    BindStatusWrong,
    CommandIdUnknown,
    InboundQueueFull,
    MessageIdInvalid,
    ParameterNotAllowed,
    ParameterValueInvalid,
    PeerLostFraming,
    SessionStateError,
)
from sms.smpp.codec import decode, encode
from sms.smpp.config import TlvPolicy
from sms.smpp.constants import RESPONSE_BIT, SEQUENCE_MAX, CommandId, Tag
from sms.smpp.constants import CommandStatus as Status
from sms.smpp.events import (
    BindReceived,
    Direction,
    Event,
    LateResponseReceived,
    LinkBroken,
    OutbindReceived,
    PduRefused,
    PeerUnbound,
    RequestReceived,
    ResponseReceived,
    ResponseRefused,
    UnbindConfirmed,
    UnknownResponseReceived,
)
from sms.smpp.pdu import (
    AlertNotification,
    Bind,
    BindReceiver,
    BindReceiverResp,
    BindResp,
    BindTransceiver,
    BindTransceiverResp,
    BindTransmitter,
    BindTransmitterResp,
    CancelSm,
    DataSm,
    DataSmResp,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Outbind,
    Pdu,
    QuerySm,
    ReplaceSm,
    SmeAddress,
    SubmitMulti,
    SubmitSmResp,
    Unbind,
    UnbindResp,
    response_class,
)
from sms.smpp.session import EXPIRED_MAX, Role, Session, SessionState

KINDS: list[tuple[type[Bind], type[BindResp], SessionState]] = [
    (BindTransmitter, BindTransmitterResp, SessionState.BOUND_TX),
    (BindReceiver, BindReceiverResp, SessionState.BOUND_RX),
    (BindTransceiver, BindTransceiverResp, SessionState.BOUND_TRX),
]


def given_esme(kind: int = 2, **options: Any) -> Session:
    """A bound session of our ESME side; the SMSC announced 3.4."""
    request, answer, _ = KINDS[kind]
    announced = options.pop("announced", ((0x0210, b"\x34"),))
    session = Session(Role.ESME, **options)
    session.send(request(system_id="gateway", interface_version=session.interface_version))
    feed(session, answer(system_id="SMSC", sequence_number=1, tlvs=announced))
    session.data_to_send()
    return session


def given_smsc(kind: int = 2, version: int = 0x34, **options: Any) -> Session:
    """A session of our SMSC side, bound by an ESME of this version."""
    request, answer, _ = KINDS[kind]
    session = Session(Role.SMSC, **options)
    bind = request(system_id="gateway", interface_version=version, sequence_number=1)
    feed(session, bind)
    session.respond(bind, answer(system_id="SMSC"))
    session.data_to_send()
    return session


def feed(session: Session, *pdus: Pdu) -> list[Event]:
    return session.receive_data(b"".join(map(encode, pdus)))


def sent(session: Session) -> list[Pdu]:
    stream = session.data_to_send()
    found = []
    while stream:
        length = int.from_bytes(stream[:4])
        found.append(decode(stream[:length]))
        stream = stream[length:]
    return found


def only(events: list[Event], cls: type[Any]) -> Any:
    assert [type(event) for event in events] == [cls]
    return events[0]


# Unknown and malformed.


def test_an_unknown_request_is_nacked_by_its_number_and_the_session_stays() -> None:
    """SMPP check 4."""
    for session in (given_esme(), given_smsc(), Session(Role.SMSC)):
        before = session.state
        event = only(session.receive_data(bytes.fromhex("00000012 00000777 00000000 00000009 0102")), PduRefused)
        assert isinstance(event.error, CommandIdUnknown)
        assert sent(session) == [GenericNack(command_status=Status.ESME_RINVCMDID, sequence_number=9)]
        assert session.state is before


def test_an_unknown_response_and_a_generic_nack_are_never_answered() -> None:
    """SMPP check 5."""
    session = given_esme()
    event = only(session.receive_data(bytes.fromhex("00000010 80000777 00000000 00000009")), UnknownResponseReceived)
    assert (event.command_id, event.sequence_number, event.response) == (0x80000777, 9, None)
    only(feed(session, GenericNack(command_status=3, sequence_number=9)), UnknownResponseReceived)
    only(session.receive_data(bytes.fromhex("00000011 80000000 00000003 00000009 00")), PduRefused)
    only(session.receive_data(bytes.fromhex("00000010 80000004 00000000 00000009")), PduRefused)
    assert sent(session) == []


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_a_malformed_request_is_answered_by_its_response_and_the_session_stays(kind: int) -> None:
    """SMPP checks 4, 30: the named error goes back."""
    session = given_smsc(kind)
    good = encode(DataSm(service_type="12345", sequence_number=9))
    bad = good.replace(b"12345", b"123456")
    event = only(session.receive_data(len(bad).to_bytes(4) + bad[4:]), PduRefused)
    assert event.error.command_status == Status.ESME_RINVSERTYP
    assert sent(session) == [DataSmResp(command_status=Status.ESME_RINVSERTYP, sequence_number=9)]
    assert session.state.is_bound


def test_a_malformed_bind_is_refused_and_another_may_follow() -> None:
    """SMPP check 30."""
    session = Session(Role.SMSC)
    good = encode(BindTransmitter(system_id="A" * 15, sequence_number=1))
    bad = good.replace(b"A" * 15, b"A" * 16)
    only(session.receive_data(len(bad).to_bytes(4) + bad[4:]), PduRefused)
    assert sent(session) == [BindTransmitterResp(command_status=Status.ESME_RINVSYSID, sequence_number=1)]
    only(feed(session, BindTransmitter(**BIND)), BindReceived)


def test_a_malformed_notification_is_not_answered() -> None:
    """SMPP check 28."""
    session = given_esme()
    octets = encode(AlertNotification(sequence_number=3))[:-1]
    only(session.receive_data(len(octets).to_bytes(4) + octets[4:]), PduRefused)
    assert sent(session) == []


def test_who_may_not_send_a_command_does_not_learn_what_was_wrong_with_it() -> None:
    """SMPP check 15."""
    session = Session(Role.SMSC)
    octets = encode(submit_sm(sequence_number=5))[:-3]
    only(session.receive_data(len(octets).to_bytes(4) + octets[4:]), PduRefused)
    assert sent(session) == [SubmitSmResp(command_status=Status.ESME_RINVBNDSTS, sequence_number=5)]


def test_a_malformed_answer_leaves_the_outcome_unknown_and_fails_that_request_only() -> None:
    """SMPP check 13."""
    session = given_esme()
    first, second = submit_sm(), submit_sm()
    number = session.send(first)
    session.send(second)
    octets = encode(SubmitSmResp(message_id="1", sequence_number=number))[:-1]
    event = only(session.receive_data(len(octets).to_bytes(4) + octets[4:]), ResponseRefused)
    assert event.request is first
    assert session.in_flight == [second]


def test_a_malformed_bind_answer_leaves_the_session_open() -> None:
    session = Session(Role.ESME)
    session.send(BindTransceiver(**BIND))
    only(session.receive_data(bytes.fromhex("00000010 80000009 00000000 00000001")), ResponseRefused)
    assert session.state is SessionState.OPEN


# Numbers and statuses.


def test_requests_carry_status_0_and_a_status_received_in_one_is_ignored() -> None:
    """SMPP check 6."""
    session = given_esme()
    with pytest.raises(ParameterValueInvalid):
        session.send(submit_sm(command_status=8))
    event = only(feed(session, deliver_sm(command_status=8)), RequestReceived)
    session.respond(event.pdu, DeliverSmResp())
    assert sent(session) == [DeliverSmResp(sequence_number=8)]


def test_numbers_start_at_1_step_by_1_and_wrap_to_1() -> None:
    """SMPP check 7."""
    session = given_esme()
    assert [session.send(submit_sm()) for _ in range(3)] == [2, 3, 4]
    session._last_number = SEQUENCE_MAX - 1
    assert session.send(submit_sm()) == SEQUENCE_MAX
    assert session.send(submit_sm()) == 1


def test_a_refused_request_uses_no_number() -> None:
    """SMPP check 7."""
    session = given_esme()
    with pytest.raises(MessageIdInvalid):
        session.send(QuerySm(message_id="1" * 65))
    assert session.send(submit_sm()) == 2


def test_a_number_that_is_outstanding_is_not_reused_after_the_wrap() -> None:
    """SMPP check 11."""
    session = given_esme()
    assert session.send(submit_sm()) == 2
    assert session.send(submit_sm()) == 3
    session.expire(3)
    session._last_number = SEQUENCE_MAX
    assert session.send(submit_sm()) == 1
    assert session.send(submit_sm()) == 4


def test_an_answer_repeats_the_number_whatever_it_is_and_each_way_counts_for_itself() -> None:
    """SMPP check 8."""
    session = given_esme()
    number = session.send(submit_sm())
    for received in (number, 0, 0xFFFFFFFF):
        request = deliver_sm(sequence_number=received)
        only(feed(session, request), RequestReceived)
        session.respond(request, DeliverSmResp())
    assert [pdu.sequence_number for pdu in sent(session)[1:]] == [number, 0, 0xFFFFFFFF]
    assert len(session.in_flight) == 1


def test_answers_come_in_any_order() -> None:
    """SMPP check 9."""
    session = given_esme()
    requests = [submit_sm() for _ in range(5)]
    numbers = [session.send(pdu) for pdu in requests]
    for number in (numbers[3], numbers[0], numbers[4], numbers[1]):
        event = only(feed(session, SubmitSmResp(message_id=f"m{number}", sequence_number=number)), ResponseReceived)
        assert event.request is requests[numbers.index(number)]
    assert session.in_flight == [requests[2]]


def test_double_unknown_and_mismatched_answers_complete_nothing() -> None:
    """SMPP check 10."""
    session = given_esme()
    request, other = submit_sm(), submit_sm()
    number, waiting = session.send(request), session.send(other)
    answer = SubmitSmResp(message_id="1", sequence_number=number)
    only(feed(session, answer), ResponseReceived)
    assert only(feed(session, answer), UnknownResponseReceived).response == answer
    only(feed(session, SubmitSmResp(message_id="1", sequence_number=777)), UnknownResponseReceived)
    only(feed(session, DataSmResp(message_id="1", sequence_number=waiting)), UnknownResponseReceived)
    assert session.in_flight == [other]
    assert session.state is SessionState.BOUND_TRX


def test_a_late_answer_is_told_with_its_request() -> None:
    """SMPP check 10."""
    session = given_esme()
    request = submit_sm()
    number = session.send(request)
    assert session.expire(number) is request
    assert session.expire(number) is None
    answer = SubmitSmResp(message_id="late", sequence_number=number)
    event = only(feed(session, answer), LateResponseReceived)
    assert (event.request, event.response) == (request, answer)
    only(feed(session, answer), UnknownResponseReceived)


def test_only_so_many_requests_are_remembered_for_late_answers() -> None:
    session = given_esme()
    numbers = [session.send(submit_sm()) for _ in range(EXPIRED_MAX + 1)]
    for number in numbers:
        session.expire(number)
    only(feed(session, SubmitSmResp(message_id="1", sequence_number=numbers[0])), UnknownResponseReceived)
    only(feed(session, SubmitSmResp(message_id="1", sequence_number=numbers[1])), LateResponseReceived)


def test_a_generic_nack_fails_its_request_only() -> None:
    """SMPP check 13."""
    session = given_esme()
    first, second = submit_sm(), submit_sm()
    number = session.send(first)
    session.send(second)
    event = only(feed(session, GenericNack(command_status=3, sequence_number=number)), ResponseReceived)
    assert event.request is first
    assert isinstance(event.response, GenericNack)
    assert session.in_flight == [second]


def test_a_generic_nack_without_number_is_an_error_of_the_link() -> None:
    """SMPP check 13."""
    session = given_esme()
    request = submit_sm()
    session.send(request)
    events = feed(session, GenericNack(command_status=2), EnquireLink(sequence_number=1))
    event = only(events, LinkBroken)
    assert isinstance(event.error, PeerLostFraming)
    assert session.state is SessionState.CLOSED
    assert session.connection_lost() == [request]


# Answering requests.


def test_a_request_is_answered_once_by_its_own_response() -> None:
    """SMPP check 8."""
    session = given_smsc()
    request = submit_sm()
    only(feed(session, request), RequestReceived)
    with pytest.raises(SessionStateError, match="does not answer"):
        session.respond(request, DataSmResp(message_id="1"))
    with pytest.raises(MessageIdInvalid):
        session.respond(request, SubmitSmResp(message_id="1" * 65))
    session.respond(request, SubmitSmResp(message_id="1"))
    with pytest.raises(SessionStateError, match="waits for an answer"):
        session.respond(request, SubmitSmResp(message_id="1"))
    assert len(sent(session)) == 1


def test_two_requests_with_one_number_get_two_answers() -> None:
    """SMPP check 8: a peer that counts wrongly is still answered."""
    session = given_smsc()
    feed(session, submit_sm(), submit_sm())
    assert session.unanswered == 2
    assert not session.is_drained
    for _ in range(2):
        session.respond(submit_sm(), SubmitSmResp(message_id="1"))
    assert session.is_drained


def test_a_request_that_is_forgotten_waits_for_no_answer_any_more() -> None:
    session = given_smsc()
    feed(session, submit_sm(), submit_sm())
    session.forget(submit_sm())
    assert session.unanswered == 1
    session.forget(submit_sm())
    assert session.is_drained
    session.forget(submit_sm())
    with pytest.raises(SessionStateError, match="waits for an answer"):
        session.respond(submit_sm(), SubmitSmResp(message_id="1"))


def test_replace_sm_has_optional_parameters_from_5_0_on() -> None:
    """SMPP check 51: 3.4 knows none, and a text in one would be lost there."""
    replace = ReplaceSm(message_id="1", source_addr="1", tlvs=((int(Tag.MESSAGE_PAYLOAD), b"new"),))
    with pytest.raises(ParameterNotAllowed, match=r"before 5\.0"):
        given_esme().send(replace)


def test_a_flood_of_requests_nobody_answers_is_throttled_not_stored() -> None:
    """SMPP check 52."""
    session = given_smsc(inbound_max=3)
    events = feed(session, *[submit_sm(sequence_number=number) for number in range(10, 14)])
    assert [type(event) for event in events] == [RequestReceived] * 3 + [PduRefused]
    assert isinstance(events[-1].error, InboundQueueFull)  # type: ignore[attr-defined]
    assert sent(session) == [SubmitSmResp(command_status=Status.ESME_RTHROTTLED, sequence_number=13)]


def test_enquire_link_is_answered_at_once_in_any_state() -> None:
    """SMPP checks 15, 21: even before a bind, as 5.0 allows, and while requests wait."""
    busy = given_smsc(inbound_max=1)
    feed(busy, submit_sm())
    unbound = given_smsc()
    feed(unbound, Unbind(sequence_number=1))
    unbound.data_to_send()
    for session in (Session(Role.SMSC), Session(Role.ESME), given_esme(), busy, unbound):
        assert feed(session, EnquireLink(sequence_number=5)) == []
        assert sent(session) == [EnquireLinkResp(sequence_number=5)]


def test_our_enquire_link_is_matched() -> None:
    """SMPP check 21."""
    session = given_smsc()
    number = session.send(EnquireLink())
    only(feed(session, EnquireLinkResp(sequence_number=number)), ResponseReceived)


def test_alert_notification_is_never_answered() -> None:
    """SMPP check 28."""
    session = given_esme()
    event = only(feed(session, AlertNotification(sequence_number=3)), RequestReceived)
    with pytest.raises(SessionStateError):
        session.respond(event.pdu, GenericNack())
    assert sent(session) == []
    assert session.is_drained


# States.


@pytest.mark.parametrize(("request_class", "answer_class", "state"), KINDS)
def test_binding_from_both_sides(
    request_class: type[Bind], answer_class: type[BindResp], state: SessionState
) -> None:
    """SMPP check 15."""
    esme, smsc = Session(Role.ESME), Session(Role.SMSC)
    esme.send(request_class(system_id="gateway", password="secret1"))
    assert esme.state is SessionState.BINDING
    bind = only(smsc.receive_data(esme.data_to_send()), BindReceived).pdu
    assert (bind.system_id, smsc.state) == ("gateway", SessionState.BINDING)
    smsc.respond(bind, answer_class(system_id="SMSC"))
    only(esme.receive_data(smsc.data_to_send()), ResponseReceived)
    assert (esme.state, smsc.state) == (state, state)
    assert esme.bind == smsc.bind


@pytest.mark.parametrize(
    "status", [Status.ESME_RINVSYSID, Status.ESME_RINVPASWD, Status.ESME_RBINDFAIL, Status.ESME_RALYBND]
)
def test_a_refused_bind_leaves_both_sides_open(status: Status) -> None:
    """SMPP checks 12, 19: the refusal has no body."""
    esme, smsc = Session(Role.ESME), Session(Role.SMSC)
    esme.send(BindTransmitter(system_id="gateway"))
    bind = only(smsc.receive_data(esme.data_to_send()), BindReceived).pdu
    smsc.respond(bind, BindTransmitterResp(command_status=status))
    answer = smsc.data_to_send()
    assert len(answer) == 16
    event = only(esme.receive_data(answer), ResponseReceived)
    assert event.response.command_status == status
    assert (esme.state, smsc.state) == (SessionState.OPEN, SessionState.OPEN)
    assert esme.bind is None
    assert smsc.bind is None


@pytest.mark.parametrize("pdu", [p for p in SAMPLES if not p.is_response], ids=lambda pdu: pdu.name)
def test_before_a_bind_an_smsc_refuses_everything_else(pdu: Pdu) -> None:
    """SMPP check 15."""
    session = Session(Role.SMSC)
    if isinstance(pdu, Bind | EnquireLink):
        return
    event = only(feed(session, pdu), PduRefused)
    assert isinstance(event.error, BindStatusWrong)
    answer = response_class(pdu.command_id)
    expected = [] if answer is None else [
        answer(command_status=Status.ESME_RINVBNDSTS, sequence_number=pdu.sequence_number)
    ]  # fmt: skip
    assert sent(session) == expected
    assert session.state is SessionState.OPEN


SUBMISSIONS: list[Pdu] = [
    submit_sm(), SubmitMulti(dest_addresses=(SmeAddress(),)), QuerySm(), CancelSm(), ReplaceSm(),
]  # fmt: skip


@pytest.mark.parametrize("pdu", SUBMISSIONS, ids=lambda pdu: pdu.name)
def test_submissions_are_for_transmitters(pdu: Pdu) -> None:
    """SMPP check 16."""
    for kind, allowed in ((0, True), (1, False), (2, True)):
        smsc = given_smsc(kind)
        only(feed(smsc, pdu), RequestReceived if allowed else PduRefused)
        esme = given_esme(kind)
        if allowed:
            esme.send(pdu)
            continue
        assert sent(smsc)[0].command_status == Status.ESME_RINVBNDSTS
        with pytest.raises(SessionStateError):
            esme.send(pdu)


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_data_sm_travels_both_ways_on_every_bind(kind: int) -> None:
    """SMPP check 16."""
    esme, smsc = given_esme(kind), given_smsc(kind)
    for one, other in ((esme, smsc), (smsc, esme)):
        one.send(DataSm())
        only(other.receive_data(one.data_to_send()), RequestReceived)


@pytest.mark.parametrize("pdu", [deliver_sm(), AlertNotification()], ids=lambda pdu: pdu.name)
def test_deliveries_are_for_receivers(pdu: Pdu) -> None:
    """SMPP check 17."""
    for kind, allowed in ((0, False), (1, True), (2, True)):
        smsc, esme = given_smsc(kind), given_esme(kind)
        only(feed(esme, pdu), RequestReceived if allowed else PduRefused)
        if allowed:
            smsc.send(pdu)
            assert len(smsc.in_flight) == (0 if isinstance(pdu, AlertNotification) else 1)
        else:
            with pytest.raises(SessionStateError):
                smsc.send(pdu)


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_a_second_bind_is_refused_and_the_first_stands(kind: int) -> None:
    """SMPP check 18."""
    session = given_smsc(kind)
    event = only(feed(session, BindReceiver(**BIND)), PduRefused)
    assert isinstance(event.error, AlreadyBound)
    assert sent(session) == [BindReceiverResp(command_status=Status.ESME_RALYBND, sequence_number=1)]
    assert session.state is KINDS[kind][2]


def test_a_second_bind_while_the_first_is_decided_is_refused() -> None:
    """SMPP check 18."""
    session = Session(Role.SMSC)
    events = feed(session, BindTransmitter(**BIND), BindTransmitter(**(BIND | {"sequence_number": 2})))
    assert [type(event) for event in events] == [BindReceived, PduRefused]
    assert sent(session) == [BindTransmitterResp(command_status=Status.ESME_RALYBND, sequence_number=2)]


def test_an_esme_is_not_bound_to() -> None:
    session = given_esme()
    only(feed(session, BindTransmitter(**BIND)), PduRefused)
    assert sent(session) == [BindTransmitterResp(command_status=Status.ESME_RINVBNDSTS, sequence_number=1)]
    with pytest.raises(SessionStateError):
        Session(Role.SMSC).send(BindTransmitter(**BIND))


def test_outbind_has_no_response_and_is_followed_by_bind_receiver() -> None:
    """SMPP check 25."""
    esme, smsc = Session(Role.ESME), Session(Role.SMSC)
    smsc.send(Outbind(system_id="SMSC"))
    assert smsc.in_flight == []
    event = only(esme.receive_data(smsc.data_to_send()), OutbindReceived)
    assert event.pdu.system_id == "SMSC"
    assert sent(esme) == []
    esme.send(BindReceiver(system_id="gateway"))
    bind = only(smsc.receive_data(esme.data_to_send()), BindReceived).pdu
    smsc.respond(bind, BindReceiverResp(system_id="SMSC"))
    esme.receive_data(smsc.data_to_send())
    assert esme.state is SessionState.BOUND_RX


def test_an_outbind_out_of_place_is_not_answered() -> None:
    """SMPP check 25."""
    session = given_esme()
    only(feed(session, Outbind(sequence_number=4)), PduRefused)
    assert sent(session) == []


# Unbind.


def test_an_unbind_is_answered_and_outstanding_answers_may_still_come() -> None:
    """SMPP check 23."""
    session = given_smsc()
    ours = session.send(deliver_sm())
    theirs = submit_sm()
    events = feed(session, theirs, Unbind(sequence_number=9))
    assert [type(event) for event in events] == [RequestReceived, PeerUnbound]
    assert sent(session)[1:] == [UnbindResp(sequence_number=9)]
    assert session.state is SessionState.UNBOUND
    with pytest.raises(SessionStateError):
        session.send(deliver_sm())
    only(feed(session, submit_sm(sequence_number=10)), PduRefused)
    assert not session.is_drained
    session.data_to_send()
    session.respond(theirs, SubmitSmResp(message_id="1"))
    only(feed(session, DeliverSmResp(sequence_number=ours)), ResponseReceived)
    assert sent(session) == [SubmitSmResp(message_id="1", sequence_number=7)]
    assert session.is_drained


def test_our_unbind_stops_new_requests_and_takes_what_crosses_it() -> None:
    """SMPP checks 23, 64."""
    session = given_esme()
    number = session.send(Unbind())
    assert session.state is SessionState.UNBINDING
    with pytest.raises(SessionStateError):
        session.send(submit_sm())
    only(feed(session, deliver_sm()), RequestReceived)
    session.respond(deliver_sm(), DeliverSmResp())
    only(feed(session, UnbindResp(sequence_number=number)), UnbindConfirmed)
    assert session.state is SessionState.UNBOUND


def test_unbinds_that_cross_are_both_answered() -> None:
    """SMPP check 23."""
    session = given_esme()
    number = session.send(Unbind())
    only(feed(session, Unbind(sequence_number=5)), PeerUnbound)
    assert sent(session) == [Unbind(sequence_number=number), UnbindResp(sequence_number=5)]
    only(feed(session, UnbindResp(sequence_number=number)), UnbindConfirmed)


def test_an_smsc_that_unbinds_refuses_new_submissions() -> None:
    """SMPP check 23."""
    session = given_smsc()
    session.send(Unbind())
    only(feed(session, submit_sm()), PduRefused)


def test_a_lost_connection_leaves_the_unanswered_requests() -> None:
    """SMPP check 24."""
    session = given_esme()
    requests = [submit_sm(), submit_sm(), DataSm()]
    numbers = [session.send(pdu) for pdu in requests]
    feed(session, SubmitSmResp(message_id="1", sequence_number=numbers[0]))
    assert session.connection_lost() == requests[1:]
    assert session.state is SessionState.CLOSED
    assert session.data_to_send() == b""
    assert feed(session, EnquireLink(sequence_number=1)) == []


# Versions and optional parameters.


def test_an_smsc_announces_its_version_to_who_knows_parameters() -> None:
    """SMPP checks 26, 27."""
    for version, announced in ((0x34, b"\x50"), (0x50, b"\x50"), (0x33, None), (0x00, None)):
        session = Session(Role.SMSC, interface_version=0x50)
        bind = BindTransmitter(interface_version=version, sequence_number=1)
        feed(session, bind)
        session.respond(bind, BindTransmitterResp(system_id="SMSC"))
        assert sent(session)[0].tlv(Tag.SC_INTERFACE_VERSION) == announced
        assert session.peer_version == version


def test_an_smsc_sends_no_parameter_to_an_esme_of_3_3() -> None:
    """SMPP check 27."""
    for policy in TlvPolicy:
        session = given_smsc(version=0x33, tlv=policy)
        pdu = receipt_sm()
        session.send(pdu)
        assert [shown.tlvs for shown in sent(session)] == [()]
        assert len(pdu.tlvs) == 3
        with pytest.raises(ParameterNotAllowed):
            session.send(deliver_sm(short_message=b"", tlvs=((int(Tag.MESSAGE_PAYLOAD), b"x"),)))


@pytest.mark.parametrize(
    ("policy", "announced", "expected"),
    [
        (TlvPolicy.AUTO, ((0x0210, b"\x34"),), True),
        (TlvPolicy.AUTO, ((0x0210, b"\x33"),), False),
        (TlvPolicy.AUTO, (), False),
        (TlvPolicy.ALWAYS, (), True),
        (TlvPolicy.NEVER, ((0x0210, b"\x34"),), False),
    ],
)
def test_whether_an_esme_sends_parameters(policy: TlvPolicy, announced: Any, expected: bool) -> None:
    """SMPP check 26."""
    session = given_esme(tlv=policy, announced=announced)
    session.send(submit_sm(tlvs=((0x0204, b"\0\1"),)))
    assert bool(sent(session)[0].tlvs) == expected


def test_an_smsc_that_sends_parameters_takes_them_though_it_announced_nothing() -> None:
    """SMPP check 26."""
    session = given_esme(announced=())
    feed(session, deliver_sm(tlvs=((int(Tag.USSD_SERVICE_OP), b"\1"),)))
    session.send(submit_sm(tlvs=((int(Tag.USSD_SERVICE_OP), b"\x11"),)))
    assert sent(session)[-1].tlv_int(Tag.USSD_SERVICE_OP) == 0x11


def test_an_esme_of_3_3_sends_no_parameters() -> None:
    """SMPP check 26."""
    session = given_esme(kind=0, interface_version=0x33, announced=(), tlv=TlvPolicy.ALWAYS)
    session.send(submit_sm(tlvs=((0x0204, b"\0\1"),)))
    assert sent(session)[0].tlvs == ()


def test_the_lower_version_of_both_decides_what_is_allowed() -> None:
    """SMPP check 38: 255 octets and receipts on success are for two 5.0 sides."""
    long = submit_sm(short_message=bytes(255), registered_delivery=3)
    both = given_smsc(version=0x50, interface_version=0x50)
    only(both.receive_data(encode(long, 0x50)), RequestReceived)
    older = given_smsc(version=0x34, interface_version=0x50)
    only(older.receive_data(encode(long, 0x50)), PduRefused)


def test_congestion_is_told_to_peers_of_5_0() -> None:
    """SMPP 5.0: congestion_state in responses."""
    for version, expected in ((0x50, 85), (0x34, None)):
        session = given_smsc(version=version, interface_version=0x50)
        session.congestion_state = 85
        feed(session, submit_sm(sequence_number=1), submit_sm(sequence_number=2))
        session.respond(submit_sm(sequence_number=1), SubmitSmResp(message_id="1"))
        session.respond(submit_sm(sequence_number=2), SubmitSmResp(command_status=Status.ESME_RTHROTTLED))
        assert [pdu.tlv_int(Tag.CONGESTION_STATE) for pdu in sent(session)] == [expected, expected]


# Looking on.


def test_a_tap_sees_every_pdu_both_ways_and_what_could_not_be_read() -> None:
    seen: list[tuple[Direction, int, bool]] = []
    session = Session(
        Role.SMSC,
        tap=lambda direction, octets, pdu: seen.append((direction, int.from_bytes(octets[4:8]), pdu is not None)),
    )
    feed(session, EnquireLink(sequence_number=1))
    session.receive_data(bytes.fromhex("00000010 00000777 00000000 00000009"))
    assert seen == [
        (Direction.RECEIVED, CommandId.ENQUIRE_LINK, True),
        (Direction.SENT, CommandId.ENQUIRE_LINK_RESP, True),
        (Direction.RECEIVED, 0x777, False),
        (Direction.SENT, CommandId.GENERIC_NACK, True),
    ]
    assert all(command & RESPONSE_BIT for _, command, _ in seen[1::2])


def test_answers_to_what_came_before_go_out_before_the_last_word() -> None:
    """SMPP checks 1, 23."""
    for last, name in ((encode(Unbind(sequence_number=9)), "unbind_resp"), ((15).to_bytes(4), "generic_nack")):
        session = given_smsc()
        session.receive_data(encode(submit_sm()) + last)
        session.respond(submit_sm(), SubmitSmResp(message_id="1"))
        assert [pdu.name for pdu in sent(session)] == ["submit_sm_resp", name]
