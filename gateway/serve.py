"""The gateway's entry point: settings, logs, the reactor's clock, then one gateway until it is stopped.

It alone imports the reactor, and here alone the wall clock is read: everything else is given both.
"""

import os
import secrets
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.logger import Logger

from gateway import faults
from gateway.app import Gateway
from gateway.assembly import CannotServe
from gateway.http.ports import LinksRefused
from gateway.logs import Masker, set_up_logs
from gateway.settings import LinkSection, Settings
from gateway.settings_file import ConfigurationError, load

LOG_SECRET_OCTETS = 32
_log = Logger()
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def wall_now() -> datetime:
    """The wall clock, aware, UTC."""
    return datetime.now(UTC)


async def _main(
    reactor: Any, settings: Settings, environ: Mapping[str, str], log_secret: bytes, config: Path | None
) -> None:
    gateway = Gateway(
        settings,
        reactor,
        wall=wall_now,
        fault=faults.from_environment(environ),
        mask=Masker(log_secret),
        read_links=partial(_read_links, config, environ),
    )
    if not settings.demo:  # the demo ends with its terminal
        signal.signal(signal.SIGHUP, lambda *_: reactor.callFromThread(_reload, gateway))
    try:
        await gateway.start()
    except CannotServe as error:
        sys.stderr.write(f"firstcharge: {error}\n")
        raise SystemExit(1) from None
    reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(gateway.stop()))
    # The reactor puts the default handlers back: a second signal would end us with its number instead of 0.
    reactor.addSystemEventTrigger("after", "shutdown", signal.pthread_sigmask, signal.SIG_BLOCK, STOP_SIGNALS)
    await Deferred()  # until the reactor is told to stop


def _read_links(config: Path | None, environ: Mapping[str, str]) -> Sequence[LinkSection]:
    try:
        return load(config, environ).links
    except ConfigurationError as error:
        raise LinksRefused(error.findings) from None


def _reload(gateway: Gateway) -> None:
    """SIGHUP: who sent it reads in the log what came of it."""
    reloading = Deferred.fromCoroutine(gateway.reload_links())
    _ = reloading.addErrback(lambda failure: _log.error("links_not_reloaded {why}", why=failure.getErrorMessage()))


def serve(config: Path | None, environ: Mapping[str, str]) -> int:
    """Run the gateway until SIGTERM or SIGINT; the exit code."""
    from twisted.internet import reactor  # noqa: PLC0415 - the entry point, after everything that can refuse

    try:
        settings = load(config, environ)
    except ConfigurationError as error:
        sys.stderr.write("".join(f"{finding}\n" for finding in error.findings))
        return 1
    log_secret = secrets.token_bytes(LOG_SECRET_OCTETS)
    set_up_logs(sys.stdout, is_terminal=os.isatty(sys.stdout.fileno()), secret=log_secret)
    reactor.seconds = time.monotonic  # type: ignore[method-assign] # Twisted's timers stop when the wall clock goes back
    try:
        react(
            lambda running: Deferred.fromCoroutine(_main(running, settings, environ, log_secret, config)),
            _reactor=reactor,
        )
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    return 0
