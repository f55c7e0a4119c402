"""The SMSC's store, and the inboxes that are read out of it."""

import pytest

from simulator.handsets import Handsets
from simulator.messages import MessageStore, StoredMessage
from simulator.settings import Account
from sms.smpp.constants import EsmClass, MessageState
from sms.smpp.pdu import SubmitSm
from sms.text import Coding, segments_for

ACCOUNT = Account(system_id="gateway", password="secret1")
A = "79160000001"


def given_segments(store: MessageStore, text: str, *, reference: int = 7, to: str = A) -> list[StoredMessage]:
    made = []
    for segment in segments_for(text, reference=reference):
        number = store.accepted + len(made)
        pdu = SubmitSm(
            source_addr="CASHBACK",
            destination_addr=to,
            esm_class=EsmClass.UDHI if segment.udh else EsmClass.MODE_DEFAULT,
            data_coding=segment.coding.data_coding,
            short_message=segment.short_message,
        )
        made.append(StoredMessage(f"{number:08X}", number, ACCOUNT, to, pdu, 1000.0 + number))
    return made


def test_a_message_is_found_by_its_id_and_its_handset() -> None:
    store = MessageStore(capacity=100)
    (message,) = given_segments(store, "привет")
    store.add(message)
    assert store.get(message.message_id) is message
    assert store.to(A) == [message]
    assert store.to("79160000002") == []
    assert store.get("nothing") is None


@pytest.mark.parametrize("count", [9, 10, 11, 1000])
def test_the_store_never_holds_more_than_its_capacity_and_forgets_the_oldest(count: int) -> None:
    store = MessageStore(capacity=10)
    for number in range(count):
        (message,) = given_segments(store, f"n{number}")
        store.add(message)
        assert len(store) <= 10
    held = [one.text.decode() for one in store.all()]
    assert held == [f"n{number}" for number in range(count)][-len(held) :]
    assert len(held) >= 5
    assert store.accepted == count


def test_a_replaced_message_is_gone_from_both_indexes() -> None:
    store = MessageStore(capacity=100)
    (message,) = given_segments(store, "old")
    store.add(message)
    store.remove(message)
    assert store.get(message.message_id) is None
    assert store.to(A) == []


def test_a_phone_puts_segments_together_in_whatever_order_they_come() -> None:
    store = MessageStore(capacity=100)
    text = "Кэшбэк 150 р зачислен на счет и тратится первым. " * 5
    segments = given_segments(store, text)
    assert len(segments) == 4
    for message in (segments[2], segments[0], segments[3], segments[1]):
        store.add(message)
    (shown,) = Handsets(store).inbox(A)
    assert (shown.text, shown.segments, shown.coding, shown.source) == (text, 4, Coding.UCS2, "CASHBACK")
    assert sorted(shown.message_ids) == [one.message_id for one in segments]


def test_an_unfinished_message_is_not_shown() -> None:
    store = MessageStore(capacity=100)
    for message in given_segments(store, "x" * 400)[:-1]:
        store.add(message)
    assert Handsets(store).inbox(A) == []


def test_what_did_not_reach_the_handset_is_not_shown() -> None:
    store = MessageStore(capacity=100)
    (message,) = given_segments(store, "lost")
    message.state = MessageState.UNDELIVERABLE
    store.add(message)
    assert Handsets(store).inbox(A) == []


def test_a_cleared_inbox_shows_only_what_came_after() -> None:
    store = MessageStore(capacity=100)
    handsets = Handsets(store)
    for text in ("before", "after"):
        (message,) = given_segments(store, text)
        store.add(message)
        if text == "before":
            handsets.clear(A)
    assert [one.text for one in handsets.inbox(A)] == ["after"]
