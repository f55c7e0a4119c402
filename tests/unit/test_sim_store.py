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
B = "79160000002"


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
        made.append(StoredMessage(f"{number:08X}", number, ACCOUNT, to, pdu, 1000.0 + number, 1000.0 + number))
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


def given_sent_to_three(store: MessageStore) -> list[StoredMessage]:
    """Three destinations of one submit_multi: one id."""
    made = [
        StoredMessage(
            "0000000A", 0, ACCOUNT, to, SubmitSm(source_addr="CASHBACK", short_message=b"many"), 1000.0, 1000.0
        )
        for to in (A, B, B)
    ]
    for message in made:
        store.add(message)
    return made


@pytest.mark.parametrize("number", [0, 1, 2])
def test_each_destination_of_a_submit_multi_can_be_replaced(number: int) -> None:
    store = MessageStore(capacity=100)
    made = given_sent_to_three(store)
    store.remove(made[number])
    left = [one for one in made if one is not made[number]]
    assert list(store.all()) == left
    assert [*store.to(A), *store.to(B)] == left
    assert len(store) == 2


@pytest.mark.parametrize("capacity", [2, 100])
def test_a_replaced_message_leaves_nothing_behind_in_either_generation(capacity: int) -> None:
    store = MessageStore(capacity=capacity)
    (message,) = given_segments(store, "old")
    store.add(message)
    store.remove(message)
    assert len(store) == 0
    assert not any(one.by_to or one.by_id for one in (store._young, store._old))


def test_what_was_forgotten_already_can_be_replaced() -> None:
    store = MessageStore(capacity=2)
    made = [one for text in ("a", "b", "c", "d") for one in given_segments(store, text)]
    for message in made:
        store.add(message)
    store.remove(made[0])
    assert list(store.all()) == made[-1:]


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
