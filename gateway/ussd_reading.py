"""Look-ups of the dials; balances, and last fees, that are asked for together become one query."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection
from twisted.internet.defer import Deferred

from billing.answers import BalanceView
from billing.errors import UnknownSubscriber
from billing.programme import Programme
from billing.records import Charge, Posting
from billing.store import reads
from gateway.database import Transactor
from gateway.grouping import Grouping

GROUP_MAX = 500
WAITING_MAX = 20_000


class UssdLookups:
    """`now` is the business clock's, asked inside a transaction."""

    def __init__(self, database: Transactor, *, programme: Programme, now: Callable[[], datetime]) -> None:
        self._database = database
        self._programme = programme
        self._now = now
        self._lookups: Grouping[str, BalanceView] = Grouping(self._read, group_max=GROUP_MAX, waiting_max=WAITING_MAX)
        self._fees: Grouping[str, Charge | None] = Grouping(
            self._read_fees, group_max=GROUP_MAX, waiting_max=WAITING_MAX
        )

    def balances(self, msisdn: str) -> "Deferred[BalanceView]":
        """Everything about a number's money; fails with UnknownSubscriber or TooManyWaiting."""
        return self._lookups.submit(msisdn)

    def last_fee(self, msisdn: str) -> "Deferred[Charge | None]":
        """The last tariff fee, None: none yet; fails with UnknownSubscriber or TooManyWaiting."""
        return self._fees.submit(msisdn)

    def movements(self, msisdn: str) -> "Deferred[tuple[Posting, ...]]":
        """The last five postings, newest first; fails with UnknownSubscriber."""
        return self._database.read(reads.movements, msisdn)

    def _balances(self, connection: Connection, msisdns: set[str]) -> Mapping[str, BalanceView]:
        return reads.balances_of(connection, msisdns, self._now(), self._programme)

    async def stop(self) -> None:
        """Wait until every look-up has its answer."""
        await self._lookups.stop()
        await self._fees.stop()

    async def _read(self, msisdns: Sequence[str]) -> Sequence[BalanceView | UnknownSubscriber]:
        found = await self._database.read(self._balances, set(msisdns))
        return [found.get(msisdn) or _unknown() for msisdn in msisdns]

    async def _read_fees(self, msisdns: Sequence[str]) -> Sequence[Charge | UnknownSubscriber | None]:
        found = await self._database.read(reads.last_fees_of, set(msisdns))
        return [found[msisdn] if msisdn in found else _unknown() for msisdn in msisdns]


def _unknown() -> UnknownSubscriber:
    return UnknownSubscriber("no subscription has this number")
