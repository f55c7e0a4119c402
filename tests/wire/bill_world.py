"""The world of a large billing file: a gateway process on a filled database, the file, and the bare driver as floor.

Everybody has main, half have cashback; both came through the ledger, so that `ledger verify` has to agree. The floor
writes the rows that `bill apply` wrote into a copy of the database as it stood before, ready, 100 lines a commit.
"""

import itertools
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fault_story import write_configuration
from sqlalchemy import Connection, Engine, text
from system import Reply, free_ports, http_call

from billing.catalogue import PromoTerms, build_catalogue
from billing.commands import Command, CreditOnDemand, CreditPromo, PutSubscriber, RegisterMember, TopUp
from billing.decision import Context, Outcome
from billing.errors import LedgerRefusal
from billing.programme import MOSCOW, Programme
from billing.store.ledger import execute
from billing.words import Channel, ChargeType
from gateway import migrations
from gateway.database import open_engine
from gateway.demo.plan import DemoOptions
from gateway.ids import RandomIds
from gateway.notices import Timing, notices_for
from sms.outbox import enqueue
from sms.outbox.quiet import QuietHours

BEFORE = datetime(2025, 3, 3, 8, tzinfo=UTC)
TIMING = Timing(now=BEFORE, quiet=QuietHours(), zone=MOSCOW)
GROUP = 600
WELCOME = 5_000
FLOOR_GROUP = 100
READY_SECONDS_MAX = 60
HEADER = "charge_id,msisdn,type,amount,occurred_at\n"
AUTHORISED = {"Authorization": "Bearer demo-key"}


def number_of(place: int) -> str:
    """The number of a subscriber."""
    return f"7916{place:07d}"


@dataclass(slots=True)
class Person:
    """What somebody has before the file, kopecks."""

    main: int
    cashback: int
    credit_limit: int


def fill(url: str, subscribers: int) -> dict[str, Person]:
    """A migrated database with subscribers: main 300.00 to 3,000.00, every second one up to 2,050.00 of cashback."""
    engine = open_engine(url)
    with engine.begin() as connection:
        migrations.upgrade(connection)
    context = Context(
        now=BEFORE,
        programme=Programme(),
        catalogue=build_catalogue((), (PromoTerms(code="quiz", name="Quiz"),), "1"),
        ids=RandomIds((BEFORE + timedelta(milliseconds=ms) for ms in itertools.count()).__next__),
    )
    rng = random.Random(subscribers)
    people: dict[str, Person] = {}
    waiting: list[Command] = []
    with engine.connect() as connection:
        for place in range(subscribers):
            promo = rng.randrange(1, 200_000) if place % 2 else 0
            person = Person(
                main=rng.randrange(30_000, 300_000),
                cashback=promo + WELCOME if promo else 0,
                credit_limit=5_000 if place % 7 == 0 else 0,
            )
            people[number_of(place)] = person
            waiting += _commands(place, person, promo)
            if len(waiting) >= GROUP or place == subscribers - 1:
                with connection.begin():
                    done = execute(connection, waiting, context)
                    events = [event for one in done if isinstance(one, Outcome) for event in one.events]
                    enqueue(connection, notices_for(events, TIMING))
                assert not any(isinstance(one, LedgerRefusal) for one in done)
                waiting = []
    engine.dispose()
    return people


def _commands(place: int, person: Person, promo: int) -> Iterator[Command]:
    number = number_of(place)
    yield PutSubscriber(msisdn=number, credit_limit=person.credit_limit)
    yield TopUp(topup_id=f"t-{place}", msisdn=number, amount=person.main)
    if promo:
        yield RegisterMember(msisdn=number, channel=Channel.WEB, accept_terms=True, terms_version="1")
        yield CreditPromo(promo="quiz", action_id=f"a-{place}", msisdn=number, amount=promo)
        yield CreditOnDemand(credit_id=f"d-{place}", msisdn=number)


def write_file(path: Path, lines: int, subscribers: int) -> None:
    """A billing file: mostly usage, some tariff fees, a few ids given twice, a few unknown numbers."""
    rng = random.Random(lines)
    types = [*([ChargeType.USAGE] * 7), ChargeType.SERVICE, ChargeType.CONTENT, ChargeType.TARIFF_FEE]
    last = ""
    with path.open("w", encoding="ascii") as file:
        file.write(HEADER)
        for number in range(lines):
            if last and rng.random() < 0.001:
                file.write(last)
                continue
            place = rng.randrange(subscribers) if rng.random() > 0.001 else subscribers + rng.randrange(100)
            amount = rng.randrange(1, 30_000)
            last = (
                f"b-{number:09d},{number_of(place)},{rng.choice(types).value},"
                f"{amount // 100}.{amount % 100:02d},2025-03-0{rng.choice((1, 2))}T10:00:00+03:00\n"
            )
            file.write(last)


class Gateway:
    """The gateway as a process."""

    def __init__(self, folder: Path, url: str) -> None:
        self.http_port, sim_port, smpp_port = free_ports(3)
        self._folder = folder
        self._config = write_configuration(
            DemoOptions(folder=folder, http_port=self.http_port, sim_port=sim_port, smpp_port=smpp_port, database=url)
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers."""
        end = time.monotonic() + READY_SECONDS_MAX
        while time.monotonic() < end:
            if self.process is None or self.process.poll() is not None:
                command = [sys.executable, "-m", "gateway", "serve", "--config", str(self._config)]
                with (self._folder / "gateway.log").open("ab") as log:
                    self.process = subprocess.Popen(command, stdout=log, stderr=log)
            try:
                if http_call(self.http_port, "GET", "/healthz", timeout=5).status == 200:
                    return
            except OSError:
                time.sleep(0.05)
        raise AssertionError((self._folder / "gateway.log").read_text(errors="replace")[-3000:])

    def kill(self) -> None:
        """SIGKILL, if it runs."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def apply(self, charges: Path, out: Path, *extra: str) -> subprocess.Popen[str]:
        """`firstcharge bill apply` as a process of its own."""
        command = [sys.executable, "-m", "gateway", "bill", "apply", str(charges), "--out", str(out)]
        url = f"http://127.0.0.1:{self.http_port}"
        return subprocess.Popen(
            [*command, "--url", url, *extra], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def ask(self, path: str) -> Reply:
        """GET."""
        return http_call(self.http_port, "GET", path, headers=AUTHORISED, timeout=600)


def resident_mib(pid: int) -> float:
    """What a process holds in memory now."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


INSERTS = {
    "charge": "charge_id IN (SELECT key FROM request_key WHERE kind = 'charge' AND key < :end)",
    "request_key": "kind = 'charge' AND key < :end",
    "posting": "kind = 'charge' AND ref < :end",
}
UPDATE = (
    "UPDATE balance SET cashback = cashback - ?, main = main - ?, next_entry = next_entry + ?, cap_period = ?,"
    " cap_used = cap_used + ?, spent_period = ?, used_up_period = ? WHERE subscription_id = ?"
)


def floor_seconds(done: Engine, bare: Engine, lines: int) -> tuple[int, float]:
    """(lines, seconds) in which the bare driver writes the first lines' rows into the database as it stood."""
    with done.connect() as connection:
        groups = _ready(connection, f"b-{lines:09d}", bare.dialect.name)
    with bare.connect() as connection:
        connection.rollback()
        raw: Any = connection.connection.driver_connection
        began = time.perf_counter()
        for group in groups:
            if bare.dialect.name == "sqlite":
                raw.execute("BEGIN IMMEDIATE")
            cursor = raw.cursor()
            for statement, rows in group:
                if rows:
                    cursor.executemany(statement, rows)
            raw.execute("COMMIT") if bare.dialect.name == "sqlite" else raw.commit()
        return sum(len(group[1][1]) for group in groups), time.perf_counter() - began


def _ready(connection: Connection, end: str, dialect: str) -> list[list[tuple[str, list[Any]]]]:
    """The statements of each commit with their rows, in the order of the file."""
    found = {
        name: connection.execute(text(f"SELECT * FROM {name} WHERE {where}"), {"end": end}).all()  # noqa: S608 - our names
        for name, where in INSERTS.items()
    }
    postings: dict[str, list[Any]] = {}
    for row in found["posting"]:
        postings.setdefault(row.ref, []).append(tuple(row))
    keys = {row.key: tuple(row) for row in found["request_key"]}
    charges = sorted(found["charge"], key=lambda row: row.charge_id)
    mark = "?" if dialect == "sqlite" else "%s"
    inserts = {
        name: f"INSERT INTO {name} VALUES ({', '.join([mark] * len(rows[0]))})"  # noqa: S608 - our names
        for name, rows in found.items()
    }
    groups = []
    for first in range(0, len(charges), FLOOR_GROUP):
        some = charges[first : first + FLOOR_GROUP]
        groups.append(
            [
                (UPDATE.replace("?", mark), [_change(row, len(postings.get(row.charge_id, ()))) for row in some]),
                (inserts["charge"], [tuple(row) for row in some]),
                (inserts["request_key"], [keys[row.charge_id] for row in some]),
                (inserts["posting"], [one for row in some for one in postings.get(row.charge_id, ())]),
            ]
        )
    return groups


def _change(row: Any, entries: int) -> Sequence[Any]:
    period = "2025-03"
    return (row.cashback, row.main, max(entries, 1), period, row.cashback, period, "", row.subscription_id)
