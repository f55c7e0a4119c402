"""A gateway that is killed from outside while work goes on, and what database and network say afterwards."""

import contextlib
import http.client
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from fault_story import NOT_NOW, PAUSE_S, Served
from sqlalchemy import Select, func, select
from system import Reply

from gateway import migrations
from gateway.database import open_engine
from sms.outbox.instants import to_micros
from sms.outbox.schema import inbox, message

PATIENCE_S = 120
IN_MOTION = ("held", "claimed", "written", "unknown")


class Crashing(Served):
    """Both processes over a migrated database; the gateway is killed and started again at will."""

    def __init__(
        self, folder: Path, database: str, *, clock_start: str | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(folder, database, {})
        self.environ |= environ or {}
        self.clock_start = clock_start or self.clock_start
        engine = open_engine(database)
        with engine.begin() as connection:
            migrations.upgrade(connection)
        engine.dispose()
        self._reading = open_engine(database, read_only=True)
        self.kills = 0

    @property
    def pids(self) -> dict[str, int]:
        """Of both processes."""
        assert self._gateway is not None
        assert self._simulator is not None
        return {"gateway": self._gateway.pid, "simulator": self._simulator.pid}

    def kill(self) -> None:
        """SIGKILL, and the gateway is started again; back when it is ready."""
        assert self._gateway is not None
        self._gateway.send_signal(signal.SIGKILL)
        self._gateway.wait()
        self.kills += 1
        self._serve({})
        self._wait_until_served()

    def insist(self, ask: Callable[[], Reply], also: tuple[int, ...] = ()) -> Reply:
        """Ask until it is answered, as a caller with an id of its own may."""
        end = time.monotonic() + PATIENCE_S
        reply: Reply | None = None
        while time.monotonic() < end:
            with contextlib.suppress(OSError, http.client.HTTPException):
                reply = ask()
                if reply.status in {200, 201, 202, *also}:
                    return reply
                assert reply.status in NOT_NOW, reply
            time.sleep(PAUSE_S)
        raise AssertionError((reply, self.output()))

    def must(self, method: str, path: str, body: Any = None, also: tuple[int, ...] = ()) -> Any:
        """One call of the gateway, until it is answered."""
        return self.insist(lambda: self.api(method, path, body), also).body

    def states(self) -> Counter[str]:
        """How many messages of the outbox are in each state."""
        query = select(message.c.state, func.count().label("messages")).group_by(message.c.state)
        with self._reading.connect() as connection:
            found = Counter({row.state: row.messages for row in connection.execute(query)})
        self._reading.dispose()
        return found

    def outbox_rows(self) -> list[Any]:
        """Every message: msisdn, kind, state, reason, text, resends, in the order of queueing."""
        columns = (message.c.msisdn, message.c.kind, message.c.state, message.c.reason, message.c.text)
        with self._reading.connect() as connection:
            found = list(connection.execute(select(*columns, message.c.resends).order_by(message.c.seq)))
        self._reading.dispose()
        return found

    def heard(self) -> int:
        """How many messages from subscribers are stored."""
        return self._count(select(func.count()).select_from(inbox))

    def until_sent(self, seconds: float = PATIENCE_S) -> None:
        """Until nothing is due, in flight or in doubt; what waits for the morning waits."""
        now = datetime.fromisoformat(self.must("GET", "/v1/clock")["now"])
        due = (message.c.state == "queued") & (message.c.not_before <= to_micros(now))
        query = select(func.count()).where(due | message.c.state.in_(IN_MOTION))
        end = time.monotonic() + seconds
        while self._count(query):
            assert time.monotonic() < end, (self.states(), self.output())
            time.sleep(0.2)

    def _count(self, query: Select[tuple[int]]) -> int:
        with self._reading.connect() as connection:
            found = connection.execute(query).scalar_one()
        self._reading.dispose()
        return found

    def arrived(self) -> list[tuple[str, str]]:
        """(number, text) of every segment the SMSC accepted, in its order."""
        items = self.sim("GET", "/sim/smsc/messages").body["items"]
        return [(one["to"], one["text"]) for one in items]
