"""Octets other people's software or texts produced, read and written by ours."""

import pytest
from smpp_samples import submit_sm
from smpplib import consts, smpp

from sms.smpp.codec import decode, encode
from sms.smpp.constants import CommandStatus, Tag
from sms.smpp.pdu import (
    BindTransceiver,
    BindTransmitter,
    DeliverSm,
    EnquireLink,
    GenericNack,
    Pdu,
    SubmitSm,
    SubmitSmResp,
)

# The sample PDU of SMPP 3.4 itself, chapter 3.2: a bind_transmitter.
STANDARD_BIND = bytes.fromhex(
    "0000002F 00000002 00000000 00000001 534D50503354455354 00 7365637265743038 005355424D495431 00 00 01 01 00"
)
# Written by smpplib 2.2.4: make_pdu("submit_sm", ...).generate().
SMPPLIB_SUBMIT = bytes.fromhex(
    "00000046000000040000000000000001000500434153484241434b0001013739313630303030303031"
    "000000000000010008000c041a044d044804310435043a02040002000a"
)
# Written by smpplib 2.2.4: a receipt of Appendix B with its two parameters.
SMPPLIB_RECEIPT = (
    bytes.fromhex(
        "000000c00000000500000000000000010001013739313630303030303031000500434153484241434b00040000000000000000 78"
    )
    + b"id:0123456789 sub:001 dlvrd:001 submit date:2503031200 done date:2503031201 "
    + b"stat:DELIVRD err:000 text:hello hello hello "
    + bytes.fromhex("0427000102 001e000b 3031323334353637383900")
)


def test_the_bind_of_the_standard_is_read_and_written() -> None:
    """SMPP check 29."""
    bind = BindTransmitter(
        sequence_number=1, system_id="SMPP3TEST", password="secret08", system_type="SUBMIT1",
        interface_version=0, addr_ton=1, addr_npi=1,
    )  # fmt: skip
    assert decode(STANDARD_BIND) == bind
    assert encode(bind) == STANDARD_BIND


def test_a_submit_sm_smpplib_wrote_is_read_and_written() -> None:
    pdu = submit_sm(
        sequence_number=1, registered_delivery=1, data_coding=8,
        short_message="Кэшбек".encode("utf-16-be"), tlvs=((Tag.USER_MESSAGE_REFERENCE, b"\0\x0a"),),
    )  # fmt: skip
    assert decode(SMPPLIB_SUBMIT) == pdu
    assert encode(pdu) == SMPPLIB_SUBMIT


@pytest.mark.parametrize(
    ("octets", "pdu"),
    [
        # node-smpp, readme: an enquire_link; the header alone.
        ("00000010 00000015 00000000 00000001", EnquireLink(sequence_number=1)),
        # komuw/naz issue 46: generic_nack for a bad command_length, number NULL.
        ("00000010 80000000 00000002 00000000", GenericNack(command_status=2)),
        # An error response without its body (SMPP 3.4 §4.4.2), as Kannel's SMSC drivers expect it.
        ("00000010 80000004 00000058 00000005", SubmitSmResp(command_status=0x58, sequence_number=5)),
    ],
)
def test_well_known_headers(octets: str, pdu: Pdu) -> None:
    assert decode(bytes.fromhex(octets)) == pdu
    assert encode(pdu) == bytes.fromhex(octets)


def test_a_receipt_smpplib_wrote_is_read_and_written() -> None:
    """SMPP checks 56, 57, 58."""
    pdu = decode(SMPPLIB_RECEIPT)
    assert isinstance(pdu, DeliverSm)
    assert pdu.tlv(Tag.RECEIPTED_MESSAGE_ID) == b"0123456789\0"
    assert pdu.tlv_int(Tag.MESSAGE_STATE) == 2
    assert encode(pdu) == SMPPLIB_RECEIPT


def test_smpplib_reads_what_we_write() -> None:
    frame = encode(submit_sm(registered_delivery=1, tlvs=((Tag.USER_MESSAGE_REFERENCE, b"\0\x0a"),)))
    read = smpp.parse_pdu(frame, client=_Numbers())
    assert read.command == "submit_sm"
    assert (read.source_addr, read.destination_addr) == (b"CASHBACK", b"79160000001")
    assert (read.short_message, read.user_message_reference) == (b"hello", 10)


def test_every_status_smpplib_names_has_the_same_number_here() -> None:
    theirs = {name[5:]: value for name, value in vars(consts).items() if name.startswith("SMPP_ESME_")}
    ours = {status.name: status.value for status in CommandStatus}
    assert theirs.items() <= ours.items()


def test_every_tag_smpplib_names_has_the_same_number_here() -> None:
    theirs = {name.upper(): value for name, value in consts.OPTIONAL_PARAMS.items()}
    assert theirs.items() <= {tag.name: tag.value for tag in Tag}.items()


def test_the_representation_of_a_pdu_gives_nothing_away() -> None:
    bind = BindTransceiver(system_id="gateway", password="secret1", sequence_number=4)
    assert repr(bind) == "<bind_transceiver #4 status 0x00000000>"
    assert "7916" not in repr(submit_sm())
    assert isinstance(submit_sm(), SubmitSm)


class _Numbers:
    """What smpplib asks of a client."""

    sequence = 1

    def next_sequence(self) -> int:
        return 1
