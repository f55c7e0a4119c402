"""The user data header of 23.040 §9.2.3.24: what a segment says about the message it is part of."""

from dataclasses import dataclass

from sms.text.errors import HeaderMalformed

IEI_CONCATENATED_8BIT = 0x00
IEI_CONCATENATED_16BIT = 0x08
_REFERENCE_OCTETS = {IEI_CONCATENATED_8BIT: 1, IEI_CONCATENATED_16BIT: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Concatenation:
    """Part `number` of `total` of the message that the sender calls `reference`."""

    reference: int
    total: int
    number: int
    wide: bool = False

    def udh(self) -> bytes:
        """The header with its length octet: 6 octets with an 8-bit reference, 7 with a 16-bit one."""
        iei = IEI_CONCATENATED_16BIT if self.wide else IEI_CONCATENATED_8BIT
        reference = self.reference.to_bytes(_REFERENCE_OCTETS[iei], "big")
        element = bytes((iei, len(reference) + 2)) + reference + bytes((self.total, self.number))
        return bytes((len(element),)) + element


def split_header(user_data: bytes) -> tuple[Concatenation | None, bytes]:
    """The concatenation named in the header and the octets after it; for user data whose UDHI bit is set.

    Other elements are skipped. A concatenation that cannot be (part 0, part 3 of 2) is ignored, as 23.040
    §9.2.3.24.1 asks. Raises HeaderMalformed where the lengths do not add up.
    """
    if not user_data or user_data[0] >= len(user_data):
        raise HeaderMalformed("the user data header is longer than the user data")
    elements, payload = user_data[1 : 1 + user_data[0]], user_data[1 + user_data[0] :]
    concatenation = None
    while elements:
        if len(elements) < 2 or len(elements) < 2 + elements[1]:  # noqa: PLR2004 - identifier and length octets
            raise HeaderMalformed("an information element is longer than its header")
        body, rest = elements[2 : 2 + elements[1]], elements[2 + elements[1] :]
        concatenation = _concatenation(elements[0], body) or concatenation
        elements = rest
    return concatenation, payload


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
