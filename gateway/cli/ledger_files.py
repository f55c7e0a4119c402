"""Files of the journal: written beside their place and moved there once whole; heads compared with a file."""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from gateway.cli.client import Client
from gateway.cli.errors import Failed

TRAILER_OCTETS_MAX = 1024
HALF_WRITTEN = "export.half_written"
"""Fault point: passed after every piece that reached the disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export came to, as its trailer says."""

    postings: int
    amount: str
    sealed_block: int
    head: str
    sha256: str


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its place when the context ends well; before that nothing stands there, or what stood there.

    Raises:
        Failed: it cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}", fix="choose another place with --out") from None
    finally:
        part.unlink(missing_ok=True)


def copy_export(pieces: Iterable[bytes], file: IO[bytes], form: str, fault: Callable[[str], None]) -> Exported:
    """Write an export down and make sure that it is whole.

    Raises:
        Failed: its trailer is missing, or tells another digest than that of what came.
    """
    digest = hashlib.sha256()
    tail = b""
    for piece in pieces:
        file.write(piece)
        digest.update(tail[:-TRAILER_OCTETS_MAX])
        tail = tail[-TRAILER_OCTETS_MAX:] + piece
        fault(HALF_WRITTEN)
    last = tail.rstrip(b"\r\n").rpartition(b"\n")[2]
    digest.update(tail[: len(tail.rstrip(b"\r\n")) - len(last)])
    said = _trailer(last, form)
    if said is None or said.sha256 != digest.hexdigest():
        raise Failed("the export is not whole: its last line is missing or does not fit", fix="export again")
    return said


def _trailer(last: bytes, form: str) -> Exported | None:
    try:
        if form == "jsonl":
            return Exported(**json.loads(last)["trailer"])
        name, postings, block, _, _, _, amount, _, _, ref = last.decode("ascii").split(",")
        words = dict(word.split("=", 1) for word in ref.split(" "))
        if name != "trailer":
            return None
        return Exported(
            postings=int(postings), amount=amount, sealed_block=int(block.removeprefix("block-")), **words
        )
    except (ValueError, KeyError, TypeError):
        return None


def heads_of(client: Client, above: int = 0) -> Iterator[dict[str, Any]]:
    """The head of every sealed block above this one, page after page."""
    cursor: str | None = str(above) if above > 0 else None
    while True:
        page = client.ask("GET", "/v1/ledger/heads", query={"cursor": cursor})
        yield from page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return


def differing_heads(
    kept: Iterable[bytes], heads_above: Callable[[int], Iterator[dict[str, Any]]], *, file: str = "the file"
) -> Iterator[tuple[str, str]]:
    """(what, how) of kept heads, JSON lines, that the chain does not have any more.

    Several exports may stand one after another: wherever blocks go back, the chain is read again from there.

    Raises:
        Failed: a line is no head.
    """
    chain = heads_above(0)
    current = next(chain, None)
    reached = 0
    for number, line in enumerate(kept, start=1):
        try:
            one = json.loads(line)
            block, head = int(one["block"]), str(one["head"])
        except (ValueError, KeyError, TypeError):
            raise Failed(
                f"{file}: line {number} is no head", fix="give a file that `firstcharge ledger heads` wrote"
            ) from None
        if block < reached:
            chain = heads_above(block - 1)
            current = next(chain, None)
        reached = block
        while current is not None and int(current["block"]) < block:
            current = next(chain, None)
        if current is None or int(current["block"]) != block:
            yield f"block {block}", "is gone"
        elif current["head"] != head:
            yield f"block {block}", "has another head"
