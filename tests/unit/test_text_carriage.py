"""What a link's settings do to its texts: national tables, 8-bit default alphabets, ways of joining segments."""

import pytest

from sms.text import (
    Carriage,
    Coding,
    DefaultAlphabet,
    Language,
    LongMessages,
    Reassembler,
    ShiftTables,
    TextTooLong,
    UnicodeMode,
    cost_of,
    prepared,
    segments_for,
    split_header,
)

TURKISH = Carriage(shift_tables=(Language.TURKISH,))
LATIN1 = Carriage(alphabet=DefaultAlphabet.LATIN1)
ASCII = Carriage(alphabet=DefaultAlphabet.ASCII)
SAR = Carriage(long_messages=LongMessages.SAR)
PAYLOAD = Carriage(long_messages=LongMessages.PAYLOAD)


def lengths(text: str, carriage: Carriage) -> list[int]:
    return [len(part.payload) for part in segments_for(text, reference=1, carriage=carriage)]


@pytest.mark.parametrize(
    ("text", "wide", "udh", "septets"),
    [
        # capacities of smpp.md: one table 155, both 152, with concatenation 149/146 (8 bit) and 148/145 (16 bit)
        ("ş" + "x" * 153, False, "03240101", 155),
        ("ş" * 155, False, "03250101", 155),
        ("ş" * 100 + "á" * 26, False, "06240102250101", 152),
        ("ş" + "x" * 155, False, "080003010201240101", 149),
        ("ş" * 156, False, "080003010201250101", 149),
        ("á" * 10 + "ş" * 144, False, "0b0003010201240102250101", 146),
        ("ş" + "x" * 155, True, "09080400010201240101", 148),
        ("ş" * 156, True, "09080400010201250101", 148),
        ("á" * 10 + "ş" * 144, True, "0c080400010201240102250101", 145),
    ],
)
def test_tables_are_named_in_the_header_and_cost_its_octets(text: str, wide: bool, udh: str, septets: int) -> None:
    way = LongMessages.UDH16 if wide else LongMessages.UDH8
    carriage = Carriage(shift_tables=(Language.TURKISH, Language.SPANISH), long_messages=way)
    first = segments_for(text, reference=1, carriage=carriage)[0]
    assert first.udh == bytes.fromhex(udh)
    assert len(first.payload) == septets
    assert len(first.user_data) <= 140


def test_tables_are_off_by_default() -> None:
    assert segments_for("ş" * 100, reference=1)[0].coding is Coding.UCS2


def test_default_alphabet_goes_before_a_table_and_ucs2_before_one_that_saves_nothing() -> None:
    assert cost_of("x" * 160, TURKISH).tables == ShiftTables()
    assert cost_of("€" * 160, TURKISH).tables == ShiftTables()  # one septet each in the locking table, but not needed
    assert cost_of("ş" * 70, TURKISH).coding is Coding.UCS2
    assert cost_of("ş" * 71, TURKISH).coding is Coding.GSM7


def test_single_shift_goes_before_locking_where_both_do() -> None:
    assert cost_of("ş" + "x" * 100, TURKISH).tables == ShiftTables(single=Language.TURKISH)
    assert cost_of("ş" * 100, TURKISH).tables == ShiftTables(locking=Language.TURKISH)


def test_language_nobody_knows_is_ignored() -> None:
    header, payload = split_header(bytes.fromhex("0324010e41"))
    assert (header.tables, payload) == (ShiftTables(), b"A")


def test_handset_shows_a_text_in_national_tables() -> None:
    text = "Değerli müşterimiz, hesabınıza 50 TL iade yapıldı. Ayrıntılar için *100*1# tuşlayınız. " * 3
    phone = Reassembler()
    segments = segments_for(text, reference=9, carriage=TURKISH)
    assert {part.coding for part in segments} == {Coding.GSM7}
    assert len(segments) < len(segments_for(text, reference=9))
    shown = [phone.take("1", part.short_message, data_coding=0, udhi=True) for part in segments]
    assert [message.text for message in shown if message] == [text]


@pytest.mark.parametrize(("count", "pieces"), [(140, [140]), (141, [134, 7])])
def test_latin1_link_carries_140_octets_or_134_behind_a_header(count: int, pieces: list[int]) -> None:
    assert lengths("é" * count, LATIN1) == pieces
    assert segments_for("é@", reference=1, carriage=LATIN1)[0].payload == b"\xe9@"


def test_8bit_alphabet_behind_a_16bit_header_has_133_octets() -> None:
    assert lengths("x" * 141, Carriage(alphabet=DefaultAlphabet.ASCII, long_messages=LongMessages.UDH16)) == [133, 8]


@pytest.mark.parametrize(
    ("text", "carriage", "coding"),
    [
        ("Crédit: 50", LATIN1, Coding.LATIN1),
        ("50 €", LATIN1, Coding.UCS2),
        ("Ωμέγα", LATIN1, Coding.UCS2),
        ("\x85", LATIN1, Coding.UCS2),
        ("Credit: 50", ASCII, Coding.ASCII),
        ("Crédit: 50", ASCII, Coding.UCS2),
        ("ş" * 100, Carriage(alphabet=DefaultAlphabet.LATIN1, shift_tables=(Language.TURKISH,)), Coding.UCS2),
    ],
)
def test_character_outside_a_links_alphabet_makes_it_ucs2(text: str, carriage: Carriage, coding: Coding) -> None:
    (segment, *_) = segments_for(text, reference=1, carriage=carriage)
    assert segment.coding is coding
    assert segment.coding.data_coding == (8 if coding is Coding.UCS2 else 0)


def test_cost_on_a_latin1_link_names_what_is_outside_its_alphabet() -> None:
    cost = cost_of("é €", LATIN1)
    assert (cost.coding, cost.forced_by) == (Coding.UCS2, ("€",))
    assert cost_of("é" * 139, LATIN1).units_left == 1


def test_translit_brings_a_text_into_the_links_own_alphabet() -> None:
    assert prepared("preț – 5", UnicodeMode.TRANSLIT, LATIN1) == "pret - 5"
    assert prepared("prêt ș", UnicodeMode.TRANSLIT, ASCII) == "prêt ș"
    assert prepared("prêt ș", UnicodeMode.TRANSLIT, LATIN1) == "prêt s"


def test_turkish_keeps_its_cedilla_in_every_mode() -> None:
    assert prepared("Değerli müşterimiz", UnicodeMode.CHEAPEST) == "Değerli müşterimiz"


def test_sar_segments_have_no_header_and_room_for_one() -> None:
    segments = segments_for("x" * 161, reference=0x1_0102, carriage=SAR)
    assert [(part.udh, len(part.payload), part.reference, part.number) for part in segments] == [
        (b"", 152, 0x0102, 1),
        (b"", 9, 0x0102, 2),
    ]


def test_payload_is_the_whole_text_and_counts_what_the_network_will_cut() -> None:
    (whole,) = segments_for("ш" * 400, reference=1, carriage=PAYLOAD)
    assert (whole.payload, whole.total, whole.joined) == (("ш" * 400).encode("utf-16-be"), 1, LongMessages.PAYLOAD)
    assert cost_of("ш" * 400, PAYLOAD).segments == 6
    with pytest.raises(TextTooLong, match="6 parts, at most 5"):
        segments_for("ш" * 400, reference=1, carriage=PAYLOAD, parts_max=5)


@pytest.mark.parametrize("way", [LongMessages.SAR, LongMessages.PAYLOAD])
def test_tables_need_a_header_and_so_a_single_segment_where_there_is_none(way: LongMessages) -> None:
    carriage = Carriage(shift_tables=(Language.TURKISH,), long_messages=way)
    assert segments_for("ş" * 155, reference=1, carriage=carriage)[0].udh.hex() == "03250101"
    assert segments_for("ş" * 156, reference=1, carriage=carriage)[0].coding is Coding.UCS2


@pytest.mark.parametrize("way", list(LongMessages))
def test_text_of_one_segment_is_joined_to_nothing(way: LongMessages) -> None:
    (segment,) = segments_for("hi", reference=1, carriage=Carriage(long_messages=way))
    assert (segment.udh, segment.joined, segment.form) == (b"", None, "gsm7:one:0:0")


def test_form_tells_segments_apart_that_do_not_go_together() -> None:
    forms = {
        segments_for(text, reference=1, carriage=carriage)[0].form
        for text in ("x" * 200, "ш" * 200, "ş" * 200)
        for carriage in (Carriage(), TURKISH, LATIN1, SAR, PAYLOAD)
    }
    assert forms == {
        "gsm7:udh8:0:0",
        "gsm7:sar:0:0",
        "gsm7:payload:0:0",
        "latin1:udh8:0:0",
        "ucs2:udh8:0:0",
        "ucs2:sar:0:0",
        "ucs2:payload:0:0",
        "gsm7:udh8:1:0",
    }
