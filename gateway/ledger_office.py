"""The ledger's files and checks together: sealing, closed days, verification, exports. The composition owns it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from twisted.internet.defer import Deferred

from billing.store.reconciliation import ClosedDay, closed_days
from billing.store.seal_chain import Head, heads, sealed_with
from gateway.alarms import Alarms
from gateway.assembly import CannotServe, Ground
from gateway.http.ledger import JournalBusy
from gateway.http.ports import Verdict
from gateway.journal_export import ExportStream, JournalExports, TooManyExports, Wanted
from gateway.metrics import Metrics
from gateway.reconciliation import Reconciler
from gateway.seal_key import SealKey, SealKeyUnusable, seal_key_of
from gateway.sealing import Sealing
from gateway.verification import Verifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Who is told what does not add up."""

    metrics: Metrics
    alarms: Alarms

    def imbalance(self, minor: int) -> None:
        """Balances and journal differ by so much, 0 where all is well."""
        self.metrics.ledger_imbalance(minor)
        if minor:
            self.alarms.ledger_imbalanced(minor)

    def closed(self, day: ClosedDay) -> None:
        """A business day was closed."""
        if day.imbalance:
            self.alarms.ledger_imbalanced(day.imbalance)


class LedgerOffice:
    """`reconciler` is a source of due work; the rest answers the HTTP door."""

    def __init__(self, ground: Ground, told: Told, *, is_manual: bool) -> None:
        """Raises CannotServe where the journal cannot be sealed."""
        key = _seal_key(ground)
        if not key.is_secret and not ground.settings.demo:
            told.alarms.seals_are_public()
        zone = ground.programme.zone
        self._database = ground.database
        self._key = key
        self._told = told
        self._sealing = Sealing(
            ground.database,
            key=key.octets,
            zone=zone,
            now=ground.now,
            clock=ground.reactor,
            imbalanced=told.imbalance,
        )
        self._exports = JournalExports(ground.settings.database.url, ground.reactor, zone=zone)
        self._verifier = Verifier(ground.database, programme=ground.programme, key=key)
        self.reconciler = Reconciler(
            ground.database, self._sealing, zone=zone, is_manual=is_manual, closed=told.closed
        )

    async def start(self) -> None:
        """Begin to seal; a lost key, or another gateway's, is told before it is sealed over."""
        last = await self._database.audit(sealed_with)
        if last is not None and last not in self._key.ids:
            self._told.alarms.sealed_by_another_key(last)
        await self._sealing.start()

    async def stop(self) -> None:
        """End what runs."""
        await self._exports.stop()
        await self.reconciler.stop()
        await self._sealing.stop()

    async def verify(self) -> Verdict:
        """Check all invariants."""
        return await self._verifier.verify()

    def export(self, start: datetime | None, end: datetime | None, form: str) -> ExportStream:
        """The journal as it stands; raises JournalBusy."""
        try:
            return self._exports.open(Wanted(start=start, end=end, form=form))
        except TooManyExports:
            raise JournalBusy from None

    def heads(self, above: int, limit: int) -> "Deferred[Sequence[Head]]":
        """Sealed blocks above a number."""
        return self._database.audit(heads, above, limit)

    def closed_days(self, since: str, until: str, limit: int) -> "Deferred[Sequence[ClosedDay]]":
        """Closed business days with since ≤ day < until."""
        return self._database.audit(closed_days, since, until, limit)


def _seal_key(ground: Ground) -> SealKey:
    try:
        return seal_key_of(ground.settings)
    except SealKeyUnusable as error:
        raise CannotServe(str(error)) from error
