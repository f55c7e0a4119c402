"""What a `Session` reports after it was fed octets: one small class per thing that happened."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sms.errors import PduError, SmppError
    from sms.smpp.pdu import Bind, Outbind, Pdu


class Direction(StrEnum):
    """Which way a PDU travels, seen from us."""

    RECEIVED = "received"
    SENT = "sent"


class Event:
    """The root of all session events."""

    __slots__ = ()


class RequestReceived(Event):
    """A request for the owner: answer it now or later with `respond` (alert_notification: never)."""

    __slots__ = ("pdu",)

    def __init__(self, pdu: Pdu) -> None:
        self.pdu = pdu


class ResponseReceived(Event):
    """The answer to a request of ours: the matching response, or a generic_nack."""

    __slots__ = ("request", "response")

    def __init__(self, request: Pdu, response: Pdu) -> None:
        self.request = request
        self.response = response


class ResponseRefused(Event):
    """A request of ours was answered by a response that breaks the protocol: its outcome is unknown."""

    __slots__ = ("error", "request")

    def __init__(self, request: Pdu, error: PduError) -> None:
        self.request = request
        self.error = error


class LateResponseReceived(Event):
    """An answer to a request we had given up waiting for."""

    __slots__ = ("request", "response")

    def __init__(self, request: Pdu, response: Pdu) -> None:
        self.request = request
        self.response = response


class UnknownResponseReceived(Event):
    """A response with a number (or command) nobody asked with; `response` is None for an unknown command."""

    __slots__ = ("command_id", "response", "sequence_number")

    def __init__(self, command_id: int, sequence_number: int, response: Pdu | None) -> None:
        self.command_id = command_id
        self.sequence_number = sequence_number
        self.response = response


class PduRefused(Event):
    """A PDU broke the protocol; the session has answered where an answer is due, and stays."""

    __slots__ = ("error",)

    def __init__(self, error: PduError) -> None:
        self.error = error


class BindReceived(Event):
    """SMSC side: an ESME asks to bind; answer with `respond`."""

    __slots__ = ("pdu",)

    def __init__(self, pdu: Bind) -> None:
        self.pdu = pdu


class OutbindReceived(Event):
    """ESME side: the SMSC asks us to bind as receiver."""

    __slots__ = ("pdu",)

    def __init__(self, pdu: Outbind) -> None:
        self.pdu = pdu


class PeerUnbound(Event):
    """The peer sent unbind and was answered: send no new requests, let answers come, then close."""

    __slots__ = ()


class UnbindConfirmed(Event):
    """The peer answered our unbind: close."""

    __slots__ = ()


class LinkBroken(Event):
    """The octet stream is lost: flush (a generic_nack may be queued) and close."""

    __slots__ = ("error",)

    def __init__(self, error: SmppError) -> None:
        self.error = error
