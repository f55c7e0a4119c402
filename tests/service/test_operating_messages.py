"""The operator's hand on outbox and links: browsing, dead letters again, pauses, a message's life in words."""

from collections.abc import Coroutine, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sending import NOON, A, Sending
from twisted.internet.defer import Deferred

from gateway.message_desk import MessageDesk
from sms.dispatcher import LinkTerms
from sms.errors import OutcomeUnknown
from sms.outbox import (
    ClassPolicy,
    OutboxState,
    Wanted,
    browse,
    erase,
    find_message,
    pause_link,
    paused_links,
    pauses,
    resume_link,
    retry_dead_of,
    timeline,
)
from sms.smpp.constants import CommandStatus

S = CommandStatus


@pytest.fixture
def sending() -> Iterator[Sending]:
    one = Sending()
    yield one
    stopped = one.stop(drain_s=0)
    one.after(2)
    assert stopped.called


def found(sending: Sending, **wanted: object) -> list[str]:
    page = sending.database.do(browse, Wanted(**wanted), sending.business)  # type: ignore[arg-type]
    return [one.message_id for one in page.messages]


def given_dead(sending: Sending, *message_ids: str, kind: str = "accrued") -> None:
    session = sending.bind()
    sending.queue(*message_ids, kind=kind)
    session.answer_all(S.ESME_RINVDSTADR)
    sending.drop(session)


def test_messages_are_found_by_state_kind_and_subscriber_newest_first(sending: Sending) -> None:
    given_dead(sending.start(), "d1", "d2")
    sending.queue("q1")
    sending.queue("late", not_before=NOON + timedelta(hours=3))
    sending.queue("bill", kind="bill", subscription_id=2)
    assert found(sending) == ["bill", "late", "q1", "d2", "d1"]
    assert found(sending, state=OutboxState.DEAD) == ["d2", "d1"]
    assert found(sending, state=OutboxState.HELD) == ["late"]
    assert found(sending, state=OutboxState.QUEUED) == ["bill", "q1"]
    assert found(sending, kind="bill") == ["bill"]
    assert found(sending, subscription_id=2) == ["bill"]


def test_pages_follow_each_other_and_looking_far_back_is_done_in_pieces(
    sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sms.outbox.browsing.LOOKED_THROUGH_MAX", 2)
    sending.start()
    sending.queue("m1", kind="bill")
    sending.queue("m2", "m3", "m4", "m5")
    seen: list[list[str]] = []
    before: int | None = None
    while True:
        page = sending.database.do(browse, Wanted(kind="bill", before=before, limit=3), sending.business)
        seen.append([one.message_id for one in page.messages])
        before = page.before
        if before is None:
            break
    assert seen == [[], [], ["m1"]]


def test_dead_letters_of_one_kind_go_again_and_erased_ones_never(sending: Sending) -> None:
    given_dead(sending.start(), "a1", "a2", "a3")
    given_dead(sending, "b1", kind="bill")
    sending.queue("gone", subscription_id=9)
    given_dead(sending, "lost-before-erasure", kind="accrued")
    done = sending.database.do(lambda one: retry_dead_of(one, kind="bill", before=None, limit=10))
    assert (done.retried, done.before) == (1, None)
    first = sending.database.do(lambda one: retry_dead_of(one, kind=None, before=None, limit=2))
    assert first.retried == 2
    sending.database.do(erase, 1, [])
    rest = sending.database.do(lambda one: retry_dead_of(one, kind=None, before=first.before, limit=10))
    assert rest.retried == 0


@pytest.mark.parametrize("all_of_them", [True, False])
def test_a_dead_letter_of_unknown_outcome_that_goes_again_counts_as_a_possible_second_copy(
    sending: Sending, *, all_of_them: bool
) -> None:
    given_dead(sending.start(), "refused")
    session = sending.bind()
    sending.queue("unanswered")
    for _ in range(2):
        sending.after(ClassPolicy().unknown_grace_s + 5)
        session.fail_all(OutcomeUnknown("no answer"))
    sending.after(ClassPolicy().unknown_grace_s + 5)
    assert (sending.view("unanswered").reason, sending.counters.possible_duplicates) == ("OUTCOME_UNKNOWN", 1)
    desk = MessageDesk(
        sending.database,  # type: ignore[arg-type]
        now=lambda: sending.business,
        queued=sending.dispatcher.poke,
        counters=sending.counters,
    )
    if all_of_them:
        settled(desk.retry_all(None, None, 10))
    else:
        settled(desk.retry("refused"))
        settled(desk.retry("unanswered"))
    assert sending.counters.possible_duplicates == 2
    session.answer_all()
    assert sending.states() == {"refused": "accepted", "unanswered": "accepted"}


def settled(work: Coroutine[Any, Any, object]) -> None:
    done = Deferred.fromCoroutine(work)
    assert done.called


def test_a_paused_link_sends_nothing_and_the_other_takes_over() -> None:
    sending = Sending(links=(LinkTerms(name="one"), LinkTerms(name="two"))).start()
    one, two = sending.bind("one"), sending.bind("two")
    sending.database.do(pause_link, "one", sending.wall())
    sending.after(1.1)
    sending.queue("m1", "m2", "m3")
    assert (len(one.submitted), len(two.submitted)) == (0, 3)
    sending.database.do(resume_link, "one")
    sending.after(1.1)
    sending.queue("m4", "m5")
    assert len(one.submitted) == 1
    stopped = sending.stop(drain_s=0)
    sending.after(2)
    assert stopped.called


def test_a_pause_outlives_the_process(sending: Sending) -> None:
    sending.database.do(pause_link, "sms", NOON)
    sending.database.do(pause_link, "sms", NOON + timedelta(hours=1))
    session = sending.start().bind()
    sending.queue("m")
    assert session.submitted == []
    assert sending.database.do(pauses) == [("sms", NOON)]
    sending.database.do(resume_link, "sms")
    sending.after(1.1)
    assert sending.database.do(paused_links) == frozenset()
    assert len(session.submitted) == 1


def test_the_timeline_names_every_instant_and_says_why_in_words(sending: Sending) -> None:
    session = sending.start().bind()
    sending.queue("m", msisdn=A, not_before=NOON + timedelta(hours=1), time_zone="Europe/Moscow")
    sending.business = NOON + timedelta(hours=2)
    sending.after(1.1)
    session.answer(S.ESME_RSYSERR)
    view = sending.database.do(find_message, "m", sending.business)
    told = [(one.what, one.detail) for one in timeline(view)]
    assert told == [
        ("queued", "kind accrued"),
        ("held_until", "quiet hours in Europe/Moscow"),
        ("claimed", f"attempt 1 over sms, session {view.attempts[0].session}"),
        ("attempt", "sms: submit_sm #1"),
        ("answer", "sms: ESME_RSYSERR"),
        ("held", "until its next attempt"),
    ]
    assert timeline(view)[0].at == NOON
    assert timeline(view)[-1].at == view.waits_until
    sending.after(6)
    session.answer(S.ESME_RINVDSTADR)
    dead = timeline(sending.database.do(find_message, "m", sending.business))
    assert [one.what for one in dead][-4:] == ["claimed", "attempt", "answer", "dead"]
    assert dead[-1].detail == "the SMSC refused it for good: ESME_RINVDSTADR"
