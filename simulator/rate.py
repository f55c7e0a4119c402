"""A contracted rate, kept the way an SMSC keeps it: so many messages in any second."""

from collections import deque

WINDOW_SECONDS = 0.95
"""A little less than a second, so that a peer that keeps the rate is not punished for a timer's jitter."""


class RateLimit:
    """At most `per_second` messages in any window of a second."""

    def __init__(self, per_second: int) -> None:
        self._taken: deque[float] = deque(maxlen=per_second)
        self.per_second = per_second

    def take(self, now: float) -> bool:
        """Whether one more message at this monotonic instant is within the rate; counts it if so."""
        taken = self._taken
        if len(taken) == self.per_second and now - taken[0] < WINDOW_SECONDS:
            return False
        taken.append(now)
        return True
