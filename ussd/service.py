"""The USSD service: dialogues, their timers, admission, records. Doors bring indications and show the screens.

One subscriber has one dialogue: the MSISDN is the key, the network's session number tells a repeated dial from
a new one. Every BEGIN that is no repetition ends in exactly one record.
"""

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ussd.answering import Answering
from ussd.application import Application, TextKey, Texts
from ussd.dialogue import (
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
    Say,
    Scene,
    advance,
)
from ussd.menu import CodeTable
from ussd.records import Outcome, SessionRecord
from ussd.remembered import Remembered
from ussd.settings import UssdSettings
from ussd.wire.dialects import Indication, Kind
from ussd.wire.limits import UssdLimits


class Delivery(StrEnum):
    """What became of a screen."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    THROTTLED = "throttled"
    LINK_LOST = "link_lost"


REPEATS_WAITING_MAX = 8  # of one dialogue; a network that says it more often gets no more answers

Deliver = Callable[[Say], Awaitable[Delivery]]

_UNDELIVERED = {
    Delivery.REFUSED: Outcome.FAILED,
    Delivery.THROTTLED: Outcome.BUSY,
    Delivery.LINK_LOST: Outcome.LINK_LOST,
}
_RESUMABLE = frozenset((Outcome.IDLE, Outcome.LINK_LOST))


@dataclass(slots=True)
class UssdCounts:
    """Running totals for the metrics."""

    begun: int = 0
    refused: int = 0
    unanswered: int = 0
    duplicates: int = 0
    replaced: int = 0
    orphans: int = 0
    early_answers: int = 0
    late_replies: int = 0


@dataclass(slots=True, eq=False)
class _Live:
    """A dialogue with what the shell holds for it."""

    dialogue: Dialogue
    link: Hashable
    first_step: int | None
    last_step: int | None
    on_its_way: bool = False
    timer: IDelayedCall | None = None
    repeats: list[Deferred[Say | None]] = field(default_factory=list)


class UssdService:
    """See the module.

    `clock` drives deadlines (monotonic), `now` stamps records, `new_id` names sessions, `mask` makes a MSISDN
    fit for a record, `records` takes each record; it must not block.
    """

    def __init__(
        self,
        application: Application,
        texts: Texts,
        *,
        table: CodeTable,
        settings: UssdSettings,
        clock: IReactorTime,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        mask: Callable[[str], str],
        records: Callable[[SessionRecord], None],
        limits: UssdLimits | None = None,
    ) -> None:
        self._texts = texts
        self._scene = Scene(table=table, texts=texts, limits=limits or UssdLimits())
        self._settings = settings
        self._clock = clock
        self._now = now
        self._new_id = new_id
        self._mask = mask
        self._records = records
        self._answering = Answering(application, texts, settings=settings, clock=clock)
        self._live: dict[str, _Live] = {}
        self._ended: Remembered[str, Dialogue] = Remembered(
            count_max=settings.sessions_max, age_s_max=settings.duplicate_s
        )
        self._broken: Remembered[str, Place] = Remembered(
            count_max=settings.sessions_max, age_s_max=settings.resume_s
        )
        self._delivering = 0
        self._refusing = 0
        self._stopping = False
        self._drained: Deferred[None] | None = None
        self.counts = UssdCounts()

    @property
    def sessions(self) -> int:
        """How many dialogues are open or have a screen on its way."""
        return len(self._live) + self._delivering

    @property
    def late_answers(self) -> int:
        """How many application answers came after their deadline."""
        return self._answering.late

    @property
    def breaker_open(self) -> bool:
        """Whether the application is being left alone after failures."""
        return self._answering.breaker.is_open

    async def handle(self, indication: Indication, deliver: Deliver, *, link: Hashable = None) -> None:
        """Take one indication; `deliver` is called at most once, never after a release of the session.

        A door that owes its caller an answer knows when this returns whether there is one. `link` is what
        `link_lost` will name.
        """
        live = self._live.get(indication.msisdn)
        if indication.kind is Kind.ABORT:
            if live is not None and _same_session(live, indication):
                self._close(live, Outcome.ABORTED)
        elif indication.kind is Kind.BEGIN or (live is None and indication.text.startswith(("*", "#"))):
            await self._begin(indication, deliver, link)
        elif live is None or not _same_session(live, indication):
            await self._answer_orphan(indication, deliver)
        else:
            await self._answer(live, indication, deliver)

    def link_lost(self, link: Hashable) -> None:
        """The link that carried these sessions is gone: they are over."""
        for live in [live for live in self._live.values() if live.link == link]:
            self._close(live, Outcome.LINK_LOST)

    async def stop(self, *, limit_s: float) -> None:
        """Refuse new sessions, let open ones finish within the limit, then close the rest."""
        self._stopping = True
        if self.sessions:
            self._drained = Deferred()
            timer = self._clock.callLater(limit_s, self._drained.callback, None)
            await self._drained
            if timer.active():
                timer.cancel()
        for live in tuple(self._live.values()):
            self._close(live, Outcome.STOPPED)
        self._answering.stop()

    async def _begin(self, indication: Indication, deliver: Deliver, link: Hashable) -> None:
        now = self._clock.seconds()
        live = self._live.get(indication.msisdn)
        if live is not None and _repeats_begin(live, indication):
            await self._repeat(live, deliver)
            return
        if live is not None:
            self.counts.replaced += 1
            self._close(live, Outcome.REPLACED)
        elif await self._repeat_ended(indication, deliver, now):
            return
        self.counts.begun += 1
        live = _Live(
            dialogue=Dialogue(
                dialogue_id=self._new_id(),
                msisdn=indication.msisdn,
                dialled=indication.text,
                began_at=self._now(),
                started=now,
                session=indication.session,
            ),
            link=link,
            first_step=indication.step,
            last_step=indication.step,
        )
        if self._stopping or self.sessions + self._answering.overdue >= self._settings.sessions_max:
            await self._refuse(live, deliver)
            return
        self._live[indication.msisdn] = live
        resumed = self._broken.take(indication.msisdn, now)
        await self._run(live, self._advance(live, Begun(resumed=resumed)), deliver)

    async def _answer(self, live: _Live, indication: Indication, deliver: Deliver) -> None:
        counts_steps = indication.step is not None and indication.step != live.first_step
        if counts_steps and indication.step == live.last_step:
            await self._repeat(live, deliver)
            return
        self._stop_timer(live)
        live.last_step = indication.step
        await self._run(live, self._advance(live, Answered(text=indication.text)), deliver)

    async def _answer_orphan(self, indication: Indication, deliver: Deliver) -> None:
        """An answer to a session that is over here: silence would leave the subscriber waiting."""
        self.counts.orphans += 1
        text = self._texts.text(TextKey.TRY_LATER, indication.msisdn, latin=False)
        await self._spare_deliver(Say(text=text, end=True), deliver)

    async def _run(self, live: _Live, effect: Effect, deliver: Deliver) -> None:
        if isinstance(effect, Ask):
            effect = self._advance(live, await self._answering.reply_to(effect.request))
        if isinstance(effect, Say):
            await self._show(live, effect, deliver)
        elif effect is Drop.EARLY_ANSWER:
            self.counts.early_answers += 1
        elif effect is Drop.LATE_REPLY:
            self.counts.late_replies += 1

    async def _show(self, live: _Live, say: Say, deliver: Deliver) -> None:
        dialogue = live.dialogue
        if say.end:
            self._forget(live)
            self._ended.put(dialogue.msisdn, dialogue, self._clock.seconds())
        else:
            self._wait_for_answer(live)
        self._wake_repeats(live, say)
        delivery = Delivery.REFUSED
        live.on_its_way = True
        self._delivering += 1
        try:
            delivery = await deliver(say)
        finally:
            live.on_its_way = False
            self._delivering -= 1
            self._forget_ended(dialogue)
            if say.end:
                self._record(live, _UNDELIVERED.get(delivery, dialogue.outcome or Outcome.ANSWERED))
            elif delivery is not Delivery.DELIVERED and live.dialogue is dialogue:
                self._close(live, _UNDELIVERED[delivery])
            self._check_drained()

    async def _refuse(self, live: _Live, deliver: Deliver) -> None:
        self.counts.refused += 1
        say = self._advance(live, Refused())
        outcome = Outcome.STOPPED if self._stopping else Outcome.BUSY
        try:
            if isinstance(say, Say):
                delivery = await self._spare_deliver(say, deliver)
                outcome = _UNDELIVERED.get(delivery, outcome)
        finally:
            self._record(live, outcome)

    async def _spare_deliver(self, say: Say, deliver: Deliver) -> Delivery:
        """Show a text that stands outside any dialogue; of these, too, only so many are on their way."""
        if self._refusing >= self._settings.sessions_max:
            self.counts.unanswered += not say.repeated
            return Delivery.THROTTLED
        self._refusing += 1
        try:
            return await deliver(say)
        finally:
            self._refusing -= 1

    async def _repeat(self, live: _Live, deliver: Deliver) -> None:
        """The network said it twice: the same answer, and the application is asked once."""
        self.counts.duplicates += 1
        effect: Effect | None = self._advance(live, Repeated())
        if effect is Drop.WAITS and len(live.repeats) < REPEATS_WAITING_MAX:
            waiter: Deferred[Say | None] = Deferred()
            live.repeats.append(waiter)
            effect = await waiter
        if isinstance(effect, Say):
            await self._spare_deliver(effect, deliver)

    async def _repeat_ended(self, indication: Indication, deliver: Deliver, now: float) -> bool:
        dialogue = self._ended.get(indication.msisdn, now)
        same_dial = dialogue is not None and (indication.session, indication.text) == (
            dialogue.session,
            dialogue.dialled,
        )
        if dialogue is None or not same_dial:
            return False
        self.counts.duplicates += 1
        _, effect = advance(dialogue, Repeated(), now, self._scene)
        if isinstance(effect, Say):
            await self._spare_deliver(effect, deliver)
        return True

    def _forget_ended(self, dialogue: Dialogue) -> None:
        """A number comes round: after its answer arrived, the same one is a new session. A name never does."""
        now = self._clock.seconds()
        if not isinstance(dialogue.session, str) and self._ended.get(dialogue.msisdn, now) is dialogue:
            self._ended.take(dialogue.msisdn, now)

    def _advance(self, live: _Live, event: Event) -> Effect:
        live.dialogue, effect = advance(live.dialogue, event, self._clock.seconds(), self._scene)
        return effect

    def _close(self, live: _Live, outcome: Outcome) -> None:
        """End a dialogue from outside: nothing is said any more."""
        if outcome in _RESUMABLE and live.dialogue.phase is Phase.SHOWING:
            self._broken.put(live.dialogue.msisdn, live.dialogue.place, self._clock.seconds())
        self._advance(live, Closed(outcome=outcome))
        self._forget(live)
        self._wake_repeats(live, None)
        self._record(live, outcome)
        self._check_drained()

    def _forget(self, live: _Live) -> None:
        self._stop_timer(live)
        if self._live.get(live.dialogue.msisdn) is live:
            del self._live[live.dialogue.msisdn]

    def _record(self, live: _Live, outcome: Outcome) -> None:
        self._records(live.dialogue.record(now=self._clock.seconds(), outcome=outcome, mask=self._mask))

    def _wait_for_answer(self, live: _Live) -> None:
        self._stop_timer(live)
        ends_at = live.dialogue.started + self._settings.dialogue_s_max
        seconds = min(self._settings.idle_s, max(0.0, ends_at - self._clock.seconds()))
        live.timer = self._clock.callLater(seconds, self._close, live, Outcome.IDLE)

    def _stop_timer(self, live: _Live) -> None:
        if live.timer is not None and live.timer.active():
            live.timer.cancel()
        live.timer = None

    def _wake_repeats(self, live: _Live, say: Say | None) -> None:
        waiting, live.repeats = live.repeats, []
        for waiter in waiting:
            waiter.callback(None if say is None else Say(text=say.text, end=say.end, repeated=True))

    def _check_drained(self) -> None:
        if self._drained is not None and not self._drained.called and not self.sessions:
            self._drained.callback(None)


def _same_session(live: _Live, indication: Indication) -> bool:
    """Whether an indication belongs to this dialogue; a network without session numbers has one per MSISDN."""
    known = live.dialogue.session
    return known is None or indication.session is None or known == indication.session


def _repeats_begin(live: _Live, indication: Indication) -> bool:
    """Whether a BEGIN is the one that opened this dialogue, said twice.

    Numbers are few and come round (its_session_info has 256), so that only a network which cannot have had
    our answer yet is repeating itself; a session name of an aggregator stays the same session for good.
    """
    dialogue = live.dialogue
    if (indication.session, indication.text) != (dialogue.session, dialogue.dialled) or dialogue.asks > 1:
        return False
    return isinstance(indication.session, str) or dialogue.phase is Phase.ASKING or live.on_its_way
