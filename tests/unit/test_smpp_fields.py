"""Sizes and types of parameters: too long is named, never cut; the limit itself is taken."""

from typing import Any

import pytest
from smpp_samples import BIND, DESTINATION, HANDSET, SOURCE, deliver_sm, submit_sm

from sms import errors
from sms.smpp.codec import decode, encode
from sms.smpp.constants import CommandStatus as Status
from sms.smpp.fast_codec import MEMORY_ENTRIES_MAX
from sms.smpp.pdu import (
    AlertNotification,
    BindTransceiver,
    CancelSm,
    DataSm,
    DeliverSmResp,
    DistributionList,
    Outbind,
    Pdu,
    QuerySm,
    ReplaceSm,
    SmeAddress,
    SubmitMulti,
    SubmitMultiResp,
    SubmitSm,
    SubmitSmResp,
    UnsuccessSme,
)


def _wrong(pdu: Pdu) -> errors.PduError:
    with pytest.raises(errors.PduError) as caught:
        encode(pdu)
    return caught.value


def _refused(frame: bytes) -> errors.PduError:
    with pytest.raises(errors.PduError) as caught:
        decode(frame)
    return caught.value


def _resized(octets: bytes) -> bytes:
    return len(octets).to_bytes(4) + octets[4:]


def _bind(**fields: Any) -> BindTransceiver:
    return BindTransceiver(**(BIND | fields))


LIMITS: list[tuple[Any, str, int, Status]] = [
    (_bind, "system_id", 15, Status.ESME_RINVSYSID),
    (_bind, "password", 8, Status.ESME_RINVPASWD),
    (_bind, "system_type", 12, Status.ESME_RINVSYSTYP),
    (_bind, "address_range", 40, Status.ESME_RBINDFAIL),
    (Outbind, "system_id", 15, Status.ESME_RINVSYSID),
    (submit_sm, "service_type", 5, Status.ESME_RINVSERTYP),
    (submit_sm, "destination_addr", 20, Status.ESME_RINVDSTADR),
    (deliver_sm, "source_addr", 20, Status.ESME_RINVSRCADR),
    (SubmitSmResp, "message_id", 64, Status.ESME_RINVMSGID),
    (DeliverSmResp, "message_id", 64, Status.ESME_RINVMSGID),
    (QuerySm, "message_id", 64, Status.ESME_RINVMSGID),
    (CancelSm, "message_id", 64, Status.ESME_RINVMSGID),
    (DataSm, "source_addr", 64, Status.ESME_RINVSRCADR),
    (DataSm, "destination_addr", 64, Status.ESME_RINVDSTADR),
    (AlertNotification, "esme_addr", 64, Status.ESME_RINVDSTADR),
]


@pytest.mark.parametrize(("build", "name", "most", "status"), LIMITS)
def test_a_string_of_the_largest_size_travels_and_one_more_is_named(
    build: Any, name: str, most: int, status: Status
) -> None:
    """SMPP checks 29, 30."""
    pdu = build(**{name: "1" * most})
    assert decode(encode(pdu)) == pdu
    error = _wrong(build(**{name: "1" * (most + 1)}))
    assert error.command_status == status
    octets = encode(pdu)
    longer = _resized(octets.replace(b"1" * most, b"1" * (most + 1)))
    assert _refused(longer).command_status == status


def test_a_name_of_a_list_is_at_most_20_characters() -> None:
    """SMPP check 29."""
    multi = SubmitMulti(dest_addresses=(DistributionList(dl_name="l" * 20),))
    assert decode(encode(multi)) == multi
    assert isinstance(
        _wrong(SubmitMulti(dest_addresses=(DistributionList(dl_name="l" * 21),))), errors.ListNameInvalid
    )


@pytest.mark.parametrize("value", ["with\0nul", "кэшбэк"])
@pytest.mark.parametrize(("build", "name"), [(_bind, "system_id"), (submit_sm, "service_type")])
def test_a_string_holds_no_nul_and_only_octets(build: Any, name: str, value: str) -> None:
    """SMPP check 31."""
    assert isinstance(_wrong(build(**{name: value[:5]})), errors.PduError)


def test_a_string_without_its_nul_does_not_reach_behind_the_pdu() -> None:
    """SMPP check 31."""
    frame = _resized(encode(SubmitSmResp(message_id="0123", sequence_number=3))[:-1])
    error = _refused(frame)
    assert isinstance(error, errors.CommandLengthInvalid)
    assert (error.command_id, error.sequence_number) == (0x80000004, 3)


def test_null_values_are_one_nul_octet_and_full_width_zeros() -> None:
    """SMPP check 31."""
    assert encode(SubmitSm())[16:] == bytes(17)
    assert encode(BindTransceiver(interface_version=0))[16:] == bytes(7)


@pytest.mark.parametrize("value", [-1, 256])
def test_an_integer_that_does_not_fit_its_octet_is_refused(value: int) -> None:
    for field in ("protocol_id", "data_coding", "esm_class"):
        assert isinstance(_wrong(submit_sm(**{field: value})), errors.ParameterValueInvalid)
    assert isinstance(_wrong(submit_sm(command_status=value << 32)), errors.ParameterValueInvalid)
    assert isinstance(_wrong(submit_sm(sequence_number=value << 32)), errors.ParameterValueInvalid)


def test_responses_are_as_strict() -> None:
    """SMPP checks 30, 31."""
    assert _wrong(SubmitSmResp(message_id="кэш")).command_status == Status.ESME_RINVMSGID
    assert _wrong(SubmitSmResp(message_id="a\0b")).command_status == Status.ESME_RINVMSGID
    assert isinstance(_wrong(SubmitSmResp(message_id="1", command_status=-1)), errors.ParameterValueInvalid)


def test_the_memory_of_what_was_checked_is_bounded() -> None:
    for number in range(MEMORY_ENTRIES_MAX + 10):
        sender = f"S{number}"
        pdu = submit_sm(source_addr=sender)
        assert decode(encode(pdu)) == pdu


def test_lengths_are_those_of_the_text() -> None:
    """SMPP check 38."""
    for pdu in (ReplaceSm(short_message=b"hello"), SubmitMulti(short_message=b"hello"), submit_sm()):
        assert pdu.sm_length == 5


def test_the_error_knows_which_pdu_it_is_about() -> None:
    error = _wrong(submit_sm(service_type="TOOLONG", sequence_number=99))
    assert (error.command_id, error.sequence_number) == (4, 99)


# Addresses.


@pytest.mark.parametrize(
    ("ton", "address"),
    [
        (1, "79160000001"), (1, ""), (5, "CASHBACK"), (5, "A-Z 09&_.!?"), (5, "Jose é"), (5, ""), (0, "*100#"),
        (0, "4400"), (3, "4400"), (6, "4400"), (2, "09160000001"), (0, "+79160000001"), (5, "12345678901"),
    ],
)  # fmt: skip
def test_addresses_that_fit_their_ton(ton: int, address: str) -> None:
    """SMPP check 32."""
    pdu = submit_sm(source_addr_ton=ton, source_addr=address, dest_addr_ton=ton, destination_addr=address)
    assert decode(encode(pdu)) == pdu


@pytest.mark.parametrize(
    ("ton", "address", "source", "destination"),
    [
        (1, "+79160000001", Status.ESME_RINVSRCTON, Status.ESME_RINVDSTTON),
        (1, "7916000000A", Status.ESME_RINVSRCTON, Status.ESME_RINVDSTTON),
        (1, "7916 000001", Status.ESME_RINVSRCTON, Status.ESME_RINVDSTTON),
        (1, "²³", Status.ESME_RINVSRCTON, Status.ESME_RINVDSTTON),
        (5, "TWELVE CHARS", Status.ESME_RINVSRCTON, Status.ESME_RINVDSTTON),
        (5, "123456789012", Status.ESME_RINVSRCTON, Status.ESME_RINVDSTTON),
        (5, "[123456789]", Status.ESME_RINVSRCTON, Status.ESME_RINVDSTTON),
        (5, "no`grave", Status.ESME_RINVSRCTON, Status.ESME_RINVDSTTON),
        (5, "tab\t", Status.ESME_RINVSRCTON, Status.ESME_RINVDSTTON),
        (7, "1", Status.ESME_RINVSRCTON, Status.ESME_RINVDSTTON),
        (0, "line\nfeed", Status.ESME_RINVSRCADR, Status.ESME_RINVDSTADR),
        (0, "éé", Status.ESME_RINVSRCADR, Status.ESME_RINVDSTADR),
    ],
)
def test_addresses_that_do_not_fit_their_ton(ton: int, address: str, source: Status, destination: Status) -> None:
    """SMPP check 32: digits only without + for TON 1, 11 GSM characters for TON 5."""
    for build in (submit_sm, deliver_sm):
        assert _wrong(build(source_addr_ton=ton, source_addr=address)).command_status == source
        assert _wrong(build(dest_addr_ton=ton, destination_addr=address)).command_status == destination


@pytest.mark.parametrize("npi", [2, 5, 7, 11, 13, 15, 17, 19, 255])
def test_reserved_npis_are_named_by_side(npi: int) -> None:
    """SMPP check 32."""
    assert _wrong(submit_sm(source_addr_npi=npi)).command_status == Status.ESME_RINVSRCNPI
    assert _wrong(submit_sm(dest_addr_npi=npi)).command_status == Status.ESME_RINVDSTNPI


def test_addresses_are_looked_at_in_every_command_that_has_them() -> None:
    """SMPP check 32."""
    bad = {"source_addr_ton": 1, "source_addr": "+1"}
    for pdu in (
        DataSm(**bad), QuerySm(**bad), CancelSm(**bad), AlertNotification(**bad),
        SubmitMulti(**bad, dest_addresses=(SmeAddress(**DESTINATION),)),
    ):  # fmt: skip
        assert _wrong(pdu).command_status == Status.ESME_RINVSRCTON
    far = {"dest_addr_ton": 1, "destination_addr": "+1"}
    for pdu in (
        DataSm(**far), CancelSm(**far), SubmitMulti(**SOURCE, dest_addresses=(SmeAddress(**far),)),
        SubmitMultiResp(message_id="1", unsuccess_smes=(UnsuccessSme(**far),)),
        AlertNotification(**HANDSET, esme_addr_ton=1, esme_addr="+1"),
    ):  # fmt: skip
        assert _wrong(pdu).command_status == Status.ESME_RINVDSTTON


# submit_multi.


@pytest.mark.parametrize("count", [0, 255])
def test_submit_multi_has_1_to_254_destinations(count: int) -> None:
    """SMPP check 48."""
    multi = SubmitMulti(dest_addresses=(SmeAddress(**DESTINATION),) * count)
    assert _wrong(multi).command_status == Status.ESME_RINVNUMDESTS
    most = SubmitMulti(dest_addresses=(SmeAddress(**DESTINATION),) * 254)
    assert decode(encode(most)) == most
    assert most.number_of_dests == 254
    octets = encode(SubmitMulti(dest_addresses=(SmeAddress(),)))
    frame = octets[:20] + bytes((count,)) + octets[21:]
    assert _refused(frame).command_status == Status.ESME_RINVNUMDESTS


@pytest.mark.parametrize("flag", [0, 3, 255])
def test_a_destination_is_an_address_or_a_list(flag: int) -> None:
    """SMPP check 48."""
    octets = bytearray(encode(SubmitMulti(dest_addresses=(SmeAddress(),))))
    octets[21] = flag
    assert _refused(bytes(octets)).command_status == Status.ESME_RINVDESTFLAG


def test_submit_multi_resp_lists_failures_with_their_status() -> None:
    """SMPP check 48."""
    response = SubmitMultiResp(
        message_id="m", sequence_number=5, unsuccess_smes=(UnsuccessSme(**DESTINATION, error_status_code=0x0B),)
    )
    read = decode(encode(response))
    assert isinstance(read, SubmitMultiResp)
    assert read.no_unsuccess == 1
    assert read.unsuccess_smes[0].error_status_code == Status.ESME_RINVDSTADR
    cut = _resized(encode(response)[:-2])
    assert isinstance(_refused(cut), errors.CommandLengthInvalid)
    wrong = UnsuccessSme(error_status_code=1 << 32)
    assert isinstance(_wrong(SubmitMultiResp(message_id="m", unsuccess_smes=(wrong,))), errors.ParameterValueInvalid)
    too_many = (UnsuccessSme(),) * 256
    assert isinstance(
        _wrong(SubmitMultiResp(message_id="m", unsuccess_smes=too_many)), errors.NumberOfDestinationsInvalid
    )
