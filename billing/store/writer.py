"""Outcomes into the database: everything a group of decisions changed, in one statement per table.

Records that replace earlier ones are upserted, the last state of each alone; what only ever appears (postings,
request keys, refunds) is inserted, so that a second writer of the same key fails instead of overwriting.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from billing.decision import Outcome
from billing.records import (
    Accrual,
    AuditEntry,
    Balances,
    Charge,
    Click,
    Membership,
    Record,
    Refund,
    RequestKey,
    Reservation,
    Settlement,
    Subscription,
    Tariff,
    Voucher,
)
from billing.store import rows
from billing.store.dialects import OnConflict, among, insert, put_rows
from billing.store.rows import Shape
from billing.store.schema import msisdn_owner

ORDER: tuple[tuple[type, Shape[Any], OnConflict], ...] = (
    (Tariff, rows.TARIFF, "replace"),
    (Subscription, rows.SUBSCRIPTION, "replace"),
    (Membership, rows.MEMBERSHIP, "replace"),
    (Balances, rows.BALANCE, "replace"),
    (Charge, rows.CHARGE, "replace"),
    (Accrual, rows.ACCRUAL, "replace"),
    (Voucher, rows.VOUCHER, "replace"),
    (Reservation, rows.RESERVATION, "replace"),
    (Click, rows.CLICK, "error"),
    (Settlement, rows.SETTLEMENT, "error"),
    (Refund, rows.REFUND, "error"),
    (RequestKey, rows.REQUEST_KEY, "error"),
    (AuditEntry, rows.AUDIT, "error"),
)
"""Parents before children, as foreign keys want it."""


def write(connection: Connection, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Write what the outcomes changed, in their order; `now` dates changes of number.

    Raises:
        IntegrityError: another writer made the same key, or a figure breaks a rule of the schema.
    """
    put(connection, (record for outcome in outcomes for record in outcome.records), now)
    postings = [rows.POSTING.row(posting) for outcome in outcomes for posting in outcome.postings]
    put_rows(connection, rows.POSTING.table, postings)


def put(connection: Connection, records: Iterable[Record], now: datetime) -> None:
    """Write records; of several with one key the last. Raises as `write`."""
    latest: dict[type, dict[object, Record]] = {}
    for record in records:
        kind = type(record)
        latest.setdefault(kind, {})[_SHAPES[kind].key(record)] = record
    for kind, shape, on_conflict in ORDER:
        found = latest.get(kind)
        if found is not None:
            put_rows(connection, shape.table, [shape.row(record) for record in found.values()], on_conflict)
        if kind is Subscription and found is not None:
            _own_numbers(connection, [record for record in found.values() if isinstance(record, Subscription)], now)


_SHAPES: dict[type, Shape[Any]] = {kind: shape for kind, shape, _ in ORDER}


def _own_numbers(connection: Connection, subscriptions: Sequence[Subscription], now: datetime) -> None:
    """End the ranges of numbers given up, then begin those of numbers taken: so two subscriptions can swap."""
    owner = msisdn_owner.c
    given_up = update(msisdn_owner).where(
        owner.subscription_id == bindparam("whose"), owner.valid_until.is_(None), owner.msisdn != bindparam("number")
    )
    named = [{"whose": one.subscription_id, "number": one.msisdn} for one in subscriptions]
    connection.execute(given_up.values(valid_until=now), named)
    _take_numbers(connection, [one for one in subscriptions if one.msisdn], now)


def _take_numbers(connection: Connection, subscriptions: Sequence[Subscription], now: datetime) -> None:
    """Begin the ranges of numbers their subscription does not own yet; a range ended at this instant goes on."""
    owner = msisdn_owner.c
    owned: set[tuple[str, int]] = set()
    current = select(owner.msisdn, owner.subscription_id).where(among(owner.msisdn), owner.valid_until.is_(None))
    for number, owner_id in connection.execute(current, {"values": [one.msisdn for one in subscriptions]}):
        owned.add((number, owner_id))
    taken = [
        {"msisdn": one.msisdn, "valid_from": now, "subscription_id": one.subscription_id, "valid_until": None}
        for one in subscriptions
        if (one.msisdn, one.subscription_id) not in owned
    ]
    if taken:
        statement = insert(msisdn_owner, connection.dialect)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=list(msisdn_owner.primary_key.columns), set_={"valid_until": None}
            ),
            taken,
        )
