"""The composition: builds every part of the gateway from its settings, starts them in order, stops them in reverse.

Start: database, ledger, months that are due, outbox, dialogues, links, HTTP door. Stop: the door, dialogues, sending,
links, database. This module is the gateway's entry point: it alone imports the reactor.
"""

import os
import secrets
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import SystemRandom
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import InterfaceError, OperationalError
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import react
from twisted.logger import Logger

from billing.answers import AdvertsAnswer
from billing.calendar import period_of
from billing.decision import Context, Outcome
from billing.events import MemberLeft, NumberChanged
from gateway import __version__, faults, migrations
from gateway.alarms import Alarms
from gateway.campaigns import Campaigns
from gateway.clock_door import ClockDoor, DuePoll
from gateway.clocks import ManualClock, SystemClock, open_clock
from gateway.database import Database, DatabaseError, shown
from gateway.directory import StoredDirectory
from gateway.erasure import Erasure
from gateway.expiry import Expiry
from gateway.gauges import Gauges
from gateway.grouping import TooManyWaiting
from gateway.http.api import ApiParts, build_router
from gateway.http.auth import Keys
from gateway.http.door import DoorLimits, HttpDoor
from gateway.http.ports import MonthRunView
from gateway.ids import RandomIds
from gateway.keywords import Keywords
from gateway.ledger_lane import LedgerLane
from gateway.lifecycle import Lifecycle, Part
from gateway.links import Links
from gateway.logs import Masker, set_up_logs
from gateway.metrics import Metrics
from gateway.month_job import MonthJob, MonthSurroundings
from gateway.notices import Timing, notices_for
from gateway.operations import GatewayOperations
from gateway.reading import LedgerReads
from gateway.rendering import NoticeRenderer, queue_balance
from gateway.settings import Settings, to_policy, to_programme, to_quiet_hours
from gateway.settings_file import ConfigurationError, load
from gateway.ussd_app import UssdApplication, UssdTerms
from gateway.ussd_reading import UssdLookups
from gateway.ussd_records import UssdRecords
from sms.delivery.counters import DeliveryCounters
from sms.delivery.submission import sender_of
from sms.dispatcher import Dispatcher, LinkTerms, SendingTerms, Surroundings
from sms.inbound import Inbound
from sms.outbox import drop_adverts, enqueue, readdress
from ussd.menu import MENUS, CodeTable
from ussd.records import SessionRecord
from ussd.service import UssdService
from ussd.settings import UssdSettings

MS_PER_S = 1_000
COOKIE_OCTETS = 32
BACKLOG = 1_024
"""Connections that may wait to be accepted: hundreds of callers at once are refused by Twisted's default of 50."""
USSD_DRAIN_S = 2.5
SMS_DRAIN_S = 2.5
"""A stop takes at most 10 s in all."""


class CannotServe(Exception):
    """The gateway cannot start; the message says what is wrong and what to do."""


class Gateway:
    """One gateway process."""

    _log = Logger()

    def __init__(self, settings: Settings, reactor: Any, *, fault: faults.Fault, mask: Masker) -> None:
        self._settings = settings
        self._reactor = reactor
        self._fault = fault
        self._mask = mask
        self._lifecycle = Lifecycle(reactor)
        self._programme = to_programme(settings)
        self._database = Database(settings.database.url, reactor)
        self._ids = RandomIds(wall_now)
        self._clock: ManualClock | SystemClock = SystemClock(wall_now)
        self._directory = StoredDirectory(self._database, now=self.now)
        self._lane = LedgerLane(
            self._database, context=self._context, record=self._queue_notices, committed=self._committed
        )
        self._counters = DeliveryCounters()
        self._metrics = Metrics(self._counters)
        self._alarms = Alarms()
        self._dispatcher = self._build_dispatcher()
        self._keywords = Keywords(
            service_number=settings.sms.service_number,
            context=self._context,
            timing=lambda: self._timing(self.now()),
        )
        self._inbound = Inbound(
            self._dispatcher.journal,
            transact=self._database.transact,
            wall=wall_now,
            counters=self._counters,
            on_mo=self._keywords.answer,
            committed=self._dispatcher.poke,
        )
        self._lookups = UssdLookups(self._database, programme=self._programme, now=self.now)
        self._records = UssdRecords(self._database, lost=partial(self._log.failure, "ussd_records_lost"))
        self._ussd = self._build_ussd()
        self._links = Links(
            settings.links,
            reactor,
            lines=self._dispatcher.lines,
            inbound=self._inbound,
            ussd=self._ussd,
            changed=self._metrics.link_changed,
        )

    def now(self) -> datetime:
        """The business clock's now."""
        return self._clock.now()

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
        await start(Part(name="ledger", stop=self._lane.stop))
        expiry = Expiry(self._database, self._lane)
        months = MonthJob(self._database, self._month_surroundings(), installed_at=installed_at)
        await start(Part(name="look-ups", stop=self._lookups.stop))
        await start(Part(name="records", stop=self._records.stop))
        await start(Part(name="links", stop=self._links.stop))
        await start(Part(name="inbound", stop=self._inbound.stop))
        await start(
            Part(
                name="dispatcher",
                start=self._dispatcher.start,
                stop=partial(self._dispatcher.stop, SMS_DRAIN_S),
                stop_s_max=SMS_DRAIN_S + 1,
            )
        )
        clock_door = ClockDoor(self._clock, (expiry, months, self._dispatcher), self._reactor)
        await start(Part(name="clock", stop=clock_door.stop))
        await start(Part(name="expiry", start=partial(self._sweep, expiry), stop=expiry.stop))
        await start(Part(name="months", start=partial(self._catch_up, months, clock_door), stop=months.stop))
        if isinstance(self._clock, SystemClock):
            poll = DuePoll(self._clock, (expiry, months), self._reactor)
            await start(Part(name="poll", start=poll.start, stop=poll.stop))
        gauges = Gauges(
            self._metrics,
            self._reactor,
            database=self._database,
            links=self._links,
            now=self.now,
            current_month=partial(self._current_month, months),
            currency=self._settings.programme.currency,
        )
        await start(Part(name="gauges", start=gauges.start, stop=gauges.stop))
        await self._links.start()
        await start(
            Part(name="ussd", stop=partial(self._ussd.stop, limit_s=USSD_DRAIN_S), stop_s_max=USSD_DRAIN_S + 1)
        )
        door = self._build_door(months, clock_door)
        listening = self._listen(door)
        await start(Part(name="http", stop=partial(_close_door, door, listening)))
        self._log.info("gateway_ready {host} {port}", host=self._settings.http.host, port=self._settings.http.port)

    async def _open_database(self) -> None:
        try:
            await self._database.start()
            await self._database.read(migrations.check)
        except (DatabaseError, migrations.SchemaMismatch) as error:
            await self._database.stop()
            raise CannotServe(f"{shown(self._settings.database.url)}: {error}") from error
        except OperationalError as error:
            await self._database.stop()
            raise CannotServe(
                f"{shown(self._settings.database.url)}: {error.orig}; run: firstcharge db upgrade"
            ) from error

    async def _open_clock(self) -> datetime:
        """Stand where the clock stood; when the installation was first started."""
        section = self._settings.clock
        first = section.start or wall_now()
        stored, installed_at = await self._database.transact(open_clock, first)
        if section.kind == "manual":
            self._clock = ManualClock(self._database, stored)
        return installed_at

    async def _catch_up(self, months: MonthJob, door: ClockDoor) -> None:
        """Run what came due while the program was down, then move a manual clock to its configured start."""
        await months.run_due(self.now())
        start = self._settings.clock.start
        if door.is_manual() and start is not None and start > self.now():
            await door.advance(start)

    async def _sweep(self, expiry: Expiry) -> None:
        """What went out of date while the program was down goes back before a month draws anything (rule 24)."""
        await expiry.run_due(self.now())

    def _context(self) -> Context:
        return Context(now=self.now(), programme=self._programme, catalogue=self._directory.running, ids=self._ids)

    async def _current_month(self, months: MonthJob) -> MonthRunView:
        return await months.view(period_of(self.now(), self._programme.zone))

    def _timing(self, now: datetime) -> Timing:
        return Timing(now=now, quiet=to_quiet_hours(self._settings), zone=self._programme.zone)

    def _queue_notices(self, connection: Connection, outcomes: Sequence[Outcome], context: Context) -> None:
        events = [event for outcome in outcomes for event in outcome.events]
        if events:
            enqueue(connection, notices_for(events, self._timing(context.now)))
        for event in events:
            if isinstance(event, NumberChanged):
                readdress(connection, event.subscription.subscription_id, event.subscription.msisdn)
            elif isinstance(event, MemberLeft):
                drop_adverts(connection, event.subscription.subscription_id)
        for outcome in outcomes:
            if isinstance(outcome.answer, AdvertsAnswer) and not outcome.answer.membership.adverts:
                drop_adverts(connection, outcome.answer.membership.subscription_id)

    def _committed(self, outcomes: Sequence[Outcome]) -> None:
        self._metrics.committed(outcomes)
        if any(outcome.events for outcome in outcomes):
            self._dispatcher.poke()

    def _session_ended(self, record: SessionRecord) -> None:
        self._metrics.session_ended(record)
        self._records.add(record)

    async def _queue_balance(self, msisdn: str, ref: str, latin: bool) -> bool:
        timing = self._timing(self.now())
        is_queued = await self._database.transact(queue_balance, msisdn, ref, latin=latin, timing=timing)
        self._dispatcher.poke()
        return is_queued

    def _month_surroundings(self) -> MonthSurroundings:
        return MonthSurroundings(
            context=self._context,
            timing=lambda: self._timing(self.now()),
            monotonic=time.monotonic,
            fault=self._fault,
            queued=self._dispatcher.poke,
        )

    def _build_dispatcher(self) -> Dispatcher:
        settings = self._settings
        renderer = NoticeRenderer(
            programme=self._programme,
            now=self.now,
            mode=settings.sms.unicode,
            owns_main=self._programme.main_balance == "internal",
        )
        return Dispatcher(
            SendingTerms(
                owner="gateway",
                sender=sender_of(settings.sms.sender),
                quiet=to_quiet_hours(settings),
                service=to_policy(settings, settings.sms.policies.service),
                advert=to_policy(settings, settings.sms.policies.advert),
            ),
            [
                LinkTerms(
                    name=link.name,
                    rate_per_s=link.rate_per_s or None,
                    weight=link.weight,
                    status_classes=link.status_classes,
                )
                for link in settings.links
                if "sms" in link.roles
            ],
            Surroundings(
                clock=self._reactor,
                wall=wall_now,
                business=self.now,
                rng=SystemRandom(),
                transact=self._database.transact,
                fault=self._fault,
            ),
            render=renderer.render,
            counters=self._counters,
        )

    def _build_ussd(self) -> UssdService:
        section = self._settings.ussd
        application = UssdApplication(
            self._lane,
            self._lookups,
            terms=UssdTerms(
                zone=self._programme.zone,
                terms_version=self._settings.programme.terms_version,
                owns_main=self._programme.main_balance == "internal",
                menus=MENUS,
            ),
            clock=self,
            queue_balance=self._queue_balance,
        )
        return UssdService(
            application,
            application,
            table=CodeTable(codes=section.codes, menus=MENUS),
            settings=UssdSettings(
                sessions_max=section.sessions_max,
                soft_s=section.soft_deadline_ms / MS_PER_S,
                hard_s=section.hard_deadline_ms / MS_PER_S,
            ),
            clock=self._reactor,
            now=self.now,
            new_id=lambda: uuid.uuid4().hex,
            mask=self._mask,
            records=self._session_ended,
        )

    def _build_door(self, months: MonthJob, clock_door: ClockDoor) -> HttpDoor:
        settings = self._settings
        keys = Keys([key.record() for key in settings.keys], secrets.token_bytes(COOKIE_OCTETS))
        operations = GatewayOperations(
            self._database,
            self._directory,
            self._links,
            programme=self._programme,
            clock=self,
            is_demo=settings.demo,
            current_month=partial(self._current_month, months),
            exposition=self._metrics.exposition,
            alarms=self._alarms.raised,
        )
        router = build_router(
            ApiParts(
                ledger=self._lane,
                erasing=Erasure(self._database, self._context),
                advertising=Campaigns(
                    self._database, timing=lambda: self._timing(self.now()), queued=self._dispatcher.poke
                ),
                reads=LedgerReads(
                    self._database,
                    programme=self._programme,
                    now=self.now,
                    records_written=self._records.written,
                ),
                directory=self._directory,
                months=months,
                clock=clock_door,
                operations=operations,
                keys=keys,
                wall=time.time,
                postback_rejected=self._metrics.postback_rejected,
                order_conflicted=self._alarms.order_conflicted,
                zone=self._programme.zone,
                currency=settings.programme.currency,
                owns_main=self._programme.main_balance == "internal",
                terms_version=settings.programme.terms_version,
                version=__version__,
            )
        )
        return HttpDoor(
            router,
            keys,
            reactor=self._reactor,
            wall=time.time,
            unavailable=(TooManyWaiting, OperationalError, InterfaceError),
            limits=DoorLimits(
                connections_max=settings.http.connections_max,
                connections_per_address_max=settings.http.connections_per_address_max,
                calls_per_key_per_s=settings.http.calls_per_key_per_s,
                calls_per_number_per_s=settings.http.calls_per_number_per_s,
            ),
        )

    def _listen(self, door: HttpDoor) -> IListeningPort:
        section = self._settings.http
        try:
            listening: IListeningPort = self._reactor.listenTCP(
                section.port, door, backlog=BACKLOG, interface=section.host
            )
        except CannotListenError as error:
            raise CannotServe(
                f"http.port = {section.port}: {section.host} port {section.port} is taken"
                f" ({error.socketError}); stop that program or choose another port"
            ) from error
        return listening


def wall_now() -> datetime:
    """The wall clock, aware, UTC."""
    return datetime.now(UTC)


async def _close_door(door: HttpDoor, listening: IListeningPort) -> None:
    await Deferred.fromCoroutine(_stop_listening(listening))
    await door.drain()
    door.abort_connections()


async def _stop_listening(listening: IListeningPort) -> None:
    stopped = listening.stopListening()
    if stopped is not None:
        await stopped


async def _main(reactor: Any, settings: Settings, environ: Mapping[str, str], log_secret: bytes) -> None:
    gateway = Gateway(settings, reactor, fault=faults.from_environment(environ), mask=Masker(log_secret))
    try:
        await gateway.start()
    except CannotServe as error:
        sys.stderr.write(f"firstcharge: {error}\n")
        raise SystemExit(1) from None
    reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(gateway.stop()))
    await Deferred()  # until the reactor is told to stop


def serve(config: Path | None, environ: Mapping[str, str]) -> int:
    """Run the gateway until SIGTERM or SIGINT; the exit code."""
    from twisted.internet import reactor  # noqa: PLC0415 - the entry point, after everything that can refuse

    try:
        settings = load(config, environ)
    except ConfigurationError as error:
        sys.stderr.write("".join(f"{finding}\n" for finding in error.findings))
        return 1
    log_secret = secrets.token_bytes(COOKIE_OCTETS)
    set_up_logs(sys.stdout, is_terminal=os.isatty(sys.stdout.fileno()), secret=log_secret)
    reactor.seconds = time.monotonic  # type: ignore[method-assign] # Twisted's timers stop when the wall clock goes back
    try:
        react(lambda running: Deferred.fromCoroutine(_main(running, settings, environ, log_secret)), _reactor=reactor)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    return 0
