"""A gateway served from a folder of its own and a client that keeps 64 connections busy, for B5 and B9 over HTTP.

The client speaks just enough HTTP: requests are ready-made octets, answers are counted by their status.
"""

import contextlib
import hashlib
import http.client
import json
import os
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONNECTIONS = 64
PIECE_OCTETS = 1 << 16
READY_SECONDS_MAX = 60
KEY = "bench-key"
PARTNER, SECRET = "ozon", "bench-secret"
CONFIGURATION = """
[database]
url = "{url}"

[http]
port = {port}

[[links]]
name = "nobody"
host = "127.0.0.1"
port = 1
system_id = "bench"
password = "bench"

[[keys]]
name = "bench"
hash = "sha256:{hash}"
scopes = ["provisioning", "partner", "billing", "care", "ops"]
"""


@contextlib.contextmanager
def gateway(folder: Path, url: str) -> Iterator[int]:
    """A served gateway over this database, brought to this version; its HTTP port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    config = folder / "firstcharge.toml"
    config.write_text(CONFIGURATION.format(url=url, port=port, hash=digest))
    with (folder / "gateway.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "serve", "--config", str(config), "--upgrade"],
            stdout=log,
            stderr=log,
            cwd=ROOT,
            env=dict(os.environ),
        )
        try:
            _wait_until_ready(port, process, folder / "gateway.log")
            yield port
        finally:
            process.terminate()
            process.wait(30)


def _wait_until_ready(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < end:
        if process.poll() is not None:
            raise AssertionError(log.read_text()[-2000:])
        with contextlib.suppress(OSError):
            if call(port, "GET", "/readyz", None)[0] == http.client.OK:
                return
        time.sleep(0.02)
    raise AssertionError(log.read_text()[-2000:])


def call(port: int, method: str, path: str, body: object) -> tuple[int, bytes]:
    """One call with the key."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection.request(method, path, raw, {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def request(method: str, path: str, body: bytes = b"", *headers: str) -> bytes:
    """The octets of one request, as a client that keeps its connection sends them."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass(slots=True)
class _Connection:
    link: socket.socket
    got: bytes = b""
    wanted: int = field(default=0)


def per_second(port: int, requests: Sequence[bytes], expected: Callable[[int], bool]) -> float:
    """Answers a second for these requests over 64 connections, each waiting for its answer before the next.

    Raises:
        AssertionError: an answer has another status than expected.
    """
    waiting = iter(requests)
    statuses: Counter[int] = Counter()
    with selectors.DefaultSelector() as selector:
        for _ in range(CONNECTIONS):
            link = socket.create_connection(("127.0.0.1", port))
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(link, selectors.EVENT_READ, _Connection(link))
        began = time.perf_counter()
        for key in list(selector.get_map().values()):
            key.data.link.sendall(next(waiting))
        left = len(requests)
        while left:
            for key, _ in selector.select():
                status = _take_answer(key.data)
                if status is None:
                    continue
                statuses[status] += 1
                left -= 1
                following = next(waiting, None)
                if following is not None:
                    key.data.link.sendall(following)
        taken = time.perf_counter() - began
        for key in list(selector.get_map().values()):
            key.data.link.close()
    assert all(expected(status) for status in statuses), statuses
    return len(requests) / taken


def _take_answer(one: _Connection) -> int | None:
    """The status of an answer that is complete now."""
    one.got += one.link.recv(PIECE_OCTETS)
    if not one.wanted:
        head, separator, _ = one.got.partition(b"\r\n\r\n")
        if not separator:
            return None
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        one.wanted = len(head) + len(separator) + int(length)
    if len(one.got) < one.wanted:
        return None
    status = int(one.got[9:12])
    one.got, one.wanted = b"", 0
    return status
