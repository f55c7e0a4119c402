"""Long messages from subscribers: put together from their segments in any order, once, also across a restart."""

from collections.abc import Iterator
from itertools import permutations
from typing import Any

import pytest
from sending import A, B
from sqlalchemy import select
from test_inbound_storing import AGAIN, OK, Receiving, mo_pdu
from twisted.internet.defer import Deferred

from sms.inbound import Inbound, SmsLinkHandler
from sms.outbox import erase
from sms.outbox.inbox_parts import PART_WAIT_SECONDS, PARTS_PER_SOURCE_MAX
from sms.outbox.schema import inbox, inbox_part
from sms.smpp.constants import EsmClass, Tag
from sms.smpp.pdu import DeliverSm

TEXTS = (b"ST", b"O", b"P")


@pytest.fixture
def receiving() -> Iterator[Receiving]:
    one = Receiving()
    yield one
    one.sending.database.free()
    stopping = [Deferred.fromCoroutine(one.inbound.stop()), one.sending.stop(0)]
    one.sending.after(2)
    assert all(stopped.called for stopped in stopping)


def with_header(number: int, total: int = 3, *, text: bytes | None = None, ref: int = 7, **fields: Any) -> DeliverSm:
    content = TEXTS[number - 1] if text is None else text
    header = bytes((5, 0, 3, ref, total, number))
    return mo_pdu(header + content, number, esm_class=EsmClass.UDHI, **fields)


def with_wide_header(number: int, total: int = 3) -> DeliverSm:
    header = bytes((6, 8, 4, 1, 7, total, number))
    return mo_pdu(header + TEXTS[number - 1], number, esm_class=EsmClass.UDHI)


def with_sar(number: int, total: int = 3) -> DeliverSm:
    tlvs = (
        (Tag.SAR_MSG_REF_NUM, b"\x01\x07"),
        (Tag.SAR_TOTAL_SEGMENTS, bytes((total,))),
        (Tag.SAR_SEGMENT_SEQNUM, bytes((number,))),
    )
    return mo_pdu(TEXTS[number - 1], number, tlvs=tlvs)


def stored(receiving: Receiving) -> list[tuple[str, int]]:
    return [(row.text, row.missing) for row in receiving.rows(inbox)]


@pytest.mark.parametrize("made", [with_header, with_wide_header, with_sar])
@pytest.mark.parametrize("order", list(permutations((1, 2, 3))))
def test_segments_in_any_order_are_one_message_before_keywords_see_it(
    receiving: Receiving, made: Any, order: tuple[int, ...]
) -> None:
    assert receiving.take(*(made(number) for number in order)) == [OK] * 3
    assert [mo.text for mo in receiving.heard] == ["STOP"]
    assert stored(receiving) == [("STOP", 0)]


def test_a_segment_is_answered_only_when_it_is_committed(receiving: Receiving) -> None:
    """SMPP check 55."""
    receiving.sending.database.stuck = True
    assert receiving.take(with_header(1)) == []
    receiving.sending.database.free()
    assert receiving.session.statuses() == [OK]
    receiving.sending.database.broken = True
    assert receiving.take(with_header(2)) == [OK, AGAIN]
    receiving.sending.database.broken = False
    receiving.take(with_header(2), with_header(3))
    assert [mo.text for mo in receiving.heard] == ["STOP"]


def test_a_copy_of_a_segment_changes_nothing_before_and_after_the_message_is_whole(receiving: Receiving) -> None:
    receiving.take(with_header(1), with_header(1), with_header(3), with_header(2))
    assert receiving.take(with_header(2), with_header(1), with_header(3)) == [OK] * 7
    receiving.sending.after(PART_WAIT_SECONDS + 5, step=60)
    assert stored(receiving) == [("STOP", 0)]
    assert len(receiving.heard) == 1
    assert receiving.rows(inbox_part) == []


def test_segments_outlive_the_process_and_come_over_any_link(receiving: Receiving) -> None:
    receiving.take(with_header(1), with_header(3))
    again = Inbound(
        receiving.sending.dispatcher.journal,
        transact=receiving.sending.database.transact,
        wall=receiving.sending.wall,
        counters=receiving.sending.counters,
        on_mo=lambda _connection, mo: receiving.heard.append(mo),
        committed=lambda: None,
    )
    other_link = SmsLinkHandler("other", receiving.sending.dispatcher.lines, again)
    other_link.request_received(receiving.session, with_header(2))  # type: ignore[arg-type]
    assert [mo.text for mo in receiving.heard] == ["STOP"]


def test_what_is_not_whole_in_time_is_stored_as_it_is_and_not_answered(receiving: Receiving) -> None:
    receiving.take(with_header(1), with_header(3), with_header(2, text=b"x", ref=8))
    receiving.sending.after(PART_WAIT_SECONDS - 60, step=60)
    assert stored(receiving) == []
    receiving.sending.after(120, step=2)
    assert sorted(stored(receiving)) == [("ST…P", 1), ("…x…", 2)]
    assert receiving.heard == []
    assert receiving.rows(inbox_part) == []
    assert receiving.sending.counters.mobile_originated_unfinished == 3


def test_a_reference_that_comes_round_begins_another_message(receiving: Receiving) -> None:
    receiving.take(with_header(1, text=b"old"), with_header(1), with_header(2), with_header(3))
    assert [mo.text for mo in receiving.heard] == ["STOP"]
    assert stored(receiving) == [("old…", 2), ("STOP", 0)]
    receiving.sending.after(61, step=30)
    receiving.take(with_header(1, text=b"BAL"), with_header(2, text=b"AN"), with_header(3, text=b"CE"))
    assert [mo.text for mo in receiving.heard] == ["STOP", "BALANCE"]


def test_two_phones_and_two_numbers_do_not_mix(receiving: Receiving) -> None:
    receiving.take(with_header(1), with_header(2, source_addr=B), with_header(3, destination_addr="4401"))
    assert receiving.heard == []
    receiving.take(with_header(2), with_header(3))
    assert [(mo.source, mo.text) for mo in receiving.heard] == [(A, "STOP")]


def test_a_character_cut_in_two_is_whole_again(receiving: Receiving) -> None:
    octets = "СТОП😀".encode("utf-16-be")
    receiving.take(
        with_header(1, 2, text=octets[:10], data_coding=8), with_header(2, 2, text=octets[10:], data_coding=8)
    )
    assert [mo.text for mo in receiving.heard] == ["СТОП😀"]


def test_one_phone_cannot_fill_the_store(receiving: Receiving) -> None:
    for at in range(PARTS_PER_SOURCE_MAX + 1):
        receiving.take(with_header(1, 255, text=b"%d" % at, ref=at % 256, destination_addr=str(at)))
    assert len(receiving.rows(inbox_part)) == 1
    assert len(stored(receiving)) == PARTS_PER_SOURCE_MAX


def test_the_whole_store_is_bounded_and_the_oldest_go_first(
    receiving: Receiving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sms.outbox.inbox_parts.PARTS_MAX", 2)
    for at in range(4):
        receiving.take(with_header(1, text=b"%d" % at, source_addr=f"7916000000{at}"))
        receiving.sending.after(0.1)
    receiving.sending.after(3)
    assert sorted(stored(receiving)) == [("0…", 2), ("1…", 2)]
    assert len(receiving.rows(inbox_part)) == 2


def test_an_impossible_place_is_a_message_of_its_own(receiving: Receiving) -> None:
    receiving.take(mo_pdu(b"\x05\x00\x03\x07\x02\x03STOP", esm_class=EsmClass.UDHI))
    receiving.take(mo_pdu(b"STOP", 2, tlvs=((Tag.SAR_MSG_REF_NUM, b"\x01\x07"),), source_addr=B))
    assert [mo.text for mo in receiving.heard] == ["STOP", "STOP"]


def test_an_erased_subscriber_leaves_no_segments(receiving: Receiving) -> None:
    receiving.take(with_header(1), with_header(1, source_addr=B))
    receiving.sending.database.do(erase, 1, [A])
    left = receiving.sending.database.do(lambda one: one.execute(select(inbox_part.c.source)).scalars().all())
    assert left == [B]
