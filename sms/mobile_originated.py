"""What a deliver_sm or data_sm from a subscriber says: a whole message, or a segment of one (UDH or sar_*). Pure."""

from contextlib import suppress
from datetime import datetime

from sms.outbox.inbox import MobileOriginated
from sms.outbox.inbox_parts import MoPart
from sms.outbox.receipts import digits_of
from sms.smpp.constants import EsmClass, Tag
from sms.smpp.pdu import DataSm, DeliverSm
from sms.text import Concatenation, DefaultAlphabet, Header, HeaderMalformed, decode, split_header

SEGMENTS_MAX = 255


def message_of(
    link: str, pdu: DeliverSm | DataSm, now: datetime, alphabet: DefaultAlphabet
) -> MobileOriginated | MoPart:
    """The message, or the segment of a longer one; what its header says wins over the parameters."""
    payload = pdu.tlv(Tag.MESSAGE_PAYLOAD)
    if payload is None:
        payload = pdu.short_message if isinstance(pdu, DeliverSm) else b""
    text, header, has_header = payload, Header(), False
    if pdu.esm_class & EsmClass.UDHI:
        with suppress(HeaderMalformed):
            header, text = split_header(payload)
            has_header = True
    source, data_coding = digits_of(pdu.source_addr), pdu.data_coding or alphabet.data_coding
    named = header.concatenation or _sar(pdu)
    if named is not None and named.total > 1:
        return MoPart(
            source=source or pdu.source_addr,  # two names without digits are not one sender
            destination=pdu.destination_addr,
            link=link,
            concatenation=named,
            kind=_kind(named, in_header=header.concatenation is not None),
            user_data=payload,
            udhi=has_header,
            data_coding=data_coding,
            received_at=now,
        )
    return MobileOriginated(
        link=link,
        source=source,
        destination=pdu.destination_addr,
        text=decode(text, data_coding, header.tables).replace("\0", ""),
        payload=payload,
        umr=pdu.tlv_int(Tag.USER_MESSAGE_REFERENCE),
        received_at=now,
    )


def _kind(named: Concatenation, *, in_header: bool) -> str:
    if not in_header:
        return "sar"
    return "udh16" if named.wide else "udh8"


def _sar(pdu: DeliverSm | DataSm) -> Concatenation | None:
    """All three of sar_*, and such as can be (SMPP 3.4 §5.3.2.22-24); else it is no segment."""
    reference = pdu.tlv_int(Tag.SAR_MSG_REF_NUM)
    total = pdu.tlv_int(Tag.SAR_TOTAL_SEGMENTS)
    number = pdu.tlv_int(Tag.SAR_SEGMENT_SEQNUM)
    if reference is None or total is None or number is None or not 1 <= number <= total <= SEGMENTS_MAX:
        return None
    return Concatenation(reference=reference, total=total, number=number)
