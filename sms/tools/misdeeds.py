"""What bad ESMEs do to an SMSC, one coroutine each, after the lists of bad clients that SMSC operators keep.

Each is bounded by the count and the seconds of its stage; whoever runs it closes its connections.
"""

from sms.smpp.codec import encode
from sms.smpp.constants import HEADER_OCTETS, CommandId, EsmClass, RegisteredDelivery, Ton
from sms.smpp.pdu import BindReceiver, EnquireLink, Pdu, SubmitSmResp, Unbind
from sms.text import segments_for
from sms.tools.raw_peer import WRONG_NUMBERS, RawPeer
from sms.tools.single import sleep
from sms.tools.stage import Stage, octets_of_header

ANSWER_SECONDS = 3.0
TRICKLE_SECONDS = 0.2
PART_ORDER = (2, 0, 0, 1)
UNKNOWN_TLVS = 200
VENDOR_TAG = 0x1400
UNKNOWN_COMMAND = 0x00010FFF
STORM_MAX = 50
MUTANTS_PER_COUNT = 100
MUTANTS_AT_ONCE = 20
ENQUIRE_LINK = encode(EnquireLink(sequence_number=1))

SUBMIT_RESP = SubmitSmResp().name


async def connect_and_silent(stage: Stage) -> None:
    """Connect and say nothing."""
    peer = await stage.connected()
    await peer.until_closed(stage.seconds)


async def slow_loris(stage: Stage) -> None:
    """Bind one octet at a time."""
    peer = await stage.connected()
    await _trickle(stage, peer, encode(stage.bind()))


async def slow_loris_bound(stage: Stage) -> None:
    """Submit one octet at a time."""
    peer = await stage.bound()
    await _trickle(stage, peer, encode(stage.submission(sequence_number=77)) * 4)


async def bind_and_silent(stage: Stage) -> None:
    """Bind and ask for nothing; enquire_link is answered."""
    peer = await stage.bound()
    await peer.until_closed(stage.seconds)


async def no_enquire_link(stage: Stage) -> None:
    """Bind and answer nothing, enquire_link neither."""
    peer = await stage.bound()
    peer.answers_requests = False
    await peer.until_closed(stage.seconds)


async def never_answers_deliveries(stage: Stage) -> None:
    """Ask for receipts and never answer them."""
    peer = await stage.bound()
    peer.answers_requests = False
    await _submit_all(stage, peer, stage.count)


async def wrong_sequence(stage: Stage) -> None:
    """Answer receipts under wrong numbers."""
    peer = await stage.bound()
    peer.number_offset = WRONG_NUMBERS
    await _submit_all(stage, peer, stage.count)


async def submit_before_bind(stage: Stage) -> None:
    """Submit before the bind."""
    peer = await stage.connected()
    await peer.answer_to(peer.send(stage.submission()), ANSWER_SECONDS)


async def receiver_submits(stage: Stage) -> None:
    """Submit as a receiver."""
    peer = await stage.bound(BindReceiver)
    await peer.answer_to(peer.send(stage.submission()), ANSWER_SECONDS)


async def binds_twice(stage: Stage) -> None:
    """Bind on a bound session."""
    peer = await stage.bound()
    await peer.answer_to(peer.send(stage.bind()), ANSWER_SECONDS)


async def unbinds_and_goes_on(stage: Stage) -> None:
    """Unbind, and submit all the same."""
    peer = await stage.bound()
    peer.write(encode(Unbind(sequence_number=8)) + encode(stage.submission(sequence_number=9)))
    await peer.until_closed(min(stage.seconds, ANSWER_SECONDS))


async def closes_mid_pdu(stage: Stage) -> None:
    """Close in the middle of a PDU."""
    peer = await stage.bound()
    octets = encode(stage.submission(sequence_number=7))
    peer.write(octets[: len(octets) // 2])
    await sleep(stage.clock, TRICKLE_SECONDS)
    peer.drop()


async def giant_length(stage: Stage) -> None:
    """Announce two gigabytes."""
    await _spoil(stage, octets_of_header(0x7FFFFFFF, CommandId.SUBMIT_SM))


async def tiny_length(stage: Stage) -> None:
    """Announce fewer octets than a header has."""
    await _spoil(stage, octets_of_header(HEADER_OCTETS - 1, CommandId.SUBMIT_SM))


async def garbage(stage: Stage) -> None:
    """Write what is no PDU."""
    await _spoil(stage, bytes(stage.rng.randrange(256) for _ in range(64)))


async def reconnect_storm(stage: Stage) -> None:
    """Connect, bind, drop, again and again."""
    for _ in range(min(stage.count, STORM_MAX)):
        peer = await stage.connected()
        peer.send(stage.bind())
        await sleep(stage.clock, 0)
        peer.drop()


async def window_overrun(stage: Stage) -> None:
    """Submit everything in one write."""
    peer = await stage.bound()
    peer.write(b"".join(encode(stage.submission(sequence_number=100 + at)) for at in range(stage.count)))
    await peer.until_answered(SUBMIT_RESP, stage.count, stage.seconds)


async def enquire_link_storm(stage: Stage) -> None:
    """Ask enquire_link in one write, ten times as often."""
    peer = await stage.bound()
    count = 10 * stage.count
    peer.write(b"".join(encode(EnquireLink(sequence_number=100 + at)) for at in range(count)))
    await peer.until_answered("enquire_link_resp", count, stage.seconds)


async def not_reading(stage: Stage) -> None:
    """Ask much and read none of the answers."""
    peer = await stage.bound()
    peer.stop_reading()
    for _ in range(stage.count):
        peer.write(ENQUIRE_LINK * 1_000)
        await sleep(stage.clock, 0)
    await peer.until_closed(min(stage.seconds, ANSWER_SECONDS))


async def unknown_tlvs(stage: Stage) -> None:
    """Submit with many optional parameters nobody knows."""
    tlvs = tuple((VENDOR_TAG + at, b"x") for at in range(UNKNOWN_TLVS))
    await _ask(stage, stage.submission(tlvs=tlvs))


async def unknown_commands(stage: Stage) -> None:
    """Send a request nobody defined."""
    peer = await stage.bound()
    peer.write(octets_of_header(HEADER_OCTETS, UNKNOWN_COMMAND, number=55))
    await peer.answer_to(55, ANSWER_SECONDS)


async def unasked_responses(stage: Stage) -> None:
    """Answer what nobody asked."""
    peer = await stage.bound()
    peer.write(b"".join(encode(SubmitSmResp(message_id="1", sequence_number=n)) for n in range(1, stage.count + 1)))
    await peer.answer_to(peer.send(EnquireLink()), ANSWER_SECONDS)


async def same_number_twice(stage: Stage) -> None:
    """Give two submissions one number."""
    peer = await stage.bound()
    peer.write(encode(stage.submission(sequence_number=5)) * 2)
    await peer.until_answered(SUBMIT_RESP, 2, ANSWER_SECONDS)


async def shuffled_parts(stage: Stage) -> None:
    """Submit the parts of a long message out of order, one of them twice."""
    peer = await stage.bound()
    parts = segments_for("A long message that comes in parts. " * 12, reference=stage.rng.randrange(256))
    for place in PART_ORDER:
        peer.send(stage.submission(esm_class=EsmClass.UDHI, short_message=parts[place].short_message))
    await peer.until_answered(SUBMIT_RESP, len(PART_ORDER), ANSWER_SECONDS)


async def wrong_ton_npi(stage: Stage) -> None:
    """Give a destination a reserved TON and NPI."""
    sound = encode(stage.submission(sequence_number=6, dest_addr_ton=0, dest_addr_npi=0))
    at = sound.index(stage.to.encode()) - 2
    await _spoil(stage, sound[:at] + bytes((9, 0xEE)) + sound[at + 2 :], answer=6)


async def eight_prefixed(stage: Stage) -> None:
    """Give a destination with the national prefix."""
    await _ask(stage, stage.submission(dest_addr_ton=Ton.UNKNOWN, destination_addr="8" + stage.to[1:]))


async def sm_length_lies(stage: Stage) -> None:
    """Announce more text than there is."""
    sound = encode(stage.submission(sequence_number=6, short_message=b"lies"))
    at = len(sound) - len(b"lies") - 1
    await _spoil(stage, sound[:at] + b"\xfa" + sound[at + 1 :], answer=6)


async def header_lies(stage: Stage) -> None:
    """Announce a longer user data header than the text."""
    sound = encode(stage.submission(sequence_number=6, esm_class=EsmClass.UDHI, short_message=b"\x05\0\3\1\2\1text"))
    at = sound.index(b"\x05\0\3")
    await _spoil(stage, sound[:at] + b"\xff" + sound[at + 1 :], answer=6)


async def oversized_field(stage: Stage) -> None:
    """Bind with a system_id of 60 characters."""
    peer = await stage.connected()
    sound = encode(stage.bind(sequence_number=3))
    # The system_id comes first in the body; an empty one is a NUL alone.
    octets = sound[:HEADER_OCTETS] + b"x" * 60 + sound[sound.index(b"\0", HEADER_OCTETS) :]
    peer.write(len(octets).to_bytes(4, "big") + octets[4:])
    await peer.answer_to(3, ANSWER_SECONDS)


async def mutants(stage: Stage) -> None:
    """Bind, then PDUs with spoiled octets until the time is over; bind again where that was too much."""
    end = stage.clock.seconds() + stage.seconds
    left = MUTANTS_PER_COUNT * stage.count
    sources = [encode(one) for one in (stage.submission(), EnquireLink(), SubmitSmResp(message_id="1"), stage.bind())]
    while left > 0 and stage.clock.seconds() < end:
        peer = await stage.bound()
        while peer.is_open and left > 0 and stage.clock.seconds() < end:
            peer.write(b"".join(_mutant(stage, sources) for _ in range(MUTANTS_AT_ONCE)))
            left -= MUTANTS_AT_ONCE
            await sleep(stage.clock, 0.01)
        peer.drop()


async def _trickle(stage: Stage, peer: RawPeer, octets: bytes) -> None:
    peer.answers_requests = False  # an answer in between would be part of the PDU
    end = stage.clock.seconds() + stage.seconds
    for octet in octets:
        if not peer.is_open or stage.clock.seconds() >= end:
            return
        peer.write(bytes((octet,)))
        await sleep(stage.clock, TRICKLE_SECONDS)


async def _submit_all(stage: Stage, peer: RawPeer, count: int) -> None:
    for _ in range(count):
        peer.send(stage.submission(registered_delivery=RegisteredDelivery.FINAL))
    await peer.until_answered(SUBMIT_RESP, count, stage.seconds)
    await sleep(stage.clock, min(stage.seconds, 1.0))


async def _ask(stage: Stage, pdu: Pdu) -> None:
    peer = await stage.bound()
    await peer.answer_to(peer.send(pdu), ANSWER_SECONDS)


async def _spoil(stage: Stage, octets: bytes, *, answer: int | None = None) -> None:
    peer = await stage.bound()
    peer.write(octets)
    if answer is None:
        await peer.until_closed(min(stage.seconds, ANSWER_SECONDS))
    else:
        await peer.answer_to(answer, ANSWER_SECONDS)


def _mutant(stage: Stage, sources: list[bytes]) -> bytes:
    rng, to = stage.rng, stage.to.encode() + b"\0"
    source = sources[rng.randrange(len(sources))]
    octets = bytearray(source)
    for _ in range(1 + rng.randrange(4)):
        octets[4 + rng.randrange(len(octets) - 4)] = rng.randrange(256)
    if to in source and to not in octets:
        return source  # a stranger's phone would ring
    if not rng.randrange(50):
        octets[:4] = rng.randrange(1 << 32).to_bytes(4, "big")
    return bytes(octets)
