"""What subscribers read: one catalogue per language, filled with kopecks and dates. Pure."""

from gateway.texts.forms import exact_sum, full_date, in_latin, short_date, short_sum
from gateway.texts.notices import LANGUAGES, NoticeKind, UnknownText, render
from gateway.texts.screens import Screens, screens_for

__all__ = [
    "LANGUAGES",
    "NoticeKind",
    "Screens",
    "UnknownText",
    "exact_sum",
    "full_date",
    "in_latin",
    "render",
    "screens_for",
    "short_date",
    "short_sum",
]
