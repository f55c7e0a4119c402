"""A body that is worked on while it arrives: lines of bounded length, with back-pressure, never all in memory."""

from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred

LINE_OCTETS_MAX = 4096
LINES_WAITING_MAX = 2048
"""Above this the connection stops reading until the handler has caught up."""


class BodyAborted(Exception):
    """The client went away, or the body grew beyond its limit, before its end."""


class LineStream:
    """Lines of a body: the door feeds octets, one handler takes lines in batches.

    A line above the limit comes out as None: its octets are dropped as they arrive.
    """

    def __init__(self, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        self._pause = pause
        self._resume = resume
        self._lines: deque[bytes | None] = deque()
        self._rest = b""
        self._overlong = False
        self._is_paused = False
        self._is_ended = False
        self._failure: BodyAborted | None = None
        self._waiting: Deferred[None] | None = None

    def feed(self, data: bytes) -> None:
        """More octets of the body."""
        *lines, rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._put(line)
        self._rest = rest
        if len(rest) > LINE_OCTETS_MAX:
            self._overlong = True
            self._rest = b""
        if len(self._lines) > LINES_WAITING_MAX and not self._is_paused:
            self._is_paused = True
            self._pause()
        self._wake()

    def end(self) -> None:
        """The body is complete; a last line needs no newline."""
        if self._rest or self._overlong:
            self._put(self._rest)
        self._rest = b""
        self._is_ended = True
        self._wake()

    def abort(self, reason: str) -> None:
        """No more will come, and what came is not the whole."""
        self._failure = BodyAborted(reason)
        self._wake()

    async def take(self, at_most: int) -> list[bytes | None]:
        """The next lines, at least one; an empty list is the end. Blank lines are left out.

        Raises:
            BodyAborted: the body will never be complete.
        """
        while not self._lines and not self._is_ended and self._failure is None:
            self._waiting = Deferred()
            await self._waiting
        if self._failure is not None:
            raise self._failure
        taken = [self._lines.popleft() for _ in range(min(at_most, len(self._lines)))]
        if self._is_paused and len(self._lines) <= LINES_WAITING_MAX // 2:
            self._is_paused = False
            self._resume()
        return taken

    def _put(self, line: bytes) -> None:
        if self._overlong or len(line) > LINE_OCTETS_MAX:
            self._overlong = False
            self._lines.append(None)
        elif line.strip():
            self._lines.append(line)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)
