"""A text cut into the segments that carry it, each with its concatenation header (23.040 §9.2.3.24).

The radio carries 140 octets of user data, header included; SMPP's 254 octets are no measure. A cut never
parts an ESC from its code or the halves of a surrogate pair, and leaves combining marks with their letter
where that needs no further segment.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from sms.text.coding import Coding, Cost, UnicodeMode, display_form, encode, straighten, transliterate
from sms.text.errors import TextTooLong
from sms.text.gsm import DEFAULT, ESC, OCTET_BITS, SEPTET_BITS, fill_bits_after, pack
from sms.text.headers import Concatenation

USER_DATA_OCTETS_MAX = 140
PARTS_MAX = 255
REFERENCE_8BIT_MAX = 0xFF
UCS2_UNIT_OCTETS = 2
BASIC_PLANE_LAST = 0xFFFF  # a character beyond costs a surrogate pair
CLUSTER_UNITS_MAX = 12  # a longer run of joined characters is cut like plain ones

_HIGH_SURROGATES = range(0xD8, 0xDC)
_LOW_SURROGATES = range(0xDC, 0xE0)
_JOINER = "\N{ZERO WIDTH JOINER}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One short message: `udh` is empty for a single one; `payload` is as SMPP carries it, GSM-7 unpacked."""

    udh: bytes
    payload: bytes
    coding: Coding
    number: int
    total: int

    @property
    def short_message(self) -> bytes:
        """What stands in submit_sm.short_message; the UDHI bit of esm_class is set iff `udh` is not empty."""
        return self.udh + self.payload

    @property
    def user_data(self) -> bytes:
        """The octets on the radio, at most 140: septets packed after their fill bits."""
        if self.coding is Coding.UCS2:
            return self.short_message
        return self.udh + pack(self.payload, fill_bits=fill_bits_after(len(self.udh)))


def capacity(coding: Coding, header_octets: int) -> int:
    """How many units (septets, or UTF-16 units) fit beside a header of this many octets."""
    octets = USER_DATA_OCTETS_MAX - header_octets
    return octets * OCTET_BITS // SEPTET_BITS if coding is Coding.GSM7 else octets // UCS2_UNIT_OCTETS


def segments_for(
    text: str, *, reference: int, wide_reference: bool = False, parts_max: int = PARTS_MAX
) -> tuple[Segment, ...]:
    """The segments of exactly this text, in GSM-7 where the alphabet holds it.

    `reference` is the caller's number of the message: 0–255, or 0–65535 with `wide_reference`; a single
    segment carries none. Raises TextTooLong above `parts_max`.
    """
    coding, octets = encode(text)
    if _units(octets, coding) <= capacity(coding, 0):
        return (Segment(udh=b"", payload=octets, coding=coding, number=1, total=1),)
    wide = wide_reference or reference > REFERENCE_8BIT_MAX
    header_octets = len(Concatenation(reference=reference, total=1, number=1, wide=wide).udh())
    pieces = _cut(octets, coding, capacity(coding, header_octets))
    if len(pieces) > min(parts_max, PARTS_MAX):
        raise TextTooLong(parts=len(pieces), parts_max=min(parts_max, PARTS_MAX))
    return tuple(
        Segment(
            udh=Concatenation(reference=reference, total=len(pieces), number=number, wide=wide).udh(),
            payload=piece,
            coding=coding,
            number=number,
            total=len(pieces),
        )
        for number, piece in enumerate(pieces, start=1)
    )


def prepared(text: str, mode: UnicodeMode) -> str:
    """The text as a subscriber's mode wants it sent.

    `strict` changes nothing. `translit` rewrites whenever that makes it GSM-7. `cheapest` rewrites as little
    as saves a segment. A text that no rewriting brings into GSM-7 keeps its letters.
    """
    if mode is UnicodeMode.STRICT:
        return text
    faithful = display_form(text)
    rewritten = transliterate(text)
    if not DEFAULT.holds(rewritten):
        return faithful
    if mode is UnicodeMode.TRANSLIT:
        return rewritten
    return min((faithful, straighten(text), rewritten), key=_count)


def cost_of(text: str) -> Cost:
    """What sending exactly this text costs; for a preview while it is typed, so no cap applies."""
    coding, octets = encode(text)
    units = _units(octets, coding)
    segments = _count(text)
    if segments == 1:
        units_left = capacity(coding, 0) - units
    else:
        last = _cut(octets, coding, _concatenated_capacity(coding))[-1]
        units_left = _concatenated_capacity(coding) - _units(last, coding)
    doubled = DEFAULT.extended(text) if coding is Coding.GSM7 else _astral(text)
    return Cost(
        coding=coding,
        segments=segments,
        units=units,
        units_left=units_left,
        forced_by=DEFAULT.outside(text),
        doubled=doubled,
    )


def _count(text: str) -> int:
    coding, octets = encode(text)
    if _units(octets, coding) <= capacity(coding, 0):
        return 1
    return len(_cut(octets, coding, _concatenated_capacity(coding)))


def _concatenated_capacity(coding: Coding) -> int:
    return capacity(coding, len(Concatenation(reference=0, total=1, number=1).udh()))


def _units(octets: bytes, coding: Coding) -> int:
    return len(octets) if coding is Coding.GSM7 else len(octets) // UCS2_UNIT_OCTETS


def _astral(text: str) -> tuple[str, ...]:
    return tuple(char for char in dict.fromkeys(text) if ord(char) > BASIC_PLANE_LAST)


def _cut(octets: bytes, coding: Coding, units_max: int) -> list[bytes]:
    """The fewest pieces; among those, ones that keep combined characters whole."""
    if coding is Coding.GSM7:
        return _pieces(octets, units_max, _septet_boundary)
    octets_max = units_max * UCS2_UNIT_OCTETS
    plain = _pieces(octets, octets_max, _unit_boundary)
    whole = _pieces(octets, octets_max, _cluster_boundary)
    return whole if len(whole) == len(plain) else plain


def _pieces(octets: bytes, octets_max: int, boundary: Callable[[bytes, int], int]) -> list[bytes]:
    pieces: list[bytes] = []
    start = 0
    while len(octets) - start > octets_max:
        end = boundary(octets, start + octets_max)
        pieces.append(octets[start:end])
        start = end
    pieces.append(octets[start:])
    return pieces


def _septet_boundary(septets: bytes, end: int) -> int:
    return end - 1 if septets[end - 1] == ESC else end


def _unit_boundary(octets: bytes, end: int) -> int:
    """Before a surrogate pair that the end would part; a lone half is nobody's pair."""
    parts_a_pair = octets[end - UCS2_UNIT_OCTETS] in _HIGH_SURROGATES and octets[end] in _LOW_SURROGATES
    return end - UCS2_UNIT_OCTETS if parts_a_pair else end


def _cluster_boundary(octets: bytes, end: int) -> int:
    """Before the letter whose marks or joined emoji the end would part, unless the run is too long."""
    cut = _unit_boundary(octets, end)
    for _ in range(CLUSTER_UNITS_MAX):
        before, after = _characters_at(octets, cut)
        if not (unicodedata.combining(after) or after in (_JOINER, "\ufe0f") or before == _JOINER):
            return cut
        cut = _unit_boundary(octets, cut - UCS2_UNIT_OCTETS)
    return _unit_boundary(octets, end)


def _characters_at(octets: bytes, cut: int) -> tuple[str, str]:
    """The characters on both sides of a cut; a surrogate half counts as one, nothing combines with it."""
    before = octets[cut - UCS2_UNIT_OCTETS : cut].decode("utf-16-be", "replace")
    after = octets[cut : cut + UCS2_UNIT_OCTETS].decode("utf-16-be", "replace")
    return before[:1], after[:1]
