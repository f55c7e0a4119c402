"""A deadline goes off once, when the time set last has come."""

from twisted.internet.task import Clock

from sms.smpp.deadline import Deadline


def test_it_goes_off_once_when_due() -> None:
    clock, calls = Clock(), []
    deadline = Deadline(clock, lambda: calls.append(clock.seconds()))
    deadline.set_in(5)
    clock.pump([4, 0.9])
    assert calls == []
    assert deadline.is_set
    clock.advance(0.2)
    clock.advance(60)
    assert len(calls) == 1
    assert not deadline.is_set


def test_it_may_be_moved_later_and_earlier() -> None:
    clock, calls = Clock(), []
    deadline = Deadline(clock, lambda: calls.append(clock.seconds()))
    deadline.set_in(5)
    clock.advance(4)
    deadline.set_in(5)
    clock.advance(4)
    assert calls == []
    clock.advance(1)
    assert calls == [9]
    deadline.set_in(10)
    deadline.set_in(2)
    clock.advance(2)
    assert calls == [9, 11]


def test_cleared_or_stopped_it_does_not_go_off() -> None:
    clock, calls = Clock(), []
    deadline = Deadline(clock, lambda: calls.append(1))
    deadline.set_in(5)
    deadline.clear()
    clock.advance(10)
    deadline.set_in(5)
    deadline.stop()
    deadline.stop()
    assert clock.getDelayedCalls() == []
    clock.advance(10)
    assert calls == []
