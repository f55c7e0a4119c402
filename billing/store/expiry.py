"""What is out of date by an instant and was not swept yet: the due work of the business clock, earliest first."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select

from billing.commands import Command, ExpireReservation, ExpireVoucher
from billing.store import schema
from billing.store.partial import is_held, is_issued

SWEEP_MAX = 100
"""Commands of one sweep, so that others go in between."""


def next_expiry(connection: Connection) -> datetime | None:
    """The earliest instant at which something goes out of date; None: nothing ever will."""
    voucher, reservation = schema.voucher.c, schema.reservation.c
    ends = (
        select(func.min(voucher.valid_until)).where(is_issued()),
        select(func.min(reservation.expires_at)).where(is_held()),
    )
    found = [connection.execute(end).scalar() for end in ends]
    return min((at for at in found if at is not None), default=None)


def out_of_date(connection: Connection, now: datetime, limit: int = SWEEP_MAX) -> Sequence[Command]:
    """The commands that sweep what is out of date at an instant, at most `limit`; none when all is swept."""
    voucher, reservation = schema.voucher.c, schema.reservation.c
    reservations = (
        select(reservation.reservation_id)
        .where(is_held(), reservation.expires_at <= now)
        .order_by(reservation.expires_at, reservation.reservation_id)
        .limit(limit)
    )
    found: list[Command] = [
        ExpireReservation(reservation_id=one) for one in connection.execute(reservations).scalars()
    ]
    if found:
        return found
    vouchers = (
        select(voucher.voucher_id)
        .where(is_issued(), voucher.valid_until <= now)
        .order_by(voucher.valid_until, voucher.voucher_id)
        .limit(limit)
    )
    return [ExpireVoucher(voucher_id=one) for one in connection.execute(vouchers).scalars()]
