"""One connection and its requests: twisted.web's channel with the limits and deadlines it lacks.

Who may call and what may come is decided when the headers are in, before a body is buffered. Deadlines are
absolute, so a client that sends one octet now and then gains nothing by it; a long answer has one for each piece.
"""

from enum import Enum, auto
from io import SEEK_END
from typing import Any, Protocol, cast

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request
from twisted.web.http_headers import Headers

from gateway.http.problems import PROBLEM_JSON, TITLES, Problem
from gateway.http.routing import Call, Reply
from gateway.http.sending import FileSender, PieceSender
from gateway.http.streams import LineStream

HEADER_SECONDS_MAX = 10
BODY_SECONDS_MAX = 30
STREAM_SECONDS_MAX = 900
IDLE_SECONDS_MAX = 60
GRACE_SECONDS = 5
HEADER_COUNT_MAX = 100
DISCARD_OCTETS_MAX = 64 << 20
"""How much of an unwanted body is read and dropped, so that its sender comes to read the answer."""

_REASONS = {200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", **TITLES}
_STATUS_LINES = {status: f"HTTP/1.1 {status} {reason}\r\n".encode("ascii") for status, reason in _REASONS.items()}


class ChannelOwner(Protocol):
    """What a connection asks of the door that accepted it."""

    is_stopping: bool

    def seconds(self) -> float:
        """Monotonic seconds."""
        ...

    def date_line(self) -> bytes:
        """The Date header of this second."""
        ...

    def admit(self, request: "DoorRequest", length: int | None) -> Call:
        """Decide on a request whose headers are in; raises Problem."""
        ...

    def serve(self, request: "DoorRequest") -> None:
        """Run the handler of an admitted request."""
        ...

    def opened(self, channel: "DoorChannel") -> bool:
        """Whether one more connection is welcome."""
        ...

    def closed(self, channel: "DoorChannel") -> None:
        """A connection is gone."""
        ...


class BodyFate(Enum):
    """What happens to the octets of a body."""

    KEPT = auto()
    STREAMED = auto()
    DROPPED = auto()


def _asks_to_close(request: "DoorRequest") -> bool:
    values = request.requestHeaders.getRawHeaders(b"Connection") or ()
    return any(token.strip().lower() == b"close" for value in values for token in value.split(b","))


def problem_reply(problem: Problem) -> Reply:
    """The answer that carries a problem document."""
    return Reply(status=problem.status, body=problem.document(), content_type=PROBLEM_JSON, headers=problem.headers)


def _drop(reply: Reply) -> None:
    """Nobody will read it."""
    if reply.file is not None:
        reply.file.close()
    if reply.pieces is not None:
        reply.pieces.stopProducing()


def too_large(octets_max: int) -> Problem:
    """413."""
    return Problem(413, "TOO_LARGE", f"the body is larger than {octets_max} octets")


class DoorRequest(Request):
    """One request. Most of twisted.web's request machinery is left aside: it has no limits, and costs time."""

    channel: Any  # Twisted's own type does not say that it is None once the request is over

    def __init__(self, channel: "DoorChannel", queued: object = False) -> None:  # noqa: ARG002 - Twisted's
        self.notifications = []
        self.channel = channel
        self.requestHeaders = Headers()
        self.call: Call | None = None
        self.problem: Problem | None = None
        self._fate = BodyFate.DROPPED
        self._chunks: list[bytes] = []
        self._octets = 0
        self._octets_max = DISCARD_OCTETS_MAX
        self._is_complete = False
        self._is_answered = False

    @property
    def door_channel(self) -> "DoorChannel":
        """The connection, while there is one."""
        return cast("DoorChannel", self.channel)

    def header(self, name: bytes) -> bytes | None:
        """A request header that stands exactly once."""
        values = self.requestHeaders.getRawHeaders(name)
        return values[0] if values is not None and len(values) == 1 else None

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - Twisted's name
        """The headers are in (None: the length shows at the end): decide whether the body is wanted."""
        door = self.door_channel.door
        self.method, self.uri, self.clientproto = self.door_channel.request_line()
        try:
            self.call = door.admit(self, length)
        except Problem as problem:
            self.problem = problem
            if length is not None and length > DISCARD_OCTETS_MAX:
                self._send_early(problem)
            return
        route = self.call.route
        self._octets_max = route.body_octets_max
        if route.stream:
            self._fate = BodyFate.STREAMED
            self.call.stream = LineStream(self.door_channel.stop_reading, self.door_channel.go_on_reading)
            door.serve(self)
        elif route.body is not None or route.signed:
            self._fate = BodyFate.KEPT

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Octets of the body."""
        self._octets += len(data)
        if self._octets > self._octets_max:
            self._outgrow()
        elif self._fate is BodyFate.KEPT:
            self._chunks.append(data)
        elif self._fate is BodyFate.STREAMED and self.call is not None:
            self._stream().feed(data)

    def _outgrow(self) -> None:
        """A body of untold length grew past its limit: the rest is dropped; too much of that ends the connection."""
        problem = self.problem or too_large(self._octets_max)
        if self._fate is BodyFate.DROPPED or self._octets > DISCARD_OCTETS_MAX:
            self._send_early(problem)
        if self._fate is BodyFate.STREAMED and self.call is not None:
            self._stream().abort("the body is too large")
        self.problem = problem
        self._fate = BodyFate.DROPPED
        self._octets_max = DISCARD_OCTETS_MAX
        self._chunks = []

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802, ARG002 - Twisted's
        """The body is complete."""
        self._is_complete = True
        if self.problem is not None:
            self.send(problem_reply(self.problem))
        elif self.call is not None and self._fate is BodyFate.STREAMED:
            self._stream().end()
        elif self.call is not None:
            self.call.raw = b"".join(self._chunks)
            self._chunks = []
            self.door_channel.door.serve(self)

    def send(self, reply: Reply) -> None:
        """Write the answer and hand the connection to the next request; a client that left gets nothing."""
        if self.channel is None or self._is_answered:
            _drop(reply)
            return
        self._is_answered = True
        channel = self.door_channel
        if not self._is_complete:
            channel.persistent = 0
        if reply.pieces is not None:
            self._send_pieces(reply)
        elif reply.file is None:
            body = b"" if self.method == b"HEAD" else reply.body
            channel.transport.write(self._head(reply, len(reply.body)) + body)
            self._sent()
        else:
            channel.begin_sending()
            channel.transport.write(self._head(reply, reply.file.seek(0, SEEK_END)))
            FileSender(reply.file, channel, self._sent).start()

    def _send_pieces(self, reply: Reply) -> None:
        """An answer whose length nobody knows yet: in chunks, or to an old client until the connection ends."""
        channel = self.door_channel
        is_chunked = self.clientproto == b"HTTP/1.1"
        if not is_chunked:
            channel.persistent = 0
        channel.begin_sending()
        channel.transport.write(self._head(reply, None))
        if self.method == b"HEAD":
            _drop(reply)
            self._sent()
        elif reply.pieces is not None:
            PieceSender(reply.pieces, channel, self._sent, is_chunked=is_chunked).start()

    def _send_early(self, problem: Problem) -> None:
        self.send(problem_reply(problem))

    def _sent(self) -> None:
        channel = self.door_channel
        if not self._is_complete:
            channel.linger()
            return
        self.channel = None
        self.finished = 1
        channel.requestDone(self)

    def _head(self, reply: Reply, octets: int | None) -> bytes:
        channel = self.door_channel
        length = b"" if octets is None else b"Content-Length: %d\r\n" % octets
        if octets is None and self.clientproto == b"HTTP/1.1":
            length = b"Transfer-Encoding: chunked\r\n"
        head = [
            _STATUS_LINES[reply.status],
            channel.door.date_line(),
            b"Content-Type: ",
            reply.content_type,
            b"\r\n",
            length,
            b"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n",
        ]
        for name, value in reply.headers:
            head += (name, b": ", value, b"\r\n")
        head.append(b"\r\n" if channel.persistent else b"Connection: close\r\n\r\n")
        return b"".join(head)

    def _stream(self) -> LineStream:
        return cast("LineStream", cast("Call", self.call).stream)

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802, ARG002 - Twisted's name
        """The client left; work that began goes on to its end, its answer is dropped."""
        self.channel = None
        if self.call is not None and self.call.stream is not None and not self._is_complete:
            self._stream().abort("the connection was lost")


class DoorChannel(HTTPChannel):
    """One connection; its deadline is swept by the door."""

    transport: Any
    requestFactory: Any = DoorRequest  # noqa: N815 - Twisted's name
    maxHeaders = HEADER_COUNT_MAX  # noqa: N815 - Twisted's name
    timeOut = None  # noqa: N815 - Twisted's own timer starts again at every octet; ours does not

    def __init__(self, door: ChannelOwner, address: str) -> None:
        super().__init__()
        self.door = door
        self.address = address
        self.deadline: float | None = None
        self._is_idle = True
        self._is_sending = False
        self._is_closing = False

    def request_line(self) -> tuple[bytes, bytes, bytes]:
        """Method, target and version of the request whose headers are in."""
        return self._command, self._path, self._version

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        """Count the connection, or refuse it."""
        super().connectionMade()
        self.deadline = self.door.seconds() + IDLE_SECONDS_MAX
        if not self.door.opened(self):
            self._is_closing = True
            self.transport.abortConnection()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Octets; the first of a request start its header deadline."""
        if self._is_closing:
            return
        if self._is_idle:
            self._is_idle = False
            self.deadline = self.door.seconds() + HEADER_SECONDS_MAX
        super().dataReceived(data)

    def allHeadersReceived(self) -> None:  # noqa: N802 - Twisted's name
        """Headers are in: the body has a deadline of its own."""
        request = cast("DoorRequest", self.requests[-1])
        self.persistent = self._version == b"HTTP/1.1" and not _asks_to_close(request)
        self.deadline = self.door.seconds() + BODY_SECONDS_MAX
        request.gotLength(self.length)
        if request.call is not None and request.call.route.stream:
            self.deadline = self.door.seconds() + STREAM_SECONDS_MAX
        expects = request.header(b"Expect")
        if expects is not None and expects.lower() == b"100-continue" and self._version == b"HTTP/1.1":
            if request.problem is None:
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            else:
                request.send(problem_reply(request.problem))

    def allContentReceived(self) -> None:  # noqa: N802 - Twisted's name
        """The request is complete: from here on time is ours, not the client's."""
        self.deadline = None
        super().allContentReceived()

    def requestDone(self, request: Request) -> None:  # noqa: N802 - Twisted's name
        """Wait for the next request."""
        self._is_idle = True
        self._is_sending = False
        self.deadline = self.door.seconds() + IDLE_SECONDS_MAX
        if self.door.is_stopping:
            self.persistent = 0
        super().requestDone(request)

    def stop_reading(self) -> None:
        """Let the client's data wait in the network."""
        self._networkProducer.pauseProducing()

    def go_on_reading(self) -> None:
        """Read again."""
        if not self._waitingForTransport:
            self._networkProducer.resumeProducing()

    def begin_sending(self) -> None:
        """A long answer begins; a client that does not read it is cut off."""
        self._is_sending = True
        self.go_on_sending()

    def go_on_sending(self) -> None:
        """One more piece was wanted, so the client has read those before: it may take as long for the next."""
        self.deadline = self.door.seconds() + STREAM_SECONDS_MAX

    def linger(self) -> None:
        """Drop what still comes, then close: closing at once would reset the connection and lose our answer."""
        self._is_closing = True
        self.deadline = self.door.seconds() + GRACE_SECONDS

    def close_if_idle(self) -> None:
        """The door is closing: a connection without request goes now, the others after their answer."""
        if self._is_idle:
            self._is_closing = True
            self.loseConnection()

    def overdue(self) -> None:
        """The deadline passed: 408 where a request hangs, else close; abort when even that hangs."""
        if self._is_closing or self._is_sending:
            self.transport.abortConnection()
            return
        self.linger()
        if not self._is_idle:
            self._respond(Problem(408, "TIMEOUT", "the request did not arrive in time"))
        self.loseConnection()

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: N802, ARG002 - Twisted's name
        """A header line without end."""
        self.linger()
        self._respond(Problem(431, "HEADER_TOO_LARGE", "a header line is longer than 16 KiB"))
        self.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802 - Twisted's name
        """Forget the connection."""
        self.door.closed(self)
        super().connectionLost(reason)

    def _respondToBadRequestAndDisconnect(self) -> None:  # noqa: N802 - Twisted's name
        self.linger()
        self._respond(Problem(400, "INVALID", "this is not a well-formed HTTP request"))
        self.loseConnection()

    def _respond(self, problem: Problem) -> None:
        body = problem.document()
        head = b"Content-Type: %b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (PROBLEM_JSON, len(body))
        self.transport.write(_STATUS_LINES[problem.status] + self.door.date_line() + head + body)
