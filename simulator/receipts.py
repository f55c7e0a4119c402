"""Receipts as an SMSC writes them: addresses swapped, Appendix B text, the parameters that say it exactly. Pure."""

from datetime import datetime

from simulator.faults import IdForm, id_in_form
from simulator.messages import StoredMessage
from sms.smpp.constants import DataCoding, EsmClass, MessageState, RegisteredDelivery, Tag
from sms.smpp.pdu import DeliverSm
from sms.smpp.receipt import Receipt, format_receipt_text

TEXT_OCTETS_MAX = 20
GSM_NETWORK = 3

NETWORK_ERRORS = {
    MessageState.EXPIRED: 27,  # absent subscriber
    MessageState.UNDELIVERABLE: 1,  # unknown subscriber
    MessageState.REJECTED: 13,  # call barred
}

_PLAIN_CODINGS = (DataCoding.SMSC_DEFAULT, DataCoding.IA5, DataCoding.LATIN_1)
_PRINTABLE = frozenset(range(0x20, 0x7F))


def wants_receipt(registered_delivery: int, state: MessageState) -> bool:
    """Whether the sender asked to hear of this final state (SMPP 3.4 §5.2.17; value 3 is 5.0's)."""
    match registered_delivery & RegisteredDelivery.RECEIPT_MASK:
        case RegisteredDelivery.FINAL:
            return True
        case RegisteredDelivery.ON_FAILURE:
            return state is not MessageState.DELIVERED
        case RegisteredDelivery.ON_SUCCESS:
            return state is MessageState.DELIVERED
        case _:
            return False


def receipt_for(
    message: StoredMessage,
    *,
    state: MessageState,
    submitted_at: datetime,
    done_at: datetime,
    id_form: IdForm = IdForm.AS_SENT,
    intermediate: bool = False,
) -> DeliverSm:
    """The deliver_sm that tells the sender of one segment what became of it.

    A sloppy id form shows in the text alone: receipted_message_id is copied, as real ones do.
    """
    pdu = message.pdu
    error = NETWORK_ERRORS.get(state, 0)
    text = format_receipt_text(
        Receipt(
            message_id=id_in_form(message.message_id, id_form),
            state=state,
            err=f"{error:03}",
            submitted=1,
            delivered=int(state is MessageState.DELIVERED),
            submit_date=submitted_at,
            done_date=done_at,
            text=_beginning(message),
        )
    )
    tlvs: tuple[tuple[int, bytes], ...] = (
        (Tag.RECEIPTED_MESSAGE_ID, message.message_id.encode("ascii") + b"\0"),
        (Tag.MESSAGE_STATE, bytes((state,))),
    )
    if error:
        tlvs = (*tlvs, (Tag.NETWORK_ERROR_CODE, bytes((GSM_NETWORK,)) + error.to_bytes(2, "big")))
    reference = pdu.tlv(Tag.USER_MESSAGE_REFERENCE) if pdu.tlvs else None
    if reference is not None:
        tlvs = (*tlvs, (Tag.USER_MESSAGE_REFERENCE, reference))
    return DeliverSm(
        service_type=pdu.service_type,
        source_addr_ton=getattr(pdu, "dest_addr_ton", 1),
        source_addr_npi=getattr(pdu, "dest_addr_npi", 1),
        source_addr=message.to,
        dest_addr_ton=pdu.source_addr_ton,
        dest_addr_npi=pdu.source_addr_npi,
        destination_addr=pdu.source_addr,
        esm_class=EsmClass.TYPE_INTERMEDIATE if intermediate else EsmClass.TYPE_RECEIPT,
        short_message=text,
        tlvs=tlvs,
    )


def _beginning(message: StoredMessage) -> bytes:
    """The first octets of the text where they are readable as they stand; else nothing."""
    if message.has_header or message.pdu.data_coding not in _PLAIN_CODINGS:
        return b""
    beginning = message.text[:TEXT_OCTETS_MAX]
    return beginning if _PRINTABLE.issuperset(beginning) else b""
