"""B2: the simulator as SMSC beside an SMSC on npm's smpp, one connection, the same load on both.

The load is a process of its own that asks its socket again and again instead of sleeping on it: a server that
answers ten in one write otherwise waits for a core to wake up at every turn. A figure is messages a second from
the first submit_sm to the last answer (or receipt), the median of three runs that alternate between the two
servers. Beside it stands what the server can do in a second of its processor, which no scheduler moves.
"""

import contextlib
import os
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from sms.smpp import BindTransceiver, DeliverSmResp, SubmitSm, encode  # noqa: E402 - run as a script too

PEERS = Path(os.environ.get("FIRSTCHARGE_PEERS_DIR", ROOT / ".peers"))
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

RUNS = 3
CASES = (
    # name, window, receipts, messages a run, target ratio
    ("window 1", 1, False, 12_000, 0.8),
    ("window 10", 10, False, 80_000, 1.5),
    ("window 100", 100, False, 150_000, 2.0),
    ("window 10 with receipts", 10, True, 30_000, 2.0),
)
READY_SECONDS_MAX = 20.0
STALL_SECONDS_MAX = 20.0
LOOKS_BETWEEN_STALL_CHECKS = 100_000

SUBMIT_RESP = 0x80000004
DELIVER = 0x00000005
ACKNOWLEDGEMENT = encode(DeliverSmResp(sequence_number=1, message_id=""))
GOOD_ANSWER = SUBMIT_RESP.to_bytes(4, "big") + bytes(4)
HEADER = struct.Struct(">4I")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """An SMSC under load."""

    port: int
    pid: int

    def processor_seconds(self) -> float:
        """What all its threads used until now."""
        times = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(times[11]) + int(times[12])) / TICKS_PER_SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Messages a second of one run, by the clock on the wall and by the server's processor."""

    wall: float
    processor: float


def run() -> list[dict[str, Any]]:
    """The rows of B2; without node or npm the floor is missing, loudly."""
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(_simulator())
        theirs = stack.enter_context(_node())
        return [row for case in CASES for row in _rows(case, ours, theirs)]


def _rows(
    case: tuple[str, int, bool, int, float], ours: Server, theirs: Server | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    name, window, receipts, count, target = case
    our_runs: list[Figures] = []
    their_runs: list[Figures] = []
    for _ in range(RUNS):
        our_runs.append(_measure(ours, window, count, receipts=receipts))
        if theirs is not None:
            their_runs.append(_measure(theirs, window, count, receipts=receipts))
    return (
        _row(f"{name} (node smpp)", [one.wall for one in our_runs], [one.wall for one in their_runs], target)
        | {"unit": "messages/s"},
        _row(f"{name}, processor", [one.processor for one in our_runs], [one.processor for one in their_runs], None)
        | {"unit": "messages/CPU s"},
    )


def _row(name: str, ours: list[float], theirs: list[float], target: float | None) -> dict[str, Any]:
    figure = statistics.median(ours)
    floor = statistics.median(theirs) if theirs else None
    return {
        "name": f"B2 simulator as SMSC, {name}",
        "figure": round(figure),
        "floor": None if floor is None else round(floor),
        "ratio": None if floor is None else round(figure / floor, 2),
        "target": target,
    }


def _measure(server: Server, window: int, count: int, *, receipts: bool) -> Figures:
    """One run of the load in a process of its own."""
    command = [sys.executable, __file__, "--load", str(server.port), str(window), str(count), str(int(receipts))]
    used = server.processor_seconds()
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=180)
    return Figures(wall=float(done.stdout), processor=count / (server.processor_seconds() - used))


@contextlib.contextmanager
def _simulator() -> Iterator[Server]:
    command = [sys.executable, "-m", "simulator", "--sim-port", "0", "--smpp-port", "0"]
    with _server(command, "simulator ready:") as (pid, line):
        yield Server(port=int(line.rpartition(":")[2]), pid=pid)


@contextlib.contextmanager
def _node() -> Iterator[Server | None]:
    modules = _installed_smpp()
    if modules is None:
        print(
            "B2: no node, npm or npm package smpp here: the peer is MISSING, ratios cannot be told", file=sys.stderr
        )
        yield None
        return
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["node", str(HERE / "node_smsc.js"), str(port)]
    with _server(command, "ready", {**os.environ, "NODE_PATH": str(modules)}) as (pid, _):
        yield Server(port=port, pid=pid)


def _installed_smpp() -> Path | None:
    """The node_modules with npm's smpp: those of the peers, else our own; None where it cannot be had."""
    if shutil.which("node") is None:
        return None
    if (PEERS / "node_modules" / "smpp").is_dir():
        return PEERS / "node_modules"
    folder = Path(tempfile.gettempdir()) / "firstcharge-bench-node"
    if not (folder / "node_modules" / "smpp").is_dir():
        if shutil.which("npm") is None:
            return None
        folder.mkdir(exist_ok=True)
        options = ("--no-audit", "--no-fund", "--ignore-scripts")
        install = ["npm", "install", *options, "--prefix", str(folder), "smpp@0.5"]
        if subprocess.run(install, capture_output=True, check=False, timeout=120).returncode:
            return None
    return folder / "node_modules"


@contextlib.contextmanager
def _server(command: list[str], ready: str, environ: dict[str, str] | None = None) -> Iterator[tuple[int, str]]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environ)
    try:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        assert line.startswith(ready), line
        yield process.pid, line
    finally:
        process.terminate()
        process.wait(15)


class Load:
    """One connection that keeps `window` submissions unanswered until `count` are answered.

    Everything to send is built before the clock starts and answers are counted, not decoded: the load must
    cost next to nothing, as it waits for the server and the server for it.
    """

    def __init__(self, port: int, window: int, count: int, *, receipts: bool) -> None:
        self.window = window
        self.count = count
        self.wanted_receipts = count if receipts else 0
        self.answered = self.receipts = self.sent = 0
        self._pdus, self._length = _submissions(count, receipts=receipts)
        self._rest = b""
        self._heard_at = 0.0
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(STALL_SECONDS_MAX)
        self.socket.sendall(encode(BindTransceiver(sequence_number=1, system_id="gateway", password="secret1")))
        assert self.socket.recv(4096)[4:12] == bytes.fromhex("8000000900000000"), "the bind was refused"
        self.socket.settimeout(None)  # with a limit Python would sleep before each recv

    def run(self) -> float:
        """Messages a second."""
        took = self._count_and_acknowledge if self.wanted_receipts else self._count
        began = time.perf_counter()
        self._submit(min(self.window, self.count))
        while self.answered < self.count or self.receipts < self.wanted_receipts:
            took(self._received())
        return self.count / (time.perf_counter() - began)

    def _received(self) -> bytes:
        """What the server wrote, without ever sleeping; whoever else wants this core has it between two looks."""
        looked = 0
        while True:
            try:
                data = self.socket.recv(1 << 18, socket.MSG_DONTWAIT)
            except BlockingIOError:
                os.sched_yield()
                looked += 1
                if looked % LOOKS_BETWEEN_STALL_CHECKS == 0:
                    assert time.perf_counter() - self._heard_at < STALL_SECONDS_MAX, "the server says nothing"
                elif looked == 1:
                    self._heard_at = time.perf_counter()
                continue
            assert data, "the server closed"
            return data

    def _submit(self, how_many: int, before: bytes = b"") -> None:
        end = self.sent + how_many
        octets = self._pdus[self.sent * self._length : end * self._length]
        self.sent = end
        if before:
            self.socket.sendall(before + octets)
        elif octets:
            self.socket.sendall(octets)

    def _count(self, data: bytes) -> None:
        """Good answers only: a refused one is missed, and the run stalls."""
        buffer = self._rest + data
        answered = buffer.count(GOOD_ANSWER)
        self._rest = buffer[1 - len(GOOD_ANSWER) :]
        self.answered += answered
        self._submit(min(answered, self.count - self.sent))

    def _count_and_acknowledge(self, data: bytes) -> None:
        """With receipts each PDU is looked at: receipts are answered in the write that fills the window."""
        buffer = self._rest + data
        at, end, acknowledged, answered = 0, len(buffer), [], 0
        while end - at >= HEADER.size:
            length, command, status, _ = HEADER.unpack_from(buffer, at)
            if end - at < length:
                break
            if command == SUBMIT_RESP:
                assert status == 0, "a message was refused"
                answered += 1
            elif command == DELIVER:
                acknowledged.append(ACKNOWLEDGEMENT[:12] + buffer[at + 12 : at + 16] + b"\0")
            at += length
        self._rest = buffer[at:]
        self.answered += answered
        self.receipts += len(acknowledged)
        self._submit(min(answered, self.count - self.sent), b"".join(acknowledged))


def _submissions(count: int, *, receipts: bool) -> tuple[bytes, int]:
    """So many submit_sm of one length, each to another of a hundred thousand handsets; and that length."""
    template = encode(
        SubmitSm(
            sequence_number=1,
            source_addr_ton=5,
            source_addr="CASHBACK",
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr="79160000001",
            registered_delivery=int(receipts),
            short_message=b"Cashback 150 r is on your account and is spent first. *100*1#",
        )
    )
    at = template.index(b"79160000001")
    head, middle, tail = template[:12], template[16:at], template[at + 11 :]
    pdus = (
        head + (number + 2).to_bytes(4, "big") + middle + b"%011d" % (79160000000 + number % 100_000) + tail
        for number in range(count)
    )
    return b"".join(pdus), len(template)


def main() -> None:
    """`--load PORT WINDOW COUNT RECEIPTS`: one load; without arguments: the rows."""
    if sys.argv[1:2] == ["--load"]:
        port, window, count, receipts = (int(one) for one in sys.argv[2:6])
        print(Load(port, window, count, receipts=bool(receipts)).run())
        return
    for row in run():
        print(row)


if __name__ == "__main__":
    main()
