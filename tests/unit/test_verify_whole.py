"""Checks about the ledger as a whole, and of its notices: each finds its own damage, on both databases."""

from collections import Counter
from collections.abc import Callable
from datetime import time

import pytest
from both_databases import Databases, drop_guards
from ledger_world import A, C, World
from sqlalchemy import Connection, delete, insert, text, update

from billing.commands import IssueVoucher, OrderRejected, OrderReturned
from billing.decision import Outcome
from billing.events import LedgerEvent
from billing.programme import MOSCOW
from billing.records import Record
from billing.store import rows, schema
from billing.store.dialects import put_rows
from billing.store.reconciliation import close_days
from billing.store.seal import seal_all
from billing.store.verify_whole import FeeSums, add_fees, finished_months, whole_checks
from billing.store.writer import put
from gateway.notices import Timing, notices_for
from gateway.verify_notices import notice_violations
from sms.outbox import enqueue
from sms.outbox.quiet import QuietHours
from sms.outbox.schema import message

KEY = b"k" * 32
EVERYBODY = (0, 2**62)
Damage = Callable[[Connection], object]


class Told(World):
    """A world that keeps its records and events."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.told: list[LedgerEvent] = []
        super().__init__()

    def _keep(self, outcome: Outcome) -> None:
        self.records += outcome.records
        self.told += outcome.events
        super()._keep(outcome)


@pytest.fixture
def connection(databases: Databases) -> Connection:
    """Rewards, a credit, a return, a rejection, a voucher: told, sealed, and their day closed."""
    world = Told()
    world.member(A).corporate(C)
    world.earned("o-1", "3000.00")
    world.earned("o-2", "1000.00")
    world.paid("o-3", "900.00")
    world.do(OrderRejected(partner="ozon", order_id="o-3"))
    world.do(OrderReturned(partner="ozon", order_id="o-2"))
    world.do(IssueVoucher(voucher_id="v-1", msisdn=C, amount=1_000))
    opened = databases.open()
    put(opened, world.books.tariffs.values(), world.context.now)
    put(opened, world.records, world.context.now)
    put_rows(opened, schema.posting, [rows.POSTING.row(one) for one in world.journal])
    quiet = QuietHours(start=time(21), end=time(9))
    enqueue(opened, notices_for(world.told, Timing(now=world.context.now, quiet=quiet, zone=MOSCOW)))
    assert seal_all(opened, KEY, MOSCOW, world.context.now) == 1
    assert [day.imbalance for day in close_days(opened, "2025-03-04", world.context.now)] == [0]
    return opened


def found(connection: Connection) -> set[str]:
    fees: FeeSums = Counter()
    finished = finished_months(connection)
    add_fees(connection, *EVERYBODY, fees)
    whole = whole_checks(connection, fees, finished)
    return {one.invariant for one in (*whole, *notice_violations(connection, *EVERYBODY))}


def test_a_ledger_that_is_right_as_a_whole_has_no_violations(connection: Connection) -> None:
    assert found(connection) == set()


def gone(message_id: str) -> Damage:
    return lambda connection: connection.execute(delete(message).where(message.c.message_id == message_id))


def changed(table: object, **values: object) -> Damage:
    return lambda connection: connection.execute(update(table).values(**values))  # type: ignore[arg-type]


def without_guards(connection: Connection) -> None:
    drop_guards(connection)


def run_of_nothing(connection: Connection) -> None:
    columns = {column.name: 0 for column in schema.month_run.columns}
    columns |= {"period": "2025-04", "status": "done", "charged_amount": 100}
    del columns["finished_at"]
    names, values = ", ".join(columns), ", ".join(f":{name}" for name in columns)
    connection.execute(text(f"INSERT INTO month_run ({names}) VALUES ({values})"), columns)  # noqa: S608 - our names


def unfounded(connection: Connection) -> None:
    row = dict(connection.execute(text("SELECT * FROM sms_message WHERE kind = 'accrued'")).mappings().first() or {})
    connection.execute(insert(message).values({**row, "seq": 1_000, "message_id": "accrued:ozon:o-9"}))


DAMAGE: dict[str, tuple[str, Damage]] = {
    "the triggers dropped": ("postings_are_guarded", without_guards),
    "a month run that charged what nobody was charged": ("month_adds_up", run_of_nothing),
    "a closed day with something missing": ("closed_day_adds_up", changed(schema.reconciliation, imbalance=1)),
    "a closed day changed": (
        "closed_day_never_changes",
        changed(schema.reconciliation_account, closing=schema.reconciliation_account.c.closing + 1),
    ),
    "a day that opens with another sum": ("closed_days_follow", changed(schema.reconciliation_account, opening=1)),
    "a day that counts what was not sealed": (
        "days_count_what_is_sealed",
        changed(schema.journal_day, amount=schema.journal_day.c.amount + 1),
    ),
    "a reward nobody was told of": ("movement_is_told", gone("accrued:ozon:o-1")),
    "a voucher nobody was told of": ("movement_is_told", gone("voucher:v-1")),
    "a rejection nobody was told of": ("order_is_told", gone("rejected:ozon:o-3")),
    "a return nobody was told of": ("order_is_told", gone("reversed:ozon:o-2:5000")),
    "a message about a reward that is not": ("notice_has_its_movement", unfounded),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_it_finds_as_a_whole(connection: Connection, what: str) -> None:
    invariant, damage = DAMAGE[what]
    damage(connection)
    assert invariant in found(connection)
