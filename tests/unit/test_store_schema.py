"""The database rejects what the code forbids, holds no float, and says what every column is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from both_databases import Databases
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import BigInteger, Connection, Float, Numeric, delete, insert, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateIndex, CreateTable

from billing.records import Balances, Charge, Posting, Subscription, Voucher
from billing.store import rows, schema
from billing.store.columns import from_bits, from_micros, to_bits, to_micros
from billing.store.dialects import put_rows
from billing.store.writer import put
from billing.words import Account, Block, ChargeStatus, ChargeType, PostingKind, VoucherState

NOW = datetime(2025, 4, 1, tzinfo=UTC)
SUBSCRIPTION = Subscription(subscription_id=1, msisdn="79160000001", created_at=NOW)
BALANCES = Balances(subscription_id=1, cashback=500, main=100, credit_limit=50, credited_period="2025-03")
POSTING = Posting(
    subscription_id=1,
    entry_no=1,
    tx_no=1,
    kind=PostingKind.TOPUP,
    source=Account.CASH_IN,
    target=Account.MAIN,
    amount=100,
    booked_at=NOW,
    effective_at=NOW,
    ref="t",
)
CHARGE = Charge(
    subscription_id=1,
    charge_id="c",
    entry_no=1,
    type=ChargeType.USAGE,
    amount=100,
    cashback=60,
    main=40,
    unpaid=0,
    status=ChargeStatus.PAID,
    occurred_at=NOW,
    booked_at=NOW,
)
VOUCHER = Voucher(
    subscription_id=1,
    voucher_id="v",
    code="CODE",
    source=Account.BONUS,
    amount=100,
    handset_price=None,
    valid_until=NOW,
    state=VoucherState.ISSUED,
    issued_at=NOW,
)


@pytest.fixture
def connection(databases: Databases) -> Connection:
    opened = databases.open()
    put(opened, [SUBSCRIPTION, BALANCES], NOW)
    return opened


@pytest.mark.parametrize(
    "broken",
    [
        {"bonus": -1},
        {"cashback": -1},
        {"main": -51},
        {"held_cashback": 501},
        {"held_main": 151},
        {"carry_over": -1},
        {"bonus_new": 1},
        {"next_entry": 0},
    ],
    ids=str,
)
def test_balances_below_their_limits_are_rejected(connection: Connection, broken: dict[str, int]) -> None:
    put(connection, [replace(BALANCES, main=-50)], NOW)
    with pytest.raises(IntegrityError, match=r"(?i)check"):
        put(connection, [replace(BALANCES, **broken)], NOW)


@pytest.mark.parametrize(
    "broken",
    [
        {"amount": 101},
        {"amount": 0},
        {"unpaid": 1, "amount": 101},
        {"refunded_cashback": 61},
        {"refunded_main": 41},
        {"status": ChargeStatus.UNPAID},
    ],
    ids=str,
)
def test_a_charge_that_does_not_add_up_is_rejected(connection: Connection, broken: dict[str, int]) -> None:
    put(connection, [CHARGE], NOW)
    with pytest.raises(IntegrityError, match=r"(?i)check"):
        put(connection, [replace(CHARGE, charge_id="other", **broken)], NOW)


@pytest.mark.parametrize("broken", [{"amount": 0}, {"target": Account.CASH_IN}, {"tx_no": 2}, {"tx_no": 0}], ids=str)
def test_a_posting_that_moves_nothing_is_rejected(connection: Connection, broken: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match=r"(?i)check"):
        put_rows(connection, schema.posting, [rows.POSTING.row(replace(POSTING, **broken))])


@pytest.mark.parametrize("change", [update(schema.posting).values(amount=1), delete(schema.posting)], ids=str)
def test_postings_are_never_changed(connection: Connection, change: Any) -> None:
    put_rows(connection, schema.posting, [rows.POSTING.row(POSTING)])
    with pytest.raises(IntegrityError, match="append-only"):
        connection.execute(change)


def test_a_period_has_one_fee_of_the_month_job(connection: Connection) -> None:
    put(connection, [replace(CHARGE, charge_id="a", period="2025-04"), replace(CHARGE, charge_id="b")], NOW)
    put(connection, [replace(CHARGE, charge_id="c", period="2025-05"), replace(CHARGE, charge_id="d")], NOW)
    with pytest.raises(IntegrityError, match=r"(?i)unique"):
        put(connection, [replace(CHARGE, charge_id="e", period="2025-04")], NOW)


def test_words_outside_the_closed_sets_are_rejected(connection: Connection) -> None:
    row = rows.POSTING.row(POSTING)
    for column in ("kind", "source", "target"):
        at = list(schema.posting.columns.keys()).index(column)
        with pytest.raises(IntegrityError, match=r"(?i)check"), connection.begin_nested():
            put_rows(connection, schema.posting, [(*row[:at], "nonsense", *row[at + 1 :])])


def test_a_voucher_is_redeemed_at_most_once_over_and_its_code_is_its_own(connection: Connection) -> None:
    put(connection, [VOUCHER], NOW)
    with pytest.raises(IntegrityError, match=r"(?i)check"), connection.begin_nested():
        put(connection, [replace(VOUCHER, redeemed=101)], NOW)
    with pytest.raises(IntegrityError, match=r"(?i)unique"):
        put(connection, [replace(VOUCHER, voucher_id="w")], NOW)


def test_nothing_is_kept_for_a_subscription_that_is_not_there(connection: Connection) -> None:
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
        put(connection, [replace(CHARGE, subscription_id=2)], NOW)


def test_partner_secrets_are_two_at_most(connection: Connection) -> None:
    with pytest.raises(IntegrityError, match=r"(?i)check"):
        connection.execute(insert(schema.partner_secret).values(partner="ozon", slot=2, secret="s"))


@pytest.mark.parametrize("table", schema.metadata.sorted_tables, ids=lambda table: table.name)
def test_every_table_and_column_says_what_it_is_and_no_column_is_a_float(table: Any) -> None:
    assert table.comment
    for column in table.columns:
        assert column.comment, column.name
        assert not isinstance(column.type, Float | Numeric) or isinstance(column.type, BigInteger), column.name


SUBSCRIPTION_DATA = {
    "membership",
    "balance",
    "posting",
    "click",
    "accrual",
    "charge",
    "settlement",
    "refund",
    "voucher",
}


@pytest.mark.parametrize("name", sorted(SUBSCRIPTION_DATA | {"subscription", "audit"}))
def test_the_subscription_id_leads_every_key_of_subscription_data(name: str) -> None:
    assert next(iter(schema.metadata.tables[name].primary_key.columns)).name == "subscription_id"


@pytest.mark.parametrize("table", schema.metadata.sorted_tables, ids=lambda table: table.name)
def test_every_table_and_index_can_be_said_to_postgresql(table: Any) -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    assert "CREATE TABLE" in str(CreateTable(table).compile(dialect=dialect))
    for index in table.indexes:
        assert "INDEX" in str(CreateIndex(index).compile(dialect=dialect))


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds are naive by hypothesis's rule
def test_an_instant_comes_back_to_the_microsecond(instant: datetime) -> None:
    assert from_micros(to_micros(instant)) == instant
    assert to_micros(instant + timedelta(microseconds=1)) == to_micros(instant) + 1


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(TypeError):
        to_micros(datetime(2025, 1, 1))  # noqa: DTZ001 - the point of the test


@given(st.frozensets(st.sampled_from(list(Block))))
def test_a_set_of_blocks_comes_back_from_its_number(blocks: frozenset[Block]) -> None:
    assert from_bits(to_bits(blocks)) == blocks
