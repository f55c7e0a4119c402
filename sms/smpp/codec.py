"""PDU to octets and back, strict on both ways: what decodes encodes to the same octets again.

Every PDU goes through layouts and rules (`layout_codec`). Five frequent ones have a short way
in `fast_codec`, which knows well-formed ordinary PDUs and leaves the others, and the naming of
what is wrong with them, to the full way; a property test holds the two equal.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from sms.errors import FramingError
from sms.smpp.constants import VERSION_34
from sms.smpp.fast_codec import FAST_DECODERS, FAST_ENCODERS
from sms.smpp.layout_codec import HEADER, decode_by_layout, encode_by_layout
from sms.smpp.pdu import PDU_CLASSES

if TYPE_CHECKING:
    from sms.smpp.pdu import Pdu

_ENCODERS = dict.fromkeys(PDU_CLASSES.values(), encode_by_layout) | FAST_ENCODERS
_unpack_header = HEADER.unpack_from


def encode(pdu: Pdu, version: int = VERSION_34) -> bytes:
    """The octets of this PDU for a peer of this interface version.

    Raises a `PduError` subclass that names the parameter with a wrong value.
    """
    return _ENCODERS[type(pdu)](pdu, version)


def decode(frame: bytes, version: int = VERSION_34) -> Pdu:
    """The PDU in one whole frame from a peer of this interface version.

    Raises a `PduError` subclass (answer it, the session stays) or `FramingError` (close).
    """
    try:
        length, command_id, command_status, sequence_number = _unpack_header(frame)
    except struct.error:
        raise FramingError("a PDU has at least 16 octets") from None
    if length != len(frame):
        raise FramingError("command_length is not the length of the frame")
    fast = FAST_DECODERS.get(command_id)
    if fast:
        return fast(frame, command_status, sequence_number, version)
    return decode_by_layout(frame, version)
