"""How fast one link may be fed: its contracted rate, and what the SMSC's refusals teach. Pure.

Additive increase, multiplicative decrease: RTHROTTLED, RMSGQFUL or a congestion_state of 100 pause the link for a
moment and halve its rate, or take it down to what was really accepted if that is less; after a quiet time it grows
by one a second, or by a twentieth of what was too much. Instants are monotonic seconds.
"""

from collections import deque
from math import ceil
from sys import maxsize

RATE_MIN_PER_S = 1.0
CUT_SPACING_S = 1.0
"""Refusals nearer to each other than this answer one and the same haste; SMSCs count by the second."""
PAUSE_S = 0.25
"""How long nothing is sent after a refusal."""
QUIET_S = 2.0
"""Without refusals for this long, the rate grows."""
BURST_S = 0.02
"""How much of a second's allowance may be saved up."""
CATCH_UP_S = 0.1
"""The same at the contracted rate: a busy process is late now and then, and what it then misses is sent after."""
CONTRACT_WINDOW_S = 1.0
"""In no time as long as this does more go out than is contracted."""
REST_FIRST_S = 5.0
REST_MAX_S = 60.0
CONGESTED = 100
NEARLY_CONGESTED = 90
METER_STEPS = 4
SENT_WINDOW_S = 0.25
ACCEPTED_WINDOW_S = 1.0
GROWTH_DIVISOR = 20


class RateMeter:
    """Events per second over about the last `window_s`, in steps of a quarter of it."""

    def __init__(self, window_s: float) -> None:
        self._step_s = window_s / METER_STEPS
        self._counts: deque[tuple[int, int]] = deque(maxlen=METER_STEPS + 1)

    def count(self, now: float, events: int = 1) -> None:
        """Count events."""
        step = int(now / self._step_s)
        if self._counts and self._counts[-1][0] == step:
            self._counts[-1] = (step, self._counts[-1][1] + events)
        else:
            self._counts.append((step, events))

    def per_s(self, now: float) -> float:
        """The mean over the last full steps and the present one."""
        present = int(now / self._step_s)
        first = present - METER_STEPS
        events = sum(count for step, count in self._counts if step >= first)
        return events / (now - first * self._step_s)


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
        self._last_second: deque[tuple[float, int]] = deque()
        self._in_last_second = 0
        self.sending = RateMeter(SENT_WINDOW_S)
        self._accepting = RateMeter(ACCEPTED_WINDOW_S)

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
        return min(int(self._tokens), self._left_of_contract(now))

    def wait_s(self, now: float) -> float:
        """Seconds until `allowance` is above 0 again."""
        if now < self._paused_until:
            return self._paused_until - now
        rate = self.rate
        if rate is None:
            return 0.0
        of_tokens = max(0.0, (1.0 - self._tokens) / rate)
        if self._left_of_contract(now) > 0:
            return of_tokens
        return max(of_tokens, self._last_second[0][0] + CONTRACT_WINDOW_S - now)

    def is_resting(self, now: float) -> bool:
        """Whether the link is to be left alone for so long that others should take its messages."""
        return self._paused_until - now > PAUSE_S

    def sent(self, now: float, messages: int) -> None:
        """Messages were sent."""
        self._tokens -= messages
        if self._contracted is not None:
            self._last_second.append((now, messages))
            self._in_last_second += messages
        self.sending.count(now, messages)

    def accepted(self, now: float) -> None:
        """The SMSC took a message."""
        self._accepting.count(now)
        self._rest_s = REST_FIRST_S

    def throttled(self, now: float) -> None:
        """The SMSC said we are too fast."""
        self._paused_until = max(self._paused_until, now + PAUSE_S)
        self._tokens = 0.0
        self._filled_at = None
        if self._last_cut is None or now - self._last_cut >= CUT_SPACING_S:
            self._too_much = self.rate or self.sending.per_s(now)
            accepted = self._accepting.per_s(now)
            half = self._too_much / 2
            self._learned = max(RATE_MIN_PER_S, min(half, accepted) if accepted else half)
            self._last_cut = now
        self._grown_at = now + QUIET_S

    def congestion(self, now: float, state: int) -> None:
        """The SMSC announced its congestion_state (SMPP 5.0 §4.8.4.18)."""
        if state >= CONGESTED:
            self.throttled(now)
        elif state >= NEARLY_CONGESTED:
            self._grown_at = max(self._grown_at, now + QUIET_S)

    def rest(self, now: float) -> None:
        """The session is not what we think (check 53, "link"): leave it alone, longer each time."""
        if now < self._paused_until:
            return
        self._paused_until = now + self._rest_s
        self._rest_s = min(2 * self._rest_s, REST_MAX_S)

    def _grow(self, now: float) -> None:
        seconds = int(now - self._grown_at)
        if self._learned is not None and seconds > 0:
            self._learned += seconds * max(1.0, self._too_much / GROWTH_DIVISOR)
            self._grown_at += seconds

    def _fill(self, now: float, rate: float) -> None:
        depth = max(1.0, rate * (CATCH_UP_S if rate == self._contracted else BURST_S))
        if self._filled_at is not None:
            self._tokens = min(depth, self._tokens + (now - self._filled_at) * rate)
        self._filled_at = now

    def _left_of_contract(self, now: float) -> int:
        """How many more may go out in the second that ends now; at least one in a second without any."""
        if self._contracted is None:
            return maxsize
        while self._last_second and now - self._last_second[0][0] >= CONTRACT_WINDOW_S:
            self._in_last_second -= self._last_second.popleft()[1]
        return max(0, ceil(self._contracted) - self._in_last_second)
