"""B3: committed outbox rows -> accepted by an SMSC and recorded; again with every receipt recorded.

The SMSC is a stub of our codec in a process of its own that answers at once. The sender is the gateway's database
door with dispatcher and inbound door, window 100, the programme's own texts; on SQLite in WAL with
synchronous=FULL and on PostgreSQL with fsync.
Floors of the same run: our protocol without a store, and smpplib's client without one. The last row kills the sender
in the middle and starts it again: nothing may be lost.
"""

import contextlib
import itertools
import json
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import make_url

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]

from month_databases import durable_server  # noqa: E402 - it wants the path above
from postgres_server import NoPostgres, drop_database, new_database  # noqa: E402 - as above

RUNS = 3
OUTBOX = "outbox"
MESSAGES = 40_000
TARGETS = {False: 8_000, True: 5_000}
SECONDS_MAX = 120
KILLED_AT = 0.4
"""The share of messages after which the sender is killed."""


def run(messages: int = MESSAGES, runs: int = RUNS) -> list[dict[str, Any]]:
    """The rows of B3."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        bench = _Bench(Path(folder), _File(Path(folder) / "outbox.sqlite3"), messages, runs)
        rows += bench.sent()
        for receipts in (False, True):
            alone, peer = bench.both("floor", "smpplib", receipts=receipts, tls=False)
            kind = " with receipts" if receipts else ""
            rows.append(_row(f"B3 own protocol{kind}, no store (smpplib.Client)", alone, peer, None))
        rows += bench.killed()
        with contextlib.suppress(NoPostgres), durable_server() as server:
            bench = _Bench(Path(folder), _Served(server.url), messages // 2, runs)
            rows += [*bench.sent(), *bench.killed()]
    return rows


def _row(
    name: str, figure: float, floor: float | None, target: int | None, unit: str = "messages/s"
) -> dict[str, Any]:
    return {
        "name": name,
        "figure": round(figure),
        "floor": None if floor is None else round(floor),
        "ratio": None if floor is None else round(figure / floor, 2),
        "target": target,
        "unit": unit,
    }


class _File:
    """An SQLite file, made anew."""

    name = "SQLite"

    def __init__(self, file: Path) -> None:
        self._file = file
        self.url = f"sqlite:///{file}"

    def renew(self) -> None:
        """Away with what was there."""
        for old in self._file.parent.glob(f"{self._file.name}*"):
            old.unlink()


class _Served:
    """A database of a PostgreSQL server, made anew."""

    name = "PostgreSQL"

    def __init__(self, server: str) -> None:
        self._server = server
        self._is_there = False
        self.url = make_url(server).set(database=OUTBOX).render_as_string(hide_password=False)

    def renew(self) -> None:
        """Away with what was there."""
        if self._is_there:
            drop_database(self._server, OUTBOX)
        self._is_there = True
        new_database(self._server, OUTBOX)


class _Bench:
    """Runs senders against a fresh stub each, alternating between the two that are compared."""

    def __init__(self, folder: Path, store: _File | _Served, messages: int, runs: int) -> None:
        self._store = store
        self._messages = messages
        self._runs = runs
        self._pem = folder / "smsc.pem"
        self._pem.write_bytes(_certificate())

    def sent(self) -> list[dict[str, Any]]:
        """Notices without and with receipts, TLS off and on."""
        rows = []
        for receipts, tls in itertools.product((False, True), repeat=2):
            notices, alone = self.both("notices", "floor", receipts=receipts, tls=tls)
            how = f"{' with receipts' if receipts else ''}{', TLS' if tls else ''}, {self._store.name}"
            rows.append(_row(f"B3 notices{how} (own protocol, no store)", notices, alone, TARGETS[receipts]))
        return rows

    def both(self, first: str, second: str, *, receipts: bool, tls: bool) -> tuple[float, float]:
        """The medians of two senders."""
        figures: dict[str, list[float]] = {first: [], second: []}
        for _ in range(self._runs):
            for how in (first, second):
                with self._stub(receipts=receipts, tls=tls) as port:
                    self._prepare(how)
                    sender = self._sender(how, port, receipts=receipts, tls=tls)
                    out, _ = sender.communicate(timeout=SECONDS_MAX)
                    assert sender.returncode == 0, f"{how} failed"
                    figures[how].append(float(out))
                    counted = _counted(port)
                    assert counted["numbers"] == self._messages, counted
        return statistics.median(figures[first]), statistics.median(figures[second])

    def killed(self) -> list[dict[str, Any]]:
        """SIGKILL in the middle, then another process on the same database."""
        with self._stub(receipts=True, tls=False) as port:
            self._prepare("notices")
            sender = self._sender("notices", port, receipts=True, tls=False)
            while _counted(port)["numbers"] < KILLED_AT * self._messages:
                time.sleep(0.01)
            sender.send_signal(signal.SIGKILL)
            sender.wait()
            again = self._sender("notices", port, receipts=True, tls=False)
            again.communicate(timeout=SECONDS_MAX)
            assert again.returncode == 0, "the sender after the kill failed"
            counted = _counted(port)
        lost = self._messages - counted["numbers"]
        return [
            _row(f"B3 killed in the middle, {self._store.name}: messages lost", lost, None, 0, "messages"),
            _row(
                f"B3 killed in the middle, {self._store.name}: second copies",
                counted["accepted"] - counted["numbers"],
                None,
                None,
                "messages",
            ),
        ]

    def _prepare(self, how: str) -> None:
        if how == "notices":
            self._store.renew()
            preparing = self._sender("prepare", 0, receipts=False, tls=False)
            preparing.communicate(timeout=SECONDS_MAX)
            assert preparing.returncode == 0, "the outbox was not filled"

    def _sender(self, how: str, port: int, *, receipts: bool, tls: bool) -> "subprocess.Popen[str]":
        given = [how, port, self._messages, int(receipts), int(tls), self._store.url]
        command = [sys.executable, str(HERE / "notices_sender.py"), *(str(one) for one in given)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    @contextlib.contextmanager
    def _stub(self, *, receipts: bool, tls: bool) -> Iterator[int]:
        port = _two_free_ports()
        given = [port, int(receipts), self._pem if tls else "-"]
        command = [sys.executable, str(HERE / "notices_smsc.py"), *(str(one) for one in given)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == "ready"
            yield port
        finally:
            process.kill()
            process.wait()


def _two_free_ports() -> int:
    """The first of two neighbours: the stub tells what it counted on the second."""
    while True:
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", 0)) as free:
            port: int = free.getsockname()[1]
            with socket.create_server(("127.0.0.1", port + 1)):
                return port


def _counted(port: int) -> dict[str, int]:
    with socket.create_connection(("127.0.0.1", port + 1), timeout=10) as teller:
        told = b""
        while piece := teller.recv(4096):
            told += piece
    counted: dict[str, int] = json.loads(told)
    return counted


def _certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "smsc")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES
    for row in run(count, int(sys.argv[2]) if len(sys.argv) > 2 else RUNS):
        print(row)
