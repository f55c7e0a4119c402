"""The whole simulator, wired in one place; started in order, stopped in reverse with a limit on each step."""

from collections.abc import Callable, Coroutine
from typing import Any
from zoneinfo import ZoneInfo

from twisted.internet.defer import CancelledError, Deferred, TimeoutError  # noqa: A004 - Twisted's own
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from simulator.api.network import NetworkApi
from simulator.api.phones import PhoneApi
from simulator.api.shops import ShopApi
from simulator.capture import Capture
from simulator.clock import NetworkClock
from simulator.errors import PortTaken
from simulator.events import Changes
from simulator.faults import FaultPlan
from simulator.gateway_client import GatewayClient
from simulator.handsets import Handsets
from simulator.http import Door, Routes
from simulator.link_gate import BACKLOG, LinkGate
from simulator.links import Links
from simulator.messages import MessageStore
from simulator.origination import Origination
from simulator.pages import Pages
from simulator.personas import EVERY_PERSONA
from simulator.rng import Rng
from simulator.sessions import Accounts
from simulator.settings import Settings
from simulator.settings import Simulator as SimulatorSettings
from simulator.shops import Shops
from simulator.smsc import Smsc
from simulator.subscribers import Subscribers
from simulator.ussd_centre import UssdCentre
from simulator.waiting import ended, port_of
from sms.smpp.config import Timing
from sms.smpp.server import SmscFactory

STOP_SECONDS_MAX = 3.0
UNBIND_SECONDS_MAX = 1.0
CONNECTIONS_MAX = 4_000


class SimulatedNetwork:
    """The operator's side: SMSC, USSD centre, handsets, shops, and the HTTP that shows them."""

    log = Logger()

    def __init__(
        self,
        settings: Settings,
        *,
        reactor: Any,
        wall: Callable[[], float],
        rng_for_seed: Callable[[int], Rng],
    ) -> None:
        """`reactor` listens, connects and keeps time; `wall` is the time of day in seconds."""
        options = self._settings = settings.simulator
        self._reactor = reactor
        self._wall = wall
        self._web: IListeningPort | None = None
        self._gateway = GatewayClient(url=options.gateway_url, reactor=reactor)
        self._clock = NetworkClock(
            gateway=self._gateway,
            key=options.gateway_key,
            wall=wall,
            clock=reactor,
            zone=ZoneInfo(options.zone),
        )
        self._changes = Changes(reactor)
        self._store = MessageStore(capacity=options.messages_max)
        self._handsets = Handsets(self._store)
        self._capture = Capture(capacity=options.pdus_max, wall=wall)
        plan = FaultPlan(rng_for_seed=rng_for_seed)
        accounts = Accounts(settings.accounts, uniform_errors=options.bind_errors == "uniform")
        self._ussd = UssdCentre(
            settings=options, accounts=accounts, plan=plan, clock=reactor, changed=self._changes.note
        )
        self.smsc = Smsc(
            settings=options,
            accounts=accounts,
            store=self._store,
            handsets=self._handsets,
            plan=plan,
            ussd=self._ussd,
            capture=self._capture,
            network_clock=self._clock,
            clock=reactor,
            wall=wall,
            changed=self._changes.note,
        )
        self._gate = self._guarded(accounts)
        self.links = Links(
            plan=plan,
            gate=self._gate,
            accounts=accounts,
            smsc=self.smsc,
            clock=reactor,
            rng_for_seed=rng_for_seed,
        )
        self._door = Door(self._routes(), clock=reactor, allowed_hosts=(options.host, *options.allowed_hosts))

    def _guarded(self, accounts: Accounts) -> LinkGate:
        """The SMPP listener behind the gate that faults are switched at."""
        factory = SmscFactory(
            self.smsc,
            authenticate=accounts.authenticate,
            clock=self._reactor,
            timing=_timing(self._settings),
            connections_max=CONNECTIONS_MAX,
        )
        return LinkGate(
            factory,
            reactor=self._reactor,
            host=self._settings.host,
            port=self._settings.smpp_port,
            tap_of=self._capture.tap_of,
        )

    def _routes(self) -> Routes:
        """Every call of the HTTP contract, and the pages."""
        key, forwarding = self._settings.gateway_key, self.smsc.forwarding
        routes = Routes()
        Pages().add_to(routes)
        PhoneApi(
            clock=self._reactor,
            subscribers=Subscribers(gateway=self._gateway, key=key),
            network_clock=self._clock,
            handsets=self._handsets,
            forwarding=forwarding,
            ussd=self._ussd,
            origination=Origination(smsc=self.smsc, forwarding=forwarding, store=self._store, wall=self._wall),
            changes=self._changes,
        ).add_to(routes)
        shops = Shops(gateway=self._gateway, key=key, wall=self._wall, secrets=self._settings.shop_secrets)
        ShopApi(shops).add_to(routes)
        NetworkApi(
            settings=self._settings,
            network_clock=self._clock,
            store=self._store,
            smsc=self.smsc,
            ussd=self._ussd,
            links=self.links,
            capture=self._capture,
            changes=self._changes,
        ).add_to(routes)
        return routes

    @property
    def smpp_port(self) -> int:
        """Where ESMEs bind."""
        return self._gate.port

    @property
    def web_port(self) -> int:
        """Where the pages and `/sim` are."""
        return self._settings.sim_port if self._web is None else port_of(self._web)

    async def start(self) -> None:
        """Open both ports; raises PortTaken, with nothing left open."""
        await self.links.apply(EVERY_PERSONA[self._settings.persona].faults)
        try:
            self._web = self._reactor.listenTCP(
                self._settings.sim_port, self._door, backlog=BACKLOG, interface=self._settings.host
            )
        except CannotListenError:
            await self._gate.close()
            raise PortTaken("HTTP", self._settings.sim_port) from None

    async def stop(self) -> None:
        """End dialogues, unbind sessions, close ports; each step within its limit."""
        self._ussd.stop()
        await self._step("unbind", self.smsc.stop())
        await self._step("close the SMPP port", self._gate.close())
        self._gate.cut_all()
        self._changes.stop()
        if self._web is not None:
            web, self._web = self._web, None
            await self._step("close the HTTP port", ended(web.stopListening()))
        self._clock.stop()
        await self._step("close HTTP connections", self._door.stop())
        await self._step("close the gateway's connections", self._gateway.stop())

    async def _step(self, what: str, work: Coroutine[Deferred[Any], Any, None]) -> None:
        try:
            await Deferred.fromCoroutine(work).addTimeout(STOP_SECONDS_MAX, self._reactor)
        except (TimeoutError, CancelledError):
            self.log.warn("could not {what} within {seconds:g} s", what=what, seconds=STOP_SECONDS_MAX)  # noqa: G010 - Twisted's own logger


def _timing(options: SimulatorSettings) -> Timing:
    return Timing(
        session_init_s=options.bind_deadline_s,
        enquire_link_s=options.enquire_link_s,
        response_timeout_s=options.response_timeout_s,
        inactivity_s=options.inactivity_s or None,
        partial_pdu_s=options.partial_pdu_s,
        write_stall_s=options.write_stall_s,
        unbind_s=UNBIND_SECONDS_MAX,
    )
