"""Verification beside the traffic: what others commit between two ranges is no violation."""

from collections.abc import Callable
from typing import Any

import pytest_twisted
from both_databases import Databases
from ledger_world import A, B, World
from sqlalchemy import Connection, update
from twisted.internet.defer import Deferred, execute

from billing.programme import Programme
from billing.store import catalogue, month, schema
from billing.store.writer import put
from gateway import verification
from gateway.seal_key import SealKey
from gateway.verification import Verifier

PERIOD = "2025-04"


class Between:
    """Every look at once, on one connection; `meanwhile` happens after the first range."""

    def __init__(self, connection: Connection, meanwhile: Callable[[], object]) -> None:
        self._connection = connection
        self._meanwhile: Callable[[], object] | None = meanwhile

    def audit(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Deferred[Any]:
        done = execute(work, self._connection, *args, **kwargs)
        if work is verification._range and self._meanwhile is not None:
            self._meanwhile()
            self._meanwhile = None
        return done


def given_fees_to_draw(connection: Connection) -> World:
    world = World().subscriber(A, tariff="smart").subscriber(B, tariff="smart")
    for tariff in world.books.tariffs.values():
        catalogue.put_tariff(connection, tariff)
    put(connection, [*world.books.subscriptions.values(), *world.books.balances.values()], world.context.now)
    return world.at("2025-04-01 00:00")


def run_month(connection: Connection, world: World) -> None:
    run = month.request_run(connection, PERIOD, world.context)
    while bounds := month.next_bounds(connection, run):
        month.run_chunk(connection, PERIOD, bounds, world.context)
    month.finish_run(connection, PERIOD, world.context.now)


def verifier(database: Between) -> Verifier:
    key = SealKey(octets=b"k" * 32, is_secret=True)
    return Verifier(database, programme=Programme(), key=key)  # type: ignore[arg-type] - as much as is used


@pytest_twisted.ensureDeferred
async def test_a_month_that_ends_while_the_ledger_is_verified_is_no_violation(databases: Databases) -> None:
    connection = databases.open()
    world = given_fees_to_draw(connection)
    database = Between(connection, lambda: run_month(connection, world))
    assert (await verifier(database).verify()).violations == []
    assert month.request_run(connection, PERIOD, world.context).charged_amount == 130_000
    assert (await verifier(database).verify()).violations == []
    connection.execute(update(schema.month_run).values(charged_amount=1))
    assert [one["invariant"] for one in (await verifier(database).verify()).violations] == ["month_adds_up"]
