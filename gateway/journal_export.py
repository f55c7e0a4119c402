"""The journal as a stream of lines: one snapshot, in the order of the keys, as fast as the client reads.

Rows are read and written down in a thread of their own with a connection of its own, a few pieces ahead of the
client and no more: memory does not grow with the journal, and nobody else waits. The last line tells how many
postings there were, their sum, the SHA-256 of all lines before it, and where the sealed chain stood.
"""

import hashlib
import queue
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from billing.store.columns import to_micros
from billing.store.seal_chain import Tip, tip
from gateway.database import open_engine
from gateway.journal_lines import FORMATS, Line, LineForm
from gateway.lanes import Lane

ROWS_AT_ONCE = 500
PIECES_AHEAD_MAX = 8
EXPORTS_MAX = 2
LOOK_SECONDS = 0.2
"""How often a thread that waits for a slow client looks whether the client is still there."""

_POSTINGS = text(
    """
    SELECT subscription_id, entry_no, tx_no, kind, source, target, amount, booked_at, effective_at, ref
    FROM posting WHERE booked_at >= :start AND booked_at < :end ORDER BY subscription_id, entry_no
    """
).execution_options(yield_per=ROWS_AT_ONCE)

EARLIEST, LATEST = -(2**62), 2**62


class TooManyExports(Exception):
    """Two exports run already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is exported: `[start, end)` on booked_at, in which form."""

    start: datetime | None
    end: datetime | None
    form: str


class _Over(Exception):
    """The client left."""


class JournalExports:
    """Opens streams; `stop` waits for the threads of those that are left."""

    def __init__(self, url: str, reactor: Any, *, zone: ZoneInfo) -> None:
        self._url = url
        self._reactor = reactor
        self._zone = zone
        self._running: set[ExportStream] = set()

    def open(self, wanted: Wanted) -> "ExportStream":
        """A stream that begins when it is attached.

        Raises:
            TooManyExports: come again later.
        """
        if len(self._running) >= EXPORTS_MAX:
            raise TooManyExports
        work = partial(write_down, wanted=wanted, form=FORMATS[wanted.form], zone=self._zone)
        stream = ExportStream(self._url, self._reactor, work, self._running.discard)
        self._running.add(stream)
        return stream

    async def stop(self) -> None:
        """End what still runs."""
        for stream in tuple(self._running):
            stream.stopProducing()
            await stream.ended


@implementer(IPushProducer)
class ExportStream:
    """One export on its way: pieces come from a thread by a short queue and go out while the client takes them."""

    _log = Logger()

    def __init__(
        self,
        url: str,
        reactor: Any,
        work: Callable[[Connection, Callable[[bytes | None], None]], None],
        left: Callable[["ExportStream"], None],
    ) -> None:
        self.ended: Deferred[None] = Deferred()
        self._reactor = reactor
        self._lane = Lane(open_engine(url, read_only=True), reactor, "journal-export")
        self._work = work
        self._left = left
        self._pieces: queue.Queue[bytes | None] = queue.Queue(maxsize=PIECES_AHEAD_MAX)
        self._write: Callable[[bytes], None] = _nowhere
        self._done: Callable[[bool], None] = _unheard
        self._is_attached = False
        self._is_paused = False
        self._is_over = False

    def attach(self, write: Callable[[bytes], None], done: Callable[[bool], None]) -> None:
        """Begin: `write` takes pieces, `done` whether the whole journal came through."""
        self._write, self._done = write, done
        self._is_attached = True
        self._lane.start()
        _ = Deferred.fromCoroutine(self._run()).addErrback(self._failed)

    async def _run(self) -> None:
        try:
            await self._lane.run(self._work, (self._put,), {})
        finally:
            await self._lane.stop()
            self._left(self)
            self.ended.callback(None)
        self._take()

    def _failed(self, failure: Failure) -> None:
        if failure.check(_Over) is None:
            self._log.error("export_failed {reason}", reason=failure.getErrorMessage())
            if not self._is_over:
                self._is_over = True
                self._done(False)

    def _put(self, piece: bytes | None) -> None:
        """In the thread: wait for room, or learn that nobody reads any more."""
        while not self._is_over:
            try:
                self._pieces.put(piece, timeout=LOOK_SECONDS)
            except queue.Full:
                continue
            self._reactor.callFromThread(self._take)
            return
        raise _Over

    def _take(self) -> None:
        """On the reactor: hand out what is there."""
        while not self._is_paused and not self._is_over:
            try:
                piece = self._pieces.get_nowait()
            except queue.Empty:
                return
            if piece is None:
                self._is_over = True
                self._done(True)
            else:
                self._write(piece)

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """The client's buffers are full."""
        self._is_paused = True

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        """They have room again."""
        self._is_paused = False
        self._take()

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        """The client is gone."""
        self._is_over = True
        if not self._is_attached and not self.ended.called:
            self._left(self)
            self.ended.callback(None)


def write_down(
    connection: Connection, put: Callable[[bytes | None], None], *, wanted: Wanted, form: LineForm, zone: ZoneInfo
) -> None:
    """Every posting of one snapshot as lines, then the trailer."""
    chain = tip(connection)
    limits = {
        "start": EARLIEST if wanted.start is None else to_micros(wanted.start),
        "end": LATEST if wanted.end is None else to_micros(wanted.end),
    }
    digest = hashlib.sha256()
    for piece in _pieces(connection.execute(_POSTINGS, limits), form, zone, chain):
        whole = piece if isinstance(piece, bytes) else form.trailer(piece, digest.hexdigest())
        digest.update(whole)
        if whole:
            put(whole)
    put(None)


def _pieces(result: Any, form: LineForm, zone: ZoneInfo, chain: Tip) -> Iterator[bytes | Line]:
    """Lines, some hundred together; last what the trailer says."""
    yield form.header
    postings = total = 0
    for rows in result.partitions(ROWS_AT_ONCE):
        postings += len(rows)
        total += sum(row[6] for row in rows)
        yield "".join([form.line(row, zone) for row in rows]).encode("utf-8")
    yield Line(postings=postings, amount=total, block_no=chain.block_no, head=chain.head)


def _nowhere(_piece: bytes) -> None:
    pass


def _unheard(_is_whole: bool) -> None:
    pass
