"""PDUs for the SMPP tests: one ordinary sample per command, and generators of any PDU the rules allow."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from sms.smpp.constants import Npi, Tag, Ton
from sms.smpp.pdu import (
    AlertNotification,
    BindReceiver,
    BindReceiverResp,
    BindTransceiver,
    BindTransceiverResp,
    BindTransmitter,
    BindTransmitterResp,
    CancelSm,
    CancelSmResp,
    DataSm,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    DistributionList,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Outbind,
    Pdu,
    QuerySm,
    QuerySmResp,
    ReplaceSm,
    ReplaceSmResp,
    SmeAddress,
    SubmitMulti,
    SubmitMultiResp,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
    UnsuccessSme,
)
from sms.smpp.rules import DELIVER_ESM_CLASSES, SUBMIT_ESM_CLASSES

RECEIPT_TEXT = (
    b"id:0123456789 sub:001 dlvrd:001 submit date:2503031200 done date:2503031201 "
    b"stat:DELIVRD err:000 text:hello hello hello he"
)
SOURCE: dict[str, Any] = {"source_addr_ton": 5, "source_addr_npi": 0, "source_addr": "CASHBACK"}
DESTINATION: dict[str, Any] = {"dest_addr_ton": 1, "dest_addr_npi": 1, "destination_addr": "79160000001"}
HANDSET: dict[str, Any] = {"source_addr_ton": 1, "source_addr_npi": 1, "source_addr": "79160000001"}
SERVICE: dict[str, Any] = {"dest_addr_ton": 0, "dest_addr_npi": 0, "destination_addr": "4400"}


def submit_sm(**fields: Any) -> SubmitSm:
    """An ordinary submit_sm, changed as asked."""
    return SubmitSm(**({"sequence_number": 7, "short_message": b"hello"} | SOURCE | DESTINATION | fields))


def deliver_sm(**fields: Any) -> DeliverSm:
    """An ordinary deliver_sm, changed as asked."""
    return DeliverSm(**({"sequence_number": 8, "short_message": b"STOP"} | HANDSET | SERVICE | fields))


def receipt_sm(**fields: Any) -> DeliverSm:
    """A delivery receipt with its parameters, changed as asked."""
    tlvs = (
        (int(Tag.RECEIPTED_MESSAGE_ID), b"0123456789\0"),
        (int(Tag.MESSAGE_STATE), b"\x02"),
        (int(Tag.NETWORK_ERROR_CODE), b"\x03\x00\x00"),
    )
    return deliver_sm(**({"esm_class": 4, "short_message": RECEIPT_TEXT, "tlvs": tlvs} | fields))


BIND: dict[str, Any] = {"system_id": "gateway", "password": "secret1", "system_type": "", "sequence_number": 1}

SAMPLES: tuple[Pdu, ...] = (
    GenericNack(command_status=3, sequence_number=9),
    BindReceiver(**BIND),
    BindReceiverResp(system_id="SMSC", sequence_number=1),
    BindTransmitter(**BIND),
    BindTransmitterResp(system_id="SMSC", sequence_number=1),
    BindTransceiver(**BIND, addr_ton=1, addr_npi=1, address_range="7916*"),
    BindTransceiverResp(system_id="SMSC", sequence_number=1, tlvs=((0x0210, b"\x34"),)),
    Outbind(system_id="SMSC", password="secret1", sequence_number=1),
    Unbind(sequence_number=2),
    UnbindResp(sequence_number=2),
    EnquireLink(sequence_number=3),
    EnquireLinkResp(sequence_number=3),
    submit_sm(tlvs=((0x0204, b"\x00\x07"),)),
    SubmitSmResp(message_id="0123456789", sequence_number=7),
    receipt_sm(),
    DeliverSmResp(sequence_number=8),
    DataSm(sequence_number=10, **SOURCE, **DESTINATION, tlvs=((0x0424, b"hello"),)),
    DataSmResp(message_id="d-1", sequence_number=10),
    QuerySm(message_id="0123456789", sequence_number=11, **SOURCE),
    QuerySmResp(message_id="0123456789", final_date="250303120100000+", message_state=2, sequence_number=11),
    CancelSm(message_id="0123456789", sequence_number=12, **SOURCE, **DESTINATION),
    CancelSmResp(sequence_number=12),
    ReplaceSm(message_id="0123456789", short_message=b"other", sequence_number=13, **SOURCE),
    ReplaceSmResp(sequence_number=13),
    SubmitMulti(
        sequence_number=14,
        short_message=b"hello",
        dest_addresses=(SmeAddress(**DESTINATION), DistributionList(dl_name="everybody")),
        **SOURCE,
    ),
    SubmitMultiResp(
        message_id="m-1",
        sequence_number=14,
        unsuccess_smes=(UnsuccessSme(**DESTINATION, error_status_code=0x0B),),
    ),
    AlertNotification(sequence_number=15, esme_addr_ton=0, esme_addr_npi=0, esme_addr="4400", **HANDSET),
)
"""One of every command."""

_octets = st.integers(0, 255)
_uint32 = st.integers(0, 0xFFFFFFFF)
_numbers = st.integers(1, 0x7FFFFFFF)


def _strings(most: int) -> SearchStrategy[str]:
    return st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=most)


def _digits(most: int) -> SearchStrategy[str]:
    return st.text(st.sampled_from("0123456789"), max_size=most)


_printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
_names = st.text(st.sampled_from("ABCXYZabcxyz0189 -.&_@é"), max_size=11)
_npis = st.sampled_from([int(npi) for npi in Npi])
_addresses: SearchStrategy[tuple[int, int, str]] = st.one_of(
    st.tuples(st.just(int(Ton.INTERNATIONAL)), _npis, _digits(20)),
    st.tuples(st.just(int(Ton.ALPHANUMERIC)), _npis, _names),
    st.tuples(st.sampled_from([0, 2, 3, 4, 6]), _npis, _printable),
    st.tuples(st.sampled_from([0, 2, 3, 4, 6]), _npis, _digits(20)),
)
_times = st.sampled_from(["", "", "", "250303120000000+", "251231235959948-", "000002000000000R"])
_registered = st.sampled_from([v for v in range(32) if v & 3 != 3])
_values = st.binary(max_size=40)


def _tlv(tag: Tag, size: int) -> SearchStrategy[tuple[int, bytes]]:
    return st.tuples(st.just(int(tag)), st.binary(min_size=size, max_size=size))


_free_tlvs = st.one_of(
    _tlv(Tag.USER_MESSAGE_REFERENCE, 2),
    _tlv(Tag.ITS_SESSION_INFO, 2),
    _tlv(Tag.USSD_SERVICE_OP, 1),
    _tlv(Tag.NETWORK_ERROR_CODE, 3),
    _tlv(Tag.QOS_TIME_TO_LIVE, 4),
    _tlv(Tag.ALERT_ON_MESSAGE_DELIVERY, 0),
    st.tuples(st.just(int(Tag.MESSAGE_STATE)), st.sampled_from([bytes((v,)) for v in range(10)])),
    st.tuples(st.just(int(Tag.CALLBACK_NUM)), st.binary(min_size=4, max_size=19)),
    st.tuples(st.just(int(Tag.RECEIPTED_MESSAGE_ID)), st.binary(min_size=1, max_size=65)),
    st.tuples(st.integers(0x1400, 0x3FFF), _values),
)
_sar = st.tuples(st.binary(min_size=2, max_size=2), st.integers(1, 255), st.integers(1, 255)).map(
    lambda three: (
        (int(Tag.SAR_MSG_REF_NUM), three[0]),
        (int(Tag.SAR_TOTAL_SEGMENTS), bytes((max(three[1:]),))),
        (int(Tag.SAR_SEGMENT_SEQNUM), bytes((min(three[1:]),))),
    )
)
_headers = (
    st.lists(st.tuples(_octets, st.binary(max_size=6)), min_size=1, max_size=3)
    .map(lambda elements: b"".join(bytes((tag, len(value))) + value for tag, value in elements))
    .map(lambda elements: bytes((len(elements),)) + elements)
)


def _address(values: tuple[int, int, str], names: tuple[str, str, str]) -> dict[str, Any]:
    return dict(zip(names, values, strict=True))


_SOURCE = ("source_addr_ton", "source_addr_npi", "source_addr")
_DESTINATION = ("dest_addr_ton", "dest_addr_npi", "destination_addr")
_ESME = ("esme_addr_ton", "esme_addr_npi", "esme_addr")


@st.composite
def _texts(draw: st.DrawFn, esm_classes: list[int]) -> dict[str, Any]:
    """Text, esm_class, data_coding and parameters that go together."""
    esm_class = draw(st.sampled_from(esm_classes))
    data_coding = draw(st.sampled_from([0, 1, 3, 4, 6, 8, 8, 72, 0xF1]))
    header = draw(_headers) if esm_class & 0x40 else b""
    body = draw(st.binary(max_size=200))
    if data_coding == 8 and len(body) % 2:
        body = body[1:]
    tlvs = tuple(draw(st.lists(_free_tlvs, max_size=4)))
    if not header and draw(st.booleans()) and draw(st.booleans()):
        tlvs += draw(_sar)
    fields: dict[str, Any] = {"esm_class": esm_class, "data_coding": data_coding}
    if draw(st.integers(0, 9)) == 0:
        return fields | {"short_message": b"", "tlvs": (*tlvs, (int(Tag.MESSAGE_PAYLOAD), header + body))}
    return fields | {"short_message": header + body, "tlvs": tlvs}


@st.composite
def _submission(draw: st.DrawFn) -> dict[str, Any]:
    schedule, validity = draw(st.sampled_from(
        [("", ""), ("", "000001000000000R"), ("250303120000000+", "250304120000000+"), ("250303120000000+", "")]
    ))  # fmt: skip
    text = draw(_texts(sorted(SUBMIT_ESM_CLASSES)))
    return {
        "service_type": draw(_strings(5)),
        "protocol_id": draw(_octets),
        "priority_flag": draw(st.integers(0, 3)),
        "schedule_delivery_time": schedule,
        "validity_period": validity,
        "registered_delivery": draw(_registered),
        "replace_if_present_flag": draw(st.integers(0, 1)),
        "sequence_number": draw(_numbers),
        **_address(draw(_addresses), _SOURCE),
        **text,
    }


@st.composite
def _delivery(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "service_type": draw(_strings(5)),
        "protocol_id": draw(_octets),
        "priority_flag": draw(st.integers(0, 3)),
        "registered_delivery": draw(_registered),
        "sequence_number": draw(_numbers),
        **_address(draw(_addresses), _SOURCE),
        **_address(draw(_addresses), _DESTINATION),
        **draw(_texts(sorted(DELIVER_ESM_CLASSES))),
    }


def _data_sm(fields: dict[str, Any]) -> DataSm:
    fields = dict(fields)
    text = fields.pop("short_message")
    tlvs = fields.pop("tlvs")
    for name in ("protocol_id", "priority_flag"):
        del fields[name]
    if text:
        tlvs = (*tlvs, (int(Tag.MESSAGE_PAYLOAD), text))
    return DataSm(**fields, tlvs=tlvs)


_binds = st.builds(
    lambda cls, **fields: cls(**fields),
    st.sampled_from([BindReceiver, BindTransmitter, BindTransceiver]),
    system_id=_strings(15),
    password=_strings(8),
    system_type=_strings(12),
    interface_version=_octets,
    addr_ton=_octets,
    addr_npi=_octets,
    address_range=_strings(40),
    sequence_number=_numbers,
)
_dests = st.one_of(
    _addresses.map(lambda three: SmeAddress(**_address(three, _DESTINATION))),
    st.builds(DistributionList, dl_name=_strings(20)),
)
_failures = st.tuples(_addresses, _uint32).map(
    lambda two: UnsuccessSme(**_address(two[0], _DESTINATION), error_status_code=two[1])
)
_tlvs = st.lists(_free_tlvs, max_size=3).map(tuple)
_bodiless = st.builds(
    lambda cls, **fields: cls(**fields),
    st.sampled_from([Unbind, EnquireLink]),
    sequence_number=_numbers,
    tlvs=_tlvs,
)
_acknowledgements = st.builds(
    lambda cls, **fields: cls(**fields),
    st.sampled_from([GenericNack, UnbindResp, EnquireLinkResp, CancelSmResp, ReplaceSmResp]),
    command_status=_uint32,
    sequence_number=_uint32,
)
_named_responses = st.builds(
    lambda cls, **fields: cls(**fields),
    st.sampled_from([SubmitSmResp, DeliverSmResp, DataSmResp]),
    message_id=_strings(64),
    command_status=st.one_of(st.just(0), _uint32),
    sequence_number=_numbers,
    tlvs=_tlvs,
)
_error_responses = st.builds(
    lambda cls, **fields: cls(**fields),
    st.sampled_from([
        SubmitSmResp, DeliverSmResp, DataSmResp, QuerySmResp, SubmitMultiResp,
        BindReceiverResp, BindTransmitterResp, BindTransceiverResp,
    ]),
    command_status=st.integers(1, 0xFFFFFFFF),
    sequence_number=_numbers,
)  # fmt: skip
_bind_responses = st.builds(
    lambda cls, **fields: cls(**fields),
    st.sampled_from([BindReceiverResp, BindTransmitterResp, BindTransceiverResp]),
    system_id=_strings(15),
    sequence_number=_numbers,
    tlvs=st.just(((int(Tag.SC_INTERFACE_VERSION), b"\x34"),)),
)
submits = st.tuples(_submission(), _addresses).map(lambda two: SubmitSm(**two[0], **_address(two[1], _DESTINATION)))
delivers = _delivery().map(lambda fields: DeliverSm(**fields))
_others = st.one_of(
    _delivery().map(_data_sm),
    st.tuples(_submission(), st.lists(_dests, min_size=1, max_size=5)).map(
        lambda two: SubmitMulti(**two[0], dest_addresses=tuple(two[1]))
    ),
    st.builds(
        SubmitMultiResp,
        message_id=_strings(64),
        sequence_number=_numbers,
        unsuccess_smes=st.lists(_failures, max_size=5).map(tuple),
    ),
    st.tuples(_strings(64), _addresses, _numbers).map(
        lambda three: QuerySm(
            message_id=three[0], sequence_number=three[2], **_address(three[1], _SOURCE)
        )
    ),
    st.builds(
        QuerySmResp,
        message_id=_strings(64),
        final_date=_times,
        message_state=st.integers(0, 9),
        error_code=_octets,
        sequence_number=_numbers,
    ),
    st.tuples(_strings(5), _strings(64), _addresses, _addresses, _numbers).map(
        lambda five: CancelSm(
            service_type=five[0], message_id=five[1], sequence_number=five[4],
            **_address(five[2], _SOURCE), **_address(five[3], _DESTINATION),
        )
    ),
    st.tuples(_strings(64), _addresses, _times, _registered, st.binary(max_size=254), _numbers).map(
        lambda six: ReplaceSm(
            message_id=six[0], validity_period=six[2], registered_delivery=six[3], short_message=six[4],
            sequence_number=six[5], **_address(six[1], _SOURCE),
        )
    ),
    st.tuples(_addresses, _addresses, _numbers).map(
        lambda three: AlertNotification(
            sequence_number=three[2], **_address(three[0], _SOURCE), **_address(three[1], _ESME)
        )
    ),
    st.builds(Outbind, system_id=_strings(15), password=_strings(8), sequence_number=_numbers),
)  # fmt: skip

any_pdu: SearchStrategy[Pdu] = st.one_of(
    submits, submits, delivers, delivers, _binds, _bind_responses, _bodiless, _acknowledgements,
    _named_responses, _error_responses, _others,
)  # fmt: skip
"""Any PDU the rules allow; messages most often."""
