"""The user data header of 23.040 §9.2.3.24: which message a segment is part of, and which tables its letters need."""

from dataclasses import dataclass

from sms.text.errors import HeaderMalformed
from sms.text.gsm import Alphabet
from sms.text.national import Language, alphabet

IEI_CONCATENATED_8BIT = 0x00
IEI_CONCATENATED_16BIT = 0x08
IEI_SINGLE_SHIFT = 0x24
IEI_LOCKING_SHIFT = 0x25
_LANGUAGES = {int(language): language for language in Language}
_REFERENCE_OCTETS = {IEI_CONCATENATED_8BIT: 1, IEI_CONCATENATED_16BIT: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Concatenation:
    """Part `number` of `total` of the message that the sender calls `reference`."""

    reference: int
    total: int
    number: int
    wide: bool = False

    def element(self) -> bytes:
        """The information element: 5 octets with an 8-bit reference, 6 with a 16-bit one."""
        iei = IEI_CONCATENATED_16BIT if self.wide else IEI_CONCATENATED_8BIT
        reference = self.reference.to_bytes(_REFERENCE_OCTETS[iei], "big")
        return bytes((iei, len(reference) + 2)) + reference + bytes((self.total, self.number))


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftTables:
    """The national language tables that the septets of a segment are in; None for the default's."""

    locking: Language | None = None
    single: Language | None = None

    @property
    def alphabet(self) -> Alphabet:
        """The alphabet of these two tables."""
        return alphabet(self.locking, self.single)

    def elements(self) -> bytes:
        """The information elements, 3 octets for each table that is not the default's (23.040 §9.2.3.24.15-16)."""
        named = ((IEI_SINGLE_SHIFT, self.single), (IEI_LOCKING_SHIFT, self.locking))
        return b"".join(bytes((iei, 1, language)) for iei, language in named if language is not None)


DEFAULT_TABLES = ShiftTables()


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a header says, as far as showing a text needs it."""

    concatenation: Concatenation | None = None
    tables: ShiftTables = DEFAULT_TABLES


def header_of(elements: bytes) -> bytes:
    """Information elements behind their length octet; nothing for none."""
    return bytes((len(elements),)) + elements if elements else b""


def split_header(user_data: bytes) -> tuple[Header, bytes]:
    """What the header says and the octets after it; for user data whose UDHI bit is set.

    Other elements are skipped. A concatenation that cannot be (part 0, part 3 of 2) is ignored, as 23.040
    §9.2.3.24.1 asks, and so is a language nobody knows. Raises HeaderMalformed where the lengths do not add up.
    """
    if not user_data or user_data[0] >= len(user_data):
        raise HeaderMalformed("the user data header is longer than the user data")
    elements, payload = user_data[1 : 1 + user_data[0]], user_data[1 + user_data[0] :]
    concatenation = None
    locking = single = None
    while elements:
        if len(elements) < 2 or len(elements) < 2 + elements[1]:  # noqa: PLR2004 - identifier and length octets
            raise HeaderMalformed("an information element is longer than its header")
        iei, body, elements = elements[0], elements[2 : 2 + elements[1]], elements[2 + elements[1] :]
        if iei == IEI_SINGLE_SHIFT:
            single = _language(body)
        elif iei == IEI_LOCKING_SHIFT:
            locking = _language(body)
        else:
            concatenation = _concatenation(iei, body) or concatenation
    return Header(concatenation=concatenation, tables=ShiftTables(locking=locking, single=single)), payload


def _language(body: bytes) -> Language | None:
    return _LANGUAGES.get(body[0]) if len(body) == 1 else None


def _concatenation(iei: int, body: bytes) -> Concatenation | None:
    reference_octets = _REFERENCE_OCTETS.get(iei)
    if reference_octets is None or len(body) != reference_octets + 2:
        return None
    total, number = body[-2], body[-1]
    if not 1 <= number <= total:
        return None
    return Concatenation(
        reference=int.from_bytes(body[:reference_octets], "big"),
        total=total,
        number=number,
        wide=iei == IEI_CONCATENATED_16BIT,
    )
