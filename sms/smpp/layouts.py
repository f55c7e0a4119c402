"""The mandatory parameters of every PDU in wire order, with the sizes of SMPP 3.4 §4 (NUL included)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sms.errors import (
    AddressRangeInvalid,
    DestinationAddressInvalid,
    FinalDateInvalid,
    MessageIdInvalid,
    PasswordInvalid,
    ScheduleInvalid,
    ServiceTypeInvalid,
    SourceAddressInvalid,
    SystemIdInvalid,
    SystemTypeInvalid,
    ValidityInvalid,
)
from sms.smpp.constants import CommandId as C
from sms.smpp.fields import CString, Destinations, Failures, Octet, Text

if TYPE_CHECKING:
    from sms.smpp.fields import Field

ADDRESS_SIZE = 21
LONG_ADDRESS_SIZE = 65
TIME_SIZE = 17

_SERVICE_TYPE = CString("service_type", 6, ServiceTypeInvalid)
_SYSTEM_ID = CString("system_id", 16, SystemIdInvalid)
_PASSWORD = CString("password", 9, PasswordInvalid)
_MESSAGE_ID = CString("message_id", 65, MessageIdInvalid)


def _source(size: int) -> tuple[Field, ...]:
    return (
        Octet("source_addr_ton"),
        Octet("source_addr_npi"),
        CString("source_addr", size, SourceAddressInvalid),
    )


def _destination(size: int) -> tuple[Field, ...]:
    return (
        Octet("dest_addr_ton"),
        Octet("dest_addr_npi"),
        CString("destination_addr", size, DestinationAddressInvalid),
    )


_TIMES: tuple[Field, ...] = (
    CString("schedule_delivery_time", TIME_SIZE, ScheduleInvalid),
    CString("validity_period", TIME_SIZE, ValidityInvalid),
)

_BIND: tuple[Field, ...] = (
    _SYSTEM_ID,
    _PASSWORD,
    CString("system_type", 13, SystemTypeInvalid),
    Octet("interface_version"),
    Octet("addr_ton"),
    Octet("addr_npi"),
    CString("address_range", 41, AddressRangeInvalid),
)

_MESSAGE_TAIL: tuple[Field, ...] = (
    Octet("esm_class"),
    Octet("protocol_id"),
    Octet("priority_flag"),
    *_TIMES,
    Octet("registered_delivery"),
    Octet("replace_if_present_flag"),
    Octet("data_coding"),
    Octet("sm_default_msg_id"),
    Text(),
)

_MESSAGE: tuple[Field, ...] = (
    _SERVICE_TYPE,
    *_source(ADDRESS_SIZE),
    *_destination(ADDRESS_SIZE),
    *_MESSAGE_TAIL,
)

LAYOUTS: dict[int, tuple[Field, ...]] = {
    C.GENERIC_NACK: (),
    C.BIND_RECEIVER: _BIND,
    C.BIND_RECEIVER_RESP: (_SYSTEM_ID,),
    C.BIND_TRANSMITTER: _BIND,
    C.BIND_TRANSMITTER_RESP: (_SYSTEM_ID,),
    C.BIND_TRANSCEIVER: _BIND,
    C.BIND_TRANSCEIVER_RESP: (_SYSTEM_ID,),
    C.OUTBIND: (_SYSTEM_ID, _PASSWORD),
    C.UNBIND: (),
    C.UNBIND_RESP: (),
    C.ENQUIRE_LINK: (),
    C.ENQUIRE_LINK_RESP: (),
    C.SUBMIT_SM: _MESSAGE,
    C.SUBMIT_SM_RESP: (_MESSAGE_ID,),
    C.DELIVER_SM: _MESSAGE,
    C.DELIVER_SM_RESP: (_MESSAGE_ID,),
    C.DATA_SM: (
        _SERVICE_TYPE,
        *_source(LONG_ADDRESS_SIZE),
        *_destination(LONG_ADDRESS_SIZE),
        Octet("esm_class"),
        Octet("registered_delivery"),
        Octet("data_coding"),
    ),
    C.DATA_SM_RESP: (_MESSAGE_ID,),
    C.QUERY_SM: (_MESSAGE_ID, *_source(ADDRESS_SIZE)),
    C.QUERY_SM_RESP: (
        _MESSAGE_ID,
        CString("final_date", TIME_SIZE, FinalDateInvalid),
        Octet("message_state"),
        Octet("error_code"),
    ),
    C.CANCEL_SM: (_SERVICE_TYPE, _MESSAGE_ID, *_source(ADDRESS_SIZE), *_destination(ADDRESS_SIZE)),
    C.CANCEL_SM_RESP: (),
    C.REPLACE_SM: (
        _MESSAGE_ID,
        *_source(ADDRESS_SIZE),
        *_TIMES,
        Octet("registered_delivery"),
        Octet("sm_default_msg_id"),
        Text(),
    ),
    C.REPLACE_SM_RESP: (),
    C.SUBMIT_MULTI: (_SERVICE_TYPE, *_source(ADDRESS_SIZE), Destinations(), *_MESSAGE_TAIL),
    C.SUBMIT_MULTI_RESP: (_MESSAGE_ID, Failures()),
    C.ALERT_NOTIFICATION: (
        *_source(LONG_ADDRESS_SIZE),
        Octet("esme_addr_ton"),
        Octet("esme_addr_npi"),
        CString("esme_addr", LONG_ADDRESS_SIZE, DestinationAddressInvalid),
    ),
}

BODY_OPTIONAL_IN_SUCCESS = frozenset({C.DELIVER_SM_RESP, C.DATA_SM_RESP})
"""Responses of an ESME whose message_id is unused: many leave the body out even when all is well."""
