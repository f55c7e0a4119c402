"""Look-ups: balances of every standing, charges with their later life, pages of a statement."""

from datetime import date, timedelta

import pytest
from both_databases import Databases
from ledger_world import A, B, C, World, moscow
from msgspec.structs import replace
from sqlalchemy import Connection

from billing.commands import IssueVoucher, LeaveProgramme, PutSubscriber, RefundCharge, TopUp
from billing.errors import UnknownCharge, UnknownOrder, UnknownSubscriber, UnknownVoucher
from billing.store import catalogue, reads, rows, schema
from billing.store.dialects import put_rows
from billing.store.liability import liability
from billing.store.writer import put
from billing.words import AccrualState, Block, Channel, ChargeType, MembershipState, Reason, VoucherState

NOBODY = "79000000000"


@pytest.fixture
def connection(databases: Databases) -> Connection:
    return databases.open()


def store(connection: Connection, world: World) -> None:
    """Everything the world in memory has come to, as records and postings."""
    books = world.books
    for tariff in books.tariffs.values():
        catalogue.put_tariff(connection, tariff)
    kept = (books.subscriptions, books.memberships, books.balances, books.keys, books.clicks)
    put(connection, [one for some in kept for one in some.values()], world.context.now)
    put(connection, [*books.accruals.values(), *books.charges.values(), *books.vouchers.values()], world.context.now)
    put_rows(connection, schema.posting, [rows.POSTING.row(one) for one in world.journal])


def test_who_never_joined_has_a_main_balance_and_zeros(connection: Connection) -> None:
    world = World().subscriber(A).main("12.34")
    world.charge("c", "20.00")
    store(connection, world)
    view = reads.balance(connection, A, world.context.now, world.context.programme)
    found = view.balances
    assert view.membership is MembershipState.NONE
    assert (found.main, found.bonus, found.cashback, found.carry_over) == (0, 0, 0, 0)
    assert (view.unpaid, view.pending, view.bonus_due_on) == (766, 0, None)


def test_a_member_sees_bonus_its_1st_and_what_is_pending(connection: Connection) -> None:
    world = World().member()
    world.paid("o-1", "700.00")
    store(connection, world)
    view = reads.balance(connection, A, world.context.now, world.context.programme)
    assert (view.balances.bonus, view.bonus_due_on, view.pending) == (5_000, date(2025, 4, 1), 3_500)


def test_what_is_owed_in_all_is_pending_bonus_and_cashback(connection: Connection) -> None:
    world = World(at="2025-01-15 12:00").member(A).member(B)
    world.paid("late", "1000.00")
    assert liability(connection, world.context.now) == {"pending": 0, "bonus": 0, "cashback": 0}
    world.at("2025-05-02 12:00")
    world.paid("o-1", "700.00")
    world.charge("c", "10.00")
    store(connection, world)
    assert liability(connection, world.context.now) == {"pending": 3_500, "bonus": 5_000, "cashback": 4_000}


def test_a_pending_reward_past_its_deadline_is_expired_swept_or_not(connection: Connection) -> None:
    world = World(at="2025-03-03 12:00").member()
    accrual = world.paid("o-1", "700.00")
    store(connection, world)
    programme = world.context.programme
    last_good = accrual.deadline - timedelta(microseconds=1)
    assert reads.balance(connection, A, last_good, programme).pending == 3_500
    assert reads.balance(connection, A, accrual.deadline, programme).pending == 0
    assert reads.accrual(connection, "ozon", "o-1", last_good).state is AccrualState.PENDING
    late = reads.accrual(connection, "ozon", "o-1", accrual.deadline)
    assert (late.state, late.reason, late.ended_at) == (AccrualState.EXPIRED, Reason.LATE, accrual.deadline)
    (listed,) = reads.accruals(connection, A, accrual.deadline)
    assert listed == late


def test_who_left_keeps_cashback_alone(connection: Connection) -> None:
    world = World().member()
    world.at("2025-04-01 00:00").month("2025-04")
    world.bonus("80.00")
    world.do(LeaveProgramme(msisdn=A, channel=Channel.WEB, confirm=True))
    store(connection, world)
    view = reads.balance(connection, A, world.context.now, world.context.programme)
    assert (view.membership, view.balances.cashback, view.balances.bonus) == (MembershipState.LEFT, 5_000, 0)


def test_an_investigation_shows_what_it_holds_back(connection: Connection) -> None:
    world = World().member()
    world.do(PutSubscriber(msisdn=A, blocks=frozenset({Block.INVESTIGATION})))
    store(connection, world.at("2025-04-02 00:00"))
    view = reads.balance(connection, A, world.context.now, world.context.programme)
    assert (view.bonus_held, view.bonus_due_on) == (5_000, None)


def test_balances_of_many_numbers_leave_out_those_nobody_owns(connection: Connection) -> None:
    world = World().member(A).corporate(C).subscriber(B)
    store(connection, world)
    found = reads.balances_of(connection, (A, B, C, NOBODY), world.context.now, world.context.programme)
    assert set(found) == {A, B, C}
    assert [found[one].balances.bonus for one in (A, B, C)] == [5_000, 0, 5_000]
    assert reads.balances_of(connection, (), world.context.now, world.context.programme) == {}


def test_a_charge_shows_its_refunds_and_settlements(connection: Connection) -> None:
    world = World().subscriber(A).main("1.00")
    drawn = world.charge("c", "5.00")
    topped = world.do(TopUp(topup_id="t", msisdn=A, amount=300))
    given = world.do(RefundCharge(charge_id="c", refund_id="r", amount=150))
    store(connection, world)
    kept = [one for one in (*topped.records, *given.records) if type(one).__name__ in ("Refund", "Settlement")]
    put(connection, kept, world.context.now)
    view = reads.charge(connection, "c")
    assert (drawn.unpaid, view.charge.unpaid, view.msisdn) == (400, 0, A)
    assert [(one.unpaid, one.main, one.cashback) for one in view.refunds] == [(100, 50, 0)]
    assert [(one.topup_id, one.amount) for one in view.settlements] == [("t", 300)]


def test_the_last_fee_is_the_newest_tariff_fee_whoever_drew_it(connection: Connection) -> None:
    world = World().subscriber(A, tariff="smart").main("2000.00")
    store(connection, world)
    assert reads.last_fees_of(connection, {A}) == {A: None}
    world.charge("own", "600.00", type=ChargeType.TARIFF_FEE)
    world.at("2025-04-01 00:00").month("2025-04")
    world.charge("call", "1.00")
    put(connection, world.books.charges.values(), world.context.now)
    found = reads.last_fees_of(connection, {A, "79990000000"})
    assert set(found) == {A}
    fee = found[A]
    assert fee is not None
    assert (fee.charge_id, fee.amount) == ("fee:2025-04:1", 65_000)
    assert reads.charge(connection, fee.charge_id).charge == fee


def test_a_voucher_past_its_end_is_expired_swept_or_not(connection: Connection) -> None:
    world = World().corporate()
    world.do(IssueVoucher(voucher_id="v", msisdn=C, amount=1_000))
    store(connection, world)
    voucher = world.books.vouchers["v"]
    now = world.context.now
    assert reads.voucher(connection, "v", now).voucher == voucher
    late = reads.voucher(connection, "v", voucher.valid_until)
    assert (late.voucher, late.msisdn) == (replace(voucher, state=VoucherState.EXPIRED), C)


def test_a_statement_is_newest_first_in_pages_and_half_open_in_time(connection: Connection) -> None:
    world = World()
    world.subscriber(A)
    for day in range(1, 6):
        world.at(f"2025-03-0{day} 10:00").main("1.00")
    store(connection, world)
    assert [one.entry_no for one in reads.statement(connection, A)] == [5, 4, 3, 2, 1]
    assert [one.entry_no for one in reads.statement(connection, A, limit=2, before=5)] == [4, 3]
    start, end = moscow("2025-03-02 10:00"), moscow("2025-03-04 10:00")
    assert [one.entry_no for one in reads.statement(connection, A, start=start, end=end)] == [3, 2]
    assert reads.statement(connection, A) == tuple(reversed(world.journal))


def test_movements_are_the_last_five(connection: Connection) -> None:
    world = World().subscriber(A)
    for _ in range(7):
        world.main("1.00")
    store(connection, world)
    assert [one.entry_no for one in reads.movements(connection, A)] == [7, 6, 5, 4, 3]


def test_what_nobody_knows_is_refused(connection: Connection) -> None:
    world = World()
    for look_up in (reads.subscriber, reads.member, reads.statement, reads.movements):
        with pytest.raises(UnknownSubscriber):
            look_up(connection, NOBODY)  # type: ignore[operator]
    with pytest.raises(UnknownSubscriber):
        reads.balance(connection, NOBODY, world.context.now, world.context.programme)
    with pytest.raises(UnknownOrder):
        reads.accrual(connection, "ozon", "o", world.context.now)
    with pytest.raises(UnknownCharge):
        reads.charge(connection, "c")
    with pytest.raises(UnknownCharge):
        reads.charge(connection, "fee:2025-04:1")
    with pytest.raises(UnknownVoucher):
        reads.voucher(connection, "v", world.context.now)


def test_a_subscriber_and_its_membership_are_told_apart(connection: Connection) -> None:
    world = World().member(A).subscriber(B, credit_limit=700)
    store(connection, world)
    answer = reads.subscriber(connection, B)
    assert (answer.credit_limit, answer.membership) == (700, MembershipState.NONE)
    assert reads.subscriber(connection, A).membership is MembershipState.ACTIVE
    assert reads.member(connection, B)[1] is None
    assert reads.member(connection, A)[1] == world.books.memberships[1]
