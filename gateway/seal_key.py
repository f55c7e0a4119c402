"""The key that the journal is sealed with: configured, or kept in a file beside an SQLite database.

Without a configured key an SQLite file gets one of its own, made at the first start and readable by its owner alone.
A PostgreSQL database has no place that all its gateways share, so that without a configured key it is sealed with a
published one: such seals show damage, but against whoever can write to the database only heads kept elsewhere help.
"""

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import make_url

from billing.sealing import KEY_LENGTH_MIN, key_id
from gateway.settings import Settings

KEY_OCTETS = 32
PUBLISHED_KEY = b"firstcharge: no ledger.seal_key is configured"


class SealKeyUnusable(Exception):
    """The key's file cannot be read, made or trusted; says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealKey:
    """The key; `is_secret` is false for the published one.

    `earlier` is the key that this database was sealed with before one was configured.
    """

    octets: bytes = field(repr=False)
    is_secret: bool
    earlier: bytes | None = field(default=None, repr=False)

    @property
    def ids(self) -> frozenset[str]:
        """Ids of the blocks that these keys seal."""
        return frozenset(key_id(one) for one in (self.octets, self.earlier) if one is not None)


def seal_key_of(settings: Settings) -> SealKey:
    """The key of an installation.

    Raises:
        SealKeyUnusable: the file beside the database cannot be used.
    """
    configured = settings.ledger.seal_key
    parts = make_url(settings.database.url)
    is_file = parts.get_backend_name() == "sqlite" and parts.database not in {None, "", ":memory:"}
    place = Path(f"{parts.database}.seal-key")
    if configured is None:
        if is_file:
            return SealKey(octets=_kept(place), is_secret=True)
        return SealKey(octets=PUBLISHED_KEY, is_secret=False)
    earlier = PUBLISHED_KEY if not is_file else _kept(place) if place.exists() else None
    return SealKey(octets=configured.get_secret_value().encode("utf-8"), is_secret=True, earlier=earlier)


def _kept(path: Path) -> bytes:
    """The key of a file, made where there is none."""
    try:
        if not path.exists():
            _make(path)
        found = path.read_bytes().strip()
    except OSError as error:
        raise SealKeyUnusable(f"{path}: {error.strerror}; it holds the key that seals the journal") from None
    if len(found) < KEY_LENGTH_MIN:
        raise SealKeyUnusable(
            f"{path}: holds no key of {KEY_LENGTH_MIN} characters; put the right file back, or name the key in"
            " ledger.seal_key_file"
        )
    return found


def _make(path: Path) -> None:
    """Put a fresh key at a place, whole and on disk before anything is sealed with it."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(secrets.token_hex(KEY_OCTETS).encode("ascii") + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
