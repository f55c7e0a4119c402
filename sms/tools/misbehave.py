"""Be a bad ESME to an SMSC once, and say how it took that: `firstcharge smpp misbehave`.

After every misdeed a good client binds and asks enquire_link: an SMSC that answers it no more is not sound,
whatever it did before.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from twisted.internet.error import ConnectError

from sms.errors import BindRefused, LinkClosed
from sms.smpp.pdu import EnquireLink
from sms.tools import judging as take
from sms.tools import misdeeds as do
from sms.tools.stage import Stage

MS_PER_S = 1_000.0


class Misdeed(NamedTuple):
    """What is done and what a sound SMSC does, in words; doing it; judging it; whether it sends messages."""

    what: str
    sound: str
    run: Callable[[Stage], Awaitable[None]]
    judge: take.Judge
    submits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MisdeedReport:
    """What was seen; `complaint` is None where the SMSC was sound. `alive_ms` is the good client's enquire_link."""

    connections: int
    answered: Mapping[tuple[str, int], int]
    closed_after_s: float | None
    seconds: float
    complaint: str | None
    alive_ms: float | None = None


MISDEEDS: Mapping[str, Misdeed] = {
    "connect_and_silent": Misdeed("connects and says nothing", "closes", do.connect_and_silent, take.closes),
    "slow_loris": Misdeed("binds one octet at a time", "closes", do.slow_loris, take.closes),
    "slow_loris_bound": Misdeed(
        "submits one octet at a time", "closes", do.slow_loris_bound, take.closes, submits=True
    ),
    "bind_and_silent": Misdeed(
        "binds and asks for nothing", "keeps it, or unbinds when inactive", do.bind_and_silent, take.nothing_more
    ),
    "no_enquire_link": Misdeed("never answers enquire_link", "closes", do.no_enquire_link, take.closes),
    "never_answers_deliveries": Misdeed(
        "never answers receipts",
        "answers the submissions all the same",
        do.never_answers_deliveries,
        take.answers_all(lambda stage: stage.count),
        submits=True,
    ),
    "wrong_sequence": Misdeed(
        "answers receipts under wrong numbers",
        "answers the submissions all the same",
        do.wrong_sequence,
        take.answers_all(lambda stage: stage.count),
        submits=True,
    ),
    "submit_before_bind": Misdeed(
        "submits before the bind", "refuses with 0x04", do.submit_before_bind, take.refuses, submits=True
    ),
    "receiver_submits": Misdeed(
        "submits as a receiver", "refuses with 0x04", do.receiver_submits, take.refuses, submits=True
    ),
    "binds_twice": Misdeed("binds on a bound session", "refuses with 0x05", do.binds_twice, take.says_already_bound),
    "unbinds_and_goes_on": Misdeed(
        "unbinds and submits all the same",
        "takes no message, and closes",
        do.unbinds_and_goes_on,
        take.refuses,
        submits=True,
    ),
    "closes_mid_pdu": Misdeed(
        "closes in the middle of a PDU", "lives on", do.closes_mid_pdu, take.nothing_more, submits=True
    ),
    "giant_length": Misdeed("announces two gigabytes", "closes at once", do.giant_length, take.closes),
    "tiny_length": Misdeed("announces 15 octets", "closes at once", do.tiny_length, take.closes),
    "garbage": Misdeed("writes what is no PDU", "closes", do.garbage, take.closes),
    "reconnect_storm": Misdeed("binds and drops, again and again", "lives on", do.reconnect_storm, take.nothing_more),
    "window_overrun": Misdeed(
        "submits everything in one write",
        "answers each, if with 0x58",
        do.window_overrun,
        take.answers_all(lambda stage: stage.count),
        submits=True,
    ),
    "enquire_link_storm": Misdeed(
        "asks enquire_link in one write, ten times as often",
        "answers each",
        do.enquire_link_storm,
        take.answers_all(lambda stage: 10 * stage.count, "enquire_link_resp"),
    ),
    "not_reading": Misdeed(
        "asks much and never reads", "stops reading it, later closes", do.not_reading, take.nothing_more
    ),
    "unknown_tlvs": Misdeed(
        "submits with 200 unknown parameters", "ignores them", do.unknown_tlvs, take.accepts, submits=True
    ),
    "unknown_commands": Misdeed(
        "sends a request nobody defined", "answers generic_nack 0x03, stays", do.unknown_commands, take.nacks
    ),
    "unasked_responses": Misdeed("answers what nobody asked", "ignores them", do.unasked_responses, take.stays),
    "same_number_twice": Misdeed(
        "gives two submissions one number",
        "answers both",
        do.same_number_twice,
        take.answers_all(lambda _: 2),
        submits=True,
    ),
    "shuffled_parts": Misdeed(
        "submits parts out of order, one twice",
        "answers each",
        do.shuffled_parts,
        take.answers_all(lambda _: len(do.PART_ORDER)),
        submits=True,
    ),
    "wrong_ton_npi": Misdeed(
        "gives a reserved TON and NPI", "refuses with 0x50 or its like", do.wrong_ton_npi, take.refuses, submits=True
    ),
    "eight_prefixed": Misdeed(
        "gives a number as 8 916 …", "answers, whatever it is", do.eight_prefixed, take.answers, submits=True
    ),
    "sm_length_lies": Misdeed(
        "announces more text than there is", "refuses", do.sm_length_lies, take.refuses, submits=True
    ),
    "header_lies": Misdeed(
        "announces a longer user data header than the text", "refuses", do.header_lies, take.refuses, submits=True
    ),
    "oversized_field": Misdeed(
        "binds with a system_id of 60 characters", "refuses with 0x0F", do.oversized_field, take.refuses_bind
    ),
    "mutants": Misdeed("sends PDUs with spoiled octets", "lives on", do.mutants, take.nothing_more, submits=True),
}


async def misbehave(misdeed: Misdeed, stage: Stage) -> MisdeedReport:
    """Do it once, then see whether a good client is still served.

    Raises what connecting raises, and BindRefused or LinkClosed, where the SMSC does not let us in to begin with.
    """
    began = stage.clock.seconds()
    try:
        await misdeed.run(stage)
    except (BindRefused, ConnectError, LinkClosed) as error:
        # One that let us in, and no more in the middle of it, is judged: by how it serves the good client.
        let_in_before = len(stage.peers) - (not isinstance(error, ConnectError))
        if not let_in_before:
            raise
    finally:
        stage.drop_all()
    # Looked at before the good client adds its own answers.
    complaint = misdeed.judge(stage)
    report = MisdeedReport(
        connections=len(stage.peers),
        answered=stage.answered,
        closed_after_s=stage.closed_after_s,
        seconds=stage.clock.seconds() - began,
        complaint=complaint,
    )
    alive_ms, dead_because = await _good_client(stage)
    return replace(report, alive_ms=alive_ms, complaint=dead_because or complaint)


async def _good_client(stage: Stage) -> tuple[float | None, str | None]:
    """How long an enquire_link of a good client takes, or why it is not served."""
    try:
        peer = await stage.bound()
        asked = stage.clock.seconds()
        answer = await peer.answer_to(peer.send(EnquireLink()), stage.config.response_timeout_s)
        taken = stage.clock.seconds() - asked
        await peer.leave()
    except (BindRefused, ConnectError, LinkClosed) as error:
        return None, f"a good client is no longer served: {error}"
    finally:
        stage.drop_all()
    return (None, "a good client got no answer") if answer is None else (taken * MS_PER_S, None)
