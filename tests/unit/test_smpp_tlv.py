"""Optional parameters: order, sizes, values, and what they say about each other."""

import pytest
from smpp_samples import SAMPLES, deliver_sm, submit_sm

from sms import errors
from sms.smpp.codec import decode, encode
from sms.smpp.constants import CommandStatus as Status
from sms.smpp.constants import Tag
from sms.smpp.pdu import EnquireLink, Pdu, SubmitSm
from sms.smpp.tlv import LARGEST, SIZES

SAR = (
    (int(Tag.SAR_MSG_REF_NUM), b"\0\1"),
    (int(Tag.SAR_TOTAL_SEGMENTS), b"\2"),
    (int(Tag.SAR_SEGMENT_SEQNUM), b"\1"),
)


def _status(pdu: Pdu) -> int:
    try:
        octets = encode(pdu)
    except errors.PduError as error:
        return error.command_status
    assert decode(octets) == pdu
    return 0


def _read_status(tail: str) -> int:
    octets = encode(submit_sm()) + bytes.fromhex(tail)
    try:
        decode(len(octets).to_bytes(4) + octets[4:])
    except errors.PduError as error:
        return error.command_status
    return 0


def test_order_and_repeats_are_kept() -> None:
    """SMPP checks 33, 35: callback_num and its companions may repeat."""
    tlvs = (
        (int(Tag.CALLBACK_NUM), b"\1\1\x31\x32"), (int(Tag.CALLBACK_NUM_PRES_IND), b"\0"),
        (int(Tag.CALLBACK_NUM), b"\1\1\x33\x34"), (int(Tag.CALLBACK_NUM_PRES_IND), b"\1"),
        (int(Tag.DEST_ADDR_SUBUNIT), b"\1"),
    )  # fmt: skip
    assert decode(encode(submit_sm(tlvs=tlvs))).tlvs == tlvs
    assert submit_sm(tlvs=tlvs).tlv(Tag.CALLBACK_NUM) == b"\1\1\x31\x32"
    assert submit_sm(tlvs=tlvs).tlv_int(Tag.CALLBACK_NUM_PRES_IND) == 0
    assert submit_sm(tlvs=tlvs).tlv(Tag.USSD_SERVICE_OP) is None
    assert submit_sm(tlvs=tlvs).tlv_int(Tag.USSD_SERVICE_OP) is None


@pytest.mark.parametrize("tag", [0x0000, 0x0003, 0x04FF, 0x1400, 0x1501, 0x3FFF, 0xFFFF])
@pytest.mark.parametrize("value", [b"", b"\0", b"abcd", bytes(300)])
def test_an_unknown_parameter_is_kept_and_never_an_error(tag: int, value: bytes) -> None:
    """SMPP check 33."""
    assert _status(submit_sm(tlvs=((tag, value),))) == 0


@pytest.mark.parametrize("pdu", SAMPLES, ids=lambda pdu: pdu.name)
def test_a_known_parameter_is_taken_in_any_pdu(pdu: Pdu) -> None:
    """SMPP check 34: ussd_service_op in a deliver_sm, though the table of 3.4 lacks it."""
    octets = encode(pdu) + bytes.fromhex("0501 0001 01")
    read = decode(len(octets).to_bytes(4) + octets[4:])
    assert read.tlv_int(Tag.USSD_SERVICE_OP) == 1


@pytest.mark.parametrize(("tail", "status"), [
    ("02", Status.ESME_RINVOPTPARSTREAM), ("0204 00", Status.ESME_RINVOPTPARSTREAM),
    ("0204 0002", Status.ESME_RINVOPTPARSTREAM), ("0204 0002 00", Status.ESME_RINVOPTPARSTREAM),
    ("0204 ffff 0001", Status.ESME_RINVOPTPARSTREAM), ("1501 0005 00000000", Status.ESME_RINVOPTPARSTREAM),
    ("0204 0001 00", Status.ESME_RINVPARLEN), ("0204 0003 000000", Status.ESME_RINVPARLEN),
    ("0427 0000", Status.ESME_RINVPARLEN), ("0427 0001 0a", Status.ESME_RINVOPTPARAMVAL), ("0204 0002 0001", 0),
])  # fmt: skip
def test_lengths_past_the_end_and_wrong_sizes_are_named(tail: str, status: int) -> None:
    """SMPP checks 34, 35."""
    assert _read_status(tail) == status


def test_sizes_and_largest_values_are_those_of_the_standard() -> None:
    """SMPP check 35; SMPP 3.4 §5.3.2, written down a second time."""
    ranged = {
        0x001D: (1, 256), 0x001E: (1, 65), 0x0202: (2, 23), 0x0203: (2, 23), 0x0303: (0, 65), 0x0381: (4, 19),
        0x0424: (0, 65_535), 0x1204: (1, 4), 0x130C: (0, 1),
    }  # fmt: skip
    two = {0x0008, 0x0204, 0x020A, 0x020B, 0x020C, 0x1203, 0x1383}
    fixed = {tag: (2, 2) if tag in two else (1, 1) for tag in SIZES if tag not in ranged}
    assert ranged | fixed | {0x0423: (3, 3), 0x0017: (4, 4)} == SIZES
    assert LARGEST == {
        0x0201: 3, 0x0304: 99, 0x0420: 1, 0x0421: 1, 0x0422: 2, 0x0425: 3, 0x0426: 1, 0x0427: 9, 0x0428: 100,
        0x1201: 2,
    }  # fmt: skip


@pytest.mark.parametrize("tag", sorted(SIZES), ids=lambda tag: Tag(tag).name.lower())
def test_every_known_parameter_has_its_sizes(tag: int) -> None:
    """SMPP check 35: at both limits, and one past each."""
    if tag in dict(SAR) or tag == Tag.MESSAGE_PAYLOAD:
        return
    least, most = SIZES[tag]
    for size in {least, most}:
        assert _status(submit_sm(tlvs=((tag, bytes(size)),))) == 0
    assert _status(submit_sm(tlvs=((tag, bytes(most + 1)),))) == Status.ESME_RINVPARLEN
    if least:
        assert _status(submit_sm(tlvs=((tag, bytes(least - 1)),))) == Status.ESME_RINVPARLEN


@pytest.mark.parametrize("tag", sorted(LARGEST), ids=lambda tag: Tag(tag).name.lower())
def test_values_past_the_largest_are_named(tag: int) -> None:
    """SMPP check 34."""
    largest = LARGEST[tag]
    assert _status(deliver_sm(tlvs=((tag, bytes((largest,))),))) == 0
    assert _status(deliver_sm(tlvs=((tag, bytes((largest + 1,))),))) == Status.ESME_RINVOPTPARAMVAL


def test_every_tag_of_the_standard_has_a_size() -> None:
    assert set(SIZES) == set(Tag)


def test_the_parameters_of_a_segment_come_together() -> None:
    """SMPP check 36."""
    assert _status(submit_sm(tlvs=SAR)) == 0
    assert _status(submit_sm(tlvs=SAR[::-1])) == 0
    for missing in range(3):
        two = SAR[:missing] + SAR[missing + 1 :]
        assert _status(submit_sm(tlvs=two)) == Status.ESME_RMISSINGOPTPARAM
    assert _status(submit_sm(tlvs=SAR[:1])) == Status.ESME_RMISSINGOPTPARAM
    assert _status(submit_sm(tlvs=(*SAR, SAR[0]))) == Status.ESME_ROPTPARNOTALLWD


@pytest.mark.parametrize(
    ("total", "number", "status"), [(1, 1, 0), (255, 255, 0), (2, 0, 0xC4), (2, 3, 0xC4), (0, 0, 0xC4)]
)
def test_a_segment_is_one_of_its_total(total: int, number: int, status: int) -> None:
    """SMPP check 36."""
    tlvs = (SAR[0], (int(Tag.SAR_TOTAL_SEGMENTS), bytes((total,))), (int(Tag.SAR_SEGMENT_SEQNUM), bytes((number,))))
    assert _status(submit_sm(tlvs=tlvs)) == status


def test_segments_are_numbered_in_one_way() -> None:
    """SMPP check 36: not by sar_* and by a user data header."""
    pdu = submit_sm(short_message=b"\5\0\3\1\2\1hi", esm_class=0x40, tlvs=SAR)
    assert _status(pdu) == Status.ESME_ROPTPARNOTALLWD


@pytest.mark.parametrize("tag", [-1, 0x10000])
def test_a_tag_fits_two_octets(tag: int) -> None:
    assert _status(submit_sm(tlvs=((tag, b""),))) == Status.ESME_RINVPARLEN


def test_a_value_fits_its_length() -> None:
    assert _status(submit_sm(tlvs=((0x1400, bytes(65_536)),))) == Status.ESME_RINVPARLEN
    payload = SubmitSm(tlvs=((int(Tag.MESSAGE_PAYLOAD), bytes(65_536)),))
    assert _status(payload) == Status.ESME_RINVPARLEN


def test_octets_behind_a_pdu_without_body_are_parameters_or_nonsense() -> None:
    octets = encode(EnquireLink(sequence_number=1))
    with pytest.raises(errors.OptionalPartMalformed):
        decode((17).to_bytes(4) + octets[4:] + b"\0")
