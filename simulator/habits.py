"""The habits of SMSCs: what each brand does its own way, within the standard or a little beside it.

A persona is a whole fault document with a name; `firstcharge smpp probe` is tested by finding what each does.
"""

from enum import StrEnum
from functools import lru_cache
from typing import Annotated

from pydantic import Field, field_validator

from simulator.documents import Document
from simulator.msisdn import COUNTRY_CODE, TRUNK_PREFIX
from sms.smpp.constants import CommandStatus, DataCoding, Ton
from sms.smpp.pdu import DataSm, DeliverSm, SubmitMulti, SubmitSm

WINDOW_MAX = 10_000
VENDOR_STATUSES = range(0x400, 0x500)
OCTETS_OF_8_BIT_MAX = 140
"""What one segment holds in an alphabet of octets; one of septets holds 160."""

OK = 0

Submission = SubmitSm | SubmitMulti | DataSm


class Alphabet(StrEnum):
    """What data_coding 0 means to an SMSC."""

    GSM7 = "gsm7"
    LATIN1 = "latin1"
    ASCII = "ascii"


class Ids(StrEnum):
    """How message ids are written in answers."""

    HEX = "hex"
    DECIMAL = "decimal"


class Parameters(StrEnum):
    """What becomes of optional parameters in a submission."""

    TAKEN = "taken"
    REFUSED = "refused"


class Habits(Document):
    """All of them; the defaults are those of a modern SMSC."""

    alphabet: Alphabet = Alphabet.GSM7
    ids: Ids = Ids.HEX
    announces_version: bool = True
    parameters: Parameters = Parameters.TAKEN
    receipt_parameters: bool = True
    names_as_senders: bool = True
    window: Annotated[int, Field(ge=1, le=WINDOW_MAX)] | None = None
    """Unanswered submissions of a session: those that came in one read, and those whose answers a fault delays."""
    throttle_status: str = "ESME_RTHROTTLED"
    trunk_prefix: bool = False
    """Handsets' numbers are written with the national prefix, 8 916 …, and TON unknown."""

    @field_validator("throttle_status")
    @classmethod
    def _is_a_status(cls, name: str) -> str:
        status_of(name)
        return name


@lru_cache(maxsize=64)
def status_of(name: str) -> int:
    """The number of a status given by its standard name or as 0x….

    Raises:
        ValueError: it is neither, or says that all is well.
    """
    if name in CommandStatus.__members__:
        status = int(CommandStatus[name])
    else:
        try:
            status = int(name, 16)
        except ValueError:
            raise ValueError(f"no error status is called {name}") from None
        if status not in VENDOR_STATUSES and status not in set(CommandStatus):
            raise ValueError(f"{name} is no status of the standard and none of a vendor (0x400 to 0x4FF)")
    if not status:
        raise ValueError("ESME_ROK is no error")
    return status


_CODING_OF = {Alphabet.LATIN1: int(DataCoding.LATIN_1), Alphabet.ASCII: int(DataCoding.IA5)}
_ASCII = frozenset(range(0x80))


def refusal(habits: Habits, pdu: Submission, text: bytes, *, outstanding: int) -> int:
    """The status with which an SMSC of these habits refuses a submission; 0 to take it.

    `outstanding`: how many the ESME has unanswered, this one included. The length of a segment binds
    short_message alone: message_payload is there for what is longer (SMPP 3.4 §5.3.2.32).
    """
    if habits.parameters is Parameters.REFUSED and pdu.tlvs:
        return int(CommandStatus.ESME_ROPTPARNOTALLWD)
    if habits.window is not None and outstanding > habits.window:
        return status_of(habits.throttle_status)
    if not habits.names_as_senders and pdu.source_addr_ton == Ton.ALPHANUMERIC:
        return int(CommandStatus.ESME_RINVSRCADR)
    if pdu.data_coding == DataCoding.SMSC_DEFAULT and habits.alphabet in _CODING_OF:
        if not isinstance(pdu, DataSm) and len(pdu.short_message) > OCTETS_OF_8_BIT_MAX:
            return int(CommandStatus.ESME_RINVMSGLEN)
        if habits.alphabet is Alphabet.ASCII and not _ASCII.issuperset(text):
            return int(CommandStatus.ESME_RSUBMITFAIL)
    return OK


def source_written_by(habits: Habits, pdu: DeliverSm) -> DeliverSm:
    """A handset's message with its sender as the SMSC writes it."""
    if habits.trunk_prefix and pdu.source_addr.startswith(COUNTRY_CODE):
        pdu.source_addr = TRUNK_PREFIX + pdu.source_addr.removeprefix(COUNTRY_CODE)
        pdu.source_addr_ton = int(Ton.UNKNOWN)
    return pdu


def read_by(habits: Habits, pdu: Submission) -> None:
    """The message as the SMSC understands it: its default alphabet named where it is not GSM's."""
    if pdu.data_coding == DataCoding.SMSC_DEFAULT and habits.alphabet in _CODING_OF:
        pdu.data_coding = _CODING_OF[habits.alphabet]
