"""The dialogue: one transition table, menus, navigation, repeats (items 11-14, 18, 24)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import get_args

import pytest

from ussd.application import TextKey, UssdReply
from ussd.dialogue import (
    TRAIL_MAX,
    TRANSITIONS,
    WRONG_REPEATS_MAX,
    Answered,
    Ask,
    Begun,
    Closed,
    Dialogue,
    Drop,
    Effect,
    Event,
    Phase,
    Place,
    Refused,
    Repeated,
    Replied,
    Say,
    Scene,
    advance,
)
from ussd.menu import CODES, MENUS, Action, CodeTable
from ussd.records import Outcome
from ussd.wire import UssdLimits

A = "79160000001"
BEGAN = datetime(2025, 3, 3, 9, 0, tzinfo=UTC)


class Fixed:
    """Fixed texts that name their key."""

    labels: Mapping[TextKey, str] = {TextKey.MORE: "More", TextKey.BACK: "Back", TextKey.HOME: "Home"}

    def text(self, key: TextKey, msisdn: str, *, latin: bool) -> str:
        assert msisdn == A
        return self.labels.get(key, f"<{key.value}{' latin' if latin else ''}>")


SCENE = Scene(table=CodeTable(codes=CODES, menus=MENUS), texts=Fixed(), limits=UssdLimits())


class Talk:
    """Drives one dialogue and answers its questions from a table."""

    def __init__(self, dialled: str, replies: Mapping[Action, UssdReply] | None = None) -> None:
        self.state = Dialogue(dialogue_id="d1", msisdn=A, dialled=dialled, began_at=BEGAN, started=100.0)
        self.replies = {
            Action.JOIN: UssdReply(text="Terms\n1 Accept", menu=True),
            Action.CREDIT: UssdReply(text="Credit?\n1 Yes", menu=True),
            Action.LEAVE: UssdReply(text="80 lapses\n1 Leave", menu=True),
            Action.MENU: UssdReply(text="1 Cashback\n2 Join\n3 Bill", menu=True),
            **(replies or {}),
        }
        self.asked: list[Action] = []
        self.now = 100.0

    def send(self, event: Event) -> Effect:
        self.now += 1
        self.state, effect = advance(self.state, event, self.now, SCENE)
        while isinstance(effect, Ask):
            self.asked.append(effect.request.action)
            reply = self.replies.get(effect.request.action, UssdReply(text=f"[{effect.request.action.value}]"))
            self.state, effect = advance(self.state, Replied(reply=reply), self.now, SCENE)
        return effect

    def dial(self) -> Say:
        return said(self.send(Begun()))

    def press(self, *keys: str) -> Say:
        for key in keys:
            effect = self.send(Answered(text=key))
        return said(effect)


def said(effect: Effect) -> Say:
    assert isinstance(effect, Say)
    return effect


def test_table_has_a_transition_for_every_phase_and_event() -> None:
    assert set(TRANSITIONS) == {(phase, event) for phase in Phase for event in get_args(Event)}


def test_item_11_one_shot_code_ends_in_one_reply() -> None:
    talk = Talk("*100#")
    assert talk.dial() == Say(text="[balance]", end=True)
    assert talk.state.phase is Phase.ENDED
    assert talk.asked == [Action.BALANCE]


def test_item_12_unknown_code_asks_for_its_text_and_ends() -> None:
    talk = Talk("*100*77#")
    assert talk.dial() == Say(text="[no_such_code]", end=True)
    assert talk.state.outcome is Outcome.NO_SUCH_CODE


def test_item_13_menu_step_leads_to_its_action() -> None:
    talk = Talk("*100*0#")
    assert talk.dial() == Say(text="1 Cashback\n2 Join\n3 Bill", end=False)
    assert talk.press("3") == Say(text="[bill]", end=True)
    assert talk.asked == [Action.MENU, Action.BILL]


def test_item_13_back_leads_to_the_menu_before_and_asks_it_anew() -> None:
    talk = Talk("*100*0#")
    talk.dial()
    assert talk.press("2") == Say(text="Terms\n1 Accept\n0 Back", end=False)
    assert talk.press("0").text == "1 Cashback\n2 Join\n3 Bill"
    assert talk.state.stack == (Action.MENU,)
    assert talk.state.choices == ()
    assert talk.asked == [Action.MENU, Action.JOIN, Action.MENU]


def test_item_13_home_leads_to_the_first_screen() -> None:
    talk = Talk("*100*0#", {Action.JOIN_ACCEPT: UssdReply(text="x" * 200)})
    talk.dial()
    assert talk.press("2", "1").text.endswith("98 More\n0 Back\n00 Home")
    assert talk.press("00").text == "1 Cashback\n2 Join\n3 Bill"


def test_item_13_more_and_back_turn_pages_and_the_last_page_ends() -> None:
    talk = Talk("*100*4#", {Action.MOVEMENTS: UssdReply(text="\n".join(f"line {n}" for n in range(60)))})
    first = talk.dial()
    assert not first.end
    second = talk.press("98")
    assert second.text.endswith("98 More\n0 Back")
    assert talk.press("0") == first
    assert talk.press("98") == second
    last = talk.press("98")
    while not last.end:
        last = talk.press("98")
    assert "line 59" in last.text
    assert talk.state.outcome is Outcome.ANSWERED
    assert talk.asked == [Action.MOVEMENTS]


def test_item_13_choices_work_on_every_page_of_a_long_menu() -> None:
    talk = Talk("*100*0#", {Action.MENU: UssdReply(text="word " * 60, menu=True)})
    talk.dial()
    talk.press("98")
    assert talk.press("3").text == "[bill]"


def test_item_13_wrong_choice_repeats_the_menu_three_times_then_ends() -> None:
    talk = Talk("*100*0#")
    menu = talk.dial()
    for _ in range(WRONG_REPEATS_MAX):
        assert talk.press("7") == Say(text=f"<menu_wrong>\n{menu.text}", end=False)
    assert talk.press("7") == Say(text="<menu_closed>", end=True)
    assert talk.state.outcome is Outcome.WRONG_CHOICES
    assert talk.asked == [Action.MENU]


def test_right_choice_forgives_the_wrong_ones() -> None:
    talk = Talk("*100*0#")
    talk.dial()
    talk.press("7", "7", "7", "2", "x", "x")
    assert not talk.press("x").end
    assert talk.press("x").end


@pytest.mark.parametrize("wrong", ["", "0", "00", "98", "10", "1#", "*100#", "x" * 300, "١"])
def test_key_that_the_screen_does_not_offer_is_wrong(wrong: str) -> None:
    talk = Talk("*100*2#")
    talk.dial()
    assert talk.press(wrong).text.startswith("<menu_wrong>\n")


def test_wrong_choice_on_a_full_screen_pages_it() -> None:
    talk = Talk("*100*0#", {Action.MENU: UssdReply(text="x" * 182, menu=True)})
    assert not talk.dial().text.endswith("More")
    assert talk.press("7").text.endswith("98 More")


@pytest.mark.parametrize(
    ("direct", "dialled", "keys"),
    [
        ("*100*2*1#", "*100*2#", ["1"]),
        ("*100*5*1#", "*100*5#", ["1"]),
        ("*100*0*3#", "*100*0#", ["3"]),
        ("*100*0*2#", "*100*0#", ["2"]),
        ("*100*0*2*1#", "*100*0#", ["2", "1"]),
        ("*100*0*9#", "*100*0#", ["9"]),
    ],
)
def test_item_14_direct_code_is_the_same_as_the_steps(direct: str, dialled: str, keys: list[str]) -> None:
    at_once, by_steps = Talk(direct), Talk(dialled)
    by_steps.dial()
    assert at_once.dial() == by_steps.press(*keys)
    assert at_once.state.stack == by_steps.state.stack
    assert at_once.state.choices == by_steps.state.choices
    assert len(at_once.asked) == 1


def test_item_14_direct_menu_leaf_shows_what_its_own_code_shows() -> None:
    assert Talk("*100*0*3#").dial() == Talk("*100*3#").dial()


def test_item_14_leaving_is_always_asked() -> None:
    talk = Talk("*100*9*1#")
    assert talk.dial() == Say(text="80 lapses\n1 Leave", end=False)
    assert talk.press("1") == Say(text="[leave_confirm]", end=True)


def test_request_carries_code_choices_latin_and_an_id_of_its_own() -> None:
    state = Dialogue(dialogue_id="d1", msisdn=A, dialled="*100*0*2#", began_at=BEGAN, started=0.0)
    state, effect = advance(state, Begun(), 0.0, SCENE)
    assert isinstance(effect, Ask)
    request = effect.request
    assert (request.request_id, request.code, request.choices, request.latin) == ("d1-1", "*100*0#", ("2",), False)
    state, _ = advance(state, Replied(reply=UssdReply(text="Terms", menu=True)), 0.0, SCENE)
    state, effect = advance(state, Answered(text="1"), 0.0, SCENE)
    assert isinstance(effect, Ask)
    assert (effect.request.request_id, effect.request.choices) == ("d1-2", ("2", "1"))
    state, _ = advance(state, Replied(reply=UssdReply(text="x" * 200)), 0.0, SCENE)
    state, effect = advance(state, Answered(text="0"), 0.0, SCENE)
    assert isinstance(effect, Ask)
    assert (effect.request.request_id, effect.request.choices) == ("d1-3", ("2",))


def test_latin_code_asks_in_latin_and_gets_latin_fixed_texts() -> None:
    state = Dialogue(dialogue_id="d1", msisdn=A, dialled="#100#", began_at=BEGAN, started=0.0)
    _, effect = advance(state, Begun(), 0.0, SCENE)
    assert isinstance(effect, Ask)
    assert effect.request.latin
    _, effect = advance(state, Refused(), 0.0, SCENE)
    assert effect == Say(text="<try_later latin>", end=True)


def test_menu_that_the_table_does_not_know_ends_the_session() -> None:
    talk = Talk("*100#", {Action.BALANCE: UssdReply(text="Sold", menu=True)})
    assert talk.dial() == Say(text="Sold", end=True)


def test_text_too_long_for_any_number_of_pages_ends_with_try_later() -> None:
    talk = Talk("*100*4#", {Action.MOVEMENTS: UssdReply(text="x" * 10_000)})
    assert talk.dial() == Say(text="<try_later>", end=True)
    assert talk.state.outcome is Outcome.UNAVAILABLE


def test_wrong_choice_line_that_makes_a_text_unpageable_is_left_out() -> None:
    talk = Talk("*100*0#", {Action.MENU: UssdReply(text="x" * 174 + "y" * 167 * 18 + "z" * 170, menu=True)})
    first = talk.dial()
    assert talk.press("7") == first


def test_item_37_repeated_begin_while_asking_waits_and_asks_nothing() -> None:
    state = Dialogue(dialogue_id="d1", msisdn=A, dialled="*100#", began_at=BEGAN, started=0.0)
    state, _ = advance(state, Begun(), 0.0, SCENE)
    same, effect = advance(state, Repeated(), 0.0, SCENE)
    assert (same, effect) == (state, Drop.WAITS)


def test_item_37_repeated_begin_afterwards_gets_the_same_answer() -> None:
    talk = Talk("*100#")
    answer = talk.dial()
    assert talk.send(Repeated()) == Say(text=answer.text, end=True, repeated=True)
    assert talk.asked == [Action.BALANCE]


def test_late_reply_after_the_end_is_dropped() -> None:
    state = Dialogue(dialogue_id="d1", msisdn=A, dialled="*100#", began_at=BEGAN, started=0.0)
    state, _ = advance(state, Begun(), 0.0, SCENE)
    state, effect = advance(state, Closed(outcome=Outcome.ABORTED), 0.0, SCENE)
    assert effect is Drop.OVER
    assert advance(state, Replied(reply=UssdReply(text="Sold")), 0.0, SCENE) == (state, Drop.LATE_REPLY)


def test_answer_before_the_reply_is_ignored_and_noted() -> None:
    state = Dialogue(dialogue_id="d1", msisdn=A, dialled="*100*2#", began_at=BEGAN, started=0.0)
    state, _ = advance(state, Begun(), 0.0, SCENE)
    state, effect = advance(state, Answered(text="1"), 0.0, SCENE)
    assert effect is Drop.EARLY_ANSWER
    assert state.phase is Phase.ASKING
    assert state.trail == ("begin", "early")


def test_item_17_resumed_place_is_asked_where_the_code_is_the_same() -> None:
    place = Place(code="*100*0#", stack=(Action.MENU, Action.JOIN), choices=("2",))
    resumed = {"*100*0#": 2}
    for dialled, asked in {
        "*100*0#": Action.JOIN,
        "*100*2#": Action.JOIN,
        "*100#": Action.BALANCE,
        "*100*0*3#": Action.BILL,
    }.items():
        state = Dialogue(dialogue_id="d1", msisdn=A, dialled=dialled, began_at=BEGAN, started=0.0)
        state, effect = advance(state, Begun(resumed=place), 0.0, SCENE)
        assert isinstance(effect, Ask)
        assert effect.request.action is asked
        assert len(state.stack) == resumed.get(dialled, len(SCENE.table.read(dialled).stack))


def test_item_24_record_has_code_trail_latency_outcome_and_octets() -> None:
    talk = Talk("*100*0#")
    talk.dial()
    talk.press("7", "2", "0", "3")
    assert talk.state.outcome is not None
    record = talk.state.record(now=talk.now + 1, outcome=talk.state.outcome, mask=lambda msisdn: f"m:{len(msisdn)}")
    assert (record.session_id, record.began_at, record.msisdn) == ("d1", BEGAN, "m:11")
    assert (record.code, record.dialled) == ("*100*0#", "*100*0#")
    assert record.trail == (
        "begin",
        "page",
        "wrong",
        "page",
        "choice 2",
        "page",
        "back",
        "page",
        "choice 3",
        "end",
    )
    assert (record.outcome, record.latency_ms, record.duration_ms) == (Outcome.ANSWERED, 1000, 6000)
    assert record.octets == 21 + 33 + 19 + 21 + 7


def test_record_of_an_unknown_code_names_no_code() -> None:
    talk = Talk("*144*79160000001#")
    talk.dial()
    record = talk.state.record(now=101.0, outcome=Outcome.NO_SUCH_CODE, mask=str)
    assert (record.code, record.dialled) == ("other", "other")


def test_trail_is_bounded() -> None:
    talk = Talk("*100*0#")
    talk.dial()
    for _ in range(TRAIL_MAX):
        talk.press("2", "0")
    assert len(talk.state.trail) == TRAIL_MAX


def test_closing_notes_the_outcome() -> None:
    talk = Talk("*100*0#")
    talk.dial()
    assert talk.send(Closed(outcome=Outcome.IDLE)) is Drop.OVER
    assert talk.state.trail[-1] == "idle"
    assert talk.send(Closed(outcome=Outcome.ABORTED)) is Drop.OVER
    assert talk.state.outcome is Outcome.IDLE
