"""What decodes encodes to the same octets, what encodes decodes to the same PDU, both ways of the codec alike."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from smpp_samples import SAMPLES, any_pdu, delivers, submits

from sms.errors import PduError, SmppError
from sms.smpp.codec import decode, encode
from sms.smpp.constants import VERSION_34
from sms.smpp.layout_codec import decode_by_layout, encode_by_layout
from sms.smpp.pdu import PDU_CLASSES, Pdu

LONG = bool(os.environ.get("FIRSTCHARGE_LONG"))
PDUS = 20_000 if LONG else 1_000
MUTANTS = 20_000 if LONG else 500

_quietly = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}


def _outcome(decoder: object, *arguments: object) -> tuple[type, object]:
    try:
        return Pdu, decoder(*arguments)  # type: ignore[operator]
    except SmppError as error:
        return type(error), str(error)


def test_the_samples_are_one_of_every_command() -> None:
    assert sorted(pdu.command_id for pdu in SAMPLES) == sorted(PDU_CLASSES)


@pytest.mark.parametrize("pdu", SAMPLES, ids=lambda pdu: pdu.name)
def test_every_command_survives_the_wire(pdu: Pdu) -> None:
    octets = encode(pdu)
    assert decode(octets) == pdu
    assert encode(decode(octets)) == octets


@settings(max_examples=PDUS, **_quietly)
@given(any_pdu)
def test_any_pdu_survives_the_wire(pdu: Pdu) -> None:
    octets = encode(pdu)
    assert decode(octets) == pdu
    assert encode(decode(octets)) == octets


@settings(max_examples=PDUS, **_quietly)
@given(st.one_of(submits, delivers))
def test_the_short_way_writes_and_reads_what_the_full_way_does(pdu: Pdu) -> None:
    octets = encode(pdu)
    assert octets == encode_by_layout(pdu, VERSION_34)
    assert decode(octets) == decode_by_layout(octets, VERSION_34)


@settings(max_examples=MUTANTS, **_quietly)
@given(any_pdu, st.data())
def test_a_changed_octet_is_read_alike_by_both_ways_and_what_is_read_can_be_written(
    pdu: Pdu, data: st.DataObject
) -> None:
    octets = bytearray(encode(pdu))
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(16, max(16, len(octets) - 1))) % len(octets)] = data.draw(st.integers(0, 255))
    octets[:4] = len(octets).to_bytes(4)
    frame = bytes(octets)
    kind, found = _outcome(decode, frame)
    assert (kind, found) == _outcome(decode_by_layout, frame, VERSION_34)
    if isinstance(found, Pdu):
        assert encode(found) == frame


@settings(max_examples=MUTANTS, **_quietly)
@given(st.one_of(submits, delivers), st.data())
def test_a_changed_field_is_written_or_refused_alike_by_both_ways(pdu: Pdu, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([
        "esm_class", "priority_flag", "registered_delivery", "replace_if_present_flag", "data_coding",
        "sm_default_msg_id", "source_addr_ton", "source_addr_npi", "dest_addr_ton", "dest_addr_npi",
        "source_addr", "destination_addr", "service_type", "short_message", "validity_period",
        "schedule_delivery_time", "sequence_number",
    ]))  # fmt: skip
    strange: st.SearchStrategy[object] = st.integers(-2, 300)
    if isinstance(getattr(pdu, name), str):
        strange = st.text(max_size=25)
    elif isinstance(getattr(pdu, name), bytes):
        strange = st.binary(max_size=300)
    setattr(pdu, name, data.draw(strange))
    assert _outcome(encode, pdu) == _outcome(encode_by_layout, pdu, VERSION_34)


@settings(max_examples=MUTANTS, **_quietly)
@given(st.binary(max_size=120), st.sampled_from(sorted(PDU_CLASSES)))
def test_octets_of_any_kind_behind_a_header_raise_named_errors_only(body: bytes, command_id: int) -> None:
    frame = (16 + len(body)).to_bytes(4) + command_id.to_bytes(4) + bytes(4) + b"\0\0\0\x09" + body
    kind, found = _outcome(decode, frame)
    assert issubclass(kind, Pdu | PduError)
    if isinstance(found, Pdu):
        assert encode(found) == frame
