"""National language tables (3GPP TS 23.038 Annex A) against two other transcriptions of the standard."""

import gsm0338
import pytest
from gsmcodecs.charmaps import GSMCHARMAPS

from sms.text.gsm import DEFAULT, ESC, REPLACEMENT
from sms.text.national import Language, alphabet, has_locking

COMMA = 0x2C
"""gsmcodecs 1.0.0 has an apostrophe here in its ten Indic locking tables; the standard has a comma."""


def theirs(language: int, kind: str) -> dict[int, str]:
    table = {code: chr(point) for code, point in GSMCHARMAPS[language][kind]["decode"].items() if code != ESC}
    if kind == "locking" and language >= Language.BENGALI:
        assert table[COMMA] == "'"
        table[COMMA] = ","
    return table


@pytest.mark.parametrize("language", [one for one in Language if has_locking(one)])
def test_locking_table_is_that_of_another_transcription(language: Language) -> None:
    table = alphabet(locking=language).basic
    assert len(table) == 128
    assert {code: char for code, char in enumerate(table) if char not in (chr(ESC), REPLACEMENT)} == theirs(
        language, "locking"
    )


@pytest.mark.parametrize("language", list(Language))
def test_single_shift_table_is_that_of_another_transcription(language: Language) -> None:
    assert dict(alphabet(single=language).extension) == theirs(language, "singleShift")


def test_default_tables_are_those_of_another_transcription() -> None:
    assert dict(enumerate(DEFAULT.basic)) == theirs(0, "locking") | {ESC: chr(ESC)}
    assert dict(DEFAULT.extension) == theirs(0, "singleShift")


def test_spanish_table_is_also_that_of_a_third() -> None:
    codec = gsm0338.Codec(single_shift_decode_map=gsm0338.SINGLE_SHIFT_CHARACTER_SET_SPANISH)
    table = alphabet(single=Language.SPANISH)
    for code, char in table.extension.items():
        assert codec.decode(bytes((ESC, code)))[0] == char


def test_spanish_alone_has_no_locking_table() -> None:
    assert [one for one in Language if not has_locking(one)] == [Language.SPANISH]
    assert alphabet(locking=Language.SPANISH).basic == DEFAULT.basic


@pytest.mark.parametrize("language", list(Language))
def test_every_character_of_every_table_survives_the_way_there_and_back(language: Language) -> None:
    for table in (alphabet(language), alphabet(single=language), alphabet(language, language)):
        everything = {*table.basic, *table.extension.values()} - {chr(ESC), REPLACEMENT}
        text = "".join(sorted(everything))
        assert table.decode(table.encode(text)) == text


def test_reserved_position_is_no_character_and_shows_a_replacement() -> None:
    bengali = alphabet(locking=Language.BENGALI)
    assert not bengali.holds(REPLACEMENT)
    assert bengali.decode(b"\x0c") == REPLACEMENT


def test_unknown_escape_code_shows_the_character_of_the_locking_table() -> None:
    assert alphabet(Language.TURKISH, Language.TURKISH).decode(b"\x1b\x60") == "ç"


def test_only_these_tables_have_a_letter_of_romanian() -> None:
    # smpp.md: only Turkish has ş, only Portuguese has â
    holding = {letter: {one for one in Language if alphabet(one, one).holds(letter)} for letter in "ăâșțşţĂÂȘȚŞŢ"}
    assert {letter: languages for letter, languages in holding.items() if languages} == {
        "â": {Language.PORTUGUESE},
        "Â": {Language.PORTUGUESE},
        "ş": {Language.TURKISH},
        "Ş": {Language.TURKISH},
    }
