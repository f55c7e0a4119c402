"""The simulator as an SMSC, line by line of the conformance table, over a real socket."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sim_process import A, RawEsme, SimProcess, bind_of

from sms.smpp import (
    AlertNotification,
    BindReceiver,
    BindResp,
    BindTransceiver,
    BindTransmitter,
    CancelSm,
    CommandStatus,
    DataSm,
    DeliverSm,
    DeliverSmResp,
    DistributionList,
    EnquireLink,
    EsmClass,
    MessageState,
    Pdu,
    QuerySm,
    QuerySmResp,
    ReplaceSm,
    SmeAddress,
    SubmitMulti,
    SubmitMultiResp,
    SubmitSm,
    SubmitSmResp,
    Tag,
    Unbind,
    encode,
)
from sms.smpp.times import format_absolute, format_relative

CONFIGURATION = """
[simulator]
bind_deadline_s = 0.6
delivery_retry_s = 0.2
response_timeout_s = 0.7

[[accounts]]
system_id = "gateway"
password = "secret1"

[[accounts]]
system_id = "demo"
password = "demo"
sessions_max = 6

[[accounts]]
system_id = "strict"
password = "strict"
roles = ["sms"]
source = ["4400", "SHOP"]
rate_per_s = 5
window = 3
"""


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimProcess]:
    process = SimProcess(tmp_path_factory.mktemp("sim"), CONFIGURATION)
    yield process
    status, complaints = process.stop()
    assert (status, complaints) == (0, "")


@pytest.fixture(autouse=True)
def clean(sim: SimProcess) -> Iterator[None]:
    """Each test finds no faults, no messages and no leftover receipts, and leaves no session behind."""
    sim.ok("DELETE", "/sim/faults")
    sim.ok("DELETE", f"/sim/handsets/{A}/inbox")
    yield
    wait_until(lambda: sim.ok("GET", "/sim/smsc/links")["links"] == [])


@contextlib.contextmanager
def esme(sim: SimProcess, cls: type[Any] = BindTransceiver, **bind: Any) -> Iterator[RawEsme]:
    connected = sim.raw(cls=cls, **bind)
    try:
        yield connected
    finally:
        connected.close()


def wait_until(true: Any, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def submit(**fields: Any) -> SubmitSm:
    given: dict[str, Any] = {
        "source_addr_ton": 5,
        "source_addr": "CASHBACK",
        "dest_addr_ton": 1,
        "dest_addr_npi": 1,
        "destination_addr": A,
        "short_message": b"hello",
    }
    return SubmitSm(**{**given, **fields})


def accepted(answer: Pdu) -> str:
    assert isinstance(answer, SubmitSmResp)
    assert answer.command_status == 0
    assert answer.message_id
    return answer.message_id


def receipt(peer: RawEsme) -> DeliverSm:
    got = peer.read()
    assert isinstance(got, DeliverSm)
    peer.send(DeliverSmResp(sequence_number=got.sequence_number))
    return got


# Binding.


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"system_id": "nobody"}, CommandStatus.ESME_RINVSYSID),
        ({"password": "wrong"}, CommandStatus.ESME_RINVPASWD),
    ],
)
def test_s19_a_bind_is_refused_with_its_reason(sim: SimProcess, fields: dict[str, str], status: int) -> None:
    peer = sim.raw(bound=False)
    assert peer.ask(bind_of(**fields)).command_status == status
    peer.close()


def test_s18_more_sessions_of_one_account_than_allowed_are_a_policy_not_a_crash(sim: SimProcess) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(esme(sim))
        one_more = sim.raw(bound=False)
        assert one_more.ask(bind_of()).command_status == CommandStatus.ESME_RBINDFAIL
        one_more.close()


def test_s18_a_second_bind_on_a_bound_session_is_refused_and_the_session_stays(sim: SimProcess) -> None:
    with esme(sim) as peer:
        assert peer.ask(bind_of()).command_status == CommandStatus.ESME_RALYBND
        assert peer.ask(EnquireLink()).command_status == 0


def test_s26_the_answer_to_a_bind_names_us_and_our_version(sim: SimProcess) -> None:
    peer = sim.raw(bound=False)
    answer = peer.ask(bind_of())
    assert isinstance(answer, BindResp)
    assert answer.system_id == "FIRSTCHARGE-SIM"
    assert (answer.tlv_int(Tag.SC_INTERFACE_VERSION) or 0) >= 0x34
    peer.close()


def test_s15_before_a_bind_only_a_bind_is_accepted(sim: SimProcess) -> None:
    peer = sim.raw(bound=False)
    assert peer.ask(submit()).command_status == CommandStatus.ESME_RINVBNDSTS
    assert peer.ask(bind_of()).command_status == 0
    peer.close()


def test_s16_a_receiver_may_not_submit(sim: SimProcess) -> None:
    with esme(sim, BindReceiver) as peer:
        assert peer.ask(submit()).command_status == CommandStatus.ESME_RINVBNDSTS
    assert sim.inbox() == []


def test_s20_a_connection_that_does_not_bind_is_closed(sim: SimProcess) -> None:
    silent = sim.raw(bound=False)
    began = time.monotonic()
    assert silent.is_closed(3)
    assert 0.4 < time.monotonic() - began < 2


def test_s23_unbind_is_answered_and_the_connection_closed(sim: SimProcess) -> None:
    peer = sim.raw()
    assert peer.ask(Unbind()).command_status == 0
    assert peer.is_closed()


# Submissions.


def test_a_submission_is_accepted_and_reaches_the_handset(sim: SimProcess) -> None:
    with esme(sim, BindTransmitter) as peer:
        message_id = accepted(peer.ask(submit(short_message=b"Balance {5}")))
    (shown,) = sim.inbox()
    assert (shown["from"], shown["segments"], shown["coding"]) == ("CASHBACK", 1, "gsm7")
    (item,) = sim.ok("GET", f"/sim/smsc/messages?to={A}")["items"][-1:]
    assert (item["id"], item["octets"], item["state"]) == (message_id, b"Balance {5}".hex(), "delivered")


def test_s47_ids_are_opaque_unique_and_of_one_form(sim: SimProcess) -> None:
    with esme(sim) as peer:
        ids = [accepted(peer.ask(submit())) for _ in range(20)]
    assert len(set(ids)) == 20
    assert {len(one) for one in ids} == {14}
    assert all(one.startswith("0") for one in ids)


def test_unknown_parameters_are_ignored(sim: SimProcess) -> None:
    with esme(sim) as peer:
        accepted(peer.ask(submit(tlvs=((0x1401, b"vendor"), (0x3FFF, b"")))))


def test_a_text_may_come_in_message_payload(sim: SimProcess) -> None:
    text = "Кэшбэк " * 60
    with esme(sim) as peer:
        payload = text.encode("utf-16-be")
        accepted(peer.ask(submit(short_message=b"", data_coding=8, tlvs=((Tag.MESSAGE_PAYLOAD, payload),))))
    assert [one["text"] for one in sim.inbox()] == [text]


def test_segments_named_by_sar_parameters_are_put_together(sim: SimProcess) -> None:
    with esme(sim) as peer:
        for number in (3, 1, 2):
            parameters = (
                (Tag.SAR_MSG_REF_NUM, b"\x01\x02"),
                (Tag.SAR_TOTAL_SEGMENTS, b"\x03"),
                (Tag.SAR_SEGMENT_SEQNUM, bytes((number,))),
            )
            accepted(peer.ask(submit(short_message=f"part {number}. ".encode(), tlvs=parameters)))
    assert [(one["text"], one["segments"]) for one in sim.inbox()] == [("part 1. part 2. part 3. ", 3)]


@pytest.mark.parametrize("to", ["*100#", "CASHBACK", ""])
def test_a_destination_that_is_no_number_is_refused(sim: SimProcess, to: str) -> None:
    with esme(sim) as peer:
        answer = peer.ask(submit(dest_addr_ton=0, destination_addr=to))
    assert answer.command_status == CommandStatus.ESME_RINVDSTADR


def test_an_account_sends_only_from_its_own_addresses(sim: SimProcess) -> None:
    with esme(sim, system_id="strict", password="strict") as peer:
        assert peer.ask(submit(source_addr="OTHER")).command_status == CommandStatus.ESME_RINVSRCADR
        accepted(peer.ask(submit(source_addr="SHOP")))


def test_s52_over_the_contracted_rate_submissions_are_throttled(sim: SimProcess) -> None:
    with esme(sim, system_id="strict", password="strict") as peer:
        time.sleep(1)
        statuses = [peer.ask(submit(source_addr="SHOP")).command_status for _ in range(8)]
    assert statuses == [0] * 5 + [CommandStatus.ESME_RTHROTTLED] * 3


def test_more_unanswered_submissions_than_the_window_are_throttled(sim: SimProcess) -> None:
    sim.faults(response={"delay_ms": 300})
    with esme(sim, system_id="strict", password="strict") as peer:
        time.sleep(1)
        for _ in range(4):
            peer.send(submit(source_addr="SHOP"))
        answers = [peer.read() for _ in range(4)]
    assert sorted(one.command_status for one in answers if one) == [0, 0, 0, CommandStatus.ESME_RTHROTTLED]


# Receipts.


def test_s58_to_60_a_receipt_is_for_the_sender_and_says_everything_twice(sim: SimProcess) -> None:
    with esme(sim) as peer:
        message_id = accepted(peer.ask(submit(registered_delivery=1, short_message=b"Twenty characters and more")))
        got = receipt(peer)
    assert (got.source_addr, got.destination_addr, got.dest_addr_ton) == (A, "CASHBACK", 5)
    assert got.esm_class == EsmClass.TYPE_RECEIPT
    assert got.registered_delivery == 0
    assert got.tlv(Tag.RECEIPTED_MESSAGE_ID) == message_id.encode() + b"\0"
    assert got.tlv_int(Tag.MESSAGE_STATE) == MessageState.DELIVERED
    text = got.short_message.decode()
    assert text.startswith(f"id:{message_id} sub:001 dlvrd:001 submit date:")
    assert " stat:DELIVRD err:000 " in text
    assert text.lower().endswith("text:twenty characters an")


@pytest.mark.parametrize(
    ("wanted", "state", "comes"),
    [(0, "DELIVRD", False), (1, "DELIVRD", True), (1, "UNDELIV", True), (2, "DELIVRD", False), (2, "UNDELIV", True)],
)
def test_s41_receipts_come_as_they_were_asked_for(sim: SimProcess, wanted: int, state: str, comes: bool) -> None:
    sim.faults(receipt={"states": {state: 1}})
    with esme(sim) as peer:
        accepted(peer.ask(submit(registered_delivery=wanted)))
        if comes:
            assert f"stat:{state}".encode() in receipt(peer).short_message
        else:
            with pytest.raises(TimeoutError):
                peer.read(0.2)
    assert len(sim.inbox()) == (state == "DELIVRD")


def test_an_intermediate_notification_precedes_the_receipt_where_it_is_asked_for(sim: SimProcess) -> None:
    with esme(sim) as peer:
        accepted(peer.ask(submit(registered_delivery=0x11)))
        first, second = receipt(peer), receipt(peer)
    assert (first.esm_class, first.tlv_int(Tag.MESSAGE_STATE)) == (EsmClass.TYPE_INTERMEDIATE, MessageState.ENROUTE)
    assert (second.esm_class, second.tlv_int(Tag.MESSAGE_STATE)) == (EsmClass.TYPE_RECEIPT, MessageState.DELIVERED)


def test_s62_a_long_message_has_a_receipt_for_each_segment(sim: SimProcess) -> None:
    with esme(sim) as peer:
        ids = []
        for number in (1, 2):
            text = bytes((5, 0, 3, 9, 2, number)) + b"x" * 10
            ids.append(accepted(peer.ask(submit(esm_class=EsmClass.UDHI, short_message=text, registered_delivery=1))))
            assert receipt(peer).tlv(Tag.RECEIPTED_MESSAGE_ID) == ids[-1].encode() + b"\0"
    assert len(set(ids)) == 2
    assert [one["text"] for one in sim.inbox()] == ["x" * 20]


def test_s27_an_esme_of_version_33_gets_no_parameters(sim: SimProcess) -> None:
    with (
        esme(sim, BindTransmitter, interface_version=0x33) as sender,
        esme(sim, BindReceiver, interface_version=0x33) as receiver,
    ):
        message_id = accepted(sender.ask(submit(registered_delivery=1)))
        got = receipt(receiver)
    assert got.tlvs == ()
    assert f"id:{message_id}".encode() in got.short_message


def test_s17_s63_receipts_wait_for_a_receiver_of_the_same_account(sim: SimProcess) -> None:
    with esme(sim, BindTransmitter) as peer:
        message_id = accepted(peer.ask(submit(registered_delivery=1)))
        with pytest.raises(TimeoutError):
            peer.read(0.2)
    with esme(sim, BindReceiver) as peer:
        assert receipt(peer).tlv(Tag.RECEIPTED_MESSAGE_ID) == message_id.encode() + b"\0"


def test_s64_a_receipt_that_is_not_stored_comes_again_under_a_new_number(sim: SimProcess) -> None:
    with esme(sim) as peer:
        accepted(peer.ask(submit(registered_delivery=1)))
        first = peer.read()
        assert isinstance(first, DeliverSm)
        peer.send(DeliverSmResp(sequence_number=first.sequence_number, command_status=CommandStatus.ESME_RX_T_APPN))
        second = receipt(peer)
    assert second.sequence_number != first.sequence_number
    assert second.short_message == first.short_message


def test_s64_a_receipt_that_is_never_answered_comes_again(sim: SimProcess) -> None:
    with esme(sim) as peer:
        accepted(peer.ask(submit(registered_delivery=1)))
        first = peer.read()
        second = receipt(peer)
    assert isinstance(first, DeliverSm)
    assert second.short_message == first.short_message


def test_s64_a_receipt_in_flight_at_a_lost_connection_comes_on_the_next(sim: SimProcess) -> None:
    with esme(sim) as peer:
        accepted(peer.ask(submit(registered_delivery=1)))
        first = peer.read()
    assert isinstance(first, DeliverSm)
    with esme(sim) as peer:
        assert receipt(peer).short_message == first.short_message


def test_a_receipt_that_is_refused_for_good_does_not_come_again(sim: SimProcess) -> None:
    with esme(sim) as peer:
        accepted(peer.ask(submit(registered_delivery=1)))
        first = peer.read()
        assert first is not None
        peer.send(DeliverSmResp(sequence_number=first.sequence_number, command_status=CommandStatus.ESME_RX_R_APPN))
        with pytest.raises(TimeoutError):
            peer.read(0.5)


# Operations on messages.


def scheduled(seconds: int = 600, **fields: Any) -> SubmitSm:
    return submit(schedule_delivery_time=format_relative(timedelta(seconds=seconds)), **fields)


def query(message_id: str, source: str = "CASHBACK") -> QuerySm:
    return QuerySm(message_id=message_id, source_addr_ton=5, source_addr=source)


def test_s49_a_final_message_has_a_final_date(sim: SimProcess) -> None:
    with esme(sim) as peer:
        answer = peer.ask(query(accepted(peer.ask(submit()))))
    assert isinstance(answer, QuerySmResp)
    assert answer.message_state == MessageState.DELIVERED
    assert answer.final_date.endswith("+")


def test_s49_a_waiting_message_has_none(sim: SimProcess) -> None:
    with esme(sim) as peer:
        answer = peer.ask(query(accepted(peer.ask(scheduled()))))
    assert isinstance(answer, QuerySmResp)
    assert (answer.message_state, answer.final_date) == (MessageState.ENROUTE, "")


def test_s49_a_query_needs_the_senders_own_id_and_source(sim: SimProcess) -> None:
    with esme(sim) as peer:
        message_id = accepted(peer.ask(submit()))
        assert peer.ask(query(message_id, source="OTHER")).command_status == CommandStatus.ESME_RQUERYFAIL
        assert peer.ask(query("nothing")).command_status == CommandStatus.ESME_RQUERYFAIL
        with esme(sim, system_id="strict", password="strict") as other:
            assert other.ask(query(message_id)).command_status == CommandStatus.ESME_RQUERYFAIL


def test_a_scheduled_message_arrives_at_its_time(sim: SimProcess) -> None:
    with esme(sim) as peer:
        accepted(peer.ask(scheduled(1)))
        assert sim.inbox() == []
        wait_until(lambda: len(sim.inbox()) == 1)


def test_an_absolute_schedule_is_understood(sim: SimProcess) -> None:
    with esme(sim) as peer:
        soon = format_absolute(datetime.now(UTC) + timedelta(seconds=1))
        accepted(peer.ask(submit(schedule_delivery_time=soon)))
        assert sim.inbox() == []
        wait_until(lambda: len(sim.inbox()) == 1)


def test_s50_a_waiting_message_is_cancelled_once(sim: SimProcess) -> None:
    with esme(sim) as peer:
        message_id = accepted(peer.ask(scheduled(registered_delivery=1)))
        cancel = {"message_id": message_id, "source_addr_ton": 5, "source_addr": "CASHBACK", "destination_addr": A}
        assert peer.ask(CancelSm(**cancel)).command_status == 0
        assert b"stat:DELETED" in receipt(peer).short_message
        assert peer.ask(CancelSm(**cancel)).command_status == CommandStatus.ESME_RCANCELFAIL


def test_s50_without_an_id_all_that_wait_between_two_addresses_are_cancelled(sim: SimProcess) -> None:
    with esme(sim) as peer:
        ids = [accepted(peer.ask(scheduled())) for _ in range(3)]
        other = accepted(peer.ask(scheduled(destination_addr="79160000002")))
        both = CancelSm(
            source_addr_ton=5, source_addr="CASHBACK", dest_addr_ton=1, dest_addr_npi=1, destination_addr=A
        )
        assert peer.ask(both).command_status == 0
        states = [peer.ask(query(one)) for one in (*ids, other)]
    assert [one.message_state for one in states if isinstance(one, QuerySmResp)] == [
        *[MessageState.DELETED] * 3,
        MessageState.ENROUTE,
    ]


def test_s50_a_delivered_message_cannot_be_cancelled(sim: SimProcess) -> None:
    with esme(sim) as peer:
        message_id = accepted(peer.ask(submit()))
        cancel = CancelSm(message_id=message_id, source_addr_ton=5, source_addr="CASHBACK", destination_addr=A)
        assert peer.ask(cancel).command_status == CommandStatus.ESME_RCANCELFAIL


def test_s51_a_waiting_message_is_replaced_under_its_id(sim: SimProcess) -> None:
    with esme(sim) as peer:
        message_id = accepted(peer.ask(scheduled(short_message=b"old")))
        replace = ReplaceSm(
            message_id=message_id,
            source_addr_ton=5,
            source_addr="CASHBACK",
            schedule_delivery_time=format_relative(timedelta(seconds=1)),
            short_message=b"new",
        )
        assert peer.ask(replace).command_status == 0
        wait_until(lambda: len(sim.inbox()) == 1)
        assert sim.inbox()[0]["text"] == "new"
        replace.sequence_number = 0
        assert peer.ask(replace).command_status == CommandStatus.ESME_RREPLACEFAIL


def test_s45_replace_if_present_takes_the_place_of_the_waiting_one(sim: SimProcess) -> None:
    with esme(sim) as peer:
        first = accepted(peer.ask(scheduled(short_message=b"old")))
        second = accepted(peer.ask(submit(short_message=b"new", replace_if_present_flag=1)))
        assert second == first
    assert [one["text"] for one in sim.inbox()] == ["new"]


def test_s48_submit_multi_names_the_destinations_that_failed(sim: SimProcess) -> None:
    numbers = ("79160000001", "bad", "79160000002")
    destinations = (*(SmeAddress(destination_addr=one) for one in numbers), DistributionList(dl_name="friends"))
    with esme(sim) as peer:
        answer = peer.ask(
            SubmitMulti(
                source_addr_ton=5,
                source_addr="CASHBACK",
                dest_addresses=destinations,
                short_message=b"to many",
                registered_delivery=1,
            )
        )
        assert isinstance(answer, SubmitMultiResp)
        failed = {one.destination_addr: one.error_status_code for one in answer.unsuccess_smes}
        assert failed == {"bad": CommandStatus.ESME_RINVDSTADR, "friends": CommandStatus.ESME_RINVDLNAME}
        both = [receipt(peer), receipt(peer)]
    assert [one.source_addr for one in both] == ["79160000001", "79160000002"]
    assert {one.tlv(Tag.RECEIPTED_MESSAGE_ID) for one in both} == {(answer.message_id or "").encode() + b"\0"}
    assert [one["text"] for one in sim.inbox("79160000002")[-1:]] == ["to many"]


def test_data_sm_is_delivered_and_answered(sim: SimProcess) -> None:
    with esme(sim) as peer:
        answer = peer.ask(
            DataSm(
                source_addr_ton=5,
                source_addr="CASHBACK",
                dest_addr_ton=1,
                dest_addr_npi=1,
                destination_addr=A,
                tlvs=((Tag.MESSAGE_PAYLOAD, b"by data"),),
            )
        )
    assert answer.command_status == 0
    assert [one["text"] for one in sim.inbox()] == ["by data"]


# Handsets.


def test_a_phone_that_is_off_gets_its_messages_when_it_comes_back_and_the_sender_is_alerted(sim: SimProcess) -> None:
    with esme(sim) as peer:
        sim.ok("PUT", f"/sim/handsets/{A}/power", {"on": False})
        message_id = accepted(peer.ask(submit(registered_delivery=1, tlvs=((Tag.SET_DPF, b"\x01"),))))
        assert sim.inbox() == []
        waiting = peer.ask(query(message_id))
        assert isinstance(waiting, QuerySmResp)
        assert waiting.message_state == MessageState.ENROUTE
        sim.ok("PUT", f"/sim/handsets/{A}/power", {"on": True})
        got = [peer.read(), peer.read()]
        assert {type(one) for one in got} == {DeliverSm, AlertNotification}
        for one in got:
            if isinstance(one, DeliverSm):
                peer.send(DeliverSmResp(sequence_number=one.sequence_number))
        assert len(sim.inbox()) == 1


def test_a_message_whose_validity_ends_first_expires(sim: SimProcess) -> None:
    with esme(sim) as peer:
        sim.ok("PUT", f"/sim/handsets/{A}/power", {"on": False})
        validity = format_relative(timedelta(seconds=1))
        accepted(peer.ask(submit(registered_delivery=1, validity_period=validity)))
        assert b"stat:EXPIRED" in receipt(peer).short_message
        sim.ok("PUT", f"/sim/handsets/{A}/power", {"on": True})
    assert sim.inbox() == []


@pytest.mark.parametrize(("number", "owner"), [("4401", {}), ("4400", {"system_id": "strict", "password": "strict"})])
def test_a_handsets_message_goes_to_the_esme_whose_number_it_is(
    sim: SimProcess, number: str, owner: dict[str, str]
) -> None:
    with esme(sim, **owner) as peer, ThreadPoolExecutor(1) as phone:
        sending = phone.submit(sim.http, "POST", f"/sim/handsets/{A}/sms", {"to": number, "text": "СТОП"})
        got = receipt(peer)
        sent = sending.result()
    assert (got.source_addr, got.destination_addr, got.esm_class, got.data_coding) == (A, number, 0, 8)
    assert got.short_message.decode("utf-16-be") == "СТОП"
    assert (got.schedule_delivery_time, got.validity_period, got.replace_if_present_flag) == ("", "", 0)
    assert sent == (200, {"from": A, "to": number, "segments": 1, "coding": "ucs2", "state": "accepted"})


# Hostile and broken peers.


def test_s4_an_unknown_command_is_answered_and_the_session_stays(sim: SimProcess) -> None:
    with esme(sim) as peer:
        peer.socket.sendall(bytes.fromhex("0000001000000fff0000000000000063"))
        got = peer.read_octets()
        assert got == bytes.fromhex("00000010800000000000000300000063")
        assert peer.ask(EnquireLink()).command_status == 0


@pytest.mark.parametrize("length", [0, 15, 0x7FFFFFFF, 0xFFFFFFFF])
def test_s1_a_length_that_cannot_be_ends_the_connection(sim: SimProcess, length: int) -> None:
    peer = sim.raw()
    peer.socket.sendall(length.to_bytes(4, "big") + bytes(12))
    assert peer.is_closed()


def test_garbage_never_stops_the_listener(sim: SimProcess) -> None:
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", sim.smpp_port)) as wild, contextlib.suppress(OSError):
            wild.sendall(os.urandom(400))
    with esme(sim) as peer:
        accepted(peer.ask(submit()))


def test_every_cut_of_a_submission_is_survived(sim: SimProcess) -> None:
    whole = submit(sequence_number=7, tlvs=((Tag.USER_MESSAGE_REFERENCE, b"\0\1"),))
    octets = encode(whole)
    with esme(sim) as peer:
        for cut in range(16, len(octets)):
            peer.socket.sendall(cut.to_bytes(4, "big") + octets[4:cut])
            assert peer.read_octets() is not None
        assert peer.ask(EnquireLink()).command_status == 0


def test_a_reader_that_never_reads_does_not_hold_up_the_others(sim: SimProcess) -> None:
    with esme(sim) as deaf, esme(sim, system_id="gateway", password="secret1") as peer:
        deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.socket.settimeout(1)
        flood = b"".join(encode(EnquireLink(sequence_number=number + 1)) for number in range(50_000))
        with contextlib.suppress(TimeoutError):
            deaf.socket.sendall(flood * 4)
        began = time.monotonic()
        accepted(peer.ask(submit()))
        assert time.monotonic() - began < 1


def test_two_hundred_silent_connections_cost_nothing(sim: SimProcess) -> None:
    silent = [socket.create_connection(("127.0.0.1", sim.smpp_port)) for _ in range(200)]
    with esme(sim) as peer:
        accepted(peer.ask(submit()))
    time.sleep(0.8)
    for one in silent:
        one.settimeout(1)
        with contextlib.suppress(ConnectionError):
            assert one.recv(1) == b""
        one.close()
