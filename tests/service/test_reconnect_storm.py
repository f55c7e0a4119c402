"""Hundreds of links whose SMSC goes and comes back, in virtual time: no storm of binds."""

import os
import random
from collections import Counter, deque
from itertools import pairwise
from typing import Any

from smpp_ends import Handler, Transport
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectingCancelledError, ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from sms.smpp.client import EsmeLink, LinkState
from sms.smpp.codec import decode, encode
from sms.smpp.config import LinkConfig
from sms.smpp.pdu import Bind, BindTransceiverResp

LINKS = 500 if os.environ.get("FIRSTCHARGE_LONG") else 200
FEW = 40
DOWN_SECONDS = 20.0
STEP_SECONDS = 0.2
ONE_SECOND = 0.999  # but for what adding fifths loses
PEAK_PER_SECOND_MAX = LINKS * 0.3


class Smsc:
    """Refuses connections while it is down, and answers every bind while it is up."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.is_up = True
        self.drops_binds = False
        self.open: list[Any] = []
        self.asked: deque[tuple[Any, Transport]] = deque()
        self.binds: dict[int, list[float]] = {}

    def endpoint(self, number: int) -> "Endpoint":
        return Endpoint(self, number)

    def drop_all(self) -> None:
        dropped, self.open = self.open, []
        for protocol in dropped:
            protocol.connectionLost(Failure(ConnectionDone()))

    def turn(self) -> None:
        """Answer, or hang up on, those who asked since the last turn."""
        waiting, self.asked = self.asked, deque()
        for protocol, transport in waiting:
            octets = transport.value()
            if not octets:
                self.asked.append((protocol, transport))
                continue
            bind = decode(octets)
            assert isinstance(bind, Bind)
            if self.drops_binds:
                self.open.remove(protocol)
                protocol.connectionLost(Failure(ConnectionDone()))
            else:
                protocol.dataReceived(
                    encode(BindTransceiverResp(system_id="SMSC", sequence_number=bind.sequence_number))
                )


class Endpoint:
    """One link's way to it."""

    def __init__(self, smsc: Smsc, number: int) -> None:
        self._smsc = smsc
        self._number = number

    def connect(self, factory: Any) -> Deferred[Any]:
        connecting: Deferred[Any] = Deferred(lambda d: d.errback(ConnectingCancelledError(None)))
        smsc = self._smsc
        if not smsc.is_up:
            connecting.errback(ConnectError(string="nobody there"))
            return connecting
        smsc.binds.setdefault(self._number, []).append(smsc.clock.seconds())
        protocol, transport = factory.buildProtocol(None), Transport()
        protocol.makeConnection(transport)
        smsc.open.append(protocol)
        smsc.asked.append((protocol, transport))
        connecting.callback(protocol)
        return connecting


class Storm:
    """The links and their SMSC."""

    def __init__(self, links: int) -> None:
        self.clock = Clock()
        self.smsc = Smsc(self.clock)
        self.links = [self._link(number) for number in range(links)]
        for link in self.links:
            Deferred.fromCoroutine(link.start())
        self.run(1.0)

    def _link(self, number: int) -> EsmeLink:
        config = LinkConfig(name=f"l{number}", host="h", port=1, system_id="gateway", password="p")
        return EsmeLink(
            config, Handler(), endpoint=self.smsc.endpoint(number),  # type: ignore[arg-type] # as much as is called
            clock=self.clock, rng=random.Random(number),
        )  # fmt: skip

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / STEP_SECONDS)):
            self.clock.advance(STEP_SECONDS)
            self.smsc.turn()

    def stop(self) -> None:
        stopped = [Deferred.fromCoroutine(link.stop()) for link in self.links]
        self.smsc.drop_all()
        assert all(one.called for one in stopped)
        assert self.clock.getDelayedCalls() == []

    @property
    def bound(self) -> int:
        return sum(link.state is LinkState.BOUND for link in self.links)

    def shortest_gap(self) -> float:
        return min(later - earlier for times in self.smsc.binds.values() for earlier, later in pairwise(times))


def test_hundreds_of_links_come_back_spread_out_and_none_binds_twice_in_a_second() -> None:
    """Reliability test 14: back-off with full jitter, at most one bind a second each."""
    storm = Storm(LINKS)
    assert storm.bound == LINKS
    storm.smsc.is_up = False
    storm.smsc.drop_all()
    storm.run(DOWN_SECONDS)
    assert storm.bound == 0
    back_at = storm.clock.seconds()
    storm.smsc.is_up = True
    storm.run(31.0)
    assert storm.bound == LINKS, "reconnect_max_s after it is back"
    by_second = Counter(int(times[-1] - back_at) for times in storm.smsc.binds.values())
    assert max(by_second.values()) < PEAK_PER_SECOND_MAX, by_second
    assert storm.shortest_gap() >= ONE_SECOND
    storm.stop()


def test_an_smsc_that_hangs_up_on_every_bind_gets_one_a_second_at_most_and_soon_fewer() -> None:
    storm = Storm(FEW)
    storm.smsc.drops_binds = True
    storm.smsc.drop_all()
    for times in storm.smsc.binds.values():
        del times[:-1]
    storm.run(120.0)
    assert storm.shortest_gap() >= ONE_SECOND
    # On average: half of 1, 1, 1, 1.6, 3.2, 6.4, 12.8, 25.6, then half of 30 seconds between two.
    assert all(len(times) < 60 for times in storm.smsc.binds.values())
    assert sum(len(times) for times in storm.smsc.binds.values()) < FEW * 25
    storm.stop()
