"""The USSD service on a stopped clock: deadlines, admission, drain, duplicates, records (items 15-24, 34-37)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from ussd.application import TextKey, UssdReply, UssdRequest
from ussd.dialogue import Say
from ussd.menu import CODES, MENUS, Action, CodeTable
from ussd.records import Outcome, SessionRecord
from ussd.service import Delivery, UssdService
from ussd.settings import UssdSettings
from ussd.wire import Indication, Kind

A, B = "79160000001", "79160000002"
BEGAN = datetime(2025, 3, 3, 9, 0, tzinfo=UTC)


class FixedTexts:
    def text(self, key: TextKey, msisdn: str, *, latin: bool) -> str:  # noqa: ARG002 - the contract's
        return f"<{key.value}>"


class Backend:
    """An application whose answers are given by hand, or at once from `at_once`."""

    def __init__(self) -> None:
        self.requests: list[UssdRequest] = []
        self.at_once: dict[Action, UssdReply | Exception] = {
            Action.MENU: UssdReply(text="1 Cashback\n2 Join", menu=True),
            Action.JOIN: UssdReply(text="Terms\n1 Accept", menu=True),
        }
        self.pending: list[Deferred[UssdReply]] = []
        self.stale_text: str | None = None
        self.by_sms: Deferred[str] | None = None
        self.deadlines: list[UssdRequest] = []

    async def answer(self, request: UssdRequest) -> UssdReply:
        self.requests.append(request)
        given = self.at_once.get(request.action)
        if isinstance(given, Exception):
            raise given
        if given is not None:
            return given
        waiting: Deferred[UssdReply] = Deferred()
        self.pending.append(waiting)
        return await waiting

    def stale(self, request: UssdRequest) -> UssdReply | None:  # noqa: ARG002 - the contract's
        return None if self.stale_text is None else UssdReply(text=self.stale_text)

    async def deadline_passed(self, request: UssdRequest) -> str:
        self.deadlines.append(request)
        return "by SMS" if self.by_sms is None else await self.by_sms

    def reply(self, text: str = "Sold", which: int = 0) -> None:
        self.pending.pop(which).callback(UssdReply(text=text))


@dataclass
class Door:
    """What one network showed; `delivery` may be a Deferred to keep a screen on its way."""

    shown: list[Say] = field(default_factory=list)
    delivery: Delivery | Deferred[Delivery] = Delivery.DELIVERED

    async def deliver(self, say: Say) -> Delivery:
        self.shown.append(say)
        return self.delivery if isinstance(self.delivery, Delivery) else await self.delivery

    @property
    def texts(self) -> list[str]:
        return [say.text for say in self.shown]


class Network:
    """The service under test with everything injected."""

    def __init__(self, **limits: Any) -> None:
        self.clock = Clock()
        self.backend = Backend()
        self.records: list[SessionRecord] = []
        self.ids = iter(range(1_000_000))
        self.door = Door()
        self.running: list[Deferred[None]] = []
        self.service = UssdService(
            self.backend,
            FixedTexts(),
            table=CodeTable(codes=CODES, menus=MENUS),
            settings=UssdSettings(**limits),
            clock=self.clock,
            now=lambda: BEGAN,
            new_id=lambda: f"s{next(self.ids)}",
            mask=lambda msisdn: f"m:{msisdn[-2:]}",
            records=self.records.append,
        )

    def send(
        self, kind: Kind, text: str, msisdn: str = A, *, door: Door | None = None, **fields: Any
    ) -> Deferred[None]:
        link = fields.pop("link", "link-1")
        indication = Indication(msisdn=msisdn, service_code="100", kind=kind, text=text, **fields)
        running = Deferred.fromCoroutine(self.service.handle(indication, (door or self.door).deliver, link=link))
        self.running.append(running)
        return running

    def dial(self, code: str = "*100#", msisdn: str = A, **fields: Any) -> Deferred[None]:
        return self.send(Kind.BEGIN, code, msisdn, **fields)

    def press(self, key: str, msisdn: str = A, **fields: Any) -> Deferred[None]:
        return self.send(Kind.ANSWER, key, msisdn, **fields)

    def abort(self, msisdn: str = A, **fields: Any) -> Deferred[None]:
        return self.send(Kind.ABORT, "", msisdn, **fields)

    @property
    def outcomes(self) -> list[Outcome]:
        return [record.outcome for record in self.records]

    def assert_nothing_is_left(self) -> None:
        assert self.service.sessions == 0
        assert self.clock.getDelayedCalls() == []
        assert all(running.called for running in self.running)


@pytest.fixture
def network() -> Network:
    return Network()


def test_item_11_one_shot_dial_is_answered_once_and_recorded(network: Network) -> None:
    network.dial()
    network.clock.advance(0.25)
    network.backend.reply("Баланс:123,45р")
    assert network.door.shown == [Say(text="Баланс:123,45р", end=True)]
    (record,) = network.records
    assert (record.code, record.msisdn, record.outcome) == ("*100#", "m:01", Outcome.ANSWERED)
    assert (record.latency_ms, record.octets, record.session_id) == (250, 28, "s0")
    network.assert_nothing_is_left()


def test_item_13_menu_waits_for_its_answer(network: Network) -> None:
    network.dial("*100*0#")
    network.press("1")
    network.backend.reply("Cashback 150")
    assert network.door.shown[-1] == Say(text="Cashback 150", end=True)
    assert network.outcomes == [Outcome.ANSWERED]
    network.assert_nothing_is_left()


def test_item_15_idle_session_is_freed_without_a_word(network: Network) -> None:
    network.dial("*100*0#")
    network.clock.advance(59.9)
    assert network.service.sessions == 1
    network.clock.advance(0.1)
    assert len(network.door.shown) == 1
    assert network.outcomes == [Outcome.IDLE]
    network.assert_nothing_is_left()


def test_session_lasts_no_longer_than_its_limit_however_busy() -> None:
    network = Network(dialogue_s_max=100.0)
    network.dial("*100*0#")
    network.clock.advance(55)
    network.press("2")
    network.clock.advance(44.9)
    assert network.service.sessions == 1
    network.clock.advance(0.1)
    assert network.outcomes == [Outcome.IDLE]


def test_answer_restarts_the_idle_time(network: Network) -> None:
    network.dial("*100*0#")
    network.clock.advance(50)
    network.press("2")
    network.clock.advance(50)
    assert network.service.sessions == 1
    network.abort()
    network.assert_nothing_is_left()


def test_idle_time_does_not_run_while_the_backend_is_asked(network: Network) -> None:
    network.dial("*100*0#")
    network.clock.advance(59.5)
    network.press("1")
    network.clock.advance(0.6)
    assert network.outcomes == []
    network.backend.reply()
    assert network.outcomes == [Outcome.ANSWERED]


def test_item_16_new_dial_replaces_the_old_session_and_its_reply_is_dropped_and_counted(network: Network) -> None:
    network.dial("*100#")
    network.dial("*100*1#")
    network.backend.reply("old")
    network.backend.reply("new")
    assert network.door.texts == ["new"]
    assert network.outcomes == [Outcome.REPLACED, Outcome.ANSWERED]
    assert (network.service.counts.replaced, network.service.counts.late_replies) == (1, 1)
    network.assert_nothing_is_left()


def test_item_16_same_code_under_a_new_session_number_replaces_too(network: Network) -> None:
    network.dial("*100#", session=1)
    network.dial("*100#", session=2)
    network.backend.reply("old")
    network.backend.reply("new")
    assert network.door.texts == ["new"]
    assert network.outcomes == [Outcome.REPLACED, Outcome.ANSWERED]


def test_item_16_new_dial_replaces_an_open_menu_and_stops_its_timer(network: Network) -> None:
    network.dial("*100*0#")
    network.dial("*100#")
    network.backend.reply()
    assert network.outcomes == [Outcome.REPLACED, Outcome.ANSWERED]
    network.assert_nothing_is_left()


def test_item_16_same_code_dialled_over_its_own_menu_without_session_numbers_begins_anew(network: Network) -> None:
    network.dial("*100*0#")
    network.dial("*100*0#")
    assert [say.repeated for say in network.door.shown] == [False, False]
    assert network.outcomes == [Outcome.REPLACED]
    network.abort()


def test_item_17_broken_session_resumes_where_it_was_within_the_window(network: Network) -> None:
    network.dial("*100*0#")
    network.press("2")
    network.service.link_lost("link-1")
    network.clock.advance(179)
    network.dial("*100*0#")
    assert network.door.texts[-1] == "Terms\n1 Accept\n0 <menu_back>"
    network.abort()


def test_item_17_resume_window_expires(network: Network) -> None:
    network.dial("*100*0#")
    network.press("2")
    network.clock.advance(60)
    assert network.outcomes == [Outcome.IDLE]
    network.clock.advance(180.1)
    network.dial("*100*0#")
    assert network.door.texts[-1] == "1 Cashback\n2 Join"
    network.abort()


def test_item_17_nothing_is_resumed_after_hanging_up_or_with_another_code(network: Network) -> None:
    network.dial("*100*0#")
    network.press("2")
    network.abort()
    network.dial("*100*0#")
    assert network.door.texts[-1] == "1 Cashback\n2 Join"
    network.press("2")
    network.clock.advance(60)
    network.dial("*100*2#")
    assert network.door.texts[-1] == "Terms\n1 Accept"
    network.abort()


def test_item_17_window_of_zero_resumes_nothing() -> None:
    network = Network(resume_s=0.0)
    network.dial("*100*0#")
    network.press("2")
    network.clock.advance(60)
    network.clock.advance(0.1)
    network.dial("*100*0#")
    assert network.door.texts[-1] == "1 Cashback\n2 Join"
    network.abort()


def test_item_19_slow_backend_gives_the_stale_balance_at_the_soft_deadline(network: Network) -> None:
    network.backend.stale_text = "Sold 100 as of 12:04"
    network.dial()
    network.clock.advance(0.79)
    assert network.door.shown == []
    network.clock.advance(0.01)
    assert network.door.shown == [Say(text="Sold 100 as of 12:04", end=True)]
    assert network.outcomes == [Outcome.STALE]
    assert network.service.late_answers == 0
    network.backend.reply("late")
    assert network.door.texts == ["Sold 100 as of 12:04"]
    assert network.service.late_answers == 1
    network.assert_nothing_is_left()


def test_item_19_hard_deadline_says_by_sms_once_that_is_stored(network: Network) -> None:
    network.backend.by_sms = Deferred()
    network.dial()
    network.clock.advance(1.0)
    network.clock.advance(0.89)
    assert network.backend.deadlines == []
    network.clock.advance(0.02)
    assert network.door.shown == []
    network.backend.by_sms.callback("by SMS")
    assert network.door.shown == [Say(text="by SMS", end=True)]
    assert network.outcomes == [Outcome.DEADLINE]
    network.backend.reply()
    network.assert_nothing_is_left()


def test_item_19_try_later_when_the_sms_cannot_be_stored(network: Network) -> None:
    network.backend.by_sms = Deferred()
    network.dial()
    network.clock.pump([0.8, 1.1, 0])
    network.backend.by_sms.errback(RuntimeError("disk"))
    assert network.door.shown == [Say(text="<try_later>", end=True)]
    assert network.outcomes == [Outcome.DEADLINE]
    network.backend.reply()
    network.assert_nothing_is_left()


def test_item_19_try_later_when_storing_the_sms_takes_too_long(network: Network) -> None:
    network.backend.by_sms = Deferred()
    network.dial()
    network.clock.pump([0.8, 1.1, 0.99])
    assert network.door.shown == []
    network.clock.advance(0.02)
    assert network.door.shown == [Say(text="<try_later>", end=True)]
    network.backend.reply()
    network.backend.by_sms.callback("by SMS")
    assert network.door.texts == ["<try_later>"]
    assert network.service.late_answers == 2
    network.assert_nothing_is_left()


def test_reply_between_the_deadlines_is_shown(network: Network) -> None:
    network.dial()
    network.clock.advance(1.8)
    network.backend.reply()
    assert network.door.texts == ["Sold"]
    assert network.outcomes == [Outcome.ANSWERED]
    network.assert_nothing_is_left()


def test_item_20_backend_that_raises_gets_a_text_and_the_breaker_opens_and_recovers() -> None:
    network = Network(breaker_failures_max=2)
    network.backend.at_once[Action.BALANCE] = RuntimeError("database gone")
    for _ in range(2):
        network.dial()
    assert network.service.breaker_open
    network.dial()
    assert network.door.texts == ["<try_later>"] * 3
    assert network.outcomes == [Outcome.UNAVAILABLE] * 3
    assert len(network.backend.requests) == 2
    network.backend.stale_text = "as of 12:04"
    network.dial()
    assert network.door.texts[-1] == "as of 12:04"
    network.backend.at_once[Action.BALANCE] = UssdReply(text="Sold")
    network.clock.advance(2.0)
    network.dial()
    network.dial()
    assert network.door.texts[-2:] == ["Sold", "Sold"]
    assert not network.service.breaker_open
    network.assert_nothing_is_left()


def test_item_20_silent_backend_opens_the_breaker_too() -> None:
    network = Network(breaker_failures_max=1)
    network.dial()
    network.clock.pump([0.8, 1.1])
    assert network.service.breaker_open
    network.dial(msisdn=B)
    assert network.door.texts == ["by SMS", "<try_later>"]
    network.backend.reply()
    network.assert_nothing_is_left()


def test_item_21_session_over_the_cap_gets_a_busy_text_at_once() -> None:
    network = Network(sessions_max=3)
    for number in range(3):
        network.dial(msisdn=f"7916000001{number}")
    assert network.door.shown == []
    network.dial(msisdn=B)
    assert network.door.shown == [Say(text="<try_later>", end=True)]
    assert network.outcomes == [Outcome.BUSY]
    assert (network.service.counts.refused, network.service.counts.begun) == (1, 4)
    assert len(network.backend.requests) == 3
    network.backend.reply()
    network.dial(msisdn=B)
    assert len(network.backend.requests) == 4
    for _ in range(3):
        network.backend.reply()
    network.assert_nothing_is_left()


def test_item_21_own_redial_is_no_session_more() -> None:
    network = Network(sessions_max=1)
    network.dial("*100*0#")
    network.dial("*100#")
    network.backend.reply()
    assert network.outcomes == [Outcome.REPLACED, Outcome.ANSWERED]


def test_item_21_calls_that_outlived_their_deadline_count_as_sessions() -> None:
    network = Network(sessions_max=2)
    network.dial()
    network.clock.pump([0.8, 1.1])
    network.dial(msisdn=B)
    network.dial(msisdn="79160000003")
    assert network.door.texts == ["by SMS", "<try_later>"]
    network.backend.reply()
    network.backend.reply()
    network.assert_nothing_is_left()


def test_item_21_call_that_came_back_late_makes_room_again() -> None:
    network = Network(sessions_max=1)
    network.dial()
    network.clock.pump([0.8, 1.1])
    network.backend.reply()
    network.dial(msisdn=B)
    network.backend.reply("room")
    assert network.door.texts == ["by SMS", "room"]
    network.assert_nothing_is_left()


def test_item_21_screens_on_their_way_count_as_sessions_and_refusals_are_bounded_too() -> None:
    network = Network(sessions_max=1)
    on_its_way: Deferred[Delivery] = Deferred()
    network.door.delivery = on_its_way
    network.dial()
    network.backend.reply()
    assert network.service.sessions == 1
    network.dial(msisdn=B)
    network.dial(msisdn="79160000003")
    assert network.door.texts == ["Sold", "<try_later>"]
    assert network.service.counts.unanswered == 1
    on_its_way.callback(Delivery.DELIVERED)
    assert network.outcomes == [Outcome.BUSY, Outcome.ANSWERED, Outcome.BUSY]
    network.assert_nothing_is_left()


def test_item_22_drain_refuses_new_sessions_and_open_ones_finish(network: Network) -> None:
    network.dial()
    stopped = Deferred.fromCoroutine(network.service.stop(limit_s=8))
    network.dial(msisdn=B)
    assert network.door.texts == ["<try_later>"]
    assert not stopped.called
    network.backend.reply()
    assert network.door.texts == ["<try_later>", "Sold"]
    assert stopped.called
    assert network.outcomes == [Outcome.STOPPED, Outcome.ANSWERED]
    network.assert_nothing_is_left()


def test_item_22_drain_has_a_limit(network: Network) -> None:
    network.dial("*100*0#")
    stopped = Deferred.fromCoroutine(network.service.stop(limit_s=8))
    network.clock.advance(7.9)
    assert not stopped.called
    network.clock.advance(0.1)
    assert stopped.called
    assert network.outcomes == [Outcome.STOPPED]
    network.assert_nothing_is_left()


def test_item_22_drain_waits_for_screens_on_their_way(network: Network) -> None:
    on_its_way: Deferred[Delivery] = Deferred()
    network.door.delivery = on_its_way
    network.dial()
    network.backend.reply()
    stopped = Deferred.fromCoroutine(network.service.stop(limit_s=8))
    assert not stopped.called
    on_its_way.callback(Delivery.DELIVERED)
    assert stopped.called
    network.assert_nothing_is_left()


def test_stop_cancels_calls_that_nobody_waits_for(network: Network) -> None:
    network.dial()
    network.clock.pump([0.8, 1.1])
    stopped = Deferred.fromCoroutine(network.service.stop(limit_s=8))
    assert stopped.called
    network.assert_nothing_is_left()


def test_stop_at_its_limit_cancels_calls_that_are_waited_for() -> None:
    network = Network()
    network.dial()
    stopped = Deferred.fromCoroutine(network.service.stop(limit_s=0.5))
    network.clock.advance(0.5)
    assert stopped.called
    assert network.outcomes == [Outcome.STOPPED]
    assert network.door.shown == []
    network.assert_nothing_is_left()


def test_stopping_an_idle_service_is_immediate(network: Network) -> None:
    assert Deferred.fromCoroutine(network.service.stop(limit_s=8)).called


def test_item_23_ten_thousand_aborts_leave_nothing(network: Network) -> None:
    for number in range(10_000):
        msisdn = str(79160000000 + number)
        network.dial("*100*0#" if number % 2 else "*100#", msisdn, session=number % 256)
        network.abort(msisdn, session=number % 256)
    for _ in range(5_000):
        network.backend.reply()
    assert network.outcomes == [Outcome.ABORTED] * 10_000
    assert network.service.counts.late_replies == 5_000
    assert len(network.door.shown) == 5_000  # the menus
    network.assert_nothing_is_left()


def test_item_29_abort_frees_the_session_and_nothing_is_sent_after_it(network: Network) -> None:
    network.dial()
    network.abort()
    network.backend.reply()
    assert network.door.shown == []
    assert network.outcomes == [Outcome.ABORTED]
    network.abort()
    assert network.outcomes == [Outcome.ABORTED]
    network.assert_nothing_is_left()


def test_abort_of_another_session_number_frees_nothing(network: Network) -> None:
    network.dial("*100*0#", session=1)
    network.abort(session=2)
    assert network.service.sessions == 1
    network.abort(session=1)
    network.assert_nothing_is_left()


def test_item_33_network_without_session_numbers_is_keyed_by_msisdn(network: Network) -> None:
    network.dial("*100*0#")
    network.press("2")
    assert network.door.texts[-1].startswith("Terms")
    network.abort()
    network.assert_nothing_is_left()


def test_item_34_interleaved_sessions_of_a_thousand_subscribers_are_not_mixed(network: Network) -> None:
    doors = {str(79160000000 + number): Door() for number in range(1000)}
    for msisdn, door in doors.items():
        network.dial("*100*0#", msisdn, session=7, door=door)
    for msisdn, door in reversed(doors.items()):
        network.press("1", msisdn, session=7, door=door)
    for request, waiting in zip(network.backend.requests[1000:], list(network.backend.pending), strict=True):
        waiting.callback(UssdReply(text=f"Sold of {request.msisdn}"))
    for msisdn, door in doors.items():
        assert door.texts == ["1 Cashback\n2 Join", f"Sold of {msisdn}"]
    assert len(network.records) == 1000
    network.assert_nothing_is_left()


@pytest.mark.parametrize(
    ("delivery", "outcome"),
    [
        (Delivery.REFUSED, Outcome.FAILED),
        (Delivery.THROTTLED, Outcome.BUSY),
        (Delivery.LINK_LOST, Outcome.LINK_LOST),
    ],
)
def test_item_35_screen_that_was_not_delivered_is_recorded_so(
    network: Network, delivery: Delivery, outcome: Outcome
) -> None:
    network.door.delivery = delivery
    network.dial()
    network.backend.reply()
    network.dial("*100*0#")
    assert network.outcomes == [outcome, outcome]
    assert len(network.door.shown) == 2
    network.assert_nothing_is_left()


def test_item_35_answer_that_overtakes_the_delivery_report_counts(network: Network) -> None:
    on_its_way: Deferred[Delivery] = Deferred()
    slow = Door(delivery=on_its_way)
    network.dial("*100*0#", door=slow)
    network.press("1")
    on_its_way.callback(Delivery.REFUSED)
    network.backend.reply()
    assert network.door.texts == ["Sold"]
    assert network.outcomes == [Outcome.ANSWERED]
    network.assert_nothing_is_left()


def test_item_36_lost_link_ends_its_sessions_and_no_others(network: Network) -> None:
    network.dial("*100*0#", link="link-1")
    network.dial("*100*0#", B, link="link-2")
    network.service.link_lost("link-1")
    assert network.outcomes == [Outcome.LINK_LOST]
    assert network.service.sessions == 1
    network.abort(B)
    network.assert_nothing_is_left()


@pytest.mark.parametrize("session", [5, None, "ATUid_1"])
def test_item_37_repeated_begin_gets_one_answer_of_one_reading(network: Network, session: int | str | None) -> None:
    on_its_way: Deferred[Delivery] = Deferred()
    network.dial(session=session, door=Door(delivery=on_its_way))
    network.dial(session=session)
    network.backend.reply()
    network.dial(session=session)
    assert network.door.shown == [Say(text="Sold", end=True, repeated=True)] * 2
    on_its_way.callback(Delivery.DELIVERED)
    assert len(network.backend.requests) == 1
    assert network.outcomes == [Outcome.ANSWERED]
    assert network.service.counts.duplicates == 2
    network.assert_nothing_is_left()


def test_item_37_repetitions_that_wait_are_bounded(network: Network) -> None:
    for _ in range(20):
        network.dial(session=5)
    network.backend.reply()
    assert [say.repeated for say in network.door.shown].count(True) == 8
    assert len(network.backend.requests) == 1
    network.assert_nothing_is_left()


def test_item_37_repeated_begin_of_a_menu_on_its_way_asks_nothing(network: Network) -> None:
    on_its_way: Deferred[Delivery] = Deferred()
    network.dial("*100*0#", session=5, door=Door(delivery=on_its_way))
    network.dial("*100*0#", session=5)
    assert network.door.shown == [Say(text="1 Cashback\n2 Join", end=False, repeated=True)]
    on_its_way.callback(Delivery.DELIVERED)
    assert len(network.backend.requests) == 1
    network.abort()


def test_item_37_session_number_that_came_round_is_a_new_session(network: Network) -> None:
    for _ in range(3):
        network.dial(session=5)
        network.backend.reply()
    assert network.door.shown == [Say(text="Sold", end=True)] * 3
    assert network.outcomes == [Outcome.ANSWERED] * 3
    network.dial("*100*0#", session=5)
    network.dial("*100*0#", session=5)
    assert network.outcomes == [Outcome.ANSWERED] * 3 + [Outcome.REPLACED]
    network.abort()


def test_item_43_session_name_of_an_aggregator_gets_the_same_answer_for_a_while(network: Network) -> None:
    network.dial(session="ATUid_1")
    network.backend.reply()
    network.clock.advance(2.0)
    network.dial(session="ATUid_1")
    assert network.door.shown == [Say(text="Sold", end=True), Say(text="Sold", end=True, repeated=True)]
    network.clock.advance(0.1)
    network.dial(session="ATUid_1")
    network.backend.reply()
    assert len(network.backend.requests) == 2


def test_item_37_same_session_number_with_another_code_is_a_new_session(network: Network) -> None:
    network.dial("*100#", session=5)
    network.backend.reply()
    network.dial("*100*1#", session=5)
    network.backend.reply()
    assert network.outcomes == [Outcome.ANSWERED, Outcome.ANSWERED]


def test_item_37_same_session_number_after_an_answer_is_a_new_session(network: Network) -> None:
    network.dial("*100*0#", session=5)
    network.press("1", session=5)
    network.dial("*100*0#", session=5)
    assert network.outcomes == [Outcome.REPLACED]
    assert network.door.texts[-1] == "1 Cashback\n2 Join"
    network.backend.reply()
    network.abort()


def test_item_37_repeated_begin_that_is_replaced_meanwhile_gets_nothing(network: Network) -> None:
    twice = Door()
    network.dial(session=5)
    repeated = network.dial(session=5, door=twice)
    network.abort(session=5)
    assert repeated.called
    assert twice.shown == []
    network.backend.reply()
    network.assert_nothing_is_left()


def test_item_37_repeated_menu_step_asks_nothing_twice(network: Network) -> None:
    network.dial("*100*0#", session=5, step=0)
    network.press("2", session=5, step=1)
    network.press("2", session=5, step=1)
    assert [request.action for request in network.backend.requests] == [Action.MENU, Action.JOIN]
    assert network.door.shown[-1].repeated
    network.press("1", session=5, step=2)
    assert network.backend.requests[-1].action is Action.JOIN_ACCEPT
    network.backend.reply("Joined")
    assert network.outcomes == [Outcome.ANSWERED]


def test_network_that_does_not_count_steps_may_answer_the_same_twice(network: Network) -> None:
    network.backend.at_once[Action.MOVEMENTS] = UssdReply(text="line\n" * 120)
    network.dial("*100*4#", session=5, step=0)
    network.press("98", session=5, step=0)
    network.press("98", session=5, step=0)
    assert len(network.door.shown) == 3
    assert not any(say.repeated for say in network.door.shown)
    assert network.service.counts.duplicates == 0
    network.abort()


def test_answer_to_a_session_that_is_over_gets_a_text(network: Network) -> None:
    network.press("1")
    assert network.door.shown == [Say(text="<try_later>", end=True)]
    assert network.records == []
    assert network.service.counts.orphans == 1


def test_answer_of_another_session_number_does_not_touch_the_open_one(network: Network) -> None:
    network.dial("*100*0#", session=1)
    network.press("2", session=9)
    assert network.door.texts[-1] == "<try_later>"
    network.press("2", session=1)
    assert network.door.texts[-1].startswith("Terms")
    network.abort()


def test_item_39_answer_that_looks_dialled_begins_where_no_session_is_open(network: Network) -> None:
    network.press("*100#")
    network.backend.reply()
    assert network.door.texts == ["Sold"]
    assert network.outcomes == [Outcome.ANSWERED]


def test_impatient_answer_is_ignored_and_counted(network: Network) -> None:
    network.dial("*100*1#")
    network.press("1")
    network.backend.reply()
    assert network.door.texts == ["Sold"]
    assert network.service.counts.early_answers == 1
    network.assert_nothing_is_left()


@pytest.mark.parametrize("dialled", ["", "*100*1", "x" * 300, "*100*77#"])
def test_item_12_garbage_gets_the_text_of_no_such_code(network: Network, dialled: str) -> None:
    network.backend.at_once[Action.NO_SUCH_CODE] = UssdReply(text="No such code. Balance *100#")
    network.dial(dialled)
    assert network.door.shown == [Say(text="No such code. Balance *100#", end=True)]
    assert network.outcomes == [Outcome.NO_SUCH_CODE]


def test_door_that_raises_costs_its_session_and_its_record_says_so(network: Network) -> None:
    async def broken(say: Say) -> Delivery:
        raise RuntimeError(say.text)

    indication = Indication(msisdn=A, service_code="100", kind=Kind.BEGIN, text="*100*0#")
    for _ in range(2):
        Deferred.fromCoroutine(network.service.handle(indication, broken)).addErrback(
            lambda failure: failure.trap(RuntimeError)
        )
    assert network.outcomes == [Outcome.FAILED, Outcome.FAILED]
    network.assert_nothing_is_left()


def test_item_24_every_session_that_began_has_one_record() -> None:
    network = Network(sessions_max=4)
    steps: list[Callable[[], object]] = [
        network.dial,
        lambda: network.dial("*100*0#", B),
        lambda: network.press("7", B),
        lambda: network.dial("*100*77#", "79160000003"),
        lambda: network.dial("*100#", "79160000004"),
        lambda: network.dial("*100#", "79160000005"),
        lambda: network.abort("79160000004"),
        lambda: network.service.link_lost("link-1"),
        network.dial,
        lambda: network.clock.pump([0.8, 1.1, 1.0]),
    ]
    for step in steps:
        step()
    while network.backend.pending:
        network.backend.reply()
    assert len(network.records) == network.service.counts.begun == 6
    network.assert_nothing_is_left()
