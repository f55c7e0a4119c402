"""Charges in bulk against the rule that decides them one by one: the same rows, answers and notices, any switches."""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from both_databases import Databases
from sqlalchemy import Connection

from billing.answers import ChargeAnswer
from billing.catalogue import Catalogue
from billing.charging import Split
from billing.commands import DrawCharge
from billing.decision import Context, Outcome
from billing.errors import LedgerRefusal
from billing.events import LedgerEvent
from billing.programme import Programme
from billing.records import Accrual, Balances, Record, Reward, Subscription
from billing.store import rows
from billing.store.bulk_charges import bulk_line, draw_many
from billing.store.ledger import execute
from billing.store.writer import put
from billing.words import AccrualState, Block, Category, ChargeType, Contract, Network, OrderChannel

LINES = int(os.environ.get("DIFFERENTIAL_LINES", "400"))
"""Per set of switches and seed."""
SEEDS = range(int(os.environ.get("DIFFERENTIAL_SEEDS", "2")))
NOW = datetime(2025, 4, 10, 9, 30, tzinfo=UTC)
PERIOD, EARLIER = "2025-04", "2025-03"
SWITCHES = {
    "as described": Programme(),
    "cashback pays usage and fees": Programme(spend_types=frozenset({ChargeType.USAGE, ChargeType.TARIFF_FEE})),
    "monthly cap": Programme(monthly_spend_cap=15_000),
    "whole or not at all": Programme(part_payment=False),
    "main is elsewhere": Programme(main_balance="external"),
    "cap on usage, whole or not at all": Programme(
        monthly_spend_cap=9_000, part_payment=False, spend_types=frozenset({ChargeType.USAGE})
    ),
}
SHAPES = (rows.BALANCE, rows.CHARGE, rows.POSTING, rows.REQUEST_KEY, rows.ACCRUAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a way of drawing came to."""

    answers: list[Any]
    events: list[LedgerEvent]


class World:
    """Random subscriptions in every state that a charge may find."""

    def __init__(self, seed: int, size: int) -> None:
        self.rng = random.Random(seed)
        self.numbers: list[str] = []
        self.records: list[Record] = []
        key = 0
        for place in range(size):
            key += self.rng.choice((1, 2, 1000, 10**9))
            self.numbers.append(f"7916{place:07d}")
            self.records += self.given_subscription(key, self.numbers[-1])

    def given_subscription(self, key: int, number: str) -> Iterator[Record]:
        rng = self.rng
        yield Subscription(
            subscription_id=key,
            msisdn=number,
            contract=rng.choice((Contract.INDIVIDUAL, Contract.INDIVIDUAL, Contract.CORPORATE)),
            network=rng.choice((Network.ON_NET, Network.ON_NET, Network.OFF_NET)),
            blocks=frozenset(block for block in Block if rng.random() < 0.1),
            created_at=NOW - timedelta(days=99),
        )
        bonus = rng.choice((0, 0, 7_000))
        cashback = rng.choice((0, 0, 1, 5_000, 15_000, rng.randrange(60_000)))
        limit = rng.choice((0, 0, 5_000))
        main = rng.choice((0, 800, 30_000, 200_000)) - rng.choice((0, limit))
        yield Balances(
            subscription_id=key,
            bonus=bonus,
            cashback=cashback,
            main=main,
            held_cashback=rng.choice((0, 0, 0, cashback, cashback // 2)),
            held_main=rng.choice((0, 0, 0, main + limit, (main + limit) // 2)),
            credit_limit=limit,
            next_entry=rng.choice((1, 2, 77)),
            bonus_period=rng.choice(("", EARLIER, PERIOD)),
            bonus_new=rng.choice((0, bonus, bonus // 2)),
            credited_period=rng.choice((PERIOD, PERIOD, PERIOD, PERIOD, EARLIER)),
            cap_period=rng.choice(("", EARLIER, PERIOD)),
            cap_used=rng.choice((0, 4_000, 15_000, 20_000)),
            spent_period=rng.choice(("", EARLIER, PERIOD)),
            used_up_period=rng.choice(("", EARLIER, PERIOD)),
        )
        if bonus:
            yield given_accrual(key)

    def given_line(self, number: int) -> DrawCharge:
        rng = self.rng
        charge_id = f'c-"{number}\\'
        if rng.random() < 0.04:
            charge_id = f'c-"{rng.randrange(number + 1)}\\'
        if rng.random() < 0.01:
            charge_id = rng.choice((f"fee:2025-04:{rng.randrange(1, 9)}", "hold:x"))
        busy = self.numbers[: len(self.numbers) // 10]
        unknown = ["79169999998", "79169999999"]
        return DrawCharge(
            charge_id=charge_id,
            msisdn=rng.choice(
                rng.choice((busy, self.numbers, self.numbers, unknown if rng.random() < 0.2 else busy))
            ),
            type=rng.choice(tuple(ChargeType)),
            amount=rng.choice((1, 100, 4_999, 5_000, 65_000, rng.randrange(1, 20_000), rng.randrange(1, 300))),
            occurred_at=rng.choice((None, NOW, NOW - timedelta(days=2), NOW + timedelta(minutes=rng.choice((5, 6))))),
        )


def given_accrual(key: int) -> Accrual:
    return Accrual(
        subscription_id=key,
        partner="ozon",
        order_id=f"o-{key}",
        partner_name="Ozon",
        category=Category.SHOP,
        click_id="c",
        promise=Reward(percent=5_000_000),
        min_purchase=0,
        terms_version="1",
        goods=140_000,
        delivery=0,
        channel=OrderChannel.WEB,
        paid_at=NOW - timedelta(days=31),
        paid_figures="f",
        recorded_at=NOW - timedelta(days=31),
        deadline=NOW + timedelta(days=50),
        state=AccrualState.ACCRUED,
        reward=7_000,
        confirmed_goods=140_000,
        confirmed_at=NOW - timedelta(days=20),
        accrued_period=EARLIER,
    )


def context_of(programme: Programme) -> Context:
    nobody: Any = None
    return Context(now=NOW, programme=programme, catalogue=Catalogue(partners={}, promos={}), ids=nobody)


def draw_one_by_one(connection: Connection, lines: list[DrawCharge], context: Context) -> Told:
    told = Told(answers=[], events=[])
    for line in lines:
        (result,) = execute(connection, [line], context)
        if isinstance(result, Outcome):
            assert isinstance(result.answer, ChargeAnswer)
            told.answers.append((result.answer.cashback, result.answer.main, result.answer.unpaid))
            told.events.extend(result.events)
        else:
            told.answers.append((result.code, result.detail))
    return told


def draw_in_bulk(connection: Connection, lines: list[DrawCharge], context: Context, rng: random.Random) -> Told:
    told = Told(answers=[], events=[])
    while lines:
        size = rng.choice((1, 7, 60, 200))
        drawn = draw_many(connection, [bulk_line(line) for line in lines[:size]], context)
        lines = lines[size:]
        told.answers.extend(map(shown, drawn.results))
        told.events.extend(drawn.events)
    return told


def shown(result: Split | LedgerRefusal) -> tuple[Any, ...]:
    if isinstance(result, LedgerRefusal):
        return (result.code, result.detail)
    return (result.cashback, result.main, result.unpaid)


def everything(connection: Connection, shape: Any) -> list[Any]:
    return sorted((shape.record(row) for row in connection.execute(shape.select())), key=repr)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("programme", SWITCHES.values(), ids=SWITCHES.keys())
def test_charges_in_bulk_are_those_that_the_rule_draws_one_by_one(
    databases: Databases, programme: Programme, seed: int
) -> None:
    world = World(seed, LINES // 8)
    lines = [world.given_line(number) for number in range(LINES)]
    context = context_of(programme)
    ruled, bulk = databases.open(), databases.open()
    for connection in (ruled, bulk):
        put(connection, world.records, NOW)
    expected = draw_one_by_one(ruled, lines, context)
    found = draw_in_bulk(bulk, lines, context, world.rng)
    assert found.answers == expected.answers
    assert sorted(map(repr, found.events)) == sorted(map(repr, expected.events))
    for shape in SHAPES:
        assert everything(bulk, shape) == everything(ruled, shape)


def test_the_same_lines_again_are_answered_the_same_and_change_nothing(databases: Databases) -> None:
    world = World(5, 40)
    lines = [bulk_line(world.given_line(number)) for number in range(200)]
    context = context_of(Programme())
    connection = databases.open()
    put(connection, world.records, NOW)
    first = draw_many(connection, lines, context)
    before = [everything(connection, shape) for shape in SHAPES]
    again = draw_many(connection, lines, context)
    drawn = [shown(one) for one in first.results if isinstance(one, Split)]
    assert [shown(one) for one in again.results if isinstance(one, Split)] == drawn
    assert (again.events, again.booked) == ([], [])
    assert [everything(connection, shape) for shape in SHAPES] == before
