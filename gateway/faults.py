"""Named points at which a test may kill the process or raise, chosen by one environment variable.

`FIRSTCHARGE_FAULT=sms.after_write:kill:3` kills the process (SIGKILL) when the point is passed for the third
time; `:raise` raises InjectedFault instead. Without the variable every point is a no-op.
"""

import os
import re
import signal
from collections.abc import Callable, Mapping

VARIABLE = "FIRSTCHARGE_FAULT"
SHAPE = re.compile(r"([a-z_.]+):(kill|raise)(?::([1-9][0-9]*))?")


class InjectedFault(Exception):
    """Raised on purpose at a fault point."""


class MalformedFault(ValueError):
    """The variable is POINT:kill or POINT:raise, with an optional :COUNT."""


Fault = Callable[[str], None]


def no_fault(_name: str) -> None:
    """Pass every point."""


def from_environment(environ: Mapping[str, str]) -> Fault:
    """The callable that fault points call with their name.

    Raises:
        MalformedFault: the variable is set and not understood.
    """
    text = environ.get(VARIABLE)
    if not text:
        return no_fault
    match = SHAPE.fullmatch(text)
    if match is None:
        raise MalformedFault(f"{VARIABLE}={text!r} is not POINT:kill|raise[:COUNT]")
    point, action, count = match.groups()
    left = int(count or 1)

    def fault(name: str) -> None:
        nonlocal left
        if name != point:
            return
        left -= 1
        if left:
            return
        if action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise InjectedFault(name)

    return fault
