"""The network's clock: whose time a record is stamped with."""

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from simulator.clock import NetworkClock
from simulator.errors import GatewayUnreachable
from simulator.gateway_client import GatewayAnswer

MOSCOW = ZoneInfo("Europe/Moscow")
NOON = "2025-03-03T12:00:00+03:00"
NINE = "2025-04-01T09:00:00+03:00"


class GatewayOnCue:
    """A gateway whose answers the test hands out one by one."""

    def __init__(self) -> None:
        self.asked: list[Deferred[GatewayAnswer]] = []

    async def call(self, *_: Any, **__: Any) -> GatewayAnswer:
        answer: Deferred[GatewayAnswer] = Deferred()
        self.asked.append(answer)
        return await answer

    def says(self, now: str | None) -> None:
        body = json.dumps({"now": now, "ran": []}).encode()
        self.asked.pop(0).callback(GatewayAnswer(status=200 if now else 404, body=body, headers={}))


class Bench:
    def __init__(self) -> None:
        self.reactor = Clock()
        self.wall = 1_000_000.0
        self.gateway = GatewayOnCue()
        self.clock = NetworkClock(
            gateway=self.gateway, key="k", wall=lambda: self.wall, clock=self.reactor, zone=MOSCOW
        )

    def record(self) -> float:
        """Something arrives, a millisecond after whatever was before."""
        self.wall += 0.001
        self.clock.poke()
        return self.wall

    def pass_time(self, seconds: float) -> None:
        self.wall += seconds
        self.reactor.advance(seconds)


def test_a_record_is_stamped_with_the_first_reading_asked_for_after_it_came() -> None:
    bench = Bench()
    at_noon = bench.record()
    bench.gateway.says(NOON)
    bench.pass_time(1)
    at_nine = bench.record()
    bench.gateway.says(NINE)
    assert bench.clock.stamp(at_noon) == datetime.fromisoformat(NOON)
    assert bench.clock.stamp(at_nine) == datetime.fromisoformat(NINE)


def test_a_record_that_came_while_a_reading_was_under_way_waits_for_the_next() -> None:
    bench = Bench()
    bench.record()
    during = bench.record()
    bench.gateway.says(NOON)
    bench.pass_time(0.06)
    bench.gateway.says(NINE)
    assert bench.clock.stamp(during) == datetime.fromisoformat(NINE)


def test_under_load_one_reading_is_under_way_and_they_are_spaced() -> None:
    bench = Bench()
    for _ in range(1000):
        bench.record()
    assert len(bench.gateway.asked) == 1
    bench.gateway.says(NOON)
    assert len(bench.gateway.asked) == 0
    bench.pass_time(0.06)
    assert len(bench.gateway.asked) == 1
    bench.gateway.says(NOON)


def test_settled_waits_for_the_reading_that_covers_every_record() -> None:
    bench = Bench()
    bench.record()
    bench.record()
    settled = Deferred.fromCoroutine(bench.clock.settled())
    bench.gateway.says(NOON)
    assert not settled.called
    bench.pass_time(0.06)
    bench.gateway.says(NINE)
    assert settled.called
    assert bench.reactor.getDelayedCalls() == []


def test_settled_does_not_wait_for_a_gateway_that_says_nothing() -> None:
    bench = Bench()
    bench.record()
    settled = Deferred.fromCoroutine(bench.clock.settled())
    bench.pass_time(1.01)
    assert settled.called
    bench.gateway.says(NOON)


def test_with_a_system_clock_at_the_gateway_stamps_are_this_machines_time_in_the_operators_zone() -> None:
    bench = Bench()
    at = bench.record()
    bench.gateway.says(None)
    assert bench.clock.stamp(at) == datetime.fromtimestamp(at, UTC)
    assert bench.clock.stamp(at).utcoffset() == bench.clock.stamp(at).astimezone(MOSCOW).utcoffset()
    bench.record()
    assert bench.gateway.asked == []


def test_a_gateway_that_is_away_is_asked_again_only_after_a_while() -> None:
    bench = Bench()
    at = bench.record()
    bench.gateway.asked.pop().errback(GatewayUnreachable("away"))
    bench.record()
    assert bench.gateway.asked == []
    assert bench.clock.stamp(at) == datetime.fromtimestamp(at, UTC)
    bench.pass_time(2.1)
    bench.record()
    assert len(bench.gateway.asked) == 1
    bench.gateway.says(NOON)


def test_stopping_gives_up_the_reading_under_way() -> None:
    bench = Bench()
    bench.record()
    bench.clock.stop()
    assert bench.reactor.getDelayedCalls() == []
