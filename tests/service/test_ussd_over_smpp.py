"""USSD over SMPP with real PDUs and a link that records them (items 25-40)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from sms.errors import NeverWritten, OutcomeUnknown, ResponseTimeout, SmppError
from sms.smpp import CommandStatus, DeliverSm, DeliverSmResp, EsmClass, Pdu, SubmitSm, SubmitSmResp, Tag
from ussd.application import TextKey, UssdReply, UssdRequest
from ussd.menu import CODES, MENUS, Action, CodeTable
from ussd.over_smpp import UssdOverSmpp
from ussd.records import Outcome, SessionRecord
from ussd.service import UssdService
from ussd.settings import UssdSettings
from ussd.wire import GENERIC, MICA, PHP_SMPP, SIXDEE, TATA, SmppUssdProfile

A = "79160000001"
OP, ITS = int(Tag.USSD_SERVICE_OP), int(Tag.ITS_SESSION_INFO)


class Backend:
    """Answers at once, unless told to wait; notes what had been sent when it was asked."""

    def __init__(self, link: "Link") -> None:
        self.link = link
        self.requests: list[UssdRequest] = []
        self.sent_when_asked: list[int] = []
        self.waiting: Deferred[UssdReply] | None = None

    async def answer(self, request: UssdRequest) -> UssdReply:
        self.requests.append(request)
        self.sent_when_asked.append(len(self.link.responded))
        if self.waiting is not None:
            return await self.waiting
        if request.action is Action.JOIN:
            return UssdReply(text="Условия\n1 Принимаю", menu=True)
        return UssdReply(text="Баланс:300,00р" if not request.latin else "Balans:300,00r")

    def stale(self, request: UssdRequest) -> UssdReply | None:  # noqa: ARG002 - the contract's
        return None

    async def deadline_passed(self, request: UssdRequest) -> str:
        return f"later: {request.action}"


class FixedTexts:
    def text(self, key: TextKey, msisdn: str, *, latin: bool) -> str:  # noqa: ARG002 - the contract's
        return f"<{key.value}>"


class Link:
    """The part of a session the adapter uses; answers submits by `results`, the last one again and again."""

    def __init__(self) -> None:
        self.responded: list[tuple[Pdu, Pdu]] = []
        self.submitted: list[SubmitSm] = []
        self.results: list[Any] = [SubmitSmResp(message_id="1")]

    def respond(self, request: Pdu, response: Pdu) -> None:
        self.responded.append((request, response))

    async def request(self, pdu: SubmitSm) -> Pdu:
        self.submitted.append(pdu)
        result = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        if isinstance(result, Exception):
            raise result
        return await result if isinstance(result, Deferred) else result

    @property
    def submit(self) -> SubmitSm:
        (submitted,) = self.submitted
        return submitted

    @property
    def ops(self) -> list[int | None]:
        return [submitted.tlv_int(OP) for submitted in self.submitted]


class Rig:
    def __init__(self, profile: SmppUssdProfile = GENERIC, **limits: Any) -> None:
        self.clock = Clock()
        self.link: Any = Link()
        self.backend = Backend(self.link)
        self.records: list[SessionRecord] = []
        self.sequence = 0
        ids = iter(range(1_000_000))
        self.service = UssdService(
            self.backend,
            FixedTexts(),
            table=CodeTable(codes=CODES, menus=MENUS),
            settings=UssdSettings(**limits),
            clock=self.clock,
            now=lambda: datetime(2025, 3, 3, tzinfo=UTC),
            new_id=lambda: f"s{next(ids)}",
            mask=lambda _: "m:1",
            records=self.records.append,
        )
        self.adapter = UssdOverSmpp(self.service, profile=profile, clock=self.clock)

    def deliver(self, op: int | None, text: bytes = b"*100#", *tlvs: tuple[int, bytes], **fields: Any) -> DeliverSm:
        self.sequence += 1
        pdu = DeliverSm(
            **{
                "sequence_number": self.sequence,
                "service_type": "USSD",
                "source_addr_ton": 1,
                "source_addr_npi": 1,
                "source_addr": A,
                "dest_addr_ton": 3,
                "dest_addr_npi": 8,
                "destination_addr": "100",
                "short_message": text,
                "tlvs": (*(() if op is None else ((OP, bytes((op,))),)), *tlvs),
                **fields,
            }
        )
        assert self.adapter.handles(pdu)
        self.adapter.request_received(self.link, pdu)
        return pdu

    @property
    def outcomes(self) -> list[Outcome]:
        return [record.outcome for record in self.records]


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
def warnings() -> Iterator[list[dict[str, Any]]]:
    events: list[dict[str, Any]] = []
    globalLogPublisher.addObserver(events.append)
    yield events
    globalLogPublisher.removeObserver(events.append)


def test_item_25_deliver_sm_is_answered_before_the_backend_is_asked(rig: Rig) -> None:
    pdu = rig.deliver(1)
    assert rig.backend.sent_when_asked == [1]
    ((request, response),) = rig.link.responded
    assert request is pdu
    assert isinstance(response, DeliverSmResp)
    assert (response.command_status, response.message_id) == (0, "")


def test_item_26_begin_is_answered_by_17_and_a_menu_by_2_and_its_answer_goes_on(rig: Rig) -> None:
    rig.deliver(1, b"*100*2#", (ITS, b"\x05\x00"))
    rig.deliver(18, b"1", (ITS, b"\x05\x02"))
    assert rig.link.ops == [2, 17]
    assert [request.action for request in rig.backend.requests] == [Action.JOIN, Action.JOIN_ACCEPT]
    assert rig.outcomes == [Outcome.ANSWERED]


def test_item_27_service_type_is_ussd_both_ways(rig: Rig) -> None:
    rig.deliver(1)
    assert rig.link.submit.service_type == "USSD"
    assert not rig.adapter.handles(DeliverSm(service_type="CMT", short_message=b"STOP"))
    assert rig.adapter.handles(DeliverSm(service_type="", tlvs=((OP, b"\x01"),)))


def test_receipts_and_other_requests_are_none_of_ours(rig: Rig) -> None:
    assert not rig.adapter.handles(DeliverSm(service_type="USSD", esm_class=EsmClass.TYPE_RECEIPT))
    assert not rig.adapter.handles(SubmitSm(service_type="USSD"))


def test_item_28_its_session_info_is_echoed_and_the_end_bit_set_only_on_the_last_of_6d() -> None:
    rig = Rig(SIXDEE)
    rig.deliver(1, b"*100*2#", (ITS, b"\x12\x34"))
    rig.deliver(18, b"1", (ITS, b"\x12\x34"))
    assert [submitted.tlv(ITS) for submitted in rig.link.submitted] == [b"\x12\x34", b"\x12\x35"]


def test_item_29_mica_reference_is_echoed_and_0x81_frees_the_session_without_a_submit() -> None:
    rig = Rig(MICA)
    umr = (int(Tag.USER_MESSAGE_REFERENCE), b"\x00\x07")
    rig.deliver(1, b"*100*2#", umr)
    assert rig.link.submit.tlv(Tag.USER_MESSAGE_REFERENCE) == b"\x00\x07"
    rig.deliver(0x81, b"", umr)
    assert len(rig.link.submitted) == 1
    assert len(rig.link.responded) == 2
    assert rig.outcomes == [Outcome.ABORTED]
    assert rig.service.sessions == 0


def test_item_30_addresses_are_swapped_with_their_types(rig: Rig) -> None:
    rig.deliver(1)
    submit = rig.link.submit
    assert (submit.source_addr, submit.source_addr_ton, submit.source_addr_npi) == ("100", 3, 8)
    assert (submit.destination_addr, submit.dest_addr_ton, submit.dest_addr_npi) == (A, 1, 1)
    assert submit.registered_delivery == 0


def test_item_31_code_is_read_from_destination_addr_by_tata() -> None:
    rig = Rig(TATA)
    rig.deliver(1, b"", (ITS, b"\x01\x00"), destination_addr="*100*1#")
    assert rig.backend.requests[0].code == "*100*1#"
    assert (rig.link.submit.source_addr, rig.link.submit.destination_addr) == ("*100*1#", A)


def test_item_32_message_payload_stands_in_for_short_message(rig: Rig) -> None:
    rig.deliver(1, b"", (int(Tag.MESSAGE_PAYLOAD), b"*100*1#"))
    assert rig.backend.requests[0].code == "*100*1#"
    assert rig.link.submit.tlv(Tag.MESSAGE_PAYLOAD) is None


def test_item_32_empty_short_message_is_no_such_code(rig: Rig) -> None:
    rig.deliver(1, b"")
    assert rig.backend.requests[0].action is Action.NO_SUCH_CODE
    assert rig.link.ops == [17]


def test_item_33_vendor_tlvs_are_echoed(rig: Rig) -> None:
    rig.deliver(1, b"*100#", (0x1501, b"\x00\x00\x00\x09"), (0x3000, b"?"))
    assert rig.link.submit.tlv(0x1501) == b"\x00\x00\x00\x09"
    assert rig.link.submit.tlv(0x3000) == b"?"


def test_item_33_php_smpp_ucs2_goes_under_data_coding_72() -> None:
    rig = Rig(PHP_SMPP)
    rig.deliver(0, b"*100#", (0x1501, b"\x00\x00\x00\x09"))
    assert (rig.link.submit.data_coding, rig.link.submit.short_message) == (72, "Баланс:300,00р".encode("utf-16-be"))


def test_item_10_data_coding_and_octets_agree(rig: Rig) -> None:
    rig.deliver(1, b"*100#")
    rig.deliver(1, b"#100#")
    assert [(sent.data_coding, sent.short_message) for sent in rig.link.submitted] == [
        (8, "Баланс:300,00р".encode("utf-16-be")),
        (0, b"Balans:300,00r"),
    ]


def test_item_34_same_session_number_of_two_subscribers_is_two_sessions(rig: Rig) -> None:
    rig.deliver(1, b"*100*2#", (ITS, b"\x05\x00"))
    rig.deliver(1, b"*100*2#", (ITS, b"\x05\x00"), source_addr="79160000002")
    rig.deliver(18, b"1", (ITS, b"\x05\x02"), source_addr="79160000002")
    assert rig.link.submitted[-1].destination_addr == "79160000002"
    assert rig.service.sessions == 1
    rig.deliver(0x81, b"", (ITS, b"\x05\x00"))


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (SubmitSmResp(command_status=CommandStatus.ESME_RSUBMITFAIL), Outcome.FAILED),
        (ResponseTimeout("no answer"), Outcome.FAILED),
        (OutcomeUnknown("link lost"), Outcome.LINK_LOST),
        (NeverWritten("link lost"), Outcome.LINK_LOST),
    ],
)
def test_item_35_refused_or_lost_submit_is_recorded_and_not_repeated(rig: Rig, result: Any, outcome: Outcome) -> None:
    rig.link.results = [result]
    rig.deliver(1)
    rig.clock.advance(10)
    assert len(rig.link.submitted) == 1
    assert rig.outcomes == [outcome]


def test_item_35_screen_that_cannot_be_encoded_is_recorded_and_logged(
    rig: Rig, warnings: list[dict[str, Any]]
) -> None:
    rig.link.results = [SmppError("not bound to transmit")]
    rig.deliver(1)
    assert rig.outcomes == [Outcome.FAILED]
    assert any("unsendable" in str(event.get("log_format")) for event in warnings)


def test_item_35_throttled_submit_is_tried_again_while_the_subscriber_waits(rig: Rig) -> None:
    rig.link.results = [
        SubmitSmResp(command_status=CommandStatus.ESME_RTHROTTLED),
        SubmitSmResp(command_status=CommandStatus.ESME_RMSGQFUL),
        SubmitSmResp(message_id="1"),
    ]
    rig.deliver(1)
    rig.clock.advance(0.2)
    assert rig.outcomes == []
    rig.clock.advance(0.2)
    assert len(rig.link.submitted) == 3
    assert rig.outcomes == [Outcome.ANSWERED]


def test_item_35_link_that_stays_throttled_is_recorded_as_busy_and_given_up(rig: Rig) -> None:
    rig.link.results = [SubmitSmResp(command_status=CommandStatus.ESME_RTHROTTLED)]
    rig.deliver(1)
    rig.clock.pump([0.2] * 24)
    assert rig.outcomes == [Outcome.BUSY]
    assert rig.clock.getDelayedCalls() == []


def test_item_36_lost_link_closes_its_sessions(rig: Rig) -> None:
    rig.deliver(1, b"*100*2#", (ITS, b"\x05\x00"))
    rig.adapter.session_ended(rig.link)
    assert rig.outcomes == [Outcome.LINK_LOST]
    assert rig.clock.getDelayedCalls() == []


def test_item_37_repeated_deliver_sm_gets_its_response_and_one_answer(rig: Rig) -> None:
    on_its_way: Deferred[Pdu] = Deferred()
    rig.link.results = [on_its_way]
    rig.deliver(1, b"*100#", (ITS, b"\x05\x00"))
    pdu = rig.deliver(1, b"*100#", (ITS, b"\x05\x00"))
    on_its_way.callback(SubmitSmResp(message_id="1"))
    rig.adapter.request_received(rig.link, pdu)
    assert len(rig.link.responded) == 3
    assert len(rig.link.submitted) == 1
    assert len(rig.backend.requests) == 1
    assert rig.outcomes == [Outcome.ANSWERED]
    assert rig.adapter.repeated_pdus == 1


def test_item_37_sequence_number_used_again_for_something_else_is_no_repetition(rig: Rig) -> None:
    rig.deliver(1, b"*100#", sequence_number=7)
    rig.deliver(1, b"*100*1#", sequence_number=7)
    assert [request.code for request in rig.backend.requests] == ["*100#", "*100*1#"]
    assert len(rig.link.submitted) == 2


def test_item_39_and_40_wrong_operation_is_an_answer_and_logged_in_both_bases(
    rig: Rig, warnings: list[dict[str, Any]]
) -> None:
    rig.deliver(1, b"*100*2#", (ITS, b"\x05\x00"))
    rig.deliver(99, b"1", (ITS, b"\x05\x02"))
    assert rig.link.ops == [2, 17]
    doubts = [event["warnings"] for event in warnings if "warnings" in event]
    assert doubts == [("ussd_service_op 99 (0x63) unknown to generic, read as an answer",)]
    assert A not in str(doubts)


def test_stop_waits_for_screens_on_their_way(rig: Rig) -> None:
    on_its_way: Deferred[Pdu] = Deferred()
    rig.link.results = [on_its_way]
    rig.deliver(1)
    stopped = Deferred.fromCoroutine(rig.adapter.stop())
    assert not stopped.called
    on_its_way.callback(SubmitSmResp(message_id="1"))
    assert stopped.called


def test_fault_of_ours_is_logged_and_the_link_goes_on(rig: Rig, warnings: list[dict[str, Any]]) -> None:
    rig.link.results = [ZeroDivisionError("a fault of ours"), SubmitSmResp(message_id="1")]
    rig.deliver(1)
    rig.deliver(1, b"*100*1#")
    assert rig.outcomes == [Outcome.FAILED, Outcome.ANSWERED]
    assert any(event.get("log_format") == "ussd_indication_failed" for event in warnings)
