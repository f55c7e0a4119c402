"""How an SMSC misbehaves on its connections: part of a fault document, obeyed by `simulator.misbehaving`.

Habits are within the standard or a little beside it; these are what no peer should do and some do.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from simulator.documents import Document

DELAY_MS_MAX = 3_600_000
UNASKED_MAX = 100_000
UNASKED_PER_SECOND_MAX = 20_000


class BindManner(StrEnum):
    """What becomes of a bind."""

    ANSWERED = "answered"
    DROPPED = "dropped"
    NEVER = "never"


class Unasked(StrEnum):
    """What is sent to a bound ESME that did not ask for it."""

    NOTHING = "nothing"
    UNBIND = "unbind"
    ENQUIRE_LINKS = "enquire_links"
    MESSAGES = "messages"
    SHUFFLED_PARTS = "shuffled_parts"
    UNKNOWN_RECEIPTS = "unknown_receipts"
    ODD_NUMBERS = "odd_numbers"
    UNKNOWN_COMMANDS = "unknown_commands"
    GARBAGE = "garbage"
    MUTANTS = "mutants"
    GIANT_LENGTH = "giant_length"
    TINY_LENGTH = "tiny_length"


class Misbehaviour(Document):
    """All of it; the defaults are good manners.

    `number_offset` is added to the sequence_number of answers after the bind; `fails_every_second` answers every
    second submission with ESME_RSYSERR although it is taken; `hangs_up_after` closes once so many PDUs were sent
    after the bind; `flap_ms` lets connections live for that long, then drops all for as long.
    """

    bind: BindManner = BindManner.ANSWERED
    bind_delay_ms: Annotated[int, Field(ge=0, le=DELAY_MS_MAX)] = 0
    mute: bool = False
    answers_enquire_link: bool = True
    number_offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    fails_every_second: bool = False
    hangs_up_after: Annotated[int, Field(ge=1, le=1_000)] | None = None
    reads: bool = True
    flap_ms: Annotated[int, Field(ge=100, le=DELAY_MS_MAX)] | None = None
    unasked: Unasked = Unasked.NOTHING
    unasked_count: Annotated[int, Field(ge=1, le=UNASKED_MAX)] = 1
    unasked_per_s: Annotated[int, Field(ge=1, le=UNASKED_PER_SECOND_MAX)] = 100


GOOD_MANNERS = Misbehaviour()
