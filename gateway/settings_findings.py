"""From pydantic's errors to lines for people: where, which key, its value, what it must be, what is usual. Pure."""

import difflib
import typing
from collections.abc import Mapping
from enum import Enum
from typing import Any

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticUndefined

from gateway.settings import Settings

Place = tuple[str | int, ...]

HIDDEN = "********"
VALUE_CHARACTERS_MAX = 60
SECRET_KEYS = frozenset({"password", "url", "gateway_key", "shop_secrets", "hash"})

_EXPECTED = {
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be text in quotes",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
}


def finding_of(error: ErrorDetails, document: Mapping[str, Any], places: Mapping[Place, str], origin: str) -> str:
    """One finding."""
    place: Place = error["loc"]
    if error["type"] == "extra_forbidden":
        nearest = _nearest(place)
        hint = f"; did you mean {nearest}?" if nearest else ""
        return located(place, f"is unknown{hint}", document, places, origin)
    if error["type"] == "value_error" and not str(error["ctx"]["error"]).startswith("must"):
        key, _, said = str(error["ctx"]["error"]).partition(" = ")
        return located((*place, key), said.partition("  ")[2], document, places, origin)
    field = field_at(place)
    if error["type"] == "missing":
        return located(place, f"is missing{_needs(field)}", document, places, origin)
    usual = _usual(field)
    return located(place, f"{_must(error, field)}{usual}", document, places, origin)


def located(place: Place, said: str, document: Mapping[str, Any], places: Mapping[Place, str], origin: str) -> str:
    """`file:line  path = value  said`, as much of it as is known."""
    value = _value_at(document, place)
    shown = "" if value is PydanticUndefined or said.startswith("is ") else f" = {_shown(place, value)}"
    where = _where(place, places) or origin or "configuration"
    return f"{where}  {dotted(place, document)}{shown}  {said}"


def dotted(place: Place, document: Mapping[str, Any]) -> str:
    """`links.smsc-1.window`: entries of lists by their name where they have one."""
    parts: list[str] = []
    at: Any = document
    for part in place:
        try:
            at = at[part]
        except (KeyError, IndexError, TypeError):
            at = None
        if isinstance(part, int):
            named = (at.get("name") or at.get("system_id")) if isinstance(at, dict) else None
            parts.append(str(named or part))
        else:
            parts.append(part if part.replace("_", "").isalnum() else f'"{part}"')
    return ".".join(parts)


def field_at(place: Place) -> FieldInfo | None:
    """The field of the settings at a place; None inside plain values and for what is unknown."""
    model: type[BaseModel] | None = Settings
    field: FieldInfo | None = None
    for part in place:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part) if model is not None else None
        if field is None:
            return None
        model = model_in(field.annotation)
    return field


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that a field holds, itself or in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in typing.get_args(annotation):
        found = model_in(inner)
        if found is not None:
            return found
    return None


def _nearest(place: Place) -> str:
    model: type[BaseModel] | None = Settings
    if len(place) > 1:
        parent = field_at(place[:-1])
        model = model_in(parent.annotation) if parent is not None else None
    known = list(model.model_fields) if model is not None else []
    matches = difflib.get_close_matches(str(place[-1]), known, n=1, cutoff=0.0)
    return matches[0] if matches else ""


def _must(error: ErrorDetails, field: FieldInfo | None) -> str:
    kind = error["type"]
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind in {"literal_error", "enum"}:
        return f"must be {error['ctx']['expected'].replace(chr(39), '')}"
    bounds = bounds_of(field)
    if bounds and kind in {"greater_than_equal", "less_than_equal", "greater_than", "less_than", "int_parsing"}:
        return f"must be {bounds}"
    if kind in _EXPECTED:
        return _EXPECTED[kind]
    if kind in {"string_too_long", "too_long"}:
        return f"must have at most {error['ctx']['max_length']} characters"
    if kind in {"string_too_short", "too_short"}:
        return "must not be empty"
    if kind == "string_pattern_mismatch":
        return f"must look like {error['ctx']['pattern']}"
    return error["msg"][:1].lower() + error["msg"][1:]


def bounds_of(field: FieldInfo | None) -> str:
    """`1..255` and its like; empty for a field without bounds."""
    low = high = None
    for one in () if field is None else field.metadata:
        if isinstance(one, Ge):
            low = f"{one.ge}"
        elif isinstance(one, Gt):
            low = f"above {one.gt}"
        elif isinstance(one, Le):
            high = f"{one.le}"
        elif isinstance(one, Lt):
            high = f"below {one.lt}"
    if low and high and not low.startswith("above"):
        return f"{low}..{high}"
    return " and at most ".join(one for one in (low, high) if one)


def _needs(field: FieldInfo | None) -> str:
    """What a missing section has to have at least."""
    model = model_in(field.annotation) if field is not None else None
    required = [name for name, one in model.model_fields.items() if one.is_required()] if model else []
    return f"; it needs {', '.join(required)}" if required else ""


def _usual(field: FieldInfo | None) -> str:
    default = PydanticUndefined if field is None else field.default
    if isinstance(default, tuple | dict | frozenset | BaseModel) or default in {PydanticUndefined, None, ""}:
        return ""
    value = default.value if isinstance(default, Enum) else default
    return f"; {getattr(value, 'key', value)} is usual"


def _where(place: Place, places: Mapping[Place, str]) -> str:
    """Where the key stands, or else something in it, or else the nearest table above it."""
    if place not in places:
        for known, where in places.items():
            if known[: len(place)] == place:
                return where
    for length in range(len(place), 0, -1):
        if place[:length] in places:
            return places[place[:length]]
    return ""


def _value_at(document: Mapping[str, Any], place: Place) -> Any:
    at: Any = document
    for part in place:
        try:
            at = at[part]
        except (KeyError, IndexError, TypeError):
            return PydanticUndefined
    return at


def _shown(place: Place, value: Any) -> str:
    if place[-1] in SECRET_KEYS or isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, dict | list):
        return "…"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= VALUE_CHARACTERS_MAX else text[:VALUE_CHARACTERS_MAX] + "…"
