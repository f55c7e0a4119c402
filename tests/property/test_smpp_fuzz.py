"""Mutated PDUs through whole sessions of both sides: named SMPP errors only, invariants always."""

import os
import random

import pytest
from smpp_samples import SAMPLES

from sms.errors import SmppError
from sms.smpp.codec import decode, encode
from sms.smpp.constants import RESPONSE_BIT
from sms.smpp.events import BindReceived, Event, LinkBroken, RequestReceived
from sms.smpp.pdu import (
    UNANSWERED,
    BindResp,
    BindTransceiver,
    BindTransceiverResp,
    DeliverSm,
    Pdu,
    SubmitSm,
    response_to,
)
from sms.smpp.session import Role, Session, SessionState

MUTANTS = int(os.environ.get("FIRSTCHARGE_FUZZ", "2000000" if os.environ.get("FIRSTCHARGE_LONG") else "20000"))
SEED = int(os.environ.get("FIRSTCHARGE_SEED", "1"))

OCTETS = [encode(pdu) for pdu in SAMPLES]
BIND = BindTransceiver(system_id="gateway", password="secret1")


def _bound(role: Role) -> Session:
    session = Session(role)
    if role is Role.ESME:
        number = session.send(BIND)
        session.receive_data(encode(BindTransceiverResp(system_id="SMSC", sequence_number=number)))
        session.send(SubmitSm(destination_addr="1"))
    else:
        bind = BindTransceiver(sequence_number=1)
        session.receive_data(encode(bind))
        session.respond(bind, BindTransceiverResp())
        session.send(DeliverSm(source_addr="1"))
    session.data_to_send()
    return session


def _mutate(rng: random.Random) -> bytes:
    octets = bytearray(rng.choice(OCTETS))
    for _ in range(rng.randint(0, 4)):
        kind = rng.randrange(6)
        at = rng.randrange(len(octets)) if octets else 0
        if kind == 0 and octets:
            octets[at] = rng.randrange(256)
        elif kind == 1:
            octets[at:at] = rng.randbytes(rng.randint(1, 6))
        elif kind == 2:
            del octets[at : at + rng.randint(1, 6)]
        elif kind == 3:
            other = rng.choice(OCTETS)
            octets[at:] = other[rng.randrange(len(other)) :]
        elif kind == 4 and octets:
            octets[at] ^= 1 << rng.randrange(8)
        else:
            octets += rng.randbytes(rng.randint(1, 8))
    if len(octets) >= 16 and rng.random() < 0.95:
        # Mostly whole frames, or nothing but the framer would ever be looked at.
        octets[:4] = len(octets).to_bytes(4)
        if rng.random() < 0.5:
            octets[4:8] = rng.choice(OCTETS)[4:8]
    return bytes(octets)


def _frames(stream: bytes) -> list[bytes]:
    found = []
    while stream:
        length = int.from_bytes(stream[:4])
        found.append(stream[:length])
        stream = stream[length:]
    return found


def _hold_invariants(session: Session, sent: bytes, events: list[Event]) -> None:
    for frame in _frames(sent):
        answer = decode(frame)
        assert encode(answer) == frame
        assert answer.command_id >= RESPONSE_BIT, "a session starts nothing by itself"
    assert session.unanswered <= session.inbound_max
    broken = any(isinstance(event, LinkBroken) for event in events)
    assert broken == (session.state is SessionState.CLOSED)
    numbers = [pdu.sequence_number for pdu in session.in_flight]
    assert len(numbers) == len(set(numbers))


def _answer(session: Session, pdu: Pdu, rng: random.Random) -> None:
    if pdu.command_id not in UNANSWERED and rng.random() < 0.8:
        response = response_to(pdu, rng.choice([0, 0, 0x58]))
        if isinstance(response, BindResp) and response.command_status == 0:
            response.system_id = "SMSC"
        session.respond(pdu, response)


@pytest.mark.parametrize("role", Role, ids=lambda role: role.value)
def test_no_octets_raise_anything_but_named_errors_or_break_the_session(role: Role) -> None:
    rng = random.Random(f"{SEED}-{role.value}")
    session = _bound(role)
    sessions = 0
    for _ in range(MUTANTS // 2):
        stream = _mutate(rng)
        cut = rng.randrange(len(stream) + 1)
        events = session.receive_data(stream[:cut]) + session.receive_data(stream[cut:])
        for event in events:
            if isinstance(event, RequestReceived | BindReceived) and session.state is not SessionState.CLOSED:
                _answer(session, event.pdu, rng)
        _hold_invariants(session, session.data_to_send(), events)
        if session.state in (SessionState.CLOSED, SessionState.UNBOUND) or rng.random() < 0.02:
            session.connection_lost()
            session = _bound(role) if rng.random() < 0.8 else Session(role)
            sessions += 1
    assert sessions > 10


def test_no_octets_make_the_codec_raise_anything_but_named_errors() -> None:
    rng = random.Random(SEED)
    read = 0
    for _ in range(MUTANTS):
        frame = _mutate(rng)
        try:
            pdu = decode(frame)
        except SmppError:
            continue
        assert encode(pdu) == frame
        read += 1
    assert read > MUTANTS // 20
