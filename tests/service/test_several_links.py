"""Several links: shares by weight, what is down, paused or throttled is passed over, links come and go."""

from collections.abc import Iterator, Sequence

import pytest
from sending import NOON, A, Sending

from sms.dispatcher import LinkTerms
from sms.inbound import Inbound, SmsLinkHandler
from sms.outbox import pause_link
from sms.smpp.constants import CommandStatus, EsmClass, MessageState
from sms.smpp.pdu import DeliverSm, Pdu
from sms.smpp.receipt import Receipt, format_receipt_text
from sms.smpp.session import SessionState

WEIGHTS = {"one": 5, "two": 3, "three": 2}


class World(Sending):
    """Three links of different weight."""

    def __init__(self, rates: Sequence[float | None] = (None, None, None)) -> None:
        super().__init__(
            links=[
                LinkTerms(name=name, weight=weight, rate_per_s=rate)
                for (name, weight), rate in zip(WEIGHTS.items(), rates, strict=True)
            ]
        )
        self.start()
        self.sessions = {name: self.bind(name) for name in WEIGHTS}

    def sent(self) -> dict[str, int]:
        return {name: len(session.submitted) for name, session in self.sessions.items()}


def given_world(*rates: float | None) -> World:
    return World(rates or (None, None, None))


@pytest.fixture
def world() -> Iterator[World]:
    one = given_world()
    yield one
    finish(one)


def finish(world: World) -> None:
    stopped = world.stop(drain_s=0)
    world.after(2)
    assert stopped.called


def test_messages_one_by_one_are_shared_by_weight(world: World) -> None:
    for at in range(50):
        world.queue(f"m{at}")
        for session in world.sessions.values():
            session.answer_all()
    assert world.sent() == {"one": 25, "two": 15, "three": 10}


def test_of_three_links_one_dies_one_throttles_and_every_message_is_sent_once(world: World) -> None:
    for at in range(100):
        world.queue(*(f"m{at}-{number}" for number in range(2)))
        if at == 30:
            world.drop(world.sessions["one"], "one")
        if at >= 40 and world.sessions["two"].waiting:
            world.sessions["two"].answer(CommandStatus.ESME_RTHROTTLED)
        for name in ("one", "two", "three"):
            world.sessions[name].answer_all()
        world.after(0.05)
    before_death = world.sent()["one"]
    for _ in range(40):
        for session in world.sessions.values():
            session.answer_all()
        world.after(0.25)
    assert world.sent()["one"] == before_death
    assert world.sent()["three"] > world.sent()["two"]
    states = world.states()
    assert set(states.values()) <= {"accepted", "unknown"}
    assert list(states.values()).count("accepted") >= 195
    texts = [pdu.short_message for session in world.sessions.values() for pdu in session.submitted]
    throttled = world.counters.throttled["two"]
    assert throttled > 0
    assert len(texts) == len(set(texts)) + throttled


def test_each_link_keeps_its_own_rate() -> None:
    world = given_world(5.0, 20.0, None)
    world.sessions["three"].window = 0
    world.queue(*(f"m{at}" for at in range(200)))
    for _ in range(500):
        world.after(0.01, step=0.005)
        for session in world.sessions.values():
            session.answer_all()
    sent = world.sent()
    assert 20 <= sent["one"] <= 30
    assert 90 <= sent["two"] <= 110
    assert sent["three"] == 0
    finish(world)


def test_what_a_dead_link_left_unanswered_is_in_doubt_and_what_waited_goes_over_another(world: World) -> None:
    world.sessions["two"].window = world.sessions["three"].window = 0
    world.queue(*(f"m{at}" for at in range(15)))
    assert world.sent()["one"] == 10
    world.sessions["two"].window = 10
    world.drop(world.sessions["one"], "one")
    world.after(0.1)
    assert world.sent()["two"] == 5
    states = list(world.states().values())
    assert (states.count("unknown"), states.count("written")) == (10, 5)


def test_a_link_that_comes_is_sent_on_and_one_that_goes_gives_back(world: World) -> None:
    world.dispatcher.add_link(LinkTerms(name="four", weight=100))
    four = world.bind("four")
    world.queue("m1")
    assert len(four.submitted) == 1
    four.window = 1
    world.queue("m2", "m3", "m4")
    world.dispatcher.retire_link("four")
    four.answer_all()
    world.queue("m5")
    for session in world.sessions.values():
        session.answer_all()
    assert len(four.submitted) == 1
    assert set(world.states().values()) == {"accepted"}


def test_a_link_that_comes_back_under_its_name_is_another_line(world: World) -> None:
    session = world.sessions["one"]
    world.queue("m1")
    world.dispatcher.retire_link("one")
    world.dispatcher.add_link(LinkTerms(name="one", weight=1))
    again = world.bind("one")
    session.answer_all()
    world.drop(session, "one")
    assert world.dispatcher.lines["one"].is_up
    for at in range(24):
        world.queue(f"n{at}")
        for other in (again, world.sessions["two"], world.sessions["three"]):
            other.answer_all()
    assert len(again.submitted) in (3, 4)
    assert world.states()["m1"] == "accepted"


def test_a_paused_link_that_is_configured_anew_stays_paused(world: World) -> None:
    world.database.do(pause_link, "one", NOON)
    world.after(1.1)
    world.dispatcher.retire_link("one")
    world.dispatcher.add_link(LinkTerms(name="one"))
    assert world.dispatcher.lines["one"].is_paused


class Receiving:
    """A receiver bound beside a transmitter."""

    state = SessionState.BOUND_RX
    window = 10
    window_free = 10

    def __init__(self) -> None:
        self.answers: list[int] = []

    def respond(self, _request: Pdu, response: Pdu) -> None:
        self.answers.append(response.command_status)


def test_receipts_of_a_transmitter_come_over_the_receiver_beside_it() -> None:
    sending = Sending(links=[LinkTerms(name="tx"), LinkTerms(name="rx")]).start()
    inbound = Inbound(
        sending.dispatcher.journal,
        transact=sending.database.transact,
        wall=sending.wall,
        counters=sending.counters,
        on_mo=lambda _connection, _mo: None,
        committed=lambda: None,
    )
    receiver, transmitter = Receiving(), sending.bind("tx")
    handler = SmsLinkHandler("rx", sending.dispatcher.lines, inbound)
    handler.bound(receiver)  # type: ignore[arg-type]
    sending.queue("m", msisdn=A)
    assert not sending.dispatcher.lines["rx"].is_up
    transmitter.answer()
    said = Receipt(message_id="id-1", state=MessageState.DELIVERED, submit_date=NOON, done_date=NOON)
    pdu = DeliverSm(
        source_addr=A, esm_class=EsmClass.TYPE_RECEIPT, short_message=format_receipt_text(said), sequence_number=1
    )
    handler.request_received(receiver, pdu)  # type: ignore[arg-type]
    assert (receiver.answers, sending.states()) == ([0], {"m": "delivered"})
    assert sending.counters.delivery["tx"].count == 1
    stopped = sending.stop(drain_s=0)
    sending.after(2)
    assert stopped.called
