"""`python -m simulator` as a process for a test, and the two ways in: its HTTP, and raw SMPP octets."""

import http.client
import json
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from sms.smpp import Bind, BindTransceiver, Pdu, decode, encode

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS_MAX = 20.0
A = "79160000001"


class SimProcess:
    """A simulator on free ports (or those given: HTTP, SMPP); the gateway it asks for the time is not there."""

    def __init__(self, folder: Path, configuration: str = "", *, ports: tuple[int, int] = (0, 0)) -> None:
        config = folder / "sim.toml"
        config.write_text(configuration, encoding="utf-8")
        with socket.create_server(("127.0.0.1", 0)) as nobody:
            away = nobody.getsockname()[1]
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "simulator", "--config", str(config), "--sim-port", str(ports[0])),
                *("--smpp-port", str(ports[1]), "--gateway-url", f"http://127.0.0.1:{away}"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], READY_SECONDS_MAX)
        assert ready, "the simulator did not get ready"
        words = self.process.stdout.readline().split()
        assert words[:2] == ["simulator", "ready:"], self.stop()
        self.sim_port = int(words[2].rstrip("/").rpartition(":")[2])
        self.smpp_port = int(words[4].rpartition(":")[2])

    def stop(self) -> tuple[int, str]:
        """SIGTERM; the exit status and what it complained of."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        _, complaints = self.process.communicate(timeout=15)
        return self.process.returncode, complaints

    def kill(self) -> None:
        """SIGKILL, as a crash."""
        self.process.kill()
        self.process.communicate(timeout=15)

    def http(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One call; status and document."""
        connection = http.client.HTTPConnection("127.0.0.1", self.sim_port, timeout=15)
        try:
            raw = None if body is None else json.dumps(body)
            connection.request(method, path, raw, {"Content-Type": "application/json"} if raw else {})
            response = connection.getresponse()
            octets = response.read()
            decoded = json.loads(octets) if "json" in (response.headers["Content-Type"] or "") else octets
            return response.status, decoded
        finally:
            connection.close()

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        """One call that must succeed; its document."""
        status, document = self.http(method, path, body)
        assert status == 200, (method, path, status, document)
        return document

    def inbox(self, msisdn: str = A) -> list[dict[str, Any]]:
        """What the phone shows."""
        found: list[dict[str, Any]] = self.ok("GET", f"/sim/handsets/{msisdn}/inbox")["messages"]
        return found

    def faults(self, **document: Any) -> None:
        """Put faults; none clears them."""
        self.ok("PUT", "/sim/faults", document)

    def raw(self, *, bound: bool = True, **bind: Any) -> "RawEsme":
        """A connection of raw octets, bound unless told otherwise."""
        esme = RawEsme(self.smpp_port)
        if bound:
            assert esme.ask(bind_of(**bind)).command_status == 0
        return esme


def bind_of(cls: type[Bind] = BindTransceiver, **fields: Any) -> Bind:
    """A bind of the demo account."""
    return cls(**{"system_id": "demo", "password": "demo", **fields})


class RawEsme:
    """A socket that writes what a test says and reads whole PDUs."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self._number = 0

    def send(self, pdu: Pdu) -> int:
        """Write a PDU under the next number, unless it has one."""
        if not pdu.sequence_number:
            self._number += 1
            pdu.sequence_number = self._number
        self.socket.sendall(encode(pdu))
        return pdu.sequence_number

    def ask(self, pdu: Pdu) -> Pdu:
        """Write a request and read until its answer."""
        number = self.send(pdu)
        while True:
            got = self.read()
            assert got is not None, "closed before the answer"
            if got.is_response and got.sequence_number == number:
                return got

    def read(self, seconds: float = 5.0) -> Pdu | None:
        """The next PDU; None when the peer closed. Raises TimeoutError."""
        octets = self.read_octets(seconds)
        return None if octets is None else decode(octets)

    def read_octets(self, seconds: float = 5.0) -> bytes | None:
        """The octets of the next PDU as they came."""
        end = time.monotonic() + seconds
        while len(self._buffer) < 4 or len(self._buffer) < int.from_bytes(self._buffer[:4], "big"):
            self.socket.settimeout(max(0.001, end - time.monotonic()))
            try:
                got = self.socket.recv(65536)
            except ConnectionError:
                return None
            if not got:
                return None
            self._buffer += got
        length = int.from_bytes(self._buffer[:4], "big")
        pdu, self._buffer = self._buffer[:length], self._buffer[length:]
        return pdu

    def is_closed(self, seconds: float = 5.0) -> bool:
        """Whether the peer closes within this time, whatever it still says."""
        try:
            while self.read_octets(seconds) is not None:
                pass
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Drop the connection."""
        self.socket.close()
