"""Sealing: committed postings that no block covers yet are read in chunks and hashed into the next block.

Reading and hashing happen on a reading connection (`next_block`), writing in a short transaction (`put_block`) that
first makes sure that the chain still ends where the block continues it. So any number of sealers may try; one wins.
What one snapshot shows below a balance's `next_entry` is all there will ever be below it: nothing is left out,
nothing is sealed twice, however late somebody commits.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, insert, select, text

from billing import sealing
from billing.calendar import local_date
from billing.money import Kopecks
from billing.sealing import SealedRange
from billing.store.columns import from_micros
from billing.store.dialects import put_rows
from billing.store.reconciliation import DayMovement, count_lines
from billing.store.schema import balance
from billing.store.seal_chain import SEAL_LOCK, Tip, tip
from billing.store.seal_schema import seal_block, seal_range
from billing.words import Account

SUBSCRIPTIONS_AT_ONCE = 5_000
"""Looked at together for postings without seal."""
POSTINGS_AT_ONCE = 2_000
"""Most postings of a block: writing it takes some hundredths of a second."""

QUARTER_MICROS = 15 * 60 * 1_000_000
"""Days begin on a quarter of an hour in every zone there is."""

_UNSEALED = text(
    f"""
    WITH due AS MATERIALIZED (
        SELECT subscription_id, sealed, last_entry FROM (
            SELECT b.subscription_id, b.next_entry - 1 AS last_entry,
                   coalesce((SELECT max(r.up_to_entry) FROM seal_range r
                             WHERE r.subscription_id = b.subscription_id), 0) AS sealed
            FROM balance b WHERE b.subscription_id > :above AND b.subscription_id <= :up_to
        ) AS looked_at WHERE last_entry > sealed
    )
    SELECT p.subscription_id, p.entry_no, {sealing.CANONICAL_SQL} AS canonical,
           p.kind, p.source, p.target, p.amount, p.booked_at, due.sealed, due.last_entry
    FROM due CROSS JOIN posting p
    WHERE p.subscription_id = due.subscription_id AND p.entry_no > due.sealed AND p.entry_no <= due.last_entry
      AND p.subscription_id > :above AND p.subscription_id <= :up_to
    ORDER BY p.subscription_id, p.entry_no LIMIT :most
    """  # noqa: S608 - our own words
)
"""SQLite takes a CROSS JOIN in the order it is written: due subscriptions first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block that can be put behind `after`; `lines` are its movements by business day."""

    after: Tip
    head: str
    key_id: str
    ranges: tuple[SealedRange, ...]
    postings: int
    amount: Kopecks
    lines: Mapping[DayMovement, tuple[int, Kopecks]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a look at some subscriptions found: a block of unsealed postings, or None; go on above `up_to`.

    `sums` are the balances of those up to `up_to`: once the block is put, all their postings are sealed.
    """

    block: Block | None
    up_to: int
    sums: Mapping[Account, Kopecks]


def next_block(
    connection: Connection, key: bytes, zone: ZoneInfo, above: int, *, most: int = POSTINGS_AT_ONCE
) -> Look | None:
    """Look at the next subscriptions above an id, in one snapshot; None: there are none.

    Where a block came out full, `up_to` lies before the last subscription of it, which may have more.
    """
    ids = balance.c.subscription_id
    ahead = select(ids).where(ids > above).order_by(ids).limit(SUBSCRIPTIONS_AT_ONCE).subquery()
    up_to = connection.execute(select(func.max(ahead.c.subscription_id))).scalar_one()
    if up_to is None:
        return None
    rows: Sequence[Any] = connection.execute(_UNSEALED, {"above": above, "up_to": up_to, "most": most}).all()
    if len(rows) == most:
        up_to = rows[-1][0] - 1
    block = _block(rows, key, zone, tip(connection), is_full=len(rows) == most) if rows else None
    return Look(block=block, up_to=up_to, sums=_sums(connection, above, up_to))


def put_block(connection: Connection, block: Block, now: datetime) -> bool:
    """Add a block to the chain in a transaction of the caller's; False: the chain grew meanwhile, look again."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SEAL_LOCK})
    if tip(connection) != block.after:
        return False
    number = block.after.block_no + 1
    connection.execute(
        insert(seal_block).values(
            block_no=number,
            ranges=len(block.ranges),
            postings=block.postings,
            amount=block.amount,
            sealed_at=now,
            key_id=block.key_id,
            previous=block.after.head,
            head=block.head,
        )
    )
    rows = [(one.subscription_id, one.up_to_entry, one.above_entry, number, one.marks) for one in block.ranges]
    put_rows(connection, seal_range, rows)
    count_lines(connection, block.lines)
    return True


def seal_all(connection: Connection, key: bytes, zone: ZoneInfo, now: datetime) -> int:
    """Seal everything in the caller's one transaction; how many blocks came of it."""
    above: int | None = 0
    blocks = 0
    while above is not None:
        look = next_block(connection, key, zone, above)
        if look is not None and look.block is not None:
            put_block(connection, look.block, now)
            blocks += 1
        above = None if look is None else look.up_to
    return blocks


def _block(rows: Sequence[Any], key: bytes, zone: ZoneInfo, after: Tip, *, is_full: bool) -> Block:
    ranges = tuple(_ranges(rows, key, is_full=is_full))
    lines: dict[DayMovement, tuple[int, Kopecks]] = {}
    for row in rows:
        movement = (_day(row[7] // QUARTER_MICROS, zone), row[3], row[4], row[5])
        before = lines.get(movement, (0, 0))
        lines[movement] = (before[0] + 1, before[1] + row[6])
    return Block(
        after=after,
        head=sealing.head_of(key, after.block_no + 1, after.head, ranges),
        key_id=sealing.key_id(key),
        ranges=ranges,
        postings=len(rows),
        amount=sum(row[6] for row in rows),
        lines=lines,
    )


def _ranges(rows: Sequence[Any], key: bytes, *, is_full: bool) -> Iterator[SealedRange]:
    """The rows of each subscription as a range; the last of a full block may have been cut off."""
    last_id = rows[-1][0]
    for subscription_id, group in groupby(rows, key=lambda row: row[0]):
        found = list(group)
        *_, sealed, last_entry = found[0]
        entries = tuple([row[1] for row in found])
        yield SealedRange(
            subscription_id=subscription_id,
            above_entry=sealed,
            up_to_entry=entries[-1] if is_full and subscription_id == last_id else last_entry,
            entries=entries,
            leaves=tuple([sealing.leaf_of(key, row[2]) for row in found]),
        )


@lru_cache(maxsize=4_096)
def _day(quarter: int, zone: ZoneInfo) -> str:
    """The business day of a quarter of an hour since 1970."""
    return local_date(from_micros(quarter * QUARTER_MICROS), zone).isoformat()


def _sums(connection: Connection, above: int, up_to: int) -> dict[Account, Kopecks]:
    own = balance.c
    found = connection.execute(
        select(func.sum(own.bonus), func.sum(own.cashback), func.sum(own.main)).where(
            own.subscription_id > above, own.subscription_id <= up_to
        )
    ).one()
    names = (Account.BONUS, Account.CASHBACK, Account.MAIN)
    return {name: int(value or 0) for name, value in zip(names, found, strict=True)}
