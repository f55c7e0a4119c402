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
from billing.words import KeyKind

NO_CAP = 1 << 62
"""A monthly cap that nobody reaches, for the programme without one."""

_owner = schema.msisdn_owner
ACCOUNTS = (
    select(_owner.c.msisdn, _owner.c.subscription_id, schema.balance.c.credited_period)
    .select_from(_owner.join(schema.balance, schema.balance.c.subscription_id == _owner.c.subscription_id))
    .where(among(_owner.c.msisdn), _owner.c.valid_until.is_(None))
)
SUBSCRIPTIONS = rows.SUBSCRIPTION.select().where(among(schema.subscription.c.subscription_id))
SHORT = text("SELECT DISTINCT subscription_id FROM bill_split WHERE unpaid > 0")
LEAVE_SHORT = text(
    "DELETE FROM bill_split WHERE subscription_id IN (SELECT subscription_id FROM bill_split WHERE unpaid > 0)"
)
STAGE_POSTGRESQL = (
    "INSERT INTO bill_line SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[],"
    " %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[])"
)
"""Ten arrays are one round trip; a parameter set a row would be three thousand."""

Result = Split | LedgerRefusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What became of the lines, in their order; what subscribers are told; how much was new."""

    results: Sequence[Result]
    events: Sequence[LedgerEvent]
    booked: Sequence[Split]
    """Of the results those that were not a repeat."""


class _Account(NamedTuple):
    subscription_id: int
    credited_period: str


class _Line(NamedTuple):
    line_no: int
    command: DrawCharge


def draw_many(connection: Connection, commands: Sequence[DrawCharge], context: Context) -> Drawn:
    """Draw every line as `charging.draw_charge` would, one after another.

    Raises:
        IntegrityError: another process wrote the same key first; run the whole again.
    """
    results: dict[int, Result] = {}
    booked: list[Split] = []
    events: list[LedgerEvent] = []
    accounts = _accounts(connection, {command.msisdn for command in commands})
    fresh = _answer_known(connection, commands, results)
    ordinary = _ordinary_numbers(fresh, accounts, context)
    in_bulk: list[_Line] = []
    for line in fresh:
        number = line.command.msisdn
        if number in ordinary:
            continue
        if number in accounts:
            in_bulk.append(line)
        else:
            results[line.line_no] = UnknownSubscriber("no subscription has this number")
    if in_bulk:
        ordinary |= _split(connection, in_bulk, accounts, context)
        drawn: Sequence[Any] = run(connection, bulk_sql.DRAWN, {}).all()
        for line_no, cashback, main, unpaid in drawn:
            results[line_no] = split = Split(cashback=cashback, main=main, unpaid=unpaid)
            booked.append(split)
        events += _events(connection, period_of(context.now, context.programme.zone))
    rest = [line for line in fresh if line.command.msisdn in ordinary]
    decided = execute(connection, [line.command for line in rest], context) if rest else []
    for line, outcome in zip(rest, decided, strict=True):
        results[line.line_no] = split_or_refusal = _result(outcome)
        if isinstance(outcome, Outcome) and isinstance(split_or_refusal, Split) and not outcome.hit:
            booked.append(split_or_refusal)
            events += outcome.events
    return Drawn(results=[results[number] for number in range(len(commands))], events=events, booked=booked)


def _accounts(connection: Connection, numbers: Collection[str]) -> Mapping[str, _Account]:
    """The accounts of the numbers that have one, locked before they are read."""
    if connection.dialect.name != "sqlite":
        lock_balances(connection, run(connection, OWNER_IDS, {"values": numbers}).scalars().all())
    found: Sequence[Any] = run(connection, ACCOUNTS, {"values": numbers}).all()
    return {number: _Account(key, credited_period) for number, key, credited_period in found}


def _answer_known(
    connection: Connection, commands: Sequence[DrawCharge], results: dict[int, Result]
) -> Sequence[_Line]:
    """Answer the lines whose ids are known (rule 34); the others, in order."""
    ids = {command.charge_id for command in commands}
    found = run(connection, REQUEST_KEYS, {"values": ids, "kind": KeyKind.CHARGE.value}).all()
    known: dict[str, RequestKey] = {key.key: key for key in map(rows.REQUEST_KEY.record, found)}
    fresh: list[_Line] = []
    for line_no, command in enumerate(commands):
        request = known.get(command.charge_id)
        if request is None:
            fresh.append(_Line(line_no, command))
        elif same_figures(request.figures, _figures(command)):
            results[line_no] = _result(stored_outcome(request))
        else:
            results[line_no] = Conflict(f"this {KeyKind.CHARGE.value} id is known with other figures")
    return fresh


def _ordinary_numbers(lines: Sequence[_Line], accounts: Mapping[str, _Account], context: Context) -> set[str]:
    """Numbers with a line that window sums cannot answer.

    An id given twice (the first may be refused, and then the second counts), ids of fees and reservations, figures
    that are refused, a subscription whose month has no credit yet.
    """
    period = period_of(context.now, context.programme.zone)
    latest = context.now + AHEAD_MAX
    times = Counter(line.command.charge_id for line in lines)
    found = set()
    for line in lines:
        command = line.command
        if (
            times[command.charge_id] > 1
            or not 0 < command.amount <= KOPECKS_MAX
            or (command.occurred_at is not None and command.occurred_at > latest)
            or command.charge_id.startswith(HOLD_PREFIX)
            or fee_subscription_id(command.charge_id) is not None
        ):
            found.add(command.msisdn)
    found.update(number for number, account in accounts.items() if account.credited_period < period)
    return found


def _split(
    connection: Connection, lines: Sequence[_Line], accounts: Mapping[str, _Account], context: Context
) -> set[str]:
    """Split and write these lines; numbers whose lines were left alone, because all or nothing is drawn (rule 30)."""
    statements = bulk_sql.bulk_statements(connection.dialect.name)
    for statement in statements.prepare:
        run(connection, statement, {})
    staged = sorted(_staged(line, accounts[line.command.msisdn].subscription_id, context) for line in lines)
    _stage(connection, staged)
    programme = context.programme
    parameters = {
        "period": period_of(context.now, programme.zone),
        "now": to_micros(context.now),
        "booked_at": context.now.isoformat(),
        "cap": NO_CAP if programme.monthly_spend_cap is None else programme.monthly_spend_cap,
        "external": int(programme.main_balance == "external"),
        "ids": sorted({row[0] for row in staged}),
    }
    run(connection, statements.split, parameters)
    short: set[int] = set()
    if not programme.part_payment:
        short = set(run(connection, SHORT, {}).scalars())
        run(connection, LEAVE_SHORT, {})
    for statement in statements.write:
        run(connection, statement, parameters)
    return {line.command.msisdn for line in lines if accounts[line.command.msisdn].subscription_id in short}


def _staged(line: _Line, subscription_id: int, context: Context) -> tuple[Any, ...]:
    """A row of `bulk_sql.LINE`."""
    command = line.command
    is_eligible = command.type in context.programme.spend_types
    return (
        subscription_id,
        line.line_no,
        command.charge_id,
        encode_basestring(command.charge_id),
        command.msisdn,
        command.type.value,
        command.amount,
        command.amount if is_eligible else 0,
        to_micros(context.now if command.occurred_at is None else command.occurred_at),
        _figures(command),
    )


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


def _figures(command: DrawCharge) -> str:
    """What makes a repeat of it: as `charging.draw_charge` compares."""
    return figures_of(command.msisdn, command.type.value, command.amount, at=command.occurred_at)


def _result(outcome: Outcome | LedgerRefusal) -> Result:
    if isinstance(outcome, LedgerRefusal):
        return outcome
    answer = outcome.answer
    assert isinstance(answer, ChargeAnswer)  # noqa: S101 - a charge's key keeps a charge's answer
    return Split(cashback=answer.cashback, main=answer.main, unpaid=answer.unpaid)
