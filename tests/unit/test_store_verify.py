"""`verify` finds each kind of broken row, and nothing in a ledger that is right."""

from collections.abc import Callable

import pytest
from both_databases import Databases, drop_guards
from ledger_world import A, B, C, World
from sqlalchemy import Connection, delete, insert, update

from billing.commands import CommitReservation, IssueVoucher, OrderReturned, RefundCharge, Reserve, TopUp
from billing.programme import Programme
from billing.records import Record
from billing.store import rows, schema
from billing.store.dialects import put_rows
from billing.store.verify import verify, verify_range
from billing.store.writer import put
from billing.words import ChargeType, KeyKind

ONE = 1


@pytest.fixture
def connection(databases: Databases) -> Connection:
    """A ledger with something of everything; guards and checks off, so that it can be broken."""
    opened = databases.open()
    store(opened, given_world())
    drop_guards(opened)
    return opened


class Kept(World):
    """A world that keeps every record it ever put, also refunds and settlements."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        super().__init__()

    def _keep(self, outcome: object) -> None:
        self.records += outcome.records  # type: ignore[attr-defined]
        super()._keep(outcome)  # type: ignore[arg-type]


def given_world() -> Kept:
    world = Kept()
    world.member(A, tariff="smart").main("800.00").corporate(C).subscriber(B)
    world.earned("o-1", "3000.00")
    world.earned("o-2", "1000.00")
    world.paid("o-3", "900.00")
    world.at("2025-04-01 00:00").month("2025-04")
    world.charge("c-1", "10.00")
    world.charge("c-2", "400.00")
    world.do(TopUp(topup_id="t-1", msisdn=A, amount=5_000))
    world.do(RefundCharge(charge_id="c-1", refund_id="r-1", amount=500))
    world.do(OrderReturned(partner="ozon", order_id="o-2"))
    world.do(IssueVoucher(voucher_id="v-1", msisdn=C, amount=1_000))
    world.do(Reserve(reservation_id="h-1", msisdn=A, type=ChargeType.USAGE, amount=100, expires_in_s=60))
    world.do(Reserve(reservation_id="h-2", msisdn=A, type=ChargeType.USAGE, amount=100, expires_in_s=60))
    world.do(CommitReservation(reservation_id="h-2", amount=100))
    return world


def store(connection: Connection, world: Kept) -> None:
    put(connection, world.books.tariffs.values(), world.context.now)
    put(connection, world.records, world.context.now)
    put_rows(connection, schema.posting, [rows.POSTING.row(one) for one in world.journal])


def test_a_ledger_that_is_right_has_no_violations_and_says_what_was_looked_at(connection: Connection) -> None:
    found = verify(connection, Programme())
    assert found.is_ok
    assert found.checked == {"balance": 3, "posting": 15, "charge": 4, "accrual": 3, "voucher": 1, "reservation": 2}


def test_ranges_see_every_subscription_once(connection: Connection) -> None:
    parts = []
    above = 0
    while part := verify_range(connection, Programme(), above, 2):
        parts.append(part)
        above = part.up_to
    assert [part.checked["balance"] for part in parts] == [2, 1]
    assert sum(part.checked["posting"] for part in parts) == 15


Breaking = Callable[[Connection], object]
posting, charge, accrual, balance = schema.posting, schema.charge, schema.accrual, schema.balance


def change(table: object, condition: object, **values: object) -> Breaking:
    return lambda connection: connection.execute(update(table).where(condition).values(**values))  # type: ignore[arg-type]


def remove(table: object, condition: object) -> Breaking:
    return lambda connection: connection.execute(delete(table).where(condition))  # type: ignore[arg-type]


def second_credit(connection: Connection) -> tuple[object, ...]:
    """The month's credit once more, under a number nobody took."""
    found = connection.exec_driver_sql("SELECT * FROM posting WHERE kind = 'credit'").first()
    assert found is not None
    return (found[0], 1_000, 1_000, *found[3:])


def erase_half(connection: Connection) -> None:
    """The number goes, the name stays."""
    member, owner, mine = schema.membership, schema.msisdn_owner, schema.subscription.c.subscription_id == ONE
    connection.execute(delete(owner).where(owner.c.subscription_id == ONE))
    connection.execute(update(schema.subscription).where(mine).values(msisdn=""))
    connection.execute(update(member).where(member.c.subscription_id == ONE).values(full_name="Anna"))


BROKEN: dict[str, tuple[str, Breaking]] = {
    "a balance that moved without a posting": (
        "balance_is_sum",
        change(balance, balance.c.subscription_id == ONE, bonus=balance.c.bonus + 1),
    ),
    "a posting that was changed": (
        "balance_is_sum",
        change(posting, posting.c.entry_no == 1, amount=posting.c.amount + 1),
    ),
    "cashback below zero": (
        "no_account_below_its_limit",
        change(balance, balance.c.subscription_id == ONE, cashback=-1),
    ),
    "main below the credit limit": (
        "no_account_below_its_limit",
        change(balance, balance.c.subscription_id == ONE, main=-1),
    ),
    "more held than there is": (
        "no_account_below_its_limit",
        change(balance, balance.c.subscription_id == ONE, held_cashback=10**9),
    ),
    "an entry number given twice next": (
        "entry_numbers_are_taken",
        change(balance, balance.c.subscription_id == ONE, next_entry=2),
    ),
    "a transaction that nothing begins": (
        "transactions_begin_with_a_posting",
        change(posting, posting.c.tx_no < posting.c.entry_no, tx_no=posting.c.tx_no + 10_000),
    ),
    "cashback paid out as money": (
        "movements_are_known",
        change(posting, posting.c.source == "cashback", target="cash_in"),
    ),
    "a welcome given twice": ("welcomed_once", change(posting, posting.c.kind == "accrual", kind="welcome")),
    "a welcome that nobody remembers": (
        "welcomed_once",
        change(balance, balance.c.subscription_id == ONE, welcomed=False),
    ),
    "a charge that does not add up": ("charge_adds_up", change(charge, charge.c.charge_id == "c-1", amount=9_999)),
    "a paid charge with an open rest": (
        "charge_adds_up",
        change(charge, charge.c.charge_id == "c-1", status="unpaid"),
    ),
    "a fee under another id": ("one_fee_a_month", change(charge, charge.c.period != "", charge_id="fee:2025-05:1")),
    "a charge drawn otherwise than posted": (
        "charge_is_posted",
        change(charge, charge.c.charge_id == "c-2", cashback=charge.c.cashback + 1, main=charge.c.main - 1),
    ),
    "a draw without a charge": ("posting_has_its_charge", change(posting, posting.c.ref == "c-1", ref="c-9")),
    "a settlement that is lost": ("settlements_add_up", remove(schema.settlement, schema.settlement.c.amount > 0)),
    "a refund that is lost": ("refunds_add_up", remove(schema.refund, schema.refund.c.amount > 0)),
    "a charge without its key": (
        "charge_has_its_key",
        remove(schema.request_key, schema.request_key.c.key == "c-1"),
    ),
    "a refund without its key": ("refund_has_its_key", remove(schema.request_key, schema.request_key.c.key == "r-1")),
    "a voucher without its key": (
        "voucher_has_its_key",
        remove(schema.request_key, schema.request_key.c.key == "v-1"),
    ),
    "a top-up without its key": (
        "topup_has_its_key",
        remove(schema.request_key, schema.request_key.c.kind == KeyKind.TOPUP.value),
    ),
    "a key that leads to somebody else": (
        "charge_has_its_key",
        change(schema.request_key, schema.request_key.c.key == "c-1", subscription_id=2),
    ),
    "a reward that was never posted": (
        "reward_is_posted_once",
        change(accrual, accrual.c.order_id == "o-3", state="accrued", accrued_period="2025-04"),
    ),
    "a reward posted for no order": (
        "reward_has_its_order",
        change(posting, posting.c.kind == "accrual", ref="ozon:o-9"),
    ),
    "a reward that its promise does not give": (
        "reward_is_computed",
        change(accrual, accrual.c.order_id == "o-3", reward=accrual.c.reward + 100),
    ),
    "a voucher worth more than was posted": (
        "voucher_is_posted",
        change(schema.voucher, schema.voucher.c.amount > 0, amount=schema.voucher.c.amount + 1),
    ),
    "a cancelled voucher that never went back": (
        "voucher_rest_went_back",
        change(schema.voucher, schema.voucher.c.amount > 0, state="cancelled"),
    ),
    "a redemption without its key": (
        "redemption_has_its_key",
        change(schema.voucher, schema.voucher.c.amount > 0, state="redeemed", redeemed=1, redemption_id="d-1"),
    ),
    "a hold that nobody asked for": (
        "held_is_reserved",
        change(balance, balance.c.subscription_id == ONE, held_main=0, held_cashback=0),
    ),
    "a reservation that ended and holds on": (
        "reservation_ends_once",
        change(schema.reservation, schema.reservation.c.reservation_id == "h-1", state="expired"),
    ),
    "a commit of another sum than was charged": (
        "commit_is_charged",
        change(schema.reservation, schema.reservation.c.reservation_id == "h-2", committed=99),
    ),
    "cashback issued and nowhere": (
        "issued_is_accounted_for",
        change(posting, posting.c.kind == "welcome", amount=posting.c.amount + 1),
    ),
    "a refund of another sum than was posted": (
        "refund_is_posted",
        change(schema.refund, schema.refund.c.refund_id == "r-1", main=schema.refund.c.main + 1),
    ),
    "a reward that is money and was never confirmed": (
        "reward_came_to_its_state",
        change(accrual, accrual.c.order_id == "o-1", confirmed_at=None),
    ),
    "a reward confirmed too late": (
        "confirmed_in_time",
        change(accrual, accrual.c.order_id == "o-1", deadline=accrual.c.confirmed_at),
    ),
    "cashback that lapsed by itself": (
        "lapse_has_its_leaving",
        change(posting, posting.c.kind == "voucher", kind="lapse", target="lapsed"),
    ),
    "a month credited twice": (
        "credited_once_a_month",
        lambda connection: put_rows(connection, posting, [second_credit(connection)]),
    ),
    "a name that outlived its erasure": ("erased_is_forgotten", erase_half),
    "a number that leads to nobody": (
        "number_is_owned",
        remove(schema.msisdn_owner, schema.msisdn_owner.c.msisdn == A),
    ),
    "a number that was given up and is still owned": (
        "owned_number_is_used",
        change(schema.subscription, schema.subscription.c.msisdn == A, msisdn=""),
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_it_finds(connection: Connection, what: str) -> None:
    invariant, breaking = BROKEN[what]
    breaking(connection)
    found = {violation.invariant for violation in verify(connection, Programme()).violations}
    assert invariant in found


def test_it_finds_main_drawn_while_cashback_was_left(databases: Databases) -> None:
    world = Kept()
    world.member(A).main("10.00").at("2025-04-01 00:00").month("2025-04")
    world.charge("c-1", "60.00")
    connection = databases.open()
    store(connection, world)
    drop_guards(connection)
    assert verify(connection, Programme()).is_ok
    spent = (posting.c.kind == "charge") & (posting.c.source == "cashback")
    connection.execute(update(posting).where(spent).values(amount=posting.c.amount - 100))
    found = {one.invariant: one for one in verify(connection, Programme()).violations}
    assert (found["cashback_pays_first"].found, found["cashback_pays_first"].ref) == ("100", "c-1")
    never = Programme(spend_types=frozenset(ChargeType) - {ChargeType.USAGE})
    assert "cashback_pays_first" not in {one.invariant for one in verify(connection, never).violations}
    capped = Programme(monthly_spend_cap=1)
    assert "cashback_pays_first" not in {one.invariant for one in verify(connection, capped).violations}


def test_a_violation_names_no_number(connection: Connection) -> None:
    connection.execute(delete(schema.msisdn_owner))
    connection.execute(
        insert(schema.msisdn_owner).values(msisdn=A, valid_from=World().context.now, subscription_id=2)
    )
    found = verify(connection, Programme()).violations
    assert found
    assert not any(A in str(one) or C in str(one) for one in found)
