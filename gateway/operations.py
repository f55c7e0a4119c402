"""The program as its operators see it: readiness, status, verification, metrics."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from gateway.database import Database
from gateway.directory import StoredDirectory
from gateway.http.ports import MonthRunView, Verdict
from gateway.links import Links
from sms.outbox import Pending, pending_counts


class Clock(Protocol):
    """The business clock."""

    def now(self) -> datetime:
        """Now, aware, UTC."""
        ...


class GatewayOperations:
    """What the HTTP door's Operations port asks for."""

    def __init__(
        self,
        database: Database,
        directory: StoredDirectory,
        links: Links,
        *,
        verify: Callable[[], Awaitable[Verdict]],
        clock: Clock,
        is_demo: bool,
        current_month: Callable[[], Awaitable[MonthRunView]],
        exposition: Callable[[], bytes],
        alarms: Callable[[], Sequence[str]],
    ) -> None:
        self._database = database
        self._directory = directory
        self._links = links
        self._verify = verify
        self._clock = clock
        self._is_demo = is_demo
        self._current_month = current_month
        self._exposition = exposition
        self._alarms = alarms

    async def unready(self) -> Sequence[str]:
        """What keeps it from serving; the database was checked before the door opened."""
        if not self._is_demo:
            return []
        missing = [] if self._directory.is_loaded else ["no catalogue is loaded"]
        return missing + [f"link {name} is not bound" for name in self._links.down]

    async def status(self) -> Mapping[str, object]:
        """Links, outbox, month run, clock and what needs a person."""
        pending = await self._database.audit(pending_counts)
        run = await self._current_month()
        return {
            "links": self._links.status(),
            "outbox": _outbox(pending),
            "month_run": {"period": run.period, "status": run.status, "progress": run.progress},
            "clock": {"now": self._clock.now().isoformat()},
            "catalogue": self._directory.running.version or None,
            "alarms": [f"link {name} is not bound" for name in self._links.down]
            + ([f"{pending.dead} messages are dead"] if pending.dead else [])
            + [f"link {name} is paused" for name in self._links.paused]
            + list(self._alarms()),
        }

    def verify(self) -> Awaitable[Verdict]:
        """Check all invariants of the ledger, beside the traffic."""
        return self._verify()

    def metrics(self) -> bytes:
        """The metrics page."""
        return self._exposition()


def _outbox(pending: Pending) -> Mapping[str, object]:
    return {
        "pending": pending.by_kind,
        "in_doubt": pending.in_doubt,
        "dead": pending.dead,
        "oldest_due": None if pending.oldest_due is None else pending.oldest_due.isoformat(),
    }
