"""What the programme owes its subscribers, in all: for the operator's figures, not for any decision."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, func, select

from billing.money import Kopecks
from billing.store.schema import accrual, balance
from billing.words import AccrualState


def liability(connection: Connection, now: datetime) -> Mapping[str, Kopecks]:
    """Sums over all subscriptions of what waits for shops (`pending`), for a 1st (`bonus`), and to be spent."""
    bonus, cashback = connection.execute(
        select(func.coalesce(func.sum(balance.c.bonus), 0), func.coalesce(func.sum(balance.c.cashback), 0))
    ).one()
    pending = connection.execute(
        select(func.coalesce(func.sum(accrual.c.reward), 0)).where(
            accrual.c.state == AccrualState.PENDING, accrual.c.deadline > now
        )
    ).scalar_one()
    return {"pending": int(pending), "bonus": int(bonus), "cashback": int(cashback)}
