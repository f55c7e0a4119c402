"""The ledger in the database against the ledger in memory: any commands, in groups of any size, over any months.

The world in memory decides every command alone and forgets nothing; the store loads what `needs` says, decides a
group and writes it. Answers, refusals and every row must be the same, and `verify` must find nothing.
"""

import os
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from both_databases import Databases
from ledger_world import OFF, A, B, C, CountingIds, World, full_form, join
from msgspec.structs import replace
from sqlalchemy import Connection

from billing.answers import BalanceView
from billing.calendar import next_period, period_of, period_start
from billing.commands import (
    CancelVoucher,
    ChangeNumber,
    Command,
    CommitReservation,
    CreditOnDemand,
    CreditPromo,
    DrawCharge,
    EraseSubscriber,
    ExpireReservation,
    ExpireVoucher,
    IssueVoucher,
    LeaveProgramme,
    OrderAmended,
    OrderConfirmed,
    OrderPaid,
    OrderRejected,
    OrderReturned,
    OverrideAccrual,
    PortOut,
    PutSubscriber,
    RecordClick,
    RedeemVoucher,
    RefundCharge,
    ReleaseReservation,
    Reserve,
    SetAdverts,
    TopUp,
)
from billing.decision import Outcome
from billing.errors import LedgerRefusal
from billing.store import catalogue, month, reads, rows
from billing.store.ledger import execute
from billing.store.verify import verify
from billing.views import balance_view, pending_sum
from billing.words import Block, Channel, ChargeType, Contract, Network, OrderChannel

STEPS = int(os.environ.get("LEDGER_STEPS", "60"))
SEEDS = range(int(os.environ.get("LEDGER_SEEDS", "5")))
NUMBERS = (A, A, A, B, C, OFF, "79169999999")
SHOPS = ("ozon", "ozon", "ozon", "aliexpress", "domino")
IDS = {"o": 9, "q": 25, "c": 25, "r": 25, "t": 25, "v": 25, "d": 25, "h": 15, "k": 25, "why": 3}
"""How many ids there are of each kind: few, so that they repeat."""

SWITCHES: dict[str, dict[str, Any]] = {
    "as described": {},
    "strict": {"voucher_days": 3, "part_payment": False, "returns_after_credit": "keep", "leave_credited": "lapse"},
    "capped": {"monthly_spend_cap": 20_000, "held_release": "at_once"},
    "some types": {"spend_types": frozenset({ChargeType.TARIFF_FEE}), "rate_at": "payment"},
    "external": {"main_balance": "external"},
}


class Both:
    """The same commands to the world in memory and to the database."""

    def __init__(self, connection: Connection, seed: int, switches: dict[str, Any]) -> None:
        self.rng = random.Random(seed)
        self.world = World(**switches)
        self.context = replace(self.world.context, ids=CountingIds())
        self.clicks: list[str] = []
        self.events: list[Any] = []
        self.connection = connection
        for tariff in self.world.books.tariffs.values():
            catalogue.put_tariff(self.connection, tariff)

    def group(self, commands: list[Command]) -> None:
        """One group through both; every answer, hit, event and refusal is the same."""
        results = execute(self.connection, commands, self.context)
        for command, result in zip(commands, results, strict=True):
            try:
                expected: Outcome | LedgerRefusal = self.world.do(command)
            except LedgerRefusal as refusal:
                expected = refusal
            if isinstance(expected, LedgerRefusal):
                assert isinstance(result, LedgerRefusal), command
                assert (type(result), result.field, result.details) == (
                    type(expected),
                    expected.field,
                    expected.details,
                )
                continue
            assert isinstance(result, Outcome)
            assert replace(result, records=()) == replace(expected, records=()), command
            assert set(result.records) == set(expected.records), command
            if isinstance(command, RecordClick):
                self.clicks.append(result.answer.click.click_id)

    def move(self, **by: int) -> None:
        now = self.world.context.now + timedelta(**by)
        self.world.context = replace(self.world.context, now=now)
        self.context = replace(self.context, now=now)

    def turn_month(self, *, is_late: bool) -> None:
        zone = self.context.programme.zone
        period = next_period(period_of(self.context.now, zone))
        start = period_start(period, zone)
        self.move(
            seconds=int((start - self.context.now).total_seconds()) + (self.rng.randrange(90_000) if is_late else 0)
        )
        if is_late:
            self.group([self.command() for _ in range(self.rng.randrange(1, 9))])
        self.world.month(period)
        run = month.request_run(self.connection, period, self.context)
        while bounds := month.next_bounds(self.connection, run, self.rng.randrange(1, 4)):
            month.run_chunk(self.connection, period, bounds, self.context)
            run = month.request_run(self.connection, period, self.context)
        month.finish_run(self.connection, period, self.context.now)

    def command(self) -> Command:
        return self.rng.choice(MAKERS)(self)

    def number(self) -> str:
        return self.rng.choice(NUMBERS)

    def amount(self) -> int:
        return self.rng.choice((1, 99, 5_000, 30_000, self.rng.randrange(1, 100_000)))

    def an_id(self, kind: str) -> str:
        return f"{kind}-{self.rng.randrange(IDS[kind])}"

    def a_code(self) -> str:
        return self.rng.choice(["NONE", *(one.code for one in self.world.books.vouchers.values())])

    def check(self) -> None:
        """All rows are the same, sums and look-ups too."""
        books = self.world.books
        everything: dict[Any, list[Any]] = {
            rows.SUBSCRIPTION: list(books.subscriptions.values()),
            rows.MEMBERSHIP: list(books.memberships.values()),
            rows.BALANCE: list(books.balances.values()),
            rows.REQUEST_KEY: list(books.keys.values()),
            rows.CLICK: list(books.clicks.values()),
            rows.ACCRUAL: list(books.accruals.values()),
            rows.CHARGE: list(books.charges.values()),
            rows.VOUCHER: list(books.vouchers.values()),
            rows.RESERVATION: list(books.reservations.values()),
            rows.POSTING: self.world.journal,
        }
        for shape, expected in everything.items():
            stored = [shape.record(row) for row in self.connection.execute(shape.select())]
            assert sorted(map(_bare, stored)) == sorted(map(_bare, expected)), shape.table.name
        assert verify(self.connection, self.context.programme).violations == ()
        now, programme = self.context.now, self.context.programme
        found = reads.balances_of(self.connection, NUMBERS, now, programme)
        assert found == {number: self.view(number) for number in books.subscription_by_msisdn}

    def view(self, number: str) -> BalanceView:
        books = self.world.books
        subscription = books.subscription_by_msisdn[number]
        key = subscription.subscription_id
        return balance_view(
            subscription,
            books.balances[key],
            books.memberships.get(key),
            pending=pending_sum(books.open_accruals.get(key, {}).values(), self.context.now),
            unpaid=sum(charge.unpaid for charge in books.open_charges.get(key, {}).values()),
            now=self.context.now,
            programme=self.context.programme,
        )


def _bare(record: Any) -> str:
    """A record for comparison: `bonus_new` of a month that is over says nothing, whatever it is."""
    is_old = getattr(record, "bonus_period", None) and not record.bonus_new
    return repr(replace(record, bonus_period="") if is_old else record)


def _put(both: Both) -> Command:
    rng = both.rng
    return PutSubscriber(
        msisdn=both.number(),
        contract=rng.choice((None, None, None, Contract.CORPORATE, Contract.INDIVIDUAL)),
        network=rng.choice((None, None, None, Network.OFF_NET, Network.ON_NET)),
        tariff=rng.choice((None, "smart", "zero", "none such")),
        blocks=rng.choice((None, frozenset(), frozenset({rng.choice(list(Block))}))),
        credit_limit=rng.choice((None, None, 0, 3_000)),
        time_zone=rng.choice((None, "Asia/Vladivostok")),
    )


def _give_up(both: Both) -> Command:
    """Now and then a number moves, is ported out or forgotten; mostly a top-up, so that something is left."""
    chance = both.rng.random()
    if chance < 0.15:
        return ChangeNumber(msisdn=both.number(), new_msisdn=both.number())
    if chance < 0.2:
        return PortOut(msisdn=both.number())
    if chance < 0.25:
        return EraseSubscriber(msisdn=both.number())
    return TopUp(topup_id=both.an_id("t"), msisdn=both.number(), amount=both.amount())


def _join(both: Both) -> Command:
    number = both.number()
    return full_form(number) if number == OFF else join(number)


def _paid(both: Both) -> Command:
    return OrderPaid(
        partner=both.rng.choice(SHOPS),
        order_id=both.an_id("o"),
        click_id=both.rng.choice([None, "no such", *both.clicks[-6:], *both.clicks[-6:]]),
        goods=both.amount(),
        delivery=0,
        channel=both.rng.choice((OrderChannel.WEB, OrderChannel.WEB, OrderChannel.PARTNER_APP)),
    )


MAKERS: tuple[Callable[[Both], Command], ...] = (
    _put,
    _give_up,
    _join,
    _join,
    _paid,
    _paid,
    lambda both: RecordClick(msisdn=both.number(), partner=both.rng.choice((*SHOPS, "none"))),
    lambda both: RecordClick(msisdn=both.number(), partner="ozon"),
    lambda both: LeaveProgramme(msisdn=both.number(), channel=Channel.WEB, confirm=both.rng.random() < 0.5),
    lambda both: SetAdverts(msisdn=both.number(), adverts=both.rng.random() < 0.5, source="sms"),
    lambda both: OrderConfirmed(
        partner=both.rng.choice(SHOPS), order_id=both.an_id("o"), goods=both.rng.choice((None, None, both.amount()))
    ),
    lambda both: OrderConfirmed(partner="ozon", order_id=both.an_id("o")),
    lambda both: OrderRejected(partner=both.rng.choice(SHOPS), order_id=both.an_id("o")),
    lambda both: OrderAmended(partner=both.rng.choice(SHOPS), order_id=both.an_id("o"), goods=both.amount()),
    lambda both: OrderReturned(
        partner=both.rng.choice(SHOPS),
        order_id=both.an_id("o"),
        returned_goods=both.rng.choice((None, both.amount())),
    ),
    lambda both: OverrideAccrual(partner=both.rng.choice(SHOPS), order_id=both.an_id("o"), reason=both.an_id("why")),
    lambda both: CreditPromo(promo="quiz", action_id=both.an_id("q"), msisdn=both.number(), amount=both.amount()),
    lambda both: DrawCharge(
        charge_id=both.an_id("c"),
        msisdn=both.number(),
        type=both.rng.choice(list(ChargeType)),
        amount=both.amount(),
        occurred_at=both.rng.choice((None, both.context.now, both.context.now - timedelta(days=3))),
    ),
    lambda both: DrawCharge(charge_id=both.an_id("c"), msisdn=A, type=ChargeType.USAGE, amount=both.amount()),
    lambda both: RefundCharge(charge_id=both.an_id("c"), refund_id=both.an_id("r"), amount=both.amount()),
    lambda both: RefundCharge(
        charge_id=f"fee:{period_of(both.context.now, both.context.programme.zone)}:1",
        refund_id=both.an_id("r"),
        amount=both.amount(),
    ),
    lambda both: TopUp(topup_id=both.an_id("t"), msisdn=both.number(), amount=both.amount()),
    lambda both: IssueVoucher(voucher_id=both.an_id("v"), msisdn=both.number(), amount=both.amount()),
    lambda both: Reserve(
        reservation_id=both.an_id("h"),
        msisdn=both.number(),
        type=both.rng.choice(list(ChargeType)),
        amount=both.amount(),
        expires_in_s=both.rng.choice((60, 200_000, 2_000_000)),
    ),
    lambda both: Reserve(
        reservation_id=both.an_id("h"), msisdn=A, type=ChargeType.USAGE, amount=both.amount(), expires_in_s=86_400
    ),
    lambda both: CommitReservation(reservation_id=both.an_id("h"), amount=both.amount()),
    lambda both: CommitReservation(reservation_id=both.an_id("h"), amount=99),
    lambda both: ReleaseReservation(reservation_id=both.an_id("h")),
    lambda both: ExpireReservation(reservation_id=both.an_id("h")),
    lambda both: RefundCharge(
        charge_id=f"hold:{both.an_id('h')}", refund_id=both.an_id("r"), amount=both.rng.choice((99, 50))
    ),
    lambda both: RedeemVoucher(redemption_id=both.an_id("d"), code=both.a_code(), amount=both.amount()),
    lambda both: CancelVoucher(voucher_id=both.an_id("v")),
    lambda both: ExpireVoucher(voucher_id=both.an_id("v")),
    lambda both: CreditOnDemand(credit_id=both.an_id("k"), msisdn=both.number()),
)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("switches", SWITCHES)
def test_groups_in_the_database_do_what_commands_alone_do_in_memory(
    databases: Databases, switches: str, seed: int
) -> None:
    both = Both(databases.open(), seed, SWITCHES[switches])
    both.group([PutSubscriber(msisdn=number, tariff="smart") for number in (A, B)])
    both.group([join(A), PutSubscriber(msisdn=OFF, network=Network.OFF_NET), join(B)])
    for _ in range(STEPS if databases.kind == "sqlite" else STEPS // 3):
        both.group([both.command() for _ in range(both.rng.choice((1, 2, 5, 12)))])
        chance = both.rng.random()
        if chance < 0.15:
            both.turn_month(is_late=chance < 0.1)
        elif chance < 0.5:
            both.move(hours=both.rng.randrange(1, 60))
    both.check()
