"""Optional parameters (§3.2.4, §5.3): octets to pairs and back, sizes and values of the known ones.

Order and repeats are kept. An unknown tag is never an error (§3.3); a known one is never
refused because the table of its PDU lacks it.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from sms.errors import (
    OptionalPartMalformed,
    ParameterLengthInvalid,
    ParameterMissing,
    ParameterNotAllowed,
    ParameterValueInvalid,
)
from sms.smpp.constants import Tag

if TYPE_CHECKING:
    from sms.smpp.pdu import Tlvs

TAG_MAX = 0xFFFF
VALUE_OCTETS_MAX = 0xFFFF

TLV_HEAD = Struct(">HH")

_FIXED = {
    1: (
        Tag.DEST_ADDR_SUBUNIT, Tag.DEST_NETWORK_TYPE, Tag.DEST_BEARER_TYPE, Tag.SOURCE_ADDR_SUBUNIT,
        Tag.SOURCE_NETWORK_TYPE, Tag.SOURCE_BEARER_TYPE, Tag.SOURCE_TELEMATICS_ID, Tag.PAYLOAD_TYPE,
        Tag.MS_MSG_WAIT_FACILITIES, Tag.USER_RESPONSE_CODE, Tag.LANGUAGE_INDICATOR,
        Tag.SAR_TOTAL_SEGMENTS, Tag.SAR_SEGMENT_SEQNUM, Tag.SC_INTERFACE_VERSION,
        Tag.CALLBACK_NUM_PRES_IND, Tag.USSD_SERVICE_OP, Tag.ITS_REPLY_TYPE,
    ),
    2: (
        Tag.DEST_TELEMATICS_ID, Tag.USER_MESSAGE_REFERENCE, Tag.SOURCE_PORT, Tag.DESTINATION_PORT,
        Tag.SAR_MSG_REF_NUM, Tag.SMS_SIGNAL, Tag.ITS_SESSION_INFO,
    ),
    3: (Tag.NETWORK_ERROR_CODE,),
    4: (Tag.QOS_TIME_TO_LIVE,),
}  # fmt: skip

_RANGED = {
    Tag.ADDITIONAL_STATUS_INFO_TEXT: (1, 256),
    Tag.RECEIPTED_MESSAGE_ID: (1, 65),
    Tag.SOURCE_SUBADDRESS: (2, 23),
    Tag.DEST_SUBADDRESS: (2, 23),
    Tag.CALLBACK_NUM_ATAG: (0, 65),
    Tag.CALLBACK_NUM: (4, 19),
    Tag.MESSAGE_PAYLOAD: (0, VALUE_OCTETS_MAX),
    Tag.MS_VALIDITY: (1, 4),  # one octet in 3.4, up to four in 5.0
    Tag.ALERT_ON_MESSAGE_DELIVERY: (0, 1),  # empty in 3.4, may have a value in 5.0
}

LARGEST: dict[int, int] = {
    Tag.PRIVACY_INDICATOR: 3,
    Tag.NUMBER_OF_MESSAGES: 99,
    Tag.DPF_RESULT: 1,
    Tag.SET_DPF: 1,
    Tag.MS_AVAILABILITY_STATUS: 2,
    Tag.DELIVERY_FAILURE_REASON: 3,
    Tag.MORE_MESSAGES_TO_SEND: 1,
    Tag.MESSAGE_STATE: 9,
    Tag.CONGESTION_STATE: 100,
    Tag.DISPLAY_TIME: 2,
}
"""Largest value of the one-octet tags that have one."""

SIZES: dict[int, tuple[int, int]] = (
    {int(tag): (size, size) for size, tags in _FIXED.items() for tag in tags}
    | {int(tag): sizes for tag, sizes in _RANGED.items()}
    | dict.fromkeys(LARGEST, (1, 1))
)
"""Octets at least and at most of every known tag."""

SAR_TAGS = frozenset({Tag.SAR_MSG_REF_NUM, Tag.SAR_TOTAL_SEGMENTS, Tag.SAR_SEGMENT_SEQNUM})
RELATED_TAGS = frozenset(map(int, SAR_TAGS | {Tag.MESSAGE_PAYLOAD}))
"""Tags that say something about each other or about the mandatory part."""


def check_size(tag: int, size: int) -> None:
    """The tag exists, and its value is as long as its definition says (any length when unknown)."""
    least, most = SIZES.get(tag, (0, VALUE_OCTETS_MAX))
    if not (0 <= tag <= TAG_MAX and least <= size <= most):
        raise ParameterLengthInvalid(f"parameter 0x{tag:04X} has {size} octets")


def _check(tag: int, value: bytes) -> None:
    check_size(tag, len(value))
    if tag in LARGEST and value[0] > LARGEST[tag]:
        raise ParameterValueInvalid(f"parameter 0x{tag:04X} has the value {value[0]}")


def decode_tlvs(frame: bytes, at: int) -> Tlvs:
    """All optional parameters from this offset to the end of the PDU."""
    end = len(frame)
    found = []
    while at < end:
        start = at + TLV_HEAD.size
        if start > end:
            raise OptionalPartMalformed("the PDU ends inside the head of an optional parameter")
        tag, size = TLV_HEAD.unpack_from(frame, at)
        at = start + size
        if at > end:
            raise OptionalPartMalformed(f"parameter 0x{tag:04X} ends behind the end of the PDU")
        value = frame[start:at]
        _check(tag, value)
        found.append((tag, value))
    return tuple(found)


def encode_tlvs(tlvs: Tlvs) -> bytes:
    """Their octets in the given order."""
    parts: list[bytes] = []
    for tag, value in tlvs:
        _check(tag, value)
        parts += (TLV_HEAD.pack(tag, len(value)), value)
    return b"".join(parts)


def check_sar(tlvs: Tlvs) -> bool:
    """Whether the sar_* parameters are there; they come once each, all three, seqnum within total."""
    sar = [(tag, value) for tag, value in tlvs if tag in SAR_TAGS]
    if not sar:
        return False
    if len(sar) > len(SAR_TAGS):
        raise ParameterNotAllowed("a sar_* parameter is repeated")
    values = dict(sar)
    if len(values) < len(SAR_TAGS):
        raise ParameterMissing("sar_msg_ref_num, sar_total_segments and sar_segment_seqnum go together")
    total = values[Tag.SAR_TOTAL_SEGMENTS][0]
    if not 1 <= values[Tag.SAR_SEGMENT_SEQNUM][0] <= total:
        raise ParameterValueInvalid("sar_segment_seqnum is not within 1 and sar_total_segments")
    return True


def find_payload(tlvs: Tlvs) -> bytes | None:
    """message_payload, which comes at most once."""
    found = [value for tag, value in tlvs if tag == Tag.MESSAGE_PAYLOAD]
    if len(found) > 1:
        raise ParameterNotAllowed("message_payload is repeated")
    return found[0] if found else None
