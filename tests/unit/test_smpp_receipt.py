"""Receipts: what one is, what it says, and which source wins."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smpp_samples import RECEIPT_TEXT, deliver_sm, receipt_sm

from sms.smpp.constants import MessageState, Tag
from sms.smpp.pdu import DataSm
from sms.smpp.receipt import (
    STAT_OF_STATE,
    STATE_OF_STAT,
    DeliverKind,
    Receipt,
    format_receipt_text,
    kind_of,
    parse_receipt_text,
    read_receipt,
)

ID = int(Tag.RECEIPTED_MESSAGE_ID)
STATE = int(Tag.MESSAGE_STATE)


@pytest.mark.parametrize(("esm_class", "kind"), [
    (0x00, DeliverKind.MESSAGE), (0x04, DeliverKind.RECEIPT), (0x44, DeliverKind.RECEIPT),
    (0x20, DeliverKind.INTERMEDIATE), (0x08, DeliverKind.DELIVERY_ACK), (0x10, DeliverKind.USER_ACK),
    (0x07, DeliverKind.RECEIPT), (0x18, DeliverKind.MESSAGE),
])  # fmt: skip
def test_the_esm_class_says_what_it_is(esm_class: int, kind: DeliverKind) -> None:
    """SMPP check 56."""
    assert kind_of(deliver_sm(esm_class=esm_class)) is kind


def test_the_parameter_says_so_too() -> None:
    """SMPP check 56."""
    assert kind_of(deliver_sm(tlvs=((ID, b"7\0"),))) is DeliverKind.RECEIPT
    assert kind_of(DataSm(tlvs=((ID, b"7\0"),))) is DeliverKind.RECEIPT


def test_a_message_that_looks_like_a_receipt_stays_a_message() -> None:
    """SMPP check 56."""
    message = deliver_sm(short_message=RECEIPT_TEXT)
    assert kind_of(message) is DeliverKind.MESSAGE
    assert read_receipt(message) is None


def test_parameters_win_over_the_text() -> None:
    """SMPP check 57."""
    pdu = receipt_sm(tlvs=((ID, b"other\0"), (STATE, b"\5"), (int(Tag.NETWORK_ERROR_CODE), b"\3\0\x21")))
    read = read_receipt(pdu)
    assert read is not None
    assert (read.message_id, read.state, read.network_error_code) == (
        "other", MessageState.UNDELIVERABLE, b"\3\0\x21",
    )  # fmt: skip
    assert read.done_date == datetime(2025, 3, 3, 12, 1, tzinfo=UTC)


def test_a_receipt_may_be_parameters_alone_or_text_alone() -> None:
    """SMPP checks 57, 58."""
    bare = read_receipt(deliver_sm(esm_class=4, short_message=b"", tlvs=((ID, b"7"), (STATE, b"\2"))))
    assert bare == Receipt(message_id="7", state=MessageState.DELIVERED)
    text = read_receipt(deliver_sm(esm_class=4, short_message=RECEIPT_TEXT))
    assert text is not None
    assert text.state is MessageState.DELIVERED
    payload = read_receipt(
        deliver_sm(esm_class=4, short_message=b"", tlvs=((int(Tag.MESSAGE_PAYLOAD), RECEIPT_TEXT),))
    )
    assert payload == text
    data = DataSm(esm_class=4, tlvs=((int(Tag.MESSAGE_PAYLOAD), RECEIPT_TEXT),))
    assert read_receipt(data) == text
    assert read_receipt(deliver_sm(esm_class=4, short_message=b"nothing to see")) is None


def test_the_text_of_appendix_b() -> None:
    """SMPP check 58."""
    assert parse_receipt_text(RECEIPT_TEXT) == Receipt(
        message_id="0123456789",
        state=MessageState.DELIVERED,
        err="000",
        submitted=1,
        delivered=1,
        submit_date=datetime(2025, 3, 3, 12, 0, tzinfo=UTC),
        done_date=datetime(2025, 3, 3, 12, 1, tzinfo=UTC),
        text=b"hello hello hello he",
    )


@pytest.mark.parametrize(("text", "message_id", "state", "err"), [
    (b"ID:a-b_c SUB:1 STAT:delivrd ERR:0A1", "a-b_c", MessageState.DELIVERED, "0A1"),
    (b"id:" + b"f" * 64 + b" stat:EXPIRED", "f" * 64, MessageState.EXPIRED, None),
    (b"id:007 stat:UNDELIVERABLE err:ABS", "007", MessageState.UNDELIVERABLE, "ABS"),
    (b"stat:REJECTD id: 42 err: 5", "42", MessageState.REJECTED, "5"),
    (b"id:1 stat:NOSUCH", "1", None, None),
    (b"id:1 id:2 Text:stat:DELIVRD", "1", None, None),
    (b"id:\xe9\xff stat:ENROUTE", "éÿ", MessageState.ENROUTE, None),
])  # fmt: skip
def test_texts_of_other_vendors(text: bytes, message_id: str, state: MessageState | None, err: str | None) -> None:
    """SMPP check 58: missing parts, any case and order, ids of 64, alphabetic errors."""
    read = parse_receipt_text(text)
    assert read is not None
    assert (read.message_id, read.state, read.err) == (message_id, state, err)


@pytest.mark.parametrize(
    "text", [b"", b"stat:DELIVRD", b"id: ", b"id:" + b"f" * 65, b"text:id:1 stat:DELIVRD", b"void:1"]
)
def test_without_an_id_there_is_no_receipt(text: bytes) -> None:
    assert parse_receipt_text(text) is None


@pytest.mark.parametrize(("date", "expected"), [
    (b"2503031200", datetime(2025, 3, 3, 12, tzinfo=UTC)),
    (b"250303120055", datetime(2025, 3, 3, 12, 0, 55, tzinfo=UTC)),
    (b"20250303120055", datetime(2025, 3, 3, 12, 0, 55, tzinfo=UTC)),
    (b"0000000000", None), (b"25030312", None), (b"2513031200", None), (b"x503031200", None),
])  # fmt: skip
def test_dates_have_10_digits_or_12_and_bad_ones_say_nothing(date: bytes, expected: datetime | None) -> None:
    """SMPP check 58."""
    read = parse_receipt_text(b"id:1 submit date:" + date + b" done date:" + date)
    assert read is not None
    assert (read.submit_date, read.done_date) == (expected, expected)


def test_dates_are_wall_time_of_the_smsc() -> None:
    moscow = timezone(timedelta(hours=3))
    read = parse_receipt_text(RECEIPT_TEXT, moscow)
    assert read is not None
    assert read.done_date == datetime(2025, 3, 3, 9, 1, tzinfo=UTC)
    assert b"done date:2503031201" in format_receipt_text(read, moscow)


def test_states_and_their_seven_letters() -> None:
    """SMPP check 59."""
    assert {stat: state.value for state, stat in STAT_OF_STATE.items()} == {
        "SCHEDLD": 0, "ENROUTE": 1, "DELIVRD": 2, "EXPIRED": 3, "DELETED": 4, "UNDELIV": 5, "ACCEPTD": 6,
        "UNKNOWN": 7, "REJECTD": 8, "SKIPPED": 9,
    }  # fmt: skip
    assert all(STATE_OF_STAT[stat] is state for state, stat in STAT_OF_STATE.items())
    assert [state.name for state in MessageState if not state.is_final] == ["SCHEDULED", "ENROUTE", "ACCEPTED"]


@pytest.mark.parametrize("state", list(MessageState))
def test_what_we_write_we_read(state: MessageState) -> None:
    """SMPP checks 58, 59."""
    receipt = Receipt(
        message_id="a1", state=state, err="021", submitted=1, delivered=0,
        submit_date=datetime(2025, 3, 3, 12, tzinfo=UTC), done_date=datetime(2025, 3, 4, 1, 2, tzinfo=UTC),
        text=b"twenty characters ok",
    )  # fmt: skip
    assert parse_receipt_text(format_receipt_text(receipt)) == receipt


def test_a_receipt_repeats_20_characters_and_fills_gaps() -> None:
    """SMPP check 58."""
    text = format_receipt_text(Receipt(message_id="1", state=None, text=b"x" * 30))
    assert text == (
        b"id:1 sub:000 dlvrd:000 submit date:0000000000 done date:0000000000 stat:UNKNOWN err:000 text:" + b"x" * 20
    )


@given(st.binary(max_size=200) | st.text("id:staubdlvrernowext0123456789 ").map(str.encode))
def test_no_text_upsets_the_reader(text: bytes) -> None:
    parse_receipt_text(text)
    parse_receipt_text(b"id:1 sub:" + text + b" done date:" + text)
