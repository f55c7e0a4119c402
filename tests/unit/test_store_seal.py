"""Sealed blocks: whatever is altered behind the triggers is found and named, on both databases."""

import hmac
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from both_databases import Databases, drop_guards
from sqlalchemy import Connection, delete, func, insert, select, update

from billing import sealing
from billing.programme import MOSCOW
from billing.store import schema, verify_seals
from billing.store.columns import to_micros
from billing.store.dialects import put_rows
from billing.store.reconciliation import close_days, closed_days, sealed_sums
from billing.store.seal import next_block, put_block, seal_all
from billing.store.seal_chain import heads, tip
from billing.store.verify_seals import uncovered, verify_blocks
from billing.store.violations import Violation
from billing.words import Account

KEY = b"k" * 32
NOW = datetime(2025, 3, 3, 9, tzinfo=UTC)
posting, balance = schema.posting, schema.balance


def booked(connection: Connection, subscription_id: int, *amounts: int, at: datetime = NOW, gap: int = 0) -> None:
    """Top-ups of a subscription, as one transaction books them: postings and the balance row together."""
    found = connection.execute(
        select(balance.c.next_entry, balance.c.main).where(balance.c.subscription_id == subscription_id)
    ).one_or_none()
    if found is None:
        connection.execute(
            insert(schema.subscription).values(
                subscription_id=subscription_id,
                msisdn="",
                contract="individual",
                network="on_net",
                language="ru",
                blocks=frozenset(),
                created_at=NOW,
            )
        )
    first = (1 if found is None else found.next_entry) + gap
    rows = [
        (subscription_id, first + at_, first, "topup", "cash_in", "main", amount, to_micros(at), to_micros(at), "t")
        for at_, amount in enumerate(amounts)
    ]
    put_rows(connection, posting, rows)
    zero = dict.fromkeys(("bonus", "cashback", "held_cashback", "held_main", "carry_over", "credit_limit"), 0)
    zero |= {"bonus_new": 0, "cap_used": 0}
    words = dict.fromkeys(("bonus_period", "credited_period", "cap_period", "spent_period", "used_up_period"), "")
    main = sum(amounts) + (0 if found is None else found.main)
    if found is None:
        connection.execute(
            insert(balance).values(
                subscription_id=subscription_id,
                main=main,
                next_entry=first + len(amounts),
                welcomed=False,
                **zero,
                **words,
            )
        )
    else:
        mine = balance.c.subscription_id == subscription_id
        connection.execute(update(balance).where(mine).values(main=main, next_entry=first + len(amounts)))


@pytest.fixture
def connection(databases: Databases) -> Connection:
    """Three subscriptions in three blocks, one of them in all three; the guards are off."""
    opened = databases.open()
    booked(opened, 1, 100, 200)
    booked(opened, 2, 300)
    assert seal_all(opened, KEY, MOSCOW, NOW) == 1
    booked(opened, 2, 400, gap=3)
    booked(opened, 3, 500, 600, 700)
    assert seal_all(opened, KEY, MOSCOW, NOW) == 1
    booked(opened, 2, 800)
    assert seal_all(opened, KEY, MOSCOW, NOW) == 1
    drop_guards(opened)
    return opened


def violations(connection: Connection, key: bytes = KEY, earlier: bytes | None = None) -> list[Violation]:
    found: list[Violation] = []
    above, head = 0, sealing.GENESIS
    while part := verify_blocks(connection, key, above, head, earlier=earlier):
        found += part.violations
        above, head = part.block_no, part.head
        earlier = None if part.is_ours else earlier
    return found + uncovered(connection, 0, 10**9)


def said(connection: Connection, key: bytes = KEY) -> list[tuple[int, str, str]]:
    return [(one.subscription_id, one.ref, one.found) for one in violations(connection, key)]


def test_what_was_sealed_verifies_and_every_posting_is_in_one_block(connection: Connection) -> None:
    assert violations(connection) == []
    kept = heads(connection, 0, 10)
    assert [(one.block_no, one.postings, one.amount) for one in kept] == [(1, 3, 600), (2, 4, 2200), (3, 1, 800)]
    assert seal_all(connection, KEY, MOSCOW, NOW) == 0


def test_blocks_of_the_key_before_ours_verify_until_the_first_of_ours(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = b"o" * 32
    booked(connection, 1, 900)
    assert seal_all(connection, ours, MOSCOW, NOW) == 1
    booked(connection, 1, 1_000)
    assert seal_all(connection, KEY, MOSCOW, NOW) == 1
    monkeypatch.setattr(verify_seals, "BLOCKS_AT_ONCE", 2)
    found = violations(connection, ours, earlier=KEY)
    assert [one.ref for one in found] == ["block 5"]
    assert found[0].found.startswith("is sealed with key")
    connection.execute(update(posting).where(posting.c.subscription_id == 2).values(ref="u"))
    assert {one.ref.rpartition(" entry")[0] for one in violations(connection, ours, earlier=KEY)} >= {"block 1"}


def test_one_altered_kopeck_is_found(connection: Connection) -> None:
    connection.execute(
        update(posting).where(posting.c.subscription_id == 3, posting.c.entry_no == 2).values(amount=601)
    )
    assert said(connection) == [(3, "block 2 entry 2", "altered")]


@pytest.mark.parametrize(
    "change",
    [{"booked_at": NOW + timedelta(microseconds=1)}, {"ref": "u"}, {"kind": "refund"}, {"tx_no": 3}],
    ids=str,
)
def test_every_column_is_sealed(connection: Connection, change: dict[str, object]) -> None:
    where = (posting.c.subscription_id == 3, posting.c.entry_no == 3)
    connection.execute(update(posting).where(*where).values(**change))
    assert said(connection) == [(3, "block 2 entry 3", "altered")]


def test_one_deleted_row_is_found(connection: Connection) -> None:
    connection.execute(delete(posting).where(posting.c.subscription_id == 1, posting.c.entry_no == 2))
    assert said(connection) == [(1, "block 1 entry 2", "missing")]


def test_one_inserted_row_is_found_also_where_a_number_was_left_free(connection: Connection) -> None:
    row = (2, 3, 3, "topup", "cash_in", "main", 1, to_micros(NOW), to_micros(NOW), "t")
    put_rows(connection, posting, [row])
    assert said(connection) == [(2, "block 2 entry 3", "added")]


def test_two_swapped_sums_are_found(connection: Connection) -> None:
    for entry, amount in ((1, 200), (2, 100)):
        where = (posting.c.subscription_id == 1, posting.c.entry_no == entry)
        connection.execute(update(posting).where(*where).values(amount=amount))
    assert said(connection) == [(1, "block 1 entry 1", "altered"), (1, "block 1 entry 2", "altered")]


def test_marks_made_to_fit_do_not_help_without_the_key(connection: Connection) -> None:
    where = (posting.c.subscription_id == 1, posting.c.entry_no == 1)
    connection.execute(update(posting).where(*where).values(amount=999))
    canonical = connection.exec_driver_sql(
        f"SELECT {sealing.CANONICAL_SQL} FROM posting p WHERE subscription_id = 1 AND entry_no = 1"  # noqa: S608
    ).scalar_one()
    marks = connection.execute(
        select(schema.seal_range.c.marks).where(schema.seal_range.c.subscription_id == 1)
    ).scalar_one()
    forged = sealing.MARK.pack(1, sealing.leaf_of(KEY, canonical)[:8]) + bytes(marks)[16:]
    mine = schema.seal_range.c.subscription_id == 1
    connection.execute(update(schema.seal_range).where(mine).values(marks=forged))
    ((subscription_id, ref, found),) = said(connection)
    assert (subscription_id, ref) == (0, "block 1")
    assert found.startswith("hashes to")


def test_a_head_is_what_anybody_with_the_key_computes(connection: Connection) -> None:
    at = "1740992400000000"
    texts = {1: [f"1|1|1|topup|cash_in|main|100|{at}|{at}|t", f"1|2|1|topup|cash_in|main|200|{at}|{at}|t"]}
    texts |= {2: [f"2|1|1|topup|cash_in|main|300|{at}|{at}|t"]}
    octets = struct.pack(">q", 1) + b"\0" * 32
    for subscription_id, postings in texts.items():
        octets += struct.pack(">qqqq", subscription_id, 0, len(postings), len(postings))
        octets += b"".join(hmac.digest(KEY, one.encode(), "sha256") for one in postings)
    assert heads(connection, 0, 1)[0].head == hmac.digest(KEY, octets, "sha256").hex()


def test_a_block_that_is_gone_is_found_in_the_middle_and_at_the_end(connection: Connection) -> None:
    block = schema.seal_block
    connection.execute(delete(block).where(block.c.block_no == 3))
    assert said(connection) == [(0, "block 3", "is gone, its ranges are not")]
    connection.execute(delete(block).where(block.c.block_no == 1))
    assert (0, "block 2", "follows no other") in said(connection)


def test_a_range_that_is_gone_is_found(connection: Connection) -> None:
    table = schema.seal_range
    connection.execute(delete(table).where(table.c.subscription_id == 2, table.c.block_no == 2))
    found = violations(connection)
    assert {one.invariant for one in found} == {"sealed_block_verifies", "sealed_without_gap"}


def test_another_key_tells_so_and_calls_nothing_altered(connection: Connection) -> None:
    found = violations(connection, b"x" * 32)
    assert [one.ref for one in found] == ["block 1", "block 2", "block 3"]
    assert all("sealed with key" in one.found for one in found)


def test_a_chain_that_grew_meanwhile_is_not_forked(connection: Connection) -> None:
    booked(connection, 3, 900)
    one, other = next_block(connection, KEY, MOSCOW, 0), next_block(connection, KEY, MOSCOW, 0)
    assert one is not None
    assert other is not None
    assert one.block is not None
    assert other.block is not None
    assert put_block(connection, one.block, NOW) is True
    assert put_block(connection, other.block, NOW) is False
    assert tip(connection).block_no == 4
    assert violations(connection) == []


def test_a_subscription_cut_in_two_by_a_full_block_is_sealed_whole(databases: Databases) -> None:
    opened = databases.open()
    for subscription_id in (1, 2, 3):
        booked(opened, subscription_id, *range(1, 8))
    above: int | None = 0
    sizes = []
    while above is not None:
        look = next_block(opened, KEY, MOSCOW, above, most=5)
        if look is not None and look.block is not None:
            sizes.append(look.block.postings)
            assert put_block(opened, look.block, NOW)
        above = None if look is None else look.up_to
    assert sizes == [5, 5, 5, 5, 1]
    assert violations(opened) == []
    covered = opened.execute(select(func.sum(schema.seal_block.c.postings))).scalar_one()
    assert covered == 21


def days(connection: Connection) -> Iterator[tuple[str, int, int]]:
    for one in closed_days(connection, "", "9", 100):
        main = next(account for account in one.accounts if account.account is Account.MAIN)
        yield one.day, main.opening, main.closing


def test_days_are_closed_one_on_the_other_and_never_change(databases: Databases) -> None:
    opened = databases.open()
    booked(opened, 1, 100, at=datetime(2025, 3, 3, 20, 59, tzinfo=UTC))
    booked(opened, 1, 200, at=datetime(2025, 3, 3, 21, 0, tzinfo=UTC))
    booked(opened, 1, 400, at=datetime(2025, 3, 9, 12, 0, tzinfo=UTC))
    seal_all(opened, KEY, MOSCOW, NOW)
    assert [one.day for one in close_days(opened, "2025-03-05", NOW)] == ["2025-03-03", "2025-03-04"]
    assert list(days(opened)) == [("2025-03-03", 0, 100), ("2025-03-04", 100, 300)]
    booked(opened, 1, 800, at=datetime(2025, 3, 3, 12, 0, tzinfo=UTC))
    seal_all(opened, KEY, MOSCOW, NOW)
    close_days(opened, "2025-03-10", NOW)
    assert close_days(opened, "2025-03-10", NOW) == []
    assert list(days(opened))[:2] == [("2025-03-03", 0, 100), ("2025-03-04", 100, 300)]
    assert list(days(opened))[2:] == [("2025-03-05", 300, 1100), ("2025-03-09", 1100, 1500)]
    assert sealed_sums(opened)[Account.MAIN] == 1500
