"""Builders of the gateway's larger parts: each takes the ground all stand on and what the part alone needs."""

import secrets
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from random import SystemRandom
from typing import Any

from sqlalchemy.exc import InterfaceError, OperationalError
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort

from billing.programme import Programme
from gateway import faults
from gateway.database import Database
from gateway.grouping import TooManyWaiting
from gateway.http.api import ApiParts, build_router
from gateway.http.auth import Keys
from gateway.http.door import DoorLimits, HttpDoor
from gateway.ledger_lane import LedgerLane
from gateway.logs import Masker
from gateway.main_balance import SHARE_OF_SOFT_DEADLINE, MainBalanceService
from gateway.notices import Timing
from gateway.rendering import NoticeRenderer
from gateway.settings import LinkSection, Settings, to_policy, to_quiet_hours
from gateway.ussd_app import UssdApplication, UssdTerms
from gateway.ussd_reading import UssdLookups
from sms.delivery.counters import DeliveryCounters
from sms.delivery.submission import sender_of
from sms.dispatcher import Dispatcher, LinkTerms, SendingTerms, Surroundings
from ussd.menu import MENUS, CodeTable
from ussd.records import SessionRecord
from ussd.service import UssdService
from ussd.settings import UssdSettings

MS_PER_S = 1_000
COOKIE_OCTETS = 32
BACKLOG = 1_024
"""Connections that may wait to be accepted: hundreds of callers at once are refused by Twisted's default of 50."""


class CannotServe(Exception):
    """The gateway cannot start; the message says what is wrong and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What every part stands on: settings, clocks, reactor, database."""

    settings: Settings
    programme: Programme
    reactor: Any
    database: Database
    wall: Callable[[], datetime]
    now: Callable[[], datetime]
    owner: str
    """Name of this run of this process, as no other is or was named."""
    fault: faults.Fault
    mask: Masker

    @property
    def owns_main(self) -> bool:
        """Whether the main balance is in this ledger (rule 42)."""
        return self.programme.main_balance == "internal"

    def timing(self, now: datetime | None = None) -> Timing:
        """When a notice of `now` (default: the business clock's) may go."""
        return Timing(now=now or self.now(), quiet=to_quiet_hours(self.settings), zone=self.programme.zone)


def link_terms(link: LinkSection) -> LinkTerms:
    """What sending must know of a link."""
    return LinkTerms(
        name=link.name,
        rate_per_s=link.rate_per_s or None,
        weight=link.weight,
        status_classes=link.status_classes,
        carriage=link.carriage,
        query=link.query,
    )


def build_dispatcher(ground: Ground, counters: DeliveryCounters) -> Dispatcher:
    """The outbox's sender with a line per SMS link."""
    settings = ground.settings
    renderer = NoticeRenderer(
        programme=ground.programme, now=ground.now, mode=settings.sms.unicode, owns_main=ground.owns_main
    )
    return Dispatcher(
        SendingTerms(
            owner=ground.owner,
            sender=sender_of(settings.sms.sender),
            quiet=to_quiet_hours(settings),
            service=to_policy(settings, settings.sms.policies.service),
            advert=to_policy(settings, settings.sms.policies.advert),
            parts_max=settings.sms.segments_max,
            receipt_wait_s=settings.sms.receipt_wait_s,
        ),
        [link_terms(link) for link in settings.links if "sms" in link.roles],
        Surroundings(
            clock=ground.reactor,
            wall=ground.wall,
            business=lambda _connection: ground.now(),
            rng=SystemRandom(),
            transact=ground.database.transact,
            fault=ground.fault,
        ),
        render=renderer.render,
        counters=counters,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UssdParts:
    """What USSD alone needs."""

    lane: LedgerLane
    lookups: UssdLookups
    queue_balance: Callable[[str, str, bool], Awaitable[bool]]
    main_balance: MainBalanceService
    session_ended: Callable[[SessionRecord], None]


def build_main_balance(ground: Ground) -> MainBalanceService:
    """Whoever owns the main balance where this ledger does not; else it is never asked (rule 42)."""
    soft_s = ground.settings.ussd.soft_deadline_ms / MS_PER_S
    url = ground.settings.programme.main_balance_url
    return MainBalanceService(url, ground.reactor, seconds_max=soft_s * SHARE_OF_SOFT_DEADLINE)


def build_ussd(ground: Ground, parts: UssdParts) -> UssdService:
    """Dialogues, menus and what answers them."""
    section = ground.settings.ussd
    application = UssdApplication(
        parts.lane,
        parts.lookups,
        terms=UssdTerms(
            zone=ground.programme.zone,
            terms_version=ground.settings.programme.terms_version,
            owns_main=ground.owns_main,
            menus=MENUS,
        ),
        clock=ground,
        queue_balance=parts.queue_balance,
        ask_main=parts.main_balance.main_of,
        fault=ground.fault,
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
        clock=ground.reactor,
        now=ground.now,
        new_id=lambda: uuid.uuid4().hex,
        mask=ground.mask,
        records=parts.session_ended,
    )


def build_keys(settings: Settings) -> Keys:
    """The keys of the HTTP door; cookies are good until the process ends."""
    return Keys([key.record() for key in settings.keys], secrets.token_bytes(COOKIE_OCTETS))


def build_door(ground: Ground, parts: ApiParts) -> HttpDoor:
    """The HTTP door with every route."""
    http = ground.settings.http
    return HttpDoor(
        build_router(parts),
        parts.keys,
        reactor=ground.reactor,
        wall=parts.wall,
        unavailable=(TooManyWaiting, OperationalError, InterfaceError),
        limits=DoorLimits(
            connections_max=http.connections_max,
            connections_per_address_max=http.connections_per_address_max,
            calls_per_key_per_s=http.calls_per_key_per_s,
            calls_per_number_per_s=http.calls_per_number_per_s,
        ),
    )


def listen(ground: Ground, door: HttpDoor) -> IListeningPort:
    """Open the HTTP port.

    Raises:
        CannotServe: it is taken.
    """
    section = ground.settings.http
    try:
        listening: IListeningPort = ground.reactor.listenTCP(
            section.port, door, backlog=BACKLOG, interface=section.host
        )
    except CannotListenError as error:
        raise CannotServe(
            f"http.port = {section.port}: {section.host} port {section.port} is taken"
            f" ({error.socketError}); stop that program or choose another port"
        ) from error
    return listening
