"""Two codecs we did not write as judges: smpplib reads and writes what ours does, smpp34 (strict) reads ours."""

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from smpp_samples import delivers, submits
from smpplib import smpp

from sms.smpp.codec import decode, encode
from sms.smpp.constants import Tag
from sms.smpp.pdu import Message, SubmitSm

smpp34 = pytest.importorskip("smpp34", reason="smpp34, a peer, is not installed")

EXAMPLES = 5_000 if os.environ.get("FIRSTCHARGE_LONG") else 300
NUMBERS = (
    "source_addr_ton", "source_addr_npi", "dest_addr_ton", "dest_addr_npi", "esm_class", "protocol_id",
    "priority_flag", "registered_delivery", "replace_if_present_flag", "data_coding", "sm_default_msg_id",
)  # fmt: skip
STRINGS = ("service_type", "source_addr", "destination_addr")
TIMES = ("schedule_delivery_time", "validity_period")
_settings = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)


class Numbers:
    """What smpplib asks of a client."""

    sequence = 1

    def next_sequence(self) -> int:
        return 1


def _plain(pdu: Message) -> Message:
    """What smpplib can carry: Latin-1 as ASCII, no parameters but one, no empty text."""
    assume(all(getattr(pdu, name).isascii() for name in STRINGS))
    assume(pdu.tlv(Tag.MESSAGE_PAYLOAD) is None)
    reference = pdu.tlv(Tag.USER_MESSAGE_REFERENCE)
    pdu.tlvs = () if reference is None else ((int(Tag.USER_MESSAGE_REFERENCE), reference),)
    return pdu


@_settings
@given(submits)
def test_smpplib_reads_our_submit_sm(pdu: SubmitSm) -> None:
    pdu = _plain(pdu)  # type: ignore[assignment]
    read = smpp.parse_pdu(encode(pdu), client=Numbers())
    assert read.command == pdu.name
    assert read.sequence == pdu.sequence_number
    assert {name: getattr(read, name) for name in NUMBERS} == {name: getattr(pdu, name) for name in NUMBERS}
    for name in STRINGS + TIMES:
        assert getattr(read, name).decode() == getattr(pdu, name)
    assert (read.short_message or b"") == pdu.short_message
    assert read.user_message_reference == pdu.tlv_int(Tag.USER_MESSAGE_REFERENCE)


@_settings
@given(submits)
def test_we_read_smpplibs_submit_sm(pdu: SubmitSm) -> None:
    pdu = _plain(pdu)  # type: ignore[assignment]
    fields: dict[str, Any] = {name: getattr(pdu, name) for name in NUMBERS + STRINGS + TIMES}
    fields |= {"short_message": pdu.short_message, "user_message_reference": pdu.tlv_int(Tag.USER_MESSAGE_REFERENCE)}
    pdu.sequence_number = 1
    written = smpp.make_pdu("submit_sm", client=Numbers(), **fields).generate()
    assert decode(written) == pdu
    assert encode(pdu) == written


@_settings
@given(submits | delivers)
def test_a_strict_codec_in_rust_reads_what_we_write(pdu: Message) -> None:
    assume(all(getattr(pdu, name).isascii() for name in STRINGS))
    octets = encode(pdu)
    read = smpp34.decode(octets)
    assert type(read).__name__ == type(pdu).__name__
    for name in NUMBERS + STRINGS + TIMES:
        assert getattr(read, name) == getattr(pdu, name)
    assert bytes(read.short_message) == pdu.short_message
    assert [(one.tag, bytes(one.value)) for one in read.tlvs] == list(pdu.tlvs)
    assert read.encode() == octets
