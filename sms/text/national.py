"""The national language tables of 3GPP TS 23.038 Annex A: single shift (A.2) and locking shift (A.3).

A locking table stands in for the whole basic table, a single shift table for the extension behind ESC. The ten tables
of the Indian subcontinent have a common frame; only what differs is written out, as offsets into the script's block.
"""

from collections.abc import Mapping
from enum import IntEnum
from functools import cache

from sms.text.gsm import DEFAULT, ESC, REPLACEMENT, Alphabet


class Language(IntEnum):
    """National language identifiers (23.038 §6.2.1.2.4)."""

    TURKISH = 1
    SPANISH = 2
    PORTUGUESE = 3
    BENGALI = 4
    GUJARATI = 5
    HINDI = 6
    KANNADA = 7
    MALAYALAM = 8
    ORIYA = 9
    PUNJABI = 10
    TAMIL = 11
    TELUGU = 12
    URDU = 13


def _run(start: int, characters: str) -> dict[int, str]:
    return dict(enumerate(characters, start))


_LOCKING_FRAME = (
    {0x0A: "\n", 0x0D: "\r", 0x28: ")", 0x29: "(", 0x2C: ",", 0x2E: ".", 0x3F: "?"}
    | _run(0x20, " !")
    | _run(0x30, "0123456789:;")
    | _run(0x61, "abcdefghijklmnopqrstuvwxyz")
)
_SINGLE_FRAME = (
    _run(0x00, "@£$¥¿\"¤%&'\f*+")
    | _run(0x0E, "-/<=>¡^¡_#*")
    | {0x28: "{", 0x29: "}", 0x2F: "\\", 0x65: "€"}
    | _run(0x3C, "[~]")
    | _run(0x40, "|ABCDEFGHIJKLMNOPQRSTUVWXYZ")
)
_LOCKING_GAPS = [code for code in range(128) if code != ESC and code not in _LOCKING_FRAME]
_SINGLE_GAPS = [code for code in (*range(0x19, 0x3C), 0x3F) if code != ESC and code not in _SINGLE_FRAME]

# A.3.1 and A.3.3: where these differ from the default alphabet, each a code in hexadecimal and its character.
_EUROPEAN_LOCKING = {
    Language.TURKISH: "04€ 07ı 0BĞ 0Cğ 1CŞ 1Dş 40İ 60ç",
    Language.PORTUGUESE: (
        "04ê 06ú 07í 08ó 09ç 0BÔ 0Cô 0EÁ 0Fá 12ª 13Ç 14À 15∞ 16^ 17\\ 18€ 19Ó 1A| 1CÂ 1Dâ 1EÊ 24º "
        "40Í 5BÃ 5CÕ 5DÚ 60~ 7Bã 7Cõ 7D`"
    ),
}
# A.2.1 to A.2.3: what these have beyond the default extension.
_EUROPEAN_SINGLE = {
    Language.TURKISH: "47Ğ 49İ 53Ş 63ç 67ğ 69ı 73ş",
    Language.SPANISH: "09ç 41Á 49Í 4FÓ 55Ú 61á 69í 6Fó 75ú",
    Language.PORTUGUESE: (
        "05ê 09ç 0BÔ 0Cô 0EÁ 0Fá 12Φ 13Γ 15Ω 16Π 17Ψ 18Σ 19Θ 1FÊ 41À 49Í 4FÓ 55Ú 5BÃ 5CÕ 61Â 69í 6Fó 75ú 7Bã 7Cõ 7Fâ"
    ),
}
_BLOCKS = {
    Language.BENGALI: 0x0980,
    Language.GUJARATI: 0x0A80,
    Language.HINDI: 0x0900,
    Language.KANNADA: 0x0C80,
    Language.MALAYALAM: 0x0D00,
    Language.ORIYA: 0x0B00,
    Language.PUNJABI: 0x0A00,
    Language.TAMIL: 0x0B80,
    Language.TELUGU: 0x0C00,
    Language.URDU: 0x0600,
}
# A.3.4 to A.3.13: the gaps of the frame in the order of their codes; two digits are an offset into the block, "--" is
# reserved. Kannada has U+0CAA twice and no U+0CA1: so it stands in the standard.
_LOCKING_FILLS = {
    Language.BENGALI: (
        "01 02 03 05 06 07 08 09 0A 0B 0C -- -- 0F 10 -- -- 13 14 15 16 17 18 19 1A 1B "
        "1C 1D 1E 1F 20 21 22 23 24 25 26 27 28 -- 2A 2B 2C 2D 2E 2F 30 -- 32 -- -- -- "
        "36 37 38 39 3C 3D 3E 3F 40 41 42 43 44 -- -- 47 48 -- -- 4B 4C 4D 4E 57 5C 5D "
        "70 71"
    ),
    Language.GUJARATI: (
        "01 02 03 05 06 07 08 09 0A 0B 0C 0D -- 0F 10 11 -- 13 14 15 16 17 18 19 1A 1B "
        "1C 1D 1E 1F 20 21 22 23 24 25 26 27 28 -- 2A 2B 2C 2D 2E 2F 30 -- 32 33 -- 35 "
        "36 37 38 39 3C 3D 3E 3F 40 41 42 43 44 45 -- 47 48 49 -- 4B 4C 4D 50 60 61 62 "
        "63 71"
    ),
    Language.HINDI: (
        "01 02 03 05 06 07 08 09 0A 0B 0C 0D 0E 0F 10 11 12 13 14 15 16 17 18 19 1A 1B "
        "1C 1D 1E 1F 20 21 22 23 24 25 26 27 28 29 2A 2B 2C 2D 2E 2F 30 31 32 33 34 35 "
        "36 37 38 39 3C 3D 3E 3F 40 41 42 43 44 45 46 47 48 49 4A 4B 4C 4D 50 72 7B 7C "
        "7E 7F"
    ),
    Language.KANNADA: (
        "-- 02 03 05 06 07 08 09 0A 0B 0C -- 0E 0F 10 -- 12 13 14 15 16 17 18 19 1A 1B "
        "1C 1D 1E 1F 20 2A 22 23 24 25 26 27 28 -- 2A 2B 2C 2D 2E 2F 30 31 32 33 -- 35 "
        "36 37 38 39 3C 3D 3E 3F 40 41 42 43 44 -- 46 47 48 -- 4A 4B 4C 4D 55 56 60 61 "
        "62 63"
    ),
    Language.MALAYALAM: (
        "-- 02 03 05 06 07 08 09 0A 0B 0C -- 0E 0F 10 -- 12 13 14 15 16 17 18 19 1A 1B "
        "1C 1D 1E 1F 20 21 22 23 24 25 26 27 28 -- 2A 2B 2C 2D 2E 2F 30 31 32 33 34 35 "
        "36 37 38 39 -- 3D 3E 3F 40 41 42 43 44 -- 46 47 48 -- 4A 4B 4C 4D 57 60 61 62 "
        "63 79"
    ),
    Language.ORIYA: (
        "01 02 03 05 06 07 08 09 0A 0B 0C -- -- 0F 10 -- -- 13 14 15 16 17 18 19 1A 1B "
        "1C 1D 1E 1F 20 21 22 23 24 25 26 27 28 -- 2A 2B 2C 2D 2E 2F 30 -- 32 33 -- 35 "
        "36 37 38 39 3C 3D 3E 3F 40 41 42 43 44 -- -- 47 48 -- -- 4B 4C 4D 56 57 60 61 "
        "62 63"
    ),
    Language.PUNJABI: (
        "01 02 03 05 06 07 08 09 0A -- -- -- -- 0F 10 -- -- 13 14 15 16 17 18 19 1A 1B "
        "1C 1D 1E 1F 20 21 22 23 24 25 26 27 28 -- 2A 2B 2C 2D 2E 2F 30 -- 32 33 -- 35 "
        "36 -- 38 39 3C -- 3E 3F 40 41 42 -- -- -- -- 47 48 -- -- 4B 4C 4D 51 70 71 72 "
        "73 74"
    ),
    Language.TAMIL: (
        "-- 02 03 05 06 07 08 09 0A -- -- -- 0E 0F 10 -- 12 13 14 15 -- -- -- 19 1A -- "
        "1C -- 1E 1F -- -- -- 23 24 -- -- -- 28 29 2A -- -- -- 2E 2F 30 31 32 33 34 35 "
        "36 37 38 39 -- -- 3E 3F 40 41 42 -- -- -- 46 47 48 -- 4A 4B 4C 4D 50 57 70 71 "
        "72 79"
    ),
    Language.TELUGU: (
        "01 02 03 05 06 07 08 09 0A 0B 0C -- 0E 0F 10 -- 12 13 14 15 16 17 18 19 1A 1B "
        "1C 1D 1E 1F 20 21 22 23 24 25 26 27 28 -- 2A 2B 2C 2D 2E 2F 30 31 32 33 -- 35 "
        "36 37 38 39 -- 3D 3E 3F 40 41 42 43 44 -- 46 47 48 -- 4A 4B 4C 4D 55 56 60 61 "
        "62 63"
    ),
    Language.URDU: (
        "27 22 28 7B 80 7E A6 2A C2 7F 79 7D 7A 7C 2B 2C 81 84 83 85 86 87 2D 2E 2F 8C "
        "88 89 8A 8F 8D 30 31 91 93 99 32 96 98 9A 33 34 35 36 37 38 39 41 42 A9 AA AB "
        "AF B3 B1 44 45 46 BA BB BC 48 C4 D5 C1 BE 21 CC D0 D2 4D 50 4F 57 54 55 51 53 "
        "56 70"
    ),
}
# A.2.4 to A.2.13: likewise, four digits are a code point; what is left out at the end is reserved.
_SINGLE_FILLS = {
    Language.BENGALI: ("66 67 68 69 6A 6B 6C 6D 6E 6F 5F 60 61 62 63 72 73 74 75 76 77 78 79 7A"),
    Language.GUJARATI: ("0964 0965 66 67 68 69 6A 6B 6C 6D 6E 6F"),
    Language.HINDI: ("64 65 66 67 68 69 6A 6B 6C 6D 6E 6F 51 52 53 54 58 59 5A 5B 5C 5D 5E 5F 60 61 62 63 70 71"),
    Language.KANNADA: ("0964 0965 66 67 68 69 6A 6B 6C 6D 6E 6F 5E 71 72"),
    Language.MALAYALAM: ("0964 0965 66 67 68 69 6A 6B 6C 6D 6E 6F 70 71 72 73 74 75 7A 7B 7C 7D 7E 7F"),
    Language.ORIYA: ("0964 0965 66 67 68 69 6A 6B 6C 6D 6E 6F 5C 5D 5F 70 71"),
    Language.PUNJABI: ("0964 0965 66 67 68 69 6A 6B 6C 6D 6E 6F 59 5A 5B 5C 5E 75"),
    Language.TAMIL: ("0964 0965 66 67 68 69 6A 6B 6C 6D 6E 6F 73 74 75 76 77 78 7A"),
    Language.TELUGU: ("-- -- 66 67 68 69 6A 6B 6C 6D 6E 6F 58 59 78 79 7A 7B 7C 7D 7E 7F"),
    Language.URDU: (
        "00 01 F0 F1 F2 F3 F4 F5 F6 F7 F8 F9 0C 0D 0E 0F 10 11 12 13 14 1B 1F 40 52 58 6B 6C 72 73 CD D4"
    ),
}


@cache
def alphabet(locking: Language | None = None, single: Language | None = None) -> Alphabet:
    """The alphabet of a header that names these tables; Spanish has no locking table: the default stands."""
    return Alphabet(basic=_locking(locking), extension=_single(single))


def has_locking(language: Language) -> bool:
    """Whether the language has a locking table."""
    return language in _EUROPEAN_LOCKING or language in _LOCKING_FILLS


def _locking(language: Language | None) -> str:
    if language in _EUROPEAN_LOCKING:
        changes = _changes(_EUROPEAN_LOCKING[language])
        return "".join(changes.get(code, char) for code, char in enumerate(DEFAULT.basic))
    if language in _LOCKING_FILLS:
        fill = _filled(_LOCKING_FILLS[language], _LOCKING_GAPS, _BLOCKS[language])
        table = _LOCKING_FRAME | fill | {ESC: chr(ESC)}
        return "".join(table.get(code, REPLACEMENT) for code in range(128))
    return DEFAULT.basic


def _single(language: Language | None) -> Mapping[int, str]:
    if language in _EUROPEAN_SINGLE:
        return {**DEFAULT.extension, **_changes(_EUROPEAN_SINGLE[language])}
    if language in _SINGLE_FILLS:
        table = _SINGLE_FRAME | _filled(_SINGLE_FILLS[language], _SINGLE_GAPS, _BLOCKS[language])
        if language is Language.TELUGU:
            del table[0x65]  # A.2.12 alone has no euro sign
        return table
    return DEFAULT.extension


def _changes(words: str) -> dict[int, str]:
    return {int(word[:2], 16): word[2:] for word in words.split()}


def _filled(fill: str, gaps: list[int], block: int) -> dict[int, str]:
    return {
        code: chr(int(word, 16) + (block if len(word) == 2 else 0))  # noqa: PLR2004 - digits of an offset
        for code, word in zip(gaps, fill.split(), strict=False)
        if word != "--"
    }
