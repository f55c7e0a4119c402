"""Every error of the sms package under one root.

SMPP errors are of two kinds. A `PduError` concerns one PDU: it is answered (matching
response or generic_nack) with the `command_status` of its class and the session stays. A
`FramingError` means the octet stream can no longer be cut into PDUs: generic_nack and close.
The rest says what became of a request of ours.
"""

from __future__ import annotations

from typing import ClassVar


class SmsError(Exception):
    """The root of all errors of this package."""


class SmppError(SmsError):
    """The root of everything the SMPP side may raise, whatever the octets."""


class PduError(SmppError):
    """One PDU breaks the protocol; the session can go on.

    `command_id` and `sequence_number` are those of the refused PDU (0 where unknown), so that
    whoever catches it can answer.
    """

    command_status: ClassVar[int] = 0x00000008

    def __init__(self, reason: str, *, command_id: int = 0, sequence_number: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.command_id = command_id
        self.sequence_number = sequence_number


class MessageLengthInvalid(PduError):
    """The text is longer than allowed, cut short, or odd where two-octet units are announced."""

    command_status = 0x00000001


class CommandLengthInvalid(PduError):
    """The body ends before its last mandatory parameter."""

    command_status = 0x00000002


class CommandIdUnknown(PduError):
    """No such command is known."""

    command_status = 0x00000003


class BindStatusWrong(PduError):
    """The command is not allowed in this state of the session."""

    command_status = 0x00000004


class AlreadyBound(PduError):
    """A bind on a session that is bound."""

    command_status = 0x00000005


class PriorityFlagInvalid(PduError):
    """priority_flag is over 3."""

    command_status = 0x00000006


class RegisteredDeliveryInvalid(PduError):
    """registered_delivery has a reserved bit or value."""

    command_status = 0x00000007


class SourceAddressInvalid(PduError):
    """The source address is too long or holds what no address may hold."""

    command_status = 0x0000000A


class DestinationAddressInvalid(PduError):
    """The destination address is too long or holds what no address may hold."""

    command_status = 0x0000000B


class MessageIdInvalid(PduError):
    """The message_id is longer than 64 characters."""

    command_status = 0x0000000C


class AddressRangeInvalid(PduError):
    """The address_range of a bind is longer than 40 characters."""

    command_status = 0x0000000D


class PasswordInvalid(PduError):
    """The password is longer than 8 characters."""

    command_status = 0x0000000E


class SystemIdInvalid(PduError):
    """The system_id is longer than 15 characters."""

    command_status = 0x0000000F


class ServiceTypeInvalid(PduError):
    """The service_type is longer than 5 characters."""

    command_status = 0x00000015


class NumberOfDestinationsInvalid(PduError):
    """submit_multi names no destination or more than 254."""

    command_status = 0x00000033


class ListNameInvalid(PduError):
    """The name of a distribution list is longer than 20 characters."""

    command_status = 0x00000034


class DestinationFlagInvalid(PduError):
    """A destination of submit_multi is neither an address (1) nor a list (2)."""

    command_status = 0x00000040


class EsmClassInvalid(PduError):
    """esm_class has a reserved type, or promises a user data header that is not well formed."""

    command_status = 0x00000043


class SourceTonInvalid(PduError):
    """The source TON is reserved, or the address does not fit it."""

    command_status = 0x00000048


class SourceNpiInvalid(PduError):
    """The source NPI is reserved."""

    command_status = 0x00000049


class DestinationTonInvalid(PduError):
    """The destination TON is reserved, or the address does not fit it."""

    command_status = 0x00000050


class DestinationNpiInvalid(PduError):
    """The destination NPI is reserved."""

    command_status = 0x00000051


class SystemTypeInvalid(PduError):
    """The system_type is longer than 12 characters."""

    command_status = 0x00000053


class ReplaceFlagInvalid(PduError):
    """replace_if_present_flag is neither 0 nor 1, or is set in a deliver_sm."""

    command_status = 0x00000054


class InboundQueueFull(PduError):
    """The peer has far more requests unanswered than any window allows."""

    command_status = 0x00000058


class ScheduleInvalid(PduError):
    """schedule_delivery_time is not a time of SMPP 3.4 section 7.1.1."""

    command_status = 0x00000061


class ValidityInvalid(PduError):
    """validity_period is not a time of section 7.1.1, or ends before the schedule."""

    command_status = 0x00000062


class DefaultMessageInvalid(PduError):
    """sm_default_msg_id is 255, or is used together with a text."""

    command_status = 0x00000063


class FinalDateInvalid(PduError):
    """final_date of a query_sm_resp is not a time of section 7.1.1."""

    command_status = 0x00000067


class OptionalPartMalformed(PduError):
    """An optional parameter ends behind the end of the PDU."""

    command_status = 0x000000C0


class ParameterNotAllowed(PduError):
    """Optional parameters contradict each other or the mandatory part."""

    command_status = 0x000000C1


class ParameterLengthInvalid(PduError):
    """A known optional parameter has a size its definition does not know."""

    command_status = 0x000000C2


class ParameterMissing(PduError):
    """One of the sar_* parameters is there without the others."""

    command_status = 0x000000C3


class ParameterValueInvalid(PduError):
    """A parameter has a value its definition does not know."""

    command_status = 0x000000C4


class FramingError(SmppError):
    """The stream cannot be cut into PDUs any more; answered with generic_nack, then closed."""

    command_status: ClassVar[int] = 0x00000002


class PeerLostFraming(SmppError):
    """The peer sent a generic_nack without a number: it cannot read our stream any more."""

    def __init__(self, command_status: int) -> None:
        super().__init__(f"generic_nack without a number, status 0x{command_status:08X}")
        self.command_status = command_status


class LinkClosed(SmppError):
    """Why a connection is closed without the peer having asked for it."""


class ConnectionDropped(LinkClosed):
    """The connection ended without unbind."""


class UnbindUnanswered(ConnectionDropped):
    """The peer ended the connection instead of answering our unbind."""


class PeerSilent(LinkClosed):
    """No answer to enquire_link came in time."""


class BindOverdue(LinkClosed):
    """No bind came within the session_init time."""


class PduIncomplete(LinkClosed):
    """The rest of a PDU did not come in time."""


class PeerNotReading(LinkClosed):
    """The peer does not take what is written to it."""


class SessionStateError(SmppError):
    """The caller asked the session for something its state does not allow."""


class WindowFull(SessionStateError):
    """As many requests of ours are unanswered as the window allows."""


class RequestFailed(SmppError):
    """A request of ours got no answer; the subclass says whether the peer may have seen it."""


class NeverWritten(RequestFailed):
    """The request never reached the socket: sending it again is safe."""


class OutcomeUnknown(RequestFailed):
    """The request was written and nobody knows what became of it: it may have been obeyed."""


class ResponseTimeout(OutcomeUnknown):
    """No answer came within the response timeout."""


class CaptureUnreadable(SmsError):
    """A file is no capture this program reads."""


class BindRefused(SmppError):
    """The peer answered a bind with an error status."""

    def __init__(self, command_status: int) -> None:
        super().__init__(f"bind refused with status 0x{command_status:08X}")
        self.command_status = command_status
