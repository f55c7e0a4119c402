"""What delivery counts, as plain numbers; whoever exports metrics reads them."""

from collections import Counter
from dataclasses import dataclass, field

DELIVERY_SECONDS_BOUNDS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 86_400.0)
"""Upper bounds of the delivery time buckets; longer ones are in the sum and the count alone."""


@dataclass(slots=True)
class DeliveryTimes:
    """Written to delivered, of one link: cumulative buckets over DELIVERY_SECONDS_BOUNDS, sum and count."""

    buckets: list[int] = field(default_factory=lambda: [0] * len(DELIVERY_SECONDS_BOUNDS))
    seconds: float = 0.0
    count: int = 0

    def add(self, seconds: float) -> None:
        """Count one delivery."""
        self.seconds += seconds
        self.count += 1
        for at, bound in enumerate(DELIVERY_SECONDS_BOUNDS):
            if seconds <= bound:
                self.buckets[at] += 1


@dataclass(slots=True)
class DeliveryCounters:
    """Counts since the start of the process.

    `submitted` by (kind, link, result), the result being a word of `Answer`; `segments` by coding; `throttled` by
    link; `possible_duplicates` are re-sends after an unknown outcome.
    """

    submitted: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    segments: Counter[str] = field(default_factory=Counter)
    throttled: Counter[str] = field(default_factory=Counter)
    queries: Counter[tuple[str, str]] = field(default_factory=Counter)
    """query_sm by (link, what came of it)."""
    delivery: dict[str, DeliveryTimes] = field(default_factory=dict)
    possible_duplicates: int = 0
    in_doubt: int = 0
    dead: int = 0
    expired: int = 0
    receipts: int = 0
    receipts_duplicate: int = 0
    receipts_unmatched: int = 0
    receipts_forgotten: int = 0
    receipts_unreadable: int = 0
    mobile_originated: int = 0
    mobile_originated_duplicate: int = 0
    mobile_originated_unfinished: int = 0
    """Segments whose message never became whole."""

    def delivered(self, link: str, seconds: float) -> None:
        """Count one delivery on a link."""
        self.delivery.setdefault(link, DeliveryTimes()).add(seconds)
