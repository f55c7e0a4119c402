"""The SMPP conformance table: what each side does, and the tests that show it, found by what they say of themselves.

A test names its checks in its docstring ("SMPP checks 8, 21") or, against the simulator, in its name (`test_s49_…`).
A test of what both sides share (codec, framing, session) counts for both.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"
SHOWN_MAX = 3

CHECKS = {
    1: ("ES", "A command_length below 16 means the framing is lost: generic_nack 0x02, then close"),
    2: ("ES", "A length over our cap (64 KiB of payload fit) is refused before anything is buffered"),
    3: ("ES", "PDUs may be split at any octet or come several in one read; a partial one has a time limit"),
    4: ("ES", "An unknown request is answered generic_nack 0x03 with its number; the session stays"),
    5: ("ES", "A generic_nack and an unknown response are never answered"),
    6: ("ES", "Requests carry command_status 0; a status received in one is ignored"),
    7: ("ES", "Numbers run from 1 to 0x7FFFFFFF in steps of 1 and wrap to 1"),
    8: ("ES", "A response repeats its request's number; the two directions count for themselves"),
    9: ("ES", "Responses are matched by number alone, in whatever order they come"),
    10: ("ES", "A double, late or unknown response completes nothing and costs nothing"),
    11: ("ES", "A number that is outstanding is not used again after the wrap"),
    12: ("ES", "An error response may be a header alone, and is sent so"),
    13: ("ES", "A generic_nack fails its own request only; with number 0 it ends the link"),
    14: ("ES", "An undecodable header is nacked with number 0"),
    15: ("S", "Before a bind everything but a bind is refused with 0x04; enquire_link is answered"),
    16: ("ES", "Submissions are for transmitters; data_sm travels both ways on every bind"),
    17: ("S", "Deliveries go to receivers only; a transmitter's receipts to its system_id's receiver"),
    18: ("S", "A second bind on a session is 0x05; a second session of an account is policy, not error"),
    19: ("ES", "Bind refusals are named, or all alike; the ESME tries again after minutes"),
    20: ("S", "A connection that does not bind in time is closed"),
    21: ("ES", "enquire_link is answered at once; silence is asked about, and a dead peer closed"),
    22: ("ES", "Inactivity, where configured, ends in an unbind and not in a drop"),
    23: ("ES", "unbind: no new requests, outstanding answers still come, then close, within a limit"),
    24: ("ES", "What a lost connection leaves unanswered is unknown: neither failed nor sent"),
    25: ("ES", "outbind has no response and is answered with a bind_receiver"),
    26: ("ES", "The lower interface_version counts; sc_interface_version is sent, its absence survived"),
    27: ("S", "An ESME of version 3.3 or less gets no optional parameter"),
    28: ("ES", "alert_notification is never answered"),
    29: ("ES", "Every string has the standard's size, its NUL included"),
    30: ("ES", "A value that is too long is refused by its named status, never cut"),
    31: ("ES", "A string without NUL is malformed and never read past the PDU"),
    32: ("ES", "Addresses fit their TON and NPI"),
    33: ("ES", "Unknown optional parameters are ignored, in any order"),
    34: ("ES", "Lengths and values of optional parameters are checked; a known one is taken in any PDU"),
    35: ("ES", "Exact sizes are exact; what may repeat keeps its order and repeats"),
    36: ("ES", "sar_* come all three, agree, and not together with a user data header"),
    37: ("ES", "The text is in short_message or in message_payload, not in both"),
    38: ("ES", "sm_length counts the octets there are: 254, or 255 between two 5.0 sides"),
    39: ("ES", "esm_class has only the standard's values"),
    40: ("ES", "A user data header that is announced is there and well formed"),
    41: ("ES", "registered_delivery has only the standard's values; 2 means on failure only"),
    42: ("ES", "data_coding travels as it is; UCS-2 has an even length"),
    43: ("ES", "priority_flag is 0 to 3, protocol_id travels as it is"),
    44: ("ES", "Times have the standard's form; a validity ends after its schedule"),
    45: ("ES", "replace_if_present replaces the message that waits between the same addresses"),
    46: ("ES", "sm_default_msg_id comes without a text"),
    47: ("ES", "A message_id is opaque and the same wherever it is named"),
    48: ("S", "submit_multi has 1 to 254 destinations and its answer names the failed ones"),
    49: ("S", "query_sm needs id and source of the submission; only a final message has a final_date"),
    50: ("S", "cancel_sm ends one waiting message, or all between two addresses"),
    51: ("ES", "replace_sm keeps destination and coding, and has no optional parameters before 5.0"),
    52: ("ES", "Over the limit is 0x58, a full queue 0x14; the ESME pauses the link and uses up no attempt"),
    53: ("E", "Statuses are sorted into permanent, temporary, pause and link; the unknown have bounded attempts"),
    54: ("ES", "deliver_sm leaves schedule, validity, replace and default message empty; its answer has one NUL"),
    55: ("ES", "A receipt or message is answered when it is stored, 0x64 when not; 0x64 brings it again"),
    56: ("E", "A receipt is known by esm_class, then by its parameter; what only looks like one is a message"),
    57: ("E", "A receipt's parameters win over its text"),
    58: ("ES", "The text of appendix B is written exactly and read generously"),
    59: ("ES", "The seven letters and message_state agree"),
    60: ("S", "A receipt has its addresses swapped and asks for no receipt itself"),
    61: ("ES", "Receipts may be double, out of order or first; a final state stays"),
    62: ("S", "A long message has a receipt for each segment"),
    63: ("S", "Receipts wait, within limits, while no receiver is bound"),
    64: ("ES", "A delivery that is not answered comes again with a new number"),
}
SIDES = {"E": "gateway (ESME)", "S": "simulator (SMSC)"}

_SMSC_FILES = ("test_sim_", "test_smpp_server", "test_hostile_esmes", "test_hostile_crowds")
_ESME_FILES = (
    "test_smpp_client",
    "test_smpp_foreign",
    "test_dispatcher",
    "test_inbound",
    "test_outbox",
    "test_delivery",
    "test_hostile_smscs",
)
_IN_DOCSTRING = re.compile(r"SMPP checks? ((?:\d+(?:, | and )?)+)")
_IN_NAME = re.compile(r"_s(\d+)(?:_to_(\d+))?")

Found = dict[tuple[int, str], list[str]]


def page() -> str:
    """The page; every check and side with its tests."""
    found = tests_by_check()
    lines = [
        "# SMPP conformance\n",
        "What SMPP 3.4 (and 5.0 where it helps) asks of each side, and what shows it. The gateway is the ESME,",
        "the simulator the SMSC; codec, framing and session are one code for both. Written by `make docs`, and",
        "`make check` fails when a line has no test.\n",
        "| # | what | " + " | ".join(SIDES.values()) + " |",
        "|---|---|---|---|",
    ]
    for number, (sides, sentence) in CHECKS.items():
        cells = [_cell(found.get((number, side), [])) if side in sides else "–" for side in SIDES]
        lines.append(f"| {number} | {sentence} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def unshown() -> list[str]:
    """Which checks have no test on a side they concern."""
    found = tests_by_check()
    return [
        f"SMPP check {number} has no test for the {SIDES[side]}"
        for number, (sides, _) in CHECKS.items()
        for side in sides
        if not found.get((number, side))
    ]


def tests_by_check() -> Found:
    """The names of the tests that show each check on each side, those of one side first."""
    found: Found = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        sides = _sides(path.name)
        for name, text in _tests(path):
            for number in _numbers(name, text, path.name):
                for side in sides:
                    # What was made for one side says more than what both share.
                    found[number, side].insert(0 if len(sides) == 1 else len(found[number, side]), name)
    return found


def _sides(name: str) -> str:
    if name.startswith(_SMSC_FILES):
        return "S"
    return "E" if name.startswith(_ESME_FILES) else "ES"


def _tests(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name, ast.get_docstring(node) or ""


def _numbers(name: str, text: str, file: str) -> set[int]:
    numbers = {int(one) for match in _IN_DOCSTRING.findall(text) for one in re.findall(r"\d+", match)}
    if file.startswith("test_sim_"):
        for first, last in _IN_NAME.findall(name):
            numbers |= set(range(int(first), int(last or first) + 1))
    return numbers


def _cell(names: list[str]) -> str:
    shown = ", ".join(f"`{name.removeprefix('test_')}`" for name in names[:SHOWN_MAX])
    return shown + (f" and {len(names) - SHOWN_MAX} more" if len(names) > SHOWN_MAX else "")
