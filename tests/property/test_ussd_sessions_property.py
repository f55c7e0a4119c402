"""Item 18: exactly one final answer per session, whatever order things happen in; one record per session."""

from collections import Counter
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from ussd.application import TextKey, UssdReply, UssdRequest
from ussd.dialogue import (
    Answered,
    Ask,
    Begun,
    Closed,
    Dialogue,
    Event,
    Phase,
    Refused,
    Repeated,
    Replied,
    Say,
    Scene,
    advance,
)
from ussd.menu import CODES, MENUS, Action, CodeTable, Dialled
from ussd.records import Outcome, SessionRecord
from ussd.service import Delivery, UssdService
from ussd.settings import UssdSettings
from ussd.wire import Indication, Kind, UssdLimits

TABLE = CodeTable(codes=CODES, menus=MENUS)
BEGAN = datetime(2025, 3, 3, tzinfo=UTC)
SAID_THE_END = {
    Outcome.ANSWERED,
    Outcome.STALE,
    Outcome.DEADLINE,
    Outcome.NO_SUCH_CODE,
    Outcome.WRONG_CHOICES,
    Outcome.BUSY,
    Outcome.UNAVAILABLE,
}

codes = st.sampled_from([*CODES, "*100*2*1#", "*100*0*9*1#", "*100*77#", ""])
keys = st.sampled_from(["1", "2", "3", "9", "0", "00", "98", "7", ""])
msisdns = st.sampled_from(["79160000001", "79160000002", "79160000003"])
sessions = st.none() | st.integers(0, 2)
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("dial"), msisdns, sessions, codes),
        st.tuples(st.just("press"), msisdns, sessions, keys),
        st.tuples(st.just("abort"), msisdns, sessions, st.just("")),
        st.tuples(st.just("reply"), st.integers(0, 5), st.sampled_from(["short", "menu", "long", "raise"])),
        st.tuples(st.just("wait"), st.sampled_from([0.1, 0.8, 1.1, 3.0, 61.0])),
        st.tuples(st.just("delivered"), st.integers(0, 5)),
        st.tuples(st.just("link lost")),
    ),
    max_size=40,
)


class Texts:
    def text(self, key: TextKey, msisdn: str, *, latin: bool) -> str:  # noqa: ARG002 - the contract's
        return key.value


class World:
    """One service whose every wait is decided by the test."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.pending: list[tuple[UssdRequest, Deferred[UssdReply]]] = []
        self.on_their_way: list[Deferred[Delivery]] = []
        self.shown: list[Say] = []
        self.records: list[SessionRecord] = []
        self.running: list[Deferred[None]] = []
        self.asked: Counter[str] = Counter()
        ids = iter(range(10_000))
        self.service = UssdService(
            self,
            Texts(),
            table=TABLE,
            settings=UssdSettings(sessions_max=3, breaker_failures_max=3),
            clock=self.clock,
            now=lambda: BEGAN,
            new_id=lambda: f"s{next(ids)}",
            mask=str,
            records=self.records.append,
        )

    async def answer(self, request: UssdRequest) -> UssdReply:
        self.asked[request.request_id] += 1
        waiting: Deferred[UssdReply] = Deferred()
        self.pending.append((request, waiting))
        return await waiting

    def stale(self, request: UssdRequest) -> UssdReply | None:
        return UssdReply(text=f"{request.request_id}.") if request.action is Action.BALANCE else None

    async def deadline_passed(self, request: UssdRequest) -> str:
        return f"{request.request_id}."

    async def deliver(self, say: Say) -> Delivery:
        self.shown.append(say)
        waiting: Deferred[Delivery] = Deferred()
        self.on_their_way.append(waiting)
        return await waiting

    def send(self, kind: Kind, msisdn: str, session: int | None, text: str) -> None:
        indication = Indication(msisdn=msisdn, service_code="100", kind=kind, text=text, session=session)
        self.running.append(Deferred.fromCoroutine(self.service.handle(indication, self.deliver, link="link")))

    def reply(self, which: int, how: str) -> None:
        if which < len(self.pending):
            request, waiting = self.pending.pop(which)
            text = f"{request.request_id}." + ("word " * 90 if how == "long" else "")
            if how == "raise":
                waiting.errback(RuntimeError("backend"))
            else:
                waiting.callback(UssdReply(text=text, menu=how == "menu"))

    def delivered(self, which: int) -> None:
        if which < len(self.on_their_way):
            self.on_their_way.pop(which).callback(Delivery.DELIVERED)

    def happen(self, what: str, *how: object) -> None:
        match what, how:
            case "dial", (str(msisdn), int() | None as session, str(code)):
                self.send(Kind.BEGIN, msisdn, session, code)
            case "press", (str(msisdn), int() | None as session, str(key)):
                self.send(Kind.ANSWER, msisdn, session, key)
            case "abort", (str(msisdn), int() | None as session, str(text)):
                self.send(Kind.ABORT, msisdn, session, text)
            case "reply", (int(which), str(form)):
                self.reply(which, form)
            case "wait", (float(seconds),):
                self.clock.advance(seconds)
            case "delivered", (int(which),):
                self.delivered(which)
            case _:
                self.service.link_lost("link")

    def settle(self) -> None:
        """Let every wait come to its end."""
        while self.pending or self.on_their_way or self.service.sessions:
            while self.pending:
                self.reply(0, "short")
            while self.on_their_way:
                self.delivered(0)
            self.clock.advance(61.0)


@given(happenings)
@settings(max_examples=150, deadline=None)
def test_item_18_every_session_has_one_record_and_at_most_one_final_answer(script: list[tuple[str, object]]) -> None:
    world = World()
    for what, *how in script:
        world.happen(what, *how)
        assert world.service.sessions <= 3 + len(world.on_their_way)
    world.settle()
    ends = [say for say in world.shown if say.end and not say.repeated]
    counts = world.service.counts
    assert len(world.records) == counts.begun
    assert len({record.session_id for record in world.records}) == counts.begun
    finals = sum(record.outcome in SAID_THE_END for record in world.records)
    assert len(ends) == finals + counts.orphans - counts.unanswered
    of_session = Counter(say.text.split("-")[0] for say in ends if say.text.startswith("s"))
    assert not of_session or max(of_session.values()) == 1
    assert not world.asked or max(world.asked.values()) == 1
    assert world.clock.getDelayedCalls() == []
    assert all(running.called for running in world.running)


events = st.one_of(
    st.builds(Begun),
    st.builds(Refused),
    st.builds(Answered, text=keys),
    st.builds(
        Replied,
        reply=st.builds(UssdReply, text=st.sampled_from(["short", "word " * 90, "x" * 9000]), menu=st.booleans()),
        outcome=st.sampled_from([Outcome.ANSWERED, Outcome.STALE]),
    ),
    st.builds(Repeated),
    st.builds(Closed, outcome=st.sampled_from([Outcome.IDLE, Outcome.ABORTED])),
)


@given(codes, st.lists(events, max_size=30))
@settings(deadline=None)
def test_item_18_dialogue_says_one_final_text_and_nothing_new_after_its_end(
    dialled: str, script: list[Event]
) -> None:
    scene = Scene(table=TABLE, texts=Texts(), limits=UssdLimits())
    state = Dialogue(dialogue_id="d", msisdn="1", dialled=dialled, began_at=BEGAN, started=0.0)
    over = False
    for now, event in enumerate(script):
        was_ended = state.phase is Phase.ENDED
        state, effect = advance(state, event, float(now), scene)
        if isinstance(effect, Say) and not effect.repeated:
            assert not over
            assert UssdLimits().fits(effect.text)
            over = effect.end
        if was_ended:
            assert state.phase is Phase.ENDED
            assert not isinstance(effect, Ask)
        if isinstance(effect, Ask):
            assert len(state.choices) == len(state.stack) - 1
        assert (state.phase is Phase.ENDED) == (state.outcome is not None)


@given(st.text(max_size=40) | st.text("0123456789*#", max_size=40))
def test_any_dialled_text_is_read(text: str) -> None:
    read = TABLE.read(text)
    assert isinstance(read, Dialled)
    assert (read.code == "") == (read.stack == (Action.NO_SUCH_CODE,))
    assert len(read.choices) == len(read.stack) - 1
