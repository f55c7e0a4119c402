"""A breaker before the application: after failures in a row it is left alone for a while, then tried once."""


class Breaker:
    """Closed until `failures_max` failures in a row; then open for `open_s`, then one request may try.

    Every `now` is seconds of the monotonic clock.
    """

    def __init__(self, *, failures_max: int, open_s: float) -> None:
        self._failures_max = failures_max
        self._open_s = open_s
        self._failures = 0
        self._try_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether requests are kept away at present."""
        return self._failures >= self._failures_max

    def allows(self, now: float) -> bool:
        """Whether this request may go; an open breaker lets one go per `open_s`."""
        if not self.is_open:
            return True
        if now < self._try_at:
            return False
        self._try_at = now + self._open_s
        return True

    def succeeded(self) -> None:
        """A request was answered in time."""
        self._failures = 0

    def failed(self, now: float) -> None:
        """A request raised or was not answered in time."""
        self._failures += 1
        if self.is_open:
            self._try_at = now + self._open_s
