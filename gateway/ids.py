"""Ids and codes made by the application: ordered in time for the database, unguessable where people could try."""

import secrets
from collections.abc import Callable
from datetime import datetime

from billing.store.columns import to_micros

MILLIS_PER_MICRO = 1_000
RANDOM_BITS = 22
"""Below a millisecond: 41 bits of milliseconds since 1970 and these make 63."""
CLICK_OCTETS = 18
CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""No 0 and O, 1, I and L: a voucher code is read aloud and typed."""
CODE_LENGTH = 12


class RandomIds:
    """The ledger's IdSource over the system's randomness and the wall clock."""

    def __init__(self, wall: Callable[[], datetime]) -> None:
        self._wall = wall

    def subscription_id(self) -> int:
        """Milliseconds since 1970 and 22 random bits: roughly ordered, below 2**63."""
        return (to_micros(self._wall()) // MILLIS_PER_MICRO << RANDOM_BITS) | secrets.randbits(RANDOM_BITS)

    def click_id(self) -> str:
        """144 random bits, URL-safe."""
        return secrets.token_urlsafe(CLICK_OCTETS)

    def voucher_code(self) -> str:
        """12 letters and digits without look-alikes: 59 bits."""
        return "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))
