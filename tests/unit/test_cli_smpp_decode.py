"""`firstcharge smpp decode`: what people paste, what they recorded, and what is broken in it."""

import json
from pathlib import Path
from typing import Any

import pytest
from smpp_samples import SAMPLES, submit_sm

from gateway.cli.root import run
from sms.smpp.codec import encode
from sms.smpp.constants import VERSION_50
from sms.smpp.pdu import DeliverSm, EnquireLink

ENQUIRE_LINK = "00000010000000150000000000000001"


def decoded(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[Any], str]:
    code = run(["smpp", "decode", "--json", *arguments])
    captured = capsys.readouterr()
    return code, [json.loads(line) for line in captured.out.splitlines()], captured.err


@pytest.mark.parametrize(
    "pasted",
    [ENQUIRE_LINK, "0x" + ENQUIRE_LINK.upper(), " ".join([ENQUIRE_LINK[n : n + 2] for n in range(0, 32, 2)]),
     "00:00:00:10-00:00:00:15,00 00 00 00\n00 00 00 01"],
)  # fmt: skip
def test_hex_may_be_written_as_people_do(capsys: pytest.CaptureFixture[str], pasted: str) -> None:
    code, [pdu], _ = decoded(capsys, pasted)
    assert (code, pdu["command"], pdu["sequence_number"]) == (0, "enquire_link", 1)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda pdu: str(pdu.name))
def test_every_command_is_shown_with_every_field(capsys: pytest.CaptureFixture[str], sample: Any) -> None:
    octets = encode(sample, VERSION_50)
    code, [pdu], _ = decoded(capsys, octets.hex())
    assert (code, pdu["command"]) == (0, sample.name)
    assert run(["smpp", "decode", octets.hex()]) == 0
    shown = capsys.readouterr().out
    for name in set(pdu) - {
        "number",
        "command",
        "command_id",
        "command_status",
        "sequence_number",
        "tlvs",
        "words",
        "text",
    }:
        assert name in shown


def test_several_follow_each_other_and_a_broken_one_is_told_and_the_rest_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken = encode(submit_sm(short_message=b"hello", sequence_number=7)).replace(b"\x05hello", b"\x55hello")
    code, pdus, error = decoded(capsys, (encode(EnquireLink(sequence_number=1)) * 2 + broken).hex())
    assert code == 1
    assert [one.get("command") for one in pdus] == ["enquire_link", "enquire_link", None]
    assert (pdus[2]["answer"], pdus[2]["sequence_number"], pdus[2]["hex"]) == ("ESME_RINVMSGLEN", 7, broken.hex())
    assert "1 PDU breaks the protocol" in error


@pytest.mark.parametrize(
    ("given", "why"),
    [("zz", "neither hexadecimal nor a file"), ("123", "no whole octets"), ("0000001000", "cut short"),
     ("0000000800000015", "no SMPP"), ("0" * 5000 + "y", "neither hexadecimal"), ("", "no whole octets")],
)  # fmt: skip
def test_what_is_no_pdu_is_refused_with_its_reason(capsys: pytest.CaptureFixture[str], given: str, why: str) -> None:
    code, pdus, error = decoded(capsys, given)
    assert (code, pdus) == (2, [])
    assert why in error


def test_a_file_that_is_no_capture_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "cap.pcap"
    path.write_bytes(b"\x0a\x0d\x0d\x0a" + bytes(100))
    assert "editcap" in decoded(capsys, str(path))[2]
    path.write_bytes(b"PK\x03\x04\xff\xfe")
    code, _, error = decoded(capsys, str(path))
    assert (code, "no libpcap capture" in error) == (2, True)


def test_a_long_value_is_shortened_for_people_alone(capsys: pytest.CaptureFixture[str]) -> None:
    octets = encode(DeliverSm(source_addr="1", destination_addr="2", short_message=b"x" * 200)).hex()
    _, [pdu], _ = decoded(capsys, octets)
    assert pdu["text"] == "x" * 200
    assert run(["smpp", "decode", octets]) == 0
    assert "(200 characters, all with --json)" in capsys.readouterr().out
