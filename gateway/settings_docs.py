"""The configuration explained: a file with every key, its default and a sentence, and one key in words. Pure."""

import difflib
import json
from collections.abc import Iterator, Sequence
from datetime import datetime, time
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from billing.money import format_money
from billing.words import ChargeType
from gateway.settings import LIST_SECTIONS, Settings
from gateway.settings_findings import bounds_of, field_at, model_in

HEAD = """\
# Firstcharge: every key with its default. Variables FIRSTCHARGE__SECTION__KEY go over this file; a secret may stand
# in a file of its own, named by KEY_file. Passwords and hashes below are samples: replace them, or serve refuses.
"""
_SUMS = frozenset({"welcome_bonus"})


class UnknownKey(LookupError):
    """There is no such key; the message names the nearest."""


def render_defaults() -> str:
    """A configuration file that loads as it stands in a demo, and outside once its samples are replaced."""
    return HEAD + "\n".join(_table(Settings, ())) + "\n"


def explain(key: str) -> str:
    """What a key such as `links.window` means, its default and what it may be.

    Raises:
        UnknownKey: no such key.
    """
    place = tuple(key.split("."))
    field = field_at(place)
    if field is None:
        known = list(keys())
        near = difflib.get_close_matches(key, known, n=1, cutoff=0.0)
        raise UnknownKey(f"there is no key {key}; did you mean {near[0]}?")
    model = model_in(field.annotation)
    if model is not None:
        below = ", ".join(model.model_fields)
        return f"{key}: {field.description}\nKeys: {below}"
    default = "none: it must be given" if field.is_required() else f"{_toml(place[-1], field.get_default())}"
    bounds = bounds_of(field)
    lines = [f"{key}: {field.description}", f"Default: {default}"]
    if bounds:
        lines.append(f"Must be: {bounds}")
    lines.append(f"Variable: {_variable(place)}")
    return "\n".join(lines)


def _variable(place: tuple[str, ...]) -> str:
    """The first entry of a list stands for all of them."""
    parts = [place[0], "0", *place[1:]] if place[0] in LIST_SECTIONS else place
    return f"FIRSTCHARGE__{'__'.join(parts).upper()}"


def keys() -> Iterator[str]:
    """Every key, with dots."""
    yield from _keys(Settings, ())


def _keys(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = model_in(field.annotation)
        if inner is None:
            yield ".".join((*path, name))
        else:
            yield from _keys(inner, (*path, name))


def _table(model: type[BaseModel], path: tuple[str, ...], given: BaseModel | None = None) -> Iterator[str]:
    """The keys of a section, then the sections below it; `given` has the values of one entry of a list."""
    below: list[tuple[str, FieldInfo, type[BaseModel]]] = []
    for name, field in model.model_fields.items():
        inner = model_in(field.annotation)
        if inner is not None:
            below.append((name, field, inner))
        else:
            yield from _key(name, field, getattr(given, name) if given else PydanticUndefined)
    for name, field, inner in below:
        if name not in LIST_SECTIONS:
            section = getattr(given, name) if given else field.get_default(call_default_factory=True)
            yield from _heading(f"[{'.'.join((*path, name))}]", field)
            values = section if isinstance(section, BaseModel) else None
            yield from _table(inner, (*path, name), values)
        else:
            entries: Sequence[BaseModel | None] = (
                [None] if field.is_required() else field.get_default(call_default_factory=True)
            )
            for entry in entries:
                yield from _heading(f"[[{name}]]", field)
                yield from _table(inner, (*path, name), entry)


def _heading(heading: str, field: FieldInfo) -> Iterator[str]:
    yield from ("", f"# {field.description}", heading)


def _key(name: str, field: FieldInfo, given: Any) -> Iterator[str]:
    value = given
    if value is PydanticUndefined:
        value = (
            field.examples[0]
            if field.is_required() and field.examples
            else field.get_default(call_default_factory=True)
        )
    yield f"# {field.description}"
    if isinstance(value, dict):
        entries = ", ".join(f"{_toml('', key)} = {_toml('', one)}" for key, one in value.items())
        yield f"{name} = {{ {entries} }}" if entries else f"{name} = {{}}"
    elif value is None and name != "monthly_spend_cap":
        yield f"# {name} ="
    else:
        yield f"{name} = {_toml(name, value)}"


def _toml(name: str, value: Any) -> str:
    if value is None:
        return '"off"' if name == "monthly_spend_cap" else "absent"
    if isinstance(value, bool):
        return "true" if value else "false"
    if name == "interface_version":
        return f"{value:#x}"
    if name in _SUMS and isinstance(value, int):
        return f'"{format_money(value)}"'
    if isinstance(value, frozenset) and value == frozenset(ChargeType):
        return '"all"'
    if isinstance(value, tuple | list | frozenset):
        return f"[{', '.join(_toml('', one) for one in value)}]"
    if isinstance(value, int | float) and not isinstance(value, Enum):
        return str(value)
    return json.dumps(_text(value), ensure_ascii=False)


def _text(value: Any) -> str:
    if isinstance(value, ZoneInfo):
        return value.key
    if isinstance(value, time):
        return value.strftime("%H:%M")
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value.value if isinstance(value, Enum) else value)
