"""The month job with commands of the same subscriptions between its chunks, and after months of downtime.

After every chunk the world in memory takes the pure step of the chunk's subscriptions, then the same commands go to
both: answers, refusals, notices, look-ups and all rows must be the same, wherever the chunk's end fell.
"""

import pytest
import test_store_ledger_property as beside_store
from both_databases import Databases
from ledger_world import OFF, A, B, C, join
from sqlalchemy import Connection
from test_store_ledger_property import SWITCHES, Both
from test_store_month_differential import assert_notices

from billing.calendar import next_period, period_of, period_start
from billing.commands import PutSubscriber
from billing.month_rules import MonthStep, step_month
from billing.store import month, reads
from billing.words import Network, PostingKind

POOL = (A, B, C, OFF, *(f"7917000{number:04d}" for number in range(20)))
MONTHS_DOWN = 3


class Beside(Both):
    """A month whose chunks have commands between them."""

    def run_month(self, period: str, *, commands_max: int) -> month.MonthRun:
        """Chunk by chunk in both, up to so many commands and a look at every balance after each."""
        fees = []
        run = month.request_run(self.connection, period, self.context)
        while bounds := month.next_bounds(self.connection, run, self.rng.randrange(1, 7)):
            month.run_chunk(self.connection, period, bounds, self.context)
            told = list(month.notices_of_chunk(self.connection, bounds))
            steps = self.step(period, bounds)
            assert_notices(told, steps)
            fees += [step.fee for step in steps.values() if step.fee is not None]
            if commands_max:
                self.group([self.command() for _ in range(self.rng.randrange(commands_max))])
            self.look()
        month.finish_run(self.connection, period, self.context.now)
        found = month.run_of(self.connection, period)
        assert found is not None
        assert (found.status, found.charged_count) == ("done", len(fees))
        assert found.charged_amount == sum(fee.amount for fee in fees)
        return found

    def step(self, period: str, bounds: month.Bounds) -> dict[int, MonthStep]:
        """The pure step of the chunk's subscriptions, kept in memory."""
        steps = {}
        for key, subscription in sorted(self.world.books.subscriptions.items()):
            if bounds.above < key <= bounds.up_to:
                steps[key] = step_month(self.world.account(subscription, period), period, self.context)
                for record in steps[key].records:
                    self.world.books.put(record)
                self.world._keep(steps[key])
        assert len(steps) == bounds.subscriptions
        return steps

    def look(self) -> None:
        """What a dial would show of every number."""
        found = reads.balances_of(self.connection, POOL, self.context.now, self.context.programme)
        assert found == {number: self.view(number) for number in self.world.books.subscription_by_msisdn}

    def live(self, groups: int) -> None:
        """Some days of commands."""
        for _ in range(groups):
            self.group([self.command() for _ in range(self.rng.choice((2, 5, 12)))])
            self.move(hours=self.rng.randrange(1, 30))

    def to_next_first(self) -> str:
        """The clock stands at, or some hours after, the next 1st; its period."""
        zone = self.context.programme.zone
        period = next_period(period_of(self.context.now, zone))
        late_s = self.rng.choice((0, self.rng.randrange(90_000)))
        self.move(seconds=int((period_start(period, zone) - self.context.now).total_seconds()) + late_s)
        return period


def given(connection: Connection, seed: int, switches: str) -> Beside:
    both = Beside(connection, seed, SWITCHES[switches])
    both.group([PutSubscriber(msisdn=number, tariff="smart") for number in POOL if number != OFF])
    both.group([PutSubscriber(msisdn=OFF, network=Network.OFF_NET), *(join(number) for number in POOL[:2])])
    both.group([join(number) for number in POOL[4:]])
    return both


@pytest.fixture(autouse=True)
def more_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside_store, "NUMBERS", POOL)


@pytest.mark.parametrize("switches", SWITCHES)
def test_commands_between_the_chunks_of_a_month_meet_the_ledger_the_rule_leaves(
    databases: Databases, switches: str
) -> None:
    both = given(databases.open(), 3, switches)
    for _ in range(2 if databases.kind == "sqlite" else 1):
        both.live(12)
        both.run_month(both.to_next_first(), commands_max=9)
    both.check()


@pytest.mark.parametrize("commands_max", [0, 5])
def test_after_months_of_downtime_each_month_is_run_in_order_as_the_rule_says(
    databases: Databases, commands_max: int
) -> None:
    both = given(databases.open(), 7, "as described")
    both.live(30)
    zone = both.context.programme.zone
    periods = [next_period(period_of(both.context.now, zone))]
    while len(periods) < MONTHS_DOWN:
        periods.append(next_period(periods[-1]))
    late = period_start(periods[-1], zone) - both.context.now
    both.move(seconds=int(late.total_seconds()) + 200_000)
    for period in periods:
        run = both.run_month(period, commands_max=commands_max)
        assert run.charged_count > len(POOL) // 2
    both.check()
    drawn = [one.ref for one in both.world.journal if one.kind is PostingKind.CHARGE and one.ref.startswith("fee:")]
    assert drawn == sorted(drawn, key=lambda ref: ref.split(":")[1])
