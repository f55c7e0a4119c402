"""The callers of B11 over HTTP: charges and registrations in an open loop, each timed from the instant it was due.

Started as `first_callers.py PORT KEY CHARGES_PER_S JOINS_PER_S SUBSCRIPTIONS`; begins at once and ends at a line on
stdin; then prints JSON. Who joins was put as a subscriber before. A caller never waits for another's answer.
"""

import asyncio
import json
import sys
import time
from collections import Counter, deque
from typing import Any

TICK_S = 0.002
CONNECTIONS = 300
FIRST_NUMBER = 79_000_000_000
NEW_FIRST = 79_550_000_000
STRIDE = 6_007
LAST_ANSWERS_S = 10.0


class Caller(asyncio.Protocol):
    """One connection that is kept; one request on it at a time."""

    def __init__(self, crowd: "Crowd") -> None:
        self._crowd = crowd
        self._got = b""
        self.transport: Any = None
        self.meant: tuple[str, int, float] | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._crowd.free.append(self)

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, separator, body = self._got.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) >= length:
            self._got = b""
            self._crowd.answered(self, int(head[9:12]))


class Crowd:
    """Sends what is due on whatever connection is free."""

    def __init__(self, key: str, rates: dict[str, float], subscriptions: int) -> None:
        self._key = key
        self._rates = rates
        self._subscriptions = subscriptions
        self._due: deque[tuple[str, int, float]] = deque()
        self.free: deque[Caller] = deque()
        self.sent: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.charges: list[tuple[float, float]] = []
        self.joined_at: dict[str, float] = {}

    async def call_until(self, ended: asyncio.Event) -> None:
        """Open loop, then the last answers."""
        began = time.monotonic()
        while not ended.is_set():
            now = time.monotonic()
            for kind, rate in self._rates.items():
                while rate and (planned := began + self.sent[kind] / rate) <= now:
                    self._due.append((kind, self.sent[kind], planned))
                    self.sent[kind] += 1
            self._send()
            await asyncio.sleep(TICK_S)
        end = time.monotonic() + LAST_ANSWERS_S
        while self.statuses.total() < self.sent.total() and time.monotonic() < end:  # noqa: ASYNC110 - as the loop above
            await asyncio.sleep(TICK_S)

    def answered(self, caller: Caller, status: int) -> None:
        assert caller.meant is not None
        kind, number, planned = caller.meant
        now = time.monotonic()
        self.statuses[f"{kind} {status}"] += 1
        if kind == "charge":
            self.charges.append((now, now - planned))
        else:
            self.joined_at[str(NEW_FIRST + number)] = now
        self.free.append(caller)
        self._send()

    def _send(self) -> None:
        while self._due and self.free:
            caller = self.free.popleft()
            caller.meant = self._due.popleft()
            caller.transport.write(self._request(*caller.meant[:2]))

    def _request(self, kind: str, number: int) -> bytes:
        if kind == "charge":
            path, document = (
                "/v1/charges",
                {
                    "charge_id": f"first-{number}",
                    "msisdn": str(FIRST_NUMBER + number * STRIDE % self._subscriptions),
                    "type": "usage",
                    "amount": "1.00",
                },
            )
        else:
            path, document = (
                "/v1/members",
                {"msisdn": str(NEW_FIRST + number), "channel": "web", "accept_terms": True, "terms_version": "1"},
            )
        body = json.dumps(document).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self._key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


async def _main() -> None:
    port, key, charges, joins, subscriptions = sys.argv[1:6]
    crowd = Crowd(key, {"charge": float(charges), "join": float(joins)}, int(subscriptions))
    loop = asyncio.get_running_loop()
    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: Caller(crowd), "127.0.0.1", int(port))
    ended = asyncio.Event()
    loop.add_reader(sys.stdin, ended.set)
    await crowd.call_until(ended)
    told = {
        "sent": crowd.sent,
        "statuses": crowd.statuses,
        "charges": crowd.charges,
        "joined_at": crowd.joined_at,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(_main())
