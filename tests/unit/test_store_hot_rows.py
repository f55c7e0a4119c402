"""The written-out rows of a charge's tables say the same as the general way: no column in another's place."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing.records import Balances, Charge, Posting, Subscription
from billing.store import rows
from billing.store.rows import Shape
from billing.words import Account, Block, ChargeStatus, ChargeType, Contract, Network, PostingKind

NOW = datetime(2025, 4, 2, 10, 0, 0, 7, tzinfo=UTC)
LATER = NOW + timedelta(days=3)

SUBSCRIPTION = Subscription(
    subscription_id=11,
    msisdn="79160000001",
    contract=Contract.CORPORATE,
    network=Network.OFF_NET,
    language="ro",
    tariff="smart",
    blocks=frozenset({Block.MNP, Block.VOLUNTARY}),
    imsi="250010000000001",
    time_zone="Asia/Omsk",
    unicode="translit",
    created_at=NOW,
    erased_at=LATER,
)
BALANCES = Balances(
    subscription_id=12,
    bonus=1001,
    cashback=1002,
    main=1003,
    held_cashback=1004,
    held_main=1005,
    carry_over=1006,
    credit_limit=1007,
    next_entry=1008,
    welcomed=True,
    bonus_period="2025-01",
    bonus_new=1009,
    credited_period="2025-02",
    cap_period="2025-03",
    cap_used=1010,
    spent_period="2025-04",
    used_up_period="2025-05",
)
CHARGE = Charge(
    subscription_id=13,
    charge_id="bill-1",
    entry_no=2001,
    type=ChargeType.CONTENT,
    amount=2002,
    cashback=2003,
    main=2004,
    unpaid=2005,
    status=ChargeStatus.PART_PAID,
    settled=2006,
    refunded_cashback=2007,
    refunded_main=2008,
    refunded_unpaid=2009,
    period="2025-06",
    occurred_at=NOW,
    booked_at=LATER,
)
POSTING = Posting(
    subscription_id=14,
    entry_no=3001,
    tx_no=3002,
    kind=PostingKind.CHARGE,
    source=Account.CASHBACK,
    target=Account.REVENUE,
    amount=3003,
    booked_at=NOW,
    effective_at=LATER,
    ref="bill-1",
)

EACH = pytest.mark.parametrize(
    ("shape", "record"),
    [
        (rows.SUBSCRIPTION, SUBSCRIPTION),
        (rows.SUBSCRIPTION, Subscription(subscription_id=1, msisdn="", created_at=NOW)),
        (rows.BALANCE, BALANCES),
        (rows.BALANCE, Balances(subscription_id=1, credited_period="")),
        (rows.CHARGE, CHARGE),
        (rows.POSTING, POSTING),
    ],
    ids=lambda one: type(one).__name__,
)


@EACH
def test_a_record_comes_back_from_its_row_with_every_field_in_its_place(shape: Shape[Any], record: Any) -> None:
    assert shape.record(shape.row(record)) == record


@EACH
def test_a_row_has_each_field_under_its_columns_name(shape: Shape[Any], record: Any) -> None:
    row = dict(zip(shape.table.columns.keys(), shape.row(record), strict=True))
    plain = {name: value for name, value in row.items() if type(getattr(record, name)) in (int, str, bool)}
    assert plain == {name: getattr(record, name) for name in plain}


@EACH
def test_a_row_holds_nothing_but_what_drivers_take_without_an_adapter(shape: Shape[Any], record: Any) -> None:
    assert {type(value) for value in shape.row(record)} <= {int, str, bool, type(None)}
