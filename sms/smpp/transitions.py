"""The one table of the session: what each side may receive and send in which state, and what follows.

Responses are not in it: they are matched by number in any state. What is not in the table is
refused with ESME_RINVBNDSTS when received, and is an error of the caller when sent.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

from sms.smpp.constants import CommandId as C
from sms.smpp.pdu import PDU_CLASSES

if TYPE_CHECKING:
    from sms.smpp.pdu import Pdu


class Role(Enum):
    """Which side of the session we are."""

    ESME = "esme"
    SMSC = "smsc"


class SessionState(Enum):
    """SMPP 3.4 §2.2, with the steps between bind or unbind and its answer."""

    OPEN = "open"
    BINDING = "binding"
    BOUND_TX = "bound_tx"
    BOUND_RX = "bound_rx"
    BOUND_TRX = "bound_trx"
    UNBINDING = "unbinding"
    UNBOUND = "unbound"
    CLOSED = "closed"

    @property
    def is_bound(self) -> bool:
        """Whether messages may travel."""
        return self in _BOUND


class Effect(Enum):
    """What the session does with a request."""

    DELIVER = auto()
    """Hand it to the owner, who answers it."""
    INFORM = auto()
    """Hand it to the owner; it has no answer."""
    ANSWER = auto()
    """Answer it at once."""
    BIND = auto()
    """Hand the bind to the owner, who decides."""
    ALREADY_BOUND = auto()
    """Refuse it with ESME_RALYBND."""
    UNBIND = auto()
    """Answer it, then let outstanding answers come."""
    SEND = auto()
    """Ours: queue it and wait for its answer, if it has one."""


class Way(Enum):
    """Who sends the request."""

    PEER = auto()
    US = auto()


class Transition(NamedTuple):
    """An effect, and the state after it (None: the same)."""

    effect: Effect
    next_state: SessionState | None = None


S = SessionState
_ESME = (Role.ESME,)
_SMSC = (Role.SMSC,)
_BOTH = (Role.ESME, Role.SMSC)
_BINDS = (C.BIND_RECEIVER, C.BIND_TRANSMITTER, C.BIND_TRANSCEIVER)
_SUBMISSIONS = (C.SUBMIT_SM, C.SUBMIT_MULTI, C.QUERY_SM, C.CANCEL_SM, C.REPLACE_SM)
_BOUND = (S.BOUND_TX, S.BOUND_RX, S.BOUND_TRX)
_TRANSMITTING = (S.BOUND_TX, S.BOUND_TRX)
_RECEIVING = (S.BOUND_RX, S.BOUND_TRX)
_CONNECTED = (S.OPEN, S.BINDING, *_BOUND, S.UNBINDING, S.UNBOUND)

_RULES: tuple[
    tuple[tuple[Role, ...], tuple[SessionState, ...], Way, tuple[C, ...], Effect, SessionState | None], ...
] = (
    # SMPP 3.4 table 2-1; enquire_link before a bind is 5.0's, and peers do send it.
    (_SMSC, (S.OPEN,), Way.PEER, _BINDS, Effect.BIND, S.BINDING),
    (_SMSC, (S.BINDING, *_BOUND), Way.PEER, _BINDS, Effect.ALREADY_BOUND, None),
    (_SMSC, _TRANSMITTING, Way.PEER, _SUBMISSIONS, Effect.DELIVER, None),
    (_SMSC, _BOUND, Way.PEER, (C.DATA_SM,), Effect.DELIVER, None),
    (_SMSC, (S.OPEN,), Way.US, (C.OUTBIND,), Effect.SEND, None),
    (_SMSC, _RECEIVING, Way.US, (C.DELIVER_SM, C.ALERT_NOTIFICATION), Effect.SEND, None),
    (_SMSC, _BOUND, Way.US, (C.DATA_SM,), Effect.SEND, None),
    (_ESME, (S.OPEN,), Way.US, _BINDS, Effect.SEND, S.BINDING),
    (_ESME, (S.OPEN,), Way.PEER, (C.OUTBIND,), Effect.INFORM, None),
    (_ESME, _TRANSMITTING, Way.US, _SUBMISSIONS, Effect.SEND, None),
    (_ESME, _BOUND, Way.US, (C.DATA_SM,), Effect.SEND, None),
    # A deliver_sm that crosses our unbind is taken: refusing it could lose it.
    (_ESME, (*_RECEIVING, S.UNBINDING), Way.PEER, (C.DELIVER_SM,), Effect.DELIVER, None),
    (_ESME, (*_BOUND, S.UNBINDING), Way.PEER, (C.DATA_SM,), Effect.DELIVER, None),
    (_ESME, (*_RECEIVING, S.UNBINDING), Way.PEER, (C.ALERT_NOTIFICATION,), Effect.INFORM, None),
    (_BOTH, _CONNECTED, Way.PEER, (C.ENQUIRE_LINK,), Effect.ANSWER, None),
    (_BOTH, _CONNECTED, Way.US, (C.ENQUIRE_LINK,), Effect.SEND, None),
    (_BOTH, (*_BOUND, S.UNBINDING), Way.PEER, (C.UNBIND,), Effect.UNBIND, S.UNBOUND),
    (_BOTH, _BOUND, Way.US, (C.UNBIND,), Effect.SEND, S.UNBINDING),
)

DELIVERED = Transition(Effect.DELIVER)
"""The transition of nearly every PDU, one object of its own so that it is known by identity."""

TRANSITIONS: dict[tuple[Role, SessionState, Way, int], Transition] = {
    (role, state, way, int(command)): DELIVERED if effect is Effect.DELIVER else Transition(effect, next_state)
    for roles, states, way, commands, effect, next_state in _RULES
    for role in roles
    for state in states
    for command in commands
}

BOUND_STATES = {
    C.BIND_TRANSMITTER: S.BOUND_TX,
    C.BIND_RECEIVER: S.BOUND_RX,
    C.BIND_TRANSCEIVER: S.BOUND_TRX,
}
"""The state a successful answer to each bind leads to."""


def row(role: Role, state: SessionState, way: Way) -> dict[type[Pdu], Transition]:
    """The part of the table for one role, state and way, by class of PDU."""
    return {
        PDU_CLASSES[command]: transition
        for (of_role, in_state, by, command), transition in TRANSITIONS.items()
        if (of_role, in_state, by) == (role, state, way)
    }
