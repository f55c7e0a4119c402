"""A chunk of charges in few statements: what `store.ledger.execute` does for a group, for thousands of lines.

Ids already known are answered from their keys. Lines that only the rules can decide go the ordinary way together
with every other line of their numbers, so that the lines of one subscription draw in the order given; the rest is
split by window sums (`bulk_sql`). All of it is one transaction of the caller's.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, select, text

from billing.answers import ChargeAnswer
from billing.calendar import period_of
from billing.charging import HOLD_PREFIX, Split, fee_subscription_id
from billing.commands import DrawCharge
from billing.decision import Context, Outcome
from billing.errors import Conflict, LedgerRefusal, UnknownSubscriber
from billing.events import BillPaidFromCashback, CashbackUsedUp, LedgerEvent
from billing.figures import AHEAD_MAX, figures_of, same_figures
from billing.money import KOPECKS_MAX
from billing.records import RequestKey, Subscription
from billing.requests import stored_outcome
from billing.store import bulk_sql, rows, schema
from billing.store.columns import to_micros
from billing.store.dialects import among, lock_balances, put_rows, run
from billing.store.ledger import execute
from billing.store.loader import OWNER_IDS, REQUEST_KEYS
from billing.store.rows import PLAIN
from billing.words import KeyKind

_owner = schema.msisdn_owner
ACCOUNTS = (
    select(_owner.c.msisdn, _owner.c.subscription_id, schema.balance.c.credited_period)
    .select_from(_owner.join(schema.balance, schema.balance.c.subscription_id == _owner.c.subscription_id))
    .where(among(_owner.c.msisdn), _owner.c.valid_until.is_(None))
)
SUBSCRIPTIONS = rows.SUBSCRIPTION.select().where(among(schema.subscription.c.subscription_id))
SHORT = text(
    """SELECT DISTINCT msisdn FROM bill_split AS s
       JOIN bill_line AS l ON l.subscription_id = s.subscription_id AND l.line_no = s.line_no WHERE unpaid > 0"""
)
LEAVE_SHORT = text(
    "DELETE FROM bill_split WHERE subscription_id IN (SELECT subscription_id FROM bill_split WHERE unpaid > 0)"
)
STAGE_POSTGRESQL = (
    "INSERT INTO bill_line SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[],"
    " %s::text[], %s::bigint[], %s::bigint[], %s::text[])"
)
"""Nine arrays are one round trip; a parameter set a row would be three thousand."""

Result = Split | LedgerRefusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What became of the lines, in their order; what subscribers are told; how much was new."""

    results: Sequence[Result]
    events: Sequence[LedgerEvent]
    booked: Sequence[Split]
    """Of the results those that were not a repeat."""


class BulkLine(NamedTuple):
    """A charge to draw, with what can be made of it before the transaction begins."""

    command: DrawCharge
    staged: tuple[Any, ...]
    """Its columns of `bulk_sql.LINE`, the figures last."""


def bulk_line(command: DrawCharge) -> BulkLine:
    """The line of a charge."""
    occurred_at = command.occurred_at
    charge_type: str = PLAIN(command.type)
    return BulkLine(
        command,
        (
            command.charge_id,
            encode_basestring(command.charge_id),
            command.msisdn,
            charge_type,
            command.amount,
            None if occurred_at is None else to_micros(occurred_at),
            figures_of(command.msisdn, charge_type, command.amount, at=occurred_at),
        ),
    )


class _Accounts(NamedTuple):
    """Subscriptions by number, and the numbers whose month has no credit yet."""

    ids: Mapping[str, int]
    uncredited: Collection[str]


def draw_many(connection: Connection, lines: Sequence[BulkLine], context: Context) -> Drawn:
    """Draw every line as `charging.draw_charge` would, one after another.

    Raises:
        IntegrityError: another process wrote the same key first; run the whole again.
    """
    period = period_of(context.now, context.programme.zone)
    results: dict[int, Result] = {}
    booked: list[Split] = []
    events: list[LedgerEvent] = []
    accounts = _accounts(connection, {line.command.msisdn for line in lines}, period)
    fresh = _answer_known(connection, lines, results)
    ordinary = _ordinary_numbers([lines[number].command for number in fresh], context).union(accounts.uncredited)
    staged: list[tuple[Any, ...]] = []
    for line_no in fresh:
        line = lines[line_no]
        number = line.command.msisdn
        if number in ordinary:
            continue
        if number in accounts.ids:
            staged.append((accounts.ids[number], line_no, *line.staged))
        else:
            results[line_no] = UnknownSubscriber("no subscription has this number")
    if staged:
        ordinary.update(_split(connection, staged, context))
        drawn: Sequence[Any] = run(connection, bulk_sql.DRAWN, {}).all()
        for line_no, cashback, main, unpaid in drawn:
            results[line_no] = split = Split(cashback=cashback, main=main, unpaid=unpaid)
            booked.append(split)
        events += _events(connection, period)
    rest = [line_no for line_no in fresh if lines[line_no].command.msisdn in ordinary]
    decided = execute(connection, [lines[line_no].command for line_no in rest], context) if rest else []
    for line_no, outcome in zip(rest, decided, strict=True):
        results[line_no] = result = _result(outcome)
        if isinstance(outcome, Outcome) and isinstance(result, Split) and not outcome.hit:
            booked.append(result)
            events += outcome.events
    return Drawn(results=[results[number] for number in range(len(lines))], events=events, booked=booked)


def _accounts(connection: Connection, numbers: Collection[str], period: str) -> _Accounts:
    """The accounts of the numbers that have one, locked before they are read."""
    if connection.dialect.name != "sqlite":
        lock_balances(connection, run(connection, OWNER_IDS, {"values": numbers}).scalars().all())
    found: Sequence[Any] = run(connection, ACCOUNTS, {"values": numbers}).all()
    return _Accounts(
        ids={number: key for number, key, _ in found},
        uncredited=[number for number, _, credited_period in found if credited_period < period],
    )


def _answer_known(connection: Connection, lines: Sequence[BulkLine], results: dict[int, Result]) -> Sequence[int]:
    """Answer the lines whose ids are known (rule 34); the places of the others, in order."""
    ids = {line.command.charge_id for line in lines}
    found = run(connection, REQUEST_KEYS, {"values": ids, "kind": KeyKind.CHARGE.value}).all()
    if not found:
        return range(len(lines))
    known: dict[str, RequestKey] = {key.key: key for key in map(rows.REQUEST_KEY.record, found)}
    fresh: list[int] = []
    for line_no, line in enumerate(lines):
        request = known.get(line.command.charge_id)
        if request is None:
            fresh.append(line_no)
        elif same_figures(request.figures, line.staged[-1]):
            results[line_no] = _result(stored_outcome(request))
        else:
            results[line_no] = Conflict(f"this {KeyKind.CHARGE.value} id is known with other figures")
    return fresh


def _ordinary_numbers(commands: Sequence[DrawCharge], context: Context) -> set[str]:
    """Numbers with a line that window sums cannot answer.

    An id given twice (the first may be refused, and then the second counts), ids of fees and reservations, figures
    that are refused.
    """
    latest = context.now + AHEAD_MAX
    times = Counter([command.charge_id for command in commands])
    is_twice = len(times) < len(commands)
    return {
        command.msisdn
        for command in commands
        if (is_twice and times[command.charge_id] > 1)
        or not 0 < command.amount <= KOPECKS_MAX
        or (command.occurred_at is not None and command.occurred_at > latest)
        or command.charge_id.startswith(HOLD_PREFIX)
        or fee_subscription_id(command.charge_id) is not None
    }


def _split(connection: Connection, staged: list[tuple[Any, ...]], context: Context) -> Collection[str]:
    """Split and write these lines; numbers whose lines were left alone, because all or nothing is drawn (rule 30)."""
    programme = context.programme
    statements = bulk_sql.bulk_statements(connection.dialect.name, programme)
    for statement in statements.prepare:
        run(connection, statement, {})
    staged.sort()
    _stage(connection, staged)
    parameters = {
        "period": period_of(context.now, programme.zone),
        "now": to_micros(context.now),
        "booked_at": context.now.isoformat(),
        "cap": programme.monthly_spend_cap,
        "ids": sorted({row[0] for row in staged}),
    }
    run(connection, statements.split, parameters)
    short: Collection[str] = ()
    if not programme.part_payment:
        short = run(connection, SHORT, {}).scalars().all()
        run(connection, LEAVE_SHORT, {})
    for statement in statements.write:
        run(connection, statement, parameters)
    return short


def _stage(connection: Connection, staged: Sequence[tuple[Any, ...]]) -> None:
    if connection.dialect.name == "sqlite":
        put_rows(connection, bulk_sql.LINE, staged)
        return
    columns = tuple(list(column) for column in zip(*staged, strict=True))
    connection.exec_driver_sql(STAGE_POSTGRESQL, columns)


def _events(connection: Connection, period: str) -> list[LedgerEvent]:
    """What the subscribers of the lines that were just split are told, in the lines' order."""
    used_up: Sequence[Any] = run(connection, bulk_sql.USED_UP, {}).all()
    bills: Sequence[Any] = run(connection, bulk_sql.BILLS, {}).all()
    owners = {row[1] for row in (*used_up, *bills)}
    if not owners:
        return []
    found = run(connection, SUBSCRIPTIONS, {"values": owners}).all()
    subscriptions: dict[int, Subscription] = {row[0]: rows.SUBSCRIPTION.record(row) for row in found}
    told: list[tuple[int, LedgerEvent]] = [
        (line_no, CashbackUsedUp(subscription=subscriptions[key], ref=f"{period}:{key}")) for line_no, key in used_up
    ]
    told += [
        (
            line_no,
            BillPaidFromCashback(
                subscription=subscriptions[key],
                ref=charge_id,
                amount=amount,
                cashback=cashback,
                main=main,
                unpaid=unpaid,
            ),
        )
        for line_no, key, charge_id, amount, cashback, main, unpaid in bills
    ]
    return [event for _, event in sorted(told, key=itemgetter(0))]


def _result(outcome: Outcome | LedgerRefusal) -> Result:
    if isinstance(outcome, LedgerRefusal):
        return outcome
    answer = outcome.answer
    assert isinstance(answer, ChargeAnswer)  # noqa: S101 - a charge's key keeps a charge's answer
    return Split(cashback=answer.cashback, main=answer.main, unpaid=answer.unpaid)
