"""Subscriptions for the month bench, millions of them made by the database itself in seconds.

All are on one tariff; half have bonus from an order, a third cashback left, a third little money, one in twenty of
the others an order past its deadline. One in ten has a posting, a charge and a message of March: into empty tables
SQLite would copy whole pages, and the floor would be that of no 1st that ever is.
"""

from datetime import timedelta

from sqlalchemy import Connection, text

from billing.calendar import period_start
from billing.programme import Programme
from billing.records import Tariff
from billing.store import rows, schema
from billing.store.columns import to_micros
from billing.store.dialects import put_rows

PERIOD = "2025-04"
START = period_start(PERIOD, Programme().zone)
AGE = timedelta(days=20)
"""For how long the gateway has been installed."""
BATCH = 250_000

INTO: dict[str, tuple[str, str]] = {
    "subscription": (
        "subscription_id, msisdn, contract, network, language, tariff, blocks, created_at",
        "id, phone, 'individual', 'on_net', 'ru', 'smart', 0, :created FROM given",
    ),
    "msisdn_owner": ("msisdn, subscription_id, valid_from", "phone, id, :created FROM given"),
    "balance": (
        (
            "subscription_id, bonus, cashback, main, held_cashback, held_main, carry_over, credit_limit, next_entry,"
            " welcomed, bonus_period, bonus_new, credited_period, cap_period, cap_used, spent_period, used_up_period"
        ),
        (
            "id, CASE WHEN luck % 2 = 0 THEN 15000 ELSE 0 END, CASE WHEN luck % 3 = 0 THEN 20000 ELSE 0 END,"
            " CASE WHEN luck % 7 < 2 THEN 1000 ELSE 80000 END, 0, 0, 0, 0, 3, :no, '', 0, '2025-03', '', 0, '', ''"
            " FROM given"
        ),
    ),
    "accrual": (
        (
            "subscription_id, partner, order_id, partner_name, category, click_id, promise_percent, min_purchase,"
            " terms_version, goods, delivery, channel, paid_at, paid_figures, recorded_at, deadline, state, reward,"
            " returned_goods, reversed_sum, accrued_period"
        ),
        (
            "id, 'ozon', 'o-' || CAST(id AS TEXT), 'Ozon', 'shop', 'c', 5000000, 0, '1', 300000, 0, 'web', :paid,"
            " 'f', :paid, CASE WHEN luck % 2 = 0 THEN :later ELSE :earlier END,"
            " CASE WHEN luck % 2 = 0 THEN 'accrued' ELSE 'pending' END, 15000, 0, 0,"
            " CASE WHEN luck % 2 = 0 THEN '2025-03' ELSE '' END FROM given WHERE luck % 2 = 0 OR luck % 20 = 1"
        ),
    ),
    "posting": (
        "subscription_id, entry_no, tx_no, kind, source, target, amount, booked_at, effective_at, ref",
        (
            "id, 1, 1, 'charge', 'main', 'revenue', 65000, :created, :created, 'fee:2025-03:' || CAST(id AS TEXT)"
            " FROM given WHERE luck % 10 = 0"
        ),
    ),
    "charge": (
        (
            "subscription_id, charge_id, entry_no, type, amount, cashback, main, unpaid, status, settled,"
            " refunded_cashback, refunded_main, refunded_unpaid, period, occurred_at, booked_at"
        ),
        (
            "id, 'fee:2025-03:' || CAST(id AS TEXT), 1, 'tariff_fee', 65000, 0, 65000, 0, 'paid', 0, 0, 0, 0,"
            " '2025-03', :created, :created FROM given WHERE luck % 10 = 0"
        ),
    ),
    "sms_message": (
        (
            "message_id, subscription_id, msisdn, kind, params, service_class, priority, state, text, segments,"
            " created_at, not_before"
        ),
        (
            "'registered:' || CAST(id AS TEXT), id, phone, 'registered', '{}', 'service', 0, 'delivered', 'x', 1,"
            " :created, :created FROM given WHERE luck % 10 = 0"
        ),
    ),
}
"""Columns and the SELECT that fills them, per table."""

GIVEN = """
    WITH RECURSIVE counted(n) AS (
        SELECT CAST(:first AS BIGINT) UNION ALL SELECT n + 1 FROM counted WHERE n + 1 < :last
    ), given AS (
        SELECT n, 1000000000000000 + n * 1000 + n * 7919 % 1000 AS id, n * 7919 % 1009 AS luck,
            CAST(79000000000 + n AS TEXT) AS phone
        FROM counted
    )"""
"""Ids lie apart as real ones do; luck is as good as random."""


def msisdn(number: int) -> str:
    """The number of the subscription at this place."""
    return str(79_000_000_000 + number)


def fill(connection: Connection, size: int) -> None:
    """So many subscriptions, committed in batches."""
    instants = {
        "created": START - timedelta(days=99),
        "paid": START - timedelta(days=91),
        "later": START + timedelta(days=9),
        "earlier": START - timedelta(days=1),
    }
    given = {name: to_micros(at) for name, at in instants.items()} | {"no": False}
    with connection.begin():
        put_rows(connection, schema.tariff, [rows.TARIFF.row(Tariff(code="smart", fee=65_000))])
    for first in range(0, size, BATCH):
        bounds = {"first": first, "last": min(size, first + BATCH)}
        with connection.begin():
            for table, (columns, values) in INTO.items():
                statement = f"INSERT INTO {table} ({columns}) {GIVEN} SELECT {values}"
                wanted = {name: one for name, one in (given | bounds).items() if f":{name}" in statement}
                connection.execute(text(statement), wanted)


MIXED = (
    "UPDATE subscription SET contract = 'corporate' WHERE subscription_id % 7 = 0",
    "UPDATE subscription SET network = 'off_net' WHERE subscription_id % 11 = 0",
    "UPDATE subscription SET blocks = 2 WHERE subscription_id % 13 = 0",
    "UPDATE subscription SET tariff = NULL WHERE subscription_id % 17 = 0",
    "UPDATE subscription SET time_zone = 'Asia/Vladivostok' WHERE subscription_id % 19 = 0",
    "UPDATE subscription SET time_zone = 'Europe/Chisinau' WHERE subscription_id % 23 = 0",
    "UPDATE subscription SET msisdn = '' WHERE subscription_id % 29 = 0",
    "UPDATE balance SET bonus = 0, cashback = 0, spent_period = '2025-04' WHERE subscription_id % 31 = 0",
    "UPDATE balance SET credited_period = '2025-04' WHERE subscription_id % 37 = 0",
)


def mix(connection: Connection) -> None:
    """Every kind of standing among them: what the bench leaves out because its rows should be alike."""
    with connection.begin():
        for statement in MIXED:
            connection.execute(text(statement))
