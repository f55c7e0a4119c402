"""B12: sealing, verifying and exporting a journal, per million postings, on SQLite and on PostgreSQL.

Each subscription has ten postings of a month that adds up: a top-up, a welcome, a reward, its credit, six charges.
The target is 60 s for ten million postings; the figure is what one million takes, times ten.
"""

import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text

from billing import sealing
from billing.calendar import period_start
from billing.programme import Programme
from billing.store import schema as billing_schema
from billing.store.columns import to_micros
from billing.store.seal import next_block, put_block
from billing.store.verify import verify_range
from billing.store.verify_seals import uncovered, verify_blocks
from billing.store.verify_whole import FeeSums, add_fees, finished_months, whole_checks
from gateway import schema as gateway_schema
from gateway.database import open_engine
from gateway.journal_export import Wanted, write_down
from gateway.journal_lines import FORMATS
from gateway.verify_notices import notice_violations
from sms.outbox import schema as outbox_schema

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent)]

from month_databases import durable_server  # noqa: E402 - it wants the path above
from postgres_server import NoPostgres, new_database  # noqa: E402 - as above

SUBSCRIPTIONS = int(os.environ.get("FIRSTCHARGE_BENCH_SUBSCRIPTIONS", "100000"))
POSTINGS_EACH = 10
TARGET_S = 60
MILLIONS = 10
KEY = b"k" * 32
PROGRAMME = Programme()
AT = period_start("2025-04", PROGRAMME.zone)
METADATA = (billing_schema.metadata, outbox_schema.metadata, gateway_schema.metadata)

GIVEN = """
    WITH RECURSIVE counted(n) AS (
        SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM counted WHERE n < :size
    ), given AS (SELECT 1000000000000000 + n * 1000 AS id, CAST(79000000000 + n AS TEXT) AS phone FROM counted),
    six(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM six WHERE k < 6)"""
ROW = "subscription_id, entry_no, tx_no, kind, source, target, amount, booked_at, effective_at, ref"
FILLED = {
    "subscription": (
        "subscription_id, msisdn, contract, network, language, blocks, created_at",
        "id, phone, 'individual', 'on_net', 'ru', 0, :at FROM given",
    ),
    "msisdn_owner": ("msisdn, subscription_id, valid_from", "phone, id, :at FROM given"),
    "membership": (
        "subscription_id, state, joined_at, channel, terms_accepted_at, adverts, form",
        "id, 'active', :at, 'web', :at, :no, 'login' FROM given",
    ),
    "balance": (
        (
            "subscription_id, bonus, cashback, main, held_cashback, held_main, carry_over, credit_limit, next_entry,"
            " welcomed, bonus_period, bonus_new, credited_period, cap_period, cap_used, spent_period, used_up_period"
        ),
        "id, 0, 9000, 100000, 0, 0, 0, 0, 11, :yes, '', 0, '2025-04', '', 0, '2025-04', '' FROM given",
    ),
    "accrual": (
        (
            "subscription_id, partner, order_id, partner_name, category, promise_percent,"
            " min_purchase, terms_version,"
            " goods, delivery, channel, paid_at, paid_figures, recorded_at, deadline, state, reward, returned_goods,"
            " reversed_sum, confirmed_at, accrued_period"
        ),
        (
            "id, 'ozon', 'o-' || CAST(id AS TEXT), 'Ozon', 'shop', 5000000, 0, '1', 200000, 0, 'web', :at, 'f', :at,"
            " :at + 1, 'credited', 10000, 0, 0, :at, '2025-03' FROM given"
        ),
    ),
    "posting": (
        ROW,
        (
            "id, 1, 1, 'topup', 'cash_in', 'main', 100000, :at, :at, 't-' || CAST(id AS"
            " TEXT) FROM given UNION ALL SELECT"
            " id, 2, 2, 'welcome', 'programme_expense', 'bonus', 5000, :at, :at,"
            " 'welcome' FROM given UNION ALL SELECT"
            " id, 3, 3, 'accrual', 'programme_expense', 'bonus', 10000, :at, :at,"
            " 'ozon:o-' || CAST(id AS TEXT) FROM given"
            " UNION ALL SELECT id, 4, 4, 'credit', 'bonus', 'cashback', 15000, :at, :at, '2025-04' FROM given"
            " UNION ALL SELECT id, 4 + k, 4 + k, 'charge', 'cashback', 'revenue', 1000, :at, :at,"
            " 'c-' || CAST(id AS TEXT) || '-' || CAST(k AS TEXT) FROM given CROSS JOIN six"
        ),
    ),
    "charge": (
        (
            "subscription_id, charge_id, entry_no, type, amount, cashback, main, unpaid, status, settled,"
            " refunded_cashback, refunded_main, refunded_unpaid, period, occurred_at, booked_at"
        ),
        (
            "id, 'c-' || CAST(id AS TEXT) || '-' || CAST(k AS TEXT), 4 + k, 'usage',"
            " 1000, 1000, 0, 0, 'paid', 0, 0, 0, 0,"
            " '', :at, :at FROM given CROSS JOIN six"
        ),
    ),
    "request_key": (
        "kind, key, subscription_id, figures, answer",
        (
            "'topup', 't-' || CAST(id AS TEXT), id, 'f', '{}' FROM given UNION ALL SELECT"
            " 'charge', 'c-' || CAST(id AS TEXT) || '-' || CAST(k AS TEXT), id, 'f', '{}' FROM given CROSS JOIN six"
        ),
    ),
    "sms_message": (
        (
            "message_id, subscription_id, msisdn, kind, params, service_class, priority, state, text, segments,"
            " created_at, not_before"
        ),
        (
            "'accrued:ozon:o-' || CAST(id AS TEXT), id, phone, 'accrued', '{}',"
            " 'service', 0, 'delivered', 'x', 1, :at,"
            " :at FROM given UNION ALL SELECT 'credited:2025-04:' || CAST(id AS TEXT), id, phone, 'credited', '{}',"
            " 'service', 0, 'delivered', 'x', 1, :at, :at FROM given"
        ),
    ),
}


def run() -> Iterator[dict[str, Any]]:
    """The rows of B12."""
    folder = Path(tempfile.mkdtemp(prefix="ledger-"))
    try:
        yield from _measure("SQLite", f"sqlite:///{folder / 'own.sqlite3'}")
    finally:
        shutil.rmtree(folder)
    try:
        with durable_server() as server:
            yield from _measure("PostgreSQL", new_database(server.url, "ledger"))
    except NoPostgres as reason:
        yield {"name": f"B12 on PostgreSQL: not measured, {reason}"}


def _measure(kind: str, url: str) -> Iterator[dict[str, Any]]:
    writing, reading = open_engine(url), open_engine(url, read_only=True)
    _fill(writing)
    millions = SUBSCRIPTIONS * POSTINGS_EACH / 1_000_000
    sealed, longest = _timed(lambda: _seal(reading, writing))
    yield {"name": f"B12 {kind}: sealing a million postings", "figure": sealed / millions, "unit": "s"}
    yield {
        "name": f"B12 {kind}: the longest writing of a block",
        "figure": longest * 1000,
        "target": 50,
        "unit": "ms",
    }
    verified, violations = _timed(lambda: _verify(reading))
    blocks, wrong = _timed(lambda: _verify_blocks(reading))
    assert not violations, violations[:3]
    assert not wrong, wrong[:3]
    yield {"name": f"B12 {kind}: invariants of a million postings", "figure": verified / millions, "unit": "s"}
    yield {"name": f"B12 {kind}: hashing a million postings again", "figure": blocks / millions, "unit": "s"}
    whole = (verified + blocks) / millions * MILLIONS
    yield {"name": f"B12 {kind}: ledger verify, ten million", "figure": whole, "target": TARGET_S, "unit": "s"}
    exported, octets = _timed(lambda: _export(reading))
    yield {"name": f"B12 {kind}: exporting a million postings", "figure": exported / millions, "unit": "s"}
    yield {"name": f"B12 {kind}: octets of that", "figure": octets / millions / 1e6, "unit": "MB"}
    looked, _ = _timed(lambda: _seal(reading, writing))
    yield {
        "name": f"B12 {kind}: a pass that finds nothing, a million subscriptions",
        "figure": looked * 1_000_000 / SUBSCRIPTIONS,
        "unit": "s",
    }
    writing.dispose()
    reading.dispose()


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def _fill(engine: Engine) -> None:
    given = {"size": SUBSCRIPTIONS, "at": to_micros(AT), "no": False, "yes": True}
    with engine.connect() as connection:
        with connection.begin():
            for metadata in METADATA:
                metadata.create_all(connection)
        for table, (columns, values) in FILLED.items():
            statement = f"INSERT INTO {table} ({columns}) {GIVEN} SELECT {values}"
            wanted = {name: one for name, one in given.items() if f":{name}" in statement}
            with connection.begin():
                connection.execute(text(statement), wanted)
    with engine.connect() as connection, connection.begin():
        connection.execute(text("ANALYZE"))


def _seal(reading: Engine, writing: Engine) -> float:
    """One pass; the longest transaction that wrote a block."""
    longest = 0.0
    above: int | None = 0
    with reading.connect() as reader, writing.connect() as writer:
        while above is not None:
            with reader.begin():
                look = next_block(reader, KEY, PROGRAMME.zone, above)
            if look is not None and look.block is not None:
                began = time.perf_counter()
                with writer.begin():
                    put_block(writer, look.block, AT)
                longest = max(longest, time.perf_counter() - began)
            above = None if look is None else look.up_to
    return longest


def _verify(reading: Engine) -> list[Any]:
    found: list[Any] = []
    fees: FeeSums = Counter()
    above: int | None = 0
    with reading.connect() as connection:
        with connection.begin():
            finished = finished_months(connection)
        while above is not None:
            with connection.begin():
                above = _range(connection, above, fees, found)
        with connection.begin():
            found += whole_checks(connection, fees, finished)
    return found


def _range(connection: Connection, above: int, fees: FeeSums, found: list[Any]) -> int | None:
    part = verify_range(connection, PROGRAMME, above)
    if part is None:
        return None
    add_fees(connection, above, part.up_to, fees)
    found += [*part.violations, *uncovered(connection, above, part.up_to)]
    found += notice_violations(connection, above, part.up_to)
    return part.up_to


def _verify_blocks(reading: Engine) -> list[Any]:
    found: list[Any] = []
    above, head = 0, sealing.GENESIS
    with reading.connect() as connection:
        while True:
            with connection.begin():
                part = verify_blocks(connection, KEY, above, head)
            if part is None:
                return found
            found += part.violations
            above, head = part.block_no, part.head


def _export(reading: Engine) -> int:
    octets = 0

    def put(piece: bytes | None) -> None:
        nonlocal octets
        octets += len(piece or b"")

    with reading.connect() as connection, connection.begin():
        wanted = Wanted(start=None, end=None, form="csv")
        write_down(connection, put, wanted=wanted, form=FORMATS["csv"], zone=PROGRAMME.zone)
    return octets
