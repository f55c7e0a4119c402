"""USSD strings of 3GPP TS 23.038 §5 and §6.1.2.3.1: a text, its data coding scheme, its packed octets.

Seven spare bits at the end would read as '@', so a carriage return fills them and the receiver takes it off
again. Networks send schemes of every age and sometimes the wrong one: reading never fails, it warns.
"""

from dataclasses import dataclass

from sms.text import Coding, encode
from sms.text.gsm import CR, DEFAULT, OCTET_BITS, SEPTET_BITS, pack, unpack

DCS_GSM7 = 0x0F  # GSM 7-bit, language unspecified
DCS_GSM7_WITH_LANGUAGE = 0x10
DCS_UCS2_WITH_LANGUAGE = 0x11
DCS_UCS2 = 0x48

LANGUAGE_SEPTETS = 3  # two letters and CR
LANGUAGE_OCTETS = 2

_LANGUAGE_GROUPS = (0b0000, 0b0010)
_GENERAL_GROUPS = (0b0100, 0b0101)
_MESSAGE_CLASS_GROUP = 0b1111
_GENERAL_ALPHABETS = ("gsm7", "8bit", "ucs2", "reserved")
# High octets of Latin and Cyrillic text in UTF-16; as septets they would be '@' and 'è'.
_UTF16_HIGH_OCTETS = frozenset((0x00, 0x04))


@dataclass(frozen=True, slots=True, kw_only=True)
class UssdString:
    """A text as the network carries it."""

    dcs: int
    octets: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedString:
    """The text that was read; `warnings` say what did not agree."""

    text: str
    coding: Coding
    warnings: tuple[str, ...] = ()


def encode_string(text: str) -> UssdString:
    """The text in GSM-7 (scheme 0x0F) if the alphabet holds it, else all of it in UCS-2 (0x48)."""
    coding, octets = encode(text)
    if coding is Coding.UCS2:
        return UssdString(dcs=DCS_UCS2, octets=octets)
    return UssdString(dcs=DCS_GSM7, octets=pack_padded(octets))


def octets_of(text: str) -> int:
    """How many octets the text takes after packing."""
    coding, octets = encode(text)
    if coding is Coding.UCS2:
        return len(octets)
    return -(-(len(octets) + _padding(octets)) * SEPTET_BITS // OCTET_BITS)


def pack_padded(septets: bytes) -> bytes:
    """Septets packed with the carriage return of §6.1.2.3.1 where the end would be mistaken without it."""
    return pack(septets + bytes((CR,)) * _padding(septets))


def unpack_padded(octets: bytes) -> bytes:
    """The septets of packed octets, without the carriage return that fills the last one."""
    septets = unpack(octets, len(octets) * OCTET_BITS // SEPTET_BITS)
    ends_on_octet = len(septets) % OCTET_BITS == 0
    return septets[:-1] if ends_on_octet and septets.endswith(bytes((CR,))) else septets


def decode_string(octets: bytes, dcs: int) -> DecodedString:
    """The text of octets under a data coding scheme; an unknown scheme reads as GSM-7 with a warning."""
    if dcs == DCS_UCS2_WITH_LANGUAGE:
        return _ucs2(octets[LANGUAGE_OCTETS:])
    alphabet = _alphabet(dcs)
    if alphabet == "ucs2":
        return _ucs2(octets)
    if alphabet == "8bit":
        return DecodedString(
            text=octets.decode("latin-1"), coding=Coding.GSM7, warnings=(f"8-bit scheme {_both(dcs)}",)
        )
    warnings = (f"unknown scheme {_both(dcs)} read as GSM-7",) if alphabet == "reserved" else ()
    if looks_like_utf16(octets):
        read = _ucs2(octets)
        return DecodedString(
            text=read.text, coding=read.coding, warnings=(*warnings, f"UCS-2 under scheme {_both(dcs)}")
        )
    septets = unpack_padded(octets)
    if dcs == DCS_GSM7_WITH_LANGUAGE and septets[2:LANGUAGE_SEPTETS] == bytes((CR,)):
        septets = septets[LANGUAGE_SEPTETS:]
    return DecodedString(text=DEFAULT.decode(septets), coding=Coding.GSM7, warnings=warnings)


def looks_like_utf16(octets: bytes) -> bool:
    """Whether octets said to be GSM-7 are printable Latin or Cyrillic UTF-16, as some networks send."""
    if len(octets) < LANGUAGE_OCTETS or len(octets) % 2 or not _UTF16_HIGH_OCTETS.issuperset(octets[::2]):
        return False
    return octets.decode("utf-16-be").isprintable()


def _padding(septets: bytes) -> int:
    """One where 8n-1 septets leave seven bits, or where a wanted CR ends on an octet; else none."""
    remainder = len(septets) % OCTET_BITS
    ends_in_cr = remainder == 0 and septets.endswith(bytes((CR,)))
    return int(ends_in_cr or remainder == OCTET_BITS - 1)


def _ucs2(octets: bytes) -> DecodedString:
    return DecodedString(text=octets.decode("utf-16-be", "replace"), coding=Coding.UCS2)


def _alphabet(dcs: int) -> str:
    """23.038 §5: the coding group is the high half of the scheme, the low half means something else in each."""
    if dcs == DCS_GSM7_WITH_LANGUAGE:
        return "gsm7"
    group = dcs >> 4
    if group in _GENERAL_GROUPS:
        return _GENERAL_ALPHABETS[dcs >> 2 & 0b11]
    if group == _MESSAGE_CLASS_GROUP:
        return _GENERAL_ALPHABETS[dcs >> 2 & 0b1]
    return "gsm7" if group in _LANGUAGE_GROUPS else "reserved"


def _both(dcs: int) -> str:
    return f"{dcs} (0x{dcs:02x})"
