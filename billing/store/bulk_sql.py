"""Many charges at once as SQL: `charging.split_charge` and `charging.book_charge` over window sums.

Lines of one subscription draw in their order: what the first i lines took of a bucket is the smaller of what they
ask together and what the bucket has, so one line takes the difference of two such sums. Integer CASE only. The rule
stays in `billing.charging`; tests/property/test_store_bulk_differential.py holds both versions together.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Column, Executable, MetaData, SmallInteger, Table, Text, delete, text
from sqlalchemy.schema import CreateTable

from billing.money import Kopecks
from billing.programme import Programme
from billing.store.columns import SubscriptionId
from billing.words import ChargeType

_metadata = MetaData()
_LIFE: dict[str, Any] = {"prefixes": ["TEMPORARY"], "postgresql_on_commit": "DELETE ROWS", "sqlite_with_rowid": False}


def _key() -> tuple[Column[Any], ...]:
    return (
        Column("subscription_id", SubscriptionId, primary_key=True, autoincrement=False),
        Column("line_no", BigInteger, primary_key=True, autoincrement=False, comment="Place among the lines given"),
    )


def _given() -> tuple[Column[Any], ...]:
    return (
        Column("charge_id", Text, nullable=False),
        Column("quoted_id", Text, nullable=False, comment="The id as a JSON string"),
        Column("msisdn", Text, nullable=False),
        Column("type", Text, nullable=False),
        Column("amount", BigInteger, nullable=False, comment="kopecks"),
        Column("occurred_at", BigInteger, comment="microseconds since 1970 UTC; NULL: now"),
        Column("figures", Text, nullable=False, comment="As the request key keeps them"),
    )


LINE = Table("bill_line", _metadata, *_key(), *_given(), **_LIFE)
"""Lines to draw; lives as long as the transaction."""

SPLIT = Table(
    "bill_split",
    _metadata,
    *_key(),
    Column("cashback", BigInteger, nullable=False, comment="kopecks"),
    Column("main", BigInteger, nullable=False, comment="kopecks"),
    Column("unpaid", BigInteger, nullable=False, comment="kopecks"),
    Column("from_main", BigInteger, nullable=False, comment="Of main what is posted here, kopecks"),
    Column("entry_no", BigInteger, nullable=False),
    Column("entries", BigInteger, nullable=False, comment="Entry numbers it takes"),
    Column(
        "used_up", SmallInteger, nullable=False, comment="1: it found no cashback, and the notice is not given yet"
    ),
    **_LIFE,
)
"""How each line is paid; lives as long as the transaction."""

_OWED = """
    SELECT l.subscription_id, l.line_no, l.amount, {eligible} AS eligible, b.next_entry,
           b.cashback - b.held_cashback AS available,
           {allowed} AS allowed,
           CASE WHEN b.main - b.held_main + b.credit_limit > 0
                THEN b.main - b.held_main + b.credit_limit ELSE 0 END AS drawable,
           CASE WHEN b.used_up_period = :period THEN 0 WHEN b.spent_period = :period THEN 2 ELSE 1 END AS telling,
           CAST(SUM(l.amount) OVER running AS BIGINT) AS owed,
           CAST(SUM({eligible}) OVER running AS BIGINT) AS owed_eligible
    FROM bill_line AS l JOIN balance AS b ON b.subscription_id = l.subscription_id {b_ids}
    WINDOW running AS (PARTITION BY l.subscription_id ORDER BY l.line_no ROWS UNBOUNDED PRECEDING)
"""
"""What the lines up to each one ask together, beside what there is (rules 28-30, 33).

`telling`: 0 the month's notice of used-up cashback is given, 2 cashback paid something before these lines.
"""

_LIMITED = f"""
    SELECT o.*, CASE WHEN available < allowed THEN available WHEN allowed > 0 THEN allowed ELSE 0 END AS spendable
    FROM ({_OWED}) AS o
"""  # noqa: S608 - texts of this module

_CASHBACK = f"""
    SELECT s.*,
           CASE WHEN owed_eligible < spendable THEN owed_eligible ELSE spendable END AS spent,
           CASE WHEN owed_eligible - eligible < spendable THEN owed_eligible - eligible ELSE spendable END
               AS spent_before
    FROM ({_LIMITED}) AS s
"""  # noqa: S608 - as above

_MAIN = f"""
    SELECT subscription_id, line_no, amount, next_entry, spent - spent_before AS cashback, {{main}} AS main,
           CASE WHEN available = spent_before AND (telling = 2 OR (telling = 1 AND spent_before > 0))
                THEN 1 ELSE 0 END AS used_up
    FROM ({_CASHBACK}) AS c
"""  # noqa: S608 - as above

_ALL_OF_MAIN = "amount - (spent - spent_before)"
"""The caller draws it (rule 42)."""
_WHAT_MAIN_HAS = """
           CASE WHEN owed - spent < drawable THEN owed - spent ELSE drawable END
           - CASE WHEN owed - amount - spent_before < drawable THEN owed - amount - spent_before ELSE drawable END
"""

_SPLIT = f"""
    INSERT INTO bill_split (subscription_id, line_no, cashback, main, unpaid, from_main, entry_no, entries, used_up)
    SELECT subscription_id, line_no, cashback, main, amount - cashback - main, {{from_main}},
           next_entry - {{entries}} + CAST(SUM({{entries}}) OVER (
               PARTITION BY subscription_id ORDER BY line_no ROWS UNBOUNDED PRECEDING) AS BIGINT),
           {{entries}}, used_up
    FROM ({_MAIN}) AS m
"""  # noqa: S608 - as above

_JOINED = "bill_split AS s JOIN bill_line AS l ON l.subscription_id = s.subscription_id AND l.line_no = s.line_no"

_STATUS = "CASE WHEN unpaid = 0 THEN 'paid' WHEN cashback + main > 0 THEN 'part_paid' ELSE 'unpaid' END"

_CHARGES = f"""
    INSERT INTO charge (subscription_id, charge_id, entry_no, type, amount, cashback, main, unpaid, status, settled,
                        refunded_cashback, refunded_main, refunded_unpaid, period, occurred_at, booked_at)
    SELECT s.subscription_id, charge_id, entry_no, type, amount, cashback, main, unpaid, {_STATUS}, 0,
           0, 0, 0, '', COALESCE(occurred_at, :now), :now
    FROM {_JOINED}
"""  # noqa: S608 - as above

_POSTINGS = f"""
    INSERT INTO posting (subscription_id, entry_no, tx_no, kind, source, target, amount, booked_at, effective_at, ref)
    SELECT s.subscription_id, entry_no, entry_no, 'charge', 'cashback', 'revenue', cashback, :now,
           COALESCE(occurred_at, :now), charge_id
    FROM {_JOINED} WHERE cashback > 0
    UNION ALL
    SELECT s.subscription_id, entry_no + entries - 1, entry_no, 'charge', 'main', 'revenue', from_main, :now,
           COALESCE(occurred_at, :now), charge_id
    FROM {_JOINED} WHERE from_main > 0
"""  # noqa: S608 - as above

_KEYS = f"""
    INSERT INTO request_key (kind, key, subscription_id, figures, answer)
    SELECT 'charge', charge_id, s.subscription_id, figures,
           '{{"amount":' || amount || ',"booked_at":"' || :booked_at || '","cashback":' || cashback
           || ',"charge_id":' || quoted_id || ',"is":"ChargeAnswer","main":' || main || ',"msisdn":"' || msisdn
           || '","status":"' || {_STATUS} || '","steps":['
           || CASE WHEN cashback > 0 THEN '{{"amount":' || cashback || ',"source":"cashback"}}' ELSE '' END
           || CASE WHEN cashback > 0 AND main > 0 THEN ',' ELSE '' END
           || CASE WHEN main > 0 THEN '{{"amount":' || main || ',"source":"main"}}' ELSE '' END
           || '],"type":"' || type || '","unpaid":' || unpaid || '}}'
    FROM {_JOINED} ORDER BY charge_id
"""  # noqa: S608 - as above
"""The answers as `stored_answers.dump_answer` writes them."""

_BALANCES = """
    UPDATE balance
    SET cashback = balance.cashback - t.spent,
        main = balance.main - t.drawn,
        next_entry = balance.next_entry + t.taken,
        bonus_period = CASE WHEN bonus_period = :period AND bonus_new > 0 THEN bonus_period ELSE '' END,
        bonus_new = CASE WHEN bonus_period = :period THEN bonus_new ELSE 0 END,
        cap_period = CASE WHEN t.spent > 0 THEN :period ELSE cap_period END,
        cap_used = CASE WHEN t.spent > 0 THEN CASE WHEN cap_period = :period THEN cap_used ELSE 0 END + t.spent
                        ELSE cap_used END,
        spent_period = CASE WHEN t.spent > 0 THEN :period ELSE spent_period END,
        used_up_period = CASE WHEN t.used_up = 1 THEN :period ELSE used_up_period END
    FROM (SELECT subscription_id AS whose, CAST(SUM(cashback) AS BIGINT) AS spent,
                 CAST(SUM(from_main) AS BIGINT) AS drawn, CAST(SUM(entries) AS BIGINT) AS taken,
                 MAX(used_up) AS used_up
          FROM bill_split GROUP BY subscription_id) AS t
    WHERE balance.subscription_id = t.whose {ids}
"""
"""As `draft.Draft.balances` leaves the row."""

DRAWN = text("SELECT line_no, cashback, main, unpaid FROM bill_split")
USED_UP = text("SELECT MIN(line_no), subscription_id FROM bill_split WHERE used_up = 1 GROUP BY subscription_id")
"""Rule 36: the first line of a subscription that found no cashback."""
BILLS = text(
    f"""SELECT s.line_no, s.subscription_id, charge_id, amount, cashback, main, unpaid FROM {_JOINED}
       WHERE cashback > 0 AND type = 'tariff_fee'"""  # noqa: S608 - as above
)
"""Tariff fees of which cashback paid something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkStatements:
    """Run in this order; parameters period, now, booked_at, cap and, on PostgreSQL, ids."""

    prepare: tuple[Executable, ...]
    split: Executable
    write: tuple[Executable, ...]


@lru_cache(maxsize=8)
def bulk_statements(dialect_name: str, programme: Programme) -> BulkStatements:
    """The statements of a dialect under these switches.

    PostgreSQL is given the ids of the chunk wherever a large table is joined: it would read the table otherwise.
    """
    is_postgres = dialect_name == "postgresql"
    is_external = programme.main_balance == "external"
    is_both = "CASE WHEN cashback > 0 AND main > 0 THEN 2 ELSE 1 END"
    parts = {
        "eligible": _eligible(programme.spend_types),
        "allowed": _allowed(programme.monthly_spend_cap),
        "main": _ALL_OF_MAIN if is_external else _WHAT_MAIN_HAS,
        "from_main": "0" if is_external else "main",
        "entries": "1" if is_external else is_both,
        "b_ids": "AND b.subscription_id = ANY (:ids)" if is_postgres else "",
        "ids": "AND balance.subscription_id = ANY (:ids)" if is_postgres else "",
    }
    return BulkStatements(
        prepare=tuple(
            statement
            for table in (LINE, SPLIT)
            for statement in (CreateTable(table, if_not_exists=True), delete(table))
        ),
        split=text(_SPLIT.format_map(parts)),
        write=(text(_CHARGES), text(_POSTINGS), text(_KEYS), text(_BALANCES.format_map(parts))),
    )


def _eligible(types: frozenset[ChargeType]) -> str:
    """Of a line what cashback may pay by its type (rule 29)."""
    if types == frozenset(ChargeType):
        return "l.amount"
    words = ", ".join(f"'{one.value}'" for one in sorted(types))
    return f"CASE WHEN l.type IN ({words}) THEN l.amount ELSE 0 END" if types else "0"


def _allowed(cap: Kopecks | None) -> str:
    """What the month's cap leaves (rule 29): held cashback counts as spent."""
    if cap is None:
        return "b.cashback"
    return ":cap - CASE WHEN b.cap_period = :period THEN b.cap_used ELSE 0 END - b.held_cashback"
