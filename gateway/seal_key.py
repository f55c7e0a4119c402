"""The key that the journal is sealed with: configured, or kept in a file beside an SQLite database.

Without a configured key an SQLite file gets one of its own, made at the first start and readable by its owner alone.
A PostgreSQL database has no place that all its gateways share, so that without a configured key it is sealed with a
published one: such seals show damage, but against whoever can write to the database only heads kept elsewhere help.
"""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url

from billing.sealing import KEY_LENGTH_MIN
from gateway.settings import Settings

KEY_OCTETS = 32
PUBLISHED_KEY = b"firstcharge: no ledger.seal_key is configured"


class SealKeyUnusable(Exception):
    """The key's file cannot be read, made or trusted; says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealKey:
    """The key; `is_secret` is false for the published one."""

    octets: bytes
    is_secret: bool


def seal_key_of(settings: Settings) -> SealKey:
    """The key of an installation.

    Raises:
        SealKeyUnusable: the file beside the database cannot be used.
    """
    configured = settings.ledger.seal_key
    if configured is not None:
        return SealKey(octets=configured.get_secret_value().encode("utf-8"), is_secret=True)
    parts = make_url(settings.database.url)
    if parts.get_backend_name() != "sqlite" or not parts.database or parts.database == ":memory:":
        return SealKey(octets=PUBLISHED_KEY, is_secret=False)
    return SealKey(octets=_kept(Path(f"{parts.database}.seal-key")), is_secret=True)


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
