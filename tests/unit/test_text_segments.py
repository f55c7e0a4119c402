"""Segments: capacities of smpp.md, cuts, headers, and reassembly on a handset."""

from collections.abc import Iterable

import pytest

from sms.text import (
    Carriage,
    Coding,
    Concatenation,
    Header,
    HeaderMalformed,
    LongMessages,
    Reassembler,
    Segment,
    TextTooLong,
    capacity,
    cost_of,
    segments_for,
    split_header,
)

A = "79160000001"


def reassembled(segments: Iterable[Segment]) -> list[str]:
    phone = Reassembler()
    shown = [
        phone.take(A, part.short_message, data_coding=part.coding.data_coding, udhi=bool(part.udh))
        for part in segments
    ]
    assert len(phone) == 0
    return [message.text for message in shown if message]


@pytest.mark.parametrize(
    ("header", "septets", "units"),
    [
        (0, 160, 70),
        (6, 153, 67),
        (7, 152, 66),
        (4, 155, 68),
        (9, 149, 65),
        (12, 146, 64),
        (10, 148, 65),
        (13, 145, 63),
    ],
)
def test_capacity_follows_the_header(header: int, septets: int, units: int) -> None:
    assert (capacity(Coding.GSM7, header), capacity(Coding.UCS2, header)) == (septets, units)


def test_single_segment_has_no_header() -> None:
    (segment,) = segments_for("x" * 160, reference=7)
    assert (segment.udh, segment.short_message, segment.total) == (b"", b"x" * 160, 1)


def test_161_characters_are_cut_to_153_and_carry_an_8bit_reference() -> None:
    first, second = segments_for("x" * 161, reference=7)
    assert first.udh.hex() == "050003070201"
    assert second.udh.hex() == "050003070202"
    assert (len(first.payload), len(second.payload)) == (153, 8)
    assert len(first.user_data) == 140


def test_wide_reference_costs_one_septet() -> None:
    wide = segments_for("x" * 161, reference=0x1234, carriage=Carriage(long_messages=LongMessages.UDH16))
    assert wide[0].udh.hex() == "06080412340201"
    assert len(wide[0].payload) == 152


def test_header_carries_the_low_bits_of_the_reference() -> None:
    assert segments_for("x" * 161, reference=0x1234)[0].udh.hex() == "050003340201"
    wide = segments_for("x" * 161, reference=0x1_0007, carriage=Carriage(long_messages=LongMessages.UDH16))
    assert wide[0].udh.hex() == "06080400070201"


def test_71_cyrillic_letters_are_cut_to_67() -> None:
    first, second = segments_for("ш" * 71, reference=1)
    assert (len(first.payload), len(second.payload)) == (134, 8)
    assert len(first.user_data) == 140


def test_escape_pair_is_not_cut() -> None:
    first, second = segments_for("x" * 152 + "€" + "y" * 20, reference=1)
    assert len(first.payload) == 152
    assert second.payload.startswith(b"\x1b\x65")


def test_surrogate_pair_is_not_cut() -> None:
    first, second = segments_for("ш" * 66 + "👍" + "ш" * 10, reference=1)
    assert len(first.payload) == 132
    assert second.payload.startswith("👍".encode("utf-16-be"))


def test_combining_mark_stays_with_its_letter_where_that_is_free() -> None:
    first, second = segments_for("ш" * 66 + "и\u0306" + "ш" * 10, reference=1)
    assert len(first.payload) == 132
    assert second.payload.startswith("и\u0306".encode("utf-16-be"))


def test_combining_mark_is_parted_where_keeping_it_would_cost_a_segment() -> None:
    segments = segments_for("ш" * 66 + "и\u0306" + "ш" * 66, reference=1)
    assert [len(part.payload) for part in segments] == [134, 134]


def test_joined_emoji_stays_whole() -> None:
    family = "👨\u200d👩\u200d👧"
    first, second = segments_for("ш" * 63 + family + "ш" * 10, reference=1)
    assert second.payload.startswith(family.encode("utf-16-be"))
    assert first.payload == ("ш" * 63).encode("utf-16-be")


def test_endless_run_of_marks_is_cut_like_plain_text() -> None:
    text = "и" + "\u0306" * 200
    segments = segments_for(text, reference=1)
    assert len(segments) == 3
    assert reassembled(segments) == [text]


def test_lone_surrogate_is_nobodys_pair() -> None:
    assert [len(part.payload) for part in segments_for("ш" * 66 + "\ud83d" + "ш" * 10, reference=1)] == [134, 20]


def test_255_parts_go_and_256_are_refused() -> None:
    assert len(segments_for("x" * 153 * 255, reference=1)) == 255
    with pytest.raises(TextTooLong, match="256 parts, at most 255"):
        segments_for("x" * (153 * 255 + 1), reference=1)


def test_configured_cap_goes_and_one_more_is_refused() -> None:
    assert len(segments_for("x" * 153 * 3, reference=1, parts_max=3)) == 3
    with pytest.raises(TextTooLong) as refused:
        segments_for("x" * (153 * 3 + 1), reference=1, parts_max=3)
    assert (refused.value.parts, refused.value.parts_max) == (4, 3)


def test_cost_preview_has_no_cap() -> None:
    assert cost_of("x" * 153 * 300).segments == 300


def test_segments_in_any_order_make_the_text() -> None:
    text = "Кэшбэк 150 р зачислен на счет и тратится первым. *100*1# " * 5
    segments = segments_for(text, reference=9)
    assert len(segments) > 3
    assert reassembled(reversed(segments)) == [text]


def test_copies_of_a_segment_are_ignored() -> None:
    segments = segments_for("x" * 400, reference=9)
    assert reassembled([segments[0], segments[1], segments[1], segments[0], segments[2]]) == ["x" * 400]


def test_two_messages_may_interleave() -> None:
    phone = Reassembler()
    ones, twos = segments_for("1" * 200, reference=1), segments_for("2" * 200, reference=2)
    shown = [
        phone.take(A, part.short_message, data_coding=0, udhi=True)
        for pair in zip(ones, twos, strict=True)
        for part in pair
    ]
    assert [message.text for message in shown if message] == ["1" * 200, "2" * 200]


def test_reference_used_again_begins_another_message() -> None:
    phone = Reassembler()
    lost, later = segments_for("1" * 400, reference=1), segments_for("2" * 400, reference=1)
    for part in (lost[0], lost[1], later[0], later[2]):
        assert phone.take(A, part.short_message, data_coding=0, udhi=True) is None
    shown = phone.take(A, later[1].short_message, data_coding=0, udhi=True)
    assert shown is not None
    assert (shown.text, shown.segments) == ("2" * 400, 3)


def test_segment_without_header_is_a_message() -> None:
    shown = Reassembler().take(A, b"hi", data_coding=0, udhi=False)
    assert shown is not None
    assert (shown.text, shown.segments, shown.data_coding) == ("hi", 1, 0)


def test_segment_with_unreadable_header_is_shown_as_it_is() -> None:
    shown = Reassembler().take(A, b"\x50abc", data_coding=0, udhi=True)
    assert shown is not None
    assert shown.text.endswith("abc")


def test_sar_parameters_join_like_a_header() -> None:
    phone = Reassembler()
    parts = [Concatenation(reference=5, total=2, number=number) for number in (2, 1)]
    assert phone.take(A, b"two", data_coding=0, udhi=False, concatenation=parts[0]) is None
    shown = phone.take(A, b"one ", data_coding=0, udhi=False, concatenation=parts[1])
    assert shown is not None
    assert shown.text == "one two"


def test_character_cut_by_another_sender_is_made_whole() -> None:
    phone = Reassembler()
    halves = [Concatenation(reference=5, total=2, number=number) for number in (1, 2)]
    assert phone.take(A, b"5 \x1b", data_coding=0, udhi=False, concatenation=halves[0]) is None
    shown = phone.take(A, b"\x65", data_coding=0, udhi=False, concatenation=halves[1])
    assert shown is not None
    assert shown.text == "5 €"


def test_unfinished_messages_are_bounded_and_the_oldest_goes() -> None:
    phone = Reassembler(unfinished_max=3)
    for reference in range(3):
        phone.take(A, segments_for("x" * 161, reference=reference)[0].short_message, data_coding=0, udhi=True)
    assert (len(phone), phone.dropped) == (3, 0)
    phone.take(A, segments_for("x" * 161, reference=3)[0].short_message, data_coding=0, udhi=True)
    assert (len(phone), phone.dropped) == (3, 1)
    last = segments_for("x" * 161, reference=0)[1]
    assert phone.take(A, last.short_message, data_coding=0, udhi=True) is None


@pytest.mark.parametrize(
    "user_data", [b"", b"\x05\x00\x03\x01\x02", b"\x01\x00", b"\x02\x00\x05", b"\xff" + b"x" * 100]
)
def test_header_whose_lengths_do_not_add_up_is_malformed(user_data: bytes) -> None:
    with pytest.raises(HeaderMalformed):
        split_header(user_data)


@pytest.mark.parametrize("impossible", ["0500030a0200", "0500030a0203", "0500030a0000", "0400020a02", "03700102"])
def test_impossible_or_foreign_element_is_ignored(impossible: str) -> None:
    assert split_header(bytes.fromhex(impossible) + b"text") == (Header(), b"text")


def test_concatenation_is_found_behind_another_element() -> None:
    header, payload = split_header(bytes.fromhex("08700101000363020178"))
    assert header.concatenation == Concatenation(reference=0x63, total=2, number=1)
    assert payload == b"x"
