"""Keyed hashes over the journal: who alters, removes or adds a sealed posting without the key cannot hide it. Pure.

A posting's leaf is HMAC-SHA256 of its canonical octets. A block's head is HMAC-SHA256 of the head before it and of
every range it seals with the leaves of that range in order, so that each head stands for all that came before. The
first octets of the leaves are kept as marks beside the range: by them a check names the posting, not only the block.
"""

import hashlib
import hmac
import struct
from collections.abc import Sequence
from dataclasses import dataclass

GENESIS = "0" * 64
"""The head before the first block."""

KEY_LENGTH_MIN = 32
"""Characters; fewer could be guessed."""

MARK = struct.Struct(">q8s")
"""Entry number and the first octets of the leaf."""

_HEAD = struct.Struct(">q32s")
_RANGE = struct.Struct(">qqqq")
_KEY_NAME = b"firstcharge seal key"
_KEY_ID_DIGITS = 16

CANONICAL_SQL = " || '|' || ".join(
    f"p.{name}"
    for name in (
        "subscription_id",
        "entry_no",
        "tx_no",
        "kind",
        "source",
        "target",
        "amount",
        "booked_at",
        "effective_at",
        "ref",
    )
)
"""The text of a posting `p` that is hashed, made by the database: figures in decimal, instants in microseconds.

`ref` stands last, so that nothing in it can be taken for a figure.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedRange:
    """All postings of one subscription with above < entry number ≤ up_to; `leaves` are theirs in order."""

    subscription_id: int
    above_entry: int
    up_to_entry: int
    entries: tuple[int, ...]
    leaves: tuple[bytes, ...]

    @property
    def marks(self) -> bytes:
        """What is kept of the leaves."""
        return b"".join([MARK.pack(entry, leaf[:8]) for entry, leaf in zip(self.entries, self.leaves, strict=True)])


def leaf_of(key: bytes, canonical: str) -> bytes:
    """The keyed hash of one posting, given as the database writes it."""
    return hmac.digest(key, canonical.encode("utf-8"), "sha256")


def head_of(key: bytes, block_no: int, previous: str, ranges: Sequence[SealedRange]) -> str:
    """The head of a block, hexadecimal: over its number, the head before it, its ranges and their leaves."""
    running = hmac.new(key, _HEAD.pack(block_no, bytes.fromhex(previous)), hashlib.sha256)
    for one in ranges:
        running.update(_RANGE.pack(one.subscription_id, one.above_entry, one.up_to_entry, len(one.leaves)))
        running.update(b"".join(one.leaves))
    return running.hexdigest()


def key_id(key: bytes) -> str:
    """A name of the key that says nothing about it."""
    return hmac.new(key, _KEY_NAME, hashlib.sha256).hexdigest()[:_KEY_ID_DIGITS]


def marks_of(marks: bytes) -> dict[int, bytes]:
    """Entry numbers with the first octets of their leaves; a torn rest is passed over, the head tells of it."""
    whole = len(marks) - len(marks) % MARK.size
    return dict(MARK.iter_unpack(marks[:whole]))
