"""What the SMSC sends us: receipts and messages from subscribers, stored first, answered then.

deliver_sm_resp (or data_sm_resp) with ESME_ROK means committed; ESME_RX_T_APPN asks the SMSC to send it again,
which changes nothing the second time. An MO is handed to the owner's callback in its own transaction, a long one
in that of its last segment.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from sms.delivery.counters import DeliveryCounters
from sms.delivery.journal import Journal, Transact
from sms.delivery.lines import Lines
from sms.delivery.states import STEP_OF_STATE
from sms.errors import SmppError
from sms.mobile_originated import message_of
from sms.outbox.inbox import MobileOriginated, record_mo
from sms.outbox.inbox_parts import MoPart, take_part
from sms.outbox.receipts import NewReceipt, digits_of
from sms.smpp import SessionState
from sms.smpp.constants import CommandStatus, MessageState, Tag
from sms.smpp.pdu import AlertNotification, DataSm, DeliverSm, Pdu, response_to
from sms.smpp.protocol import SmppProtocol
from sms.smpp.receipt import DeliverKind, Receipt, kind_of, read_receipt
from sms.text import DefaultAlphabet

MO_WAITING_MAX = 1_000
"""Messages from subscribers that may wait for their commit; more are asked to come again."""


class Session(Protocol):
    """The part of `SmppProtocol` that answering needs."""

    def respond(self, request: Pdu, response: Pdu) -> None:
        """Answer a request."""
        ...


class Inbound:
    """Stores and answers. `on_mo(connection, mo)` runs in the transaction that stores an MO, `committed` after it.

    `alphabets` says what data_coding 0 means on links where that is not GSM's alphabet.
    """

    _log = Logger()

    def __init__(
        self,
        journal: Journal,
        *,
        transact: Transact,
        wall: Callable[[], datetime],
        counters: DeliveryCounters,
        on_mo: Callable[[Connection, MobileOriginated], None],
        committed: Callable[[], None],
        alphabets: Mapping[str, DefaultAlphabet] | None = None,
    ) -> None:
        self._journal = journal
        self._transact = transact
        self._wall = wall
        self._counters = counters
        self._on_mo = on_mo
        self._committed = committed
        self._alphabets = alphabets or {}
        self._storing: set[Deferred[None]] = set()
        self._is_stopping = False

    def received(self, link: str, session: Session, pdu: DeliverSm | DataSm) -> None:
        """Take a deliver_sm or data_sm; it is answered when stored."""
        kind = kind_of(pdu)
        if kind in (DeliverKind.RECEIPT, DeliverKind.INTERMEDIATE):
            self._receipt(link, session, pdu)
        elif kind is DeliverKind.MESSAGE:
            self._mo(link, session, pdu)
        else:  # acknowledgements of the SME's user: nobody asked for them
            _answer(session, pdu, CommandStatus.ESME_ROK)

    async def stop(self) -> None:
        """Take nothing more and wait for what is being stored."""
        self._is_stopping = True
        for one in list(self._storing):
            await one

    def _receipt(self, link: str, session: Session, pdu: DeliverSm | DataSm) -> None:
        said = read_receipt(pdu)
        if said is None or said.state is None:
            self._counters.receipts_unreadable += 1
            self._log.warn("link {link} sent a receipt that names no message or state", link=link)
            _answer(session, pdu, CommandStatus.ESME_RX_P_APPN)
            return

        def stored(is_stored: bool) -> None:
            _answer(session, pdu, CommandStatus.ESME_ROK if is_stored else CommandStatus.ESME_RX_T_APPN)

        self._journal.receipt(_new_receipt(link, pdu, said, said.state), stored)

    def _mo(self, link: str, session: Session, pdu: DeliverSm | DataSm) -> None:
        if self._is_stopping or len(self._storing) >= MO_WAITING_MAX:
            _answer(session, pdu, CommandStatus.ESME_RX_T_APPN)
            return
        mo = message_of(link, pdu, self._wall(), self._alphabets.get(link, DefaultAlphabet.GSM7))
        storing = Deferred.fromCoroutine(self._store_mo(mo, session, pdu))
        self._storing.add(storing)
        _ = storing.addCallback(lambda _: self._storing.discard(storing))

    async def _store_mo(self, mo: MobileOriginated | MoPart, session: Session, pdu: Pdu) -> None:
        try:
            is_new = await self._transact(self._record, mo)
        except Exception:  # noqa: BLE001 - the dispatcher's border: whatever failed, the SMSC is asked to come again
            self._log.error("a message from a subscriber was not stored", log_failure=Failure())
            _answer(session, pdu, CommandStatus.ESME_RX_T_APPN)
            return
        self._counters.mobile_originated += 1
        self._counters.mobile_originated_duplicate += not is_new
        _answer(session, pdu, CommandStatus.ESME_ROK)
        if is_new:
            self._committed()

    def _record(self, connection: Connection, mo: MobileOriginated | MoPart) -> bool:
        if isinstance(mo, MoPart):
            taken = take_part(connection, mo)
            if taken.whole is not None:
                self._on_mo(connection, taken.whole)
            return taken.is_new
        is_new = record_mo(connection, mo)
        if is_new:
            self._on_mo(connection, mo)
        return is_new


class SmsLinkHandler:
    """What one link tells us, a `SessionHandler`: binds for the lines, requests for the inbound door."""

    _log = Logger()

    def __init__(self, name: str, lines: Lines, inbound: Inbound) -> None:
        self._name = name
        self._lines = lines
        self._inbound = inbound

    def bound(self, link: SmppProtocol) -> None:
        """Messages may be submitted, unless this session only receives."""
        if link.state is not SessionState.BOUND_RX:
            self._lines.up(self._name, link)

    def request_received(self, link: SmppProtocol, pdu: Pdu) -> None:
        """A request from the SMSC."""
        if isinstance(pdu, DeliverSm | DataSm):
            self._inbound.received(self._name, link, pdu)
        elif not isinstance(pdu, AlertNotification):
            _answer(link, pdu, CommandStatus.ESME_RINVCMDID)

    def response_unmatched(
        self,
        link: SmppProtocol,  # noqa: ARG002 - the interface gives it
        request: Pdu | None,  # noqa: ARG002 - as above
        response: Pdu,
    ) -> None:
        """A late answer: its message is in doubt already; a receipt or the re-send settles it."""
        self._log.info(
            "link {link} answered late or unasked: {command} #{sequence}",
            link=self._name,
            command=response.name,
            sequence=response.sequence_number,
        )

    def session_ended(
        self,
        link: SmppProtocol,
        in_flight: list[Pdu],  # noqa: ARG002 - each was told to who asked
        reason: SmppError | None,  # noqa: ARG002 - the link logs it
    ) -> None:
        """Whoever waits for answers of this session was told; nothing more is written to it."""
        self._lines.down(self._name, link)


def _answer(session: Session, pdu: Pdu, status: CommandStatus) -> None:
    # A session that ended meanwhile drops it: what is stored stays, and the SMSC sends it again.
    session.respond(pdu, response_to(pdu, status))


def _new_receipt(link: str, pdu: DeliverSm | DataSm, said: Receipt, state: MessageState) -> NewReceipt:
    error = said.err
    if error is None and said.network_error_code is not None:
        error = said.network_error_code.hex()
    return NewReceipt(
        link=link,
        smsc_id=_storable(said.message_id),
        step=STEP_OF_STATE[state],
        source=digits_of(pdu.source_addr),
        done_date="" if said.done_date is None else said.done_date.isoformat(),
        error=None if error is None else _storable(error),
        umr=pdu.tlv_int(Tag.USER_MESSAGE_REFERENCE),
    )


def _storable(text: str) -> str:
    """Without NUL, which no database stores; the SMSC would send it again for ever."""
    return text.replace("\0", "")
