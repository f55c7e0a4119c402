"""Closing business days: from what sealed blocks counted per day to one row a day, each built on the one before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, select, text

from billing.money import Kopecks
from billing.reconciling import Cashback, DayLine, cashback_after, closing
from billing.store import seal_chain
from billing.store.dialects import among
from billing.store.dialects import insert as insert_or
from billing.store.reconciliation_schema import journal_day, reconciliation, reconciliation_account
from billing.words import Account, PostingKind

DayMovement = tuple[str, str, str, str]
"""Day, kind, source, target."""

_FIGURES = ("issued", "spent", "lapsed", "voucher", "reversed", "outstanding")


@dataclass(frozen=True, slots=True, kw_only=True)
class DayAccount:
    """One account over one day."""

    account: Account
    opening: Kopecks
    closing: Kopecks


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedDay:
    """One closed business day; the figures of cashback are since the beginning."""

    day: str
    closed_at: datetime
    block_no: int
    postings: int
    moved: Kopecks
    cashback: Cashback
    imbalance: Kopecks
    accounts: tuple[DayAccount, ...]
    lines: tuple[DayLine, ...]


def count_lines(connection: Connection, lines: Mapping[DayMovement, tuple[int, Kopecks]]) -> None:
    """Add what a block seals to its days: movements with how many postings and their sum.

    What comes for a closed day is counted on the first open one: closed days never change (invariant 25).
    """
    last = connection.execute(select(func.max(reconciliation.c.day))).scalar_one()
    open_from = "" if last is None else (date.fromisoformat(last) + timedelta(days=1)).isoformat()
    rows: dict[DayMovement, tuple[int, Kopecks]] = {}
    for (day, kind, source, target), (postings, amount) in lines.items():
        key = (max(day, open_from), kind, source, target)
        before = rows.get(key, (0, 0))
        rows[key] = (before[0] + postings, before[1] + amount)
    table = journal_day
    statement = insert_or(table, connection.dialect)
    statement = statement.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={name: table.c[name] + statement.excluded[name] for name in ("postings", "amount")},
    )
    names = ("day", "kind", "source", "target", "postings", "amount")
    connection.execute(statement, [dict(zip(names, (*key, *found), strict=True)) for key, found in rows.items()])


def close_days(connection: Connection, before: str, now: datetime) -> list[ClosedDay]:
    """Close every day below `before` that has postings and is not closed, in order, in the caller's transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": seal_chain.SEAL_LOCK})
    last = connection.execute(select(func.max(reconciliation.c.day))).scalar_one() or ""
    day = journal_day.c.day
    due = select(day).where(day > last, day < before).distinct().order_by(day)
    return [_close(connection, one, now) for one in connection.execute(due).scalars().all()]


def _close(connection: Connection, day: str, now: datetime) -> ClosedDay:
    """Close one day behind the last closed one."""
    previous = connection.execute(select(reconciliation).order_by(reconciliation.c.day.desc()).limit(1)).one_or_none()
    opening = dict.fromkeys(Account, 0)
    before = Cashback()
    if previous is not None:
        opening = {one.account: one.closing for one in _accounts(connection, [previous.day])[previous.day]}
        before = Cashback(**{name: getattr(previous, name) for name in _FIGURES})
    lines = _lines(connection, [day])[day]
    sums = closing(opening, lines)
    after = cashback_after(before, lines, sums)
    closed = ClosedDay(
        day=day,
        closed_at=now,
        block_no=seal_chain.tip(connection).block_no,
        postings=sum(line.postings for line in lines),
        moved=sum(line.amount for line in lines),
        cashback=after,
        imbalance=abs(after.missing),
        accounts=tuple(DayAccount(account=one, opening=opening[one], closing=sums[one]) for one in Account),
        lines=lines,
    )
    figures = {
        name: getattr(closed, name) for name in ("day", "closed_at", "block_no", "postings", "moved", "imbalance")
    }
    figures |= {name: getattr(after, name) for name in _FIGURES}
    connection.execute(insert(reconciliation).values(**figures))
    connection.execute(
        insert(reconciliation_account),
        [
            {"day": day, "account": one.account.value, "opening": one.opening, "closing": one.closing}
            for one in closed.accounts
        ],
    )
    return closed


def closed_days(connection: Connection, since: str, until: str, limit: int) -> list[ClosedDay]:
    """Closed days with since ≤ day < until, in order; days without postings have none."""
    day = reconciliation.c.day
    statement = select(reconciliation).where(day >= since, day < until).order_by(day).limit(limit)
    rows = connection.execute(statement).all()
    days = [row.day for row in rows]
    accounts, lines = _accounts(connection, days), _lines(connection, days)
    return [
        ClosedDay(
            day=row.day,
            closed_at=row.closed_at,
            block_no=row.block_no,
            postings=row.postings,
            moved=row.moved,
            cashback=Cashback(**{name: getattr(row, name) for name in _FIGURES}),
            imbalance=row.imbalance,
            accounts=accounts[row.day],
            lines=lines[row.day],
        )
        for row in rows
    ]


def sealed_sums(connection: Connection) -> dict[Account, Kopecks]:
    """The sums of all accounts as the sealed postings make them."""
    line = journal_day.c
    statement = select(
        line.kind,
        line.source,
        line.target,
        func.sum(line.postings).label("postings"),
        func.sum(line.amount).label("amount"),
    ).group_by(line.kind, line.source, line.target)
    return closing({}, [_line(row) for row in connection.execute(statement)])


def _accounts(connection: Connection, days: Sequence[str]) -> dict[str, tuple[DayAccount, ...]]:
    table = reconciliation_account.c
    found: dict[str, dict[Account, DayAccount]] = {day: {} for day in days}
    for row in connection.execute(select(reconciliation_account).where(among(table.day)), {"values": days}):
        account = Account(row.account)
        found[row.day][account] = DayAccount(account=account, opening=row.opening, closing=row.closing)
    return {day: tuple(one[account] for account in Account if account in one) for day, one in found.items()}


def _lines(connection: Connection, days: Sequence[str]) -> dict[str, tuple[DayLine, ...]]:
    table = journal_day.c
    statement = select(journal_day).where(among(table.day)).order_by(table.kind, table.source, table.target)
    found: dict[str, list[DayLine]] = {day: [] for day in days}
    for row in connection.execute(statement, {"values": days}):
        found[row.day].append(_line(row))
    return {day: tuple(lines) for day, lines in found.items()}


def _line(row: Any) -> DayLine:
    return DayLine(
        kind=PostingKind(row.kind),
        source=Account(row.source),
        target=Account(row.target),
        postings=int(row.postings),
        amount=int(row.amount),
    )
