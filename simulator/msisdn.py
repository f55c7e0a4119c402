"""Numbers as people write them, made into the digits the network uses. Pure."""

from simulator.errors import RequestInvalid

DIGITS_MIN = 3
DIGITS_MAX = 15
NATIONAL_DIGITS = 10
COUNTRY_CODE = "7"
TRUNK_PREFIX = "8"

_IGNORED = str.maketrans("", "", " -()\t")


def normalised(written: str, *, field: str) -> str:
    """The digits of a number: without "+", spaces and the national prefix; raises RequestInvalid.

    Short numbers of services stay as they are.
    """
    digits = written.translate(_IGNORED)
    has_plus = digits.startswith("+")
    digits = digits.removeprefix("+")
    if not (digits.isascii() and digits.isdecimal() and DIGITS_MIN <= len(digits) <= DIGITS_MAX):
        raise RequestInvalid(f"{field} is a number of {DIGITS_MIN} to {DIGITS_MAX} digits", field=field)
    if has_plus:
        return digits
    if len(digits) == NATIONAL_DIGITS + 1 and digits.startswith(TRUNK_PREFIX):
        return COUNTRY_CODE + digits[1:]
    if len(digits) == NATIONAL_DIGITS and digits.startswith("9"):
        return COUNTRY_CODE + digits
    return digits
