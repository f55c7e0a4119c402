"""One dialogue as a pure state machine: (state, what happened, now) gives the next state and one effect.

All of it is the table TRANSITIONS at the end. A dialogue asks the application at most once per step, says
at most one final text, and after its end takes nothing more: a late reply is dropped and counted.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from ussd.application import TextKey, Texts, UssdReply, UssdRequest
from ussd.errors import TextUnpageable
from ussd.menu import BACK_KEY, HOME_KEY, MORE_KEY, UNRECORDED, Action, CodeTable, recorded
from ussd.pages import Navigation, paginate
from ussd.records import Outcome, SessionRecord
from ussd.wire.dialects import SessionId
from ussd.wire.limits import UssdLimits
from ussd.wire.strings import octets_of

WRONG_REPEATS_MAX = 3
TRAIL_MAX = 64
MILLISECONDS = 1000


class Phase(StrEnum):
    """Where a dialogue stands."""

    NEW = "new"
    ASKING = "asking"
    SHOWING = "showing"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How far a subscriber had come in the menus, for coming back after a broken session."""

    code: str
    stack: tuple[Action, ...]
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """The subscriber dialled; `resumed` is where an earlier session of theirs broke off."""

    resumed: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The subscriber dialled and there is no room: full, or stopping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The subscriber pressed something in an open dialogue."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replied:
    """The application answered, or something stands in for its answer; `outcome` is what that makes of it."""

    reply: UssdReply
    outcome: Outcome = Outcome.ANSWERED


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """The network sent the last indication once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """The dialogue is over from outside; nothing can be said any more."""

    outcome: Outcome


Event = Begun | Refused | Answered | Replied | Repeated | Closed


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Ask the application."""

    request: UssdRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Show a text; `end` closes the session. `repeated`: it was said before and is the same."""

    text: str
    end: bool
    repeated: bool = False


class Drop(StrEnum):
    """Why nothing is done: for the counters."""

    LATE_REPLY = "late_reply"
    EARLY_ANSWER = "early_answer"
    WAITS = "waits"
    OVER = "over"


Effect = Ask | Say | Drop


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What every dialogue of a service shares."""

    table: CodeTable
    texts: Texts
    limits: UssdLimits


class Dialogue(NamedTuple):
    """The state; a tuple, as it is changed for every event and a frozen dataclass costs eight times as much.

    `stack` are the screens from the first to the present one, `choices` the keys between them. `text`, `menu`,
    `pages` and `page` are the screen that is shown; `standing` is the outcome if it ends there. `started` and
    every `now` are seconds of the monotonic clock.
    """

    dialogue_id: str
    msisdn: str
    dialled: str
    began_at: datetime
    started: float
    session: SessionId | None = None
    phase: Phase = Phase.NEW
    code: str = ""
    latin: bool = False
    stack: tuple[Action, ...] = ()
    choices: tuple[str, ...] = ()
    asks: int = 0
    text: str = ""
    menu: bool = False
    pages: tuple[str, ...] = ()
    page: int = 0
    standing: Outcome = Outcome.ANSWERED
    wrong: int = 0
    said: Say | None = None
    trail: tuple[str, ...] = ()
    octets: int = 0
    answered_at: float | None = None
    outcome: Outcome | None = None

    @property
    def place(self) -> Place:
        """Where the subscriber stands in the menus."""
        return Place(code=self.code, stack=self.stack, choices=self.choices)

    def record(self, *, now: float, outcome: Outcome, mask: Callable[[str], str]) -> SessionRecord:
        """The session's record, once it is over."""
        answered_at = now if self.answered_at is None else self.answered_at
        return SessionRecord(
            session_id=self.dialogue_id,
            began_at=self.began_at,
            msisdn=mask(self.msisdn),
            code=self.code or UNRECORDED,
            dialled=recorded(self.dialled),
            trail=self.trail,
            outcome=outcome,
            latency_ms=round((answered_at - self.started) * MILLISECONDS),
            duration_ms=round((now - self.started) * MILLISECONDS),
            octets=self.octets,
        )


Step = tuple[Dialogue, Effect]


def advance(dialogue: Dialogue, event: Event, now: float, scene: Scene) -> Step:
    """The next state and what is to be done; every pair of phase and event is in TRANSITIONS."""
    return TRANSITIONS[dialogue.phase, type(event)](dialogue, event, now, scene)


def _begin(dialogue: Dialogue, event: Begun, _now: float, scene: Scene) -> Step:
    read = scene.table.read(dialogue.dialled)
    stack, choices = read.stack, read.choices
    resumed = event.resumed
    if resumed is not None and resumed.code == read.code and resumed.stack[: len(stack)] == stack:
        stack, choices = resumed.stack, resumed.choices
    return _ask(dialogue, "begin", stack, choices, code=read.code, latin=read.latin)


def _refuse(dialogue: Dialogue, _event: Refused, now: float, scene: Scene) -> Step:
    read = scene.table.read(dialogue.dialled)
    text = scene.texts.text(TextKey.TRY_LATER, dialogue.msisdn, latin=read.latin)
    return _end(dialogue, text, Outcome.BUSY, now, note="begin", code=read.code, latin=read.latin)


def _reply(dialogue: Dialogue, event: Replied, now: float, scene: Scene) -> Step:
    """Show what the application answered: the whole of it, page by page where it is long."""
    reply = event.reply
    menu = reply.menu and bool(scene.table.menus.get(dialogue.stack[-1]))
    unknown = dialogue.stack[-1] is Action.NO_SUCH_CODE and event.outcome is Outcome.ANSWERED
    standing = Outcome.NO_SUCH_CODE if unknown else event.outcome
    try:
        pages = _paged(dialogue, reply.text, menu, scene)
    except TextUnpageable:
        return _end(dialogue, _fixed(dialogue, TextKey.TRY_LATER, scene), Outcome.UNAVAILABLE, now)
    if not menu and len(pages) == 1:
        return _end(dialogue, reply.text, standing, now)
    return _page(dialogue, 0, now, text=reply.text, menu=menu, pages=pages, standing=standing, wrong=0)


def _choose(dialogue: Dialogue, event: Answered, now: float, scene: Scene) -> Step:
    """Navigation first, then the menu; whatever is neither is a wrong choice."""
    key = event.text.strip()
    has_parent = len(dialogue.stack) > 1
    if key == MORE_KEY and dialogue.page + 1 < len(dialogue.pages):
        return _turn(dialogue, dialogue.page + 1, now, "more")
    if key == BACK_KEY and dialogue.page > 0:
        return _turn(dialogue, dialogue.page - 1, now, "back")
    if key == BACK_KEY and has_parent:
        return _ask(dialogue, "back", dialogue.stack[:-1], dialogue.choices[:-1])
    if key == HOME_KEY and has_parent:
        return _ask(dialogue, "home", dialogue.stack[:1], ())
    choice = scene.table.choice(dialogue.stack[-1], key) if dialogue.menu else None
    if choice is not None:
        stack, choices = (*dialogue.stack, choice.action), (*dialogue.choices, choice.key)
        return _ask(dialogue, f"choice {choice.key}", stack, choices)
    return _wrong(dialogue, now, scene)


def _wrong(dialogue: Dialogue, now: float, scene: Scene) -> Step:
    """The screen again under one line that says why, WRONG_REPEATS_MAX times; then the end."""
    if dialogue.wrong < WRONG_REPEATS_MAX:
        text = "\n".join((_fixed(dialogue, TextKey.WRONG_CHOICE, scene), dialogue.text))
        try:
            pages = _paged(dialogue, text, dialogue.menu, scene)
        except TextUnpageable:
            pages = dialogue.pages
        return _page(dialogue, 0, now, note="wrong", pages=pages, wrong=dialogue.wrong + 1)
    text = _fixed(dialogue, TextKey.TOO_MANY_WRONG, scene)
    return _end(dialogue, text, Outcome.WRONG_CHOICES, now, note="wrong")


def _repeat(dialogue: Dialogue, _event: Repeated, _now: float, _scene: Scene) -> Step:
    return dialogue, replace(dialogue.said, repeated=True) if dialogue.said is not None else Drop.WAITS


def _close(dialogue: Dialogue, event: Closed, _now: float, _scene: Scene) -> Step:
    trail = _noted(dialogue, event.outcome.value)
    return dialogue._replace(phase=Phase.ENDED, outcome=event.outcome, trail=trail), Drop.OVER


def _early(dialogue: Dialogue, _event: Answered, _now: float, _scene: Scene) -> Step:
    return dialogue._replace(trail=_noted(dialogue, "early")), Drop.EARLY_ANSWER


def _late(dialogue: Dialogue, _event: Replied, _now: float, _scene: Scene) -> Step:
    return dialogue, Drop.LATE_REPLY


def _over(dialogue: Dialogue, _event: Event, _now: float, _scene: Scene) -> Step:
    return dialogue, Drop.OVER


def _ask(dialogue: Dialogue, note: str, stack: tuple[Action, ...], choices: tuple[str, ...], **changes: Any) -> Step:
    asks = dialogue.asks + 1
    asking = dialogue._replace(
        phase=Phase.ASKING,
        stack=stack,
        choices=choices,
        asks=asks,
        said=None,
        trail=_noted(dialogue, note),
        **changes,
    )
    request = UssdRequest(
        request_id=f"{dialogue.dialogue_id}-{asks}",
        msisdn=dialogue.msisdn,
        action=stack[-1],
        latin=asking.latin,
        code=asking.code,
        choices=choices,
    )
    return asking, Ask(request=request)


def _turn(dialogue: Dialogue, page: int, now: float, note: str) -> Step:
    return _page(dialogue, page, now, note=note, wrong=0)


def _page(dialogue: Dialogue, page: int, now: float, *, note: str = "", **changes: Any) -> Step:
    """A page that waits for an answer, or the last page of a text that wants none: that is the end."""
    at_page = dialogue._replace(page=page, **changes)
    text = at_page.pages[page]
    if page + 1 == len(at_page.pages) and not at_page.menu:
        return _end(at_page, text, at_page.standing, now, note=note)
    return _say(at_page, Say(text=text, end=False), now, _noted(dialogue, note, "page"), phase=Phase.SHOWING)


def _end(dialogue: Dialogue, text: str, outcome: Outcome, now: float, *, note: str = "", **changes: Any) -> Step:
    trail = _noted(dialogue, note, "end")
    return _say(dialogue, Say(text=text, end=True), now, trail, phase=Phase.ENDED, outcome=outcome, **changes)


def _say(dialogue: Dialogue, say: Say, now: float, trail: tuple[str, ...], **changes: Any) -> Step:
    answered_at = now if dialogue.answered_at is None else dialogue.answered_at
    octets = dialogue.octets + octets_of(say.text)
    return dialogue._replace(said=say, trail=trail, octets=octets, answered_at=answered_at, **changes), say


def _paged(dialogue: Dialogue, text: str, menu: bool, scene: Scene) -> tuple[str, ...]:
    """The pages of a text; a closing one that fits needs no way back, it is shown and the session is over."""
    if not menu and scene.limits.fits(text):
        return (text,)
    navigation = Navigation(
        more=_fixed(dialogue, TextKey.MORE, scene),
        back=_fixed(dialogue, TextKey.BACK, scene),
        home=_fixed(dialogue, TextKey.HOME, scene),
        has_parent=len(dialogue.stack) > 1,
        has_home=len(dialogue.stack) > 2,  # noqa: PLR2004 - with one parent, back and home are the same
    )
    return paginate(text, navigation, scene.limits)


def _fixed(dialogue: Dialogue, key: TextKey, scene: Scene) -> str:
    return scene.texts.text(key, dialogue.msisdn, latin=dialogue.latin)


def _noted(dialogue: Dialogue, *notes: str) -> tuple[str, ...]:
    return (*dialogue.trail, *filter(None, notes))[:TRAIL_MAX]


TRANSITIONS: Mapping[tuple[Phase, type], Callable[[Dialogue, Any, float, Scene], Step]] = {
    (Phase.NEW, Begun): _begin,
    (Phase.NEW, Refused): _refuse,
    (Phase.NEW, Answered): _over,
    (Phase.NEW, Replied): _late,
    (Phase.NEW, Repeated): _over,
    (Phase.NEW, Closed): _close,
    (Phase.ASKING, Begun): _over,
    (Phase.ASKING, Refused): _over,
    (Phase.ASKING, Answered): _early,
    (Phase.ASKING, Replied): _reply,
    (Phase.ASKING, Repeated): _repeat,
    (Phase.ASKING, Closed): _close,
    (Phase.SHOWING, Begun): _over,
    (Phase.SHOWING, Refused): _over,
    (Phase.SHOWING, Answered): _choose,
    (Phase.SHOWING, Replied): _late,
    (Phase.SHOWING, Repeated): _repeat,
    (Phase.SHOWING, Closed): _close,
    (Phase.ENDED, Begun): _over,
    (Phase.ENDED, Refused): _over,
    (Phase.ENDED, Answered): _over,
    (Phase.ENDED, Replied): _late,
    (Phase.ENDED, Repeated): _repeat,
    (Phase.ENDED, Closed): _over,
}
