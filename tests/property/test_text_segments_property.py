"""Segments against an oracle: gsm0338 for the character set, own counting for the parts."""

from random import Random

import gsm0338
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sms.text import Carriage, Coding, HeaderMalformed, LongMessages, Reassembler, cost_of, segments_for
from sms.text.gsm import DEFAULT, fill_bits_after, pack, unpack
from sms.text.headers import split_header

ORACLE = gsm0338.Codec()
GSM_CHARACTERS = [char for char in map(chr, range(0x20AD)) if char != "\x1b" and char in ORACLE._encoding_map]

gsm_texts = st.text(st.sampled_from(GSM_CHARACTERS), max_size=700)
any_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)
mixed_texts = st.text(st.sampled_from("aш€\u0306👍\u200dș "), max_size=500)
references = st.integers(0, 0xFFFF)


def septets_by_oracle(text: str) -> bytes | None:
    try:
        encoded = ORACLE.encode(text)[0]
    except UnicodeEncodeError:
        return None
    return None if "\x1b" in text else encoded


def parts_by_counting(text: str, *, wide: bool) -> int:
    """Whole characters go into a part while they fit: the fewest parts there can be."""
    septets = septets_by_oracle(text)
    if septets is None:
        weights, single, part = [1 + (ord(char) > 0xFFFF) for char in text], 70, 66 if wide else 67
    else:
        weights, single, part = [len(ORACLE.encode(char)[0]) for char in text], 160, 152 if wide else 153
    if sum(weights) <= single:
        return 1
    parts, used = 1, 0
    for weight in weights:
        if used + weight > part:
            parts, used = parts + 1, 0
        used += weight
    return parts


def check_segments(text: str, reference: int, rng: Random | None) -> None:
    way = LongMessages.UDH16 if reference > 255 else LongMessages.UDH8
    segments = segments_for(text, reference=reference, carriage=Carriage(long_messages=way))
    assert len(segments) == parts_by_counting(text, wide=reference > 255)
    assert all(len(part.user_data) <= 140 for part in segments)
    assert {part.coding for part in segments} == {Coding.UCS2 if septets_by_oracle(text) is None else Coding.GSM7}
    order = list(segments)
    if rng is not None:
        rng.shuffle(order)
    phone = Reassembler()
    shown = [
        phone.take("1", part.short_message, data_coding=part.coding.data_coding, udhi=bool(part.udh))
        for part in order
    ]
    assert [message.text for message in shown if message] == [text]
    assert shown[-1] is not None
    if reference <= 255:
        assert cost_of(text).segments == len(segments)
    for part in segments:
        part.payload.decode("utf-16-be") if part.coding is Coding.UCS2 else ORACLE.decode(part.payload)


@given(gsm_texts, references, st.randoms(use_true_random=False))
@settings(deadline=None)
@example("x" * 152 + "€" * 77, 1, None)
def test_gsm_text_comes_back_whole_in_the_counted_number_of_segments(
    text: str, reference: int, rng: Random | None
) -> None:
    check_segments(text, reference, rng)


@given(any_texts, references, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_any_text_comes_back_whole_in_the_counted_number_of_segments(
    text: str, reference: int, rng: Random | None
) -> None:
    check_segments(text, reference, rng)


@given(mixed_texts, references, st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_awkward_text_comes_back_whole_in_the_counted_number_of_segments(
    text: str, reference: int, rng: Random | None
) -> None:
    check_segments(text, reference, rng)


@given(gsm_texts)
def test_septets_are_those_of_the_oracle(text: str) -> None:
    assert DEFAULT.encode(text) == ORACLE.encode(text)[0]
    assert DEFAULT.decode(DEFAULT.encode(text)) == text


@given(st.binary(max_size=200))
def test_any_octets_decode_to_something(octets: bytes) -> None:
    assert isinstance(DEFAULT.decode(octets), str)


@given(st.lists(st.integers(0, 127), max_size=200).map(bytes), st.integers(0, 13))
def test_packed_septets_come_back_whatever_the_header(septets: bytes, header_octets: int) -> None:
    fill = fill_bits_after(header_octets)
    packed = pack(septets, fill_bits=fill)
    assert len(packed) == -(-(len(septets) * 7 + fill) // 8)
    assert unpack(packed, len(septets), fill_bits=fill) == septets


@given(st.lists(st.tuples(st.binary(max_size=60), st.integers(0, 255), st.booleans()), max_size=30))
def test_handset_survives_any_segments(stream: list[tuple[bytes, int, bool]]) -> None:
    phone = Reassembler(unfinished_max=4)
    for octets, data_coding, udhi in stream:
        phone.take("1", octets, data_coding=data_coding, udhi=udhi)
        assert len(phone) <= 4


@given(st.binary(max_size=60))
def test_readable_header_never_names_a_part_that_cannot_be(octets: bytes) -> None:
    try:
        header, payload = split_header(octets)
    except HeaderMalformed:
        return
    concatenation = header.concatenation
    assert octets.endswith(payload)
    assert concatenation is None or 1 <= concatenation.number <= concatenation.total
