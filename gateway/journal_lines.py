"""How a posting is written in an export: as CSV that no spreadsheet takes for a formula, or as a JSON line. Pure."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from billing.money import Kopecks, format_money
from billing.store.columns import from_micros

COLUMNS = (
    "subscription_id",
    "entry_no",
    "tx_id",
    "kind",
    "from",
    "to",
    "amount",
    "booked_at",
    "effective_at",
    "ref",
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet compute a cell (OWASP, CSV injection): such a text gets an apostrophe before it."""

TRAILER = "trailer"
"""What stands for the subscription in the last line of a CSV."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What the trailer says: how many, how much, and where the sealed chain stood."""

    postings: int
    amount: Kopecks
    block_no: int
    head: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineForm:
    """One form of an export."""

    content_type: bytes
    header: bytes
    line: Callable[[Sequence[Any], ZoneInfo], str]
    trailer: Callable[[Line, str], bytes]


def csv_cell(value: str) -> str:
    """A text as a CSV cell (RFC 4180), never a formula."""
    safe = f"'{value}" if value.startswith(FORMULA) else value
    if any(letter in safe for letter in ',"\r\n'):
        return '"' + safe.replace('"', '""') + '"'
    return safe


@lru_cache(maxsize=65_536)
def instant_text(micros: int, zone: ZoneInfo) -> str:
    """An instant in the operator's zone, ISO 8601."""
    return from_micros(micros).astimezone(zone).isoformat()


def csv_line(row: Sequence[Any], zone: ZoneInfo) -> str:
    """A posting as a line of CSV."""
    subscription_id, entry_no, tx_no, kind, source, target, amount, booked_at, effective_at, ref = row
    return (
        f"{subscription_id},{entry_no},{subscription_id}-{tx_no},{kind},{source},{target},{format_money(amount)},"
        f"{instant_text(booked_at, zone)},{instant_text(effective_at, zone)},{csv_cell(ref)}\r\n"
    )


def json_line(row: Sequence[Any], zone: ZoneInfo) -> str:
    """A posting as a JSON line."""
    subscription_id, entry_no, tx_no, kind, source, target, amount, booked_at, effective_at, ref = row
    return (
        f'{{"subscription_id":{subscription_id},"entry_no":{entry_no},"tx_id":"{subscription_id}-{tx_no}",'
        f'"kind":"{kind}","from":"{source}","to":"{target}","amount":"{format_money(amount)}",'
        f'"booked_at":"{instant_text(booked_at, zone)}","effective_at":"{instant_text(effective_at, zone)}",'
        f'"ref":{json.dumps(ref, ensure_ascii=False)}}}\n'
    )


def csv_trailer(said: Line, digest: str) -> bytes:
    """The last line of a CSV: count, block, sum, then head and SHA-256 of what stands before."""
    total = format_money(said.amount)
    ref = f"head={said.head} sha256={digest}"
    return f"{TRAILER},{said.postings},block-{said.block_no},,,,{total},,,{ref}\r\n".encode("ascii")


def json_trailer(said: Line, digest: str) -> bytes:
    """The last JSON line."""
    document = {
        "postings": said.postings,
        "amount": format_money(said.amount),
        "sealed_block": said.block_no,
        "head": said.head,
        "sha256": digest,
    }
    return json.dumps({TRAILER: document}).encode("ascii") + b"\n"


FORMATS: Mapping[str, LineForm] = {
    "csv": LineForm(
        content_type=b"text/csv; charset=utf-8",
        header=(",".join(COLUMNS) + "\r\n").encode("ascii"),
        line=csv_line,
        trailer=csv_trailer,
    ),
    "jsonl": LineForm(content_type=b"application/x-ndjson", header=b"", line=json_line, trailer=json_trailer),
}
