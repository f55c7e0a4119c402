"""PDUs in words: JSON-able, complete, without passwords."""

import json

import pytest
from smpp_samples import BIND, SAMPLES, submit_sm

from sms.smpp.constants import Tag
from sms.smpp.describe import describe, name_of_status, name_of_tag
from sms.smpp.layouts import LAYOUTS
from sms.smpp.pdu import BindTransceiver, DataSm, GenericNack, Pdu, SubmitSmResp


@pytest.mark.parametrize("pdu", SAMPLES, ids=lambda pdu: pdu.name)
def test_every_command_is_described_with_every_parameter(pdu: Pdu) -> None:
    fields = describe(pdu)
    assert json.loads(json.dumps(fields)) == fields
    assert fields["command"] == pdu.name
    assert [field.name for field in LAYOUTS[pdu.command_id] if field.name not in fields] == []
    assert len(fields["tlvs"]) == len(pdu.tlvs)


def test_values_have_words() -> None:
    pdu = submit_sm(
        esm_class=0xC3, registered_delivery=0x1E, data_coding=8,
        short_message=b"\5\0\3\1\2\1" + "Привет".encode("utf-16-be"),
    )  # fmt: skip
    fields = describe(pdu)
    assert fields["text"] == "Привет"
    assert fields["sm_length"] == 18
    assert fields["words"] == {
        "source_addr_ton": "alphanumeric",
        "source_addr_npi": "unknown",
        "dest_addr_ton": "international",
        "dest_addr_npi": "isdn",
        "esm_class": "store and forward, message, user data header, reply path",
        "registered_delivery": "receipt on failure, delivery acknowledgement, user acknowledgement, "
        "intermediate notification",
        "data_coding": "ucs2",
    }


def test_a_status_is_named_and_explained() -> None:
    words = describe(SubmitSmResp(command_status=0x58))["words"]["command_status"]
    assert words.startswith("ESME_RTHROTTLED: ")
    assert describe(GenericNack(command_status=0x07))["words"]["command_status"] == "ESME_RINVREGDLVFLG"
    assert name_of_status(0x0401) == "0x00000401"
    assert "command_status" not in describe(submit_sm())["words"]


def test_parameters_are_named_with_both_bases_of_the_ussd_operation() -> None:
    tlvs = ((int(Tag.USSD_SERVICE_OP), b"\x11"), (0x1501, b"abcd"), (int(Tag.MESSAGE_STATE), b"\2"),
            (int(Tag.USSD_SERVICE_OP), b"\x81"))  # fmt: skip
    described = describe(submit_sm(tlvs=tlvs))["tlvs"]
    assert [one.get("words") for one in described] == [
        "pssr_response (17 = 0x11)", None, "delivered", "vendor (129 = 0x81)",
    ]  # fmt: skip
    assert described[1] == {"tag": "0x1501", "name": "0x1501", "hex": "61626364", "value": 0x61626364}
    assert name_of_tag(0x0424) == "message_payload"


def test_a_password_is_not_shown() -> None:
    assert describe(BindTransceiver(**BIND))["password"] == "***"
    assert "secret1" not in json.dumps(describe(BindTransceiver(**BIND)))


def test_text_is_shown_where_the_coding_is_known_and_the_header_holds() -> None:
    assert "text" not in describe(submit_sm(data_coding=4))
    assert "text" not in describe(submit_sm(esm_class=0x40, short_message=b"\x09"))
    assert describe(DataSm(tlvs=((int(Tag.MESSAGE_PAYLOAD), b"hi"),)))["text"] == "hi"
    assert describe(submit_sm(data_coding=8, short_message=b"\xd8"))["text"] == "\ufffd"
