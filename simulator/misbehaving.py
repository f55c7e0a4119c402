"""A connection of an SMSC without manners: sits below the session, and spoils what leaves it.

The session above stays a correct one; answers held back, altered or lost here are sent as far as it knows.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from simulator.link_gate import Gated, LinkGate
from simulator.misbehaviour import BindManner, Misbehaviour, Unasked
from simulator.rng import Rng
from simulator.timers import Timers
from simulator.unasked import octets_of
from sms.smpp.constants import HEADER_OCTETS, RESPONSE_BIT, SEQUENCE_MAX, CommandId, CommandStatus
from sms.smpp.events import Direction
from sms.smpp.framing import Framer
from sms.smpp.protocol import SmppProtocol

TICK_SECONDS = 0.02
MS_PER_S = 1_000

_BIND_ANSWERS = frozenset(
    {CommandId.BIND_RECEIVER_RESP, CommandId.BIND_TRANSMITTER_RESP, CommandId.BIND_TRANSCEIVER_RESP}
)


class Misbehaving(Gated):
    """One such connection."""

    def __init__(
        self, gate: LinkGate, link: SmppProtocol, *, manners: Misbehaviour, clock: IReactorTime, rng: Rng
    ) -> None:
        super().__init__(gate, link)
        self._session = link.session
        self._manners = manners
        self._clock = clock
        self._timers = Timers(clock)
        self._framer = Framer()
        self._unasked: Iterator[bytes] = islice(octets_of(manners.unasked, rng), manners.unasked_count)
        self._held: list[bytes] | None = None
        self._is_bound = False
        self._sent = 0
        self._submissions = 0

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        """Alive until the link flaps, where it does."""
        super().connectionMade()
        flap_ms = self._manners.flap_ms
        if flap_ms is None:
            return
        turn, into = divmod(self._clock.seconds(), flap_ms / MS_PER_S)
        self._timers.later(0 if turn % 2 else flap_ms / MS_PER_S - into, self.cut)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802 - Twisted's name
        """Nothing is sent any more."""
        self._timers.cancel_all()
        super().connectionLost(reason)

    def write(self, data: bytes) -> None:
        """What the session says: whole PDUs, each looked at on its way."""
        for frame in self._framer.feed(data):
            if self._held is not None:
                self._held.append(frame)
            else:
                self._leave(frame)

    def writeSequence(self, iovec: Any) -> None:  # noqa: N802 - Twisted's name
        """As `write`."""
        self.write(b"".join(iovec))

    def _leave(self, frame: bytes) -> None:
        manners = self._manners
        command = int.from_bytes(frame[4:8], "big")
        if command in _BIND_ANSWERS:
            self._answer_bind(frame)
        elif command == CommandId.ENQUIRE_LINK_RESP and not manners.answers_enquire_link:
            return
        elif not (manners.mute and self._is_bound):
            self._put(self._spoiled(command, frame))

    def _answer_bind(self, frame: bytes) -> None:
        manners = self._manners
        if manners.bind is BindManner.DROPPED:
            self.cut()
        elif manners.bind_delay_ms:
            self._held = []
            self._timers.later(manners.bind_delay_ms / MS_PER_S, self._bound, frame)
        elif manners.bind is not BindManner.NEVER:
            self._bound(frame)

    def _bound(self, answer: bytes) -> None:
        super().write(answer)
        held, self._held = self._held, None
        if any(answer[8:12]):
            return
        self._is_bound = True
        if not self._manners.reads:
            self.transport.pauseProducing()
        for frame in held or ():
            self._leave(frame)
        if self._manners.unasked is not Unasked.NOTHING:
            self._timers.later(0, self._send_unasked)

    def _spoiled(self, command: int, frame: bytes) -> bytes:
        manners = self._manners
        if command < RESPONSE_BIT:
            return frame
        if manners.number_offset:
            number = int.from_bytes(frame[12:16], "big") + manners.number_offset
            frame = frame[:12] + min(number, SEQUENCE_MAX).to_bytes(4, "big") + frame[16:]
        if manners.fails_every_second and command == CommandId.SUBMIT_SM_RESP:
            self._submissions += 1
            if not self._submissions % 2:
                status = int(CommandStatus.ESME_RSYSERR).to_bytes(4, "big")
                frame = HEADER_OCTETS.to_bytes(4, "big") + frame[4:8] + status + frame[12:16]
        return frame

    def _put(self, frame: bytes) -> None:
        super().write(frame)
        self._sent += self._is_bound
        limit = self._manners.hangs_up_after
        if limit is not None and self._sent >= limit:
            self.loseConnection()

    def _send_unasked(self) -> None:
        """As many as belong to a tick; what does not fit into the socket waits in it, so nobody is overrun."""
        count = max(1, int(self._manners.unasked_per_s * TICK_SECONDS))
        pdus = list(islice(self._unasked, count))
        if not pdus:
            return
        tap = self._session.tap
        for octets in pdus:
            super().write(octets)
            if tap is not None and len(octets) >= HEADER_OCTETS:
                tap(Direction.SENT, octets, None)
        self._timers.later(max(TICK_SECONDS, 1 / self._manners.unasked_per_s), self._send_unasked)
