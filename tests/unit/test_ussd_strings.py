"""USSD strings: conformance items 1-8 and 10, vectors of ussd.md and 3GPP TS 23.038 §6.1.2.3.1."""

import pytest

from sms.text import Coding
from ussd.wire import UssdLimits, decode_string, encode_string, octets_of


def read(octets: str, dcs: int) -> str:
    return decode_string(bytes.fromhex(octets), dcs).text


@pytest.mark.parametrize(
    ("text", "dcs", "octets"),
    [
        ("*100*1#", 0x0F, "aa180ca68a8d1a"),  # item 1: seven septets and the CR pad
        ("*100#", 0x0F, "aa180c3602"),  # item 2
        ("Баланс:2220,76р", 0x48, "04110430043b0430043d0441003a0032003200320030002c003700360440"),  # item 7
    ],
)
def test_item_1_2_7_golden_vectors_pack_and_come_back(text: str, dcs: int, octets: str) -> None:
    packed = encode_string(text)
    assert (packed.dcs, packed.octets.hex()) == (dcs, octets)
    assert read(octets, dcs) == text
    assert octets_of(text) == len(packed.octets)


def test_item_1_fifteen_septets_are_padded_too() -> None:
    assert len(encode_string("x" * 15).octets) == 14
    assert decode_string(encode_string("x" * 15).octets, 0x0F).text == "x" * 15


def test_item_1_a_commercial_at_before_the_pad_survives() -> None:
    assert decode_string(encode_string("100000@").octets, 0x0F).text == "100000@"
    assert decode_string(encode_string("1000000@").octets, 0x0F).text == "1000000@"


def test_item_3_text_of_8n_septets_ending_in_cr_gets_an_extra_cr() -> None:
    text = "1234567\r"
    packed = encode_string(text).octets
    assert len(packed) == octets_of(text) == 8
    assert packed[7] == 0x0D
    # §6.1.2.3.1: the receiver performs the carriage return twice, which means the same
    assert decode_string(packed, 0x0F).text == "1234567\r\r"


def test_item_3_text_of_8n_septets_without_cr_gets_none() -> None:
    assert len(encode_string("12345678").octets) == 7


def test_item_4_182_septets_take_160_octets_and_183_do_not_fit() -> None:
    assert octets_of("x" * 182) == 160
    assert UssdLimits().fits("x" * 182)
    assert not UssdLimits().fits("x" * 183)
    assert UssdLimits().septets_max == 182


@pytest.mark.parametrize("char", "€[]{}\\~^|")
def test_item_5_extension_characters_count_twice(char: str) -> None:
    assert UssdLimits().fits(char * 91)
    assert not UssdLimits().fits(char * 91 + "x")


def test_item_6_80_ucs2_characters_fit_and_81_do_not() -> None:
    assert octets_of("ш" * 80) == 160
    assert UssdLimits().fits("ш" * 80)
    assert not UssdLimits().fits("ш" * 81)
    assert UssdLimits().fits("👍" * 40)
    assert not UssdLimits().fits("👍" * 40 + "ш")
    assert UssdLimits().units_max == 80


def test_item_55_short_form_holds_128_septets_or_56_characters() -> None:
    short = UssdLimits(octets_max=112)
    assert (short.septets_max, short.units_max) == (128, 56)
    assert short.fits("x" * 128)
    assert not short.fits("x" * 129)
    # 128 septets ending in CR take one more octet for the CR that is added
    assert not short.fits("x" * 127 + "\r")


@pytest.mark.parametrize("dcs", [0x0F, 0x00, 0x01, 0x40, 0x20, 0xF0])
def test_item_8_gsm_schemes_decode(dcs: int) -> None:
    read_string = decode_string(bytes.fromhex("aa180c3602"), dcs)
    assert (read_string.text, read_string.coding, read_string.warnings) == ("*100#", Coding.GSM7, ())


@pytest.mark.parametrize("dcs", [0x48, 0x58])
def test_item_8_ucs2_schemes_decode(dcs: int) -> None:
    read_string = decode_string("Кэшбэк".encode("utf-16-be"), dcs)
    assert (read_string.text, read_string.coding) == ("Кэшбэк", Coding.UCS2)


def test_item_8_scheme_0x10_drops_the_language_and_its_cr() -> None:
    assert decode_string(encode_string("ro\rSold").octets, 0x10).text == "Sold"
    assert decode_string(encode_string("Sold").octets, 0x10).text == "Sold"


def test_item_8_scheme_0x11_skips_two_octets() -> None:
    assert decode_string(b"\xf2\x37" + "Кэшбэк".encode("utf-16-be"), 0x11).text == "Кэшбэк"


def test_item_8_eight_bit_scheme_reads_with_a_warning() -> None:
    for dcs, warning in ((0x44, "8-bit scheme 68 (0x44)"), (0xF4, "8-bit scheme 244 (0xf4)")):
        read_string = decode_string(b"*100#", dcs)
        assert (read_string.text, read_string.warnings) == ("*100#", (warning,))


@pytest.mark.parametrize("dcs", [0x30, 0x80, 0x90, 0xE0, 0x4C])
def test_item_8_unknown_scheme_warns_and_reads_as_gsm(dcs: int) -> None:
    read_string = decode_string(bytes.fromhex("aa180c3602"), dcs)
    assert read_string.text == "*100#"
    assert read_string.warnings == (f"unknown scheme {dcs} (0x{dcs:02x}) read as GSM-7",)


def test_ucs2_under_a_gsm_scheme_is_noticed() -> None:
    # vumi #838: a network sends UCS-2 under a GSM-7 scheme
    read_string = decode_string("*100#Ж".encode("utf-16-be"), 0x0F)
    assert (read_string.text, read_string.coding) == ("*100#Ж", Coding.UCS2)
    assert read_string.warnings == ("UCS-2 under scheme 15 (0x0f)",)


def test_gsm_octets_that_only_resemble_utf16_stay_gsm() -> None:
    assert read("0000", 0x0F) == "@@"
    assert read("", 0x0F) == ""


def test_item_10_one_character_outside_switches_scheme_and_octets_together() -> None:
    packed = encode_string("57,30 ₽")
    assert packed.dcs == 0x48
    assert packed.octets == "57,30 ₽".encode("utf-16-be")
