"""Vouchers and reservations that run out are due work: swept at their instants, whoever drives the business clock."""

from datetime import timedelta
from pathlib import Path

import pytest_twisted
from ledger_world import A, World, join
from twisted.internet import reactor
from twisted.internet.task import Clock

from billing.commands import IssueVoucher, PutSubscriber, Reserve, TopUp
from billing.decision import Context
from billing.programme import Programme
from billing.store import reads, schema
from billing.words import ChargeType, ReservationState, VoucherState
from gateway.clock_door import POLL_SECONDS, DuePoll
from gateway.clocks import SystemClock
from gateway.database import Database
from gateway.expiry import Expiry
from gateway.ledger_lane import LedgerLane

HOLDS = 130
"""More than one sweep takes."""


class Ledger:
    """A database with a lane whose business clock the test moves."""

    def __init__(self, folder: Path) -> None:
        self.context: Context = World(welcome_bonus=0, voucher_days=1).context
        self.database = Database(f"sqlite:///{folder / 'expiry.sqlite'}", reactor)
        self.lane = LedgerLane(
            self.database, context=lambda: self.context, record=lambda *_: None, committed=lambda _: None
        )
        self.expiry = Expiry(self.database, self.lane)

    async def open(self) -> None:
        await self.database.start()
        await self.database.transact(schema.metadata.create_all)
        await self.lane.execute(PutSubscriber(msisdn=A))
        await self.lane.execute(join(A))
        await self.lane.execute(TopUp(topup_id="t", msisdn=A, amount=100_000))

    async def close(self) -> None:
        await self.expiry.stop()
        await self.lane.stop()
        await self.database.stop()

    async def hold(self, number: int, seconds: int) -> None:
        await self.lane.execute(
            Reserve(reservation_id=f"h-{number}", msisdn=A, type=ChargeType.USAGE, amount=100, expires_in_s=seconds)
        )

    async def held_main(self) -> int:
        now, programme = self.context.now, self.context.programme
        view = await self.database.read(reads.balance, A, now, programme)
        return int(view.balances.held_main)

    def move(self, **by: int) -> None:
        self.context = Context(
            now=self.context.now + timedelta(**by),
            programme=self.context.programme,
            catalogue=self.context.catalogue,
            ids=self.context.ids,
        )


@pytest_twisted.ensureDeferred
async def test_any_number_of_holds_is_due_at_the_earliest_end_and_swept_until_none_is_left(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    await ledger.open()
    for number in range(HOLDS):
        await ledger.hold(number, 60)
    await ledger.hold(HOLDS, 61)
    end = ledger.context.now + timedelta(seconds=60)
    assert await ledger.expiry.next_due(end - timedelta(microseconds=1)) is None
    assert await ledger.expiry.next_due(end + timedelta(days=1)) == end
    ledger.move(seconds=60)
    await ledger.expiry.run_due(ledger.context.now)
    assert await ledger.held_main() == 100
    assert await ledger.expiry.next_due(end + timedelta(days=1)) == end + timedelta(seconds=1)
    first = await ledger.database.read(reads.reservation, "h-0", ledger.context.now)
    assert first.state is ReservationState.EXPIRED
    await ledger.close()


@pytest_twisted.ensureDeferred
async def test_a_voucher_is_due_at_the_end_of_its_last_day(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    await ledger.open()
    assert ledger.context.programme == Programme(welcome_bonus=0, voucher_days=1)
    await ledger.lane.execute(PutSubscriber(msisdn="79160000002"))
    await ledger.database.transact(_give_cashback)
    await ledger.lane.execute(IssueVoucher(voucher_id="v", msisdn=A, amount=500))
    issued = await ledger.database.read(reads.voucher, "v", ledger.context.now)
    end = issued.voucher.valid_until
    assert await ledger.expiry.next_due(end) == end
    ledger.move(days=3)
    await ledger.expiry.run_due(ledger.context.now)
    swept = await ledger.database.read(reads.voucher, "v", ledger.context.now)
    assert (swept.voucher.state, swept.voucher.ended_at) == (VoucherState.EXPIRED, ledger.context.now)
    assert await ledger.expiry.next_due(end + timedelta(days=9)) is None
    await ledger.close()


def _give_cashback(connection: object) -> None:
    connection.execute(schema.balance.update().where(schema.balance.c.main > 0).values(cashback=500))  # type: ignore[attr-defined]


class _Turn:
    """Nobody else's."""

    async def try_acquire(self) -> bool:
        return True

    async def release(self) -> None:
        pass


class _Source:
    """Always due; remembers when it ran."""

    def __init__(self, name: str, ran: list[str], *, is_due: bool = True) -> None:
        self.name = name
        self._ran = ran
        self._is_due = is_due

    async def next_due(self, until: object) -> object:
        return until if self._is_due else None

    async def run_due(self, _at: object) -> None:
        self._ran.append(self.name)


@pytest_twisted.ensureDeferred
async def test_with_the_system_clock_every_source_is_looked_at_each_second_in_order() -> None:
    clock, ran = Clock(), []  # type: tuple[Clock, list[str]]
    now = World().context.now
    sources = [_Source("expiry", ran), _Source("idle", ran, is_due=False), _Source("month", ran)]
    poll = DuePoll(SystemClock(lambda: now), sources, clock, _Turn())  # type: ignore[arg-type]
    poll.start()
    clock.advance(POLL_SECONDS)
    assert ran == ["expiry", "month"]
    clock.advance(POLL_SECONDS)
    assert ran == ["expiry", "month"] * 2
    await poll.stop()
