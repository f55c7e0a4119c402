"""A dispatcher whose lease ran out writes nothing more of what others may have taken over."""

from collections.abc import Iterator

import pytest
from sending import Sending, run

from sms.outbox.senders import BEAT_SECONDS, LEASE_SECONDS


@pytest.fixture
def sending() -> Iterator[Sending]:
    """A dispatcher that believes to have a lease with an end, as on a shared database."""
    one = Sending().start()
    one.dispatcher._lease_s = LEASE_SECONDS
    yield one
    one.database.broken = False
    stopped = one.stop(drain_s=0)
    one.after(2)
    assert stopped.called


def test_what_waits_for_the_window_is_given_back_when_the_lease_ran_out(sending: Sending) -> None:
    session = sending.bind(window=1)
    sending.queue("first", "second")
    sending.after(1)
    assert len(session.submitted) == 1
    sending.database.broken = True
    sending.after(LEASE_SECONDS + 1, step=1.0)
    session.answer()
    assert len(session.submitted) == 1
    sending.database.broken = False
    sending.after(3, step=0.2)
    assert sending.states()["first"] == "accepted"
    assert len(session.submitted) == 2  # taken anew, in an attempt of its own


def test_a_lease_that_is_extended_in_time_keeps_it_writing(sending: Sending) -> None:
    session = sending.bind(window=1)
    sending.queue("first", "second")
    sending.after(LEASE_SECONDS + 2 * BEAT_SECONDS, step=0.5)
    session.answer()
    assert len(session.submitted) == 2
    assert run(sending.dispatcher._any_up())
