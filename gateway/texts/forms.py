"""How sums, dates and Latin letters are written in texts for people."""

from datetime import date

from sms.text import transliterate

KOPECKS_PER_ROUBLE = 100

_LATIN = {
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "e", "ж": "zh", "з": "z", "и": "i", "й": "y",
    "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f",
    "х": "h", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "sch", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu", "я": "ya",
}  # fmt: skip
_CYRILLIC_TO_LATIN = str.maketrans(_LATIN | {small.upper(): latin.capitalize() for small, latin in _LATIN.items()})


def exact_sum(kopecks: int) -> str:
    """Two decimals after a comma, without sign: "123,45". The first line of `*100#` is parsed by programs."""
    whole, part = divmod(abs(kopecks), KOPECKS_PER_ROUBLE)
    return f"{whole},{part:02d}"


def short_sum(kopecks: int) -> str:
    """Kopecks only when not zero: "150", "1,50", "-0,05"."""
    sign = "-" if kopecks < 0 else ""
    whole, part = divmod(abs(kopecks), KOPECKS_PER_ROUBLE)
    return f"{sign}{whole},{part:02d}" if part else f"{sign}{whole}"


def short_date(day: date) -> str:
    """Day and month: "01.04"."""
    return f"{day.day:02d}.{day.month:02d}"


def full_date(day: date) -> str:
    """Day, month and year: "01.10.2025"."""
    return f"{day.day:02d}.{day.month:02d}.{day.year:04d}"


def in_latin(text: str) -> str:
    """The text in Latin letters of the GSM alphabet: Cyrillic spelled out, Romanian without diacritics."""
    return transliterate(text).translate(_CYRILLIC_TO_LATIN)
