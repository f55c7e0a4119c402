"""What the handlers of every family share: bodies, numbers of a query, answers that are passed on."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import ConfigDict

from simulator.documents import Document
from simulator.errors import RequestInvalid
from simulator.gateway_client import GatewayAnswer
from simulator.http import Call, Reply
from simulator.msisdn import normalised

ITEMS_MAX = 10_000
DIGITS_MAX = 18


class Body(Document):
    """A JSON body: wrong types are refused."""

    model_config = ConfigDict(strict=True)


def msisdn_of(call: Call) -> str:
    """The handset's number in the path, normalised."""
    return normalised(call.path["msisdn"], field="msisdn")


def passed_on(answer: GatewayAnswer) -> Reply:
    """The gateway's answer as our own, unchanged."""
    headers = {name.title(): value for name, value in answer.headers.items() if name != "content-type"}
    content_type = answer.headers.get("content-type", "application/octet-stream")
    return Reply(status=answer.status, body=answer.body, content_type=content_type, headers=headers)


def whole_number(query: Mapping[str, str], name: str, *, default: int) -> int:
    """A parameter that is a whole number; raises RequestInvalid."""
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) <= DIGITS_MAX):
        raise RequestInvalid(f"{name} is a whole number", field=name)
    return int(text)


def limit_of(query: Mapping[str, str], *, default: int) -> int:
    """How many items are asked for; raises RequestInvalid."""
    limit = whole_number(query, "limit", default=default)
    if not 1 <= limit <= ITEMS_MAX:
        raise RequestInvalid(f"limit is 1 to {ITEMS_MAX}", field="limit")
    return limit


def wall_text(wall_at: float) -> str:
    """A moment by this machine's clock, which goes on where the network's stands."""
    return datetime.fromtimestamp(wall_at, UTC).isoformat(timespec="milliseconds")


def given(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures without those that are absent."""
    return {name: value for name, value in figures.items() if value is not None}
