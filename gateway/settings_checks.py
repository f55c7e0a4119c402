"""What single keys cannot say about each other: contradictions, and sample secrets where real ones belong. Pure."""

from collections.abc import Iterable

from gateway.http.auth import Scope, hash_of
from gateway.settings import Settings
from ussd.errors import CodeTableInvalid
from ussd.menu import MENUS, CodeTable

Place = tuple[str | int, ...]

SAMPLE_PASSWORDS = frozenset({"secret1", "secret", "password", "demo", "changeme"})
SAMPLE_SEAL_KEYS = frozenset({"demo-seal-key-demo-seal-key-demo-seal-key", "changeme" * 4})
SAMPLE_KEYS = frozenset({"demo-key", "changeme"})
_SAMPLE_HASHES = frozenset(hash_of(key) for key in SAMPLE_KEYS)


def contradictions(settings: Settings) -> list[tuple[Place, str]]:
    """Keys that cannot stand together, each with the place to mend."""
    found: list[tuple[Place, str]] = []
    if settings.programme.main_balance == "external" and not settings.programme.main_balance_url:
        found.append((("programme", "main_balance_url"), "must be given while main_balance is external"))
    found += _twice("links", (link.name for link in settings.links))
    found += _twice("keys", (key.name for key in settings.keys))
    found += _twice("keys", (key.hash for key in settings.keys), key="hash")
    for number, key in enumerate(settings.keys):
        if key.partner is not None and Scope.PARTNER not in key.scopes:
            found.append((("keys", number, "partner"), "must go with the scope partner"))
    if not any("sms" in link.roles for link in settings.links):
        found.append((("links",), "must have one with the role sms"))
    try:
        CodeTable(codes=settings.ussd.codes, menus=MENUS)
    except CodeTableInvalid as error:
        found.append((("ussd", "codes"), f"must be codes that can be dialled: {error}"))
    return found


def secrets_of_samples(settings: Settings) -> list[tuple[Place, str]]:
    """Secrets that everybody knows."""
    said = "must be a secret of your own: this one is a published sample"
    passwords = [
        (("links", number, "password"), said)
        for number, link in enumerate(settings.links)
        if link.password.get_secret_value() in SAMPLE_PASSWORDS
    ]
    hashes = [
        (("keys", number, "hash"), said) for number, key in enumerate(settings.keys) if key.hash in _SAMPLE_HASHES
    ]
    seal_key = settings.ledger.seal_key
    is_sample = seal_key is not None and seal_key.get_secret_value() in SAMPLE_SEAL_KEYS
    return [*passwords, *hashes, *([(("ledger", "seal_key"), said)] if is_sample else [])]


def _twice(section: str, values: Iterable[str], *, key: str = "name") -> list[tuple[Place, str]]:
    seen: set[str] = set()
    found: list[tuple[Place, str]] = []
    for number, value in enumerate(values):
        if value in seen:
            found.append(((section, number, key), "must be different from the others"))
        seen.add(value)
    return found
