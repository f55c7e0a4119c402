"""PDU to octets and back, strict on both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sms.smpp.constants import VERSION_34

if TYPE_CHECKING:
    from sms.smpp.pdu import Pdu


def encode(pdu: Pdu, version: int = VERSION_34) -> bytes:
    """The octets of this PDU; raises a `PduError` subclass for a wrong value."""
    raise NotImplementedError


def decode(frame: bytes, version: int = VERSION_34) -> Pdu:
    """The PDU in one whole frame; raises `PduError` (answer and go on) or `FramingError` (close)."""
    raise NotImplementedError
