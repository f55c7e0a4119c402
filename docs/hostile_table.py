"""The page of hostile peers: every persona, what our side does, and the test that shows it."""

import re
from pathlib import Path

from simulator.personas import HOSTILE_PERSONAS
from sms.tools.misbehave import MISDEEDS

TESTS = Path(__file__).parent.parent / "tests"

BACK = "binds again, at most once a second"

GATEWAY = {
    "never_binds": f"closes after `response_timeout_s`; {BACK}",
    "late_bind": f"closes after `response_timeout_s`, so the late answer finds nobody; {BACK}",
    "drops_binds": f"waits with growing jitter; {BACK}",
    "unbinds_at_once": f"answers unbind_resp and leaves; says that the bind was accepted and ended with it; {BACK}",
    "hangs_up": f"takes the answers that came, holds the others for unknown; {BACK}",
    "flapping": f"takes every chance to submit; {BACK}",
    "half_open": f"a bind without answer closes; a bound link is given up after `enquire_link_s` +"
    f" `response_timeout_s`; {BACK}",
    "mute": f"submissions time out (outcome unknown), enquire_link too: closes; {BACK}",
    "no_enquire_link": f"keeps what was answered, closes after `enquire_link_s` + `response_timeout_s`; {BACK}",
    "enquire_link_storm": "answers each; submissions go on",
    "late_answers": "gives the window slots back after `response_timeout_s` (outcome unknown); stays bound; a late"
    " answer completes nothing",
    "wrong_sequence": f"matches by number alone: such answers complete nothing and are logged; enquire_link stays"
    f" unanswered, so it closes; {BACK}",
    "fails_every_second": "the refused are temporary failures, the others accepted; stays bound",
    "not_reading": f"what waits for it is bounded by the window; closes after `write_stall_s` or an unanswered"
    f" enquire_link; {BACK}",
    "giant_length": f"buffers nothing, generic_nack 0x02 with number 0, closes; {BACK}",
    "tiny_length": f"generic_nack 0x02 with number 0, closes; {BACK}",
    "garbage": f"generic_nack 0x02 with number 0, closes; {BACK}",
    "unknown_commands": "generic_nack 0x03 for each; stays bound, submissions go on",
    "mutants": "answers each by its named status or closes where the framing is lost; no exception, nobody else hurt",
    "delivery_flood": "stores what it can; 1,000 messages that wait for their commit, then 0x64, 5,000 unanswered,"
    " then 0x58: the rest waits at the SMSC, memory stays flat",
    "shuffled_parts": "stores each part and answers it; puts the parts together in whatever order they come, a double"
    " one counts once, a missing one is marked when its time is over",
    "unknown_receipts": "stores and answers them, parks them 15 minutes for their submission, changes no message",
    "odd_numbers": "takes what a number can be read from, refuses the rest with 0x48; stays bound",
    "eight_prefixed": "8 916 … is the subscriber +7 916 …: STOP works",
}

SIMULATOR = {
    "connect_and_silent": "closes after `bind_deadline_s` (5 s)",
    "slow_loris": "closes after `bind_deadline_s`, however it trickles",
    "slow_loris_bound": "closes after `partial_pdu_s` (10 s) from the PDU's first octet",
    "bind_and_silent": "asks enquire_link; unbinds after `inactivity_s` where that is set",
    "no_enquire_link": "closes after `enquire_link_s` + `response_timeout_s`",
    "never_answers_deliveries": "answers submissions all the same; receipts wait within the window and come again",
    "wrong_sequence": "such answers complete nothing; receipts come again",
    "submit_before_bind": "0x04; the connection may still bind",
    "receiver_submits": "0x04",
    "binds_twice": "0x05, the session stays",
    "unbinds_and_goes_on": "unbind_resp, 0x04 for what comes behind it, closes",
    "closes_mid_pdu": "forgets the half",
    "giant_length": "generic_nack 0x02 with number 0, closes; nothing is buffered",
    "tiny_length": "generic_nack 0x02 with number 0, closes",
    "garbage": "generic_nack 0x02 with number 0, closes",
    "reconnect_storm": "takes and forgets them; the next client is served",
    "window_overrun": "answers each, with 0x58 above the account's window",
    "enquire_link_storm": "answers each in one write",
    "not_reading": "stops reading it; closes after `write_stall_s` (30 s)",
    "unknown_tlvs": "accepts, ignores them",
    "unknown_commands": "generic_nack 0x03, stays",
    "unasked_responses": "logs them, stays",
    "same_number_twice": "two answers",
    "shuffled_parts": "takes each segment as it is",
    "wrong_ton_npi": "0x50 or 0x51",
    "eight_prefixed": "takes it: a number is digits",
    "sm_length_lies": "0x01",
    "header_lies": "0x43",
    "oversized_field": "0x0F, never cut",
    "mutants": "answers each by its named status or closes where the framing is lost; other sessions go on",
}

OF_SMSCS = "a_hostile_smsc_gets_the_reaction_that_is_named_for_it"
OF_ESMES = "our_smsc_takes_a_misdeed_soundly_and_serves_the_next_client"
FURTHER = {
    ("G", "half_open"): ("a_link_that_becomes_half_open_is_noticed_and_bound_again",
                         "a_peer_whose_machine_is_gone_is_noticed_by_the_kernel_too"),
    ("G", "delivery_flood"): ("a_flood_of_deliveries_nobody_stores_is_throttled_and_memory_stays_flat",
                              "more_than_may_wait_are_asked_for_again"),
    ("G", "not_reading"): ("what_waits_for_a_peer_that_does_not_read_is_bounded",),
    ("G", "shuffled_parts"): (
        "parts_in_any_order_double_or_missing_make_one_message_of_those_that_are_whole",
    ),
    ("G", "mutants"): ("a_gateway_outlives_a_hostile_smsc_and_sends_when_it_has_manners_again",),
    ("G", "mute"): ("an_smsc_that_comes_to_its_senses_is_used_again",),
    ("G", "eight_prefixed"): ("stop_from_a_number_with_the_national_prefix_is_the_subscribers",),
    ("G", "flapping"): ("hundreds_of_links_come_back_spread_out_and_none_binds_twice_in_a_second",),
    ("S", "reconnect_storm"): ("hundreds_of_clients_that_come_back_at_once_are_all_served",),
    ("S", "slow_loris"): ("slow_and_silent_connections_cost_a_good_client_little_of_its_rate",),
    ("S", "not_reading"): ("a_client_that_does_not_read_is_dropped_and_its_memory_with_it",),
}  # fmt: skip

HEAD = """# Hostile and broken peers

What broken, slow and ill-meaning peers do, and what we do about it. Both sides of the table can be used on your own
software: the first half are personas of the simulator, for anyone's ESME; the second half are personas of
`firstcharge smpp misbehave`, for anyone's SMSC. Written by `make docs`; `make check` fails when a persona has no row.

One rule for all: whatever a peer sends costs its own connection at most. The listener lives, other sessions go on,
memory is bounded, and our links bind at most once a second each (`bind_spacing_s`), with full jitter between
attempts.
"""

SMSCS = """
## An SMSC like this, and what the gateway does

    firstcharge simulator --persona mute
    curl -X PUT http://127.0.0.1:8081/sim/personas/mute

or any mixture of them as `misbehaviour` of the document at `/sim/faults`. A connection keeps the manners it was made
with: a change of manners ends the connections of before. Each row is a case of
`test_a_hostile_smsc_gets_the_reaction_that_is_named_for_it`.

| persona | it | the gateway | further tests |
|---|---|---|---|"""

ESMES = """
## An ESME like this, and what the simulated SMSC does

    firstcharge smpp misbehave --list
    firstcharge smpp misbehave smsc.example.net:2775 slow_loris --system-id demo
    firstcharge smpp misbehave smsc.example.net:2775 all --system-id demo --to 79160000001 --json

One misdeed at a time; then a good client binds and asks enquire_link. The verdict is `sound` or `unsound` with the
reason; the exit code is 1 when anything was unsound. `--count` and `--seconds` bound it (20 and 45); what sends
messages needs `--to`, a phone of yours, and sends to no other. `--seconds` must be above the time your SMSC gives
silent peers, or it is told as still open. Each row is a case of
`test_our_smsc_takes_a_misdeed_soundly_and_serves_the_next_client`.

| persona | it | a sound SMSC | ours | further tests |
|---|---|---|---|---|"""


def page() -> str:
    """The page."""
    lines = [HEAD + SMSCS]
    for name, persona in HOSTILE_PERSONAS.items():
        lines.append(f"| `{name}` | {persona.what} | {GATEWAY[name]} | {_further('G', name)} |")
    lines.append(ESMES)
    for name, misdeed in MISDEEDS.items():
        ours = SIMULATOR[name]
        lines.append(f"| `{name}` | {misdeed.what} | {misdeed.sound} | {ours} | {_further('S', name)} |")
    return "\n".join(lines) + "\n"


def unshown() -> list[str]:
    """What the tables lack: a row, a persona of that name, or a test."""
    there = _test_names()
    named = {OF_SMSCS, OF_ESMES, *(test for tests in FURTHER.values() for test in tests)}
    return [
        *(
            f"{name}: no row says what we do"
            for name in {*HOSTILE_PERSONAS} - {*GATEWAY} | {*MISDEEDS} - {*SIMULATOR}
        ),
        *(f"{name}: no such persona" for name in {*GATEWAY} - {*HOSTILE_PERSONAS} | {*SIMULATOR} - {*MISDEEDS}),
        *(f"{test}: no such test" for test in sorted(named - there)),
    ]


def _further(side: str, name: str) -> str:
    return ", ".join(f"`{test}`" for test in FURTHER.get((side, name), ()))


def _test_names() -> set[str]:
    found: set[str] = set()
    for path in TESTS.rglob("test_*.py"):
        found.update(re.findall(r"^(?:async )?def test_(\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))
    return found
