"""A PDU in words, for people and for JSON.

Values stand under their standard names as numbers, strings or hex; `words` says what coded
numbers mean. Passwords are not shown.
"""

from __future__ import annotations

from dataclasses import asdict
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from smpplib import consts as smpplib_consts

from sms.errors import SmppError
from sms.smpp.constants import (
    CommandStatus,
    DataCoding,
    EsmClass,
    MessageState,
    Npi,
    RegisteredDelivery,
    Tag,
    Ton,
    UssdServiceOp,
)
from sms.smpp.layouts import LAYOUTS
from sms.smpp.rules import header_octets

if TYPE_CHECKING:
    from collections.abc import Callable

    from sms.smpp.pdu import Pdu

_ENCODINGS = {
    DataCoding.SMSC_DEFAULT: "latin-1",
    DataCoding.IA5: "latin-1",
    DataCoding.LATIN_1: "latin-1",
    DataCoding.CYRILLIC: "iso8859-5",
    DataCoding.HEBREW: "iso8859-8",
    DataCoding.UCS2: "utf-16-be",
}
_MODES = ("default mode", "datagram", "forward", "store and forward")
_TYPES = {
    0: "message",
    int(EsmClass.TYPE_RECEIPT): "receipt",
    int(EsmClass.TYPE_DELIVERY_ACK): "delivery acknowledgement",
    int(EsmClass.TYPE_USER_ACK): "user acknowledgement",
    int(EsmClass.TYPE_CONVERSATION_ABORT): "conversation abort",
    int(EsmClass.TYPE_INTERMEDIATE): "intermediate notification",
}
_RECEIPTS = ("no receipt", "receipt", "receipt on failure", "receipt on success")


def describe(pdu: Pdu) -> dict[str, Any]:
    """Every parameter in wire order, then optional parameters, then `words` and `text`."""
    fields: dict[str, Any] = {
        "command": pdu.name,
        "command_id": f"0x{pdu.command_id:08X}",
        "command_status": pdu.command_status,
        "sequence_number": pdu.sequence_number,
    }
    words: dict[str, str | None] = {}
    if pdu.is_response:
        words["command_status"] = _status_words(pdu.command_status)
    for field in LAYOUTS[pdu.command_id]:
        value = getattr(pdu, field.name)
        fields[field.name] = "***" if field.name == "password" else _plain(value)
        if field.name == "short_message":
            fields["sm_length"] = len(value)
        if field.name in _WORDS:
            words[field.name] = _WORDS[field.name](value)
    fields["tlvs"] = [_describe_tlv(tag, value) for tag, value in pdu.tlvs]
    fields["words"] = words
    text = _text(pdu)
    if text is not None:
        fields["text"] = text
    return fields


def name_of_tag(tag: int) -> str:
    """The standard's name of an optional parameter, or its number."""
    return _name(Tag, tag) or f"0x{tag:04X}"


def name_of_status(status: int) -> str:
    """The standard's name of a command_status, or its number."""
    try:
        return CommandStatus(status).name
    except ValueError:
        return f"0x{status:08X}"


def _describe_tlv(tag: int, value: bytes) -> dict[str, Any]:
    described: dict[str, Any] = {"tag": f"0x{tag:04X}", "name": name_of_tag(tag), "hex": value.hex()}
    if len(value) in (1, 2, 4):
        described["value"] = int.from_bytes(value)
    if tag == Tag.MESSAGE_STATE:
        described["words"] = _name(MessageState, int.from_bytes(value))
    elif tag == Tag.USSD_SERVICE_OP:
        # Both bases, as confusing them is the commonest mistake here.
        op = int.from_bytes(value)
        described["words"] = f"{_name(UssdServiceOp, op) or 'vendor'} ({op} = 0x{op:02X})"
    return described


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [asdict(one) for one in value]
    return value


def _text(pdu: Pdu) -> str | None:
    short_message: bytes | None = getattr(pdu, "short_message", None)
    octets = pdu.tlv(Tag.MESSAGE_PAYLOAD) or short_message
    coding = _ENCODINGS.get(getattr(pdu, "data_coding", DataCoding.SMSC_DEFAULT))
    if octets is None or coding is None:
        return None
    if getattr(pdu, "esm_class", 0) & EsmClass.UDHI:
        try:
            octets = octets[header_octets(octets) :]
        except SmppError:
            return None
    return octets.decode(coding, "replace")


def _status_words(status: int) -> str:
    sentence = smpplib_consts.DESCRIPTIONS.get(status, "")
    return name_of_status(status) if not sentence or "<" in sentence else f"{name_of_status(status)}: {sentence}"


def _name(enum: type[IntEnum], value: int) -> str | None:
    try:
        return enum(value).name.lower()
    except ValueError:
        return None


def _esm_class_words(value: int) -> str:
    parts = [_MODES[value & 3], _TYPES.get(value & int(EsmClass.TYPE_MASK), "reserved type")]
    if value & EsmClass.UDHI:
        parts.append("user data header")
    if value & EsmClass.REPLY_PATH:
        parts.append("reply path")
    return ", ".join(parts)


def _registered_delivery_words(value: int) -> str:
    parts = [_RECEIPTS[value & 3]]
    if value & RegisteredDelivery.DELIVERY_ACK:
        parts.append("delivery acknowledgement")
    if value & RegisteredDelivery.USER_ACK:
        parts.append("user acknowledgement")
    if value & RegisteredDelivery.INTERMEDIATE:
        parts.append("intermediate notification")
    return ", ".join(parts)


def _by(enum: type[IntEnum]) -> Callable[[int], str | None]:
    return lambda value: _name(enum, value)


_WORDS: dict[str, Callable[[int], str | None]] = {
    "source_addr_ton": _by(Ton),
    "source_addr_npi": _by(Npi),
    "dest_addr_ton": _by(Ton),
    "dest_addr_npi": _by(Npi),
    "esme_addr_ton": _by(Ton),
    "esme_addr_npi": _by(Npi),
    "esm_class": _esm_class_words,
    "registered_delivery": _registered_delivery_words,
    "data_coding": _by(DataCoding),
    "message_state": _by(MessageState),
}
