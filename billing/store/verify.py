"""`ledger verify`: every invariant that exists so far, over ranges of subscriptions, set-based.

A range is checked in one transaction of the caller's, so that nothing is seen half; between ranges others may write.
MSISDNs never stand in a violation.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, func, select

from billing.earning import earned
from billing.programme import Programme
from billing.records import Reward
from billing.store import schema
from billing.store.verify_charges import charge_checks
from billing.store.verify_journal import journal_checks, sums_are_whole
from billing.store.verify_kit import Check, within
from billing.store.verify_programme import programme_checks
from billing.store.verify_records import orders_to_compute, record_checks
from billing.store.verify_reservations import reservation_checks
from billing.store.violations import Verification, Violation
from billing.words import AccrualState

RANGE = 5_000
"""Subscriptions checked together."""

VIOLATIONS_MAX = 1_000
"""Kept in all; a ledger with more needs no longer list."""

COUNTED = (schema.balance, schema.posting, schema.charge, schema.accrual, schema.voucher, schema.reservation)


def verify(connection: Connection, programme: Programme) -> Verification:
    """Check everything, range after range, in the caller's one transaction."""
    checked: Counter[str] = Counter()
    violations: list[Violation] = []
    cursor: int | None = 0
    last = 0
    while cursor is not None:
        part = verify_range(connection, programme, cursor)
        if part is not None:
            checked.update(part.checked)
            violations += part.violations[: VIOLATIONS_MAX - len(violations)]
            last = part.up_to
        cursor = None if part is None else part.up_to
    return Verification(checked=dict(checked), violations=tuple(violations), up_to=last)


def verify_range(
    connection: Connection, programme: Programme, above: int = 0, size: int = RANGE
) -> Verification | None:
    """Check the next subscriptions above an id, at most `size`; None: there are none."""
    key = schema.subscription.c.subscription_id
    ahead = select(key).where(key > above).order_by(key).limit(size).subquery()
    up_to = connection.execute(select(func.max(ahead.c.subscription_id))).scalar_one()
    if up_to is None:
        return None
    bounds = {"above": above, "up_to": up_to}
    violations: list[Violation] = []
    for one in checks(programme):
        violations += _violations(connection, one, bounds)
    if connection.dialect.name == "sqlite":
        violations += _violations(connection, sums_are_whole(), bounds)
    violations += _rewards(connection, programme, bounds)
    checked = {
        table.name: connection.execute(
            select(func.count()).select_from(table).where(within(table)), bounds
        ).scalar_one()
        for table in COUNTED
    }
    return Verification(checked=checked, violations=tuple(violations), up_to=up_to)


@lru_cache(maxsize=4)
def checks(programme: Programme) -> tuple[Check, ...]:
    """Every check over a range; made once: a statement that is the same object is compiled once."""
    return (
        *journal_checks(),
        *charge_checks(programme),
        *record_checks(),
        *reservation_checks(),
        *programme_checks(programme),
    )


def _violations(connection: Connection, one: Check, bounds: Mapping[str, int]) -> Iterator[Violation]:
    for row in connection.execute(one.statement.limit(VIOLATIONS_MAX), bounds):
        yield Violation(
            invariant=one.name,
            says=one.says,
            subscription_id=row.subscription_id,
            ref=str(row.ref),
            found=str(row.found),
            expected=str(row.expected),
        )


def _rewards(connection: Connection, programme: Programme, bounds: Mapping[str, int]) -> Iterator[Violation]:
    """Invariant 20: a reward is what its promise gives on the goods that were kept.

    Where returns after the credit are kept, such a reward stands whatever came back.
    """
    for row in connection.execute(orders_to_compute(), bounds):
        if _is_kept(row, programme):
            continue
        promise = Reward(percent=row.promise_percent, fixed=row.promise_fixed)
        kept = max(0, row.goods - row.returned_goods)
        expected = earned(promise, row.min_purchase, kept, programme.rounding).reward
        if row.reward != expected:
            yield Violation(
                invariant="reward_is_computed",
                says="a reward is what its promise gives on the goods that were kept",
                subscription_id=row.subscription_id,
                ref=f"{row.partner}:{row.order_id}",
                found=str(row.reward),
                expected=str(expected),
            )


def _is_kept(row: Any, programme: Programme) -> bool:
    return (
        programme.returns_after_credit == "keep"
        and row.returned_goods > 0
        and row.state == AccrualState.CREDITED.value
    )
