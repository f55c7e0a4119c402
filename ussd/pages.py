"""A text that does not fit one USSD string becomes pages, never a truncated text.

Navigation lines are part of a page and inside its limit. A page ends at a line end or a space where one is
near, never inside an extension pair, a surrogate pair or (where that is cheap) a combined letter.
"""

import unicodedata
from dataclasses import dataclass

from ussd.errors import TextUnpageable
from ussd.menu import BACK_KEY, HOME_KEY, MORE_KEY
from ussd.wire.limits import UssdLimits

PAGES_MAX = 20
COMBINING_MAX = 8  # a longer run of marks is cut like plain text


@dataclass(frozen=True, slots=True, kw_only=True)
class Navigation:
    """The labels of the navigation keys, and where they lead from the first page."""

    more: str
    back: str
    home: str
    has_parent: bool = False
    has_home: bool = False

    def lines(self, *, first: bool, last: bool) -> tuple[str, ...]:
        """The navigation lines of a page."""
        offered = (
            (not last, MORE_KEY, self.more),
            (not first or self.has_parent, BACK_KEY, self.back),
            (self.has_home, HOME_KEY, self.home),
        )
        return tuple(f"{key} {label}" for shown, key, label in offered if shown)


def paginate(text: str, navigation: Navigation, limits: UssdLimits) -> tuple[str, ...]:
    """The pages of a text, each within the limits with its navigation; usually one.

    Raises TextUnpageable where navigation leaves no room or more than PAGES_MAX would be needed.
    """
    pages: list[str] = []
    rest = text
    while len(pages) < PAGES_MAX:
        first = not pages
        last_page = _page(rest, navigation.lines(first=first, last=True))
        if limits.fits(last_page):
            return (*pages, last_page)
        lines = navigation.lines(first=first, last=False)
        end = _longest(rest, lines, limits)
        pages.append(_page(rest[:end].rstrip(), lines))
        rest = rest[end:].lstrip()
    raise TextUnpageable(f"{len(text)} characters need more than {PAGES_MAX} pages")


def _page(body: str, lines: tuple[str, ...]) -> str:
    return "\n".join((body, *lines))


def _longest(text: str, lines: tuple[str, ...], limits: UssdLimits) -> int:
    """Where to end a page: the farthest place that fits, moved back to a good one."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if limits.fits(_page(text[:middle], lines)):
            low = middle
        else:
            high = middle - 1
    if low == 0:
        raise TextUnpageable("navigation leaves no room for the text")
    return _good_break(text, low)


def _good_break(text: str, end: int) -> int:
    if end == len(text) or text[end] == "\n":
        return end
    line_end = text.rfind("\n", end // 2, end)
    if line_end > 0:
        return line_end + 1
    if text[end].isspace():
        return end
    space = text.rfind(" ", end // 2, end)
    if space > 0:
        return space + 1
    for cut in range(end, max(end - COMBINING_MAX, 0), -1):
        if not unicodedata.combining(text[cut]):
            return cut
    return end
