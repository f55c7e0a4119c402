"""An SMSC that restarts, throttles, loses answers, doubles receipts: nothing lost, doubts counted, in order (G4, G7).

Short by default; FIRSTCHARGE_LONG=1 sends 10,000 messages over 100 restarts, on PostgreSQL too.
"""

import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from sending_half import Manner, Programme, message
from sim_process import SimProcess
from sqlalchemy import select
from system import free_ports
from twisted.internet import reactor as _reactor
from twisted.internet import task
from twisted.internet.threads import deferToThread

from gateway.database import open_engine
from sms.outbox import ClassPolicy, OutboxState, metadata
from sms.outbox.schema import attempt
from sms.outbox.schema import message as message_table

reactor: Any = _reactor
IS_LONG = os.environ.get("FIRSTCHARGE_LONG") == "1"
DATABASES = ["sqlite", "postgresql"] if IS_LONG else ["sqlite"]
CRASHES = 5 if IS_LONG else 1
EACH = 10
FAULTS: dict[str, Any] = {
    "seed": 7,
    "response": {
        "drop": 0.05,
        "reorder": 0.1,
        "duplicate": 0.05,
        # So few messages may never be too fast; so many would be slowed down to nothing by chance refusals.
        "status": {} if IS_LONG else {"ESME_RTHROTTLED": 0.03},
    },
    "receipt": {"duplicate": 0.3, "delay_ms": [0, 40], "before_response": 0.2},
}
THROTTLED_PER_S = 200
MANNER = Manner(
    policy=ClassPolicy(unknown_grace_s=1.0, backoff_first_s=0.1, resends_max=10),
    window=20,
    response_timeout_s=1.0,
    reconnect_first_s=0.05,
    reconnect_max_s=0.2,
    bind_spacing_s=0.05,
)


@dataclass(frozen=True)
class Size:
    """How much of it."""

    messages: int
    restarts: int

    @property
    def numbers(self) -> list[str]:
        """The subscribers."""
        return [str(79160000000 + at) for at in range(self.messages // EACH)]


SIZE = Size(10_000, 100) if IS_LONG else Size(400, 5)


class RestartingSmsc:
    """A simulator that goes away and comes back on its ports; keeps what reached the phones before each crash."""

    def __init__(self, folder: Path, numbers: list[str]) -> None:
        self._folder = folder
        self._numbers = numbers
        self._ports = free_ports(2)
        self.arrived: dict[str, list[str]] = {number: [] for number in numbers}
        self.throttled = False
        self._start()

    def _start(self) -> None:
        self._process = SimProcess(self._folder, "", ports=(self._ports[0], self._ports[1]))
        self._process.faults(**self._document())

    @property
    def smpp_port(self) -> int:
        """Where it is bound to."""
        return self._ports[1]

    def _document(self, **more: Any) -> dict[str, Any]:
        return {**FAULTS, **({"rate_limit_per_s": THROTTLED_PER_S} if self.throttled else {}), **more}

    def cut(self) -> None:
        """Every link is dropped, the port closed for a moment."""
        self._process.faults(**self._document(link="down"))
        time.sleep(0.05)
        self.throttled = not self.throttled
        self._process.faults(**self._document())

    def crash(self) -> None:
        """SIGKILL, and a new process that remembers nothing."""
        self._process.faults(**self._document(link="down"))
        self.collect()
        self._process.kill()
        self._start()

    def collect(self) -> None:
        """Add what the phones show to what arrived before."""
        for number in self._numbers:
            self.arrived[number] += [one["text"] for one in self._process.inbox(number)]

    def stop(self) -> None:
        """End it."""
        self._process.stop()


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with the outbox's tables."""
    found = (
        f"sqlite:///{tmp_path / 'outbox.sqlite3'}"
        if request.param == "sqlite"
        else str(request.getfixturevalue("fresh_postgres"))
    )
    engine = open_engine(found)
    metadata.create_all(engine)
    engine.dispose()
    return found


@pytest.fixture
def smsc(tmp_path: Path) -> Iterator[RestartingSmsc]:
    restarting = RestartingSmsc(tmp_path, SIZE.numbers)
    try:
        yield restarting
    finally:
        restarting.stop()


@asynccontextmanager
async def sending(url: str, port: int) -> AsyncIterator[Programme]:
    programme = Programme(url, port, MANNER)
    await programme.start()
    try:
        yield programme
    finally:
        await programme.stop()
        await task.deferLater(reactor, 0.05)


def _accepted(programme: Programme) -> int:
    return sum(count for (_, _, result), count in programme.counters.submitted.items() if result == "accepted")


async def _until_at_rest(programme: Programme) -> None:
    """Until nothing is queued, in flight or in doubt."""
    at_rest = {OutboxState.ACCEPTED.value, OutboxState.DELIVERED.value}
    seen: Counter[str] = Counter()
    for _ in range(1200 if IS_LONG else 300):
        seen = Counter((await programme.states()).values())
        if set(seen) <= at_rest:
            return
        await task.deferLater(reactor, 0.2)
    raise AssertionError((seen, programme.counters))


async def _restart_now_and_then(programme: Programme, smsc: RestartingSmsc) -> None:
    crashes = {round((at + 1) * SIZE.restarts / (CRASHES + 1)) for at in range(CRASHES)}
    for turn in range(1, SIZE.restarts + 1):
        due = turn * SIZE.messages * 0.9 / (SIZE.restarts + 1)
        end = reactor.seconds() + 120
        while _accepted(programme) < due and reactor.seconds() < end:
            await task.deferLater(reactor, 0.02)
        await deferToThread(smsc.crash if turn in crashes else smsc.cut)


@dataclass(frozen=True)
class Told:
    """What the outbox says of one message."""

    resends: int
    doubts: int


def _told(url: str) -> dict[str, Told]:
    engine = open_engine(url)
    with engine.connect() as connection:
        doubtful: Counter[int] = Counter(
            connection.execute(select(attempt.c.seq).where(attempt.c.status == "UNKNOWN")).scalars()
        )
        columns = (message_table.c.seq, message_table.c.message_id, message_table.c.resends)
        found = {
            message_id: Told(resends, doubtful[seq])
            for seq, message_id, resends in connection.execute(select(*columns))
        }
    engine.dispose()
    return found


@pytest_twisted.ensureDeferred
async def test_an_smsc_that_comes_and_goes_loses_nothing_and_every_copy_was_counted(
    url: str, smsc: RestartingSmsc
) -> None:
    began = time.monotonic()
    async with sending(url, smsc.smpp_port) as programme:
        for turn in range(EACH):
            await programme.queue(*(message(f"m{turn}-{number}", number) for number in SIZE.numbers))
        await _restart_now_and_then(programme, smsc)
        await _until_at_rest(programme)
        counters = programme.counters
    await deferToThread(smsc.collect)
    told = _told(url)
    copies: dict[str, int] = {}
    for number in SIZE.numbers:
        arrived = Counter(smsc.arrived[number])
        expected = [f"m{turn}-{number}" for turn in range(EACH)]
        assert set(arrived) == {f"Message {one}" for one in expected}, "lost or strange"
        copies |= {one: arrived[f"Message {one}"] - 1 for one in expected}
        _is_in_order(smsc.arrived[number], expected, told)
    assert [one for one, more in copies.items() if more > told[one].resends] == []
    assert sum(one.resends for one in told.values()) == counters.possible_duplicates
    assert sum(copies.values()) <= counters.possible_duplicates <= counters.in_doubt
    assert all(one.doubts >= one.resends for one in told.values())
    assert counters.in_doubt > 0
    assert counters.receipts_duplicate > 0
    assert sum(counters.throttled.values()) > 0
    print(
        f"{SIZE.messages} messages, {SIZE.restarts} restarts ({CRASHES} crashes): {time.monotonic() - began:.0f} s,"
        f" in doubt {counters.in_doubt}, sent again {counters.possible_duplicates},"
        f" copies {sum(copies.values())}, throttled {sum(counters.throttled.values())}"
    )


def _is_in_order(arrived: list[str], expected: list[str], told: dict[str, Told]) -> None:
    """Each text first came after all before it, but for those whose outcome was in doubt: they let others go on."""
    first = {one: arrived.index(f"Message {one}") for one in expected}
    for at, one in enumerate(expected):
        late = [later for later in expected[at + 1 :] if first[later] < first[one]]
        assert not late or told[one].doubts, (one, late, arrived)
