"""How often one key may call, and how often one number may be asked about: buckets that fill with time."""

from collections import OrderedDict
from collections.abc import Callable

BUCKETS_MAX = 100_000
"""Names remembered; the one not seen for longest goes first, and comes back with a full bucket."""


class RateLimit:
    """A bucket of one second's calls per name. A rate of 0 is no limit."""

    def __init__(self, per_s: float, seconds: Callable[[], float]) -> None:
        """`seconds` is monotonic."""
        self._per_s = per_s
        self._size = max(per_s, 1.0)
        self._seconds = seconds
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, name: str) -> bool:
        """Whether one more call of this name fits; it is counted if so."""
        if not self._per_s:
            return True
        now = self._seconds()
        left, since = self._buckets.pop(name, (self._size, now))
        left = min(self._size, left + (now - since) * self._per_s)
        is_allowed = left >= 1.0
        self._buckets[name] = (left - 1.0 if is_allowed else left, now)
        if len(self._buckets) > BUCKETS_MAX:
            self._buckets.popitem(last=False)
        return is_allowed
