"""Which coding a text travels in and what that costs: GSM-7 where the alphabet holds it, else UTF-16.

One letter outside the GSM alphabet more than halves what a segment holds, so a subscriber's mode decides
whether letters may be rewritten: never (`strict`), always (`translit`), or only where it saves a segment
(`cheapest`). "UCS2" is in practice UTF-16BE: an emoji costs two units.
"""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from sms.text.gsm import DEFAULT
from sms.text.headers import DEFAULT_TABLES, ShiftTables

DATA_CODING_DEFAULT_ALPHABET = 0
DATA_CODING_UCS2 = 8

# SMPP 3.4 §5.2.19 codings that a handset can be asked to show and that Python knows.
_CODECS = {1: "ascii", 3: "latin-1", 4: "latin-1", 6: "iso8859-5", DATA_CODING_UCS2: "utf-16-be"}

# Older keyboards write the cedilla forms; Romanian is written with a comma below.
_COMMA_BELOW = str.maketrans({"ş": "ș", "Ş": "Ș", "ţ": "ț", "Ţ": "Ț"})

# Letters that Turkish has and Romanian has not: beside them a cedilla is what was meant.
_TURKISH = frozenset("ğĞıİ")

_TYPOGRAPHIC = str.maketrans(
    {
        "\N{LEFT SINGLE QUOTATION MARK}": "'",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{SINGLE LOW-9 QUOTATION MARK}": "'",
        "\N{LEFT DOUBLE QUOTATION MARK}": '"',
        "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
        "\N{DOUBLE LOW-9 QUOTATION MARK}": '"',
        "\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}": '"',
        "\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}": '"',
        "\N{HYPHEN}": "-",
        "\N{NON-BREAKING HYPHEN}": "-",
        "\N{EN DASH}": "-",
        "\N{EM DASH}": "-",
        "\N{MINUS SIGN}": "-",
        "\N{HORIZONTAL ELLIPSIS}": "...",
        "\N{NO-BREAK SPACE}": " ",
        "\N{NARROW NO-BREAK SPACE}": " ",
    }
)

_ROMANIAN = str.maketrans("ăâîșțşţĂÂÎȘȚŞŢ", "aaiststAAISTST")


class Coding(StrEnum):
    """How the characters of a message stand in its octets; the 8-bit ones where an SMSC's default alphabet is one."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"
    LATIN1 = "latin1"
    ASCII = "ascii"

    @property
    def data_coding(self) -> int:
        """The SMPP data_coding of this coding; 0 is the SMSC's default alphabet."""
        return DATA_CODING_UCS2 if self is Coding.UCS2 else DATA_CODING_DEFAULT_ALPHABET


class UnicodeMode(StrEnum):
    """How far the letters of a text may be rewritten to save segments."""

    STRICT = "strict"
    TRANSLIT = "translit"
    CHEAPEST = "cheapest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What sending a text costs, and which characters make it so.

    `units` are septets for GSM-7, octets for 8-bit alphabets and UTF-16 units for UCS-2; `units_left` fit before
    another segment is needed. `forced_by` are the characters that make it UCS-2, `doubled` those that cost two units.
    """

    coding: Coding
    segments: int
    units: int
    units_left: int
    forced_by: tuple[str, ...]
    doubled: tuple[str, ...]
    tables: ShiftTables = DEFAULT_TABLES


def coding_of(text: str) -> Coding:
    """GSM-7 if the default alphabet holds the whole text, else UCS-2 for all of it."""
    return Coding.GSM7 if DEFAULT.holds(text) else Coding.UCS2


def encode(text: str) -> tuple[Coding, bytes]:
    """The coding the whole text travels in and its octets: unpacked septets, or UTF-16BE."""
    septets = DEFAULT.encode_or_none(text)
    if septets is None:
        return Coding.UCS2, text.encode("utf-16-be", "surrogatepass")
    return Coding.GSM7, septets


def decode(payload: bytes, data_coding: int, tables: ShiftTables = DEFAULT_TABLES) -> str:
    """The text of a payload under an SMPP data_coding, septets in these tables; never fails.

    An octet that the coding cannot mean shows U+FFFD; an unknown data_coding reads as the default alphabet.
    """
    codec = _CODECS.get(data_coding)
    return tables.alphabet.decode(payload) if codec is None else payload.decode(codec, "replace")


def transliterate(text: str) -> str:
    """The text with Romanian letters and typographic signs in GSM equivalents; other letters stay."""
    return straighten(text).translate(_ROMANIAN)


def straighten(text: str) -> str:
    """The text, composed, with typographic quotes, dashes, dots and spaces in GSM equivalents."""
    return unicodedata.normalize("NFC", text).translate(_TYPOGRAPHIC)


def display_form(text: str) -> str:
    """The text, composed, with Romanian cedilla letters in their proper comma form; Turkish keeps its cedilla."""
    composed = unicodedata.normalize("NFC", text)
    return composed.translate(_COMMA_BELOW) if _TURKISH.isdisjoint(composed) else composed
