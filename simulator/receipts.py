"""Receipts as an SMSC writes them: addresses swapped, Appendix B text, the parameters that say it exactly. Pure."""

from datetime import datetime, tzinfo

from simulator.faults import IdForm, id_in_form
from simulator.habits import Habits
from simulator.messages import UDHI, StoredMessage, text_of
from sms.smpp.constants import DataCoding, EsmClass, MessageState, RegisteredDelivery, Tag
from sms.smpp.pdu import DeliverSm, SubmitMulti
from sms.smpp.receipt import Receipt, format_receipt_text

TEXT_OCTETS_MAX = 20
TAILS_MAX = 1_000
GSM_NETWORK = 3

NETWORK_ERRORS = {
    MessageState.EXPIRED: 27,  # absent subscriber
    MessageState.UNDELIVERABLE: 1,  # unknown subscriber
    MessageState.REJECTED: 13,  # call barred
}

# As plain integers: arithmetic on flags costs more than the rest of a receipt's decision.
_RECEIPT_MASK = int(RegisteredDelivery.RECEIPT_MASK)
_FINAL = int(RegisteredDelivery.FINAL)
_ON_FAILURE = int(RegisteredDelivery.ON_FAILURE)
_ON_SUCCESS = int(RegisteredDelivery.ON_SUCCESS)

AS_SENT = IdForm.AS_SENT
RECEIPTED_MESSAGE_ID = int(Tag.RECEIPTED_MESSAGE_ID)
MESSAGE_STATE = int(Tag.MESSAGE_STATE)
TYPE_RECEIPT = int(EsmClass.TYPE_RECEIPT)

_STATE_OCTET = {state: bytes((state,)) for state in MessageState}
_PLAIN_CODINGS = frozenset(map(int, (DataCoding.SMSC_DEFAULT, DataCoding.IA5, DataCoding.LATIN_1)))
_PRINTABLE = frozenset(range(0x20, 0x7F))
_ANY_ID = "0"
_Kind = tuple[MessageState, datetime, datetime, bytes]


def wants_receipt(registered_delivery: int, state: MessageState) -> bool:
    """Whether the sender asked to hear of this final state (SMPP 3.4 §5.2.17; value 3 is 5.0's)."""
    wanted = registered_delivery & _RECEIPT_MASK
    if wanted == _FINAL:
        return True
    delivered = state is MessageState.DELIVERED
    return (wanted == _ON_SUCCESS and delivered) or (wanted == _ON_FAILURE and not delivered)


class ReceiptWriter:
    """Writes receipts with dates in one zone.

    All receipts of a minute share what follows the id in their texts, so that part is made once for each kind
    of them and kept.
    """

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._tails: dict[_Kind, bytes] = {}

    def write(
        self,
        message: StoredMessage,
        state: MessageState,
        submitted_at: datetime,
        done_at: datetime,
        *,
        form: IdForm,
        habits: Habits,
    ) -> DeliverSm:
        """The deliver_sm that tells the sender of one segment what became of it.

        A sloppy id form shows in the text alone: receipted_message_id is copied, as real ones do.
        """
        pdu = message.pdu
        message_id = message.message_id
        written_id = message_id if form is AS_SENT else id_in_form(message_id, form, habits.ids)
        tail = self._tail((state, submitted_at, done_at, _beginning(message)))
        tlvs: tuple[tuple[int, bytes], ...] = (
            (RECEIPTED_MESSAGE_ID, message_id.encode("ascii") + b"\0"),
            (MESSAGE_STATE, _STATE_OCTET[state]),
        )
        if state in NETWORK_ERRORS:
            tlvs = (*tlvs, (Tag.NETWORK_ERROR_CODE, bytes((GSM_NETWORK,)) + NETWORK_ERRORS[state].to_bytes(2, "big")))
        if pdu.tlvs:
            reference = pdu.tlv(Tag.USER_MESSAGE_REFERENCE)
            if reference is not None:
                tlvs = (*tlvs, (Tag.USER_MESSAGE_REFERENCE, reference))
        ton, npi = (1, 1) if isinstance(pdu, SubmitMulti) else (pdu.dest_addr_ton, pdu.dest_addr_npi)
        return DeliverSm(
            service_type=pdu.service_type,
            source_addr_ton=ton,
            source_addr_npi=npi,
            source_addr=message.to,
            dest_addr_ton=pdu.source_addr_ton,
            dest_addr_npi=pdu.source_addr_npi,
            destination_addr=pdu.source_addr,
            esm_class=TYPE_RECEIPT,
            short_message=b"id:" + written_id.encode("ascii") + tail,
            tlvs=tlvs if habits.receipt_parameters else (),
        )

    def _tail(self, kind: "_Kind") -> bytes:
        tail = self._tails.get(kind)
        if tail is None:
            state, submitted_at, done_at, text = kind
            whole = format_receipt_text(
                Receipt(
                    message_id=_ANY_ID,
                    state=state,
                    err=f"{NETWORK_ERRORS.get(state, 0):03}",
                    submitted=1,
                    delivered=int(state is MessageState.DELIVERED),
                    submit_date=submitted_at,
                    done_date=done_at,
                    text=text,
                ),
                self._zone,
            )
            if len(self._tails) >= TAILS_MAX:
                self._tails.clear()
            tail = self._tails[kind] = whole.removeprefix(f"id:{_ANY_ID}".encode())
        return tail


def _beginning(message: StoredMessage) -> bytes:
    """The first octets of the text where they are readable as they stand; else nothing."""
    pdu = message.pdu
    if pdu.data_coding not in _PLAIN_CODINGS or pdu.esm_class & UDHI:
        return b""
    beginning = text_of(pdu)[:TEXT_OCTETS_MAX]
    return beginning if _PRINTABLE.issuperset(beginning) else b""
