"""Server-sent events for the pages: which kind of thing changed, so that they fetch it again.

Changes are gathered and told a few times a second at most. A reader that does not read is told nothing until
it does, then once; one that stays away is dropped.
"""

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.web.http import Request
from zope.interface import implementer

from simulator.errors import TooBusy
from simulator.http import stream_headers

LISTENERS_MAX = 100
GATHER_SECONDS = 0.1
HEARTBEAT_SECONDS = 15.0
STALLED_SECONDS_MAX = 30.0


@implementer(IPushProducer)
class _Listener:
    """One open page."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.kinds: set[str] = set()
        self.paused_at: float | None = None
        self.clock: IReactorTime | None = None

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        if self.paused_at is None and self.clock is not None:
            self.paused_at = self.clock.seconds()

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        self.paused_at = None

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        """The connection is gone; notifyFinish says so as well."""

    def tell(self) -> None:
        """Write what changed since the last time."""
        if self.kinds and self.paused_at is None:
            self.request.write(b"data: " + json.dumps(sorted(self.kinds)).encode() + b"\n\n")
            self.kinds.clear()


class Changes:
    """Who wants to know, and what changed."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._listeners: set[_Listener] = set()
        self._gathering: IDelayedCall | None = None
        self._heartbeat: IDelayedCall | None = None

    def __len__(self) -> int:
        """How many pages listen."""
        return len(self._listeners)

    def note(self, kind: str) -> None:
        """Something of this kind changed: messages, links, faults, dialogues, clock, handsets."""
        if not self._listeners:
            return
        for listener in self._listeners:
            listener.kinds.add(kind)
        if self._gathering is None:
            self._gathering = self._clock.callLater(GATHER_SECONDS, self._tell)

    def listen(self, request: Request) -> None:
        """Keep a request open and write changes to it; raises TooBusy."""
        if len(self._listeners) >= LISTENERS_MAX:
            raise TooBusy(f"{LISTENERS_MAX} pages listen already")
        listener = _Listener(request)
        listener.clock = self._clock
        for name, value in {**stream_headers(), "Content-Type": "text/event-stream"}.items():
            request.setHeader(name, value)
        request.registerProducer(listener, True)
        self._listeners.add(listener)
        finished: Deferred[Any] = request.notifyFinish()
        _ = finished.addBoth(self._forget, listener)
        request.write(b"retry: 1000\n\n")
        if self._heartbeat is None:
            self._heartbeat = self._clock.callLater(HEARTBEAT_SECONDS, self._beat)

    def stop(self) -> None:
        """Close every page's connection."""
        for listener in list(self._listeners):
            listener.request.unregisterProducer()
            listener.request.finish()
        self._cancel()

    def _tell(self) -> None:
        self._gathering = None
        for listener in list(self._listeners):
            listener.tell()

    def _beat(self) -> None:
        """Keep connections alive through whatever stands between, and notice those that stall."""
        self._heartbeat = self._clock.callLater(HEARTBEAT_SECONDS, self._beat)
        for listener in list(self._listeners):
            if listener.paused_at is None:
                listener.request.write(b": \n\n")
                listener.tell()
            elif self._clock.seconds() - listener.paused_at > STALLED_SECONDS_MAX:
                listener.request.loseConnection()

    def _forget(self, _: Any, listener: _Listener) -> None:
        self._listeners.discard(listener)
        if not self._listeners:
            self._cancel()

    def _cancel(self) -> None:
        for call in (self._gathering, self._heartbeat):
            if call is not None and call.active():
                call.cancel()
        self._gathering = self._heartbeat = None
