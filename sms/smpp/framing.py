"""Cutting an octet stream into PDUs by command_length alone, with both bounds checked before buffering."""

from __future__ import annotations

from struct import Struct

from sms.errors import FramingError
from sms.smpp.constants import HEADER_OCTETS, PDU_OCTETS_MAX

_LENGTH = Struct(">I")
_unpack_length = _LENGTH.unpack_from


class Framer:
    """Feed octets in any chunking, get whole frames; `error` is set once the stream is lost."""

    def __init__(self, octets_max: int = PDU_OCTETS_MAX) -> None:
        self.octets_max = octets_max
        self.error: FramingError | None = None
        self._partial = bytearray()
        self._needed = _LENGTH.size

    @property
    def pending(self) -> int:
        """Octets of a PDU that is not complete yet."""
        return len(self._partial)

    def feed(self, data: bytes) -> list[bytes]:
        """The frames these octets complete; those before a bad length are still given out."""
        if self.error is not None:
            return []
        if self._partial:
            self._partial += data
            if len(self._partial) < self._needed:
                return []
            data = bytes(self._partial)
            self._partial.clear()
        frames: list[bytes] = []
        at = 0
        total = len(data)
        self._needed = _LENGTH.size
        while total - at >= _LENGTH.size:
            (length,) = _unpack_length(data, at)
            if not HEADER_OCTETS <= length <= self.octets_max:
                self.error = FramingError(f"command_length {length} is not within 16 and {self.octets_max}")
                return frames
            if at + length > total:
                self._needed = length
                break
            frames.append(data[at : at + length])
            at += length
        if at < total:
            self._partial += data[at:]
        return frames
