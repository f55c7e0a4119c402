"""What the values of one PDU must satisfy together, whichever way it travels (SMPP 3.4 §5.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from sms.errors import (
    DefaultMessageInvalid,
    DestinationAddressInvalid,
    DestinationNpiInvalid,
    DestinationTonInvalid,
    EsmClassInvalid,
    FinalDateInvalid,
    MessageLengthInvalid,
    ParameterNotAllowed,
    ParameterValueInvalid,
    PriorityFlagInvalid,
    RegisteredDeliveryInvalid,
    ReplaceFlagInvalid,
    ScheduleInvalid,
    SourceAddressInvalid,
    SourceNpiInvalid,
    SourceTonInvalid,
    ValidityInvalid,
)
from sms.smpp.constants import VERSION_50, DataCoding, EsmClass, MessageState, Npi, RegisteredDelivery, Ton
from sms.smpp.constants import CommandId as C
from sms.smpp.pdu import (
    AlertNotification,
    CancelSm,
    DataSm,
    DeliverSm,
    QuerySm,
    QuerySmResp,
    ReplaceSm,
    SmeAddress,
    SubmitMulti,
    SubmitMultiResp,
    SubmitSm,
)
from sms.smpp.times import check_times, parse_time
from sms.smpp.tlv import check_sar, find_payload

if TYPE_CHECKING:
    from collections.abc import Callable

    from sms.errors import PduError
    from sms.smpp.pdu import Tlvs

ALPHANUMERIC_SEPTETS_MAX = 11
TEXT_OCTETS_MAX_34 = 254
TEXT_OCTETS_MAX_50 = 255
PRIORITY_MAX = 3
DEFAULT_MESSAGE_MAX = 254
REGISTERED_DELIVERY_MASK = 0x1F
_RECEIPT_MASK = int(RegisteredDelivery.RECEIPT_MASK)
_ON_SUCCESS = int(RegisteredDelivery.ON_SUCCESS)

TONS = frozenset(map(int, Ton))
NPIS = frozenset(map(int, Npi))

# GSM 03.38 as its characters look in Latin-1; those of the extension table take two septets.
_GSM_EXTENSION = frozenset("^{}\\[~]|")
_GSM_BASIC = frozenset(
    "@£$¥èéùìòÇØøÅåÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà_"
)

_FROM_ESME_TYPES = {0, EsmClass.TYPE_DELIVERY_ACK, EsmClass.TYPE_USER_ACK}
_TO_ESME_TYPES = _FROM_ESME_TYPES | {
    EsmClass.TYPE_RECEIPT,
    EsmClass.TYPE_CONVERSATION_ABORT,
    EsmClass.TYPE_INTERMEDIATE,
}
_TYPE_MASK = int(EsmClass.TYPE_MASK)
_UDHI = int(EsmClass.UDHI)
SUBMIT_ESM_CLASSES = frozenset(v for v in range(256) if v & _TYPE_MASK in _FROM_ESME_TYPES)
DELIVER_ESM_CLASSES = frozenset(v for v in range(256) if v & _TYPE_MASK in _TO_ESME_TYPES)


class Side(NamedTuple):
    """The errors of one of the two addresses."""

    ton: type[PduError]
    npi: type[PduError]
    address: type[PduError]


SOURCE = Side(SourceTonInvalid, SourceNpiInvalid, SourceAddressInvalid)
DESTINATION = Side(DestinationTonInvalid, DestinationNpiInvalid, DestinationAddressInvalid)


class _HasText(Protocol):
    """What the rules of a text look at."""

    tlvs: Tlvs
    esm_class: int
    data_coding: int
    registered_delivery: int


def check_address(ton: int, npi: int, address: str, side: Side) -> None:
    """TON and NPI are known, and the address is made of what its TON allows (§5.2.5)."""
    if ton not in TONS:
        raise side.ton(f"TON {ton} is reserved")
    if npi not in NPIS:
        raise side.npi(f"NPI {npi} is reserved")
    if not address:
        return
    if ton == Ton.INTERNATIONAL:
        if not (address.isascii() and address.isdecimal()):
            raise side.ton("an international number is digits without +")
    elif ton == Ton.ALPHANUMERIC:
        septets = sum(2 if character in _GSM_EXTENSION else 1 for character in address)
        if septets > ALPHANUMERIC_SEPTETS_MAX or not _GSM_BASIC.union(_GSM_EXTENSION).issuperset(address):
            raise side.ton("an alphanumeric address is at most 11 characters of the GSM alphabet")
    elif not (address.isascii() and address.isprintable()):
        raise side.address("an address is printable ASCII")


def header_octets(text: bytes) -> int:
    """The length of the user data header at the start, its length octet included (23.040 §9.2.3.24)."""
    end = 1 + text[0] if text else 0
    if not 1 < end <= len(text):
        raise EsmClassInvalid("UDHI is set and the text does not hold a user data header")
    at = 1
    while at < end:
        if at + 2 > end or at + 2 + text[at + 1] > end:
            raise EsmClassInvalid("an element of the user data header ends behind it")
        at += 2 + text[at + 1]
    return end


def check_registered_delivery(value: int, version: int) -> None:
    """No reserved bit; receipt on success only is 5.0's (§5.2.17)."""
    success_only = value & _RECEIPT_MASK == _ON_SUCCESS
    if value & ~REGISTERED_DELIVERY_MASK or (success_only and version < VERSION_50):
        raise RegisteredDeliveryInvalid(f"registered_delivery is 0x{value:02X}")


def check_text(pdu: _HasText, short_message: bytes, version: int) -> None:
    """The text, wherever it travels: length, one place only, user data header, two-octet units."""
    most = TEXT_OCTETS_MAX_50 if version >= VERSION_50 else TEXT_OCTETS_MAX_34
    if len(short_message) > most:
        raise MessageLengthInvalid(f"short_message is longer than {most} octets")
    payload = find_payload(pdu.tlvs)
    if payload is not None and short_message:
        raise ParameterNotAllowed("short_message and message_payload exclude each other")
    text = short_message if payload is None else payload
    segmented = check_sar(pdu.tlvs)
    header = 0
    if pdu.esm_class & _UDHI:
        if segmented:
            raise ParameterNotAllowed("sar_* and a user data header exclude each other")
        header = header_octets(text)
    if pdu.data_coding == DataCoding.UCS2 and (len(text) - header) % 2:
        raise MessageLengthInvalid("a UCS2 text has an odd number of octets")


def _check_default_message(default_id: int, short_message: bytes, tlvs: Tlvs) -> None:
    if default_id > DEFAULT_MESSAGE_MAX:
        raise DefaultMessageInvalid("sm_default_msg_id 255 is reserved")
    if default_id and (short_message or find_payload(tlvs)):
        raise DefaultMessageInvalid("a predefined message leaves no room for a text")


def _check_esm_class(value: int, allowed: frozenset[int]) -> None:
    if value not in allowed:
        raise EsmClassInvalid(f"esm_class 0x{value:02X} has a message type reserved on this way")


def _check_submission(pdu: SubmitSm | SubmitMulti, version: int) -> None:
    check_address(pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr, SOURCE)
    _check_esm_class(pdu.esm_class, SUBMIT_ESM_CLASSES)
    if pdu.priority_flag > PRIORITY_MAX:
        raise PriorityFlagInvalid(f"priority_flag is {pdu.priority_flag}")
    check_times(pdu.schedule_delivery_time, pdu.validity_period)
    check_registered_delivery(pdu.registered_delivery, version)
    if pdu.replace_if_present_flag > 1:
        raise ReplaceFlagInvalid(f"replace_if_present_flag is {pdu.replace_if_present_flag}")
    _check_default_message(pdu.sm_default_msg_id, pdu.short_message, pdu.tlvs)
    check_text(pdu, pdu.short_message, version)


def _check_submit_sm(pdu: SubmitSm, version: int) -> None:
    check_address(pdu.dest_addr_ton, pdu.dest_addr_npi, pdu.destination_addr, DESTINATION)
    _check_submission(pdu, version)


def _check_submit_multi(pdu: SubmitMulti, version: int) -> None:
    for each in pdu.dest_addresses:
        if isinstance(each, SmeAddress):
            check_address(each.dest_addr_ton, each.dest_addr_npi, each.destination_addr, DESTINATION)
    _check_submission(pdu, version)


def _check_deliver_sm(pdu: DeliverSm, version: int) -> None:
    check_address(pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr, SOURCE)
    check_address(pdu.dest_addr_ton, pdu.dest_addr_npi, pdu.destination_addr, DESTINATION)
    _check_esm_class(pdu.esm_class, DELIVER_ESM_CLASSES)
    if pdu.priority_flag > PRIORITY_MAX:
        raise PriorityFlagInvalid(f"priority_flag is {pdu.priority_flag}")
    if pdu.schedule_delivery_time:
        raise ScheduleInvalid("schedule_delivery_time is empty in a deliver_sm")
    if pdu.validity_period:
        raise ValidityInvalid("validity_period is empty in a deliver_sm")
    check_registered_delivery(pdu.registered_delivery, version)
    if pdu.replace_if_present_flag:
        raise ReplaceFlagInvalid("replace_if_present_flag is 0 in a deliver_sm")
    if pdu.sm_default_msg_id:
        raise DefaultMessageInvalid("sm_default_msg_id is 0 in a deliver_sm")
    check_text(pdu, pdu.short_message, version)


def _check_data_sm(pdu: DataSm, version: int) -> None:
    check_address(pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr, SOURCE)
    check_address(pdu.dest_addr_ton, pdu.dest_addr_npi, pdu.destination_addr, DESTINATION)
    _check_esm_class(pdu.esm_class, DELIVER_ESM_CLASSES)
    check_registered_delivery(pdu.registered_delivery, version)
    check_text(pdu, b"", version)


def _check_query_sm(pdu: QuerySm, _version: int) -> None:
    check_address(pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr, SOURCE)


def _check_query_sm_resp(pdu: QuerySmResp, _version: int) -> None:
    parse_time(pdu.final_date, FinalDateInvalid)
    if pdu.message_state > MessageState.SKIPPED:
        raise ParameterValueInvalid(f"message_state is {pdu.message_state}")


def _check_cancel_sm(pdu: CancelSm, _version: int) -> None:
    check_address(pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr, SOURCE)
    check_address(pdu.dest_addr_ton, pdu.dest_addr_npi, pdu.destination_addr, DESTINATION)


def _check_replace_sm(pdu: ReplaceSm, version: int) -> None:
    check_address(pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr, SOURCE)
    check_times(pdu.schedule_delivery_time, pdu.validity_period)
    check_registered_delivery(pdu.registered_delivery, version)
    _check_default_message(pdu.sm_default_msg_id, pdu.short_message, pdu.tlvs)
    most = TEXT_OCTETS_MAX_50 if version >= VERSION_50 else TEXT_OCTETS_MAX_34
    if len(pdu.short_message) > most:
        raise MessageLengthInvalid(f"short_message is longer than {most} octets")


def _check_submit_multi_resp(pdu: SubmitMultiResp, _version: int) -> None:
    for each in pdu.unsuccess_smes:
        check_address(each.dest_addr_ton, each.dest_addr_npi, each.destination_addr, DESTINATION)


def _check_alert_notification(pdu: AlertNotification, _version: int) -> None:
    check_address(pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr, SOURCE)
    check_address(pdu.esme_addr_ton, pdu.esme_addr_npi, pdu.esme_addr, DESTINATION)


CHECKS: dict[int, Callable[..., None]] = {
    C.SUBMIT_SM: _check_submit_sm,
    C.SUBMIT_MULTI: _check_submit_multi,
    C.SUBMIT_MULTI_RESP: _check_submit_multi_resp,
    C.DELIVER_SM: _check_deliver_sm,
    C.DATA_SM: _check_data_sm,
    C.QUERY_SM: _check_query_sm,
    C.QUERY_SM_RESP: _check_query_sm_resp,
    C.CANCEL_SM: _check_cancel_sm,
    C.REPLACE_SM: _check_replace_sm,
    C.ALERT_NOTIFICATION: _check_alert_notification,
}
"""command_id: check(pdu, interface_version). Commands without an entry have nothing to check."""
