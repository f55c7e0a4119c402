"""The demo's child processes: started with their output in a log file, watched, stopped one after another.

A child has its own session, so that Ctrl-C reaches the driver alone and the driver stops them in order; should the
driver be killed, the system ends them (Linux).
"""

import contextlib
import ctypes
import os
import signal
import site
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import gateway
from gateway.demo.errors import ChildDied

STOP_SECONDS_MAX = 12.0
"""A gateway drains within 10 s."""

TAIL_LINES = 20
TAIL_OCTETS = 8_192
PR_SET_PDEATHSIG = 1


class Child:
    """One process of the demo."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.process = process
        self.log = log

    def check(self) -> None:
        """Make sure it runs.

        Raises:
            ChildDied: it ended; its last words are in the message.
        """
        status = self.process.poll()
        if status is not None:
            raise ChildDied(
                f"the {self.name} ended by itself ({_ending(status)}); the end of {self.log}:\n{tail(self.log)}",
                fix=f"the whole log is {self.log}",
            )


class Children:
    """All of them, in the order they were started."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = environ_for_modules(environ)
        self._children: list[Child] = []

    def start(self, name: str, module: str, arguments: Sequence[str]) -> Child:
        """Start `python -m module arguments`, its output appended to `NAME.log`."""
        log = self._folder / f"{name}.log"
        with log.open("ab") as output:
            process = self._popen([sys.executable, "-P", "-m", module, *arguments], output)
        child = Child(name, process, log)
        self._children.append(child)
        return child

    def check(self) -> None:
        """Make sure all of them run."""
        for child in self._children:
            child.check()

    def stop(self) -> list[str]:
        """Stop them, the last one started first; answers who had to be killed. A second Ctrl-C kills at once."""
        killed = []
        for child in reversed(self._children):
            with contextlib.suppress(ProcessLookupError):
                child.process.send_signal(signal.SIGTERM)
            try:
                child.process.wait(STOP_SECONDS_MAX)
            except (subprocess.TimeoutExpired, KeyboardInterrupt):
                child.process.kill()
                child.process.wait()
                killed.append(child.name)
        self._children.clear()
        return killed

    def _popen(self, command: Sequence[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and modules, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=self._environ,
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - one thread only
        )


def environ_for_modules(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment in which a child finds the very packages the driver runs from, installed or not."""
    root = str(Path(gateway.__file__).parents[1])
    if root in site.getsitepackages():
        return dict(environ)
    path = [root, *filter(None, [environ.get("PYTHONPATH")])]
    return {**environ, "PYTHONPATH": os.pathsep.join(path)}


def tail(log: Path) -> str:
    """The last lines of a log."""
    try:
        with log.open("rb") as file:
            file.seek(max(log.stat().st_size - TAIL_OCTETS, 0))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError as error:
        return f"  (no log: {error})"
    return "\n".join(f"  {line}" for line in lines[-TAIL_LINES:]) or "  (empty)"


def _ending(status: int) -> str:
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"


def _end_with_parent() -> None:
    """Runs in the child before its program: ask the kernel for SIGTERM when the driver is gone."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
