"""Several gateways on one PostgreSQL and one network, each a process that comes and goes by itself."""

import contextlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from system import READY_SECONDS_MAX, System, free_ports, http_call

from gateway import migrations
from gateway.database import open_engine
from gateway.demo.catalogue import CATALOGUE, TARIFFS
from gateway.demo.plan import DemoOptions, plan_of
from gateway.demo.toml import dumps


class OneOf(System):
    """One gateway of several; `System`'s calls go to it."""

    def __init__(self, folder: Path, *, ports: tuple[int, int, int], environ: Mapping[str, str]) -> None:
        super().__init__(folder, environ=environ)
        self.http_port, self.sim_port, self.smpp_port = ports
        with (folder / f"gateway-{self.http_port}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "serve", "--config", str(folder / "firstcharge.toml")],
                stdout=log,
                stderr=log,
                env={**self.environ, "FIRSTCHARGE__HTTP__PORT": str(self.http_port)},
            )

    def answers(self, path: str = "/readyz") -> bool:
        """Whether it says yes."""
        with contextlib.suppress(OSError):
            return http_call(self.http_port, "GET", path, timeout=5).status == 200
        assert self.process is not None
        assert self.process.poll() is None, self.output()
        return False

    def kill(self) -> None:
        """SIGKILL from outside."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def metric(self, name: str) -> int:
        """A counter without labels."""
        text = http_call(self.http_port, "GET", "/metrics").body
        found = re.search(rf"^{name}(?:\{{[^}}]*\}})? ([0-9.]+)", text, re.MULTILINE)
        return int(float(found.group(1))) if found else 0


class Several:
    """The network and its gateways. The first one to start puts the demo's catalogue."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.gateways: list[OneOf] = []
        first, self.sim_port, self.smpp_port = free_ports(3)
        self._ports = [first, *free_ports(2)]
        folder.mkdir()
        (folder.parent / f"{folder.name}.out").touch()
        options = DemoOptions(
            folder=folder, http_port=first, sim_port=self.sim_port, smpp_port=self.smpp_port, database=url
        )
        plan = plan_of(options, config=None, environ={})
        plan.configuration_file.write_text(dumps(plan.document), encoding="utf-8")
        engine = open_engine(url)
        with engine.begin() as connection:
            migrations.upgrade(connection)
        engine.dispose()
        with (folder / "simulator.log").open("ab") as log:
            self._simulator = subprocess.Popen(
                [
                    *(sys.executable, "-m", "simulator", "--gateway-url", f"http://127.0.0.1:{first}"),
                    *("--sim-port", str(self.sim_port), "--smpp-port", str(self.smpp_port)),
                    *("--gateway-key", "demo-key"),
                ],
                stdout=log,
                stderr=log,
            )

    def start(self, **environ: str) -> OneOf:
        """One more gateway; it is not ready yet."""
        ports = (self._ports.pop(0), self.sim_port, self.smpp_port)
        one = OneOf(self.folder, ports=ports, environ=environ)
        self.gateways.append(one)
        return one

    def load(self) -> None:
        """The demo's catalogue, through the first gateway."""
        first = self.gateways[0]
        until(lambda: first.answers("/healthz"), first)
        for code, fee in TARIFFS.items():
            first.ok("PUT", f"/v1/tariffs/{code}", {"fee": fee})
        first.ok("PUT", "/v1/catalogue", CATALOGUE)

    def stop(self) -> None:
        """Kill whatever runs."""
        running = [self._simulator, *(one.process for one in self.gateways if one.process is not None)]
        for process in running:
            process.kill()
        for process in running:
            process.wait()


def until(is_so: Callable[[], bool], system: System, seconds: float = READY_SECONDS_MAX) -> None:
    """Wait for something to be so."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, system.output()
        time.sleep(0.05)
