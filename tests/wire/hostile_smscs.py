"""Our link beside a hostile SMSC for a while, and what was seen: binds, ends, outcomes, answers."""

import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from smpp_samples import submit_sm
from system import free_ports
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint

from simulator.app import SimulatedNetwork
from simulator.settings import Settings, Simulator
from sms.errors import RequestFailed, SmppError
from sms.smpp.client import EsmeLink
from sms.smpp.config import LinkConfig
from sms.smpp.constants import CommandStatus
from sms.smpp.events import Direction
from sms.smpp.pdu import Bind, DeliverSm, DeliverSmResp, Pdu
from sms.smpp.protocol import SmppProtocol

reactor: Any = _reactor
SUBMISSIONS = 4


class Watched:
    """The owner of our link, who submits a little after every bind and answers every delivery; and its notes."""

    def __init__(self, persona: str, *, answers: bool = True) -> None:
        self.persona = persona
        self.answers = answers
        self.binds_at: list[float] = []
        self.bound_at: list[float] = []
        self.ended_at: list[float] = []
        self.reasons: list[SmppError | None] = []
        self.outcomes: Counter[str] = Counter()
        self.unmatched: list[Pdu] = []
        self.requests: list[Pdu] = []
        self.said: Counter[tuple[str, int]] = Counter()
        """Names and statuses of what we sent."""
        self.is_bound = False
        self.is_leaving = False
        """What comes of our own leaving is no note."""
        self.waiting_max = 0

    def tap(self, direction: Direction, _octets: bytes, pdu: Pdu | None) -> None:
        if direction is Direction.SENT and pdu is not None:
            self.said[pdu.name, pdu.command_status] += 1
            if isinstance(pdu, Bind):
                self.binds_at.append(reactor.seconds())

    def bound(self, link: SmppProtocol) -> None:
        self.is_bound = True
        self.bound_at.append(reactor.seconds())
        for _ in range(SUBMISSIONS):
            link.try_request(submit_sm(), self._answered)

    def request_received(self, link: SmppProtocol, pdu: Pdu) -> None:
        self.requests.append(pdu)
        self.waiting_max = max(self.waiting_max, link.session.unanswered)
        if self.answers and isinstance(pdu, DeliverSm):
            link.respond(pdu, DeliverSmResp())

    def response_unmatched(self, link: SmppProtocol, request: Pdu | None, response: Pdu) -> None:
        del link, request
        self.unmatched.append(response)

    def session_ended(self, link: SmppProtocol, in_flight: list[Pdu], reason: SmppError | None) -> None:
        del link, in_flight
        if self.is_leaving:
            return
        self.is_bound = False
        self.ended_at.append(reactor.seconds())
        self.reasons.append(reason)

    def _answered(self, outcome: Pdu | RequestFailed) -> None:
        if isinstance(outcome, RequestFailed):
            self.outcomes[type(outcome).__name__] += 1
        else:
            self.outcomes[CommandStatus(outcome.command_status).name] += 1

    @property
    def accepted(self) -> int:
        return self.outcomes["ESME_ROK"]

    @property
    def kinds_of_end(self) -> set[str]:
        return {type(reason).__name__ for reason in self.reasons}

    @property
    def shortest_between_binds(self) -> float:
        return min((later - earlier for earlier, later in zip(self.binds_at, self.binds_at[1:], strict=False)),
                   default=1.0)  # fmt: skip


@asynccontextmanager
async def network(persona: str, **options: Any) -> AsyncIterator[SimulatedNetwork]:
    """A simulator that is this SMSC, in this process."""
    [away] = free_ports(1)
    simulator = Simulator(
        **{"sim_port": 0, "smpp_port": 0, "gateway_url": f"http://127.0.0.1:{away}", "persona": persona} | options
    )
    running = SimulatedNetwork(
        Settings(simulator=simulator), reactor=reactor, wall=time.time, rng_for_seed=random.Random
    )
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


@asynccontextmanager
async def link_to(port: int, owner: Watched, **options: Any) -> AsyncIterator[EsmeLink]:
    """Our link to the SMSC at this port, started."""
    config = LinkConfig(
        **{"name": owner.persona, "host": "127.0.0.1", "port": port, "system_id": "demo", "password": "demo"}
        | options
    )
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    link = EsmeLink(config, owner, endpoint=endpoint, clock=reactor, rng=random.Random(1), tap=owner.tap)
    await link.start()
    try:
        yield link
    finally:
        owner.is_leaving = True
        await link.stop()


async def watch(persona: str, seconds: float, **options: Any) -> Watched:
    """Our link beside this SMSC for so long."""
    owner = Watched(persona, answers=options.pop("answers", True))
    async with network(persona) as running, link_to(running.smpp_port, owner, **options):
        await pause(seconds)
    return owner


def pause(seconds: float) -> Deferred[None]:
    paused: Deferred[None] = Deferred()
    reactor.callLater(seconds, paused.callback, None)
    return paused
