"""Where the key that seals the journal comes from."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.seal_key import PUBLISHED_KEY, SealKeyUnusable, seal_key_of
from gateway.settings import Settings
from gateway.settings_checks import SAMPLE_SEAL_KEYS, secrets_of_samples

LINK = {"name": "l", "host": "h", "system_id": "s", "password": "p"}
KEY = {"name": "k", "hash": "sha256:" + "0" * 64, "scopes": ["ops"]}


def settings(url: str, **ledger: str) -> Settings:
    document = {"database": {"url": url}, "links": [LINK], "keys": [KEY], "ledger": ledger}
    return Settings.model_validate(document)


def test_an_sqlite_file_gets_a_key_of_its_own_that_only_its_owner_reads(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'own.sqlite3'}"
    first = seal_key_of(settings(url))
    kept = tmp_path / "own.sqlite3.seal-key"
    assert first.is_secret
    assert kept.stat().st_mode & 0o777 == 0o600
    assert seal_key_of(settings(url)) == first
    assert kept.read_bytes().strip() == first.octets
    other = seal_key_of(settings(f"sqlite:///{tmp_path / 'other.sqlite3'}"))
    assert other.octets != first.octets


def test_a_process_that_dies_while_it_makes_the_key_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_handle: int) -> None:
        raise KeyboardInterrupt

    url = f"sqlite:///{tmp_path / 'own.sqlite3'}"
    monkeypatch.setattr("os.fsync", die)
    with pytest.raises(KeyboardInterrupt):
        seal_key_of(settings(url))
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    assert seal_key_of(settings(url)).is_secret
    assert [path.name for path in tmp_path.iterdir()] == ["own.sqlite3.seal-key"]


def test_a_key_file_that_cannot_be_trusted_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.sqlite3.seal-key").write_text("short")
    with pytest.raises(SealKeyUnusable, match=r"ledger\.seal_key_file"):
        seal_key_of(settings(f"sqlite:///{tmp_path / 'own.sqlite3'}"))
    with pytest.raises(SealKeyUnusable, match="No such file"):
        seal_key_of(settings(f"sqlite:///{tmp_path / 'nowhere' / 'own.sqlite3'}"))


def test_a_configured_key_counts_everywhere_and_postgresql_without_one_is_sealed_openly() -> None:
    url = "postgresql+psycopg://h/d"
    assert seal_key_of(settings(url, seal_key="s" * 32)).octets == b"s" * 32
    found = seal_key_of(settings(url))
    assert (found.octets, found.is_secret) == (PUBLISHED_KEY, False)


def test_a_key_that_is_configured_later_knows_what_was_used_before(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'own.sqlite3'}"
    assert seal_key_of(settings(url, seal_key="s" * 32)).earlier is None
    assert list(tmp_path.iterdir()) == []
    kept = seal_key_of(settings(url)).octets
    assert seal_key_of(settings(url, seal_key="s" * 32)).earlier == kept
    assert seal_key_of(settings("postgresql+psycopg://h/d", seal_key="s" * 32)).earlier == PUBLISHED_KEY


def test_short_and_published_keys_are_refused() -> None:
    with pytest.raises(ValidationError):
        settings("sqlite://", seal_key="s" * 31)
    for sample in SAMPLE_SEAL_KEYS:
        (finding,) = secrets_of_samples(settings("sqlite://", seal_key=sample))
        assert finding[0] == ("ledger", "seal_key")
    assert secrets_of_samples(settings("sqlite://", seal_key="s" * 32)) == []
