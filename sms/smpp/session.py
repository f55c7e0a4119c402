"""One SMPP session without socket and clock: octets in, events out, octets to send fetched.

It numbers requests, matches responses, answers what the protocol itself answers (enquire_link,
unbind, what is malformed, unknown or out of state) and keeps the state; who decides on
requests and waits for responses is its owner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec

from sms.errors import (
    AlreadyBound,
    BindStatusWrong,
    CommandIdUnknown,
    InboundQueueFull,
    ParameterNotAllowed,
    ParameterValueInvalid,
    PduError,
    PeerLostFraming,
    SessionStateError,
)
from sms.smpp.codec import decode, encode
from sms.smpp.config import TlvPolicy
from sms.smpp.constants import (
    PDU_OCTETS_MAX,
    RESPONSE_BIT,
    SEQUENCE_MAX,
    SEQUENCE_MIN,
    VERSION_34,
    VERSION_50,
    Tag,
)
from sms.smpp.constants import CommandId as C
from sms.smpp.events import (
    BindReceived,
    Direction,
    Event,
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
from sms.smpp.framing import Framer
from sms.smpp.pdu import (
    PDU_CLASSES,
    UNANSWERED,
    Bind,
    BindResp,
    DataSmResp,
    GenericNack,
    Outbind,
    SubmitMultiResp,
    SubmitSmResp,
    response_class,
    response_to,
)
from sms.smpp.transitions import BOUND_STATES, DELIVERED, Effect, Role, SessionState, Way, row

if TYPE_CHECKING:
    from collections.abc import Callable

    from sms.smpp.pdu import MessageResp, Pdu
    from sms.smpp.transitions import Transition

    Tap = Callable[[Direction, bytes, Pdu | None], None]

__all__ = ["EXPIRED_MAX", "INBOUND_MAX", "Role", "Session", "SessionState"]

INBOUND_MAX = 5_000
"""Requests of the peer that may wait for our answer; more are refused with ESME_RTHROTTLED."""
EXPIRED_MAX = 1_000
"""Requests given up that are remembered for a late answer."""

_ROWS = {
    (role, state): (row(role, state, Way.PEER), row(role, state, Way.US)) for role in Role for state in SessionState
}
_BINDING = SessionState.BINDING
_ANSWERS = {cls: response_class(command_id) for command_id, cls in PDU_CLASSES.items()}
_CONGESTED_RESPONSES = frozenset({SubmitSmResp, SubmitMultiResp, DataSmResp})


def _accepts_bind(response: Pdu) -> bool:
    return isinstance(response, BindResp) and response.command_status == 0


class Session:
    """See the module; `send` and `respond` only queue, `data_to_send` hands the octets out."""

    def __init__(
        self,
        role: Role,
        *,
        interface_version: int = VERSION_34,
        tlv: TlvPolicy = TlvPolicy.AUTO,
        tap: Tap | None = None,
        pdu_octets_max: int = PDU_OCTETS_MAX,
        inbound_max: int = INBOUND_MAX,
    ) -> None:
        self.role = role
        self.interface_version = interface_version
        self.peer_version: int | None = None
        self.bind: Bind | None = None
        self.congestion_state: int | None = None
        self.pdus_received = 0
        self.inbound_max = inbound_max
        self.announces_version = True
        self._tlv = tlv
        self._tlvs_allowed = tlv is TlvPolicy.ALWAYS
        self.tap = tap
        self._framer = Framer(pdu_octets_max)
        self._version = interface_version
        self._out: list[bytes] = []
        self._farewell: list[bytes] = []
        self._last_number = 0
        self._outstanding: dict[int, Pdu] = {}
        self._expired: dict[int, Pdu] = {}
        self._inbound: dict[int, int] = {}
        self._enter(SessionState.OPEN)

    # What the owner asks for.

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be received or sent any more."""
        return self.state is SessionState.CLOSED

    @property
    def in_flight(self) -> list[Pdu]:
        """Requests of ours without an answer, oldest first."""
        return list(self._outstanding.values())

    @property
    def unanswered(self) -> int:
        """How many requests of the peer wait for our answer."""
        return sum(self._inbound.values())

    @property
    def is_drained(self) -> bool:
        """Whether no answer is outstanding either way."""
        return not self._inbound and not self._outstanding

    @property
    def partial_octets(self) -> int:
        """Octets of a PDU that has not come whole yet."""
        return self._framer.pending

    def data_to_send(self) -> bytes:
        """Everything queued since the last call, in one piece."""
        out = self._out
        if self._farewell:
            out += self._farewell
            self._farewell.clear()
        if not out:
            return b""
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        return data

    def send(self, pdu: Pdu) -> int:
        """Queue a request of ours; gives it its sequence_number and returns it.

        Raises SessionStateError where the state forbids it, PduError for wrong values.
        """
        transition = self._sendable.get(type(pdu))
        if transition is None:
            raise SessionStateError(f"{pdu.name} may not be sent by {self.role.value} when {self.state.value}")
        if pdu.command_status:
            raise ParameterValueInvalid("a request has command_status 0", command_id=pdu.command_id)
        if pdu.tlvs and pdu.command_id == C.REPLACE_SM and self._version < VERSION_50:
            raise ParameterNotAllowed("replace_sm has no optional parameters before 5.0", command_id=pdu.command_id)
        number = self._next_number()
        pdu.sequence_number = number
        self._queue(pdu)
        self._last_number = number
        if pdu.command_id not in UNANSWERED:
            self._outstanding[number] = pdu
        if transition.next_state is not None:
            self._enter(transition.next_state)
        return number

    def respond(self, request: Pdu, response: Pdu) -> None:
        """Queue the answer to a request the peer sent, once per request.

        Raises SessionStateError when there is nothing to answer (any more), PduError for wrong values.
        """
        number = request.sequence_number
        waiting = self._inbound.get(number)
        if waiting is None:
            raise SessionStateError(f"no request with number {number} waits for an answer")
        if type(response) is not _ANSWERS[type(request)] and type(response) is not GenericNack:
            raise SessionStateError(f"{response.name} does not answer {request.name}")
        response.sequence_number = number
        binding = self.state is _BINDING
        if binding:
            self._prepare_bind_answer(cast("Bind", request), response)
        elif self.congestion_state is not None and type(response) in _CONGESTED_RESPONSES:
            self._add_congestion(cast("MessageResp", response))
        self._queue(response)
        if waiting == 1:
            del self._inbound[number]
        else:
            self._inbound[number] = waiting - 1
        if binding:
            accepted = _accepts_bind(response)
            self._enter(BOUND_STATES[request.command_id] if accepted else SessionState.OPEN)

    def forget(self, request: Pdu) -> None:
        """Owe this request no answer any more: its owner will not give one."""
        waiting = self._inbound.get(request.sequence_number, 0)
        if waiting > 1:
            self._inbound[request.sequence_number] = waiting - 1
        elif waiting:
            del self._inbound[request.sequence_number]

    def expire(self, sequence_number: int) -> Pdu | None:
        """Stop waiting for this answer; should it come it is a `LateResponseReceived`."""
        request = self._outstanding.pop(sequence_number, None)
        if request is not None:
            if len(self._expired) >= EXPIRED_MAX:
                del self._expired[next(iter(self._expired))]
            self._expired[sequence_number] = request
        return request

    def connection_lost(self) -> list[Pdu]:
        """End the session; returns the requests of ours that stay without an answer."""
        in_flight = self.in_flight
        self._outstanding.clear()
        self._inbound.clear()
        self._out.clear()
        self._farewell.clear()
        self._enter(SessionState.CLOSED)
        return in_flight

    # What the peer sends.

    def receive_data(self, data: bytes) -> list[Event]:
        """Feed octets as they come, in any chunking; only events come out, whatever the octets."""
        events: list[Event] = []
        if self.is_closed:
            return events
        frames = self._framer.feed(data)
        self.pdus_received += len(frames)
        tap = self.tap
        for frame in frames:
            try:
                pdu = decode(frame, self._version)
            except PduError as error:
                self._show(Direction.RECEIVED, frame, None)
                self._refuse_malformed(error, events)
                continue
            if tap is not None:
                tap(Direction.RECEIVED, frame, pdu)
            if pdu.tlvs and not self._tlvs_allowed:
                self._learn_from_tlv()
            transition = self._receivable.get(type(pdu))
            if transition is not None:
                self._receive_request(pdu, transition, events)
            elif not pdu.is_response:
                self._refuse(BindStatusWrong(f"{pdu.name} is not allowed when {self.state.value}"), pdu, events)
            else:
                self._receive_response(pdu, events)
                if self.is_closed:
                    return events
        broken = self._framer.error
        if broken is not None:
            self._queue_last(GenericNack(command_status=broken.command_status))
            self._enter(SessionState.CLOSED)
            events.append(LinkBroken(broken))
        return events

    def _receive_request(self, pdu: Pdu, transition: Transition, events: list[Event]) -> None:
        if transition is DELIVERED:
            inbound = self._inbound
            if len(inbound) >= self.inbound_max:
                self._refuse(InboundQueueFull(f"{self.inbound_max} requests are unanswered"), pdu, events)
                return
            number = pdu.sequence_number
            inbound[number] = inbound.get(number, 0) + 1
            events.append(RequestReceived(pdu))
            return
        effect = transition.effect
        if effect is Effect.ANSWER:
            self._queue(response_to(pdu))
        elif effect is Effect.BIND:
            self._begin_bind(cast("Bind", pdu), events)
        elif effect is Effect.ALREADY_BOUND:
            self._refuse(AlreadyBound("the session is bound"), pdu, events)
        elif effect is Effect.UNBIND:
            self._queue_last(response_to(pdu))
            events.append(PeerUnbound())
        else:
            events.append(OutbindReceived(pdu) if isinstance(pdu, Outbind) else RequestReceived(pdu))
        if transition.next_state is not None:
            self._enter(transition.next_state)

    def _receive_response(self, pdu: Pdu, events: list[Event]) -> None:
        number = pdu.sequence_number
        if number == 0 and pdu.command_id == C.GENERIC_NACK:
            self._enter(SessionState.CLOSED)
            events.append(LinkBroken(PeerLostFraming(pdu.command_status)))
            return
        request = self._take(self._outstanding, number, pdu.command_id)
        if request is not None:
            self._settle(request, pdu, events)
            return
        late = self._take(self._expired, number, pdu.command_id)
        if late is not None:
            events.append(LateResponseReceived(late, pdu))
        else:
            events.append(UnknownResponseReceived(pdu.command_id, number, pdu))

    def _settle(self, request: Pdu, response: Pdu, events: list[Event]) -> None:
        if request.command_id == C.UNBIND:
            # Whatever the peer thinks of it, we are leaving.
            self._enter(SessionState.UNBOUND)
            events.append(UnbindConfirmed())
            return
        if isinstance(request, Bind):
            if _accepts_bind(response):
                self.bind = request
                self._agree(response.tlv_int(Tag.SC_INTERFACE_VERSION))
                self._enter(BOUND_STATES[request.command_id])
            else:
                self._enter(SessionState.OPEN)
        events.append(ResponseReceived(request, response))

    def _refuse_malformed(self, error: PduError, events: list[Event]) -> None:
        if error.command_id >= RESPONSE_BIT:
            self._refuse_response(error, events)
            return
        cls = PDU_CLASSES.get(error.command_id)
        if cls is not None and cls not in self._receivable:
            # A peer that may not send this need not learn what was wrong with it.
            error = BindStatusWrong(
                f"the command is not allowed when {self.state.value}",
                command_id=error.command_id,
                sequence_number=error.sequence_number,
            )
        self._answer_error(error, events)

    def _refuse_response(self, error: PduError, events: list[Event]) -> None:
        if isinstance(error, CommandIdUnknown):
            events.append(UnknownResponseReceived(error.command_id, error.sequence_number, None))
            return
        request = self._take(self._outstanding, error.sequence_number, error.command_id)
        if request is None:
            events.append(PduRefused(error))
            return
        if isinstance(request, Bind):
            self._enter(SessionState.OPEN)
        events.append(ResponseRefused(request, error))

    def _refuse(self, error: PduError, pdu: Pdu, events: list[Event]) -> None:
        error.command_id = pdu.command_id
        error.sequence_number = pdu.sequence_number
        self._answer_error(error, events)

    def _answer_error(self, error: PduError, events: list[Event]) -> None:
        if error.command_id not in UNANSWERED:
            answer = response_class(error.command_id) or GenericNack
            self._queue(answer(command_status=error.command_status, sequence_number=error.sequence_number))
        events.append(PduRefused(error))

    # Binding, versions and optional parameters.

    def _begin_bind(self, pdu: Bind, events: list[Event]) -> None:
        self._inbound[pdu.sequence_number] = 1
        events.append(BindReceived(pdu))

    def _prepare_bind_answer(self, request: Bind, response: Pdu) -> None:
        if _accepts_bind(response):
            self.bind = request
            self._agree(request.interface_version)
            if self.announces_version and self._tlvs_allowed and response.tlv(Tag.SC_INTERFACE_VERSION) is None:
                version = bytes((self.interface_version,))
                response.tlvs = (*response.tlvs, (int(Tag.SC_INTERFACE_VERSION), version))

    def _agree(self, peer_version: int | None) -> None:
        self.peer_version = peer_version
        if peer_version is not None:
            self._version = min(self.interface_version, peer_version)
        if self._version < VERSION_34 or self._tlv is TlvPolicy.NEVER:
            self._tlvs_allowed = False
        elif peer_version is not None:
            self._tlvs_allowed = True

    def _learn_from_tlv(self) -> None:
        # Many SMSCs speak optional parameters without having announced 3.4 (§3.4).
        silent = self.peer_version is None and self.bind is not None
        if silent and self._tlv is TlvPolicy.AUTO and self._version >= VERSION_34:
            self._tlvs_allowed = True

    def _add_congestion(self, response: MessageResp) -> None:
        if self._version >= VERSION_50 and response.tlv(Tag.CONGESTION_STATE) is None:
            state = bytes((self.congestion_state or 0,))
            response.message_id = response.message_id or ""
            response.tlvs = (*response.tlvs, (int(Tag.CONGESTION_STATE), state))

    # Small steps.

    def _queue(self, pdu: Pdu) -> None:
        if pdu.tlvs and not self._tlvs_allowed:
            if pdu.tlv(Tag.MESSAGE_PAYLOAD) is not None:
                raise ParameterNotAllowed("the peer takes no optional parameters, and the text is in one")
            pdu = msgspec.structs.replace(pdu, tlvs=())
        octets = encode(pdu, self._version)
        self._out.append(octets)
        if self.tap is not None:
            self.tap(Direction.SENT, octets, pdu)

    def _queue_last(self, pdu: Pdu) -> None:
        # Behind what the owner answers to the requests that came before in the same read.
        self._queue(pdu)
        self._farewell.append(self._out.pop())

    def _show(self, direction: Direction, octets: bytes, pdu: Pdu | None) -> None:
        if self.tap is not None:
            self.tap(direction, octets, pdu)

    def _enter(self, state: SessionState) -> None:
        self.state = state
        self._receivable: dict[type[Pdu], Transition]
        self._sendable: dict[type[Pdu], Transition]
        self._receivable, self._sendable = _ROWS[self.role, state]

    def _next_number(self) -> int:
        number = self._last_number
        while True:
            number = number + 1 if number < SEQUENCE_MAX else SEQUENCE_MIN
            if number not in self._outstanding and number not in self._expired:
                return number

    @staticmethod
    def _take(requests: dict[int, Pdu], number: int, response_id: int) -> Pdu | None:
        request = requests.get(number)
        if request is None or response_id not in (request.command_id | RESPONSE_BIT, C.GENERIC_NACK):
            return None
        return requests.pop(number)
