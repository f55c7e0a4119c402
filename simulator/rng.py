"""The dice the simulator throws, as it needs them; `random.Random` fits and is handed in by the entry point."""

from typing import Protocol


class Rng(Protocol):
    """Seeded randomness: faults are drawn with it, nothing secret ever is."""

    def random(self) -> float:
        """A number in [0, 1)."""

    def randrange(self, start: int, /) -> int:
        """A whole number in [0, start)."""

    def randint(self, a: int, b: int, /) -> int:
        """A whole number in [a, b]."""
