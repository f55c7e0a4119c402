"""The SMSC: answers what its ESMEs ask, and takes what they submit.

A submission that nothing delays is answered, stored and delivered in one go; all answers of one read leave
in one write. Receipts and messages from handsets go through the account's delivery queue.
"""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime

from simulator.capture import Capture
from simulator.clock import NetworkClock
from simulator.deliveries import Deliveries, Ended
from simulator.faults import FaultPlan, Faults
from simulator.forwarding import Forwarding
from simulator.habits import Ids, Submission, read_by, refusal, source_written_by, status_of
from simulator.handsets import Handsets
from simulator.messages import MessageStore, StoredMessage, text_of
from simulator.operations import Operations
from simulator.rate import RateLimit
from simulator.receipts import ReceiptWriter
from simulator.responder import Responder
from simulator.sessions import Accounts, BoundSession
from simulator.settings import Simulator
from simulator.timers import Timers
from simulator.ussd_centre import UssdCentre
from sms.errors import SmppError
from sms.smpp import SessionState
from sms.smpp.constants import CommandStatus, Tag
from sms.smpp.events import Direction
from sms.smpp.pdu import (
    AlertNotification,
    DataSm,
    DataSmResp,
    DeliverSm,
    DistributionList,
    Pdu,
    SubmitMulti,
    SubmitMultiResp,
    SubmitSm,
    SubmitSmResp,
    UnsuccessSme,
    response_to,
)
from sms.smpp.protocol import SmppProtocol
from ussd.wire import SERVICE_TYPE

OK = CommandStatus.ESME_ROK
RINVDSTADR = CommandStatus.ESME_RINVDSTADR


class Smsc:
    """The handler of every SMPP session, and the handsets' way to the ESMEs."""

    def __init__(
        self,
        *,
        settings: Simulator,
        accounts: Accounts,
        store: MessageStore,
        handsets: Handsets,
        plan: FaultPlan,
        ussd: UssdCentre,
        capture: Capture,
        network_clock: NetworkClock,
        clock: IReactorTime,
        wall: Callable[[], float],
        changed: Callable[[str], None],
    ) -> None:
        self._accounts = accounts
        self._store = store
        self._plan = plan
        self._ussd = ussd
        self._capture = capture
        self._clock = clock
        self._wall = wall
        self._changed = changed
        self._timers = Timers(clock)
        self._sessions: dict[SmppProtocol, BoundSession] = {}
        self._number = int(wall() * 1_000_000)  # above every id of an earlier run
        self._id_format_own = f"%0{settings.message_id_width}X" if settings.message_id_width else "%X"
        self._id_format = self._id_format_own
        self._fault_rate: RateLimit | None = None
        self._responder = Responder(plan, self._timers, send_raw=self._send_raw)
        self.deliveries = {
            one.account.system_id: Deliveries(
                one, clock=clock, retry_s=settings.delivery_retry_s, ttl_s=settings.delivery_ttl_s
            )
            for one in accounts
        }
        self.forwarding = Forwarding(
            accounts=accounts,
            store=store,
            handsets=handsets,
            plan=plan,
            deliveries=self.deliveries,
            timers=self._timers,
            network_clock=network_clock,
            receipts=ReceiptWriter(ZoneInfo(settings.zone)),
            wall=wall,
            changed=changed,
        )
        self._pending = self.forwarding.pending
        self._operations = Operations(
            store=store, forwarding=self.forwarding, now=network_clock.now, stamp=network_clock.stamp
        ).answers()

    def sessions(self) -> list[BoundSession]:
        """The bound sessions, oldest first."""
        return list(self._sessions.values())

    def obey(self, faults: Faults) -> None:
        """What a fault document says of rates and ids, from now on."""
        per_second = faults.rate_limit_per_s
        self._fault_rate = RateLimit(per_second) if per_second else None
        self._id_format = "%d" if faults.habits.ids is Ids.DECIMAL else self._id_format_own

    async def stop(self) -> None:
        """Unbind every session and forget what was to come."""
        await DeferredList([Deferred.fromCoroutine(session.link.unbind()) for session in self.sessions()])
        self._timers.cancel_all()
        for queue in self.deliveries.values():
            queue.stop()

    # What the sessions tell us.

    def bound(self, link: SmppProtocol) -> None:
        """A session was let in: what waited for its account goes out."""
        bind = link.bind
        if bind is None:
            raise AssertionError("a bound session has its bind request")
        account = self._accounts.of(bind.system_id)
        connection = self._capture.connection(link)
        connection.name = f"{bind.system_id}-{connection.number}"
        session = BoundSession(
            link, account, name=connection.name, takes_ussd_first=bind.system_type.upper() == SERVICE_TYPE
        )
        self._sessions[link] = session
        account.sessions.append(session)
        self._changed("links")
        self.deliveries[bind.system_id].pump()

    def request_received(self, link: SmppProtocol, pdu: Pdu) -> None:
        """A request of an ESME: every one is answered, but for alert_notification."""
        session = self._sessions[link]
        if type(pdu) is SubmitSm:
            self._submit_sm(session, pdu)
        elif isinstance(pdu, DataSm):
            self._data_sm(session, pdu)
        elif isinstance(pdu, SubmitMulti):
            self._submit_multi(session, pdu)
        elif type(pdu) in self._operations:
            link.respond(pdu, self._operations[type(pdu)](session, pdu))
        elif not isinstance(pdu, AlertNotification):
            link.respond(pdu, response_to(pdu, CommandStatus.ESME_RINVCMDID))

    def response_unmatched(self, link: SmppProtocol, request: Pdu | None, response: Pdu) -> None:
        """A late or unknown answer changes nothing: what it might have ended was sent again already."""

    def session_ended(self, link: SmppProtocol, in_flight: list[Pdu], reason: SmppError | None) -> None:  # noqa: ARG002 - the protocol's signature
        """A connection is gone; its unanswered deliveries come back through their own callbacks."""
        self._capture.forget(link)
        session = self._sessions.pop(link, None)
        if session is None:
            return
        session.account.sessions.remove(session)
        session.held = None
        self._ussd.link_lost(session)
        self._changed("links")

    def from_handset(self, pdu: DeliverSm, ended: Ended | None = None) -> bool:
        """A handset's message to an ESME's number; False when no account takes SMS."""
        number = pdu.destination_addr
        account = self._accounts.for_number(number, self.forwarding.last_sender_from(number))
        if account is None:
            return False
        written = source_written_by(self._plan.faults.habits, pdu)
        self.deliveries[account.account.system_id].send(written, ended)
        return True

    # Submissions.

    def _submit_sm(self, session: BoundSession, pdu: SubmitSm) -> None:
        session.count()
        tlvs = pdu.tlvs
        if pdu.service_type == SERVICE_TYPE or (tlvs and pdu.tlv(Tag.USSD_SERVICE_OP) is not None):
            self._submit_ussd(session, pdu)
            return
        to = pdu.destination_addr
        account = session.account
        troubled = self._plan.active
        is_plain = account.unrestricted and session.outstanding <= account.window and to.isdecimal() and to.isascii()
        if troubled or not is_plain or self._pending.is_full:
            status = self._refusal(session, pdu, to)
            if status:
                self._responder.answer(session, pdu, response_to(pdu, status))
                return
        self._number += 1
        message_id = self._id_format % self._number
        if pdu.replace_if_present_flag:
            message_id = self._take_place_of(session, pdu) or message_id
        if troubled:
            read_by(self._plan.faults.habits, pdu)
        at = self._wall()
        message = StoredMessage(message_id, self._store.accepted, account.account, to, pdu, at, at)
        response = SubmitSmResp(message_id=message_id)
        if not troubled:
            session.link.respond(pdu, response)
            self.forwarding.accept(message, pdu.schedule_delivery_time, pdu.validity_period)
            return
        receipt_first = pdu.registered_delivery and self._plan.receipt_goes_first()
        if not receipt_first:
            self._responder.answer(session, pdu, response)
        self.forwarding.accept(message, pdu.schedule_delivery_time, pdu.validity_period)
        if receipt_first:
            self._responder.answer(session, pdu, response)

    def _submit_ussd(self, session: BoundSession, pdu: SubmitSm) -> None:
        status = self._plan.refusal() or OK if self._plan.active else OK
        if "ussd" not in session.account.account.roles:
            status = CommandStatus.ESME_RINVSERTYP
        status = status or self._ussd.submitted(session, pdu, text_of(pdu))
        self._number += 1
        message_id = None if status else self._id_format % self._number
        self._responder.answer(session, pdu, SubmitSmResp(command_status=status, message_id=message_id))

    def _data_sm(self, session: BoundSession, pdu: DataSm) -> None:
        session.count()
        status = self._refusal(session, pdu, pdu.destination_addr)
        if status:
            self._responder.answer(session, pdu, response_to(pdu, status))
            return
        message = self._stored(session, pdu, pdu.destination_addr)
        self._responder.answer(session, pdu, DataSmResp(message_id=message.message_id))
        self.forwarding.accept(message)

    def _submit_multi(self, session: BoundSession, pdu: SubmitMulti) -> None:
        """One id for all destinations; the refused ones are named with their status (SMPP 3.4 §4.5)."""
        session.count()
        accepted: list[StoredMessage] = []
        refused: list[UnsuccessSme] = []
        for to in pdu.dest_addresses:
            if isinstance(to, DistributionList):
                refused.append(
                    UnsuccessSme(destination_addr=to.dl_name, error_status_code=CommandStatus.ESME_RINVDLNAME)
                )
                continue
            status = self._refusal(session, pdu, to.destination_addr)
            if status:
                refused.append(
                    UnsuccessSme(
                        dest_addr_ton=to.dest_addr_ton,
                        dest_addr_npi=to.dest_addr_npi,
                        destination_addr=to.destination_addr,
                        error_status_code=status,
                    )
                )
                continue
            message_id = accepted[0].message_id if accepted else None
            accepted.append(self._stored(session, pdu, to.destination_addr, message_id))
        if not accepted:
            self._responder.answer(session, pdu, response_to(pdu, refused[0].error_status_code))
            return
        response = SubmitMultiResp(message_id=accepted[0].message_id, unsuccess_smes=tuple(refused))
        self._responder.answer(session, pdu, response)
        for message in accepted:
            self.forwarding.accept(message, pdu.schedule_delivery_time, pdu.validity_period)

    def _stored(
        self, session: BoundSession, pdu: Submission, to: str, message_id: str | None = None
    ) -> StoredMessage:
        self._number += 1
        message_id = message_id or self._id_format % self._number
        if self._plan.active:
            read_by(self._plan.faults.habits, pdu)
        account = session.account.account
        at = self._wall()
        return StoredMessage(message_id, self._store.accepted, account, to, pdu, at, at)

    def _refusal(self, session: BoundSession, pdu: Submission, to: str) -> int:
        """Why a submission is not accepted; ESME_ROK when it is."""
        account = session.account
        if not (to.isdecimal() and to.isascii()):
            return RINVDSTADR
        if account.source and pdu.source_addr not in account.source:
            return CommandStatus.ESME_RINVSRCADR
        if not account.takes_sms:
            return CommandStatus.ESME_RINVSERTYP
        if session.outstanding > account.window:
            return CommandStatus.ESME_RTHROTTLED
        if account.rate is not None and not account.rate.take(self._clock.seconds()):
            return CommandStatus.ESME_RTHROTTLED
        if self._pending.is_full:
            return CommandStatus.ESME_RMSGQFUL
        return self._trouble(session, pdu) if self._plan.active else OK

    def _trouble(self, session: BoundSession, pdu: Submission) -> int:
        """The refusal that faults and habits in force have for a submission."""
        habits = self._plan.faults.habits
        status = refusal(habits, pdu, text_of(pdu), outstanding=session.outstanding)
        if status:
            return status
        if self._fault_rate is not None and not self._fault_rate.take(self._clock.seconds()):
            return status_of(habits.throttle_status)
        return self._plan.refusal() or OK

    def _take_place_of(self, session: BoundSession, pdu: SubmitSm) -> str | None:
        """The id of the waiting message that this one replaces (SMPP 3.4 §5.2.18); that one is gone."""
        same = self._pending.matching(
            source=pdu.source_addr,
            to=pdu.destination_addr,
            service_type=pdu.service_type,
            system_id=session.account.account.system_id,
        )
        if not same:
            return None
        self._pending.remove(same[-1])
        self._store.remove(same[-1])
        return same[-1].message_id

    def _send_raw(self, session: BoundSession, octets: bytes) -> None:
        """Octets past the session: what a faulty SMSC would send."""
        transport = session.link.transport
        if transport is not None and session.link.state is not SessionState.CLOSED:
            transport.write(octets)
            self._capture.tap_of(session.link)(Direction.SENT, octets, None)
