"""Answers as canonical JSON text and back: what a request key keeps, so that a repeat is answered unchanged.

One text per answer: sorted keys, no spaces, instants and days in ISO 8601, sums in kopecks, the class under "is".
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from enum import Enum
from functools import cache, lru_cache
from types import MappingProxyType, NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from msgspec import Struct
from msgspec.json import Decoder, Encoder
from msgspec.structs import asdict

from billing.answers import (
    Answer,
    ChargeAnswer,
    CreditAnswer,
    OrderAnswer,
    PromoAnswer,
    RedemptionAnswer,
    RefundAnswer,
    ReservationAnswer,
    TopUpAnswer,
    VoucherAnswer,
)

Converter = Callable[[Any], Any]

STORED: Mapping[str, type[Any]] = MappingProxyType(
    {
        answer.__name__: answer
        for answer in (
            ChargeAnswer,
            CreditAnswer,
            OrderAnswer,
            PromoAnswer,
            RedemptionAnswer,
            RefundAnswer,
            ReservationAnswer,
            TopUpAnswer,
            VoucherAnswer,
        )
    }
)
"""Answers to commands that have a request key, by the name they are kept under."""

_encode_json = Encoder(order="sorted").encode
_decode_json = Decoder().decode


def dump_answer(answer: Answer) -> str:
    """The canonical text of an answer."""
    kind: Any = type(answer)
    flat = _record_dumper(kind)(answer)
    flat["is"] = kind.__name__
    return _encode_json(flat).decode()


def load_answer(text: str) -> Answer:
    """The answer that `dump_answer` made this text of."""
    flat = _decode_json(text)
    kind: Any = STORED[flat.pop("is")]
    answer: Answer = _record_loader(kind)(flat)
    return answer


def _is_record(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Struct)


def _as_it_is(value: Any) -> Any:
    return value


@lru_cache(maxsize=1_024)
def _to_text(value: datetime | date) -> str:
    """ISO 8601; a group of commands has one now."""
    return value.isoformat()


@cache
def _record_dumper(kind: Any) -> Callable[[Any], dict[str, Any]]:
    """A function from one record to a dict of JSON values."""
    hints = get_type_hints(kind)
    dumpers = ((one, _dumper(hints[one])) for one in kind.__struct_fields__)
    others = tuple((one, convert) for one, convert in dumpers if convert is not _as_it_is)

    def dump(value: Any) -> dict[str, Any]:
        flat = asdict(value)
        for name, convert in others:
            flat[name] = convert(flat[name])
        return flat

    return dump


@cache
def _record_loader(kind: Any) -> Callable[[dict[str, Any]], Any]:
    """A function from a dict of JSON values to one record."""
    hints = get_type_hints(kind)
    loaders = {one: _loader(hints[one]) for one in kind.__struct_fields__}

    def load(flat: dict[str, Any]) -> Any:
        return kind(**{name: convert(flat[name]) for name, convert in loaders.items()})

    return load


def _dumper(hint: Any) -> Converter:
    """How a value of this type becomes JSON; enums, texts, numbers, None and records of these already are."""
    optional = _optional(hint)
    if optional is not None:
        return _or_none(_dumper(optional))
    if get_origin(hint) is tuple:
        convert = _dumper(get_args(hint)[0])
        return convert if convert is _as_it_is else lambda values: [convert(value) for value in values]
    if _is_record(hint):
        hints = get_type_hints(hint)
        is_plain = all(_dumper(hints[one]) is _as_it_is for one in hint.__struct_fields__)
        return _as_it_is if is_plain else _record_dumper(hint)
    if hint in (datetime, date):
        return _to_text
    return _as_it_is


def _loader(hint: Any) -> Converter:
    """How a JSON value becomes one of this type."""
    optional = _optional(hint)
    if optional is not None:
        return _or_none(_loader(optional))
    if get_origin(hint) is tuple:
        convert = _loader(get_args(hint)[0])
        return lambda values: tuple(convert(value) for value in values)
    if _is_record(hint):
        return _record_loader(hint)
    if hint in (datetime, date):
        from_text: Converter = hint.fromisoformat
        return from_text
    if issubclass(hint, Enum):
        member: Converter = hint
        return member
    return _as_it_is


def _optional(hint: Any) -> Any:
    """The X of `X | None`, None for every other type."""
    if get_origin(hint) is not UnionType:
        return None
    (inner,) = (one for one in get_args(hint) if one is not NoneType)
    return inner


def _or_none(convert: Converter) -> Converter:
    if convert is _as_it_is:
        return convert
    return lambda value: None if value is None else convert(value)
