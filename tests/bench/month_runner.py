"""The month job as the gateway runs it, in a process of its own: `month_runner.py URL RATE` prints one JSON line.

Its reactor, database threads, notices and ledger lane are the gateway's. With RATE above 0 charges arrive at that
many a second in an open loop while the job runs: each is timed from the instant it was due, not from its sending.
"""

import json
import random
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import month_world
from sqlalchemy import Connection, func, select
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, react

from billing.catalogue import Catalogue
from billing.commands import DrawCharge
from billing.decision import Context, Outcome
from billing.programme import Programme
from billing.store import month, schema
from billing.words import ChargeType
from gateway.database import Database
from gateway.ledger_lane import LedgerLane
from gateway.month_job import MonthJob, MonthSurroundings
from gateway.notices import Timing, notices_for
from sms.outbox import enqueue
from sms.outbox.quiet import QuietHours

TICK_S = 0.005
PROGRAMME = Programme()


class TimedDatabase:
    """The database's door, which notes how long each writing transaction took with its commit."""

    def __init__(self, database: Database, seconds: Callable[[], float]) -> None:
        self._database = database
        self._seconds = seconds
        self.taken: list[float] = []

    def transact(self, work: Any, *args: Any, **kwargs: Any) -> "Deferred[Any]":
        """Timed from the start of the work in its thread to the news of its commit."""
        began: list[float] = []

        def timed(connection: Connection) -> Any:
            began.append(self._seconds())
            return work(connection, *args, **kwargs)

        def noted(result: Any) -> Any:
            self.taken.append(self._seconds() - began[-1])
            return result

        return self._database.transact(timed).addCallback(noted)

    def read(self, work: Any, *args: Any, **kwargs: Any) -> "Deferred[Any]":
        """As it is."""
        return self._database.read(work, *args, **kwargs)


class Charges:
    """An open loop of charges of random subscriptions."""

    def __init__(self, lane: LedgerLane, reactor: Any, *, rate: int, subscriptions: int) -> None:
        self._lane, self._reactor, self._rate, self._subscriptions = lane, reactor, rate, subscriptions
        self._rng = random.Random(1)
        self._began = reactor.seconds()
        self._sent = 0
        self.latencies: list[float] = []
        self._failed: list[Any] = []

    def send(self) -> None:
        """Those that are due by now."""
        due = int((self._reactor.seconds() - self._began) * self._rate)
        while self._sent < due:
            planned = self._began + (self._sent + 1) / self._rate
            number = self._rng.randrange(self._subscriptions)
            charge = DrawCharge(
                charge_id=f"bench-{self._sent}",
                msisdn=month_world.msisdn(number),
                type=ChargeType.USAGE,
                amount=100,
            )
            self._sent += 1
            done = self._lane.execute(charge)
            _ = done.addCallbacks(self._answered, self._failed.append, callbackArgs=(planned,))

    def _answered(self, _outcome: Outcome, planned: float) -> None:
        self.latencies.append(self._reactor.seconds() - planned)

    def figures(self) -> dict[str, float]:
        """In milliseconds."""
        assert not self._failed, self._failed[:3]
        assert len(self.latencies) == self._sent
        if not self.latencies:
            return {}
        return {
            "charges": self._sent,
            "charge_p50_ms": statistics.median(self.latencies) * 1e3,
            "charge_p99_ms": _p99(self.latencies) * 1e3,
            "charge_max_ms": max(self.latencies) * 1e3,
        }


async def run(reactor: Any, url: str, rate: str) -> None:
    """The whole month, then its figures."""
    database = Database(url, reactor)
    await database.start()
    timed = TimedDatabase(database, reactor.seconds)
    nobody: Any = None
    context = Context(
        now=month_world.START, programme=PROGRAMME, catalogue=Catalogue(partners={}, promos={}), ids=nobody
    )
    timing = Timing(now=month_world.START, quiet=QuietHours(), zone=PROGRAMME.zone)

    def record(connection: Connection, outcomes: Sequence[Outcome], _context: Context) -> None:
        enqueue(connection, notices_for([event for one in outcomes for event in one.events], timing))

    around = MonthSurroundings(
        context=lambda: context,
        timing=lambda: timing,
        monotonic=reactor.seconds,
        fault=lambda _point: None,
        queued=lambda: None,
        requested=lambda: None,
    )
    job = MonthJob(timed, around, installed_at=month_world.START - month_world.AGE)
    lane = LedgerLane(database, context=lambda: context, record=record, committed=lambda _outcomes: None)
    subscriptions = await database.read(_subscriptions)
    charges = Charges(lane, reactor, rate=int(rate), subscriptions=subscriptions)
    loop = LoopingCall(charges.send)
    loop.clock = reactor
    if int(rate):
        _ = loop.start(TICK_S)
    began, processor_began = reactor.seconds(), time.process_time()
    await job.run_due(month_world.START)
    taken, processor_s = reactor.seconds() - began, time.process_time() - processor_began
    if loop.running:
        loop.stop()
    await lane.stop()
    figures = {
        "seconds": taken,
        "chunks": len(timed.taken),
        "chunk_p50_ms": statistics.median(timed.taken) * 1e3,
        "chunk_p99_ms": _p99(timed.taken) * 1e3,
        "chunk_max_ms": max(timed.taken) * 1e3,
        **charges.figures(),
        "processor_s": processor_s,
        "rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    done = await database.read(month.run_of, month_world.PERIOD)
    await database.stop()
    assert done is not None
    assert (done.status, done.charged_count) == ("done", subscriptions)
    print(json.dumps(figures))


def _subscriptions(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(schema.subscription)).scalar_one())


def _p99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[98] if len(values) > 1 else values[0]


if __name__ == "__main__":
    react(lambda reactor, *args: Deferred.fromCoroutine(run(reactor, *args)), sys.argv[1:])
