"""Checks that are about the ledger as a whole: guards of the tables, month runs, closed days."""

from collections import Counter
from collections.abc import Collection, Iterator

from sqlalchemy import Connection, func, select, text

from billing.store import schema
from billing.store.reconciliation import sealed_sums
from billing.store.violations import Violation
from billing.words import Account

FEE_FIGURES = ("amount", "cashback", "main")
FeeSums = Counter[tuple[str, str]]
"""What the charges of month runs come to: (period, figure) → sum, added up range after range."""

GUARDS = {
    "sqlite": ("posting_no_update", "posting_no_delete"),
    "postgresql": ("posting_no_change",),
}
FLOATS = "('real', 'double precision', 'float4', 'float8', 'numeric')"


def finished_months(connection: Connection) -> frozenset[str]:
    """Periods whose runs are over; asked before fees are added up: a run that ends meanwhile proves nothing."""
    run = schema.month_run.c
    return frozenset(connection.execute(select(run.period).where(run.status == "done")).scalars())


def add_fees(connection: Connection, above: int, up_to: int, fees: FeeSums) -> None:
    """Add the month job's charges of subscriptions with above < id ≤ up_to."""
    charge = schema.charge.c
    statement = (
        select(charge.period, *(func.sum(charge[name]).label(name) for name in FEE_FIGURES))
        .where(charge.subscription_id > above, charge.subscription_id <= up_to, charge.period != "")
        .group_by(charge.period)
    )
    for row in connection.execute(statement):
        for name in FEE_FIGURES:
            fees[row.period, name] += int(row._asdict()[name])


def whole_checks(connection: Connection, fees: FeeSums, finished: Collection[str]) -> list[Violation]:
    """What is wrong with the whole, after `fees` was added up over everybody; `finished` was asked before."""
    return [*_guards(connection), *_floats(connection), *_months(connection, fees, finished), *_days(connection)]


def _guards(connection: Connection) -> Iterator[Violation]:
    """Invariant 2: the database itself refuses to change a posting."""
    if connection.dialect.name == "sqlite":
        found = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    else:
        found = "SELECT tgname FROM pg_trigger WHERE tgrelid = 'posting'::regclass AND tgenabled <> 'D'"
    present = set(connection.execute(text(found)).scalars())
    for name in GUARDS[connection.dialect.name]:
        if name not in present:
            yield _violation(
                "postings_are_guarded", "the database refuses to change postings", name, "no trigger", "it"
            )


def _floats(connection: Connection) -> Iterator[Violation]:
    """Invariant 21: no column can hold a fraction. SQLite's columns are checked value by value in the ranges."""
    if connection.dialect.name == "sqlite":
        return
    columns = (
        "SELECT table_name || '.' || column_name AS place, data_type FROM information_schema.columns"  # noqa: S608 - constants
        f" WHERE table_schema = current_schema() AND data_type IN {FLOATS}"
    )
    for row in connection.execute(text(columns)):
        yield _violation("sums_are_whole", "no column holds fractions", row.place, row.data_type, "bigint")


def _months(connection: Connection, fees: FeeSums, finished: Collection[str]) -> Iterator[Violation]:
    """Invariant 13: what a finished month run says it charged is the sum of its charges."""
    run = schema.month_run.c
    for row in connection.execute(select(schema.month_run).where(run.period.in_(finished))):
        said = [int(row._asdict()[f"charged_{name}"]) for name in FEE_FIGURES]
        found = [fees[row.period, name] for name in FEE_FIGURES]
        if said != found:
            yield _violation(
                "month_adds_up",
                "charged/cashback/main of a month run are the sums of its charges",
                row.period,
                "/".join(map(str, said)),
                "/".join(map(str, found)),
            )


def _days(connection: Connection) -> Iterator[Violation]:
    """Invariants 25 and 28: closed days follow each other, and add up to what blocks sealed."""
    day, account = schema.reconciliation, schema.reconciliation_account.c
    for row in connection.execute(select(day).where(day.c.imbalance != 0)):
        yield _violation("closed_day_adds_up", "a closed day adds up", row.day, str(row.imbalance), "0")
    before = func.coalesce(
        func.lag(account.closing).over(partition_by=account.account, order_by=account.day), 0
    ).label("before")
    opened = select(account.day, account.account, account.opening, before).subquery()
    for row in connection.execute(select(opened).where(opened.c.opening != opened.c.before)):
        place = f"{row.day} {row.account}"
        yield _violation(
            "closed_days_follow",
            "a day opens with what the one before closed with",
            place,
            str(row.opening),
            str(row.before),
        )
    yield from _counted(connection)


def _counted(connection: Connection) -> Iterator[Violation]:
    block, line, last = schema.seal_block.c, schema.journal_day.c, schema.reconciliation_account.c
    sealed = connection.execute(select(func.sum(block.postings), func.sum(block.amount))).one()
    counted = connection.execute(select(func.sum(line.postings), func.sum(line.amount))).one()
    if tuple(sealed) != tuple(counted):
        yield _violation(
            "days_count_what_is_sealed",
            "the postings counted by day are those of the sealed blocks",
            "journal_day",
            f"{counted[0]}/{counted[1]}",
            f"{sealed[0]}/{sealed[1]}",
        )
    open_days = connection.execute(
        select(func.count()).where(line.day > func.coalesce(select(func.max(last.day)).scalar_subquery(), ""))
    ).scalar_one()
    if open_days or counted[0] is None:
        return
    closing = dict(
        connection.execute(
            select(last.account, last.closing).where(last.day == select(func.max(last.day)).scalar_subquery())
        ).all()
    )
    for account, amount in sealed_sums(connection).items():
        if closing.get(account.value, 0) != amount:
            yield _violation(
                "closed_day_never_changes",
                "the last closed day closes with all that was sealed",
                account.value,
                str(closing.get(Account(account).value, 0)),
                str(amount),
            )


def _violation(name: str, says: str, ref: str, found: str, expected: str) -> Violation:
    return Violation(invariant=name, says=says, subscription_id=0, ref=ref, found=found, expected=expected)
