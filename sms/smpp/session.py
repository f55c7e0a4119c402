"""One SMPP session without socket and clock: octets in, events out, octets to send fetched."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from sms.smpp.config import TlvPolicy
from sms.smpp.constants import VERSION_34

if TYPE_CHECKING:
    from collections.abc import Callable

    from sms.smpp.events import Direction, Event
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


class Session:
    """See the module; `send` and `respond` only queue, `data_to_send` hands the octets out."""

    def __init__(
        self,
        role: Role,
        *,
        interface_version: int = VERSION_34,
        tlv: TlvPolicy = TlvPolicy.AUTO,
        tap: Callable[[Direction, bytes, Pdu | None], None] | None = None,
    ) -> None:
        raise NotImplementedError

    state: SessionState
    peer_version: int | None
    """interface_version of the bind (SMSC side), sc_interface_version of the answer (ESME side)."""
    congestion_state: int | None
    """SMSC side: sent in responses to submit_sm, submit_multi and data_sm of peers bound as 5.0."""

    def receive_data(self, data: bytes) -> list[Event]:
        """Feed octets as they come, in any chunking."""
        raise NotImplementedError

    def send(self, pdu: Pdu) -> int:
        """Queue a request of ours; gives it its sequence_number and returns it."""
        raise NotImplementedError

    def respond(self, request: Pdu, response: Pdu) -> None:
        """Queue the answer to a request the peer sent; once per request."""
        raise NotImplementedError

    def expire(self, sequence_number: int) -> None:
        """Stop waiting for this answer; should it come it is a `LateResponseReceived`."""
        raise NotImplementedError

    def data_to_send(self) -> bytes:
        """Everything queued since the last call, in one piece."""
        raise NotImplementedError
