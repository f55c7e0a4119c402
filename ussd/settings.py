"""The limits of the USSD service; every queue, wait and session has one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class UssdSettings:
    """Seconds and counts.

    `sessions_max` bounds sessions together with application calls that outlived their deadline. At `soft_s` a
    stale answer is given if there is one, at `hard_s` the session is closed with a text that the application
    has `last_resort_s` to name. A menu waits `idle_s` for an answer and no session lasts longer than
    `dialogue_s_max`; within `resume_s` a broken one continues where it was (0: never). The last answer of a
    session is kept `duplicate_s` for a network that repeats itself.
    """

    sessions_max: int = 10_000
    soft_s: float = 0.8
    hard_s: float = 1.9
    last_resort_s: float = 1.0
    idle_s: float = 60.0
    dialogue_s_max: float = 180.0
    resume_s: float = 180.0
    duplicate_s: float = 2.0
    breaker_failures_max: int = 10
    breaker_open_s: float = 2.0
