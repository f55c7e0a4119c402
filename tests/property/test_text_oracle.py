"""Random texts in mixed scripts against an oracle: gsm0338 for the alphabet, own counting for the segments.

1,000 texts by default, 10,000 with FIRSTCHARGE_LONG=1; each goes through every setting of a link.
"""

import os
from collections.abc import Callable, Iterable
from itertools import product
from random import Random

import gsm0338
import gsmcodecs
import pytest

from sms.text import (
    Carriage,
    Coding,
    Concatenation,
    DefaultAlphabet,
    Language,
    LongMessages,
    Reassembler,
    Segment,
    cost_of,
    segments_for,
)

TEXTS = 10_000 if os.environ.get("FIRSTCHARGE_LONG") else 1_000
OUTSIDE = 10**6
"""Units of a character that an alphabet has not."""
SCRIPTS = [
    "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789 .,:-*#",
    "Кэшбэк зачислен на счет и тратится первым ",
    "ăâîșțşţĂÂÎȘȚ și în ",
    "€{}[]~|^\\",
    "éèùìòÇØøÅåäöñüàß¿¡",
    "ğıİşŞĞç Değerli müşteri ",
    "áéíóúÁÍÓÚç ",
    "ãõâêôÃÕ ª º ∞ ",
    "ক খ গ ঘ ৳ ১২৩",
    "हिन्दी में ॐ १२३ ",
    "ا ب پ ت ٹ ث ۱۲۳",
    "👍🎉👨\u200d👩\u200d👧",
    "e\u0301и\u0306",
]
TABLES: list[tuple[Language, ...]] = [
    (),
    (Language.TURKISH,),
    (Language.SPANISH, Language.PORTUGUESE),
    (Language.BENGALI, Language.HINDI, Language.URDU),
]
CARRIAGES = [Carriage(long_messages=way, shift_tables=tables) for way, tables in product(LongMessages, TABLES)] + [
    Carriage(long_messages=way, alphabet=alphabet)
    for way, alphabet in product(LongMessages, (DefaultAlphabet.LATIN1, DefaultAlphabet.ASCII))
]
DEFAULT_ORACLE = gsm0338.Codec()


def random_text(rng: Random) -> str:
    letters = "".join(rng.sample(SCRIPTS, rng.choice((1, 1, 2, 3))))
    if rng.random() < 0.5:
        letters = SCRIPTS[0] * 3 + letters
    return "".join(rng.choices(letters, k=rng.choice((5, 40, 69, 71, 139, 141, 155, 160, 161, 300, 480))))


def weights_of(text: str, coder: Callable[[str], tuple[bytes, int]]) -> list[int]:
    """What each character costs; a character outside costs more than any message may."""

    def weight(char: str) -> int:
        try:
            return len(coder(char)[0])
        except UnicodeEncodeError:
            return OUTSIDE

    known = {char: weight(char) for char in set(text)}
    return [known[char] for char in text]


def parts_of(weights: list[int], alone: int, joined: int) -> int:
    """Whole characters go into a part while they fit."""
    if sum(weights) <= alone:
        return 1
    parts, used = 1, 0
    for weight in weights:
        if used + weight > joined:
            parts, used = parts + 1, 0
        used += weight
    return parts


def coder_of(locking: int, single: int) -> Callable[[str], tuple[bytes, int]]:
    """An encoder over the tables of gsmcodecs, which have an apostrophe where Indic locking tables have a comma."""
    maps = gsmcodecs.GSMCHARMAPS
    basic = dict(maps[locking]["locking"]["encode"]) if "locking" in maps[locking] else maps[0]["locking"]["encode"]
    if locking >= Language.BENGALI:
        basic[ord(",")] = basic.pop(ord("'"))
    extension = maps[single]["singleShift"]["encode"]

    def encode(char: str) -> tuple[bytes, int]:
        if ord(char) in basic:
            return bytes((basic[ord(char)],)), 1
        if ord(char) in extension:
            return bytes((0x1B, extension[ord(char)])), 1
        raise UnicodeEncodeError("gsm", char, 0, 1, "outside")

    return encode


JOINED = {LongMessages.UDH8: 5, LongMessages.UDH16: 6, LongMessages.SAR: 6, LongMessages.PAYLOAD: 5}
HAS_LOCKING = [language for language in Language if language is not Language.SPANISH]
CODERS = {
    (locking, single): coder_of(locking, single)
    for locking, single in product((0, *HAS_LOCKING), (0, *Language))
    if (locking, single) != (0, 0)
}


def segments_by_oracle(text: str, carriage: Carriage) -> int:
    """The fewest segments of what the link may use, the default alphabet before anything else."""
    joining = JOINED[carriage.long_messages] + 1
    if carriage.alphabet is not DefaultAlphabet.GSM7:
        last = 0xFF if carriage.alphabet is DefaultAlphabet.LATIN1 else 0x7E
        if all(ord(char) <= last for char in text):
            return parts_of([1] * len(text), 140, 140 - joining)
    else:
        default = weights_of(text, DEFAULT_ORACLE.encode)
        if sum(default) < OUTSIDE:
            return parts_of(default, 160, (140 - joining) * 8 // 7)
    units = [1 + (ord(char) > 0xFFFF) for char in text]
    found = [parts_of(units, 70, (140 - joining) // 2)]
    if carriage.alphabet is DefaultAlphabet.GSM7:
        found += list(by_tables(text, carriage))
    return min(found)


def by_tables(text: str, carriage: Carriage) -> Iterable[int]:
    choices = (0, *carriage.shift_tables)
    for locking, single in product(choices, choices):
        if (locking, single) not in CODERS:
            continue
        weights = weights_of(text, CODERS[locking, single])
        if sum(weights) >= OUTSIDE:
            continue
        octets = 3 * ((locking > 0) + (single > 0))
        alone, joined = (140 - 1 - octets) * 8 // 7, (140 - 1 - JOINED[carriage.long_messages] - octets) * 8 // 7
        has_header = carriage.long_messages in (LongMessages.UDH8, LongMessages.UDH16)
        if has_header or sum(weights) <= alone:
            yield parts_of(weights, alone, joined)


def shown(segments: list[Segment], carriage: Carriage) -> list[str]:
    """What a handset shows; the SMSC tells it what its own default alphabet means."""
    phone = Reassembler()
    seen: list[str] = []
    for part in segments:
        is_default = part.coding.data_coding == 0
        by_sar = None
        if part.joined is LongMessages.SAR:
            by_sar = Concatenation(reference=part.reference, total=part.total, number=part.number, wide=True)
        whole = phone.take(
            "1",
            part.short_message,
            data_coding=carriage.alphabet.data_coding if is_default else 8,
            udhi=bool(part.udh),
            concatenation=by_sar,
        )
        if whole is not None:
            seen.append(whole.text)
    assert len(phone) == 0
    return seen


@pytest.mark.parametrize("share", range(4))
def test_random_texts_in_mixed_scripts_cost_what_the_oracle_says_and_come_back_whole(share: int) -> None:
    rng = Random(share)
    used: set[tuple[Coding, bool]] = set()
    for _ in range(TEXTS // 4):
        text = random_text(rng)
        for carriage in CARRIAGES:
            expected = segments_by_oracle(text, carriage)
            segments = list(segments_for(text, reference=rng.randrange(1 << 20), carriage=carriage))
            cost = cost_of(text, carriage)
            assert cost.segments == expected, (text, carriage)
            if carriage.long_messages is not LongMessages.PAYLOAD:
                assert len(segments) == expected
                assert all(len(part.user_data) <= 140 for part in segments)
            rng.shuffle(segments)
            assert shown(segments, carriage) == [text], (text, carriage)
            used.add((cost.coding, bool(cost.tables.elements())))
    assert len(used) == 5  # the default alphabet, national tables, UCS-2 and both 8-bit alphabets all came up
