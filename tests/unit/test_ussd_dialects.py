"""SMPP dialects in both directions: fixture units per profile after ussd.md §1.1, items 26-33 and 39-40."""

from dataclasses import replace

import pytest

from sms.text import Coding
from ussd.wire import (
    GENERIC,
    MICA,
    PHP_SMPP,
    PROFILES,
    SIXDEE,
    TATA,
    Indication,
    Kind,
    OperationUnknown,
    SessionOutOfRange,
    SmppUssdProfile,
    WireUnit,
    carries_ussd,
)

A = "79160000001"
OP, ITS, UMR, VENDOR_SESSION = 0x0501, 0x1383, 0x0204, 0x1501


def unit(op: int | None, payload: bytes = b"*100#", *tlvs: tuple[int, bytes], **fields: object) -> WireUnit:
    stated = () if op is None else ((OP, bytes((op,))),)
    made = WireUnit(source=A, destination="100", payload=payload, tlvs=(*stated, *tlvs))
    return replace(made, **fields)  # type: ignore[arg-type]


def op_of(sent: WireUnit) -> int:
    value = sent.tlv(OP)
    assert value is not None
    return value[0]


def test_item_26_generic_begin_is_pssr_indication_and_its_end_is_17() -> None:
    request = unit(1, b"*100#", (ITS, b"\x2a\x00"))
    read = GENERIC.read_indication(request)
    assert read == Indication(
        msisdn=A, service_code="100", kind=Kind.BEGIN, text="*100#", session=42, step=0, warnings=()
    )
    assert op_of(GENERIC.write_response(request, "Sold", end=True)) == 17
    assert op_of(GENERIC.write_response(request, "1 Da", end=False)) == 2


def test_item_26_generic_answer_is_ussr_confirm() -> None:
    read = GENERIC.read_indication(unit(18, b"1", (ITS, b"\x2a\x02")))
    assert (read.kind, read.text, read.session, read.step) == (Kind.ANSWER, "1", 42, 1)


def test_item_27_service_type_is_ussd_on_the_way_back() -> None:
    assert GENERIC.write_response(unit(1), "Sold", end=True).service_type == "USSD"


@pytest.mark.parametrize("profile", [GENERIC, TATA, SIXDEE], ids=lambda profile: profile.name)
def test_item_28_its_session_info_is_echoed_on_a_menu(profile: SmppUssdProfile) -> None:
    request = unit(1, b"*100#", (ITS, b"\x2a\x04"))
    assert profile.write_response(request, "1 Da", end=False).tlv(ITS) == b"\x2a\x04"


@pytest.mark.parametrize(
    ("profile", "last"),
    [(GENERIC, b"\x2a\x04"), (TATA, b"\x2a\x05"), (SIXDEE, b"\x2a\x05")],
    ids=lambda value: getattr(value, "name", None),
)
def test_item_28_end_bit_is_set_only_on_the_last_and_only_by_tata_and_6d(
    profile: SmppUssdProfile, last: bytes
) -> None:
    request = unit(1, b"*100#", (ITS, b"\x2a\x04"))
    assert profile.write_response(request, "Sold", end=True).tlv(ITS) == last


def test_item_29_mica_echoes_user_message_reference_and_ends_with_17() -> None:
    request = unit(1, b"*100#", (UMR, b"\x12\x34"))
    assert MICA.read_indication(request).session == 0x1234
    sent = MICA.write_response(request, "Sold", end=True)
    assert (sent.tlv(UMR), op_of(sent)) == (b"\x12\x34", 17)


@pytest.mark.parametrize("profile", [GENERIC, MICA, SIXDEE], ids=lambda profile: profile.name)
def test_item_29_operation_0x81_is_a_release(profile: SmppUssdProfile) -> None:
    assert profile.read_indication(unit(0x81, b"")).kind is Kind.ABORT


def test_item_30_source_and_destination_are_swapped() -> None:
    sent = GENERIC.write_response(unit(1), "Sold", end=True)
    assert (sent.source, sent.destination) == ("100", A)


def test_item_31_tata_has_the_code_in_destination_addr() -> None:
    read = TATA.read_indication(unit(1, b"", (ITS, b"\x01\x00"), destination="*100*1#"))
    assert (read.kind, read.text) == (Kind.BEGIN, "*100*1#")
    answer = TATA.read_indication(unit(0x12, b"1", (ITS, b"\x01\x02"), destination="*100*1#"))
    assert (answer.kind, answer.text, answer.session) == (Kind.ANSWER, "1", 1)


def test_item_31_others_have_it_in_short_message() -> None:
    for profile in (GENERIC, SIXDEE, MICA, PHP_SMPP):
        assert profile.read_indication(unit(1, b"*100*1#")).text == "*100*1#"


def test_item_32_empty_short_message_reads_as_an_empty_code() -> None:
    assert GENERIC.read_indication(unit(1, b"")).text == ""


def test_item_33_vendor_tlvs_are_echoed_and_foreign_standard_ones_are_not() -> None:
    request = unit(1, b"*100#", (0x1501, b"\x00\x00\x00\x07"), (0x3FFF, b"x"), (0x0424, b"y"), (0x020A, b"\x00\x01"))
    sent = GENERIC.write_response(request, "Sold", end=True)
    assert sent.tlvs == ((OP, b"\x11"), (0x1501, b"\x00\x00\x00\x07"), (0x3FFF, b"x"))


def test_item_33_missing_session_parameter_leaves_the_msisdn_as_key() -> None:
    read = GENERIC.read_indication(unit(1))
    assert (read.session, read.step, read.msisdn) == (None, None, A)


def test_session_parameter_of_another_size_is_ignored_with_a_warning() -> None:
    read = GENERIC.read_indication(unit(1, b"*100#", (ITS, b"\x01")))
    assert read.session is None
    assert read.warnings == ("session parameter 0x1383 of 1 octets ignored",)


def test_tata_end_bit_from_the_network_and_operation_0x11_both_close() -> None:
    assert TATA.read_indication(unit(0x12, b"", (ITS, b"\x01\x03"))).kind is Kind.ABORT
    assert TATA.read_indication(unit(0x11, b"")).kind is Kind.ABORT


def test_sixdee_session_is_the_first_fifteen_bits() -> None:
    assert SIXDEE.read_indication(unit(1, b"*100#", (ITS, b"\xff\xfe"))).session == 0x7FFF


def test_tata_always_sends_operation_2() -> None:
    request = unit(1, b"", (ITS, b"\x01\x00"), destination="*100#")
    assert op_of(TATA.write_response(request, "Sold", end=True)) == 2


def test_php_smpp_begins_with_0_and_sends_ucs2_under_data_coding_72() -> None:
    request = unit(0, b"*666#", (VENDOR_SESSION, b"\x00\x00\x00\x07"))
    assert PHP_SMPP.read_indication(request).session == 7
    assert PHP_SMPP.read_indication(request).kind is Kind.BEGIN
    sent = PHP_SMPP.write_response(request, "Баланс", end=True)
    assert (sent.data_coding, sent.payload) == (72, "Баланс".encode("utf-16-be"))
    assert sent.tlv(VENDOR_SESSION) == b"\x00\x00\x00\x07"


def test_item_39_wrong_operation_is_an_answer_with_a_warning_in_both_bases() -> None:
    read = GENERIC.read_indication(unit(99, b"1"))
    assert read.kind is Kind.ANSWER
    assert read.warnings == ("ussd_service_op 99 (0x63) unknown to generic, read as an answer",)  # item 40


def test_missing_operation_is_told_by_the_text() -> None:
    assert GENERIC.read_indication(unit(None, b"*100#")).kind is Kind.BEGIN
    assert GENERIC.read_indication(unit(None, b"#100#")).kind is Kind.BEGIN
    assert GENERIC.read_indication(unit(None, b"1")).kind is Kind.ANSWER
    assert GENERIC.read_indication(unit(None, b"1")).warnings == ("no ussd_service_op",)


def test_pdu_is_ussd_by_service_type_or_by_operation() -> None:
    assert carries_ussd(unit(None))
    assert carries_ussd(unit(1, service_type=""))
    assert not carries_ussd(unit(None, service_type="CMT"))


def test_plus_of_an_international_number_is_no_part_of_it() -> None:
    assert GENERIC.read_indication(unit(1, source="+" + A)).msisdn == A


@pytest.mark.parametrize(
    ("payload", "data_coding", "text", "warning"),
    [
        (b"*100#", 0, "*100#", None),
        (b"*100#", 15, "*100#", None),
        (b"*100#", 1, "*100#", None),
        ("*100#".encode("utf-16-be"), 8, "*100#", None),
        ("*100#".encode("utf-16-be"), 72, "*100#", None),
        (b"*100#", 8, "*100#", "7-bit text under data_coding 8 (0x08)"),
        (b"10", 72, "10", "7-bit text under data_coding 72 (0x48)"),
        ("*100#".encode("utf-16-be"), 0, "*100#", "UCS-2 under data_coding 0 (0x00)"),
        (b"*100#", 0xF5, "*100#", "unknown data_coding 245 (0xf5) read as GSM-7"),
        (b"\xff\xfe", 0, "\ufffd\ufffd", None),
    ],
)
def test_text_is_read_whatever_the_coding_claims(
    payload: bytes, data_coding: int, text: str, warning: str | None
) -> None:
    read = GENERIC.read_indication(unit(1, payload, data_coding=data_coding))
    assert read.text == text
    assert read.warnings == ((warning,) if warning else ())


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
@pytest.mark.parametrize("kind", Kind)
def test_what_the_centre_writes_the_application_reads(profile: SmppUssdProfile, kind: Kind) -> None:
    text = {Kind.BEGIN: "*100*1#", Kind.ANSWER: "2", Kind.ABORT: ""}[kind]
    stated = Indication(msisdn=A, service_code="100", kind=kind, text=text, session=200, step=3)
    read = profile.read_indication(profile.write_indication(stated))
    assert (read.msisdn, read.kind, read.text, read.session) == (A, kind, text, 200)
    assert read.step in (3, None)
    assert read.warnings == ()


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
@pytest.mark.parametrize("end", [True, False])
@pytest.mark.parametrize("text", ["Balans:123,45r", "Баланс:123,45р\nКэшбэк:150р"])
def test_item_10_what_the_application_writes_the_centre_reads(profile: SmppUssdProfile, end: bool, text: str) -> None:
    request = profile.write_indication(
        Indication(msisdn=A, service_code="100", kind=Kind.BEGIN, text="*100#", session=200)
    )
    read = profile.read_response(profile.write_response(request, text, end=end))
    assert (read.msisdn, read.text, read.end, read.session) == (A, text, end, 200)
    assert read.coding is (Coding.GSM7 if text.isascii() else Coding.UCS2)


def test_session_without_number_needs_no_parameter() -> None:
    written = GENERIC.write_indication(Indication(msisdn=A, service_code="100", kind=Kind.BEGIN, text="*100#"))
    assert written.tlvs == ((OP, b"\x01"),)
    assert GENERIC.read_response(GENERIC.write_response(written, "Sold", end=True)).session is None


def test_session_number_without_room_is_refused() -> None:
    with pytest.raises(SessionOutOfRange, match="256 needs more than 8 bits"):
        GENERIC.write_indication(Indication(msisdn=A, service_code="100", kind=Kind.BEGIN, session=256))


@pytest.mark.parametrize("op", [None, 99, 0x17])
def test_response_that_is_neither_menu_nor_end_is_refused_in_both_bases(op: int | None) -> None:
    # node-smpp #221: such an answer leaves the subscriber waiting
    with pytest.raises(OperationUnknown) as refused:
        GENERIC.read_response(unit(op, b"Sold"))
    assert refused.value.operation == op
    assert str(refused.value).startswith("no ussd_service_op" if op is None else f"ussd_service_op {op} (0x{op:02x})")
