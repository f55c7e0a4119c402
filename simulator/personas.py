"""SMSCs by name, each with a thing it does its own way. Chosen by `/sim/personas/NAME` or `[simulator] persona`."""

from collections.abc import Mapping
from typing import NamedTuple

from simulator.faults import Faults

_SHUFFLED_MS = (0, 900)


class Persona(NamedTuple):
    """What it does, in words, and the fault document that makes the simulator do it."""

    what: str
    faults: Faults


def _persona(what: str, **document: object) -> Persona:
    return Persona(what, Faults.model_validate(document))


PERSONAS: Mapping[str, Persona] = {
    "modern": _persona("does everything as the standard says"),
    "hex_receipts": _persona(
        "ids are decimal in answers and hexadecimal in receipts",
        habits={"ids": "decimal"},
        receipt={"id_form": "hex"},
    ),
    "decimal_receipts": _persona(
        "ids are hexadecimal in answers and decimal in receipts", receipt={"id_form": "decimal"}
    ),
    "bare_ids": _persona("receipts leave out the leading zeros of ids", receipt={"id_form": "no_zeros"}),
    "text_receipts": _persona("receipts are text alone, without parameters", habits={"receipt_parameters": False}),
    "silent_version": _persona(
        "takes and sends parameters, and never says its version", habits={"announces_version": False}
    ),
    "no_parameters": _persona(
        "refuses every submission with an optional parameter",
        habits={"announces_version": False, "parameters": "refused", "receipt_parameters": False},
    ),
    "latin1": _persona("data_coding 0 is Latin-1", habits={"alphabet": "latin1"}),
    "ascii": _persona("data_coding 0 is IA5, and an octet above 127 is refused", habits={"alphabet": "ascii"}),
    "slow_lane": _persona("takes ten messages a second", rate_limit_per_s=10),
    "vendor_throttle": _persona(
        "takes ten messages a second and says 0x400 to the eleventh",
        rate_limit_per_s=10,
        habits={"throttle_status": "0x400"},
    ),
    "narrow_window": _persona(
        "takes three unanswered messages at once", response={"delay_ms": 40}, habits={"window": 3}
    ),
    "receipts_first": _persona("the receipt comes before the answer", receipt={"before_response": 1}),
    "shuffled_receipts": _persona("receipts come in any order", receipt={"delay_ms": _SHUFFLED_MS}),
    "number_senders": _persona("refuses names as senders", habits={"names_as_senders": False}),
    "no_receipts": _persona("never sends a receipt", receipt={"drop": 1}),
}
