"""The GSM 7-bit alphabet of 3GPP TS 23.038: characters to septets and back, septets packed into octets.

Unpacked septets stand one to an octet, as SMPP carries them; packed ones are what the radio and MAP carry.
An `Alphabet` is data: a national language table is one more value of it, not more code.
"""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, field

from sms.text.errors import CharacterOutsideAlphabet

ESC = 0x1B
CR = 0x0D
SEPTET_BITS = 7
OCTET_BITS = 8
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# 23.038 §6.2.1; position 0x1B is ESC and stands for no character.
_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
# 23.038 §6.2.1.1: each costs two septets, ESC and the code.
_EXTENSION = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alphabet:
    """A basic (locking) table of 128 positions and an extension (single shift) table reached through ESC.

    A reserved position holds U+FFFD. Both directions are derived once, so that coding a text is one call into C.
    """

    basic: str
    extension: Mapping[int, str]
    _septets_of: dict[int, bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        septets_of = {ord(char): bytes((ESC, code)) for code, char in self.extension.items()}
        septets_of |= {
            ord(char): bytes((code,)) for code, char in enumerate(self.basic) if code != ESC and char != REPLACEMENT
        }
        object.__setattr__(self, "_septets_of", septets_of)

    def holds(self, text: str) -> bool:
        """Whether every character of the text is in one of the two tables."""
        return self.encode_or_none(text) is not None

    def outside(self, text: str) -> tuple[str, ...]:
        """The characters of the text in neither table, each once, in the order they appear."""
        return tuple(char for char in dict.fromkeys(text) if ord(char) not in self._septets_of)

    def extended(self, text: str) -> tuple[str, ...]:
        """The characters of the text that cost two septets, each once, in the order they appear."""
        return tuple(char for char in dict.fromkeys(text) if char in self.extension.values())

    def encode(self, text: str) -> bytes:
        """The unpacked septets of the text. Raises CharacterOutsideAlphabet naming the first stranger."""
        try:
            return codecs.charmap_encode(text, "strict", self._septets_of)[0]
        except UnicodeEncodeError as stranger:
            raise CharacterOutsideAlphabet(text[stranger.start], stranger.start) from None

    def encode_or_none(self, text: str) -> bytes | None:
        """The unpacked septets of the text, or None where a character is in neither table."""
        try:
            return codecs.charmap_encode(text, "strict", self._septets_of)[0]
        except UnicodeEncodeError:
            return None

    def decode(self, septets: bytes) -> str:
        """The text of unpacked septets; never fails, as a handset never does.

        An ESC before a code that the extension table lacks shows the basic character (23.038 §6.2.1.1);
        an ESC with nothing to escape shows a space; an octet above 0x7F is no septet and shows U+FFFD.
        """
        if ESC not in septets:
            return codecs.charmap_decode(septets, "replace", self.basic)[0]
        shown: list[str] = []
        escaped = False
        for septet in septets:
            if septet == ESC:
                if escaped:
                    shown.append(" ")
                escaped = True
                continue
            basic = self.basic[septet] if septet < len(self.basic) else REPLACEMENT
            shown.append(self.extension.get(septet, basic) if escaped else basic)
            escaped = False
        return "".join(shown) + (" " if escaped else "")


DEFAULT = Alphabet(basic=_BASIC, extension=_EXTENSION)


def pack(septets: bytes, *, fill_bits: int = 0) -> bytes:
    """Septets packed into octets, lowest bit first, after `fill_bits` zero bits (23.038 §6.1.2.1).

    Fill bits bring the first septet after a user data header to a septet boundary (23.040 §9.2.3.24).
    """
    bits = 0
    shift = fill_bits
    for septet in septets:
        bits |= septet << shift
        shift += SEPTET_BITS
    return bits.to_bytes(-(-shift // OCTET_BITS), "little")


def unpack(octets: bytes, count: int, *, fill_bits: int = 0) -> bytes:
    """The first `count` septets of packed octets; fewer where the octets end before."""
    bits = int.from_bytes(octets, "little") >> fill_bits
    held = max(0, len(octets) * OCTET_BITS - fill_bits) // SEPTET_BITS
    return bytes((bits >> SEPTET_BITS * index) & 0x7F for index in range(min(count, held)))


def fill_bits_after(header_octets: int) -> int:
    """How many zero bits stand between a user data header of this size and the first septet."""
    return -header_octets * OCTET_BITS % SEPTET_BITS
