"""What verification says: one broken invariant, and what was looked at."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One broken invariant: its name, the sentence that is not so, where, and what differs.

    `subscription_id` is 0 where no one subscription is concerned; no MSISDN ever stands here.
    """

    invariant: str
    says: str
    subscription_id: int
    ref: str
    found: str
    expected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was looked at, rows by table, and what is wrong. `up_to` is the last subscription looked at."""

    checked: Mapping[str, int]
    violations: tuple[Violation, ...]
    up_to: int = 0

    @property
    def is_ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.violations
