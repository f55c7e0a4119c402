"""The full way between PDU and octets, driven by the layouts and the rules, for every command."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from sms.errors import CommandIdUnknown, ParameterNotAllowed, ParameterValueInvalid, PduError
from sms.smpp.constants import HEADER_OCTETS, RESPONSE_BIT
from sms.smpp.layouts import BODY_OPTIONAL_IN_SUCCESS, LAYOUTS
from sms.smpp.pdu import PDU_CLASSES
from sms.smpp.rules import CHECKS
from sms.smpp.tlv import decode_tlvs, encode_tlvs

if TYPE_CHECKING:
    from sms.smpp.pdu import Pdu

HEADER = Struct(">IIII")
_UINT32_MAX = 0xFFFFFFFF


def encode_by_layout(pdu: Pdu, version: int) -> bytes:
    """The octets of any PDU, or the error of the first parameter that is wrong."""
    try:
        return _encode(pdu, version)
    except PduError as error:
        error.command_id = pdu.command_id
        error.sequence_number = pdu.sequence_number
        raise


def decode_by_layout(frame: bytes, version: int) -> Pdu:
    """The PDU in a frame whose command_length is right, or the error of what is wrong first."""
    _, command_id, command_status, sequence_number = HEADER.unpack_from(frame)
    try:
        return _decode(frame, command_id, command_status, sequence_number, version=version)
    except PduError as error:
        error.command_id = command_id
        error.sequence_number = sequence_number
        raise


def _encode(pdu: Pdu, version: int) -> bytes:
    if not (0 <= pdu.command_status <= _UINT32_MAX and 0 <= pdu.sequence_number <= _UINT32_MAX):
        raise ParameterValueInvalid("command_status and sequence_number fit four octets each")
    layout = LAYOUTS[pdu.command_id]
    if layout and getattr(pdu, layout[0].name) is None:
        _check_may_be_bodiless(pdu)
        body = b""
    else:
        parts = [field.write(getattr(pdu, field.name)) for field in layout]
        check = CHECKS.get(pdu.command_id)
        if check is not None:
            check(pdu, version)
        body = b"".join(parts) + encode_tlvs(pdu.tlvs)
    length = HEADER_OCTETS + len(body)
    return HEADER.pack(length, pdu.command_id, pdu.command_status, pdu.sequence_number) + body


def _check_may_be_bodiless(pdu: Pdu) -> None:
    if pdu.tlvs:
        raise ParameterNotAllowed("a response without body has no optional parameters")
    if not _may_be_bodiless(pdu.command_id, pdu.command_status):
        raise ParameterValueInvalid(f"the body of a successful {pdu.name} may not be left out")


def _may_be_bodiless(command_id: int, command_status: int) -> bool:
    return command_id >= RESPONSE_BIT and (command_status != 0 or command_id in BODY_OPTIONAL_IN_SUCCESS)


def _decode(frame: bytes, command_id: int, command_status: int, sequence_number: int, *, version: int) -> Pdu:
    cls = PDU_CLASSES.get(command_id)
    if cls is None:
        raise CommandIdUnknown(f"command_id 0x{command_id:08X} is unknown")
    layout = LAYOUTS[command_id]
    pdu = cls(command_status=command_status, sequence_number=sequence_number)
    at = HEADER_OCTETS
    if len(frame) == HEADER_OCTETS and layout and _may_be_bodiless(command_id, command_status):
        setattr(pdu, layout[0].name, None)
        return pdu
    for field in layout:
        value, at = field.read(frame, at)
        setattr(pdu, field.name, value)
    pdu.tlvs = decode_tlvs(frame, at)
    check = CHECKS.get(command_id)
    if check is not None:
        check(pdu, version)
    return pdu
