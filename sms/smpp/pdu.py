"""One plain slotted class per PDU of SMPP 3.4; attributes are named as the standard names them.

C-Octet Strings are `str` (one character per octet, without the NUL), octet strings are
`bytes`, integers are `int`. `tlvs` keeps optional parameters in wire order with repeats.
In a response the first string is None when the body was left out (§4.4.2). The classes are
msgspec structs, mutable and untracked by the collector (they cannot hold cycles): building a
dataclass of 20 fields costs four times as much, a frozen one ten times. Name every field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import msgspec

from sms.smpp.constants import RESPONSE_BIT, VERSION_34, CommandId

Tlvs: TypeAlias = tuple[tuple[int, bytes], ...]


class Pdu(msgspec.Struct, gc=False):
    """What every PDU has; `command_status` means something in responses only."""

    command_id: ClassVar[CommandId]

    command_status: int = 0
    sequence_number: int = 0
    tlvs: Tlvs = ()

    @property
    def name(self) -> str:
        """The name of the command as the standard writes it."""
        return self.command_id.name.lower()

    @property
    def is_response(self) -> bool:
        """Whether this answers a request (a generic_nack does too)."""
        return self.command_id >= RESPONSE_BIT

    def tlv(self, tag: int) -> bytes | None:
        """The value of the first optional parameter with this tag; None without one."""
        for found, value in self.tlvs:
            if found == tag:
                return value
        return None

    def tlv_int(self, tag: int) -> int | None:
        """The same as a big-endian unsigned integer."""
        value = self.tlv(tag)
        return None if value is None else int.from_bytes(value)

    def __repr__(self) -> str:
        # Neither texts, addresses nor passwords: a PDU may end up in a log.
        return f"<{self.name} #{self.sequence_number} status 0x{self.command_status:08X}>"


class Bind(Pdu):
    """The common body of the three bind requests (§4.1)."""

    system_id: str = ""
    password: str = ""
    system_type: str = ""
    interface_version: int = VERSION_34
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: str = ""


class BindReceiver(Bind):
    """bind_receiver (§4.1.3)."""

    command_id = CommandId.BIND_RECEIVER


class BindTransmitter(Bind):
    """bind_transmitter (§4.1.1)."""

    command_id = CommandId.BIND_TRANSMITTER


class BindTransceiver(Bind):
    """bind_transceiver (§4.1.5)."""

    command_id = CommandId.BIND_TRANSCEIVER


class BindResp(Pdu):
    """The common body of the three bind responses; an error is sent without a body."""

    system_id: str | None = None

    def __post_init__(self) -> None:
        if self.system_id is None and (self.command_status == 0 or self.tlvs):
            self.system_id = ""


class BindReceiverResp(BindResp):
    """bind_receiver_resp (§4.1.4)."""

    command_id = CommandId.BIND_RECEIVER_RESP


class BindTransmitterResp(BindResp):
    """bind_transmitter_resp (§4.1.2)."""

    command_id = CommandId.BIND_TRANSMITTER_RESP


class BindTransceiverResp(BindResp):
    """bind_transceiver_resp (§4.1.6)."""

    command_id = CommandId.BIND_TRANSCEIVER_RESP


class Outbind(Pdu):
    """outbind (§4.1.7): the SMSC asks the ESME to bind as receiver; it has no response."""

    command_id = CommandId.OUTBIND

    system_id: str = ""
    password: str = ""


class Unbind(Pdu):
    """unbind (§4.2.1)."""

    command_id = CommandId.UNBIND


class UnbindResp(Pdu):
    """unbind_resp (§4.2.2)."""

    command_id = CommandId.UNBIND_RESP


class GenericNack(Pdu):
    """generic_nack (§4.3.1): a PDU could not be understood."""

    command_id = CommandId.GENERIC_NACK


class EnquireLink(Pdu):
    """enquire_link (§4.11.1)."""

    command_id = CommandId.ENQUIRE_LINK


class EnquireLinkResp(Pdu):
    """enquire_link_resp (§4.11.2)."""

    command_id = CommandId.ENQUIRE_LINK_RESP


class Message(Pdu):
    """The common body of submit_sm and deliver_sm (§4.4.1, §4.6.1)."""

    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""
    esm_class: int = 0
    protocol_id: int = 0
    priority_flag: int = 0
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    replace_if_present_flag: int = 0
    data_coding: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""

    @property
    def sm_length(self) -> int:
        """Octets of short_message, the user data header included."""
        return len(self.short_message)


class SubmitSm(Message):
    """submit_sm (§4.4.1)."""

    command_id = CommandId.SUBMIT_SM


class DeliverSm(Message):
    """deliver_sm (§4.6.1): schedule, validity, replace flag and default message stay empty."""

    command_id = CommandId.DELIVER_SM


class MessageResp(Pdu):
    """The common body of the responses that carry a message_id."""

    message_id: str | None = None

    def __post_init__(self) -> None:
        if self.message_id is None and (self.command_status == 0 or self.tlvs):
            self.message_id = ""


class SubmitSmResp(MessageResp):
    """submit_sm_resp (§4.4.2)."""

    command_id = CommandId.SUBMIT_SM_RESP


class DeliverSmResp(MessageResp):
    """deliver_sm_resp (§4.6.2): its message_id is unused, one NUL octet."""

    command_id = CommandId.DELIVER_SM_RESP


class DataSm(Pdu):
    """data_sm (§4.7.1); its text travels in message_payload."""

    command_id = CommandId.DATA_SM

    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""
    esm_class: int = 0
    registered_delivery: int = 0
    data_coding: int = 0


class DataSmResp(MessageResp):
    """data_sm_resp (§4.7.2)."""

    command_id = CommandId.DATA_SM_RESP


class QuerySm(Pdu):
    """query_sm (§4.8.1)."""

    command_id = CommandId.QUERY_SM

    message_id: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""


class QuerySmResp(MessageResp):
    """query_sm_resp (§4.8.2); final_date is empty while the state is not final."""

    command_id = CommandId.QUERY_SM_RESP

    final_date: str = ""
    message_state: int = 0
    error_code: int = 0


class CancelSm(Pdu):
    """cancel_sm (§4.9.1)."""

    command_id = CommandId.CANCEL_SM

    service_type: str = ""
    message_id: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""


class CancelSmResp(Pdu):
    """cancel_sm_resp (§4.9.2)."""

    command_id = CommandId.CANCEL_SM_RESP


class ReplaceSm(Pdu):
    """replace_sm (§4.10.1): destination and data_coding of the original stay."""

    command_id = CommandId.REPLACE_SM

    message_id: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""

    @property
    def sm_length(self) -> int:
        """Octets of short_message."""
        return len(self.short_message)


class ReplaceSmResp(Pdu):
    """replace_sm_resp (§4.10.2)."""

    command_id = CommandId.REPLACE_SM_RESP


@dataclass(frozen=True, slots=True, kw_only=True)
class SmeAddress:
    """A destination of submit_multi with dest_flag 1 (§4.5.1.1)."""

    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DistributionList:
    """A destination of submit_multi with dest_flag 2 (§4.5.1.2)."""

    dl_name: str = ""


class SubmitMulti(Pdu):
    """submit_multi (§4.5.1)."""

    command_id = CommandId.SUBMIT_MULTI

    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_addresses: tuple[SmeAddress | DistributionList, ...] = ()
    esm_class: int = 0
    protocol_id: int = 0
    priority_flag: int = 0
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    replace_if_present_flag: int = 0
    data_coding: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""

    @property
    def number_of_dests(self) -> int:
        """How many destinations there are."""
        return len(self.dest_addresses)

    @property
    def sm_length(self) -> int:
        """Octets of short_message, the user data header included."""
        return len(self.short_message)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsuccessSme:
    """One destination submit_multi could not be accepted for (§4.5.2.1)."""

    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""
    error_status_code: int = 0


class SubmitMultiResp(MessageResp):
    """submit_multi_resp (§4.5.2)."""

    command_id = CommandId.SUBMIT_MULTI_RESP

    unsuccess_smes: tuple[UnsuccessSme, ...] = ()

    @property
    def no_unsuccess(self) -> int:
        """How many destinations failed."""
        return len(self.unsuccess_smes)


class AlertNotification(Pdu):
    """alert_notification (§4.12.1): it has no response."""

    command_id = CommandId.ALERT_NOTIFICATION

    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    esme_addr_ton: int = 0
    esme_addr_npi: int = 0
    esme_addr: str = ""


PDU_CLASSES: dict[int, type[Pdu]] = {
    int(cls.command_id): cls
    for cls in (
        GenericNack, BindReceiver, BindReceiverResp, BindTransmitter, BindTransmitterResp,
        BindTransceiver, BindTransceiverResp, Outbind, Unbind, UnbindResp, EnquireLink,
        EnquireLinkResp, SubmitSm, SubmitSmResp, DeliverSm, DeliverSmResp, DataSm, DataSmResp,
        QuerySm, QuerySmResp, CancelSm, CancelSmResp, ReplaceSm, ReplaceSmResp, SubmitMulti,
        SubmitMultiResp, AlertNotification,
    )
}  # fmt: skip
"""Every command we know, by command_id."""

UNANSWERED = frozenset({CommandId.OUTBIND, CommandId.ALERT_NOTIFICATION})
"""Requests that have no response (§4.1.7, §4.12)."""


def response_class(command_id: int) -> type[Pdu] | None:
    """The class that answers this request; None for responses and for requests without an answer."""
    if command_id >= RESPONSE_BIT or command_id in UNANSWERED:
        return None
    return PDU_CLASSES.get(command_id | RESPONSE_BIT)


def response_to(request: Pdu, command_status: int = 0) -> Pdu:
    """An answer to this request with its number and no body beyond the defaults."""
    cls = response_class(request.command_id) or GenericNack
    return cls(command_status=command_status, sequence_number=request.sequence_number)
