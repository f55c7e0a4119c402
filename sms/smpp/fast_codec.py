"""The short way for submit_sm, deliver_sm and message_id responses, where the time goes.

Each function handles ordinary well-formed PDUs and hands everything else to the full way,
which encodes, decodes or refuses it by name. So nothing here may accept what the rules refuse;
a property test compares both ways. What repeats from message to message (sender, flags, times)
is checked once, by those same rules, and then looked up.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from sms.errors import PduError
from sms.smpp.constants import HEADER_OCTETS, VERSION_34, DataCoding, EsmClass, Ton
from sms.smpp.constants import CommandId as C
from sms.smpp.fields import OCTET_MAX
from sms.smpp.layout_codec import HEADER, decode_by_layout, encode_by_layout
from sms.smpp.layouts import LAYOUTS
from sms.smpp.pdu import DataSmResp, DeliverSm, DeliverSmResp, Message, MessageResp, SubmitSm, SubmitSmResp
from sms.smpp.rules import CHECKS, NPIS, SOURCE, TEXT_OCTETS_MAX_34, TONS, check_address, header_octets
from sms.smpp.tlv import LARGEST, RELATED_TAGS, TLV_HEAD, check_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from sms.smpp.fields import Field
    from sms.smpp.pdu import Pdu, Tlvs

MEMORY_ENTRIES_MAX = 2048
"""How many checked senders or flag combinations are kept before starting over."""

_ADDRESS_MAX = 20
_ALPHANUMERIC = int(Ton.ALPHANUMERIC)
_MESSAGE_ID_MAX = 64
_UDHI = int(EsmClass.UDHI)
_pack_header = HEADER.pack

_K = TypeVar("_K")
_V = TypeVar("_V")


class _Checked(dict[_K, _V], Generic[_K, _V]):
    """A bounded memory of values that passed their check; KeyError for those that do not."""

    def __init__(self, check: Callable[[_K], _V]) -> None:
        super().__init__()
        self._check = check

    def __missing__(self, key: _K) -> _V:
        try:
            value = self._check(key)
        except PduError:
            raise KeyError from None
        if len(self) >= MEMORY_ENTRIES_MAX:
            self.clear()
        self[key] = value
        return value


_SERVICE_TYPE: Field = LAYOUTS[C.SUBMIT_SM][0]
_SOURCE_ADDR: Field = LAYOUTS[C.SUBMIT_SM][3]


def _write_head(key: tuple[str, int, int, str]) -> bytes:
    # service_type and source without its NUL: how every message of one sender starts.
    service_type, ton, npi, address = key
    check_address(ton, npi, address, SOURCE)
    octets: bytes = _SERVICE_TYPE.write(service_type) + bytes((ton, npi)) + _SOURCE_ADDR.write(address)
    return octets[:-1]


def _write_number_head(key: tuple[str, int, int]) -> bytes:
    # The same for a source of decimal digits, which come behind it.
    return _write_head((*key, ""))


def _write_destination(key: tuple[int, int, str]) -> bytes:
    # With the NUL that ends the source, without its own.
    return b"\0" + _write_head(("", *key))[1:]


def _read_address(text: str) -> tuple[int, int]:
    ton, npi = ord(text[0]), ord(text[1])
    check_address(ton, npi, text[2:], SOURCE)
    return ton, npi


def _tlv_head_writer(tag: int) -> _Checked[int, bytes]:
    if tag in RELATED_TAGS or tag in LARGEST:
        raise KeyError

    def write(size: int) -> bytes:
        check_size(tag, size)
        return TLV_HEAD.pack(tag, size)

    return _Checked(write)


def _read_tlv_head(octets: bytes) -> tuple[int, int, int]:
    if len(octets) != TLV_HEAD.size:
        raise KeyError
    tag, size = TLV_HEAD.unpack(octets)
    check_size(tag, size)
    if tag in RELATED_TAGS or not size:
        raise KeyError
    return tag, size, LARGEST.get(tag, OCTET_MAX)


_HEADS: _Checked[tuple[str, int, int, str], bytes] = _Checked(_write_head)
_NUMBER_HEADS: _Checked[tuple[str, int, int], bytes] = _Checked(_write_number_head)
_DESTINATIONS: _Checked[tuple[int, int, str], bytes] = _Checked(_write_destination)
_ADDRESS_PAIRS: _Checked[str, tuple[int, int]] = _Checked(_read_address)
_TLV_HEADS: _Checked[int, _Checked[int, bytes]] = _Checked(_tlv_head_writer)
_TLV_RULES: _Checked[bytes, tuple[int, int, int]] = _Checked(_read_tlv_head)

# Numbers of handsets hardly repeat: decimal ones are taken as they are, TON and NPI looked up.
# Only an alphanumeric address may not be just any decimal of 20 digits.
_NUMBER_TONS = TONS - {_ALPHANUMERIC}
_NUMBER_OCTETS = {ton: {npi: bytes((0, ton, npi)) for npi in NPIS} for ton in _NUMBER_TONS}
_NUMBER_PAIRS = {chr(ton) + chr(npi): (ton, npi) for ton in _NUMBER_TONS for npi in NPIS}

# Of parameters with few values all the octets.
_SMALL_TLVS = {
    tag: {bytes((value,)): TLV_HEAD.pack(tag, 1) + bytes((value,)) for value in range(largest + 1)}
    for tag, largest in LARGEST.items()
}
_LENGTHS = {size: bytes((size,)) for size in range(TEXT_OCTETS_MAX_34 + 1)}
_EVEN_LENGTHS = {size: octet for size, octet in _LENGTHS.items() if size % 2 == 0}

_MESSAGE_HEAD = re.compile(
    "([^\0]{0,5})\0(..)([^\0]{0,20})\0(..)([^\0]{0,20})\0(...[^\0]{0,16}\0[^\0]{0,16}\0....).", re.DOTALL
)
"""service_type, TON and NPI, source, TON and NPI, destination, esm_class to sm_default_msg_id."""

_Flags: TypeAlias = tuple[int, int, int, str, str, int, int, int, int]
"""esm_class to sm_default_msg_id in wire order."""


def _check_flags(cls: type[Message], flags: _Flags) -> tuple[dict[int, bytes], int]:
    """The lengths a text with these flags may have, and the unit of a text behind a header (or 0)."""
    esm_class, data_coding, default_id = flags[0], flags[7], flags[8]
    pdu = cls(0, 0, (), "", 0, 0, "", 0, 0, "", *flags)
    # The rules look at a whole PDU, and this one has no text: what concerns it is left to each message.
    pdu.esm_class = esm_class & ~_UDHI
    CHECKS[cls.command_id](pdu, VERSION_34)
    if default_id:
        raise KeyError
    unit = 2 if data_coding == DataCoding.UCS2 else 1
    if esm_class & _UDHI:
        return _LENGTHS, unit
    return (_LENGTHS if unit == 1 else _EVEN_LENGTHS), 0


def _flags_writer(cls: type[Message]) -> _Checked[_Flags, tuple[bytes, dict[int, bytes], int]]:
    fields = LAYOUTS[cls.command_id][7:-1]

    def check(flags: _Flags) -> tuple[bytes, dict[int, bytes], int]:
        octets = [field.write(value) for field, value in zip(fields, flags, strict=True)]
        return b"\0" + b"".join(octets), *_check_flags(cls, flags)

    return _Checked(check)


def _flags_reader(cls: type[Message]) -> _Checked[str, tuple[_Flags, dict[int, bytes], int]]:
    fields = LAYOUTS[cls.command_id][7:-1]

    def check(text: str) -> tuple[_Flags, dict[int, bytes], int]:
        octets = text.encode("latin-1")
        at = 0
        values = []
        for field in fields:
            value, at = field.read(octets, at)
            values.append(value)
        flags: _Flags = tuple(values)
        return flags, *_check_flags(cls, flags)

    return _Checked(check)


def _add_tlvs(parts: list[bytes], tlvs: Tlvs) -> None:
    for tag, value in tlvs:
        if tag in _SMALL_TLVS:
            parts.append(_SMALL_TLVS[tag][value])
        else:
            parts.append(_TLV_HEADS[tag][len(value)])
            parts.append(value)


def _decode_tlvs(frame: bytes, at: int) -> Tlvs:
    total = len(frame)
    found = []
    while at < total:
        tag, size, largest = _TLV_RULES[frame[at : at + 4]]
        at += 4
        end = at + size
        if end > total or frame[at] > largest:
            raise KeyError
        found.append((tag, frame[at:end]))
        at = end
    return tuple(found)


def _message_encoder(cls: type[Message]) -> Callable[[Message, int], bytes]:
    command_id = int(cls.command_id)
    known_flags = _flags_writer(cls)
    # The flags of one message are mostly those of the one before: comparing is cheaper than hashing.
    last_given: _Flags = (0, 0, 0, "", "", 0, 0, 0, 0)
    last_known = known_flags[last_given]

    def encode_message(pdu: Message, version: int) -> bytes:
        nonlocal last_given, last_known
        text = pdu.short_message
        source = destination = b""
        try:
            if (
                (ton := pdu.source_addr_ton) != _ALPHANUMERIC
                and (octets := pdu.source_addr.encode()).isdigit()
                and len(octets) <= _ADDRESS_MAX
            ):
                source = octets
                head = _NUMBER_HEADS[pdu.service_type, ton, pdu.source_addr_npi]
            else:
                head = _HEADS[pdu.service_type, ton, pdu.source_addr_npi, pdu.source_addr]
            if (
                (ton := pdu.dest_addr_ton) != _ALPHANUMERIC
                and (octets := pdu.destination_addr.encode()).isdigit()
                and len(octets) <= _ADDRESS_MAX
            ):
                destination = octets
                to = _NUMBER_OCTETS[ton][pdu.dest_addr_npi]
            else:
                to = _DESTINATIONS[ton, pdu.dest_addr_npi, pdu.destination_addr]
            given = (
                pdu.esm_class, pdu.protocol_id, pdu.priority_flag,
                pdu.schedule_delivery_time, pdu.validity_period, pdu.registered_delivery,
                pdu.replace_if_present_flag, pdu.data_coding, pdu.sm_default_msg_id,
            )  # fmt: skip
            if given != last_given:
                last_known = known_flags[given]
                last_given = given
            flags, lengths, unit = last_known
            parts = [head, source, to, destination, flags, lengths[len(text)], text]
            if pdu.tlvs:
                _add_tlvs(parts, pdu.tlvs)
            if not unit or (len(text) - header_octets(text)) % unit == 0:
                body = b"".join(parts)
                length = HEADER_OCTETS + len(body)
                return _pack_header(length, command_id, pdu.command_status, pdu.sequence_number) + body
        except (KeyError, UnicodeEncodeError, struct.error, PduError):
            pass
        return encode_by_layout(pdu, version)

    return encode_message


def _message_decoder(cls: type[Message]) -> Callable[[bytes, int, int, int], Pdu]:
    known_flags = _flags_reader(cls)
    match_head = _MESSAGE_HEAD.match

    def decode_message(frame: bytes, command_status: int, sequence_number: int, version: int) -> Pdu:
        head = match_head(frame.decode("latin-1"), HEADER_OCTETS)
        if head is None:
            return decode_by_layout(frame, version)
        service_type, source_pair, source, dest_pair, destination, flag_octets = head.groups()
        at = head.end()
        size = frame[at - 1]
        end = at + size
        text = frame[at:end]
        try:
            if source.isdecimal():
                source_ton, source_npi = _NUMBER_PAIRS[source_pair]
            else:
                source_ton, source_npi = _ADDRESS_PAIRS[source_pair + source]
            if destination.isdecimal():
                dest_ton, dest_npi = _NUMBER_PAIRS[dest_pair]
            else:
                dest_ton, dest_npi = _ADDRESS_PAIRS[dest_pair + destination]
            flags, lengths, unit = known_flags[flag_octets]
            tlvs = () if end == len(frame) else _decode_tlvs(frame, end)
            plain = size in lengths and (not unit or (size - header_octets(text)) % unit == 0)
        except (KeyError, PduError):
            return decode_by_layout(frame, version)
        if not plain or end > len(frame):
            return decode_by_layout(frame, version)
        esm_class, protocol_id, priority, schedule, validity, registered, replace, coding, default_id = flags
        return cls(
            command_status, sequence_number, tlvs, service_type, source_ton, source_npi, source,
            dest_ton, dest_npi, destination, esm_class, protocol_id, priority, schedule, validity,
            registered, replace, coding, default_id, text,
        )  # fmt: skip

    return decode_message


def _response_encoder(cls: type[MessageResp]) -> Callable[[MessageResp, int], bytes]:
    command_id = int(cls.command_id)

    def encode_response(pdu: MessageResp, version: int) -> bytes:
        message_id = pdu.message_id
        if message_id is not None and not pdu.tlvs and "\0" not in message_id:
            size = len(message_id)
            try:
                if size <= _MESSAGE_ID_MAX:
                    length = HEADER_OCTETS + size + 1
                    header = _pack_header(length, command_id, pdu.command_status, pdu.sequence_number)
                    return header + message_id.encode("latin-1") + b"\0"
            except (UnicodeEncodeError, struct.error):
                pass
        return encode_by_layout(pdu, version)

    return encode_response


def _response_decoder(cls: type[MessageResp]) -> Callable[[bytes, int, int, int], Pdu]:
    def decode_response(frame: bytes, command_status: int, sequence_number: int, version: int) -> Pdu:
        # One NUL and that at the very end: a message_id and nothing else.
        last = len(frame) - 1
        if last - HEADER_OCTETS <= _MESSAGE_ID_MAX and frame.find(0, HEADER_OCTETS) == last:
            return cls(command_status, sequence_number, (), frame[HEADER_OCTETS:last].decode("latin-1"))
        return decode_by_layout(frame, version)

    return decode_response


FAST_ENCODERS: dict[type[Pdu], Callable[[Any, int], bytes]] = {
    SubmitSm: _message_encoder(SubmitSm),
    DeliverSm: _message_encoder(DeliverSm),
    SubmitSmResp: _response_encoder(SubmitSmResp),
    DeliverSmResp: _response_encoder(DeliverSmResp),
    DataSmResp: _response_encoder(DataSmResp),
}
FAST_DECODERS: dict[int, Callable[[bytes, int, int, int], Pdu]] = {
    C.SUBMIT_SM: _message_decoder(SubmitSm),
    C.DELIVER_SM: _message_decoder(DeliverSm),
    C.SUBMIT_SM_RESP: _response_decoder(SubmitSmResp),
    C.DELIVER_SM_RESP: _response_decoder(DeliverSmResp),
    C.DATA_SM_RESP: _response_decoder(DataSmResp),
}
