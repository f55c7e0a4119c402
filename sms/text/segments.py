"""A text cut into the segments that carry it, each with its concatenation header (23.040 §9.2.3.24).

The radio carries 140 octets of user data, header included; SMPP's 254 octets are no measure. A cut never
parts an ESC from its code or the halves of a surrogate pair, and leaves combining marks with their letter
where that needs no further segment.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from sms.text.carriage import PLAIN, Carriage, DefaultAlphabet, LongMessages
from sms.text.coding import Coding, Cost, UnicodeMode, display_form, straighten, transliterate
from sms.text.cutting import UCS2_UNIT_OCTETS, cut_octets
from sms.text.errors import TextTooLong
from sms.text.gsm import DEFAULT, OCTET_BITS, SEPTET_BITS, fill_bits_after, pack
from sms.text.headers import DEFAULT_TABLES, Concatenation, ShiftTables, header_of
from sms.text.national import has_locking

USER_DATA_OCTETS_MAX = 140
PARTS_MAX = 255
BASIC_PLANE_LAST = 0xFFFF  # a character beyond costs a surrogate pair
CARRIAGES_KEPT = 64

_REFERENCES = {LongMessages.UDH8: 0x100, LongMessages.UDH16: 0x1_0000, LongMessages.SAR: 0x1_0000}
# What joins segments on the radio; an SMSC may write the 16-bit header for sar_*, and cuts a payload as it likes.
_JOINING_OCTETS = {LongMessages.UDH8: 5, LongMessages.UDH16: 6, LongMessages.SAR: 6, LongMessages.PAYLOAD: 5}
_BY_HEADER = (LongMessages.UDH8, LongMessages.UDH16)
_CODEC_OF = {DefaultAlphabet.LATIN1: Coding.LATIN1, DefaultAlphabet.ASCII: Coding.ASCII}
_CONTROLS = frozenset(map(chr, range(0x7F, 0xA0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One submission: `udh` is empty without a header; `payload` is as SMPP carries it, GSM-7 unpacked.

    `joined` says how it belongs to others; None for a text that needs no others. PAYLOAD: the whole text at once.
    """

    udh: bytes
    payload: bytes
    coding: Coding
    number: int
    total: int
    reference: int = 0
    joined: LongMessages | None = None
    tables: ShiftTables = DEFAULT_TABLES

    @property
    def short_message(self) -> bytes:
        """Header and text; the UDHI bit of esm_class is set iff `udh` is not empty."""
        return self.udh + self.payload

    @property
    def user_data(self) -> bytes:
        """The octets on the radio, at most 140 unless the SMSC is to cut: septets packed after their fill bits."""
        if self.coding is not Coding.GSM7:
            return self.short_message
        return self.udh + pack(self.payload, fill_bits=fill_bits_after(len(self.udh)))

    @property
    def form(self) -> str:
        """What decides where the text is cut: segments of one text and one form go together."""
        return f"{self.coding}:{self.joined or 'one'}:{self.tables.locking or 0}:{self.tables.single or 0}"


@dataclass(slots=True, kw_only=True)
class _Coded:
    """A text in octets (not frozen, like the next: there are several for every message)."""

    coding: Coding
    octets: bytes
    tables: ShiftTables = DEFAULT_TABLES

    @property
    def units(self) -> int:
        return len(self.octets) // UCS2_UNIT_OCTETS if self.coding is Coding.UCS2 else len(self.octets)


@dataclass(slots=True, kw_only=True)
class _Cut:
    """A coded text and its pieces; `piece_max` is how many units the last one could have."""

    coded: _Coded
    pieces: list[bytes]
    piece_max: int


def capacity(coding: Coding, header_octets: int) -> int:
    """How many units (septets, octets or UTF-16 units) fit beside a header of this many octets."""
    octets = USER_DATA_OCTETS_MAX - header_octets
    if coding is Coding.GSM7:
        return octets * OCTET_BITS // SEPTET_BITS
    return octets // UCS2_UNIT_OCTETS if coding is Coding.UCS2 else octets


def segments_for(
    text: str, *, reference: int, carriage: Carriage = PLAIN, parts_max: int = PARTS_MAX
) -> tuple[Segment, ...]:
    """The segments of exactly this text as a link carries it, in as few as its alphabets allow.

    `reference` is the caller's number of the message, of which the header carries the low 8 or 16 bits; a single
    segment carries none. Raises TextTooLong above `parts_max`.
    """
    cut = _cut_for(text, carriage)
    coded, parts = cut.coded, len(cut.pieces)
    if parts > min(parts_max, PARTS_MAX):
        raise TextTooLong(parts=parts, parts_max=min(parts_max, PARTS_MAX))
    tables = coded.tables.elements()
    way = carriage.long_messages
    if parts == 1 or way is LongMessages.PAYLOAD:
        udh = header_of(tables)
        joined = None if parts == 1 else way
        return (_segment(coded, coded.octets, udh=udh, number=1, total=1, joined=joined),)
    reference %= _REFERENCES[way]
    segments: list[Segment] = []
    for number, piece in enumerate(cut.pieces, start=1):
        udh = b""
        if way in _BY_HEADER:
            wide = way is LongMessages.UDH16
            part = Concatenation(reference=reference, total=parts, number=number, wide=wide)
            udh = header_of(part.element() + tables)
        segments.append(_segment(coded, piece, udh=udh, number=number, total=parts, joined=way, reference=reference))
    return tuple(segments)


def prepared(text: str, mode: UnicodeMode, carriage: Carriage = PLAIN) -> str:
    """The text as a subscriber's mode wants it sent.

    `strict` changes nothing. `translit` rewrites whenever that brings it into the link's alphabet. `cheapest`
    rewrites as little as saves a segment. A text that no rewriting brings there keeps its letters.
    """
    if mode is UnicodeMode.STRICT or text.isascii():
        return text
    faithful = display_form(text)
    rewritten = transliterate(text)
    if _default_coded(rewritten, carriage.alphabet) is None:
        return faithful
    if mode is UnicodeMode.TRANSLIT:
        return rewritten
    return min((faithful, straighten(text), rewritten), key=lambda form: len(_cut_for(form, carriage).pieces))


def cost_of(text: str, carriage: Carriage = PLAIN) -> Cost:
    """What sending exactly this text costs; for a preview while it is typed, so no cap applies."""
    cut = _cut_for(text, carriage)
    coded = cut.coded
    last = _Coded(coding=coded.coding, octets=cut.pieces[-1])
    doubled: tuple[str, ...] = ()
    if coded.coding is Coding.GSM7:
        doubled = coded.tables.alphabet.extended(text)
    elif coded.coding is Coding.UCS2:
        doubled = tuple(char for char in dict.fromkeys(text) if ord(char) > BASIC_PLANE_LAST)
    return Cost(
        coding=coded.coding,
        segments=len(cut.pieces),
        units=coded.units,
        units_left=cut.piece_max - last.units,
        forced_by=_outside(text, carriage.alphabet) if coded.coding is Coding.UCS2 else (),
        doubled=doubled,
        tables=coded.tables,
    )


def _segment(
    coded: _Coded,
    payload: bytes,
    *,
    udh: bytes,
    number: int,
    total: int,
    joined: LongMessages | None,
    reference: int = 0,
) -> Segment:
    return Segment(
        udh=udh,
        payload=payload,
        coding=coded.coding,
        number=number,
        total=total,
        reference=reference,
        joined=joined,
        tables=coded.tables,
    )


def _cut_for(text: str, carriage: Carriage) -> _Cut:
    """The link's own alphabet where it holds the text; else UCS-2, unless national tables need fewer segments."""
    coded = _default_coded(text, carriage.alphabet)
    if coded is not None:
        return _cut(coded, carriage.long_messages)
    best = _cut(_Coded(coding=Coding.UCS2, octets=text.encode("utf-16-be", "surrogatepass")), carriage.long_messages)
    for tables in _tables_of(carriage):
        if len(best.pieces) == 1:
            break
        septets = tables.alphabet.encode_or_none(text)
        if septets is None:
            continue
        other = _cut(_Coded(coding=Coding.GSM7, octets=septets, tables=tables), carriage.long_messages)
        is_carried = len(other.pieces) == 1 or carriage.long_messages in _BY_HEADER
        if is_carried and len(other.pieces) < len(best.pieces):
            best = other
    return best


def _cut(coded: _Coded, way: LongMessages) -> _Cut:
    elements = len(coded.tables.elements())
    alone = capacity(coded.coding, 1 + elements if elements else 0)
    if coded.units <= alone:
        return _Cut(coded=coded, pieces=[coded.octets], piece_max=alone)
    piece_max = capacity(coded.coding, 1 + _JOINING_OCTETS[way] + elements)
    return _Cut(coded=coded, pieces=cut_octets(coded.octets, coded.coding, piece_max), piece_max=piece_max)


def _default_coded(text: str, alphabet: DefaultAlphabet) -> _Coded | None:
    """The text in what data_coding 0 means, or None where a character is outside."""
    if alphabet is DefaultAlphabet.GSM7:
        septets = DEFAULT.encode_or_none(text)
        return None if septets is None else _Coded(coding=Coding.GSM7, octets=septets)
    if _outside(text, alphabet):
        return None
    return _Coded(coding=_CODEC_OF[alphabet], octets=text.encode("latin-1"))


def _outside(text: str, alphabet: DefaultAlphabet) -> tuple[str, ...]:
    if alphabet is DefaultAlphabet.GSM7:
        return DEFAULT.outside(text)
    last = "\xff" if alphabet is DefaultAlphabet.LATIN1 else "\x7e"
    return tuple(char for char in dict.fromkeys(text) if char > last or char in _CONTROLS)


@lru_cache(maxsize=CARRIAGES_KEPT)
def _tables_of(carriage: Carriage) -> tuple[ShiftTables, ...]:
    """The tables a link may use, what costs least and most handsets know first: one single, one locking, both."""
    if carriage.alphabet is not DefaultAlphabet.GSM7:
        return ()
    return tuple(_combinations(carriage))


def _combinations(carriage: Carriage) -> Iterator[ShiftTables]:
    locking = [language for language in carriage.shift_tables if has_locking(language)]
    for single in carriage.shift_tables:
        yield ShiftTables(single=single)
    for language in locking:
        yield ShiftTables(locking=language)
    for language in locking:
        for single in carriage.shift_tables:
            yield ShiftTables(locking=language, single=single)
