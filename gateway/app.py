"""The composition: builds every part of the gateway from its settings, starts them in order, stops them in reverse.

Start: database, ledger, months that are due, outbox, dialogues, links, HTTP door. Stop: the door, dialogues, sending,
links, database.
"""

import contextlib
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from billing.calendar import period_of
from billing.charging import Split
from billing.decision import Context, Outcome
from billing.events import CashbackAccrued
from gateway import __version__, faults, migrations
from gateway.alarms import Alarms
from gateway.assembly import (
    CannotServe,
    Ground,
    UssdParts,
    build_door,
    build_keys,
    build_main_balance,
    build_ussd,
    listen,
)
from gateway.bill_explain import Explanations
from gateway.bill_file import BillFiles, BillSurroundings
from gateway.campaigns import Campaigns
from gateway.clock_door import ClockDoor, DuePoll
from gateway.clocks import ManualClock, SystemClock, open_clock
from gateway.database import Database, DatabaseError, shown
from gateway.directory import StoredDirectory
from gateway.erasure import Erasure
from gateway.expiry import Expiry
from gateway.gauges import Gauges
from gateway.http.api import ApiParts
from gateway.http.door import HttpDoor
from gateway.http.ports import ClockRefused, MonthRunView
from gateway.ids import RandomIds
from gateway.leases import DueTurn
from gateway.ledger_lane import LedgerLane
from gateway.ledger_office import LedgerOffice, Told
from gateway.lifecycle import Lifecycle, Part
from gateway.links import LinkChanges, Links, no_file
from gateway.logs import Masker
from gateway.message_desk import LinkDesk, MessageDesk
from gateway.messaging import Messaging
from gateway.metrics import Metrics
from gateway.month_job import MonthJob, MonthSurroundings
from gateway.operations import GatewayOperations
from gateway.purging import Purging
from gateway.reading import LedgerReads
from gateway.settings import LinkSection, Settings, to_programme
from gateway.standing import Standing
from gateway.ussd_reading import UssdLookups
from gateway.ussd_records import UssdRecords
from ussd.records import SessionRecord

USSD_DRAIN_S = 2.5
SMS_DRAIN_S = 2.5
"""A stop takes at most 10 s in all."""


class Gateway:
    """One gateway process."""

    _log = Logger()

    def __init__(
        self,
        settings: Settings,
        reactor: Any,
        *,
        wall: Callable[[], datetime],
        fault: faults.Fault,
        mask: Masker,
        read_links: Callable[[], Sequence[LinkSection]] = no_file,
    ) -> None:
        """`read_links` gives the links of the configuration as it is when asked, or fails with LinksRefused."""
        self._read_links = read_links
        self._lifecycle = Lifecycle(reactor)
        self._database = Database(settings.database.url, reactor)
        self._clock: ManualClock | SystemClock = SystemClock(wall)
        ground = Ground(
            settings=settings,
            programme=to_programme(settings),
            reactor=reactor,
            database=self._database,
            wall=wall,
            now=self.now,
            owner=f"gateway-{uuid.uuid4().hex}",
            fault=fault,
            mask=mask,
        )
        self._ground = ground
        self._ids = RandomIds(wall)
        self._directory = StoredDirectory(self._database, now=self.now, is_shared=self._database.is_shared)
        self._turn = DueTurn(
            self._database, reactor, owner=ground.owner, wall=wall, is_shared=self._database.is_shared
        )
        self._poll: DuePoll | None = None
        self._lane = LedgerLane(
            self._database, context=self._context, record=self._queue_notices, committed=self._committed
        )
        self._messaging = Messaging(ground, context=self._context)
        self._dispatcher = self._messaging.dispatcher
        self._metrics = Metrics(self._messaging.counters)
        self._alarms = Alarms()
        self._lookups = UssdLookups(self._database, programme=ground.programme, now=self.now)
        self._records = UssdRecords(self._database, lost=partial(self._log.failure, "ussd_records_lost"))
        self._main_balance = build_main_balance(ground)
        self._ussd = build_ussd(
            ground,
            UssdParts(
                lane=self._lane,
                lookups=self._lookups,
                queue_balance=self._messaging.queue_balance,
                main_balance=self._main_balance,
                session_ended=self._session_ended,
            ),
        )
        self._links = Links(
            settings.links,
            reactor,
            lines=self._dispatcher.lines,
            inbound=self._messaging.inbound,
            ussd=self._ussd,
            changed=self._metrics.link_changed,
            refused=self._metrics.pdu_rejected,
        )

    def now(self) -> datetime:
        """The business clock's now."""
        return self._clock.now()

    async def reload_links(self) -> LinkChanges:
        """Go by the links of the configuration as they are now; fails with LinksRefused and changes nothing."""
        changes = await self._links.reload(self._read_links(), self._messaging)
        self._metrics.links_are([link.config.name for link in self._links.links])
        return changes

    async def start(self) -> None:
        """Open everything in order.

        Raises:
            CannotServe: with what to do; what was opened is closed again.
        """
        try:
            await self._start()
        except BaseException:
            await self._lifecycle.stop()
            raise

    async def stop(self) -> None:
        """Drain and close, in reverse."""
        await self._lifecycle.stop()

    async def _start(self) -> None:
        start = self._lifecycle.start
        await start(Part(name="database", start=self._open_database, stop=self._database.stop))
        installed_at = await self._open_clock()
        await self._directory.load()
        self._database.follow(Standing(self._clock, self._directory))
        await start(Part(name="directory", stop=self._directory.stop))
        await start(Part(name="ledger", stop=self._lane.stop))
        expiry = Expiry(self._database, self._lane)
        months = MonthJob(self._database, self._month_surroundings(), installed_at=installed_at)
        await start(Part(name="look-ups", stop=self._lookups.stop))
        await start(Part(name="records", stop=self._records.stop))
        await start(Part(name="main balance", stop=self._main_balance.stop))
        await start(Part(name="links", stop=self._links.stop))
        await start(Part(name="inbound", stop=self._messaging.inbound.stop))
        await start(
            Part(
                name="dispatcher",
                start=self._dispatcher.start,
                stop=partial(self._dispatcher.stop, SMS_DRAIN_S),
                stop_s_max=SMS_DRAIN_S + 1,
            )
        )
        told = Told(metrics=self._metrics, alarms=self._alarms)
        office = LedgerOffice(self._ground, told, is_manual=isinstance(self._clock, ManualClock))
        sources = (expiry, months, office.reconciler)
        clock_door = ClockDoor(self._clock, (*sources, self._dispatcher), self._ground.reactor)
        poll = self._poll = DuePoll(self._clock, sources, self._ground.reactor, self._turn)
        await start(Part(name="clock", stop=clock_door.stop))
        await start(Part(name="poll", stop=poll.stop))
        await start(Part(name="turn", stop=self._turn.stop))
        await start(Part(name="journal", start=office.start, stop=office.stop))
        await start(Part(name="expiry", stop=expiry.stop))
        await start(Part(name="months", stop=months.stop))
        await self._catch_up(poll, clock_door)
        if self._database.is_shared or not clock_door.is_manual():
            poll.start()
        gauges = Gauges(
            self._metrics,
            self._ground.reactor,
            database=self._database,
            links=self._links,
            now=self.now,
            current_month=partial(self._current_month, months),
            currency=self._ground.settings.programme.currency,
        )
        await start(Part(name="gauges", start=gauges.start, stop=gauges.stop))
        purging = Purging(
            self._database,
            self._ground.reactor,
            keep_days=self._ground.settings.sms.keep_days,
            now=self.now,
            wall=self._ground.wall,
        )
        await start(Part(name="purging", start=purging.start, stop=purging.stop))
        await self._links.start()
        await start(
            Part(name="ussd", stop=partial(self._ussd.stop, limit_s=USSD_DRAIN_S), stop_s_max=USSD_DRAIN_S + 1)
        )
        door = self._build_door(months, clock_door, office)
        listening = listen(self._ground, door)
        await start(Part(name="http", stop=partial(_close_door, door, listening)))
        self._log.info(
            "gateway_ready {host} {port}", host=self._ground.settings.http.host, port=self._ground.settings.http.port
        )

    async def _open_database(self) -> None:
        try:
            await self._database.start()
            await self._database.read(migrations.check)
        except (DatabaseError, migrations.SchemaMismatch) as error:
            await self._database.stop()
            raise CannotServe(f"{shown(self._ground.settings.database.url)}: {error}") from error
        except OperationalError as error:
            await self._database.stop()
            raise CannotServe(
                f"{shown(self._ground.settings.database.url)}: {error.orig}; run: firstcharge db upgrade"
            ) from error

    async def _open_clock(self) -> datetime:
        """Stand where the clock stood; when the installation was first started."""
        section = self._ground.settings.clock
        first = section.start or self._ground.wall()
        stored, installed_at = await self._database.transact(open_clock, first)
        if section.kind == "manual":
            self._clock = ManualClock(self._database, stored, self._turn)
        return installed_at

    async def _catch_up(self, poll: DuePoll, door: ClockDoor) -> None:
        """Run what came due while no process ran, then move a manual clock to its configured start.

        What went out of date goes back before a month draws anything (rule 24).
        """
        await poll.run_due()
        start = self._ground.settings.clock.start
        if door.is_manual() and start is not None and start > self.now():
            with contextlib.suppress(ClockRefused):  # another process was there before
                await door.advance(start)

    def _due_work_requested(self) -> None:
        if self._poll is not None:
            _ = self._poll.look()

    def _context(self) -> Context:
        return Context(
            now=self.now(), programme=self._ground.programme, catalogue=self._directory.running, ids=self._ids
        )

    async def _current_month(self, months: MonthJob) -> MonthRunView:
        return await months.view(period_of(self.now(), self._ground.programme.zone))

    def _queue_notices(self, connection: Connection, outcomes: Sequence[Outcome], context: Context) -> None:
        self._messaging.queue_notices(connection, outcomes, context)
        if _accrues(outcomes):
            self._ground.fault("accrual.before_commit")

    def _committed(self, outcomes: Sequence[Outcome]) -> None:
        if _accrues(outcomes):
            self._ground.fault("accrual.after_commit")
        self._metrics.committed(outcomes)
        if any(outcome.events for outcome in outcomes):
            self._dispatcher.poke()

    def _session_ended(self, record: SessionRecord) -> None:
        self._metrics.session_ended(record)
        self._records.add(record)

    def _month_surroundings(self) -> MonthSurroundings:
        return MonthSurroundings(
            context=self._context,
            timing=self._ground.timing,
            monotonic=self._ground.reactor.seconds,
            fault=self._ground.fault,
            queued=self._dispatcher.poke,
            requested=self._due_work_requested,
        )

    def _bill_surroundings(self) -> BillSurroundings:
        return BillSurroundings(
            context=self._context,
            timing=self._ground.timing,
            monotonic=self._ground.reactor.seconds,
            fault=self._ground.fault,
            booked=self._bill_booked,
        )

    def _bill_booked(self, splits: Sequence[Split], has_notices: bool) -> None:
        self._metrics.bill_booked(splits)
        if has_notices:
            self._dispatcher.poke()

    def _build_door(self, months: MonthJob, clock_door: ClockDoor, office: LedgerOffice) -> HttpDoor:
        ground = self._ground
        keys = build_keys(ground.settings)
        operations = GatewayOperations(
            self._database,
            self._directory,
            self._links,
            verify=office.verify,
            clock=self,
            is_demo=ground.settings.demo,
            current_month=partial(self._current_month, months),
            exposition=self._metrics.exposition,
            alarms=self._alarms.raised,
        )
        lines = self._dispatcher.lines
        return build_door(
            ground,
            ApiParts(
                ledger=self._lane,
                bulk=BillFiles(self._database, self._bill_surroundings()),
                explaining=Explanations(self._database, programme=ground.programme),
                erasing=Erasure(self._database, self._context),
                advertising=Campaigns(self._database, timing=ground.timing, queued=self._dispatcher.poke),
                reads=LedgerReads(
                    self._database,
                    programme=ground.programme,
                    now=self.now,
                    records_written=self._records.written,
                ),
                directory=self._directory,
                months=months,
                clock=clock_door,
                operations=operations,
                outbox=MessageDesk(
                    self._database,
                    now=self.now,
                    queued=self._dispatcher.poke,
                    counters=self._dispatcher.counters,
                ),
                links=LinkDesk(self._database, self._links, lines, wall=ground.wall, reload=self.reload_links),
                journal=office,
                keys=keys,
                wall=self._wall_s,
                postback_rejected=self._metrics.postback_rejected,
                order_conflicted=self._alarms.order_conflicted,
                zone=ground.programme.zone,
                currency=ground.settings.programme.currency,
                owns_main=ground.owns_main,
                terms_version=ground.settings.programme.terms_version,
                version=__version__,
            ),
        )

    def _wall_s(self) -> float:
        return self._ground.wall().timestamp()


def _accrues(outcomes: Sequence[Outcome]) -> bool:
    return any(isinstance(event, CashbackAccrued) for outcome in outcomes for event in outcome.events)


async def _close_door(door: HttpDoor, listening: IListeningPort) -> None:
    await Deferred.fromCoroutine(_stop_listening(listening))
    await door.drain()
    door.abort_connections()


async def _stop_listening(listening: IListeningPort) -> None:
    stopped = listening.stopListening()
    if stopped is not None:
        await stopped
