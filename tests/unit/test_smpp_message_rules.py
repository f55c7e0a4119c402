"""What the parameters of a message must satisfy together."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from smpp_samples import SOURCE, deliver_sm, submit_sm

from sms import errors
from sms.smpp.codec import decode, encode
from sms.smpp.constants import VERSION_50, Tag
from sms.smpp.constants import CommandStatus as Status
from sms.smpp.pdu import (
    BindTransceiverResp,
    DataSm,
    DataSmResp,
    DeliverSmResp,
    Pdu,
    QuerySmResp,
    ReplaceSm,
    SubmitSmResp,
)
from sms.smpp.times import format_absolute, format_relative, parse_time

PAYLOAD = int(Tag.MESSAGE_PAYLOAD)


def _status(pdu: Pdu, version: int = 0x34) -> int:
    """0, or the status the PDU is refused with, by encoder and decoder alike."""
    try:
        octets = encode(pdu, version)
    except errors.PduError as error:
        return error.command_status
    assert decode(octets, version) == pdu
    return 0


# Length and place of the text.


@pytest.mark.parametrize(("size", "status"), [(0, 0), (1, 0), (254, 0), (255, 1), (256, 1)])
def test_a_text_has_up_to_254_octets(size: int, status: int) -> None:
    """SMPP check 38."""
    assert _status(submit_sm(short_message=bytes(size))) == status
    assert _status(ReplaceSm(short_message=bytes(size), **SOURCE)) == status


def test_255_octets_are_for_5_0() -> None:
    """SMPP check 38."""
    pdu = submit_sm(short_message=bytes(255))
    assert _status(pdu, VERSION_50) == 0
    frame = encode(pdu, VERSION_50)
    with pytest.raises(errors.MessageLengthInvalid):
        decode(frame)
    assert _status(ReplaceSm(short_message=bytes(255)), VERSION_50) == 0


def test_sm_length_counts_the_octets_that_are_there() -> None:
    """SMPP check 38: an sm_length past the end is refused, not read past."""
    octets = bytearray(encode(submit_sm(short_message=b"hello")))
    octets[-6] = 6
    with pytest.raises(errors.MessageLengthInvalid):
        decode(bytes(octets))
    assert submit_sm(short_message=b"\5\0\3\1\2\1hello", esm_class=0x40).sm_length == 11


def test_text_is_in_one_place() -> None:
    """SMPP check 37."""
    both = submit_sm(short_message=b"x", tlvs=((PAYLOAD, b"y"),))
    assert _status(both) == Status.ESME_ROPTPARNOTALLWD
    assert _status(submit_sm(short_message=b"", tlvs=((PAYLOAD, b"y" * 3000),))) == 0
    twice = submit_sm(short_message=b"", tlvs=((PAYLOAD, b"y"), (PAYLOAD, b"z")))
    assert _status(twice) == Status.ESME_ROPTPARNOTALLWD


@pytest.mark.parametrize(("size", "header", "status"), [
    (4, b"", 0), (5, b"", 1), (4, b"\5\0\3\1\2\1", 0), (4, b"\6\x08\4\0\1\2\1", 0), (3, b"\6\x08\4\0\1\2\1", 1),
])  # fmt: skip
def test_ucs2_comes_in_pairs_of_octets_behind_the_header(size: int, header: bytes, status: int) -> None:
    """SMPP check 42."""
    esm_class = 0x40 if header else 0
    text = header + bytes(size)
    assert _status(submit_sm(short_message=text, esm_class=esm_class, data_coding=8)) == status
    assert _status(submit_sm(short_message=text, esm_class=esm_class, data_coding=0)) == 0
    payload = submit_sm(short_message=b"", esm_class=esm_class, data_coding=8, tlvs=((PAYLOAD, text),))
    assert _status(payload) == status


# esm_class and the user data header.


@pytest.mark.parametrize("esm_class", [0x00, 0x01, 0x02, 0x03, 0x08, 0x10, 0x80, 0x88])
def test_classes_an_esme_may_give(esm_class: int) -> None:
    """SMPP check 39."""
    assert _status(submit_sm(esm_class=esm_class)) == 0


@pytest.mark.parametrize("esm_class", [0x04, 0x0C, 0x14, 0x18, 0x20, 0x24, 0x3C])
def test_classes_reserved_for_an_esme(esm_class: int) -> None:
    """SMPP check 39."""
    assert _status(submit_sm(esm_class=esm_class)) == Status.ESME_RINVESMCLASS


@pytest.mark.parametrize(("esm_class", "status"), [(0x04, 0), (0x08, 0), (0x10, 0), (0x18, 0), (0x20, 0),
                                                   (0x0C, 0x43), (0x14, 0x43), (0x24, 0x43)])  # fmt: skip
def test_classes_an_smsc_may_give(esm_class: int, status: int) -> None:
    """SMPP check 39."""
    assert _status(deliver_sm(esm_class=esm_class)) == status
    assert _status(DataSm(esm_class=esm_class)) == status


@pytest.mark.parametrize("text", [
    b"", b"\0", b"\0text", b"\5", b"\5\0\3\1\2", b"\6\0\3\1\2\1x", b"\5\0\4\1\2\1xyz", b"\1\0xyz",
    b"\x8c" + bytes(139),
])  # fmt: skip
def test_a_promised_header_is_there_and_well_formed(text: bytes) -> None:
    """SMPP check 40."""
    for build in (submit_sm, deliver_sm):
        assert _status(build(short_message=text, esm_class=0x40)) == Status.ESME_RINVESMCLASS
    assert _status(DataSm(esm_class=0x40, tlvs=((PAYLOAD, text),))) == Status.ESME_RINVESMCLASS


@pytest.mark.parametrize(
    "text", [b"\5\0\3\1\2\1", b"\6\x08\4\0\1\2\1hi", b"\x0b\5\4\0\1\0\2\0\3\1\2\1hi", b"\2\x70\0hi"]
)
def test_well_formed_headers_travel(text: bytes) -> None:
    """SMPP check 40."""
    assert _status(submit_sm(short_message=text, esm_class=0x40)) == 0


# The flags.


@pytest.mark.parametrize(("value", "status"), [(0, 0), (1, 0), (2, 0), (0x0C, 0), (0x11, 0), (0x1E, 0),
                                               (3, 7), (0x20, 7), (0x41, 7), (0xFF, 7)])  # fmt: skip
def test_registered_delivery_has_no_reserved_bits(value: int, status: int) -> None:
    """SMPP check 41."""
    for pdu in (submit_sm(registered_delivery=value), deliver_sm(registered_delivery=value),
                DataSm(registered_delivery=value), ReplaceSm(registered_delivery=value)):  # fmt: skip
        assert _status(pdu) == status


def test_a_receipt_on_success_only_is_for_5_0() -> None:
    """SMPP check 41."""
    assert _status(submit_sm(registered_delivery=3), VERSION_50) == 0


@pytest.mark.parametrize(("value", "status"), [(0, 0), (3, 0), (4, 6), (255, 6)])
def test_priority_is_0_to_3(value: int, status: int) -> None:
    """SMPP check 43."""
    assert _status(submit_sm(priority_flag=value)) == status
    assert _status(deliver_sm(priority_flag=value)) == status


@pytest.mark.parametrize("value", [0, 0x41, 255])
def test_any_protocol_id_and_data_coding_travel(value: int) -> None:
    """SMPP checks 42, 43: vendors' values are theirs to know."""
    assert _status(submit_sm(protocol_id=value, data_coding=value)) == 0


@pytest.mark.parametrize(("value", "status"), [(0, 0), (1, 0), (2, 0x54), (255, 0x54)])
def test_replace_if_present_is_0_or_1(value: int, status: int) -> None:
    """SMPP check 45."""
    assert _status(submit_sm(replace_if_present_flag=value)) == status


@pytest.mark.parametrize(("value", "text", "status"), [(0, b"x", 0), (1, b"", 0), (254, b"", 0), (255, b"", 0x63),
                                                       (1, b"x", 0x63)])  # fmt: skip
def test_a_predefined_message_has_no_text(value: int, text: bytes, status: int) -> None:
    """SMPP check 46."""
    assert _status(submit_sm(sm_default_msg_id=value, short_message=text)) == status
    assert _status(ReplaceSm(sm_default_msg_id=value, short_message=text)) == status


# Times.


@pytest.mark.parametrize("text", [
    "", "250303120000000+", "250303120000948-", "240229235959948+", "000002000000000R", "000000480000000R",
])  # fmt: skip
def test_times_of_the_standard(text: str) -> None:
    """SMPP check 44."""
    assert _status(submit_sm(validity_period=text)) == 0
    assert _status(submit_sm(schedule_delivery_time=text)) == 0


@pytest.mark.parametrize("text", [
    "2503031200", "25030312000000+", "2503031200000000+", "250303120000000Z", "250303120000049+", "251303120000000+",
    "250230120000000+", "250303240000000+", "250303126000000+", "000002000000100R", "000002000000004R",
    "25030312000000 +", "x50303120000000+", "²50303120000000+",
])  # fmt: skip
def test_what_is_no_time_is_named(text: str) -> None:
    """SMPP check 44."""
    assert _status(submit_sm(validity_period=text)) == Status.ESME_RINVEXPIRY
    assert _status(submit_sm(schedule_delivery_time=text)) == Status.ESME_RINVSCHED


@pytest.mark.parametrize(("schedule", "validity", "status"), [
    ("250303120000000+", "250303120000000+", 0), ("250303120000000+", "250303115959000+", 0x62),
    ("250303120000000+", "250303120000012+", 0x62), ("250303120000012+", "250303120000000+", 0),
    ("000002000000000R", "000001000000000R", 0x62), ("000002000000000R", "000003000000000R", 0),
    ("250303120000000+", "000001000000000R", 0), ("000001000000000R", "200101000000000+", 0),
])  # fmt: skip
def test_a_message_is_not_over_before_it_is_due(schedule: str, validity: str, status: int) -> None:
    """SMPP check 44."""
    pdu = submit_sm(schedule_delivery_time=schedule, validity_period=validity)
    assert _status(pdu) == status
    replacement = ReplaceSm(schedule_delivery_time=schedule, validity_period=validity)
    assert _status(replacement) == status


def test_times_are_read_as_instants_and_periods() -> None:
    """SMPP check 44."""
    moscow = timezone(timedelta(hours=3))
    read = parse_time("250303120000312+", errors.ScheduleInvalid)
    assert read == datetime(2025, 3, 3, 12, 0, 0, 300_000, tzinfo=moscow)
    west = parse_time("250303120000020-", errors.ScheduleInvalid)
    assert west == datetime(2025, 3, 3, 17, tzinfo=UTC)
    assert parse_time("010102030405000R", errors.ScheduleInvalid) == timedelta(
        days=365 + 30 + 2, hours=3, minutes=4, seconds=5
    )


def test_times_are_written_as_the_standard_wants_them() -> None:
    """SMPP check 44: a microsecond does not become a two-digit tenth."""
    assert format_absolute(datetime(2025, 3, 3, 12, 0, 0, 999_999, tzinfo=UTC)) == "250303120000900+"
    assert format_absolute(datetime(2025, 3, 3, 15, tzinfo=timezone(timedelta(hours=3)))) == "250303120000000+"
    assert format_relative(timedelta(minutes=5, microseconds=7)) == "000000000500000R"
    assert format_relative(timedelta(days=2)) == "000002000000000R"
    assert format_relative(timedelta(days=99, hours=23)) == "000309230000000R"
    for period in (timedelta(days=45, hours=1), timedelta(seconds=1), timedelta()):
        assert parse_time(format_relative(period), errors.ValidityInvalid) == period
    for period in (timedelta(days=100), timedelta(seconds=-1)):
        with pytest.raises(ValueError, match="99 days"):
            format_relative(period)


# deliver_sm and responses.


@pytest.mark.parametrize(("field", "value", "status"), [
    ("schedule_delivery_time", "250303120000000+", Status.ESME_RINVSCHED),
    ("validity_period", "250303120000000+", Status.ESME_RINVEXPIRY),
    ("replace_if_present_flag", 1, Status.ESME_RINVREPFLAG),
    ("sm_default_msg_id", 1, Status.ESME_RINVDFTMSGID),
])  # fmt: skip
def test_what_a_deliver_sm_leaves_empty(field: str, value: Any, status: Status) -> None:
    """SMPP check 54."""
    assert _status(deliver_sm(**{field: value})) == status


def test_the_message_id_of_a_deliver_sm_resp_is_one_nul() -> None:
    """SMPP check 54."""
    assert encode(DeliverSmResp(sequence_number=1))[16:] == b"\0"


@pytest.mark.parametrize("cls", [SubmitSmResp, DeliverSmResp, DataSmResp, QuerySmResp])
def test_an_error_response_is_sent_and_read_without_body(cls: Any) -> None:
    """SMPP check 12."""
    response = cls(command_status=0x58, sequence_number=5)
    octets = encode(response)
    assert len(octets) == 16
    read = decode(octets)
    assert read == response
    assert read.message_id is None


def test_an_error_response_with_a_body_is_read_too() -> None:
    """SMPP check 12."""
    assert decode(encode(SubmitSmResp(command_status=0x58, message_id=""))) == SubmitSmResp(
        command_status=0x58, message_id=""
    )
    refusal = BindTransceiverResp(command_status=0x0E)
    assert decode(encode(refusal)) == refusal


def test_an_error_response_with_parameters_has_a_body() -> None:
    """SMPP check 12: congestion_state may come with ESME_RTHROTTLED."""
    response = SubmitSmResp(command_status=0x58, tlvs=((int(Tag.CONGESTION_STATE), b"\x64"),))
    assert decode(encode(response)) == response
    response.message_id = None
    assert _status(response) == Status.ESME_ROPTPARNOTALLWD


@pytest.mark.parametrize("cls", [SubmitSmResp, QuerySmResp, BindTransceiverResp])
def test_a_good_response_without_body_is_cut_short(cls: Any) -> None:
    """SMPP check 12."""
    frame = encode(cls(command_status=1, sequence_number=1))
    with pytest.raises(errors.CommandLengthInvalid):
        decode(frame[:8] + bytes(4) + frame[12:])
    good = cls(sequence_number=1)
    setattr(good, "system_id" if cls is BindTransceiverResp else "message_id", None)
    with pytest.raises(errors.ParameterValueInvalid):
        encode(good)


@pytest.mark.parametrize("cls", [DeliverSmResp, DataSmResp])
def test_an_esme_may_leave_out_the_message_id_nobody_reads(cls: Any) -> None:
    """SMPP check 54: many do."""
    frame = encode(cls(command_status=1, sequence_number=1))
    frame = frame[:8] + bytes(4) + frame[12:]
    read = decode(frame)
    assert (read.command_status, read.message_id) == (0, None)  # type: ignore[attr-defined]
    assert encode(read) == frame


def test_message_ids_are_opaque() -> None:
    """SMPP check 47: leading zeros, hexadecimal, letters, any octet."""
    for message_id in ("007", "0x1F", "a-b/c_d", "é" * 64):
        read = decode(encode(SubmitSmResp(message_id=message_id)))
        assert read == SubmitSmResp(message_id=message_id)


@pytest.mark.parametrize(("state", "status"), [(0, 0), (2, 0), (9, 0), (10, 0xC4)])
def test_a_query_answer_names_a_state_of_the_standard(state: int, status: int) -> None:
    """SMPP checks 49, 59."""
    assert _status(QuerySmResp(message_id="1", message_state=state)) == status


@pytest.mark.parametrize(("final_date", "status"), [("", 0), ("250303120000000+", 0), ("2503031200", 0x67)])
def test_a_final_date_is_a_time_or_nothing(final_date: str, status: int) -> None:
    """SMPP check 49."""
    assert _status(QuerySmResp(message_id="1", final_date=final_date)) == status
