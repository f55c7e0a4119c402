"""The Twisted shell of a session: one write per read or turn, window, timers, orderly end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet import protocol
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger, LogLevel
from zope.interface import implementer

from sms.errors import (
    BindRefused,
    ConnectionDropped,
    LinkClosed,
    NeverWritten,
    OutcomeUnknown,
    PeerSilent,
    RequestFailed,
    SessionStateError,
    SmppError,
    UnbindUnanswered,
    WindowFull,
)
from sms.smpp.constants import CommandStatus
from sms.smpp.events import (
    BindReceived,
    LateResponseReceived,
    LinkBroken,
    OutbindReceived,
    PduRefused,
    PeerUnbound,
    RequestReceived,
    ResponseReceived,
    ResponseRefused,
    UnbindConfirmed,
    UnknownResponseReceived,
)
from sms.smpp.pdu import (
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    DataSm,
    DeliverSm,
    EnquireLink,
    Unbind,
    response_to,
)
from sms.smpp.requests import Requests
from sms.smpp.tcp import tune
from sms.smpp.transitions import Role, SessionState
from sms.smpp.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall, IReactorTime
    from twisted.python.failure import Failure

    from sms.smpp.config import Timing
    from sms.smpp.events import Event
    from sms.smpp.pdu import Bind, Outbind, Pdu
    from sms.smpp.requests import Answered
    from sms.smpp.session import Session

_log = Logger()


_BINDS = frozenset({BindReceiver, BindTransmitter, BindTransceiver})


class SessionHandler(Protocol):
    """What the owner of sessions implements; called on the reactor thread."""

    def bound(self, link: SmppProtocol) -> None:
        """The session is bound: requests may be sent and will come."""

    def request_received(self, link: SmppProtocol, pdu: Pdu) -> None:
        """Answer now or later with `link.respond(pdu, response)`; never for alert_notification."""

    def response_unmatched(self, link: SmppProtocol, request: Pdu | None, response: Pdu) -> None:
        """A response nobody waits for: late (then `request` is the one given up) or unknown."""

    def session_ended(self, link: SmppProtocol, in_flight: list[Pdu], reason: SmppError | None) -> None:
        """The connection is gone; `in_flight` were written and not answered. Also when never bound."""


@implementer(IPushProducer)
class SmppProtocol(protocol.Protocol):
    """One connection. `on_bind` (SMSC) and `on_outbind` (ESME) decide how it comes to be bound."""

    def __init__(
        self,
        session: Session,
        handler: SessionHandler,
        *,
        clock: IReactorTime,
        timing: Timing,
        window: int = 10,
        on_bind: Callable[[SmppProtocol, Bind], None] | None = None,
        on_outbind: Callable[[SmppProtocol, Outbind], None] | None = None,
    ) -> None:
        self.session = session
        self.handler = handler
        self.window = window
        self.peer_host = ""
        self.on_refused: Callable[[SmppError], None] | None = None
        """Hears of what the peer sent and the codec refused."""
        self.enquire_rtt_s: float | None = None
        """How long the last answer to our enquire_link took."""
        self._enquired_at = 0.0
        self._clock = clock
        self._timing = timing
        self._requests = Requests(
            clock, timing.response_timeout_s, expired=self._expire, idle=lambda: _fire(self._drained)
        )
        self._reading = False
        self._flushing: IDelayedCall | None = None
        self._leaving = False
        self._closing = False
        self._gone = False
        self._acted = False
        self._reason: SmppError | None = None
        self._ended: list[Deferred[None]] = []
        self._drained: list[Deferred[None]] = []
        self._unbinding: Deferred[None] | None = None
        self._watch = Watch(self, clock, timing)
        self._reactions: dict[type[Event], Callable[[Any], None]] = {
            ResponseReceived: self._take_response,
            ResponseRefused: self._take_refused_response,
            LateResponseReceived: lambda event: handler.response_unmatched(self, event.request, event.response),
            UnknownResponseReceived: self._take_unknown_response,
            PduRefused: self._take_refused,
            BindReceived: lambda event: on_bind(self, event.pdu) if on_bind else None,
            OutbindReceived: lambda event: on_outbind(self, event.pdu) if on_outbind else None,
            PeerUnbound: self._take_unbound,
            UnbindConfirmed: self._take_unbound,
            LinkBroken: self._take_broken,
        }

    # What the owner uses.

    @property
    def state(self) -> SessionState:
        """The state of the session."""
        return self.session.state

    @property
    def bind(self) -> Bind | None:
        """The bind request of this session, once bound."""
        return self.session.bind

    @property
    def window_free(self) -> int:
        """How many requests may be written now without waiting."""
        return max(0, self.window - self._requests.in_window)

    @property
    def in_window(self) -> int:
        """How many requests of the window wait for their answers."""
        return self._requests.in_window

    def respond(self, request: Pdu, response: Pdu) -> None:
        """Answer a request; all answers of one reactor turn leave in one write.

        An answer to a session that is over is dropped: the peer will ask again. Raises
        SessionStateError for a second answer, PduError for wrong values.
        """
        session = self.session
        if self._closing or self._gone:
            return
        session.respond(request, response)
        if not self._reading:
            self._flush_soon()
        if type(request) in _BINDS and session.state.is_bound:
            self._became_bound()

    def forget(self, request: Pdu) -> None:
        """Owe this request no answer any more; a session that was kept open for it ends."""
        if not (self._closing or self._gone):
            self.session.forget(request)
            self._flush_soon()

    async def request(self, pdu: Pdu, *, on_written: Callable[[int], None] | None = None) -> Pdu:
        """Send a request once the window has room, and return its answer, whatever its status.

        The answer may be a GenericNack. `on_written(sequence_number)` is called when the octets
        were handed to the transport. Raises `NeverWritten` (safe to send again) or
        `OutcomeUnknown` (of which `ResponseTimeout`: written, nobody knows); PduError for wrong
        values, SessionStateError for what this kind of bind may never send.
        """
        while self.window_free <= 0 and self._may_send:
            await self._requests.slot()
        if not self._may_send:
            raise NeverWritten(f"the session is {self.state.value}")
        answer: Deferred[Pdu | RequestFailed] = Deferred()
        try:
            self.try_request(pdu, answer.callback, on_written=on_written)
        except SmppError:
            self._requests.offer_slot()
            raise
        outcome = await answer
        if isinstance(outcome, RequestFailed):
            raise outcome
        return outcome

    def try_request(self, pdu: Pdu, answered: Answered, *, on_written: Callable[[int], None] | None = None) -> int:
        """Send at once, without a coroutine: `answered` gets the response or the failure.

        Returns the sequence_number; raises `WindowFull`, `SessionStateError` or `PduError`.
        """
        if self._leaving:
            raise SessionStateError("the session is being ended")
        if self._requests.in_window >= self.window:
            raise WindowFull(f"{self.window} requests are unanswered")
        return self._send(pdu, answered, in_window=True, on_written=on_written)

    def send_unanswered(self, pdu: Pdu) -> int:
        """Send a request that has no answer (alert_notification, outbind)."""
        number = self.session.send(pdu)
        self._flush_soon()
        return number

    async def establish(self, bind: Bind) -> None:
        """Bind (ESME side); `handler.bound` was called when this returns.

        Raises BindRefused with the peer's status, RequestFailed when no answer came, LinkClosed when the
        peer accepted and ended the session in the same breath.
        """
        answer: Deferred[Pdu | RequestFailed] = Deferred()
        self._send(bind, answer.callback, in_window=False)
        outcome = await answer
        if isinstance(outcome, RequestFailed):
            raise outcome
        if outcome.command_status:
            raise BindRefused(outcome.command_status)
        if not self.state.is_bound:
            raise LinkClosed("the peer accepted the bind and ended the session with it")

    async def unbind(self) -> None:
        """Let answers come, unbind, close; each within `timing.unbind_s`. Returns when it is gone."""
        if self._gone:
            return
        first = not self._leaving
        self._leaving = True
        self._requests.refuse_waiting()
        if first and self.state.is_bound:
            if len(self._requests):
                await self._wait(self._drained)
            if self.state.is_bound:
                self.session.send(Unbind())
                self._flush_soon()
        elif first:
            self.close()
        await self._wait(self._ended)
        if not self._gone:
            self.abort()
            await self._wait(self._ended)

    def close(self, reason: SmppError | None = None) -> None:
        """Flush and close without unbind; abort if the peer does not take the rest in time."""
        self._leaving = True
        if self._closing or self._gone:
            return
        self._closing = True
        self._reason = reason
        self._flush()
        # A registered producer would keep the transport open.
        self._transport.unregisterProducer()
        self._transport.loseConnection()
        self._watch.closing()

    def abort(self, reason: SmppError | None = None) -> None:
        """Close at once; what the transport still holds is lost."""
        self._leaving = True
        if not self._closing:
            self._closing = True
            self._reason = reason
        if not self._gone:
            self._transport.abortConnection()

    def enquire(self) -> None:
        """Ask the peer whether it is there; no answer in time closes the connection."""
        if self._may_send:
            self._enquired_at = self._clock.seconds()
            self._send(EnquireLink(), _ignore, in_window=False)

    def leave(self) -> None:
        """Begin to unbind; the session owns the coroutine."""
        self._unbinding = Deferred.fromCoroutine(self.unbind()).addErrback(_log_failure)

    # What the transport calls.

    @property
    def _transport(self) -> Any:
        # Twisted types `transport` as ITransport | None; every real one is also a consumer.
        return self.transport

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        """Start the timers of an open session."""
        transport = self._transport
        interval = self._timing.enquire_link_s
        tune(transport, None if interval is None else interval + self._timing.response_timeout_s)
        transport.registerProducer(self, True)
        self.peer_host = getattr(transport.getPeer(), "host", "")
        self._watch.opened()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Feed the session, hand out its events, write every answer at once."""
        session = self.session
        heard = session.pdus_received
        self._reading = True
        self._acted = False
        try:
            for event in session.receive_data(data):
                if type(event) is RequestReceived:
                    self._hand_over(event.pdu)
                else:
                    self._reactions[type(event)](event)
        finally:
            self._reading = False
        self._watch.heard(
            partial=session.partial_octets > 0,
            complete=session.pdus_received != heard,
            acted=self._acted,
        )
        self._flush()
        if session.state is SessionState.UNBOUND:
            self._close_when_drained()

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:  # noqa: N802 - Twisted's name
        """Settle every request, stop every timer, tell the owner."""
        del reason  # The session knows better why: unbind, a limit of ours, or the peer just went.
        if not self._closing and self._reason is None and self.state is not SessionState.UNBOUND:
            self._reason = (
                UnbindUnanswered("the peer closed instead of answering unbind")
                if self.state is SessionState.UNBINDING
                else ConnectionDropped("the connection ended without unbind")
            )
        self._leaving = self._gone = True
        in_flight = {pdu.sequence_number: pdu for pdu in self.session.connection_lost()}
        self._watch.stop()
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        written = [in_flight[number] for number in self._requests.written]
        try:
            # The link is down before its requests fail: who asks again must not find it up.
            self.handler.session_ended(self, written, self._reason)
        finally:
            self._requests.fail_all()
            _fire(self._ended)

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """The peer does not read: neither do we, so that nothing piles up."""
        if self.session.pdus_received:
            # Before the first PDU it is TLS that pauses us, and its handshake has to be read.
            self._transport.pauseProducing()
        self._watch.stalled()

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        """The peer reads again."""
        self._watch.unstalled()
        self._transport.resumeProducing()

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        """The transport is closing: nothing is produced any more."""

    # Sending.

    @property
    def _may_send(self) -> bool:
        return self.state.is_bound and not self._leaving

    def _send(
        self,
        pdu: Pdu,
        answered: Answered,
        *,
        in_window: bool,
        on_written: Callable[[int], None] | None = None,
    ) -> int:
        number = self.session.send(pdu)
        self._requests.add(number, answered, in_window=in_window, on_written=on_written)
        if not self._reading:
            self._flush_soon()
        return number

    def _flush_soon(self) -> None:
        if self._flushing is None and not self._reading:
            self._flushing = self._clock.callLater(0, self._flush_now)

    def _flush_now(self) -> None:
        self._flushing = None
        self._flush()
        if self.session.state is SessionState.UNBOUND:
            self._close_when_drained()

    def _flush(self) -> None:
        data = self.session.data_to_send()
        if data and self.transport is not None:
            self._transport.write(data)
            self._requests.mark_written()

    # Events.

    def _hand_over(self, pdu: Pdu) -> None:
        self._acted = True
        try:
            self.handler.request_received(self, pdu)
        except Exception:  # noqa: BLE001 - the network door: a fault of ours must not cost the session
            _log.failure("request {name} could not be handled", name=pdu.name, level=LogLevel.error)
            # 0x64 makes the peer deliver again; a submission is refused as a whole.
            again = isinstance(pdu, DeliverSm | DataSm) and self.session.role is Role.ESME
            status = CommandStatus.ESME_RX_T_APPN if again else CommandStatus.ESME_RSYSERR
            try:
                self.respond(pdu, response_to(pdu, status))
            except SessionStateError:
                _log.debug("it had been answered before")

    def _take_response(self, event: ResponseReceived) -> None:
        request = event.request
        kind = type(request)
        if kind is DeliverSm:
            # A receipt was taken: what most answers to an SMSC say.
            self._acted = True
            self._requests.settle(request.sequence_number, event.response)
            return
        if kind in _BINDS and self.state.is_bound:
            self._became_bound()
        self._settle(request, event.response)

    def _take_refused_response(self, event: ResponseRefused) -> None:
        self._settle(event.request, OutcomeUnknown(f"the answer breaks the protocol: {event.error}"))

    def _take_unknown_response(self, event: UnknownResponseReceived) -> None:
        _log.info("response 0x{id:08X} #{number} to no request of ours",
                  id=event.command_id, number=event.sequence_number)  # fmt: skip
        if event.response is not None:
            self.handler.response_unmatched(self, None, event.response)

    def _take_refused(self, event: PduRefused) -> None:
        _log.info("PDU refused with 0x{status:08X}: {reason}",
                  status=event.error.command_status, reason=event.error.reason)  # fmt: skip
        if self.on_refused is not None:
            self.on_refused(event.error)

    def _take_broken(self, event: LinkBroken) -> None:
        if self.on_refused is not None:
            self.on_refused(event.error)
        self.close(event.error)

    def _take_unbound(self, _event: PeerUnbound | UnbindConfirmed) -> None:
        self._leaving = True
        self._requests.refuse_waiting()
        self._watch.leaving()

    def _settle(self, request: Pdu, outcome: Pdu | RequestFailed) -> None:
        self._requests.settle(request.sequence_number, outcome)
        if type(request) is not EnquireLink:
            self._acted = True
        else:
            self.enquire_rtt_s = self._clock.seconds() - self._enquired_at
            if not self._leaving:
                self._watch.enquired()

    def _expire(self, number: int) -> None:
        request = self.session.expire(number)
        if type(request) is EnquireLink:
            self.close(PeerSilent(f"no answer to enquire_link within {self._timing.response_timeout_s:g} s"))

    def _became_bound(self) -> None:
        self._watch.bound()
        self.handler.bound(self)

    def _close_when_drained(self) -> None:
        if self.session.is_drained:
            self.close()

    async def _wait(self, waiters: list[Deferred[None]]) -> None:
        # Within the limit; what did not happen by then is the caller's to force.
        waiter: Deferred[None] = Deferred()
        waiters.append(waiter)
        limit = self._clock.callLater(self._timing.unbind_s, waiter.cancel)
        try:
            await waiter
        except CancelledError:
            waiters.remove(waiter)
        finally:
            if limit.active():
                limit.cancel()


def _ignore(_outcome: Pdu | RequestFailed) -> None:
    """Answers to enquire_link and unbind are acted on where they arrive."""


def _log_failure(failure: Failure) -> None:
    _log.failure("unbind failed", failure)


def _fire(waiters: list[Deferred[None]]) -> None:
    while waiters:
        waiters.pop().callback(None)
