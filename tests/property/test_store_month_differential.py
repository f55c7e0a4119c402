"""The month job's SQL against the pure step of every subscription: the same rows, whatever the switches."""

import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from both_databases import Databases
from msgspec.structs import replace
from sqlalchemy import Connection

from billing.calendar import period_of, period_start
from billing.catalogue import Catalogue
from billing.charging import fee_charge_id
from billing.decision import Context
from billing.events import BillPaidFromCashback, CashbackCredited, CashbackUsedUp
from billing.month_rules import MonthAccount, MonthStep, step_month
from billing.programme import Programme
from billing.records import Accrual, Balances, Charge, Record, Reward, Subscription, Tariff
from billing.store import month, rows, schema
from billing.store.writer import put
from billing.words import (
    AccrualState,
    Block,
    Category,
    ChargeStatus,
    ChargeType,
    Contract,
    Network,
    OrderChannel,
    Reason,
)

SUBSCRIPTIONS = int(os.environ.get("DIFFERENTIAL_SUBSCRIPTIONS", "250"))
"""Per set of switches; 1,700 and more make 10,000 in all."""

PERIOD, EARLIER, LATER = "2025-04", "2025-03", "2025-05"
ZONE = Programme().zone
START = period_start(PERIOD, ZONE)
SWITCHES = {
    "as described": Programme(),
    "cashback pays usage alone": Programme(spend_types=frozenset({ChargeType.USAGE})),
    "monthly cap": Programme(monthly_spend_cap=15_000),
    "whole or not at all": Programme(part_payment=False),
    "main is elsewhere": Programme(main_balance="external"),
    "cap without part payment": Programme(monthly_spend_cap=9_000, part_payment=False),
}
TARIFFS = {"smart": 65_000, "mini": 7_700, "zero": 0}


class World:
    """Random subscriptions and what they had before the 1st."""

    def __init__(self, seed: int, size: int) -> None:
        self.rng = random.Random(seed)
        self.accounts: dict[int, MonthAccount] = {}
        self.drawn: list[Charge] = []
        key = 0
        for _ in range(size):
            key += self.rng.choice((1, 1, 2, 1000, 10**9))
            self.accounts[key] = self.given_account(key)

    def records(self) -> Iterator[Record]:
        yield from (Tariff(code=code, fee=fee) for code, fee in TARIFFS.items())
        for account in self.accounts.values():
            yield account.subscription
            yield account.balances
            yield from account.open_accruals
        yield from self.drawn

    def given_account(self, key: int) -> MonthAccount:
        rng = self.rng
        subscription = Subscription(
            subscription_id=key,
            msisdn=rng.choice(("", *[f"79{key:013d}"[:15]] * 9)),
            contract=rng.choice((Contract.INDIVIDUAL, Contract.INDIVIDUAL, Contract.CORPORATE)),
            network=rng.choice((Network.ON_NET, Network.ON_NET, Network.ON_NET, Network.OFF_NET)),
            tariff=rng.choice((None, "smart", "smart", "mini", "zero")),
            blocks=frozenset(block for block in Block if rng.random() < 0.15),
            created_at=START + rng.choice((-1, -1, -1, 0, 1)) * timedelta(days=3) * rng.choice((0, 1, 1)),
        )
        accruals = tuple(self.given_accrual(key, number) for number in range(rng.choice((0, 0, 1, 3))))
        balances = self.given_balances(key)
        fee = TARIFFS.get(subscription.tariff or "", 0)
        if fee and rng.random() < 0.1:
            self.drawn.append(self.given_fee(key, fee))
            fee = 0
        return MonthAccount(subscription=subscription, balances=balances, open_accruals=accruals, fee=fee)

    def given_balances(self, key: int) -> Balances:
        rng = self.rng
        bonus, cashback = self.given_sum(), self.given_sum()
        credit_limit = rng.choice((0, 0, 0, 5_000, 100_000))
        main = max(
            -credit_limit, rng.choice((0, 800, 30_000, 64_999, 65_000, 80_000)) - rng.choice((0, credit_limit))
        )
        return Balances(
            subscription_id=key,
            bonus=bonus,
            cashback=cashback,
            main=main,
            held_cashback=rng.choice((0, 0, 0, cashback, cashback // 2)),
            held_main=rng.choice((0, 0, 0, main + credit_limit, (main + credit_limit) // 2)),
            carry_over=rng.choice((0, 0, 500)),
            credit_limit=credit_limit,
            next_entry=rng.choice((1, 2, 77)),
            welcomed=rng.random() < 0.5,
            bonus_period=rng.choice(("", EARLIER, PERIOD, LATER)),
            bonus_new=rng.choice((0, bonus, bonus // 2)),
            credited_period=rng.choice((EARLIER, EARLIER, EARLIER, "2024-12", PERIOD, LATER)),
            cap_period=rng.choice(("", EARLIER, PERIOD, LATER)),
            cap_used=rng.choice((0, 5_000, 15_000, 20_000)),
            spent_period=rng.choice(("", EARLIER, PERIOD, LATER)),
            used_up_period=rng.choice(("", EARLIER, PERIOD, LATER)),
        )

    def given_sum(self) -> int:
        return self.rng.choice((0, 0, 1, 5_000, 7_700, 15_000, 64_999, 65_000, self.rng.randrange(100_000)))

    def given_accrual(self, key: int, number: int) -> Accrual:
        rng = self.rng
        state = rng.choice((AccrualState.PENDING, AccrualState.PENDING, AccrualState.ACCRUED, AccrualState.REJECTED))
        deadline = START + rng.choice((-1, 0, 1)) * timedelta(microseconds=rng.choice((0, 1, 10**11)))
        return Accrual(
            subscription_id=key,
            partner="ozon",
            order_id=f"o-{key}-{number}",
            partner_name="Ozon",
            category=Category.SHOP,
            click_id="c",
            promise=Reward(percent=5_000_000),
            min_purchase=0,
            terms_version="1",
            goods=100_000,
            delivery=0,
            channel=OrderChannel.WEB,
            paid_at=START - timedelta(days=91),
            paid_figures="f",
            recorded_at=START - timedelta(days=90),
            deadline=deadline,
            state=state,
            reason=Reason.REJECTED_BY_SHOP if state is AccrualState.REJECTED else None,
            reward=rng.choice((100, 5_000)),
            accrued_period=rng.choice((EARLIER, PERIOD)) if state is AccrualState.ACCRUED else "",
        )

    def given_fee(self, key: int, fee: int) -> Charge:
        return Charge(
            subscription_id=key,
            charge_id=fee_charge_id(PERIOD, key),
            entry_no=1,
            type=ChargeType.TARIFF_FEE,
            amount=fee,
            cashback=0,
            main=0,
            unpaid=fee,
            status=ChargeStatus.UNPAID,
            period=PERIOD,
            occurred_at=START,
            booked_at=START,
        )


def given_ledger(connection: Connection, world: World) -> None:
    put(connection, world.records(), START - timedelta(days=400))


def context_at(now: datetime, programme: Programme) -> Context:
    nobody: Any = None
    return Context(now=now, programme=programme, catalogue=Catalogue(partners={}, promos={}), ids=nobody)


def run_in_chunks(
    connection: Connection, context: Context, rng: random.Random
) -> tuple[month.MonthRun, list[month.MonthNotice]]:
    """The whole run in chunks of random sizes, some of them run twice."""
    told: list[month.MonthNotice] = []
    run = month.request_run(connection, PERIOD, context)
    while bounds := month.next_bounds(connection, run, rng.randrange(1, 60)):
        month.run_chunk(connection, PERIOD, bounds, context)
        told += month.notices_of_chunk(connection, bounds)
        if rng.random() < 0.2:
            again = month.run_chunk(connection, PERIOD, bounds, context)
            assert {getattr(again, name) for name in month.TOTALS} == {0}
            assert not list(month.notices_of_chunk(connection, bounds))
        run = month.request_run(connection, PERIOD, context)
    month.finish_run(connection, PERIOD, context.now)
    found = month.run_of(connection, PERIOD)
    assert found is not None
    return found, told


def everything(connection: Connection, shape: Any) -> list[Any]:
    return sorted((shape.record(row) for row in connection.execute(shape.select())), key=repr)


def as_understood(balances: Balances, current: str) -> Balances:
    """What `bonus_new` says: nothing once its month is over. Subscriptions with nothing to do are not rewritten."""
    is_said = balances.bonus_period == current and balances.bonus_new
    return balances if is_said else replace(balances, bonus_period="", bonus_new=0)


def expected_records(world: World, steps: dict[int, MonthStep]) -> dict[type, list[Any]]:
    """All records as the pure steps leave them."""
    found: dict[type, dict[Any, Any]] = {Balances: {}, Accrual: {}, Charge: {}}
    keys = {Balances: "subscription_id", Accrual: "order_id", Charge: "charge_id"}
    for record in [*world.records(), *(record for step in steps.values() for record in step.records)]:
        if type(record) in found:
            found[type(record)][getattr(record, keys[type(record)])] = record
    return {kind: sorted(records.values(), key=repr) for kind, records in found.items()}


@pytest.mark.parametrize("now", [START, START + timedelta(days=2), datetime(2025, 5, 3, tzinfo=UTC)])
@pytest.mark.parametrize("switches", SWITCHES)
def test_the_set_based_month_writes_what_the_pure_step_of_each_subscription_decides(
    databases: Databases, switches: str, now: datetime
) -> None:
    size = SUBSCRIPTIONS if now == START else SUBSCRIPTIONS // 3
    world = World(seed=size + len(switches) + now.day, size=size)
    context = context_at(now, SWITCHES[switches])
    steps = {key: step_month(account, PERIOD, context) for key, account in world.accounts.items()}
    connection = databases.open()
    given_ledger(connection, world)
    run, told = run_in_chunks(connection, context, world.rng)
    expected = expected_records(world, steps)
    assert everything(connection, rows.ACCRUAL) == expected[Accrual]
    assert everything(connection, rows.CHARGE) == expected[Charge]
    postings = sorted((posting for step in steps.values() for posting in step.postings), key=repr)
    assert everything(connection, rows.POSTING) == postings
    current = period_of(now, ZONE)
    found = [as_understood(one, current) for one in everything(connection, rows.BALANCE)]
    assert found == [as_understood(one, current) for one in expected[Balances]]
    assert_totals(run, list(steps.values()))
    assert_notices(told, steps)


def assert_totals(run: month.MonthRun, steps: list[MonthStep]) -> None:
    expired = [accrual for step in steps for accrual in step.expired]
    fees = [step.fee for step in steps if step.fee is not None]
    assert run.status == "done"
    assert run.subscriptions == len(steps)
    assert (run.expired_count, run.expired_amount) == (len(expired), sum(one.reward for one in expired))
    credited = [step.credited for step in steps if step.credited]
    assert (run.credited_count, run.credited_amount) == (len(credited), sum(credited))
    assert (run.charged_count, run.charged_amount) == (len(fees), sum(fee.amount for fee in fees))
    assert run.charged_cashback == sum(fee.cashback for fee in fees)
    assert run.charged_main == sum(fee.main for fee in fees)
    assert run.charged_unpaid == sum(fee.unpaid for fee in fees)
    assert run.notices == sum(len(step.events) for step in steps)


def assert_notices(told: list[month.MonthNotice], steps: dict[int, MonthStep]) -> None:
    by_key = {notice.subscription_id: notice for notice in told}
    assert len(by_key) == len(told)
    for key, step in steps.items():
        notice = by_key.get(key)
        assert (notice is not None) == bool(step.events)
        if notice is None:
            continue
        credited = sum(event.amount for event in step.events if isinstance(event, CashbackCredited))
        bills = [event for event in step.events if isinstance(event, BillPaidFromCashback)]
        assert notice.credited == credited
        assert [(one.amount, one.cashback, one.main, one.unpaid) for one in bills] == (
            [(notice.fee, notice.cashback, notice.main, notice.unpaid)] if notice.cashback else []
        )
        assert notice.used_up == any(isinstance(event, CashbackUsedUp) for event in step.events)


def test_a_run_whose_checkpoint_is_lost_writes_nothing_new(databases: Databases) -> None:
    world = World(seed=7, size=120)
    context = context_at(START, Programme())
    connection = databases.open()
    given_ledger(connection, world)
    run_in_chunks(connection, context, world.rng)
    shapes = (rows.POSTING, rows.CHARGE, rows.BALANCE, rows.ACCRUAL)
    before = [everything(connection, shape) for shape in shapes]
    connection.execute(schema.month_run.delete())
    run, told = run_in_chunks(connection, replace(context, now=START + timedelta(hours=5)), world.rng)
    assert [everything(connection, shape) for shape in shapes] == before
    assert told == []
    assert (run.charged_count, run.expired_count, run.notices) == (0, 0, 0)
