"""What is out of date by an instant and was not swept yet: the due work of the business clock, earliest first."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select

from billing.commands import Command, ExpireVoucher
from billing.store import schema
from billing.store.partial import is_issued

SWEEP_MAX = 100
"""Commands of one sweep, so that others go in between."""


def next_expiry(connection: Connection) -> datetime | None:
    """The earliest instant at which something goes out of date; None: nothing ever will."""
    found: datetime | None = connection.execute(
        select(func.min(schema.voucher.c.valid_until)).where(is_issued())
    ).scalar()
    return found


def out_of_date(connection: Connection, now: datetime, limit: int = SWEEP_MAX) -> Sequence[Command]:
    """The commands that sweep what is out of date at an instant, at most `limit`; none when all is swept."""
    voucher = schema.voucher.c
    vouchers = (
        select(voucher.voucher_id)
        .where(is_issued(), voucher.valid_until <= now)
        .order_by(voucher.valid_until, voucher.voucher_id)
        .limit(limit)
    )
    return [ExpireVoucher(voucher_id=one) for one in connection.execute(vouchers).scalars()]
