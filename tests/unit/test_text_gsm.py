"""The GSM 7-bit alphabet against 3GPP TS 23.038."""

import pytest

from sms.text.errors import CharacterOutsideAlphabet
from sms.text.gsm import CR, DEFAULT, ESC, Alphabet, fill_bits_after, pack, unpack

EXTENSION = "\f^{}\\[~]|€"


def test_basic_table_has_127_characters_and_esc() -> None:
    assert len(DEFAULT.basic) == 128
    assert len(set(DEFAULT.basic)) == 128
    assert DEFAULT.basic.index("\x1b") == ESC


def test_extension_table_has_ten_characters_of_two_septets_each() -> None:
    assert sorted(DEFAULT.extension.values()) == sorted(EXTENSION)
    assert len(DEFAULT.encode(EXTENSION)) == 20
    assert DEFAULT.extended("a€b{€") == ("€", "{")


def test_all_characters_survive_the_way_to_septets_and_back() -> None:
    everything = DEFAULT.basic.replace("\x1b", "") + EXTENSION
    assert DEFAULT.decode(DEFAULT.encode(everything)) == everything


def test_unknown_escape_code_shows_the_basic_character() -> None:
    assert DEFAULT.decode(b"\x1bA") == "A"
    assert DEFAULT.decode(b"\x1b\x65") == "€"


def test_escape_with_nothing_to_escape_shows_a_space() -> None:
    assert DEFAULT.decode(b"A\x1b") == "A "
    assert DEFAULT.decode(b"\x1b\x1bA") == " A"


def test_octets_above_the_table_show_a_replacement_with_and_without_escapes() -> None:
    assert DEFAULT.decode(b"A\xe9B") == "A\ufffdB"
    assert DEFAULT.decode(b"\x1b\x65\xe9") == "€\ufffd"


def test_first_character_outside_is_named_with_its_position() -> None:
    with pytest.raises(CharacterOutsideAlphabet) as refused:
        DEFAULT.encode("Баланс")
    assert (refused.value.character, refused.value.position) == ("Б", 0)
    with pytest.raises(CharacterOutsideAlphabet, match="position 3"):
        DEFAULT.encode("20 ₽")
    assert DEFAULT.outside("ab ș₽ș") == ("ș", "₽")


def test_escape_itself_is_no_character() -> None:
    assert not DEFAULT.holds("\x1b")


@pytest.mark.parametrize("letter", "ăâîșțşţĂÂÎȘȚŞŢ")
def test_no_romanian_letter_with_a_mark_is_in_the_alphabet(letter: str) -> None:
    assert not DEFAULT.holds(letter)


def test_another_table_is_data_and_not_code() -> None:
    # 23.038 §A.3.1: the Turkish tables hold ş, the Romanian cedilla form
    turkish = Alphabet(basic=DEFAULT.basic.replace("ò", "ş"), extension=DEFAULT.extension)
    assert turkish.decode(turkish.encode("ş€")) == "ş€"
    assert not turkish.holds("ò")


def test_packing_follows_the_standards_bit_order() -> None:
    # the widely published vector of 23.038 packing
    assert pack(DEFAULT.encode("hellohello")).hex() == "e8329bfd4697d9ec37"


def test_packed_septets_come_back() -> None:
    septets = DEFAULT.encode("Cashback: 57,30 RUB {€}")
    assert unpack(pack(septets), len(septets)) == septets


@pytest.mark.parametrize(("header", "fill"), [(0, 0), (4, 3), (6, 1), (7, 0), (9, 5), (12, 2)])
def test_fill_bits_bring_the_first_septet_to_a_septet_boundary(header: int, fill: int) -> None:
    assert fill_bits_after(header) == fill
    assert (header * 8 + fill) % 7 == 0


def test_fill_bits_shift_the_septets_and_come_off_again() -> None:
    septets = bytes((0x41, 0x42, CR))
    packed = pack(septets, fill_bits=1)
    assert packed[0] & 1 == 0
    assert unpack(packed, 3, fill_bits=1) == septets


def test_asking_for_more_septets_than_there_are_gives_those_there_are() -> None:
    assert unpack(b"\xaa\x18", 50) == b"*1"
    assert unpack(b"", 3, fill_bits=1) == b""
