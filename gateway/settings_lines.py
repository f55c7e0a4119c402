"""Where each key stands in a TOML text, so that findings can name the line. A reader of lines, not of TOML. Pure."""

import re

Place = tuple[str | int, ...]

_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_PATH = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_TABLES = re.compile(rf"\s*\[\[\s*({_PATH})\s*\]\]")
_TABLE = re.compile(rf"\s*\[\s*({_PATH})\s*\]")
_VALUE = re.compile(rf"\s*({_PATH})\s*=")
_PART = re.compile(_KEY)


def lines_of(text: str) -> dict[Place, int]:
    """The line (from 1) of every table and key of a valid TOML text.

    A line inside a multi-line string that looks like a key is taken for one; only findings' places come of it.
    """
    found: dict[Place, int] = {}
    counts: dict[Place, int] = {}
    table: Place = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if match := _TABLES.match(line):
            name = _absolute(_parts(match.group(1)), counts)
            counts[name] = counts.get(name, -1) + 1
            table = (*name, counts[name])
            found[table] = number
            found.setdefault(name, number)
        elif match := _TABLE.match(line):
            table = _absolute(_parts(match.group(1)), counts)
            found.setdefault(table, number)
        elif match := _VALUE.match(line):
            found.setdefault((*table, *_parts(match.group(1))), number)
    return found


def _parts(path: str) -> Place:
    return tuple(part.strip("\"'") for part in _PART.findall(path))


def _absolute(name: Place, counts: dict[Place, int]) -> Place:
    """Tables below an array of tables belong to its latest entry."""
    place: Place = ()
    for position, part in enumerate(name):
        place = (*place, part)
        if place in counts and position < len(name) - 1:
            place = (*place, counts[place])
    return place
