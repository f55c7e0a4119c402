"""Invariant 26: every sealed block is hashed again; where it differs the block and the posting are named.

Blocks are read a few at a time, each few in a statement of its own, and hashed as rows come: memory does not grow
with the journal. A block hashed with another key than ours is not called altered: it cannot be told. The key that was
used before ours counts until the first block of ours.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby
from typing import Any

from sqlalchemy import Connection, func, select, text

from billing import sealing
from billing.sealing import SealedRange
from billing.store.seal_schema import seal_block, seal_range
from billing.store.violations import Violation

POSTINGS_AT_ONCE = 20_000
BLOCKS_AT_ONCE = 200
ROWS_AT_ONCE = 2_000

_RANGES = text(
    f"""
    SELECT r.block_no, r.subscription_id, r.above_entry, r.up_to_entry, r.marks,
           p.entry_no, {sealing.CANONICAL_SQL} AS canonical
    FROM seal_range r LEFT JOIN posting p ON p.subscription_id = r.subscription_id
         AND p.entry_no > r.above_entry AND p.entry_no <= r.up_to_entry
    WHERE r.block_no > :above AND r.block_no <= :up_to
    ORDER BY r.block_no, r.subscription_id, r.up_to_entry, p.entry_no
    """  # noqa: S608 - our own words
).execution_options(yield_per=ROWS_AT_ONCE)

_UNCOVERED = text(
    """
    SELECT subscription_id, before_it, above_entry, block_no FROM (
        SELECT r.subscription_id, r.above_entry, r.block_no,
               coalesce(lag(r.up_to_entry) OVER (PARTITION BY r.subscription_id ORDER BY r.up_to_entry), 0)
                   AS before_it
        FROM seal_range r WHERE r.subscription_id > :above AND r.subscription_id <= :up_to
    ) AS ranges WHERE above_entry <> before_it
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealPart:
    """What a look at some blocks found; go on behind `block_no` whose head was `head`.

    `is_ours`: a block of our key was among them, an earlier key counts no more.
    """

    block_no: int
    head: str
    postings: int
    is_ours: bool
    violations: tuple[Violation, ...] = field(default=())


def verify_blocks(
    connection: Connection, key: bytes, above: int, head: str, *, earlier: bytes | None = None
) -> SealPart | None:
    """Hash the next blocks above a number again, the one before having this head; None: there are none.

    `earlier` is the key that was used before ours, as long as no block of ours was met.
    """
    block = seal_block.c
    rows: Sequence[Any] = connection.execute(
        select(seal_block).where(block.block_no > above).order_by(block.block_no).limit(BLOCKS_AT_ONCE)
    ).all()
    blocks = _few(rows)
    if not blocks:
        return _behind_the_last(connection, above)
    up_to = blocks[-1].block_no
    found = connection.execute(_RANGES, {"above": above, "up_to": up_to})
    ranges = chain.from_iterable(found.partitions(ROWS_AT_ONCE))
    contents = groupby(ranges, key=lambda row: row[0])
    violations: list[Violation] = []
    ours, is_ours = sealing.key_id(key), False
    number, content = next(contents, (None, iter(())))
    for one in blocks:
        is_ours = is_ours or one.key_id == ours
        if one.block_no != above + 1:
            violations.append(_of_block(one.block_no, "follows no other", f"block {above + 1}"))
        while number is not None and number < one.block_no:
            violations.append(_of_block(number, "is gone, its ranges are not", "a block"))
            number, content = next(contents, (None, iter(())))
        used = key if is_ours or earlier is None or one.key_id != sealing.key_id(earlier) else earlier
        violations += _check(one, content if number == one.block_no else iter(()), used, head)
        if number == one.block_no:
            number, content = next(contents, (None, iter(())))
        above, head = one.block_no, one.head
    return SealPart(
        block_no=above,
        head=head,
        postings=sum(one.postings for one in blocks),
        is_ours=is_ours,
        violations=tuple(violations),
    )


def uncovered(connection: Connection, above: int, up_to: int) -> list[Violation]:
    """Ranges of subscriptions with above < id ≤ up_to that leave entry numbers out or cover them twice."""
    return [
        Violation(
            invariant="sealed_without_gap",
            says="the sealed ranges of a subscription follow each other without gap",
            subscription_id=row.subscription_id,
            ref=f"block {row.block_no}",
            found=str(row.above_entry),
            expected=str(row.before_it),
        )
        for row in connection.execute(_UNCOVERED, {"above": above, "up_to": up_to})
    ]


def _few(rows: Sequence[Any]) -> list[Any]:
    """The first blocks that together have few postings, at least one."""
    found: list[Any] = []
    postings = 0
    for row in rows:
        if found and postings + row.postings > POSTINGS_AT_ONCE:
            break
        found.append(row)
        postings += row.postings
    return found


def _behind_the_last(connection: Connection, above: int) -> SealPart | None:
    """Ranges of blocks that are gone from the end of the chain."""
    lost = connection.execute(
        select(func.min(seal_range.c.block_no), func.max(seal_range.c.block_no)).where(seal_range.c.block_no > above)
    ).one()
    if lost[0] is None:
        return None
    gone = _of_block(lost[0], "is gone, its ranges are not", f"blocks up to {lost[1]}")
    return SealPart(block_no=lost[1], head=sealing.GENESIS, postings=0, is_ours=True, violations=(gone,))


def _check(block: Any, content: Iterator[Any], key: bytes, head: str) -> Iterator[Violation]:
    """One block against what it covers."""
    if block.key_id != sealing.key_id(key):
        yield _of_block(block.block_no, f"is sealed with key {block.key_id}", f"key {sealing.key_id(key)}")
        return
    if block.previous != head:
        yield _of_block(block.block_no, f"continues {block.previous[:16]}", head[:16])
    ranges: list[SealedRange] = []
    named = 0
    for _, group in groupby(content, key=lambda row: (row[1], row[3])):
        rows = list(group)
        one = _range(rows, key)
        ranges.append(one)
        marks = bytes(rows[0][4])
        if marks == one.marks:
            continue
        for violation in _rows(block.block_no, one, sealing.marks_of(marks)):
            named += 1
            yield violation
    found = sealing.head_of(key, block.block_no, block.previous, ranges)
    if found != block.head and not named:
        yield _of_block(block.block_no, f"hashes to {found[:16]}", block.head[:16])
    if not named and sum(len(one.entries) for one in ranges) != block.postings:
        yield _of_block(block.block_no, f"{sum(len(one.entries) for one in ranges)} postings", str(block.postings))


def _range(rows: Sequence[Any], key: bytes) -> SealedRange:
    postings = [row for row in rows if row[5] is not None]
    return SealedRange(
        subscription_id=rows[0][1],
        above_entry=rows[0][2],
        up_to_entry=rows[0][3],
        entries=tuple([row[5] for row in postings]),
        leaves=tuple([sealing.leaf_of(key, row[6]) for row in postings]),
    )


def _rows(block_no: int, found: SealedRange, marks: dict[int, bytes]) -> Iterator[Violation]:
    """Postings that are not as they were sealed."""
    leaves = dict(zip(found.entries, found.leaves, strict=True))
    for entry in sorted(leaves.keys() | marks.keys()):
        if entry not in leaves:
            said = "missing"
        elif entry not in marks:
            said = "added"
        elif leaves[entry][:8] != marks[entry]:
            said = "altered"
        else:
            continue
        yield Violation(
            invariant="sealed_block_verifies",
            says="every posting of a sealed block is as it was sealed",
            subscription_id=found.subscription_id,
            ref=f"block {block_no} entry {entry}",
            found=said,
            expected="as it was sealed",
        )


def _of_block(block_no: int, found: str, expected: str) -> Violation:
    return Violation(
        invariant="sealed_block_verifies",
        says="every sealed block hashes to its head and continues the one before",
        subscription_id=0,
        ref=f"block {block_no}",
        found=found,
        expected=expected,
    )
