"""SMSCs by name, chosen by `/sim/personas/NAME` or `[simulator] persona`.

PERSONAS do a thing their own way and can be worked with; HOSTILE_PERSONAS are broken or mean no good.
"""

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


def _hostile(what: str, **misbehaviour: object) -> Persona:
    return _persona(what, misbehaviour=misbehaviour)


HOSTILE_PERSONAS: Mapping[str, Persona] = {
    "never_binds": _hostile("takes connections and never answers a bind", bind="never"),
    "late_bind": _hostile("answers a bind after a minute", bind_delay_ms=60_000),
    "drops_binds": _hostile("closes the connection instead of answering a bind", bind="dropped"),
    "unbinds_at_once": _hostile("accepts a bind and says unbind", unasked="unbind"),
    "hangs_up": _hostile("closes the connection after every PDU it sends", hangs_up_after=1),
    "flapping": _hostile("is up for a second and down for a second", flap_ms=1_000),
    "half_open": _persona("takes connections; octets vanish in both directions", link="half_open"),
    "mute": _hostile("accepts binds and then says nothing at all", mute=True),
    "no_enquire_link": _hostile("answers everything but enquire_link", answers_enquire_link=False),
    "enquire_link_storm": _hostile(
        "asks enquire_link 500 times a second", unasked="enquire_links", unasked_count=100_000, unasked_per_s=500
    ),
    "late_answers": _persona("answers submissions after twenty minutes", response={"delay_ms": 1_200_000}),
    "wrong_sequence": _hostile("answers under the wrong sequence_number", number_offset=1_000),
    "fails_every_second": _hostile("answers every second submission with ESME_RSYSERR", fails_every_second=True),
    "not_reading": _hostile("accepts a bind and never reads its socket again", reads=False),
    "giant_length": _hostile("sends a PDU of two gigabytes", unasked="giant_length"),
    "tiny_length": _hostile("sends a PDU of eight octets", unasked="tiny_length"),
    "garbage": _hostile("sends octets that are no PDUs", unasked="garbage"),
    "unknown_commands": _hostile("sends requests that nobody defined", unasked="unknown_commands", unasked_count=50),
    "mutants": _hostile(
        "sends PDUs with spoiled octets", unasked="mutants", unasked_count=100_000, unasked_per_s=1_000
    ),
    "delivery_flood": _hostile(
        "delivers as fast as the socket takes it", unasked="messages", unasked_count=20_000, unasked_per_s=20_000
    ),
    "shuffled_parts": _hostile(
        "delivers the parts of long messages in any order, double, or not at all",
        unasked="shuffled_parts",
        unasked_count=14,
    ),
    "unknown_receipts": _hostile(
        "sends receipts for ids it never gave", unasked="unknown_receipts", unasked_count=20
    ),
    "odd_numbers": _hostile(
        "delivers from 8-prefixed numbers, with a plus, and of wrong TON and NPI",
        unasked="odd_numbers",
        unasked_count=14,
    ),
    "eight_prefixed": _persona(
        "writes the numbers of handsets with the national prefix: 8 916 …", habits={"trunk_prefix": True}
    ),
}
EVERY_PERSONA: Mapping[str, Persona] = {**PERSONAS, **HOSTILE_PERSONAS}
