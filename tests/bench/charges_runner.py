"""Charges through the gateway's ledger lane in a process of its own: `charges_runner.py URL COUNT SEED`.

64 are in flight: whoever has an answer asks for the next charge. The reactor and the database threads are the
gateway's. Prints the seconds taken as JSON.
"""

import json
import random
import sys
import time
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2])]

from charges_world import NOW, msisdn  # noqa: E402 - the path above
from twisted.internet.defer import Deferred, gatherResults  # noqa: E402 - as above
from twisted.internet.task import react  # noqa: E402 - as above

from billing.catalogue import Catalogue  # noqa: E402 - as above
from billing.commands import DrawCharge  # noqa: E402 - as above
from billing.decision import Context  # noqa: E402 - as above
from billing.programme import Programme  # noqa: E402 - as above
from billing.words import ChargeType  # noqa: E402 - as above
from gateway.database import Database  # noqa: E402 - as above
from gateway.ledger_lane import LedgerLane  # noqa: E402 - as above

IN_FLIGHT = 64


async def _ask(lane: LedgerLane, waiting: list[DrawCharge]) -> None:
    while waiting:
        outcome = await lane.execute(waiting.pop())
        assert not outcome.hit


async def _run(reactor: Any, url: str, count: int, seed: int) -> None:
    nobody: Any = None
    context = Context(now=NOW, programme=Programme(), catalogue=Catalogue(partners={}, promos={}), ids=nobody)
    rng = random.Random(seed)
    commands = [
        DrawCharge(
            charge_id=f"bill-{number}-{rng.randrange(10**9)}", msisdn=msisdn(rng), type=ChargeType.USAGE, amount=100
        )
        for number in range(count)
    ]
    database = Database(url, reactor)
    await database.start()
    lane = LedgerLane(database, context=lambda: context, record=lambda *_: None, committed=lambda _: None)
    began = time.perf_counter()
    await gatherResults([Deferred.fromCoroutine(_ask(lane, commands)) for _ in range(IN_FLIGHT)], consumeErrors=True)
    print(json.dumps({"seconds": time.perf_counter() - began}))
    await lane.stop()
    await database.stop()


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(_run(reactor, sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
