"""Long answers on their way: a file from its start, or pieces as they are made, as fast as the client reads."""

from collections.abc import Callable
from typing import IO, Any

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from gateway.http.routing import Pieces

FILE_PIECE_OCTETS = 1 << 16


@implementer(IPushProducer)
class FileSender:
    """Sends a file as fast as the client reads it, then closes it and says so; a lost connection ends it too."""

    def __init__(self, file: IO[bytes], channel: Any, sent: Callable[[], None]) -> None:
        self._file = file
        self._channel = channel
        self._sent = sent
        self._is_paused = False
        self._is_over = False

    def start(self) -> None:
        """Begin with the first octet."""
        self._file.seek(0)
        self._channel.registerProducer(self, streaming=True)
        self.resumeProducing()

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """The client's buffers are full."""
        self._is_paused = True

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Go on until they are full again."""
        self._is_paused = False
        while not self._is_paused and not self._is_over:
            piece = self._file.read(FILE_PIECE_OCTETS)
            if piece:
                self._channel.transport.write(piece)
                self._channel.go_on_sending()
            else:
                self._is_over = True
                self._file.close()
                self._channel.unregisterProducer()
                self._sent()

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        """The connection is gone."""
        self._is_over = True
        self._file.close()


class PieceSender:
    """Sends pieces as they come, in chunks (RFC 9112 §7.1) or as they are; one that breaks off breaks the connection.

    `channel` is the connection, `sent` is called after the last octet.
    """

    def __init__(self, pieces: Pieces, channel: Any, sent: Callable[[], None], *, is_chunked: bool) -> None:
        self._pieces = pieces
        self._channel = channel
        self._sent = sent
        self._is_chunked = is_chunked

    def start(self) -> None:
        """Begin."""
        self._channel.registerProducer(self._pieces, streaming=True)
        self._pieces.attach(self._write, self._done)

    def _write(self, piece: bytes) -> None:
        self._channel.transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if self._is_chunked else piece)
        self._channel.go_on_sending()

    def _done(self, is_whole: bool) -> None:
        if not is_whole:
            self._channel.transport.abortConnection()
            return
        if self._is_chunked:
            self._channel.transport.write(b"0\r\n\r\n")
        self._channel.unregisterProducer()
        self._sent()
