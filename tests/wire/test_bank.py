"""The bank test: sixteen clients on four accounts, two gateways on a real PostgreSQL, all killed on the way.

Every answer is in the ledger exactly once and nothing else is; every balance that was read is a state the journal
passed through. FIRSTCHARGE_LONG=1 takes three minutes.
"""

import os
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import postgres_server
import pytest
from bank import NUMBERS, Bank, Caller, Client, Expected, Reader, kopecks
from postgres_server import NoPostgres, Server
from sqlalchemy import Engine, create_engine, select, text

from billing.programme import Programme
from billing.store import schema
from billing.store.verify import verify
from gateway import migrations
from gateway.database import open_engine

IS_LONG = os.environ.get("FIRSTCHARGE_LONG") == "1"
GATEWAYS, CLIENTS, READERS = 2, 16, 2
BETWEEN_S = 5 if IS_LONG else 0.8
ROUNDS = 12 if IS_LONG else 1
"""Of what goes wrong: the gateway, the server orderly as a crash can be, the server's first process."""
State = tuple[int, int, int]


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of this test's own: it is killed."""
    try:
        with postgres_server.server() as running:
            yield running
    except NoPostgres as reason:
        pytest.skip(f"no PostgreSQL: {reason}")


@pytest.fixture
def bank(server: Server, tmp_path: Path) -> Iterator[Bank]:
    database = postgres_server.new_database(server.url, "bank")
    engine = create_engine(server.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        # The tests' server commits before it writes; what is answered must survive its death here.
        connection.execute(text("ALTER DATABASE bank SET synchronous_commit = on"))
    engine.dispose()
    engine = open_engine(database)
    with engine.begin() as connection:
        migrations.upgrade(connection)
    engine.dispose()
    bank = Bank(tmp_path, server, database, GATEWAYS)
    try:
        bank.open()
        yield bank
    finally:
        bank.stop()


def run(bank: Bank) -> tuple[list[Client], list[Reader], int]:
    """The day, with its mishaps; how many there were."""
    stop = threading.Event()
    clients = [Client(bank, stop, seed) for seed in range(CLIENTS)]
    readers = [Reader(bank, stop, 1_000 + seed) for seed in range(READERS)]
    everybody: list[Caller] = [*clients, *readers]
    for one in everybody:
        one.start()
    mishaps = 0
    for _ in range(ROUNDS):
        for mishap in (bank.kill_gateway, bank.crash_server, bank.kill_server):
            time.sleep(BETWEEN_S)
            mishap()
            mishaps += 1
    time.sleep(BETWEEN_S)
    stop.set()
    for one in everybody:
        one.join(90)
        assert not one.is_alive(), one.name
        assert one.failure is None, (one.name, one.failure)
    return clients, readers, mishaps


def journal(engine: Engine) -> tuple[Counter[tuple[str, str, str, str]], Counter[tuple[str, str, str, str]]]:
    """Sum and number of the postings by kind, ref and accounts."""
    sums: Counter[tuple[str, str, str, str]] = Counter()
    numbers: Counter[tuple[str, str, str, str]] = Counter()
    columns = schema.posting.c
    with engine.connect() as connection:
        for kind, ref, source, target, amount in connection.execute(
            select(columns.kind, columns.ref, columns.source, columns.target, columns.amount)
        ):
            sums[kind, ref, source, target] += amount
            numbers[kind, ref, source, target] += 1
    return sums, numbers


def states(engine: Engine) -> dict[str, list[State]]:
    """What each number's (bonus, cashback, main) was after every transaction, in order."""
    columns, owner = schema.posting.c, schema.subscription.c
    order = (columns.subscription_id, columns.entry_no)
    found: defaultdict[str, list[State]] = defaultdict(list)
    with engine.connect() as connection:
        rows = connection.execute(
            select(owner.msisdn, columns.tx_no, columns.source, columns.target, columns.amount)
            .join(schema.subscription, owner.subscription_id == columns.subscription_id)
            .order_by(*order)
        ).all()
    for msisdn in NUMBERS:
        sums = {"bonus": 0, "cashback": 0, "main": 0}
        by_tx: dict[int, State] = {0: (0, 0, 0)}
        for _, tx_no, source, target, amount in (row for row in rows if row[0] == msisdn):
            for account, moved in ((source, -amount), (target, amount)):
                if account in sums:
                    sums[account] += moved
            by_tx[tx_no] = (sums["bonus"], sums["cashback"], sums["main"])
        found[msisdn] = list(by_tx.values())
    return found


def assert_read_states_were_states(readers: list[Reader], passed: dict[str, list[State]]) -> int:
    """Every reading is a state of the journal, and nobody ever saw time go back; how many there were."""
    looked = 0
    for reader in readers:
        for msisdn, seen in reader.seen.items():
            at = 0
            for one in seen:
                at = _index(passed[msisdn], one, at)
            looked += len(seen)
    return looked


def _index(passed: list[State], state: State, begin: int) -> int:
    try:
        return passed.index(state, begin)
    except ValueError:
        where = "earlier than one already read" if state in passed else "never"
        raise AssertionError(f"{state} was read; the journal passed through it {where}") from None


def assert_reversals_are_covered(reversals: dict[tuple[str, str, str, str], int], expected: Expected) -> None:
    """A reward is reversed by its own return, and as far as an earlier return's carry-over netted it; no further."""
    most = Counter(expected.returned)
    for (kind, ref, _, _), amount in expected.postings.items():
        if kind in {"accrual", "promo"}:
            most[ref] += amount
    found: Counter[str] = Counter()
    for (_, ref, _, _), amount in reversals.items():
        found[ref] += amount
    assert not found - most


def total(clients: list[Client]) -> Expected:
    found = Expected()
    for one in clients:
        found.postings.update(one.expected.postings)
        found.returned.update(one.expected.returned)
    return found


def test_sixteen_clients_readers_and_kills_leave_every_answer_in_the_ledger_exactly_once(bank: Bank) -> None:
    began = time.monotonic()
    clients, readers, mishaps = run(bank)
    verdict = bank.ask("GET", "/v1/ledger/verify").body
    assert verdict["ok"], verdict
    balances = {msisdn: bank.ask("GET", f"/v1/subscribers/{msisdn}/balance").body for msisdn in NUMBERS}
    bank.stop()
    engine = create_engine(bank.server.url.replace("/postgres?", "/bank?"))
    with engine.connect() as connection:
        assert verify(connection, Programme()).is_ok
    sums, numbers = journal(engine)
    expected = total(clients)
    welcomes = Counter({("welcome", "welcome", "programme_expense", "bonus"): 5_000 * len(NUMBERS)})
    reversals = {key: amount for key, amount in sums.items() if key[0] == "reversal"}
    assert sums - Counter(reversals) == expected.postings + welcomes
    assert_reversals_are_covered(reversals, expected)
    repeated = {key for key, number in numbers.items() if number > 1 and key[0] not in {"settlement", "reversal"}}
    assert repeated == {("welcome", "welcome", "programme_expense", "bonus")}
    passed = states(engine)
    looked = assert_read_states_were_states(readers, passed)
    for msisdn, found in balances.items():
        assert passed[msisdn][-1] == tuple(kopecks(found[name]) for name in ("bonus", "cashback", "main"))
    log = (bank.server._folder / "log").read_text(errors="replace")
    assert log.count("deadlock detected") == 0
    engine.dispose()
    asked = sum((one.counts for one in clients), Counter())
    print(
        f"bank: {asked.total()} operations, {looked} readings, {len(sums)} movements, {mishaps} mishaps, "
        f"{sum(one.asked_again for one in clients)} asked again, {asked['again']} repeats, "
        f"{time.monotonic() - began:.0f} s"
    )
    assert asked.total() > 300
    assert looked > 50
