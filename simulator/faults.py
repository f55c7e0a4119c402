"""Faults on purpose: the document of /sim/faults, and the seeded choices made from it.

The same seed and the same traffic give the same faults. A probability named p is drawn for each PDU it
concerns. Without a fault `FaultPlan.active` is false and the hot path asks nothing further.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator

from simulator.documents import Document
from simulator.habits import Habits, Ids
from simulator.misbehaviour import GOOD_MANNERS, Misbehaviour
from simulator.rng import Rng
from sms.smpp.constants import CommandStatus, MessageState

DELAY_MS_MAX = 3_600_000
RATE_MAX = 1_000_000

STATES_BY_STAT = {
    "ENROUTE": MessageState.ENROUTE,
    "DELIVRD": MessageState.DELIVERED,
    "EXPIRED": MessageState.EXPIRED,
    "DELETED": MessageState.DELETED,
    "UNDELIV": MessageState.UNDELIVERABLE,
    "ACCEPTD": MessageState.ACCEPTED,
    "UNKNOWN": MessageState.UNKNOWN,
    "REJECTD": MessageState.REJECTED,
}


class LinkState(StrEnum):
    """What the SMSC does with its links."""

    UP = "up"
    DOWN = "down"
    HALF_OPEN = "half_open"
    REFUSE_BIND = "refuse_bind"


class IdForm(StrEnum):
    """How a receipt's text writes the message id, compared with the submit_sm_resp."""

    AS_SENT = "as_sent"
    HEX = "hex"
    DECIMAL = "decimal"
    NO_ZEROS = "no_zeros"


class ResponseFault(StrEnum):
    """What happens to one response."""

    NONE = "none"
    DROP = "drop"
    DUPLICATE = "duplicate"
    REORDER = "reorder"


Probability = Annotated[float, Field(ge=0, le=1)]


def _pair(value: Any) -> Any:
    return [value, value] if isinstance(value, int) and not isinstance(value, bool) else value


Delay = Annotated[
    tuple[Annotated[int, Field(ge=0, le=DELAY_MS_MAX)], Annotated[int, Field(ge=0, le=DELAY_MS_MAX)]],
    BeforeValidator(_pair),
]


class _Part(Document):
    @field_validator("delay_ms", check_fields=False)
    @classmethod
    def _in_order(cls, delay: tuple[int, int]) -> tuple[int, int]:
        if delay[0] > delay[1]:
            raise ValueError("the first bound is above the second")
        return delay


class ResponseFaults(_Part):
    """Of the answers to submit_sm and its kin; `status` refuses the message with that status."""

    delay_ms: Delay = (0, 0)
    drop: Probability = 0
    duplicate: Probability = 0
    reorder: Probability = 0
    status: dict[str, Probability] = Field(default_factory=dict)

    @field_validator("status")
    @classmethod
    def _are_statuses(cls, statuses: dict[str, float]) -> dict[str, float]:
        unknown = [name for name in statuses if name not in CommandStatus.__members__ or name == "ESME_ROK"]
        if unknown:
            raise ValueError(f"no error status is called {unknown[0]}")
        return _at_most_one(statuses)


class ReceiptFaults(_Part):
    """Of the receipts; what `states` leaves of 1 goes to DELIVRD, or to UNDELIV where DELIVRD is named."""

    delay_ms: Delay = (0, 0)
    drop: Probability = 0
    duplicate: Probability = 0
    before_response: Probability = 0
    id_form: IdForm = IdForm.AS_SENT
    states: dict[str, Probability] = Field(default_factory=dict)

    @field_validator("states")
    @classmethod
    def _are_states(cls, states: dict[str, float]) -> dict[str, float]:
        unknown = [name for name in states if name not in STATES_BY_STAT]
        if unknown:
            raise ValueError(f"no receipt state is called {unknown[0]}: there are {', '.join(STATES_BY_STAT)}")
        return _at_most_one(states)


class UssdFaults(_Part):
    """Of the USSD centre's dialogues."""

    delay_ms: Delay = (0, 0)
    abort: Probability = 0
    duplicate_begin: Probability = 0


class Faults(_Part):
    """The whole document, as PUT takes it and GET gives it."""

    seed: int = 0
    link: LinkState = LinkState.UP
    response: ResponseFaults = ResponseFaults()
    rate_limit_per_s: Annotated[int, Field(ge=0, le=RATE_MAX)] | None = None
    receipt: ReceiptFaults = ReceiptFaults()
    ussd: UssdFaults = UssdFaults()
    malformed: Probability = 0
    habits: Habits = Habits()
    misbehaviour: Misbehaviour = GOOD_MANNERS


def _at_most_one(weights: dict[str, float]) -> dict[str, float]:
    if sum(weights.values()) > 1 + 1e-9:
        raise ValueError("the probabilities add up to more than 1")
    return weights


class FaultPlan:
    """The faults in force and the dice they are drawn with."""

    def __init__(self, *, rng_for_seed: Callable[[int], Rng]) -> None:
        self._rng_for_seed = rng_for_seed
        self.faults = Faults()
        self._rng = rng_for_seed(0)
        self.active = False

    def replace(self, faults: Faults) -> None:
        """These faults from now on; the dice start again from their seed."""
        self.faults = faults
        self._rng = self._rng_for_seed(faults.seed)
        elsewhere = {"seed": 0, "link": LinkState.UP, "misbehaviour": GOOD_MANNERS}
        self.active = faults.model_copy(update=elsewhere) != Faults()

    def clear(self) -> None:
        """No faults at all."""
        self.replace(Faults())

    def refusal(self) -> CommandStatus | None:
        """The status a submission is refused with; None to accept it."""
        name = self._choose(self.faults.response.status)
        return None if name is None else CommandStatus[name]

    def response(self) -> ResponseFault:
        """What happens to the response of an accepted submission."""
        faults = self.faults.response
        for kind, probability in (
            (ResponseFault.DROP, faults.drop),
            (ResponseFault.DUPLICATE, faults.duplicate),
            (ResponseFault.REORDER, faults.reorder),
        ):
            if self._happens(probability):
                return kind
        return ResponseFault.NONE

    def response_delay_s(self) -> float:
        """How long a response waits."""
        return self._delay(self.faults.response.delay_ms)

    def outcome(self) -> MessageState:
        """What becomes of an accepted message."""
        states = self.faults.receipt.states
        if not states:
            return MessageState.DELIVERED
        rest = "UNDELIV" if "DELIVRD" in states else "DELIVRD"
        return STATES_BY_STAT[self._choose(states) or rest]

    def receipt_copies(self) -> int:
        """How often a receipt is sent: 0, 1 or 2 times."""
        if self._happens(self.faults.receipt.drop):
            return 0
        return 2 if self._happens(self.faults.receipt.duplicate) else 1

    def receipt_delay_s(self) -> float:
        """How long a receipt waits."""
        return self._delay(self.faults.receipt.delay_ms)

    def receipt_goes_first(self) -> bool:
        """Whether this receipt overtakes its own submit_sm_resp."""
        return self._happens(self.faults.receipt.before_response)

    def ussd_delay_s(self) -> float:
        """How long a USSD PDU stays in the network on its way to the ESME."""
        return self._delay(self.faults.ussd.delay_ms)

    def ussd_aborts(self) -> bool:
        """Whether the network aborts this dialogue after its begin."""
        return self._happens(self.faults.ussd.abort)

    def ussd_begins_twice(self) -> bool:
        """Whether the network sends the begin of this dialogue twice."""
        return self._happens(self.faults.ussd.duplicate_begin)

    def malformation(self) -> int | None:
        """Which malformation (0, 1, 2 …, to be taken modulo) spoils this response; None for a sound one."""
        return self._rng.randrange(1 << 16) if self._happens(self.faults.malformed) else None

    def _happens(self, probability: float) -> bool:
        return probability > 0 and self._rng.random() < probability

    def _delay(self, bounds: tuple[int, int]) -> float:
        low, high = bounds
        return (low if low == high else self._rng.randint(low, high)) / 1000

    def _choose(self, weights: dict[str, float]) -> str | None:
        if not weights:
            return None
        drawn = self._rng.random()
        for name, weight in weights.items():
            drawn -= weight
            if drawn < 0:
                return name
        return None


def id_in_form(message_id: str, form: IdForm, ids: Ids = Ids.HEX) -> str:
    """A message id the way a sloppy SMSC would write it in its receipts.

    Its digits are those of `ids`; one given before the habit was another is taken for hexadecimal.
    """
    base = 10 if ids is Ids.DECIMAL and message_id.isdecimal() else 16
    match form:
        case IdForm.HEX:
            return f"{int(message_id, base):x}"
        case IdForm.DECIMAL:
            return str(int(message_id, base))
        case IdForm.NO_ZEROS:
            return message_id.lstrip("0") or "0"
        case IdForm.AS_SENT:
            return message_id
