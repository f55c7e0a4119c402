"""A billing file through real processes, killed on the way: every line as a second reading of the rules splits it.

`FIRSTCHARGE_LONG=1` takes a million lines. The oracle below was written from the rules of spending alone.
"""

import csv
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bill_world import Gateway, Person, fill, resident_mib, write_file
from postgres_server import NoPostgres, drop_database, new_database
from sqlalchemy import text

from gateway.database import open_engine

IS_LONG = bool(os.environ.get("FIRSTCHARGE_LONG"))
LINES, SUBSCRIBERS = (1_000_000, 100_000) if IS_LONG else (12_000, 500)
WAIT_SECONDS_MAX = 3_600
UNREACHABLE = 3

Row = list[str]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'bills.db'}"
        return
    try:
        server = request.getfixturevalue("postgres_url")
    except NoPostgres as reason:
        pytest.skip(f"no PostgreSQL: {reason}")
    yield new_database(server, "bill_apply")
    drop_database(server, "bill_apply")


def oracle(charges: Path, people: dict[str, Person]) -> list[Row]:
    """Rules 28, 30 and 34, line after line, in kopecks."""
    answered: dict[str, Row] = {}
    rows = []
    with charges.open(encoding="ascii") as file:
        for charge_id, number, _type, amount, _at in csv.reader(file):
            if charge_id == "charge_id":
                continue
            row = answered.get(charge_id)
            if row is None and number not in people:
                row = [charge_id, number, amount, "", "", "", "refused", "UNKNOWN_SUBSCRIBER"]
            elif row is None:
                person = people[number]
                owed = int(amount.replace(".", ""))
                cashback = min(person.cashback, owed)
                main = min(max(person.main + person.credit_limit, 0), owed - cashback)
                unpaid = owed - cashback - main
                person.cashback -= cashback
                person.main -= main
                status = "paid" if not unpaid else "part_paid" if cashback + main else "unpaid"
                sums = [f"{one // 100}.{one % 100:02d}" for one in (owed, cashback, main, unpaid)]
                row = answered[charge_id] = [charge_id, number, *sums, status, ""]
            rows.append(row)
    return rows


def wait_until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_SECONDS_MAX
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


def written(out: Path) -> int:
    return out.stat().st_size if out.exists() else 0


def test_a_file_whose_run_and_gateway_are_killed_ends_as_if_nothing_had_happened(url: str, tmp_path: Path) -> None:
    people = fill(url, SUBSCRIBERS)
    charges, out = tmp_path / "charges.csv", tmp_path / "split.csv"
    write_file(charges, LINES, SUBSCRIBERS)
    gateway = Gateway(tmp_path, url)
    try:
        run_and_kill(gateway, charges, out)
        check(gateway, charges, out, people)
        again(gateway, charges, out, url)
    finally:
        gateway.kill()


def run_and_kill(gateway: Gateway, charges: Path, out: Path) -> None:
    """The run is killed, then the gateway under it, then all goes on to the end."""
    gateway.start()
    whole = charges.stat().st_size

    first = gateway.apply(charges, out)
    wait_until(lambda: written(out) > whole // 10)
    first.kill()
    first.communicate()
    assert out.with_name("split.csv.progress").exists()

    second = gateway.apply(charges, out)
    wait_until(lambda: written(out) > whole * 5 // 10)
    gateway.kill()
    told, _ = second.communicate()
    assert second.returncode == UNREACHABLE, told
    assert "goes on from there" in told

    gateway.start()
    began = time.monotonic()
    third = gateway.apply(charges, out)
    told, _ = third.communicate()
    assert third.returncode == 0, told
    assert "before)" in told
    assert not out.with_name("split.csv.progress").exists()
    assert gateway.process is not None
    print(told, f"last part {time.monotonic() - began:.1f} s, gateway {resident_mib(gateway.process.pid):.0f} MiB")


def check(gateway: Gateway, charges: Path, out: Path, people: dict[str, Person]) -> None:
    """Every line is split as the oracle splits it, and the ledger verifies."""
    expected = oracle(charges, people)
    with out.open(encoding="ascii") as file:
        header, *found = csv.reader(file)
    assert header == ["charge_id", "msisdn", "amount", "cashback", "main", "unpaid", "status", "code"]
    assert found == expected
    verdict = gateway.ask("/v1/ledger/verify").body
    assert verdict["ok"], verdict


def again(gateway: Gateway, charges: Path, out: Path, url: str) -> None:
    """The same file gives the same answer and adds nothing."""
    before, repeat = counts(url), out.with_name("again.csv")
    told, _ = gateway.apply(charges, repeat).communicate()
    assert repeat.read_bytes() == out.read_bytes(), told
    assert counts(url) == before


def counts(url: str) -> list[int]:
    """Rows of the tables that a charge adds to."""
    engine = open_engine(url)
    with engine.connect() as connection:
        tables = ("posting", "charge", "request_key", "sms_message")
        found = [connection.execute(text(f"SELECT COUNT(*) FROM {name}")).scalar_one() for name in tables]  # noqa: S608
    engine.dispose()
    return found
