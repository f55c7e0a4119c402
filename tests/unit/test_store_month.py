"""The month job around its SQL: asking for a run, its chunks, its checkpoint and what it reports."""

from datetime import timedelta

import pytest
from both_databases import Databases
from hypothesis import given
from hypothesis import strategies as st
from ledger_world import A, B, C, World, moscow
from msgspec.structs import replace
from sqlalchemy import Connection, insert, select

from billing.commands import DrawCharge, TopUp
from billing.decision import Context
from billing.errors import NotDue
from billing.records import Posting
from billing.store import catalogue, month, rows, schema
from billing.store.dialects import put_rows
from billing.store.ledger import execute
from billing.store.verify import verify
from billing.store.writer import put
from billing.words import Account, ChargeType, PostingKind

PERIOD = "2025-04"


@pytest.fixture
def connection(databases: Databases) -> Connection:
    return databases.open()


def given_world(connection: Connection) -> World:
    """A: bonus 150, main 800.00, fee 650.00; B: a fee and no money; C: corporate. On the first instant of April."""
    world = (
        World().member(A, tariff="smart").bonus("100.00").main("800.00").subscriber(B, tariff="smart").corporate(C)
    )
    for tariff in world.books.tariffs.values():
        catalogue.put_tariff(connection, tariff)
    books = world.books
    kept = (books.subscriptions, books.memberships, books.balances, books.keys)
    put(connection, [one for some in kept for one in some.values()], world.context.now)
    put_rows(connection, schema.posting, [rows.POSTING.row(one) for one in world.journal])
    return world.at("2025-04-01 00:00")


def run_all(
    connection: Connection, context: Context, size: int = 1
) -> tuple[month.MonthRun, list[month.MonthNotice]]:
    told: list[month.MonthNotice] = []
    run = month.request_run(connection, PERIOD, context)
    while bounds := month.next_bounds(connection, run, size):
        month.run_chunk(connection, PERIOD, bounds, context)
        told += month.notices_of_chunk(connection, bounds)
        run = month.request_run(connection, PERIOD, context)
    month.finish_run(connection, PERIOD, context.now)
    return month.request_run(connection, PERIOD, context), told


def postings(connection: Connection) -> list[Posting]:
    table = schema.posting.c
    found = connection.execute(rows.POSTING.select().order_by(table.subscription_id, table.entry_no))
    return [rows.POSTING.record(row) for row in found]


def test_a_month_that_has_not_begun_is_not_due(connection: Connection) -> None:
    context = replace(World().context, now=moscow("2025-04-01 00:00") - timedelta(microseconds=1))
    with pytest.raises(NotDue):
        month.request_run(connection, PERIOD, context)
    assert month.run_of(connection, PERIOD) is None


def test_a_run_is_pending_then_running_then_done(connection: Connection) -> None:
    context = given_world(connection).context
    asked = month.request_run(connection, PERIOD, context)
    assert (asked.status, asked.cursor, month.progress_of(connection, asked)) == ("pending", 0, 0.0)
    bounds = month.next_bounds(connection, asked, 2)
    assert bounds == month.Bounds(above=0, up_to=2, subscriptions=2)
    month.run_chunk(connection, PERIOD, bounds, context)
    running = month.request_run(connection, PERIOD, context)
    assert (running.status, running.cursor, running.subscriptions) == ("running", 2, 2)
    assert 0 < month.progress_of(connection, running) < 1
    done, _ = run_all(connection, context)
    assert (done.status, done.finished_at, month.progress_of(connection, done)) == ("done", context.now, 1.0)


def test_the_credit_comes_before_the_fee_and_cashback_pays_first(connection: Connection) -> None:
    world = given_world(connection)
    before = postings(connection)
    run, told = run_all(connection, world.context)
    moved = [one for one in postings(connection) if one not in before and one.subscription_id == 1]
    assert [(one.source, one.target, one.amount) for one in moved] == [
        (Account.BONUS, Account.CASHBACK, 15_000),
        (Account.CASHBACK, Account.REVENUE, 15_000),
        (Account.MAIN, Account.REVENUE, 50_000),
    ]
    assert (run.credited_count, run.credited_amount) == (1, 15_000)
    assert (run.charged_count, run.charged_amount, run.charged_unpaid) == (2, 130_000, 65_000)
    assert (run.charged_cashback, run.charged_main, run.notices) == (15_000, 50_000, 2)
    assert told == [
        month.MonthNotice(
            subscription_id=1,
            msisdn=A,
            time_zone=None,
            credited=15_000,
            fee=65_000,
            cashback=15_000,
            main=50_000,
            unpaid=0,
            used_up=False,
        )
    ]
    assert verify(connection, world.context.programme).is_ok


def test_a_run_that_is_done_has_no_chunk_left_and_no_total_grows(connection: Connection) -> None:
    world = given_world(connection)
    done, _ = run_all(connection, world.context, size=10)
    journal = postings(connection)
    again, told = run_all(connection, world.context, size=10)
    assert (again, told, postings(connection)) == (done, [], journal)


def test_what_a_command_credited_before_the_job_came_counts_in_its_totals_and_is_told_once(
    connection: Connection,
) -> None:
    world = given_world(connection)
    charge = DrawCharge(charge_id="c", msisdn=A, type=ChargeType.USAGE, amount=1_000)
    (early,) = execute(connection, [charge], world.context)
    run, told = run_all(connection, world.context)
    assert len(early.events) == 1  # type: ignore[union-attr]
    assert (run.credited_count, run.credited_amount) == (1, 15_000)
    assert [(one.credited, one.cashback) for one in told] == [(0, 14_000)]
    assert run.notices == 1
    credited = [one for one in postings(connection) if one.kind is PostingKind.CREDIT]
    assert [one.amount for one in credited] == [15_000]


def test_a_top_up_settles_what_the_fee_left_open(connection: Connection) -> None:
    world = given_world(connection)
    run_all(connection, world.context)
    (topped,) = execute(connection, [TopUp(topup_id="t", msisdn=B, amount=70_000)], world.context)
    assert [(one.charge_id, one.amount) for one in topped.answer.settled] == [("fee:2025-04:2", 65_000)]  # type: ignore[union-attr]
    assert verify(connection, world.context.programme).is_ok


def test_the_notices_are_a_select_that_an_insert_can_take_rows_from(connection: Connection) -> None:
    world = given_world(connection)
    run = month.request_run(connection, PERIOD, world.context)
    bounds = month.next_bounds(connection, run, 10)
    assert bounds is not None
    month.run_chunk(connection, PERIOD, bounds, world.context)
    source = month.notices_statement().subquery()
    columns = select(source.c.subscription_id, source.c.msisdn, source.c.fee)
    target = schema.partner_secret
    taken = columns.with_only_columns(source.c.msisdn, source.c.used_up, source.c.msisdn)
    connection.execute(
        insert(target).from_select(["partner", "slot", "secret"], taken),
        {"above": bounds.above, "up_to": bounds.up_to},
    )
    assert connection.execute(select(target.c.partner)).scalars().all() == [A]


@given(size=st.integers(month.CHUNK_MIN, month.CHUNK_MAX), elapsed_ms=st.integers(0, 100_000))
def test_the_next_size_is_at_most_twice_and_at_least_half_within_its_bounds(size: int, elapsed_ms: int) -> None:
    following = month.next_size(size, elapsed_ms)
    assert month.CHUNK_MIN <= following <= month.CHUNK_MAX
    assert size // 2 <= following <= size * 2 or following == month.CHUNK_MIN
    if elapsed_ms > month.CHUNK_MS_TARGET:
        assert following <= size
    if elapsed_ms < month.CHUNK_MS_TARGET:
        assert following >= size
