"""Message ids as SMSCs write them: opaque, kept as given, compared tolerantly. Pure.

Some SMSCs answer a submit_sm in one form and write the receipt in another: hexadecimal against decimal, with or
without leading zeros, in the other case. Ids are stored untouched; only look-ups use these forms.
"""

_DECIMAL = frozenset("0123456789")
_HEXADECIMAL = frozenset("0123456789abcdef")
_CONVERTED_DIGITS_MAX = 32


def key_of(smsc_id: str) -> str:
    """The id without case and leading zeros."""
    return smsc_id.lower().lstrip("0") or "0"


def other_forms(key: str) -> list[str]:
    """Keys that may mean the same id: a decimal key read as hexadecimal was written as, and the reverse."""
    if len(key) > _CONVERTED_DIGITS_MAX:
        return []
    forms: list[str] = []
    if _DECIMAL.issuperset(key):
        forms.append(f"{int(key):x}")
    if _HEXADECIMAL.issuperset(key):
        forms.append(str(int(key, 16)))
    return [form for form in forms if form != key]
