"""submit_sm PDUs of the programme. Pure."""

from dataclasses import dataclass
from datetime import timedelta

from sms.outbox.attempts import reference_of
from sms.smpp.constants import EsmClass, Npi, RegisteredDelivery, Tag, Ton
from sms.smpp.pdu import SubmitSm
from sms.text import Segment

SENDER_CHARS_MAX = 11
VALIDITY_MAX = timedelta(days=63)
"""What a handset network keeps at most (3GPP TS 23.040 §9.2.3.12.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The address messages come from, as SMPP writes it."""

    address: str
    ton: Ton = Ton.ALPHANUMERIC
    npi: Npi = Npi.UNKNOWN


def sender_of(address: str) -> Sender:
    """A name as alphanumeric sender; digits as a short or a full number."""
    if not (address.isascii() and address.isdigit()):
        return Sender(address=address)
    if len(address) > SENDER_CHARS_MAX - 1:
        return Sender(address=address, ton=Ton.INTERNATIONAL, npi=Npi.ISDN)
    return Sender(address=address, ton=Ton.UNKNOWN, npi=Npi.ISDN)


def submit_sm(sender: Sender, msisdn: str, segment: Segment, *, seq: int, validity_period: str = "") -> SubmitSm:
    """One segment to one subscriber, with a receipt asked for and our reference along."""
    return SubmitSm(
        source_addr_ton=sender.ton,
        source_addr_npi=sender.npi,
        source_addr=sender.address,
        dest_addr_ton=Ton.INTERNATIONAL,
        dest_addr_npi=Npi.ISDN,
        destination_addr=msisdn,
        esm_class=EsmClass.UDHI if segment.udh else 0,
        registered_delivery=RegisteredDelivery.FINAL,
        data_coding=segment.coding.data_coding,
        validity_period=validity_period,
        short_message=segment.short_message,
        tlvs=((Tag.USER_MESSAGE_REFERENCE, reference_of(seq).to_bytes(2)),),
    )


def relative_period(length: timedelta) -> str:
    """A validity_period from now on, YYMMDDhhmmss000R (SMPP 3.4 §7.1.1.2), at least a minute, in days at most."""
    seconds = int(min(max(length, timedelta(minutes=1)), VALIDITY_MAX).total_seconds())
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, seconds = divmod(rest, 60)
    months, days = divmod(days, 30)
    return f"00{months:02d}{days:02d}{hours:02d}{minutes:02d}{seconds:02d}000R"
