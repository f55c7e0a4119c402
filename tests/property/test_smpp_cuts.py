"""Every command cut at every octet, every session cut in every way: names, never crashes, never differences."""

import pytest
from smpp_samples import SAMPLES, submit_sm

from sms.errors import PduError, SmppError
from sms.smpp.codec import decode, encode
from sms.smpp.constants import CommandStatus
from sms.smpp.events import Event, LinkBroken, RequestReceived
from sms.smpp.pdu import BindTransceiver, BindTransceiverResp, EnquireLink, Pdu
from sms.smpp.session import Role, Session, SessionState

FIFTY = [submit_sm(sequence_number=number + 2, short_message=bytes((number,)) * number) for number in range(48)]


def _bound_smsc() -> Session:
    session = Session(Role.SMSC)
    bind = BindTransceiver(system_id="gateway", password="secret1", sequence_number=1)
    session.receive_data(encode(bind))
    session.respond(bind, BindTransceiverResp(system_id="SMSC"))
    session.data_to_send()
    return session


def _read(frame: bytes) -> Pdu | PduError:
    try:
        return decode(frame)
    except PduError as error:
        return error


def _seen(events: list[Event]) -> list[object]:
    return [event.pdu if isinstance(event, RequestReceived) else type(event) for event in events]


@pytest.mark.parametrize("pdu", SAMPLES, ids=lambda pdu: pdu.name)
def test_a_pdu_cut_at_any_octet_is_refused_by_name_or_is_a_shorter_pdu(pdu: Pdu) -> None:
    """SMPP checks 31, 34: strings without NUL, integers missing, parameters past the end."""
    octets = encode(pdu)
    for cut in range(16, len(octets)):
        frame = cut.to_bytes(4) + octets[4:cut]
        read = _read(frame)
        if isinstance(read, PduError):
            assert read.command_id == pdu.command_id
            assert read.sequence_number == pdu.sequence_number
            assert read.command_status != CommandStatus.ESME_ROK
        else:
            assert encode(read) == frame


@pytest.mark.parametrize("pdu", SAMPLES, ids=lambda pdu: pdu.name)
def test_a_pdu_cut_inside_its_header_is_a_lost_stream(pdu: Pdu) -> None:
    """SMPP check 1."""
    octets = encode(pdu)
    for cut in range(16):
        with pytest.raises(SmppError, match="16 octets"):
            decode(octets[:cut])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 16, 17, 1000, 100_000])
def test_a_session_of_fifty_pdus_means_the_same_in_any_chunks(size: int) -> None:
    """SMPP check 3: split at any octet, several in one read."""
    stream = b"".join(map(encode, [*FIFTY, EnquireLink(sequence_number=98), EnquireLink(sequence_number=99)]))
    session = _bound_smsc()
    events: list[Event] = []
    for at in range(0, len(stream), size):
        events += session.receive_data(stream[at : at + size])
    assert _seen(events) == FIFTY
    assert session.data_to_send().count(b"\x80\x00\x00\x15") == 2
    assert session.partial_octets == 0


def test_two_pdus_split_at_any_octet_are_two_pdus() -> None:
    """SMPP check 3."""
    stream = encode(FIFTY[3]) + encode(FIFTY[4])
    for cut in range(len(stream) + 1):
        session = _bound_smsc()
        events = session.receive_data(stream[:cut]) + session.receive_data(stream[cut:])
        assert _seen(events) == FIFTY[3:5]


@pytest.mark.parametrize("length", [*range(16), 70_001, 2**31, 2**32 - 1])
def test_an_impossible_length_is_nacked_with_number_zero_and_closes(length: int) -> None:
    """SMPP checks 1, 2, 14: before anything is buffered, and what came before it counts."""
    session = _bound_smsc()
    events = session.receive_data(encode(FIFTY[5]) + length.to_bytes(4))
    assert _seen(events) == [FIFTY[5], LinkBroken]
    assert session.data_to_send() == bytes.fromhex("00000010 80000000 00000002 00000000")
    assert session.state is SessionState.CLOSED
    assert session.receive_data(encode(FIFTY[6])) == []
    assert session.partial_octets == 0


def test_the_largest_pdu_allowed_is_taken_in_single_octets() -> None:
    """SMPP check 2: 64 KiB of message_payload fit under the cap."""
    pdu = submit_sm(short_message=b"", tlvs=((0x0424, bytes(65_535)),))
    session = _bound_smsc()
    events: list[Event] = []
    stream = encode(pdu)
    assert len(stream) > 65_536
    for at in range(0, len(stream), 11):
        events += session.receive_data(stream[at : at + 11])
    assert _seen(events) == [pdu]
