"""How far `bill apply` is: a small file beside the output, replaced after each piece, that outlives a kill.

It names octets, not lines: the input is read on from there once what was read before hashes the same, the outputs
are cut to there. Output is on disk before the file says so.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import BinaryIO

from gateway.cli.errors import Failed

SUFFIX = ".progress"
BLOCK_OCTETS = 1 << 20
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What the lines so far came to; sums in kopecks, of drawn lines alone."""

    lines: int = 0
    drawn: int = 0
    refused: int = 0
    rejected: int = 0
    amount: int = 0
    cashback: int = 0
    main: int = 0
    unpaid: int = 0

    def plus(self, other: "Totals") -> "Totals":
        """Both together."""
        return Totals(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(Totals)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Octets of the input that are done, of the outputs that are written, line ends passed, and the sums."""

    read: int
    read_sha256: str
    line_no: int
    split: int
    rejects: int
    rejects_name: str
    """Their file, as seen from the folder of the split."""
    totals: Totals


def checkpoint_path(out: Path) -> Path:
    """Where the checkpoint of an output lies."""
    return out.with_name(out.name + SUFFIX)


def load_checkpoint(path: Path) -> Checkpoint | None:
    """The checkpoint of an unfinished run, None where there is none.

    Raises:
        Failed: the file is none of ours.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _unreadable(path, str(error)) from None
    try:
        if found.pop("version") != VERSION:
            raise _unreadable(path, "another version wrote it")
        return Checkpoint(**{**found, "totals": Totals(**found["totals"])})
    except (AttributeError, KeyError, TypeError):
        raise _unreadable(path, "it is no checkpoint") from None


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint at once: it is the old one or the new one, whenever we are killed."""
    fresh = path.with_name(path.name + ".new")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump({"version": VERSION, **asdict(checkpoint)}, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def skip_done(source: BinaryIO, checkpoint: Checkpoint, name: str) -> "hashlib._Hash":
    """Read past what is done; the hash to go on with.

    Raises:
        Failed: the input is not what it was.
    """
    digest = hashlib.sha256()
    left = checkpoint.read
    while left and (block := source.read(min(left, BLOCK_OCTETS))):
        digest.update(block)
        left -= len(block)
    if left or digest.hexdigest() != checkpoint.read_sha256:
        raise Failed(
            f"{name}: its first {checkpoint.line_no:,} lines are not those of the run that was interrupted",
            fix="give the same file, or another --out to begin anew: lines drawn before are answered as they were",
        )
    return digest


def _unreadable(path: Path, why: str) -> Failed:
    return Failed(f"{path}: {why}", fix="remove it to begin anew: lines drawn before are answered as they were")
