"""Who calls: API keys with scopes as bearer tokens, and the cookie that `POST /login` gives for pages.

Only SHA-256 hashes of keys are configured (`sha256:HEX`). Keys are long random strings, so a fast hash is as
good as a slow one and costs no reactor time; a key is found by its digest, which a caller cannot steer, and
then compared in constant time. The cookie is a signed value; nothing about it is kept.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.http.problems import Problem, unauthorised

COOKIE_NAME = b"firstcharge"
COOKIE_SECONDS = 12 * 3600
KEY_OCTETS_MAX = 512

HASH_PREFIX = "sha256:"


class Scope(StrEnum):
    """What a key may do."""

    PROVISIONING = "provisioning"
    PARTNER = "partner"
    BILLING = "billing"
    CARE = "care"
    OPS = "ops"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The owner of a key. `partner` set: sees only its own orders."""

    name: str
    scopes: frozenset[Scope]
    partner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """A configured key: its hash (`sha256:HEX`) and who holds it."""

    hash: str
    principal: Principal


def hash_of(key: str) -> str:
    """What stands in the configuration for a key."""
    return HASH_PREFIX + hashlib.sha256(key.encode("utf-8")).hexdigest()


class Keys:
    """Knows the configured keys, and signs and reads login cookies."""

    def __init__(self, records: Sequence[KeyRecord], cookie_secret: bytes) -> None:
        """`cookie_secret`: 32 random octets; cookies signed with another one are not accepted."""
        self._by_digest = {record.hash.removeprefix(HASH_PREFIX).lower(): record.principal for record in records}
        self._by_name = {record.principal.name: record.principal for record in records}
        self._cookie_secret = cookie_secret

    def of_key(self, key: bytes) -> Principal | None:
        """Who holds this key."""
        if not key or len(key) > KEY_OCTETS_MAX:
            return None
        digest = hashlib.sha256(key).hexdigest()
        return self._by_digest.get(digest)

    def of_authorization(self, header: bytes | None) -> Principal | None:
        """Who sent this Authorization header."""
        if header is None or header[:7].lower() != b"bearer ":
            return None
        return self.of_key(header[7:].strip())

    def cookie_for(self, principal: Principal, wall_seconds: float) -> bytes:
        """A signed value that stands for the key for some hours."""
        claim = f"{principal.name.encode('utf-8').hex()}.{int(wall_seconds) + COOKIE_SECONDS}"
        return f"{claim}.{self._signature(claim)}".encode("ascii")

    def of_cookie(self, value: bytes | None, wall_seconds: float) -> Principal | None:
        """Who this cookie was given to, while it is valid."""
        if value is None or len(value) > KEY_OCTETS_MAX:
            return None
        claim, _, signature = value.decode("latin-1").rpartition(".")
        if not hmac.compare_digest(self._signature(claim).encode("ascii"), signature.encode("latin-1")):
            return None
        name, _, until = claim.rpartition(".")
        if int(until) < wall_seconds:
            return None
        return self._by_name.get(bytes.fromhex(name).decode("utf-8"))

    def _signature(self, claim: str) -> str:
        return hmac.new(self._cookie_secret, claim.encode("latin-1"), hashlib.sha256).hexdigest()


def require(principal: Principal | None, scopes: frozenset[Scope]) -> Principal:
    """The principal, if one of the scopes is its own; an empty set asks for any valid key.

    Raises:
        Problem: 401 without principal, 403 without scope.
    """
    if principal is None:
        raise unauthorised()
    if scopes and not scopes & principal.scopes:
        wanted = " or ".join(sorted(scopes))
        raise Problem(403, "FORBIDDEN", f"this key lacks the scope {wanted}")
    return principal


def cookie_from(header: bytes | None) -> bytes | None:
    """Our cookie's value among those of a Cookie header."""
    for part in (header or b"").split(b";"):
        name, _, value = part.strip().partition(b"=")
        if name == COOKIE_NAME:
            return value
    return None
