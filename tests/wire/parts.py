"""Gateway and simulator started apart, so that the gateway alone can be killed and started again."""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from system import READY_SECONDS_MAX, System, http_call


class Parts(System):
    """A prepared demo folder served by hand: simulator stays, gateway comes and goes."""

    def __init__(self, folder: Path, *, clock_start: str = "2025-03-03T12:00:00+03:00") -> None:
        super().__init__(folder, clock_start=clock_start)
        self.gateway: subprocess.Popen[bytes] | None = None
        self.simulator: subprocess.Popen[bytes] | None = None

    def prepare(self) -> "Parts":
        """Let the demo migrate and load the catalogue, then stop it."""
        self.start()
        self.stop()
        return self

    def start_simulator(self) -> None:
        """The operator's side, alone."""
        self.simulator = self._run(
            "simulator",
            [
                *("-m", "simulator", "--sim-port", str(self.sim_port), "--smpp-port", str(self.smpp_port)),
                *("--gateway-url", f"http://127.0.0.1:{self.http_port}", "--gateway-key", "demo-key"),
            ],
            {},
        )
        _wait(lambda: http_call(self.sim_port, "GET", "/sim/faults", timeout=5).status == 200, self)

    def start_gateway(self, *, wait: bool = True, **environ: str) -> None:
        """The gateway, with further environment (such as FIRSTCHARGE_FAULT)."""
        config = self.folder / "firstcharge.toml"
        self.gateway = self._run("gateway", ["-m", "gateway", "serve", "--config", str(config)], environ)
        if wait:
            self.wait_for_gateway()

    def wait_for_gateway(self) -> None:
        """Until it says it is ready."""
        _wait(lambda: http_call(self.http_port, "GET", "/readyz", timeout=5).status == 200, self)

    def kill_gateway(self) -> None:
        """SIGKILL from outside."""
        assert self.gateway is not None
        self.gateway.send_signal(signal.SIGKILL)
        self.gateway.wait()

    def gateway_died(self, seconds: float = 30) -> None:
        """Wait for a fault point to have killed it."""
        assert self.gateway is not None
        assert self.gateway.wait(seconds) == -signal.SIGKILL

    def stop(self) -> None:
        """Stop whatever runs."""
        super().stop()
        for process in (self.gateway, self.simulator):
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def _run(self, name: str, arguments: Sequence[str], environ: dict[str, str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *arguments], stdout=log, stderr=log, env={**self.environ, **environ}, cwd=Path.cwd()
            )


def _wait(ready: "object", parts: Parts) -> None:
    assert callable(ready)
    end = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < end:
        try:
            if ready():
                return
        except OSError:
            pass
        for process in (parts.gateway, parts.simulator):
            assert process is None or process.poll() is None, parts.output()
        time.sleep(0.05)
    raise AssertionError(parts.output())
