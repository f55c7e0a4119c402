"""`python -m simulator`: the simulated operator as a process of its own.

Prints one line when it is ready; ends with status 1 and a reason when it cannot start, and with 0 after
SIGTERM or SIGINT, once everything is unbound.
"""

import argparse
import gc
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)

from simulator.app import SimulatedNetwork
from simulator.errors import SimulatorError
from simulator.personas import EVERY_PERSONA
from simulator.settings import Settings, load_settings

GC_ALLOCATIONS = 20_000
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def parsed(arguments: Sequence[str]) -> tuple[Path | None, dict[str, Any]]:
    """The configuration file and what the command line sets over it."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description="A simulated operator network.")
    parser.add_argument("--config", type=Path, help="TOML file with the sections simulator and accounts")
    parser.add_argument("--host", help="address to listen on (127.0.0.1)")
    parser.add_argument("--sim-port", type=int, help="HTTP port (8081)")
    parser.add_argument("--smpp-port", type=int, help="SMPP port (2775)")
    parser.add_argument("--gateway-url", help="where the gateway's HTTP is (http://127.0.0.1:8080)")
    parser.add_argument("--gateway-key", help="the key that clicks and clock calls use (demo-key)")
    parser.add_argument("--persona", choices=sorted(EVERY_PERSONA), help="the SMSC to be (modern)")
    found = vars(parser.parse_args(arguments))
    path = found.pop("config")
    return path, {name: value for name, value in found.items() if value is not None}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until a signal; exits with 0, 1 (could not start) or 2 (usage)."""
    path, overrides = parsed(sys.argv[1:] if arguments is None else arguments)
    try:
        settings = load_settings(path=path, environment=os.environ, overrides=overrides)
    except SimulatorError as error:
        _fail(error)
    warnings_up = LogLevelFilterPredicate(LogLevel.warn)
    globalLogBeginner.beginLoggingTo(
        [FilteringLogObserver(textFileLogObserver(sys.stderr), [warnings_up])], redirectStandardIO=False
    )
    react(_run, (settings,))


async def _run(running_reactor: Any, settings: Settings) -> None:
    network = SimulatedNetwork(
        settings,
        reactor=running_reactor,
        wall=time.time,
        rng_for_seed=random.Random,
    )
    try:
        await network.start()
    except SimulatorError as error:
        _fail(error)
    running_reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(network.stop()))
    running_reactor.callWhenRunning(_stop_once_on_signals, running_reactor)
    # The reactor puts the default handlers back: a second signal would end us with its number instead of 0.
    running_reactor.addSystemEventTrigger("after", "shutdown", signal.pthread_sigmask, signal.SIG_BLOCK, STOP_SIGNALS)
    host = settings.simulator.host
    sys.stdout.write(f"simulator ready: http://{host}:{network.web_port}/ smpp {host}:{network.smpp_port}\n")
    sys.stdout.flush()
    await Deferred()  # the signal's shutdown trigger ends us


def _stop_once_on_signals(running_reactor: Any) -> None:
    """A second Ctrl-C while we drain changes nothing, and is no error."""
    asked: list[int] = []

    def ask(number: int, _: Any) -> None:
        asked.append(number)
        if len(asked) == 1:
            running_reactor.callFromThread(running_reactor.stop)

    for number in STOP_SIGNALS:
        signal.signal(number, ask)


def _fail(error: SimulatorError) -> NoReturn:
    sys.stderr.write(f"{error}\n")
    raise SystemExit(1)


if __name__ == "__main__":
    # Accepted messages are many and long-lived: the default would walk them all again every 700 allocations.
    gc.set_threshold(GC_ALLOCATIONS, 50, 100)
    # Twisted's timers run on the wall clock and stop when that is set back.
    reactor.seconds = time.monotonic  # type: ignore[method-assign]
    main()
