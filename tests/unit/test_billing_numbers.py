"""Another number, another operator, forgotten: rules 10 and 11, invariant 30."""

from datetime import datetime

from ledger_world import OFF, A, B, World, join
from msgspec.structs import replace
from sqlalchemy import Connection, create_engine, event, select

from billing.answers import LeaveAnswer, SubscriberAnswer
from billing.commands import (
    CancelVoucher,
    ChangeNumber,
    CreditPromo,
    DrawCharge,
    EraseSubscriber,
    IssueVoucher,
    OrderConfirmed,
    PortOut,
    PutSubscriber,
    RecordClick,
    RegisterMember,
    ReleaseReservation,
    Reserve,
    TopUp,
)
from billing.decision import Context, Outcome
from billing.events import MemberLeft, NumberChanged, PortOutWarned
from billing.store import erasure, reads, schema
from billing.store.ledger import execute
from billing.store.verify import verify
from billing.words import Block, Channel, ChargeType, MembershipState

NEW = "79160000077"


def given() -> World:
    """A member with bonus 80, cashback 120, pending 35, main 100."""
    world = World(welcome_bonus=0).member().bonus("120.00")
    world.at("2025-04-01 00:00").month("2025-04")
    world.bonus("80.00").main("100.00").paid("o-1", "700.00")
    return world.forget()


def test_everything_moves_with_the_subscription_to_its_new_number() -> None:
    """Rule 10: also consent and what is pending; nothing is posted and nobody is told."""
    world = given()
    before = world.balances()
    answer = world.do(ChangeNumber(msisdn=A, new_msisdn=NEW)).answer
    assert isinstance(answer, SubscriberAnswer)
    assert (answer.subscription.msisdn, answer.membership) == (NEW, MembershipState.ACTIVE)
    assert world.balances(NEW) == before
    assert world.posted() == []
    assert [event.subscription.msisdn for event in world.told(NumberChanged)] == [NEW]
    world.do(OrderConfirmed(partner="ozon", order_id="o-1"))
    assert world.sums(NEW) == ("115.00", "120.00", "100.00")
    assert world.refused(join(A)).code == "UNKNOWN_SUBSCRIBER"
    world.member(A)
    assert world.sums(A) == ("0.00", "0.00", "0.00")


def test_a_number_that_somebody_has_is_not_taken_and_the_own_one_changes_nothing() -> None:
    world = given().subscriber(B)
    assert world.refused(ChangeNumber(msisdn=A, new_msisdn=B)).code == "CONFLICT"
    assert world.refused(ChangeNumber(msisdn=OFF, new_msisdn=NEW)).code == "UNKNOWN_SUBSCRIBER"
    assert world.do(ChangeNumber(msisdn=A, new_msisdn=A)).records == ()


def test_port_out_warns_before_and_lapses_bonus_and_cashback() -> None:
    """Rule 11; main is the subscriber's own money."""
    world = given()
    world.do(PutSubscriber(msisdn=A, blocks=frozenset({Block.MNP})))
    assert [event.at_stake for event in world.told(PortOutWarned)] == [20_000]
    answer = world.do(PortOut(msisdn=A)).answer
    assert answer == LeaveAnswer(lapsed=20_000)
    assert world.posted() == ["BONUS>LAPSE 80.00", "CB>LAPSE 120.00"]
    assert [event.subscription.msisdn for event in world.told(MemberLeft)] == [""]
    assert world.books.accruals["ozon", "o-1"].reason == "LEFT"
    assert world.refused(PortOut(msisdn=A)).code == "UNKNOWN_SUBSCRIBER"


def test_a_cancelled_port_lifts_the_block_and_nothing_is_lost() -> None:
    world = given()
    world.do(PutSubscriber(msisdn=A, blocks=frozenset({Block.MNP})))
    world.do(PutSubscriber(msisdn=A, blocks=frozenset()))
    assert world.posted() == []
    assert world.sums() == ("80.00", "120.00", "100.00")


def test_what_a_reservation_held_lapses_after_the_port_out_when_it_ends() -> None:
    world = given()
    world.do(Reserve(reservation_id="h", msisdn=A, type=ChargeType.USAGE, amount=5_000, expires_in_s=60))
    assert world.do(PortOut(msisdn=A)).answer == LeaveAnswer(lapsed=15_000)
    world.forget().do(ReleaseReservation(reservation_id="h"))
    assert world.posted() == ["CB>LAPSE 50.00"]


def test_a_port_out_of_who_never_joined_lapses_nothing() -> None:
    world = World().subscriber()
    assert world.do(PortOut(msisdn=A)).answer == LeaveAnswer(lapsed=0)
    assert world.posted() == []


def test_erasure_forgets_the_person_and_leaves_every_sum() -> None:
    """Invariant 30."""
    world = given()
    before = world.balances()
    answer = world.do(EraseSubscriber(msisdn=A)).answer
    assert isinstance(answer, SubscriberAnswer)
    assert (answer.subscription.msisdn, answer.membership) == ("", MembershipState.LEFT)
    assert world.books.balances[before.subscription_id] == before
    assert (world.posted(), world.events) == ([], [])
    assert world.books.accruals["ozon", "o-1"].reason == "LEFT"
    assert world.refused(EraseSubscriber(msisdn=A)).code == "UNKNOWN_SUBSCRIBER"


def test_after_erasure_nothing_moves_but_what_was_promised_and_what_comes_back_stays() -> None:
    """Sums unchanged: no credit on a 1st, no fee, no lapse when a hold ends or a voucher goes back."""
    world = given()
    world.do(Reserve(reservation_id="h", msisdn=A, type=ChargeType.USAGE, amount=50_00, expires_in_s=2_678_400))
    world.do(IssueVoucher(voucher_id="v", msisdn=A, amount=40_00, handset_price=5000_00))
    key = world.balances().subscription_id
    world.do(EraseSubscriber(msisdn=A))
    world.forget()
    world.at("2025-05-01 00:00").month("2025-05")
    world.do(ReleaseReservation(reservation_id="h"))
    assert world.posted() == []
    world.do(CancelVoucher(voucher_id="v"))
    assert world.posted() == ["VOUCH>CB 40.00"]
    after = world.books.balances[key]
    assert (after.bonus, after.cashback, after.main, after.held_cashback) == (80_00, 120_00, 100_00, 0)
    assert world.events == []


def done(connection: Connection, context: Context, *commands: object) -> list[Outcome]:
    results = execute(connection, commands, context)  # type: ignore[arg-type]
    assert all(isinstance(result, Outcome) for result in results), results
    return results  # type: ignore[return-value]


def full_form() -> RegisterMember:
    return RegisterMember(
        msisdn=A,
        channel=Channel.WEB,
        accept_terms=True,
        form="full",
        full_name="Ana Rusu",
        birth_date=datetime.fromisoformat("1990-05-17").date(),
        email="ana@example.org",
    )


def test_after_erasure_no_row_of_the_ledger_names_the_person() -> None:
    world = given()
    context = replace(World().context, now=world.context.now)
    engine = create_engine("sqlite://")
    event.listen(engine, "connect", lambda opened, _: opened.execute("PRAGMA foreign_keys=ON"))
    with engine.connect() as connection:
        schema.metadata.create_all(connection)
        done(connection, context, PutSubscriber(msisdn=A, imsi="250010000000001"), full_form())
        done(connection, context, RecordClick(msisdn=A, partner="ozon"), TopUp(topup_id="t", msisdn=A, amount=900))
        done(connection, context, ChangeNumber(msisdn=A, new_msisdn=NEW))
        done(
            connection,
            context,
            CreditPromo(promo="quiz", action_id="q", msisdn=NEW, amount=100),
            DrawCharge(charge_id="c", msisdn=NEW, type=ChargeType.USAGE, amount=100),
            Reserve(reservation_id="h", msisdn=NEW, type=ChargeType.USAGE, amount=100, expires_in_s=60),
        )
        sums = reads.balance(connection, NEW, context.now, context.programme).balances
        (outcome,) = done(connection, context, EraseSubscriber(msisdn=NEW))
        assert isinstance(outcome.answer, SubscriberAnswer)
        key = outcome.answer.subscription.subscription_id
        numbers = erasure.numbers_of(connection, key)
        assert set(numbers) == {A, NEW}
        erasure.erase_numbers(connection, key, numbers)
        everything = "".join(
            repr(row)
            for table in schema.metadata.sorted_tables
            for row in connection.execute(select(table.columns)).all()
        )
        for word in (A, NEW, "Ana", "ana@", "1990", "250010000000001"):
            assert word not in everything, word
        kept = connection.execute(select(schema.balance.c.bonus, schema.balance.c.main)).one()
        assert (kept.bonus, kept.main) == (sums.bonus, sums.main)
        assert verify(connection, context.programme).is_ok
        done(connection, context, PutSubscriber(msisdn=NEW))
        assert reads.balance(connection, NEW, context.now, context.programme).balances.main == 0


def test_erasure_of_who_never_joined_and_of_rewards_in_every_state() -> None:
    world = World(welcome_bonus=0).subscriber(B)
    answer = world.do(EraseSubscriber(msisdn=B)).answer
    assert isinstance(answer, SubscriberAnswer)
    assert answer.membership is MembershipState.NONE
    world.member(A)
    world.paid("late", "700.00")
    world.at("2025-07-05 12:00").earned("good", "700.00")
    world.do(EraseSubscriber(msisdn=A))
    states = {order: one.state.value for (_, order), one in world.books.accruals.items()}
    assert states == {"late": "expired", "good": "accrued"}
