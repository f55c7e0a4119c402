"""How fast one link may be fed: its contracted rate, and what the SMSC's refusals teach. Pure.

Additive increase, multiplicative decrease: RTHROTTLED, RMSGQFUL or a congestion_state of 100 halve the rate and
pause the link for a moment; after a quiet time it grows by one a second, or by a hundredth of what was too much.
Instants are monotonic seconds.
"""

RATE_MIN_PER_S = 1.0
CUT_SPACING_S = 0.25
"""Refusals nearer to each other than this answer one and the same haste."""
PAUSE_S = 0.25
"""How long nothing is sent after a refusal."""
QUIET_S = 2.0
BURST_S = 0.02
"""How much of a second's allowance may be saved up."""
REST_FIRST_S = 5.0
REST_MAX_S = 60.0
CONGESTED = 100
NEARLY_CONGESTED = 90
METER_S = 0.25


class RateMeter:
    """Events per second, over the last full quarter of a second or more."""

    def __init__(self) -> None:
        self._per_s = 0.0
        self._count = 0
        self._since: float | None = None

    def per_s(self, now: float) -> float:
        """What was measured last; a long silence ends it."""
        return 0.0 if self._is_silent(now) else self._per_s

    def count(self, now: float, events: int = 1) -> None:
        """Count events."""
        if self._since is None or self._is_silent(now):
            self._since, self._count, self._per_s = now, 0, 0.0
        self._count += events
        if now - self._since >= METER_S:
            self._per_s = self._count / (now - self._since)
            self._since, self._count = now, 0

    def _is_silent(self, now: float) -> bool:
        return self._since is None or now - self._since > 4 * METER_S


class Pacer:
    """The allowance of one link. `contracted` is its agreed rate in messages a second; None has no limit."""

    def __init__(self, contracted: float | None = None) -> None:
        self._contracted = contracted
        self._learned: float | None = None
        self._too_much = 0.0
        self._tokens = 1.0
        self._filled_at: float | None = None
        self._last_cut: float | None = None
        self._grown_at = 0.0
        self._paused_until = 0.0
        self._rest_s = REST_FIRST_S
        self.meter = RateMeter()

    @property
    def rate(self) -> float | None:
        """Messages a second at present; None without a limit."""
        limits = [limit for limit in (self._contracted, self._learned) if limit is not None]
        return min(limits) if limits else None

    def allowance(self, now: float) -> int | None:
        """How many may be sent at once; None without a limit."""
        if now < self._paused_until:
            return 0
        self._grow(now)
        rate = self.rate
        if rate is None:
            return None
        self._fill(now, rate)
        return int(self._tokens)

    def wait_s(self, now: float) -> float:
        """Seconds until `allowance` is above 0 again."""
        if now < self._paused_until:
            return self._paused_until - now
        rate = self.rate
        return 0.0 if rate is None else max(0.0, (1.0 - self._tokens) / rate)

    def is_resting(self, now: float) -> bool:
        """Whether the link is to be left alone for so long that others should take its messages."""
        return self._paused_until - now > PAUSE_S

    def sent(self, now: float, messages: int) -> None:
        """Messages were sent."""
        self._tokens -= messages
        self.meter.count(now, messages)

    def accepted(self) -> None:
        """The SMSC took a message."""
        self._rest_s = REST_FIRST_S

    def throttled(self, now: float) -> None:
        """The SMSC said we are too fast."""
        if self._last_cut is not None and now - self._last_cut < CUT_SPACING_S:
            return
        self._too_much = self.rate or self.meter.per_s(now)
        self._learned = max(RATE_MIN_PER_S, self._too_much / 2)
        self._last_cut = self._grown_at = now
        self._tokens = 0.0
        self._filled_at = None
        self._paused_until = max(self._paused_until, now + PAUSE_S)

    def congestion(self, now: float, state: int) -> None:
        """The SMSC announced its congestion_state (SMPP 5.0 §4.8.4.18)."""
        if state >= CONGESTED:
            self.throttled(now)
        elif state >= NEARLY_CONGESTED:
            self._grown_at = max(self._grown_at, now)

    def rest(self, now: float) -> None:
        """The session is not what we think (check 53, "link"): leave it alone, longer each time."""
        if now < self._paused_until:
            return
        self._paused_until = now + self._rest_s
        self._rest_s = min(2 * self._rest_s, REST_MAX_S)

    def _grow(self, now: float) -> None:
        if self._learned is None or self._last_cut is None or now - self._last_cut < QUIET_S:
            return
        seconds = int(now - self._grown_at)
        if seconds > 0:
            self._learned += seconds * max(1.0, self._too_much / 100)
            self._grown_at += seconds

    def _fill(self, now: float, rate: float) -> None:
        depth = max(1.0, rate * BURST_S)
        if self._filled_at is not None:
            self._tokens = min(depth, self._tokens + (now - self._filled_at) * rate)
        self._filled_at = now
