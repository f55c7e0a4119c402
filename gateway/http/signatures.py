"""Postback signatures: `Firstcharge-Signature: t=UNIX,v1=HEX[,v1=HEX]`, HMAC-SHA256 of `UNIX.` + raw body.

Checked on the wall clock before the body is parsed. Every failure looks the same from outside, also for a partner
nobody knows.
"""

import hashlib
import hmac
from collections.abc import Sequence

WINDOW_SECONDS = 300
HEADER_OCTETS_MAX = 1024
SIGNATURES_MAX = 8
_UNIX_DIGITS_MAX = 12
_DUMMY = ("no such partner",)


def sign(body: bytes, secret: str, unix: int) -> str:
    """The header value for a body signed with one secret at a wall-clock second."""
    return f"t={unix},v1={_digest(body, secret, str(unix).encode())}"


def is_signed(header: bytes | None, body: bytes, secrets: Sequence[str], wall_seconds: float) -> bool:
    """Whether one of the secrets signed this body within the window. No secrets: the same work, and False."""
    if header is None or len(header) > HEADER_OCTETS_MAX:
        return False
    stamp, offered = _parts(header)
    if stamp is None or not offered:
        return False
    is_fresh = abs(int(stamp) - wall_seconds) <= WINDOW_SECONDS
    is_match = False
    for secret in secrets or _DUMMY:
        expected = _digest(body, secret, stamp).encode("ascii")
        for one in offered:
            is_match |= hmac.compare_digest(expected, one)
    return is_fresh and is_match and bool(secrets)


def _digest(body: bytes, secret: str, stamp: bytes) -> str:
    return hmac.new(secret.encode("utf-8"), stamp + b"." + body, hashlib.sha256).hexdigest()


def _parts(header: bytes) -> tuple[bytes | None, list[bytes]]:
    """The time stamp (None unless there is exactly one, all digits) and the offered v1 signatures."""
    stamps: list[bytes] = []
    offered: list[bytes] = []
    for part in header.split(b","):
        name, _, value = part.strip().partition(b"=")
        if name == b"t":
            stamps.append(value)
        elif name == b"v1":
            offered.append(value.lower())
    if len(stamps) != 1 or not stamps[0].isdigit() or len(stamps[0]) > _UNIX_DIGITS_MAX:
        return None, []
    return stamps[0], offered[:SIGNATURES_MAX]
