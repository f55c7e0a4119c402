"""Where octets may be cut into segments: never inside a character, and rather not between a letter and its marks."""

import unicodedata
from collections.abc import Callable

from sms.text.coding import Coding
from sms.text.gsm import ESC

UCS2_UNIT_OCTETS = 2
CLUSTER_UNITS_MAX = 12  # a longer run of joined characters is cut like plain ones

_HIGH_SURROGATES = range(0xD8, 0xDC)
_LOW_SURROGATES = range(0xDC, 0xE0)
_JOINER = "\N{ZERO WIDTH JOINER}"


def cut_octets(octets: bytes, coding: Coding, units_max: int) -> list[bytes]:
    """The fewest pieces; among those, ones that keep combined characters whole."""
    if coding is Coding.GSM7:
        return _pieces(octets, units_max, _septet_boundary)
    if coding is not Coding.UCS2:
        return _pieces(octets, units_max, _octet_boundary)
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


def _octet_boundary(_octets: bytes, end: int) -> int:
    return end


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
