"""What becomes of an accepted message: delivered, kept for later or expired, and the reports of that."""

from collections.abc import Callable, Mapping

from simulator.clock import NetworkClock
from simulator.deliveries import Deliveries
from simulator.faults import FaultPlan
from simulator.handsets import Handsets
from simulator.messages import MessageStore, StoredMessage
from simulator.pending import Pending
from simulator.receipts import ReceiptWriter, wants_receipt
from simulator.sessions import Accounts
from simulator.timers import Timers
from sms.smpp.constants import EsmClass, MessageState, Npi, RegisteredDelivery, Tag, Ton
from sms.smpp.pdu import AlertNotification

LEARNED_MAX = 10_000
INTERMEDIATE = int(RegisteredDelivery.INTERMEDIATE)


class Forwarding:
    """The way of a message from the SMSC to its handset, and of the receipts back."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        store: MessageStore,
        handsets: Handsets,
        plan: FaultPlan,
        deliveries: Mapping[str, Deliveries],
        timers: Timers,
        network_clock: NetworkClock,
        receipts: ReceiptWriter,
        wall: Callable[[], float],
        changed: Callable[[str], None],
    ) -> None:
        self._accounts = accounts
        self._store = store
        self._handsets = handsets
        self._plan = plan
        self._deliveries = deliveries
        self._timers = timers
        self._network_clock = network_clock
        self._wall = wall
        self._changed = changed
        self._receipts = receipts
        self._learned: dict[str, str] = {}
        self.pending = Pending(timers, handset_is_on=handsets.is_on, deliver=self._deliver, expire=self._expire)

    def accept(self, message: StoredMessage, schedule: str = "", validity: str = "") -> None:
        """Store a message and send it on its way; a new message is DELIVERED unless something is in its way."""
        self._store.add(message)
        pdu = message.pdu
        if self._learned.get(pdu.source_addr) != message.account.system_id:
            self._learn(message)
        wanted = pdu.registered_delivery
        if wanted & INTERMEDIATE:
            self._report(message, MessageState.ENROUTE, intermediate=True)
        if schedule or message.to in self._handsets.off:
            self.pending.hold(message, schedule=schedule, validity=validity, now=self._network_clock.now())
            return
        if self._plan.active:
            message.state = self._plan.outcome()
        self._network_clock.poke()
        self._changed("messages")
        if wanted and wants_receipt(wanted, message.state):
            self._report(message, message.state)

    def end(self, message: StoredMessage, state: MessageState) -> None:
        """The message has reached a state; its sender hears of it if it asked."""
        message.state = state
        message.state_at = self._wall()
        self._network_clock.poke()
        self._changed("messages")
        wanted = message.pdu.registered_delivery
        if wanted and wants_receipt(wanted, state):
            self._report(message, state)

    def last_sender_from(self, number: str) -> str | None:
        """The system_id that last sent from this number, so that replies to it find their way."""
        return self._learned.get(number)

    def switch_handset(self, msisdn: str, *, on: bool) -> bool:
        """Switch a phone on or off; what waited arrives, and who asked for it is alerted."""
        switched = self._handsets.switch(msisdn, on=on)
        if on:
            for message in self.pending.handset_came(msisdn):
                if message.pdu.tlv_int(Tag.SET_DPF) == 1:
                    self._alert(message)
        self._changed("handsets")
        return switched

    def _deliver(self, message: StoredMessage) -> None:
        """The message reached its handset, or met the fate that a fault has in store for it."""
        self.end(message, self._plan.outcome() if self._plan.active else MessageState.DELIVERED)

    def _expire(self, message: StoredMessage) -> None:
        self.end(message, MessageState.EXPIRED)

    def _report(self, message: StoredMessage, state: MessageState, *, intermediate: bool = False) -> None:
        """A receipt on its way, through the faults that befall receipts."""
        if not self._plan.active:
            self._send_receipt(message, state, intermediate)
            return
        delay = self._plan.receipt_delay_s()
        for _ in range(self._plan.receipt_copies()):
            if delay:
                self._timers.later(delay, self._send_receipt, message, state, intermediate)
            else:
                self._send_receipt(message, state, intermediate)

    def _send_receipt(self, message: StoredMessage, state: MessageState, intermediate: bool) -> None:
        minute = self._network_clock.minute
        submitted_at = minute(message.at)
        done_at = submitted_at if message.state_at == message.at else minute(message.state_at)
        faults = self._plan.faults
        receipt = self._receipts.write(
            message, state, submitted_at, done_at, form=faults.receipt.id_form, habits=faults.habits
        )
        if intermediate:
            receipt.esm_class = EsmClass.TYPE_INTERMEDIATE
        self._deliveries[message.account.system_id].send(receipt)

    def _alert(self, message: StoredMessage) -> None:
        """Tell the sender that the phone is reachable again (SMPP 3.4 §4.12)."""
        session = self._accounts.of(message.account.system_id).receiver()
        if session is not None:
            session.link.send_unanswered(
                AlertNotification(
                    source_addr_ton=Ton.INTERNATIONAL,
                    source_addr_npi=Npi.ISDN,
                    source_addr=message.to,
                    esme_addr_ton=message.pdu.source_addr_ton,
                    esme_addr_npi=message.pdu.source_addr_npi,
                    esme_addr=message.source,
                )
            )

    def _learn(self, message: StoredMessage) -> None:
        self._learned.pop(message.source, None)
        self._learned[message.source] = message.account.system_id
        if len(self._learned) > LEARNED_MAX:
            del self._learned[next(iter(self._learned))]
