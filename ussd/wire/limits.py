"""How much text one USSD string may carry; each network has its own octet limit."""

from dataclasses import dataclass

from sms.text.gsm import OCTET_BITS, SEPTET_BITS
from ussd.wire.strings import octets_of

OCTETS_MAX = 160  # 182 septets or 80 UCS-2 characters
OCTETS_MAX_SHORT_FORM = 112  # what passes where component lengths have one octet (Osmocom): 128 or 56


@dataclass(frozen=True, slots=True, kw_only=True)
class UssdLimits:
    """The room of one string; `septets_max` and `units_max` follow from the octets."""

    octets_max: int = OCTETS_MAX

    @property
    def septets_max(self) -> int:
        """How many GSM-7 septets fit."""
        return self.octets_max * OCTET_BITS // SEPTET_BITS

    @property
    def units_max(self) -> int:
        """How many UTF-16 units fit."""
        return self.octets_max // 2

    def fits(self, text: str) -> bool:
        """Whether the packed text, carriage return included, stays inside."""
        return octets_of(text) <= self.octets_max
