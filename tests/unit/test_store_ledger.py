"""What the store adds to the rules: groups, what is loaded for them, and who owns which number."""

from datetime import timedelta

import pytest
from both_databases import Databases
from ledger_world import A, B, C, World, catalogue, join, moscow
from msgspec.structs import replace
from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from billing.answers import ChargeAnswer, ClickAnswer, OrderAnswer
from billing.commands import (
    Command,
    CreditPromo,
    DrawCharge,
    OrderConfirmed,
    OrderPaid,
    OrderReturned,
    PutSubscriber,
    RecordClick,
    TopUp,
)
from billing.decision import Context, Outcome
from billing.errors import Conflict, LedgerRefusal, UnknownSubscriber
from billing.records import Balances, Subscription, Tariff
from billing.store import catalogue as stored
from billing.store import reads, rows, schema
from billing.store.ledger import execute
from billing.store.verify import verify
from billing.store.writer import put, write
from billing.words import AccrualState, ChargeType, OrderChannel, Reason

CONTEXT = World().context


@pytest.fixture
def connection(databases: Databases) -> Connection:
    opened = databases.open()
    stored.put_tariff(opened, Tariff(code="smart", fee=65_000))
    return opened


def done(connection: Connection, *commands: Command, context: Context = CONTEXT) -> list[Outcome]:
    """The outcomes of a group in which nothing is refused."""
    results = execute(connection, commands, context)
    assert not [result for result in results if isinstance(result, LedgerRefusal)]
    return [result for result in results if isinstance(result, Outcome)]


def charge(charge_id: str, amount: int, msisdn: str = A) -> DrawCharge:
    return DrawCharge(charge_id=charge_id, msisdn=msisdn, type=ChargeType.USAGE, amount=amount)


def main_of(connection: Connection, msisdn: str = A) -> int:
    return reads.balance(connection, msisdn, CONTEXT.now, CONTEXT.programme).balances.main


def test_a_refusal_in_a_group_leaves_the_others_alone(connection: Connection) -> None:
    done(connection, PutSubscriber(msisdn=A), TopUp(topup_id="t", msisdn=A, amount=1_000))
    results = execute(
        connection,
        [charge("c-1", 100), charge("c-2", 100, "79000000000"), charge("c-1", 999), charge("c-3", 50)],
        CONTEXT,
    )
    assert [type(result) for result in results] == [Outcome, UnknownSubscriber, Conflict, Outcome]
    assert main_of(connection) == 850
    assert verify(connection, CONTEXT.programme).is_ok


def test_one_group_may_make_a_subscription_and_use_it(connection: Connection) -> None:
    outcomes = done(
        connection, PutSubscriber(msisdn=A), join(A), TopUp(topup_id="t", msisdn=A, amount=500), charge("c", 200)
    )
    assert isinstance(outcomes[3].answer, ChargeAnswer)
    assert (outcomes[3].answer.main, main_of(connection)) == (200, 300)


def test_the_same_charge_twice_in_a_group_and_again_later_is_drawn_once(connection: Connection) -> None:
    done(connection, PutSubscriber(msisdn=A), TopUp(topup_id="t", msisdn=A, amount=1_000))
    first, second = done(connection, charge("c", 300), charge("c", 300))
    (third,) = done(connection, charge("c", 300))
    assert (first.hit, second.hit, third.hit) == (False, True, True)
    assert first.answer == second.answer == third.answer
    assert main_of(connection) == 700


def test_the_first_command_of_a_month_finds_the_rewards_that_its_credit_step_moves(connection: Connection) -> None:
    context = replace(CONTEXT, catalogue=catalogue(World().context.catalogue.partners["ozon"][0]))
    done(connection, PutSubscriber(msisdn=A), join(A), context=context)
    (clicked,) = done(connection, RecordClick(msisdn=A, partner="ozon"), context=context)
    assert isinstance(clicked.answer, ClickAnswer)
    paid = OrderPaid(
        partner="ozon",
        order_id="o-1",
        click_id=clicked.answer.click.click_id,
        goods=100_000,
        delivery=0,
        channel=OrderChannel.WEB,
    )
    done(connection, paid, OrderConfirmed(partner="ozon", order_id="o-1"), context=context)
    april = replace(context, now=moscow("2025-04-01 00:00"))
    (drawn,) = done(connection, charge("c", 4_000), context=april)
    assert isinstance(drawn.answer, ChargeAnswer)
    assert drawn.answer.cashback == 4_000
    assert reads.accrual(connection, "ozon", "o-1", april.now).state is AccrualState.CREDITED
    (returned,) = done(connection, OrderReturned(partner="ozon", order_id="o-1"), context=april)
    assert isinstance(returned.answer, OrderAnswer)
    assert returned.answer.accrual.reason is Reason.RETURNED
    assert verify(connection, context.programme).is_ok


def test_a_click_made_before_the_number_was_known_earns_once_it_is_a_member(connection: Connection) -> None:
    (clicked,) = done(connection, RecordClick(msisdn=A, partner="ozon"))
    done(connection, PutSubscriber(msisdn=A), join(A))
    assert isinstance(clicked.answer, ClickAnswer)
    paid = OrderPaid(
        partner="ozon",
        order_id="o-1",
        click_id=clicked.answer.click.click_id,
        goods=100_000,
        delivery=0,
        channel=OrderChannel.WEB,
    )
    done(connection, paid)
    assert reads.accrual(connection, "ozon", "o-1", CONTEXT.now).state is AccrualState.PENDING


def test_a_top_up_finds_every_open_charge_of_its_number(connection: Connection) -> None:
    done(connection, PutSubscriber(msisdn=A), PutSubscriber(msisdn=B))
    done(connection, charge("c-1", 300), charge("c-2", 400), charge("c-3", 500, B))
    done(connection, TopUp(topup_id="t", msisdn=A, amount=650))
    assert [reads.charge(connection, one).charge.unpaid for one in ("c-1", "c-2", "c-3")] == [0, 50, 500]
    assert [part.amount for part in reads.charge(connection, "c-2").settlements] == [350]


def test_another_writer_of_the_same_key_makes_the_write_fail_whole(connection: Connection) -> None:
    done(connection, PutSubscriber(msisdn=A), TopUp(topup_id="t", msisdn=A, amount=1_000))
    (outcome,) = done(connection, charge("c", 300))
    with pytest.raises(IntegrityError):
        write(connection, [outcome], CONTEXT.now)


def owners(connection: Connection, msisdn: str) -> list[tuple[int, bool]]:
    """Who ever owned a number, and whether now."""
    table = schema.msisdn_owner.c
    found = connection.execute(
        select(table.subscription_id, table.valid_until.is_(None))
        .where(table.msisdn == msisdn)
        .order_by(table.valid_from, table.subscription_id)
    )
    return [(row[0], bool(row[1])) for row in found]


def given_subscription(key: int, msisdn: str) -> Subscription:
    return Subscription(subscription_id=key, msisdn=msisdn, created_at=CONTEXT.now)


def test_two_subscriptions_can_swap_their_numbers_at_one_instant(connection: Connection) -> None:
    balances = [Balances(subscription_id=key, credited_period="2025-03") for key in (1, 2)]
    put(connection, [given_subscription(1, A), given_subscription(2, B), *balances], CONTEXT.now)
    later = CONTEXT.now + timedelta(days=1)
    put(connection, [given_subscription(1, B), given_subscription(2, A)], later)
    assert owners(connection, A) == [(1, False), (2, True)]
    assert owners(connection, B) == [(2, False), (1, True)]
    assert reads.subscriber(connection, A).subscription.subscription_id == 2
    put(connection, [given_subscription(1, A), given_subscription(2, B)], later)
    assert owners(connection, A) == [(1, False), (1, True), (2, False)]


def test_a_number_has_one_owner_at_a_time(connection: Connection) -> None:
    put(connection, [given_subscription(1, A)], CONTEXT.now)
    with pytest.raises(IntegrityError):
        put(connection, [given_subscription(2, A)], CONTEXT.now)


def test_a_number_given_up_leads_to_nobody(connection: Connection) -> None:
    put(connection, [given_subscription(1, A), Balances(subscription_id=1, credited_period="2025-03")], CONTEXT.now)
    put(connection, [given_subscription(1, "")], CONTEXT.now + timedelta(hours=1))
    assert owners(connection, A) == [(1, False)]
    with pytest.raises(UnknownSubscriber):
        reads.subscriber(connection, A)
    assert isinstance(execute(connection, [charge("c", 1)], CONTEXT)[0], UnknownSubscriber)


def test_every_record_comes_back_from_its_row_as_it_went_in(connection: Connection) -> None:
    world = World().member(A).corporate(C).bonus("300.00", C)
    world.earned("o-1", "1000.00")
    world.do(CreditPromo(promo="quiz", action_id="q", msisdn=A, amount=100))
    world.charge("c", "1.00")
    books = world.books
    everything = [
        *books.subscriptions.values(),
        *books.memberships.values(),
        *books.balances.values(),
        *books.clicks.values(),
        *books.accruals.values(),
        *books.charges.values(),
        *books.keys.values(),
    ]
    put(connection, everything, world.context.now)
    for shape in (rows.SUBSCRIPTION, rows.MEMBERSHIP, rows.BALANCE, rows.CLICK, rows.ACCRUAL, rows.CHARGE):
        found = [shape.record(row) for row in connection.execute(shape.select())]  # type: ignore[attr-defined]
        assert found
        assert all(one in everything for one in found)
