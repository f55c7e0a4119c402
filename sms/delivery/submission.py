"""submit_sm PDUs of the programme. Pure."""

from dataclasses import dataclass
from datetime import timedelta

from sms.outbox.attempts import reference_of
from sms.smpp.constants import EsmClass, Npi, RegisteredDelivery, Tag, Ton
from sms.smpp.pdu import SubmitSm
from sms.text import Coding, LongMessages, Segment

SENDER_CHARS_MAX = 11
VALIDITY_MAX = timedelta(days=63)
"""What a handset network keeps at most (3GPP TS 23.040 §9.2.3.12.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The address messages come from, as SMPP writes it."""

    address: str
    ton: int = int(Ton.ALPHANUMERIC)
    npi: int = int(Npi.UNKNOWN)


def sender_of(address: str) -> Sender:
    """A name as alphanumeric sender; digits as a short or a full number."""
    if not (address.isascii() and address.isdigit()):
        return Sender(address=address)
    if len(address) > SENDER_CHARS_MAX - 1:
        return Sender(address=address, ton=_INTERNATIONAL, npi=_ISDN)
    return Sender(address=address, ton=int(Ton.UNKNOWN), npi=_ISDN)


# Plain numbers: members of an enum cost as much to look up as the rest of the PDU does to build.
_INTERNATIONAL = int(Ton.INTERNATIONAL)
_ISDN = int(Npi.ISDN)
_UDHI = int(EsmClass.UDHI)
_FINAL_RECEIPT = int(RegisteredDelivery.FINAL)
_REFERENCE = int(Tag.USER_MESSAGE_REFERENCE)
_PAYLOAD = int(Tag.MESSAGE_PAYLOAD)
_SAR_REFERENCE = int(Tag.SAR_MSG_REF_NUM)
_SAR_TOTAL = int(Tag.SAR_TOTAL_SEGMENTS)
_SAR_NUMBER = int(Tag.SAR_SEGMENT_SEQNUM)
_DATA_CODING = {coding: coding.data_coding for coding in Coding}


def submit_sm(sender: Sender, msisdn: str, segment: Segment, *, seq: int, validity_period: str = "") -> SubmitSm:
    """One segment to one subscriber, with a receipt asked for and our reference along.

    A text that the SMSC is to cut travels in message_payload, segments without a header name their message in sar_*.
    """
    tlvs: tuple[tuple[int, bytes], ...] = ((_REFERENCE, reference_of(seq).to_bytes(2)),)
    short_message = segment.short_message
    if segment.joined is LongMessages.PAYLOAD:
        tlvs, short_message = (*tlvs, (_PAYLOAD, short_message)), b""
    elif segment.joined is LongMessages.SAR:
        tlvs += (
            (_SAR_REFERENCE, segment.reference.to_bytes(2)),
            (_SAR_TOTAL, bytes((segment.total,))),
            (_SAR_NUMBER, bytes((segment.number,))),
        )
    return SubmitSm(
        source_addr_ton=sender.ton,
        source_addr_npi=sender.npi,
        source_addr=sender.address,
        dest_addr_ton=_INTERNATIONAL,
        dest_addr_npi=_ISDN,
        destination_addr=msisdn,
        esm_class=_UDHI if segment.udh else 0,
        registered_delivery=_FINAL_RECEIPT,
        data_coding=_DATA_CODING[segment.coding],
        validity_period=validity_period,
        short_message=short_message,
        tlvs=tlvs,
    )


def relative_period(length: timedelta) -> str:
    """A validity_period from now on, YYMMDDhhmmss000R (SMPP 3.4 §7.1.1.2), at least a minute, in days at most."""
    seconds = int(min(max(length, timedelta(minutes=1)), VALIDITY_MAX).total_seconds())
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, seconds = divmod(rest, 60)
    months, days = divmod(days, 30)
    return f"00{months:02d}{days:02d}{hours:02d}{minutes:02d}{seconds:02d}000R"
