"""Vouchers and reservations that go out of date, swept as due work of the business clock, a few at a time.

A sweep is ledger commands like any other: they go through the lane, so that other commands go in between and what
they change is committed with its notices.
"""

from datetime import datetime
from typing import Protocol

from twisted.internet.defer import Deferred, DeferredList, DeferredLock
from twisted.python.failure import Failure

from billing.commands import Command
from billing.decision import Outcome
from billing.errors import LedgerRefusal
from billing.store.expiry import next_expiry, out_of_date
from gateway.database import Transactor


class Lane(Protocol):
    """The one way a command reaches the ledger."""

    def execute(self, command: Command) -> "Deferred[Outcome]":
        """Fires after the commit."""
        ...


class Expiry:
    """As a DueSource it is due at the end of every voucher and reservation."""

    name = "expiry"

    def __init__(self, database: Transactor, lane: Lane) -> None:
        self._database = database
        self._lane = lane
        self._turn = DeferredLock()
        self._is_stopping = False

    async def next_due(self, until: datetime) -> datetime | None:
        """The earliest end at or before `until` that is not swept yet."""
        at = await self._database.read(next_expiry)
        return at if at is not None and at <= until else None

    async def run_due(self, at: datetime) -> None:
        """Sweep everything that is out of date at `at`; returns when nothing is left or the program stops."""
        await self._turn.acquire()
        try:
            while not self._is_stopping and (commands := await self._database.read(out_of_date, at)):
                await self._sweep([self._lane.execute(command) for command in commands])
        finally:
            self._turn.release()

    async def stop(self) -> None:
        """Let the sweep that runs end; the rest goes on at the next start."""
        self._is_stopping = True
        await self._turn.acquire()
        self._turn.release()

    async def _sweep(self, swept: "list[Deferred[Outcome]]") -> None:
        """Wait for all; one that was redeemed or released meanwhile is no failure, everything else is."""
        for is_done, result in await DeferredList(swept, consumeErrors=True):
            if not is_done and isinstance(result, Failure) and result.check(LedgerRefusal) is None:
                result.raiseException()
