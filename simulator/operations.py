"""query_sm, cancel_sm and replace_sm: what an ESME may ask about and do to its own messages."""

from collections.abc import Callable
from copy import copy
from datetime import datetime
from typing import Any

from simulator.forwarding import Forwarding
from simulator.messages import MessageStore, StoredMessage
from simulator.receipts import NETWORK_ERRORS
from simulator.sessions import BoundSession
from sms.smpp.constants import CommandStatus, MessageState
from sms.smpp.pdu import (
    CancelSm,
    CancelSmResp,
    DataSm,
    Pdu,
    QuerySm,
    QuerySmResp,
    ReplaceSm,
    ReplaceSmResp,
    response_to,
)
from sms.smpp.times import format_absolute

Answer = Callable[[BoundSession, Any], Pdu]


class Operations:
    """The answers to requests about accepted messages; somebody else's message is an unknown one."""

    def __init__(
        self,
        *,
        store: MessageStore,
        forwarding: Forwarding,
        now: Callable[[], datetime],
        stamp: Callable[[float], datetime],
    ) -> None:
        self._store = store
        self._forwarding = forwarding
        self._pending = forwarding.pending
        self._now = now
        self._stamp = stamp

    def answers(self) -> dict[type[Pdu], Answer]:
        """By request, the function that answers it."""
        return {QuerySm: self.query, CancelSm: self.cancel, ReplaceSm: self.replace}

    def query(self, session: BoundSession, pdu: QuerySm) -> Pdu:
        """query_sm: id and source must both be those of the submission (SMPP 3.4 §4.8)."""
        message = self._own(session, pdu.message_id, pdu.source_addr)
        if message is None:
            return response_to(pdu, CommandStatus.ESME_RQUERYFAIL)
        final = message.state.is_final
        return QuerySmResp(
            message_id=message.message_id,
            final_date=format_absolute(self._stamp(message.state_at)) if final else "",
            message_state=message.state,
            error_code=NETWORK_ERRORS.get(message.state, 0),
        )

    def cancel(self, session: BoundSession, pdu: CancelSm) -> Pdu:
        """cancel_sm: one message by its id, or all that wait between two addresses (§4.9)."""
        if pdu.message_id:
            message = self._own(session, pdu.message_id, pdu.source_addr)
            waiting = [message] if message is not None and message in self._pending else []
        else:
            waiting = self._pending.matching(
                source=pdu.source_addr,
                to=pdu.destination_addr,
                service_type=pdu.service_type,
                system_id=session.account.account.system_id,
            )
        if not waiting:
            return response_to(pdu, CommandStatus.ESME_RCANCELFAIL)
        for one in waiting:
            self._pending.remove(one)
            self._forwarding.end(one, MessageState.DELETED)
        return CancelSmResp()

    def replace(self, session: BoundSession, pdu: ReplaceSm) -> Pdu:
        """replace_sm: new text and times for a message that waits; destination and coding stay (§4.10)."""
        message = self._own(session, pdu.message_id, pdu.source_addr)
        if message is None or message not in self._pending or isinstance(message.pdu, DataSm):
            return response_to(pdu, CommandStatus.ESME_RREPLACEFAIL)
        replaced = copy(message.pdu)
        replaced.short_message = pdu.short_message
        replaced.registered_delivery = pdu.registered_delivery
        replaced.schedule_delivery_time = pdu.schedule_delivery_time or replaced.schedule_delivery_time
        replaced.validity_period = pdu.validity_period or replaced.validity_period
        message.pdu = replaced
        self._pending.set_times(
            message,
            schedule=replaced.schedule_delivery_time,
            validity=replaced.validity_period,
            now=self._now(),
        )
        return ReplaceSmResp()

    def _own(self, session: BoundSession, message_id: str, source: str) -> StoredMessage | None:
        message = self._store.get(message_id)
        if message is None or message.account is not session.account.account or message.source != source:
            return None
        return message
