"""Questions to the application under their deadlines: a subscriber gets a text in time, whatever the backend does.

An answer that comes after its deadline is dropped and counted; the call itself is not cancelled, as it may be
in the middle of a transaction.
"""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Generic, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ussd.application import Application, TextKey, Texts, UssdReply, UssdRequest
from ussd.breaker import Breaker
from ussd.dialogue import Replied
from ussd.records import Outcome
from ussd.settings import UssdSettings

_log = Logger()

T = TypeVar("T")


class _Call(Generic[T]):
    """A running call into the application that can be waited for piece by piece."""

    def __init__(self, work: Coroutine[Deferred[Any], Any, T]) -> None:
        self.result: T | Failure | None = None
        self.done = False
        self.on_end: Callable[[], None] = _nothing
        self._waiter: Deferred[None] | None = None
        self.running = Deferred.fromCoroutine(work).addBoth(self._finished)

    def _finished(self, result: T | Failure) -> None:
        self.result = result
        self.done = True
        self.on_end()
        if self._waiter is not None:
            self._waiter.callback(None)

    async def done_by(self, instant: float, clock: IReactorTime) -> bool:
        """Wait until then at most; whether the call is done."""
        if not self.done:
            self._waiter = waiter = Deferred[None]()
            timer = clock.callLater(max(0.0, instant - clock.seconds()), waiter.callback, None)
            await waiter
            self._waiter = None
            if timer.active():
                timer.cancel()
        return self.done


class Answering:
    """Asks the application and always comes back with something to show.

    `late` counts answers that came after their deadline; `overdue` are the calls that still run past it.
    """

    def __init__(
        self, application: Application, texts: Texts, *, settings: UssdSettings, clock: IReactorTime
    ) -> None:
        self._application = application
        self._texts = texts
        self._settings = settings
        self._clock = clock
        self._calls: set[_Call[Any]] = set()
        self.breaker = Breaker(failures_max=settings.breaker_failures_max, open_s=settings.breaker_open_s)
        self.late = 0
        self.overdue = 0

    async def reply_to(self, request: UssdRequest) -> Replied:
        """The reply to show: the application's, its stale one, or a closing text."""
        now = self._clock.seconds()
        if not self.breaker.allows(now):
            return self._stale(request) or self._try_later(request, Outcome.UNAVAILABLE)
        call = self._call(self._application.answer(request))
        if await call.done_by(now + self._settings.soft_s, self._clock):
            return self._answered(call, request)
        stale = self._stale(request)
        if stale is not None:
            self._leave(call)
            return stale
        if await call.done_by(now + self._settings.hard_s, self._clock):
            return self._answered(call, request)
        self._leave(call)
        self.breaker.failed(self._clock.seconds())
        return await self._closing(request)

    def stop(self) -> None:
        """Cancel what still runs; whoever waits gets a closing text."""
        for call in tuple(self._calls):
            call.running.cancel()

    async def _closing(self, request: UssdRequest) -> Replied:
        give_up_at = self._clock.seconds() + self._settings.last_resort_s
        call = self._call(self._application.deadline_passed(request))
        if not await call.done_by(give_up_at, self._clock):
            self._leave(call)
        elif isinstance(call.result, str):
            return Replied(reply=UssdReply(text=call.result), outcome=Outcome.DEADLINE)
        else:
            _log_raised(call, request)
        return self._try_later(request, Outcome.DEADLINE)

    def _answered(self, call: _Call[UssdReply], request: UssdRequest) -> Replied:
        if isinstance(call.result, UssdReply):
            self.breaker.succeeded()
            return Replied(reply=call.result)
        self.breaker.failed(self._clock.seconds())
        _log_raised(call, request)
        return self._try_later(request, Outcome.UNAVAILABLE)

    def _stale(self, request: UssdRequest) -> Replied | None:
        stale = self._application.stale(request)
        return None if stale is None else Replied(reply=stale, outcome=Outcome.STALE)

    def _try_later(self, request: UssdRequest, outcome: Outcome) -> Replied:
        text = self._texts.text(TextKey.TRY_LATER, request.msisdn, latin=request.latin)
        return Replied(reply=UssdReply(text=text), outcome=outcome)

    def _call(self, work: Coroutine[Deferred[Any], Any, T]) -> _Call[T]:
        call = _Call(work)
        if not call.done:
            self._calls.add(call)
            call.on_end = partial(self._calls.discard, call)
        return call

    def _leave(self, call: _Call[Any]) -> None:
        """Nobody waits for this call any more; its end is only counted."""
        self.overdue += 1
        call.on_end = partial(self._arrived_late, call)

    def _arrived_late(self, call: _Call[Any]) -> None:
        self._calls.discard(call)
        self.overdue -= 1
        self.late += 1
        _log_raised(call, None)


def _nothing() -> None:
    """Nobody asked to be told."""


def _log_raised(call: _Call[Any], request: UssdRequest | None) -> None:
    """The border where an application's exception ends: it is logged, the subscriber has a text."""
    if isinstance(call.result, Failure) and not call.result.check(CancelledError):
        action = "" if request is None else request.action.value
        _log.error("ussd_application_failed: {action}", action=action, log_failure=call.result)
