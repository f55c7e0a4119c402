"""A process that runs whole systems, each a gateway and a simulator in one reactor with real sockets between.

Starting two interpreters takes two seconds, starting two parts a few milliseconds: so every rule can be asked of a
fresh system on both databases. Orders come as JSON lines on stdin, each is answered by one line on stdout.
"""

import gc
import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineOnlyReceiver

from gateway import faults
from gateway.app import Gateway
from gateway.demo.plan import DemoOptions, plan_of
from gateway.demo.toml import dumps
from gateway.logs import Masker, set_up_logs
from gateway.serve import wall_now
from gateway.settings_file import load
from simulator.app import SimulatedNetwork
from simulator.settings import load_settings

MASK_SECRET = b"only for tests"
GC_ALLOCATIONS = 50_000


class Orders(LineOnlyReceiver):
    """start, stop."""

    delimiter = b"\n"
    MAX_LENGTH = 1 << 20

    def __init__(self) -> None:
        self._running: dict[str, tuple[Gateway, SimulatedNetwork]] = {}

    def lineReceived(self, line: bytes) -> None:  # noqa: N802 - Twisted's name
        order = json.loads(line)
        work = self._start(order) if order["do"] == "start" else self._stop(order["folder"])
        doing = ensureDeferred(work)
        doing.addCallbacks(lambda _: self._say(None), lambda failure: self._say(failure.getTraceback()))

    def connectionLost(self, reason: object = None) -> None:  # noqa: N802, ARG002 - Twisted's name
        reactor.callLater(0, reactor.stop)

    def _say(self, wrong: str | None) -> None:
        self.sendLine(json.dumps({"wrong": wrong}).encode())

    async def _start(self, order: dict[str, Any]) -> None:
        folder = Path(order["folder"])
        options = DemoOptions(
            folder=folder,
            http_port=order["http_port"],
            sim_port=order["sim_port"],
            smpp_port=order["smpp_port"],
            database=order["database"],
            clock_start=order["clock_start"],
        )
        os.environ["TZ"] = order["zone"]
        time.tzset()
        config = Path(order["config"]) if order["config"] else None
        plan = plan_of(options, config=config, environ=order["environ"])
        plan.configuration_file.write_text(dumps(plan.document), encoding="utf-8")
        settings = load(plan.configuration_file, plan.environ)
        overrides = {
            "sim_port": plan.sim_port,
            "smpp_port": plan.smpp_port,
            "gateway_url": plan.gateway_url,
        }
        network = SimulatedNetwork(
            load_settings(path=config, environment=plan.environ, overrides=overrides),
            reactor=reactor,
            wall=time.time,
            rng_for_seed=random.Random,
        )
        await network.start()
        gateway = Gateway(
            settings,
            reactor,
            wall=wall_now,
            fault=faults.from_environment(order["environ"]),
            mask=Masker(MASK_SECRET),
        )
        try:
            await gateway.start()
        except BaseException:
            await network.stop()
            raise
        self._running[order["folder"]] = (gateway, network)

    async def _stop(self, folder: str) -> None:
        gateway, network = self._running.pop(folder)
        await gateway.stop()
        await network.stop()


def main() -> None:
    """Take orders until stdin ends."""
    out = os.dup(1)
    os.dup2(2, 1)  # whoever prints must not be taken for an answer
    set_up_logs(sys.stderr, is_terminal=False, secret=MASK_SECRET)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(GC_ALLOCATIONS, 20, 100)
    StandardIO(Orders(), stdout=out)
    reactor.seconds = time.monotonic
    reactor.run(installSignalHandlers=False)


if __name__ == "__main__":
    main()
