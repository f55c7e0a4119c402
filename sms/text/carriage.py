"""How one link carries texts: what its data_coding 0 means, which national tables it may use, how it joins segments.

A text is frozen once; its segments belong to the link that takes it, for another SMSC may need other ones.
"""

from dataclasses import dataclass
from enum import StrEnum

from sms.text.national import Language


class DefaultAlphabet(StrEnum):
    """What data_coding 0 means at an SMSC (SMPP 3.4 §5.2.19)."""

    GSM7 = "gsm7"
    LATIN1 = "latin1"
    ASCII = "ascii"

    @property
    def data_coding(self) -> int:
        """The data_coding that says the same everywhere; GSM's alphabet has none but 0."""
        return _DATA_CODINGS[self]


_DATA_CODINGS = {DefaultAlphabet.GSM7: 0, DefaultAlphabet.LATIN1: 3, DefaultAlphabet.ASCII: 1}


class LongMessages(StrEnum):
    """How the segments of a long text say that they belong together, or that the SMSC is to cut it itself."""

    UDH8 = "udh8"
    UDH16 = "udh16"
    SAR = "sar"
    PAYLOAD = "payload"


@dataclass(frozen=True, slots=True, kw_only=True)
class Carriage:
    """The texts of one link. Shift tables are used only where they save a segment over UCS-2."""

    alphabet: DefaultAlphabet = DefaultAlphabet.GSM7
    shift_tables: tuple[Language, ...] = ()
    long_messages: LongMessages = LongMessages.UDH8


PLAIN = Carriage()
