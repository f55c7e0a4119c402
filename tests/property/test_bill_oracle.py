"""The ledger and the month job's SQL against a second implementation of the rules, on random accounts.

FIRSTCHARGE_LONG=1 takes 100,000 accounts for each of the two.
"""

import os
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from both_databases import Databases
from sqlalchemy import Connection, select

from billing.answers import ChargeAnswer, RefundAnswer, ReservationAnswer
from billing.calendar import period_start
from billing.catalogue import Catalogue
from billing.commands import (
    Command,
    CommitReservation,
    DrawCharge,
    RefundCharge,
    ReleaseReservation,
    Reserve,
    TopUp,
)
from billing.decision import Context, Outcome
from billing.events import BillPaidFromCashback, CashbackUsedUp
from billing.programme import Programme
from billing.records import Balances, Record, Subscription, Tariff
from billing.store import month, schema
from billing.store.ledger import execute
from billing.store.writer import put
from billing.words import ChargeType

sys.path.insert(0, str(Path(__file__).parents[1] / "reference"))

from bill_oracle import Oracle, Rules

IS_LONG = os.environ.get("FIRSTCHARGE_LONG") == "1"
PERIOD = "2025-04"
START = period_start(PERIOD, Programme().zone)
NOW = datetime(2025, 4, 9, 10, tzinfo=UTC)
EVERY_TYPE = frozenset(ChargeType)
SWITCHES = {
    "as described": Programme(),
    "cashback pays usage and fees alone": Programme(spend_types=frozenset({ChargeType.USAGE, ChargeType.TARIFF_FEE})),
    "monthly cap": Programme(monthly_spend_cap=15_000),
    "whole or not at all": Programme(part_payment=False),
}
ACCOUNTS = (100_000 if IS_LONG else 1_600) // len(SWITCHES)
BILLED = (100_000 if IS_LONG else 1_600) // (len(SWITCHES) * 2)
"""Per set of switches; the month's also per database."""
GROUP = 1_000
SUMS = (0, 0, 1, 99, 5_000, 7_700, 15_000, 64_999, 65_000)
FEES = {"smart": 65_000, "mini": 7_700, "odd": 1}


@dataclass
class Account:
    """One account in both books, with what was done to it."""

    key: int
    oracle: Oracle
    tariff: str
    rng: random.Random
    bill_count: int = 0
    holds: dict[str, tuple[ChargeType, int]] = field(default_factory=dict)

    @property
    def msisdn(self) -> str:
        return f"79{self.key:09d}"

    def records(self) -> Iterator[Record]:
        held = [sum(one[i] for one in self.oracle.held.values()) for i in (0, 1)]
        yield Subscription(
            subscription_id=self.key, msisdn=self.msisdn, tariff=self.tariff, created_at=START - timedelta(days=40)
        )
        yield Balances(
            subscription_id=self.key,
            bonus=self.oracle.bonus,
            cashback=self.oracle.cashback,
            main=self.oracle.main,
            held_cashback=held[0],
            held_main=held[1],
            credit_limit=self.oracle.credit_limit,
            credited_period="2025-03",
        )


def some_sum(rng: random.Random) -> int:
    return rng.choice((*SUMS, rng.randrange(100_000)))


def some_account(key: int, programme: Programme, rng: random.Random) -> Account:
    rules = Rules(
        spend_types=frozenset(one.value for one in programme.spend_types),
        monthly_cap=programme.monthly_spend_cap,
        part_payment=programme.part_payment,
    )
    limit = rng.choice((0, 0, 5_000, 100_000))
    oracle = Oracle(
        rules=rules,
        bonus=some_sum(rng),
        cashback=some_sum(rng),
        main=some_sum(rng) - rng.choice((0, limit)),
        credit_limit=limit,
    )
    if rng.random() < 0.3:
        main = rng.choice((0, oracle.main + limit, (oracle.main + limit) // 2))
        oracle.held["given"] = (rng.choice((0, oracle.cashback, oracle.cashback // 2)), main)
    return Account(key=key, oracle=oracle, tariff=rng.choice(list(FEES)), rng=rng)


def given_accounts(connection: Connection, programme: Programme, count: int, seed: int) -> list[Account]:
    rng = random.Random(seed)
    accounts = [some_account(key, programme, rng) for key in range(1, count + 1)]
    put(connection, [Tariff(code=code, fee=fee) for code, fee in FEES.items()], START)
    for first in range(0, count, GROUP):
        put(connection, [one for account in accounts[first : first + GROUP] for one in account.records()], START)
    return accounts


def context_at(now: datetime, programme: Programme) -> Context:
    nobody: Any = None
    return Context(now=now, programme=programme, catalogue=Catalogue(partners={}, promos={}), ids=nobody)


Expected = tuple[int, ...] | str | None


def next_step(account: Account, number: int) -> tuple[Command, Expected]:
    """A random command and what the oracle answers; None: it is not asked how."""
    rng, oracle, name = account.rng, account.oracle, f"{account.key}-{number}"
    kinds = ["charge", "charge", "charge", "again", "topup", "reserve", "end", "refund"]
    kind = rng.choice(kinds)
    amount = max(1, some_sum(rng))
    charge_type = rng.choice(list(ChargeType))
    if kind == "topup":
        oracle.top_up(amount)
        return TopUp(topup_id=name, msisdn=account.msisdn, amount=amount), None
    if kind == "reserve":
        cashback, main = oracle.split(charge_type, amount, PERIOD)
        answer: Expected = "INSUFFICIENT_FUNDS"
        if cashback + main == amount:
            oracle.held[name] = answer = (cashback, main)
            account.holds[name] = (charge_type, amount)
        return (
            Reserve(reservation_id=name, msisdn=account.msisdn, type=charge_type, amount=amount, expires_in_s=3_600),
            answer,
        )
    if kind == "end" and account.holds:
        hold, (charge_type, held) = account.holds.popitem()
        oracle.held.pop(hold)
        if rng.random() < 0.4:
            return ReleaseReservation(reservation_id=hold), None
        amount = rng.choice((held, max(1, held // 2)))
        drawn = oracle.charge(f"hold:{hold}", charge_type, amount, PERIOD)
        assert isinstance(drawn, tuple)
        return CommitReservation(reservation_id=hold, amount=amount), drawn[:2]
    if kind == "refund" and oracle.charges and oracle.rules.monthly_cap is None:
        charge = rng.choice(list(oracle.charges))
        return RefundCharge(charge_id=charge, refund_id=name, amount=amount), oracle.refund(charge, amount)
    if kind == "again" and oracle.charges:
        known = rng.choice([one for one in oracle.charges if not one.startswith("hold:")] or [name])
        if known != name:
            charge_type, known_amount = ChargeType(oracle.charges[known][0]), oracle.charges[known][1]
            amount = known_amount + rng.choice((0, 0, 1))
            name = known
    answer = oracle.charge(name, charge_type, amount, PERIOD)
    return DrawCharge(charge_id=name, msisdn=account.msisdn, type=charge_type, amount=amount), answer


def answered(result: Outcome | Exception) -> Expected:
    """What the ledger said, in the oracle's words."""
    if not isinstance(result, Outcome):
        return str(result.code)  # type: ignore[attr-defined]
    answer = result.answer
    if isinstance(answer, ChargeAnswer):
        assert answer.cashback + answer.main + answer.unpaid == answer.amount
        return answer.cashback, answer.main, answer.unpaid
    if isinstance(answer, RefundAnswer):
        return answer.unpaid, answer.main, answer.cashback
    if isinstance(answer, ReservationAnswer) and answer.state.value != "released":
        return answer.cashback, answer.main
    return None


def assert_same_sums(connection: Connection, accounts: list[Account]) -> None:
    """Balances, and the parts of every charge, as the oracle has them."""
    columns = schema.balance.c
    found = {
        row[0]: tuple(row[1:])
        for row in connection.execute(select(columns.subscription_id, columns.bonus, columns.cashback, columns.main))
    }
    assert found == {one.key: (one.oracle.bonus, one.oracle.cashback, one.oracle.main) for one in accounts}
    parts = schema.charge.c
    total = parts.cashback + parts.main + parts.settled + parts.unpaid + parts.refunded_unpaid
    assert not connection.execute(select(parts.charge_id).where(total != parts.amount)).all()


@pytest.mark.parametrize("switches", SWITCHES)
def test_the_ledger_splits_every_charge_as_the_second_reading_of_the_rules_does(switches: str) -> None:
    programme = SWITCHES[switches]
    databases = Databases(None)
    connection = databases.open()
    accounts = given_accounts(connection, programme, ACCOUNTS, seed=len(switches))
    told: dict[int, list[str]] = {one.key: [] for one in accounts}
    credited = set()
    for number in range(8):
        for first in range(0, len(accounts), GROUP):
            some = accounts[first : first + GROUP]
            for one in some:
                if one.key not in credited:  # the month's credit comes before its first charge (24, 25)
                    credited.add(one.key)
                    one.oracle.credit()
            steps = [next_step(one, number) for one in some]
            results = execute(connection, [command for command, _ in steps], context_at(NOW, programme))
            for account, (command, expected), result in zip(some, steps, results, strict=True):
                assert answered(result) == expected, (account, command, result)
                events = result.events if isinstance(result, Outcome) else ()
                told[account.key] += [
                    {BillPaidFromCashback: "bill", CashbackUsedUp: "used_up"}[type(event)]
                    for event in events
                    if isinstance(event, BillPaidFromCashback | CashbackUsedUp)
                ]
    for one in accounts:
        assert sorted(told[one.key]) == sorted(what for what, _ in one.oracle.told), one
    for first in range(0, len(accounts), GROUP):  # whoever was only refused has this month's credit outstanding
        some = accounts[first : first + GROUP]
        last = [TopUp(topup_id=f"last-{one.key}", msisdn=one.msisdn, amount=1) for one in some]
        assert all(isinstance(one, Outcome) for one in execute(connection, last, context_at(NOW, programme)))
        for one in some:
            one.oracle.top_up(1)
    assert_same_sums(connection, accounts)
    databases.close()


@pytest.mark.parametrize("switches", SWITCHES)
def test_the_month_jobs_sql_splits_every_fee_as_the_second_reading_of_the_rules_does(
    databases: Databases, switches: str
) -> None:
    programme = SWITCHES[switches]
    connection = databases.open()
    accounts = given_accounts(connection, programme, BILLED, seed=100 + len(switches))
    context = context_at(START, programme)
    run = month.request_run(connection, PERIOD, context)
    told: dict[int, tuple[int, int]] = {}
    while bounds := month.next_bounds(connection, run, GROUP):
        month.run_chunk(connection, PERIOD, bounds, context)
        for notice in month.notices_of_chunk(connection, bounds):
            told[notice.subscription_id] = (notice.cashback, int(notice.used_up))
        run = month.request_run(connection, PERIOD, context)
    columns = schema.charge.c
    found = {
        row[0]: tuple(row[1:])
        for row in connection.execute(select(columns.subscription_id, columns.cashback, columns.main, columns.unpaid))
    }
    for account in accounts:
        fee = FEES[account.tariff]
        account.oracle.credit()
        split = account.oracle.charge("fee", "tariff_fee", fee, PERIOD)
        if isinstance(split, str):  # refused as a charge; the fee is due all the same and stays open whole
            split = (0, 0, fee)
        assert found[account.key] == split, account
        assert sum(found[account.key]) == fee
        bill, used_up = told.get(account.key, (0, 0))
        owed = [what for what, _ in account.oracle.told]
        assert (bool(bill), used_up) == ("bill" in owed, owed.count("used_up")), account
    assert_same_sums(connection, accounts)
