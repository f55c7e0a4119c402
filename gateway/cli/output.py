"""What verbs print: aligned pairs, columns and colours. Colours on a terminal only, never with NO_COLOR."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, TextIO

COLUMN_GAP = "  "


class Style(StrEnum):
    """The few styles there are, as ANSI codes."""

    GOOD = "32"
    BAD = "31"
    SMS = "33"
    USSD = "36"
    QUIET = "2"
    STRONG = "1"


def colours_wanted(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether this stream is a terminal whose owner did not refuse colours (no-color.org)."""
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def painted(text: str, style: Style, *, colours: bool) -> str:
    """The text in the style, or as it is where colours are not wanted."""
    return f"\x1b[{style.value}m{text}\x1b[0m" if colours else text


def one_line(text: str) -> str:
    """A text of the network as one line: line ends shown, control characters taken out of the terminal's hands."""
    shown = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", " ⏎ ")
    return "".join(letter if letter.isprintable() else "�" for letter in shown)


def pairs(document: Mapping[str, Any]) -> list[str]:
    """A JSON object as aligned `name  value` lines, nested names joined with dots."""
    flat = list(_flattened(document, ""))
    width = max((len(name) for name, _ in flat), default=0)
    return [f"{name:<{width}}{COLUMN_GAP}{value}".rstrip() for name, value in flat]


def columns(
    rows: Sequence[Sequence[str]], *, headings: Sequence[str], right: frozenset[int] = frozenset()
) -> list[str]:
    """Rows under headings, aligned; the columns in `right` are flush right, as sums are read."""
    lines = [list(headings), *(list(row) for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(headings))]
    return [
        COLUMN_GAP.join(
            cell.rjust(widths[place]) if place in right else cell.ljust(widths[place])
            for place, cell in enumerate(line)
        ).rstrip()
        for line in lines
    ]


def cell(value: Any) -> str:
    """One JSON value as people read it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(cell(one) for one in value) if value else "-"
    if isinstance(value, dict):
        return " ".join(f"{name}={cell(one)}" for name, one in value.items())
    return one_line(str(value))


def _flattened(document: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in document.items():
        if isinstance(value, dict) and value:
            yield from _flattened(value, f"{prefix}{name}.")
        else:
            yield prefix + name, cell(value)
