"""Receipts and messages from subscribers: stored first, answered then, once whatever the SMSC repeats."""

from collections.abc import Iterator
from typing import Any

import pytest
from sending import NOON, A, Sending, run
from sqlalchemy import Connection, select
from twisted.internet.defer import Deferred

from sms.inbound import Inbound, SmsLinkHandler
from sms.outbox import MobileOriginated
from sms.outbox.schema import inbox, receipt
from sms.smpp.constants import CommandStatus, EsmClass, MessageState, Tag
from sms.smpp.pdu import AlertNotification, DataSm, DeliverSm, DeliverSmResp, Pdu, QuerySm
from sms.smpp.receipt import Receipt, format_receipt_text
from sms.smpp.session import SessionState

OK, AGAIN, NEVER = CommandStatus.ESME_ROK, CommandStatus.ESME_RX_T_APPN, CommandStatus.ESME_RX_P_APPN


class Asking:
    """The receiving side of a session: what we answered, in order."""

    window = 10
    window_free = 0
    state = SessionState.BOUND_TRX

    def __init__(self) -> None:
        self.answers: list[tuple[int, int]] = []

    def respond(self, request: Pdu, response: Pdu) -> None:
        assert isinstance(response, DeliverSmResp) or not isinstance(request, DeliverSm)
        self.answers.append((request.sequence_number, response.command_status))

    def statuses(self) -> list[int]:
        return [status for _, status in self.answers]


class Receiving:
    """An inbound door beside a dispatcher."""

    def __init__(self) -> None:
        self.sending = Sending().start()
        self.session = Asking()
        self.heard: list[MobileOriginated] = []
        self.commits = 0
        self.refuse_mo = False
        self.inbound = Inbound(
            self.sending.dispatcher.journal,
            transact=self.sending.database.transact,
            wall=self.sending.wall,
            counters=self.sending.counters,
            on_mo=self._on_mo,
            committed=self._committed,
        )
        self.handler = SmsLinkHandler("sms", self.sending.dispatcher.lines, self.inbound)

    def _on_mo(self, connection: Connection, mo: MobileOriginated) -> None:
        assert connection.execute(select(inbox)).first() is not None
        if self.refuse_mo:
            raise ValueError("no such keyword")
        self.heard.append(mo)

    def _committed(self) -> None:
        self.commits += 1

    def take(self, *pdus: Pdu) -> list[int]:
        """The statuses answered so far, after these."""
        for pdu in pdus:
            self.handler.request_received(self.session, pdu)  # type: ignore[arg-type]
        return self.session.statuses()

    def rows(self, table: Any) -> list[Any]:
        found: list[Any] = self.sending.database.do(lambda connection: connection.execute(select(table)).all())
        return found

    def given_accepted(self) -> None:
        session = self.sending.bind()
        self.sending.queue("m", msisdn=A)
        session.answer()


@pytest.fixture
def receiving() -> Iterator[Receiving]:
    one = Receiving()
    yield one
    one.sending.database.free()
    stopping = [Deferred.fromCoroutine(one.inbound.stop()), one.sending.stop(0)]
    one.sending.after(2)
    assert all(stopped.called for stopped in stopping)


def receipt_pdu(state: MessageState = MessageState.DELIVERED, number: int = 1, **fields: Any) -> DeliverSm:
    said = Receipt(message_id="id-1", state=state, submitted=1, delivered=1, submit_date=NOON, done_date=NOON)
    known = {
        "source_addr": A,
        "source_addr_ton": 1,
        "destination_addr": "CASHBACK",
        "esm_class": EsmClass.TYPE_RECEIPT,
        "short_message": format_receipt_text(said),
    }
    return DeliverSm(**{**known, "sequence_number": number, **fields})


def mo_pdu(text: bytes = b"STOP", number: int = 1, **fields: Any) -> DeliverSm:
    known = {"source_addr": A, "destination_addr": "4400", "short_message": text}
    return DeliverSm(**{**known, "sequence_number": number, **fields})


# -- receipts


def test_a_receipt_is_answered_only_when_it_is_committed(receiving: Receiving) -> None:
    """SMPP check 55."""
    receiving.given_accepted()
    receiving.sending.database.stuck = True
    assert receiving.take(receipt_pdu()) == []
    receiving.sending.database.free()
    assert receiving.session.statuses() == [OK]
    assert receiving.sending.view("m").state == "delivered"


def test_a_receipt_that_cannot_be_stored_is_asked_for_again_and_then_counts_once(receiving: Receiving) -> None:
    """SMPP checks 55, 64."""
    receiving.given_accepted()
    receiving.sending.database.broken = True
    assert receiving.take(receipt_pdu()) == [AGAIN]
    receiving.sending.database.broken = False
    assert receiving.take(receipt_pdu(number=2), receipt_pdu(number=3)) == [AGAIN, OK, OK]
    assert len(receiving.rows(receipt)) == 1
    assert (receiving.sending.counters.receipts, receiving.sending.counters.receipts_duplicate) == (2, 1)


def test_receipts_that_wait_together_share_one_commit(receiving: Receiving) -> None:
    receiving.given_accepted()
    receiving.sending.database.stuck = True
    receiving.take(receipt_pdu())
    receiving.take(*(receipt_pdu(MessageState.ENROUTE, number) for number in range(2, 50)))
    receiving.sending.database.free()
    assert receiving.session.statuses() == [OK] * 49
    assert receiving.sending.faults.count("dlr.before_commit") == 2
    assert receiving.sending.view("m").state == "delivered"


def test_parameters_win_over_the_text_of_a_receipt(receiving: Receiving) -> None:
    receiving.given_accepted()
    tlvs = ((Tag.RECEIPTED_MESSAGE_ID, b"id-1\0"), (Tag.MESSAGE_STATE, bytes([MessageState.UNDELIVERABLE])))
    receiving.take(receipt_pdu(tlvs=tlvs, short_message=b"id:other stat:DELIVRD err:021"))
    assert receiving.sending.view("m").state == "undeliverable"
    assert receiving.sending.view("m").receipts[0].error == "021"


def test_an_intermediate_notification_is_a_receipt_that_is_not_final(receiving: Receiving) -> None:
    receiving.given_accepted()
    receiving.take(receipt_pdu(MessageState.ENROUTE, esm_class=EsmClass.TYPE_INTERMEDIATE))
    assert receiving.sending.view("m").state == "enroute"


def test_a_receipt_may_come_in_data_sm(receiving: Receiving) -> None:
    receiving.given_accepted()
    tlvs = ((Tag.RECEIPTED_MESSAGE_ID, b"id-1\0"), (Tag.MESSAGE_STATE, bytes([MessageState.DELIVERED])))
    pdu = DataSm(source_addr=A, esm_class=EsmClass.TYPE_RECEIPT, tlvs=tlvs, sequence_number=9)
    assert receiving.take(pdu) == [OK]
    assert receiving.sending.view("m").state == "delivered"


def test_the_second_of_two_receipts_after_a_lost_answer_is_found_by_our_reference(receiving: Receiving) -> None:
    session = receiving.sending.bind()
    receiving.sending.queue("m", msisdn=A)
    receiving.sending.drop(session)
    reference = ((Tag.USER_MESSAGE_REFERENCE, (2).to_bytes(2)),)
    receiving.take(receipt_pdu(MessageState.ENROUTE, tlvs=reference), receipt_pdu(number=2))
    assert receiving.sending.view("m").state == "delivered"


def test_a_receipt_that_names_no_message_is_refused_for_good(receiving: Receiving) -> None:
    assert (
        receiving.take(receipt_pdu(short_message=b"what?"), receipt_pdu(short_message=b"id:5 stat:HM")) == [NEVER] * 2
    )
    assert receiving.sending.counters.receipts_unreadable == 2


def test_a_nul_in_a_receipt_harms_nobody(receiving: Receiving) -> None:
    receiving.given_accepted()
    assert receiving.take(receipt_pdu(short_message=b"id:id-1\0 stat:DELIVRD err:\x0000")) == [OK]
    assert receiving.sending.view("m").receipts[0].error == "00"


def test_a_raised_fault_before_the_commit_asks_for_the_receipt_again(receiving: Receiving) -> None:
    receiving.given_accepted()
    receiving.sending.raising.add("dlr.before_commit")
    assert receiving.take(receipt_pdu()) == [AGAIN]
    assert receiving.sending.view("m").state == "accepted"
    assert receiving.take(receipt_pdu()) == [AGAIN, OK]


# -- messages from subscribers


def test_a_message_from_a_subscriber_is_stored_handed_over_in_one_transaction_and_answered(
    receiving: Receiving,
) -> None:
    assert receiving.take(mo_pdu(b"stop")) == [OK]
    [heard] = receiving.heard
    assert (heard.source, heard.destination, heard.text, heard.link) == (A, "4400", "stop", "sms")
    assert receiving.commits == 1


def test_sent_again_it_is_answered_and_not_heard_twice(receiving: Receiving) -> None:
    assert receiving.take(mo_pdu(), mo_pdu(number=2)) == [OK, OK]
    assert (len(receiving.heard), receiving.commits) == (1, 1)
    assert receiving.sending.counters.mobile_originated_duplicate == 1


def test_what_the_owner_cannot_take_is_not_stored_either_and_asked_for_again(receiving: Receiving) -> None:
    receiving.refuse_mo = True
    assert receiving.take(mo_pdu()) == [AGAIN]
    assert receiving.rows(inbox) == []
    receiving.refuse_mo = False
    assert receiving.take(mo_pdu()) == [AGAIN, OK]


def test_a_failing_message_does_not_hold_up_receipts(receiving: Receiving) -> None:
    receiving.given_accepted()
    receiving.refuse_mo = True
    assert receiving.take(mo_pdu(), receipt_pdu(number=2)) == [AGAIN, OK]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"short_message": "СТОП".encode("utf-16-be"), "data_coding": 8}, "СТОП"),
        ({"short_message": b"\x00\x1b\x65", "data_coding": 0}, "@€"),
        ({"short_message": b"\x05\x00\x03\x07\x01\x01STOP", "esm_class": EsmClass.UDHI}, "STOP"),
        ({"short_message": b"\xffSTOP", "esm_class": EsmClass.UDHI, "data_coding": 3}, "ÿSTOP"),
        ({"short_message": b"", "tlvs": ((Tag.MESSAGE_PAYLOAD, b"STOP"),)}, "STOP"),
        ({"short_message": b"id:1 stat:DELIVRD"}, "id:1 stat:DELIVRD"),
        ({"short_message": b"\x00A\x00\x00", "data_coding": 8}, "A"),
    ],
)
def test_its_text_is_read_in_the_coding_it_came_in(receiving: Receiving, fields: dict[str, Any], text: str) -> None:
    assert receiving.take(mo_pdu(**fields)) == [OK]
    assert [one.text for one in receiving.heard] == [text]


def test_a_number_with_a_plus_is_digits_inside(receiving: Receiving) -> None:
    receiving.take(mo_pdu(source_addr=f"+{A}"), mo_pdu(source_addr=f"00{A}", number=2))
    assert {one.source for one in receiving.heard} == {A}


def test_more_than_may_wait_are_asked_for_again(receiving: Receiving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sms.inbound.MO_WAITING_MAX", 2)
    monkeypatch.setattr("sms.delivery.journal.RECEIPTS_WAITING_MAX", 2)
    receiving.sending.database.stuck = True
    receiving.take(*(mo_pdu(f"{number}".encode(), number) for number in range(1, 4)))
    assert receiving.session.answers == [(3, AGAIN)]
    receiving.take(*(receipt_pdu(number=number) for number in range(4, 8)))
    assert receiving.session.answers == [(3, AGAIN), (7, AGAIN)]
    receiving.sending.database.free()
    assert sorted(receiving.session.answers) == [(1, OK), (2, OK), (3, AGAIN), (4, OK), (5, OK), (6, OK), (7, AGAIN)]


def test_stopping_waits_for_what_is_being_stored(receiving: Receiving) -> None:
    receiving.sending.database.stuck = True
    receiving.take(mo_pdu())
    stopped = Deferred.fromCoroutine(receiving.inbound.stop())
    assert not stopped.called
    receiving.sending.database.free()
    assert stopped.called
    assert receiving.session.statuses() == [OK]


# -- the rest of a link


def test_a_late_answer_changes_nothing(receiving: Receiving) -> None:
    session: Any = receiving.session
    receiving.handler.response_unmatched(session, None, DeliverSmResp(sequence_number=5))
    assert receiving.session.answers == []


def test_a_receipt_may_name_its_error_in_a_parameter(receiving: Receiving) -> None:
    receiving.given_accepted()
    tlvs = ((Tag.NETWORK_ERROR_CODE, bytes.fromhex("030015")),)
    receiving.take(receipt_pdu(tlvs=tlvs, short_message=b"id:id-1 stat:UNDELIV"))
    assert receiving.sending.view("m").receipts[0].error == "030015"


def test_acknowledgements_of_users_are_answered_and_not_stored(receiving: Receiving) -> None:
    assert receiving.take(mo_pdu(esm_class=EsmClass.TYPE_USER_ACK)) == [OK]
    assert receiving.rows(inbox) == []


def test_an_alert_is_never_answered_and_what_we_do_not_serve_is_refused(receiving: Receiving) -> None:
    assert receiving.take(AlertNotification(), QuerySm()) == [CommandStatus.ESME_RINVCMDID]


def test_a_bind_brings_the_line_up_unless_it_only_receives_and_its_end_takes_it_down(receiving: Receiving) -> None:
    session: Any = receiving.session
    lines = receiving.sending.dispatcher.lines
    receiving.session.state = SessionState.BOUND_RX
    receiving.handler.bound(session)
    assert not lines.any_up
    receiving.session.state = SessionState.BOUND_TX
    receiving.handler.bound(session)
    assert lines.any_up
    receiving.handler.session_ended(object(), [], None)  # type: ignore[arg-type]
    assert lines.any_up
    receiving.handler.session_ended(session, [], None)
    assert not lines.any_up


def test_after_the_stop_everything_is_asked_for_again(receiving: Receiving) -> None:
    run(receiving.inbound.stop())
    run(receiving.sending.dispatcher.journal.stop())
    assert receiving.take(mo_pdu(), receipt_pdu()) == [AGAIN, AGAIN]
