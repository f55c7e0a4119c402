"""What waits is bounded, and every wait ends."""

from datetime import UTC, datetime, timedelta

import pytest
from twisted.internet.task import Clock

from simulator import pending as pending_module
from simulator.messages import StoredMessage
from simulator.pending import Pending, seconds_until
from simulator.settings import Account
from simulator.timers import Timers
from sms.smpp.constants import MessageState
from sms.smpp.pdu import SubmitSm
from sms.smpp.times import format_relative

NOW = datetime(2025, 3, 3, 12, tzinfo=UTC)
ACCOUNT = Account(system_id="demo", password="demo")


class Book:
    def __init__(self) -> None:
        self.clock = Clock()
        self.off: set[str] = set()
        self.delivered: list[str] = []
        self.expired: list[str] = []
        self.timers = Timers(self.clock)
        self.pending = Pending(
            self.timers,
            handset_is_on=lambda to: to not in self.off,
            deliver=lambda one: self.delivered.append(one.message_id),
            expire=lambda one: self.expired.append(one.message_id),
        )

    def hold(self, message_id: str, *, schedule: str = "", validity: str = "", to: str = "1") -> StoredMessage:
        pdu = SubmitSm(source_addr="S", destination_addr=to)
        message = StoredMessage(message_id, 0, ACCOUNT, to, pdu, 0.0, 0.0)
        self.pending.hold(message, schedule=schedule, validity=validity, now=NOW)
        return message


def in_seconds(seconds: int) -> str:
    return format_relative(timedelta(seconds=seconds))


def test_a_scheduled_message_waits_for_its_time() -> None:
    book = Book()
    message = book.hold("m", schedule=in_seconds(60))
    assert message.state is MessageState.ENROUTE
    book.clock.advance(59)
    assert book.delivered == []
    book.clock.advance(1)
    assert book.delivered == ["m"]
    assert len(book.timers) == 0


def test_destinations_of_one_submit_multi_wait_each_for_itself() -> None:
    book = Book()
    first = book.hold("shared", schedule=in_seconds(60), to="1")
    second = book.hold("shared", schedule=in_seconds(60), to="2")
    assert (len(book.pending), first in book.pending, second in book.pending) == (2, True, True)
    book.pending.remove(first)
    assert (first in book.pending, second in book.pending) == (False, True)
    book.clock.advance(60)
    assert book.delivered == ["shared"]
    assert len(book.timers) == 0


def test_a_message_due_while_its_phone_is_off_waits_for_the_phone() -> None:
    book = Book()
    book.off.add("1")
    message = book.hold("m", schedule=in_seconds(60))
    book.clock.advance(61)
    assert book.delivered == []
    book.off.clear()
    assert book.pending.handset_came("1") == [message]
    assert book.delivered == ["m"]


def test_a_phone_that_comes_back_does_not_hurry_what_is_scheduled() -> None:
    book = Book()
    book.hold("m", schedule=in_seconds(60))
    assert book.pending.handset_came("1") == []
    assert book.delivered == []


def test_validity_counts_from_now_and_ends_the_wait() -> None:
    book = Book()
    book.off.add("1")
    book.hold("m", validity=in_seconds(30))
    book.clock.advance(30)
    assert (book.delivered, book.expired) == ([], ["m"])
    assert book.clock.getDelayedCalls() == []


def test_no_message_waits_for_ever() -> None:
    book = Book()
    book.off.add("1")
    book.hold("m")
    book.clock.advance(3 * 86_400)
    assert book.expired == ["m"]


def test_the_book_is_full_at_its_limit_and_not_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending_module, "PENDING_MAX", 2)
    book = Book()
    book.hold("a", schedule=in_seconds(60))
    assert not book.pending.is_full
    message = book.hold("b", schedule=in_seconds(60))
    assert book.pending.is_full
    book.pending.remove(message)
    assert not book.pending.is_full


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        (None, None),
        (timedelta(minutes=1), 60),
        (NOW + timedelta(hours=1), 3600),
        (NOW - timedelta(hours=1), 0),
        (timedelta(0), 0),
    ],
)
def test_relative_and_absolute_times_are_both_counted_from_now(
    moment: datetime | timedelta | None, seconds: float | None
) -> None:
    assert seconds_until(moment, NOW) == seconds
