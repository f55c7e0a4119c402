"""Phone numbers as they come in become the digits everything is keyed on: `79160000001`.

A number may come with "+", with spaces and dashes, or with the country's national prefix (`8 916 …` in Russia).
"""

import re

DIGITS_MIN = 7
DIGITS_MAX = 15

_RUSSIAN = re.compile(r"7[0-9]{10}", re.ASCII)
_PUNCTUATION = re.compile(r"[ \-().\u00a0]")
_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_TYPED_MAX = 32


class MalformedMsisdn(ValueError):
    """A number is 7 to 15 digits of a real numbering plan, such as "79160000001"."""


def normalise(text: str, *, region: str = "RU") -> str:
    """The international digits of a number, without "+". `region` gives the national prefix (ISO 3166 letters).

    Digits without "+" are read as international unless they carry the region's national prefix.

    Raises:
        MalformedMsisdn: nothing a numbering plan knows.
    """
    if region == "RU" and _RUSSIAN.fullmatch(text):
        return text
    return _normalise_slowly(text, region)


def _normalise_slowly(text: str, region: str) -> str:
    bare = _PUNCTUATION.sub("", text) if len(text) <= _TYPED_MAX else ""
    digits = bare.removeprefix("+")
    if not _DIGITS.fullmatch(digits):
        raise MalformedMsisdn(f"{text[:_TYPED_MAX]!r} is not a phone number like '79160000001'")
    national = not bare.startswith("+") and _has_national_prefix(digits, region)
    found = _possible(digits if national else "+" + digits, region)
    if found is None:
        raise MalformedMsisdn(f"{text[:_TYPED_MAX]!r} is not a phone number like '79160000001'")
    return found


def _has_national_prefix(digits: str, region: str) -> bool:
    from phonenumbers import PhoneMetadata  # noqa: PLC0415 - 60 ms of tables that ordinary numbers never need

    metadata = PhoneMetadata.metadata_for_region(region, None)
    if metadata is None or not metadata.national_prefix or metadata.general_desc is None:
        return False
    rest = len(digits) - len(metadata.national_prefix)
    return digits.startswith(metadata.national_prefix) and rest in metadata.general_desc.possible_length


def _possible(candidate: str, region: str) -> str | None:
    from phonenumbers import (  # noqa: PLC0415 - as above
        NumberParseException,
        ValidationResult,
        is_possible_number_with_reason,
        parse,
    )

    try:
        number = parse(candidate, region)
    except NumberParseException:
        return None
    digits = f"{number.country_code}{'0' * _leading_zeros(number)}{number.national_number}"
    possible = is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
    if not possible or not DIGITS_MIN <= len(digits) <= DIGITS_MAX:
        return None
    return digits


def _leading_zeros(number: object) -> int:
    """Italian numbers keep leading zeros of the national part."""
    if not getattr(number, "italian_leading_zero", False):
        return 0
    return getattr(number, "number_of_leading_zeros", None) or 1
