"""Which coding a text travels in, what may be rewritten to save segments, and what it costs."""

import pytest

from sms.text import Coding, UnicodeMode, coding_of, cost_of, decode, display_form, encode, prepared, transliterate

ROMANIAN_NOTICE = (
    "S-au acumulat 50 RUB cashback la Ozon și încă 12 RUB în așteptare. "
    "Le puteți folosi de la 01.04. Țineți minte: soldul *100*1#"
)


def test_one_character_outside_the_alphabet_switches_the_whole_text() -> None:
    assert encode("Sold: 1 €") == (Coding.GSM7, b"Sold: 1 \x1b\x65")
    assert encode("Sold ₽") == (Coding.UCS2, "Sold ₽".encode("utf-16-be"))
    assert coding_of("Баланс") is Coding.UCS2


def test_data_coding_is_zero_for_the_default_alphabet_and_eight_for_ucs2() -> None:
    assert (Coding.GSM7.data_coding, Coding.UCS2.data_coding) == (0, 8)


@pytest.mark.parametrize(
    ("payload", "data_coding", "text"),
    [
        (b"STOP", 0, "STOP"),
        (b"STOP", 1, "STOP"),
        (b"\xe9t\xe9", 3, "été"),
        (b"\xc1\xe2\xde\xdf", 6, "Стоп"),
        (b"\x04\x21\x04\x22", 8, "СТ"),
        (b"\x04\x21\x04", 8, "С\ufffd"),
        (b"\x00", 0xF5, "@"),
    ],
)
def test_every_coding_reads_and_none_fails(payload: bytes, data_coding: int, text: str) -> None:
    assert decode(payload, data_coding) == text


def test_romanian_letters_and_typographic_signs_have_gsm_forms() -> None:
    # smpp.md: ă,â→a; î→i; ș→s; ț→t; „”→"
    assert transliterate("„Ţară” – știință… Âî\u00a0’") == '"Tara" - stiinta... Ai \''
    assert transliterate("a\u0306") == "a"


def test_cedilla_forms_are_shown_as_comma_forms() -> None:
    assert display_form("şţŞŢ") == "șțȘȚ"


def test_romanian_notice_costs_two_segments_with_marks_and_one_without() -> None:
    with_marks, without = cost_of(ROMANIAN_NOTICE), cost_of(transliterate(ROMANIAN_NOTICE))
    assert (with_marks.coding, with_marks.segments) == (Coding.UCS2, 2)
    assert with_marks.forced_by == ("ș", "î", "ă", "ț", "Ț")
    assert (without.coding, without.segments, without.forced_by) == (Coding.GSM7, 1, ())


def test_strict_changes_nothing() -> None:
    assert prepared("„şi”", UnicodeMode.STRICT) == "„şi”"


def test_translit_rewrites_whenever_that_makes_the_text_gsm() -> None:
    assert prepared("și", UnicodeMode.TRANSLIT) == "si"


def test_translit_leaves_a_text_that_stays_ucs2_its_letters() -> None:
    assert prepared("„Кэшбэк” – și…", UnicodeMode.TRANSLIT) == "„Кэшбэк” – și…"
    assert prepared("Кэшбэк şi", UnicodeMode.TRANSLIT) == "Кэшбэк și"


def test_cheapest_keeps_the_letters_where_rewriting_saves_nothing() -> None:
    assert prepared("50 RUB și", UnicodeMode.CHEAPEST) == "50 RUB și"
    assert prepared("Кэшбэк – 50", UnicodeMode.CHEAPEST) == "Кэшбэк – 50"


def test_cheapest_rewrites_typographic_signs_before_letters() -> None:
    assert prepared("“" + "x" * 100 + "”", UnicodeMode.CHEAPEST) == '"' + "x" * 100 + '"'
    assert prepared(ROMANIAN_NOTICE, UnicodeMode.CHEAPEST) == transliterate(ROMANIAN_NOTICE)


def test_cost_names_the_characters_that_count_twice() -> None:
    assert cost_of("1 € {a}").doubled == ("€", "{", "}")
    assert cost_of("привет 👍👍").doubled == ("👍",)


@pytest.mark.parametrize(
    ("text", "segments", "units", "left"),
    [
        ("", 1, 0, 160),
        ("x" * 160, 1, 160, 0),
        ("x" * 161, 2, 161, 145),
        ("ш" * 70, 1, 70, 0),
        ("ш" * 71, 2, 71, 63),
        ("👍" * 35, 1, 70, 0),
        ("€" * 80, 1, 160, 0),
    ],
)
def test_cost_counts_segments_units_and_what_is_left(text: str, segments: int, units: int, left: int) -> None:
    cost = cost_of(text)
    assert (cost.segments, cost.units, cost.units_left) == (segments, units, left)
