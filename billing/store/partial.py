"""Conditions that match the partial indexes word for word, as SQLite's planner wants them.

It sees an index's condition only as a literal, and prefers the primary key unless the index serves one more column:
so each condition also bounds the index's second column from below, which excludes nothing.
"""

from sqlalchemy import ColumnElement, FromClause, and_, literal_column

from billing.store.schema import accrual, charge, reservation, voucher


def is_pending() -> ColumnElement[bool]:
    """Rewards that wait for the shop (`ix_accrual_pending`)."""
    return and_(accrual.c.state == literal_column("'pending'"), accrual.c.deadline > literal_column("0"))


def is_accrued() -> ColumnElement[bool]:
    """Rewards in the bonus account (`ix_accrual_accrued`)."""
    return and_(accrual.c.state == literal_column("'accrued'"), accrual.c.accrued_period >= literal_column("''"))


def is_open() -> ColumnElement[bool]:
    """Charges with an unpaid rest (`ix_charge_open`)."""
    return and_(charge.c.unpaid > literal_column("0"), charge.c.entry_no >= literal_column("0"))


def is_tariff_fee(of: FromClause = charge) -> ColumnElement[bool]:
    """Monthly fees, whoever drew them (`ix_charge_tariff_fee`)."""
    return and_(of.c.type == literal_column("'tariff_fee'"), of.c.entry_no >= literal_column("0"))


def is_issued() -> ColumnElement[bool]:
    """Vouchers not yet redeemed, cancelled or swept (`ix_voucher_issued`)."""
    return voucher.c.state == literal_column("'issued'")


def is_held() -> ColumnElement[bool]:
    """Reservations that hold (`ix_reservation_held`)."""
    return reservation.c.state == literal_column("'held'")


def is_fee_of(table: FromClause, period: ColumnElement[str]) -> ColumnElement[bool]:
    """The month job's fee of a period (`uq_charge_fee`); `table` is the charges or an alias."""
    return and_(table.c.period == period, table.c.period != literal_column("''"))
