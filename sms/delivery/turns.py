"""Which link takes the next segments: smooth weighted round robin, remembered from batch to batch. Pure."""

from collections import Counter
from collections.abc import Collection, Mapping


class Turns:
    """Links take turns by weight also where messages come one by one; who has no room gains no claim meanwhile."""

    def __init__(self) -> None:
        self._credit: Counter[str] = Counter()

    def order(self, names: Collection[str], weights: Mapping[str, int]) -> list[str]:
        """These links, the one whose turn it is first."""
        return sorted(names, key=lambda name: self._credit[name] + weights[name], reverse=True)

    def took(self, chosen: str, names: Collection[str], weights: Mapping[str, int], segments: int) -> None:
        """Of these links one took so many segments."""
        for name in names:
            self._credit[name] += weights[name] * segments
        self._credit[chosen] -= sum(weights[name] for name in names) * segments
