"""Delivery receipts: the vendor text of SMPP 3.4 Appendix B, and the parameters that win over it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING

from sms.smpp.constants import EsmClass, MessageState, Tag

if TYPE_CHECKING:
    from datetime import tzinfo

    from sms.smpp.pdu import DataSm, DeliverSm

TEXT_CHARACTERS = 20
"""How much of the message Appendix B repeats in its receipt."""

STAT_OF_STATE: dict[MessageState, str] = {
    MessageState.SCHEDULED: "SCHEDLD",
    MessageState.ENROUTE: "ENROUTE",
    MessageState.DELIVERED: "DELIVRD",
    MessageState.EXPIRED: "EXPIRED",
    MessageState.DELETED: "DELETED",
    MessageState.UNDELIVERABLE: "UNDELIV",
    MessageState.ACCEPTED: "ACCEPTD",
    MessageState.UNKNOWN: "UNKNOWN",
    MessageState.REJECTED: "REJECTD",
    MessageState.SKIPPED: "SKIPPED",
}
# Words seen in receipts of SMSCs that do not keep to the seven letters.
_OTHER_STATS = {
    "SCHEDULED": MessageState.SCHEDULED,
    "DELIVERED": MessageState.DELIVERED,
    "UNDELIVERED": MessageState.UNDELIVERABLE,
    "UNDELIVERABLE": MessageState.UNDELIVERABLE,
    "ACCEPTED": MessageState.ACCEPTED,
    "REJECTED": MessageState.REJECTED,
}
STATE_OF_STAT: dict[str, MessageState] = {stat: state for state, stat in STAT_OF_STATE.items()} | _OTHER_STATS

_PART = re.compile(r"\b(id|sub|dlvrd|submit ?date|done ?date|stat|err):\s*(\S*)", re.IGNORECASE)
_TEXT = re.compile(r"\btext:", re.IGNORECASE)
_DATE_FORMATS = {10: "%y%m%d%H%M", 12: "%y%m%d%H%M%S", 14: "%Y%m%d%H%M%S"}
_MESSAGE_ID_MAX = 64
_COUNT_DIGITS_MAX = 9


class DeliverKind(Enum):
    """What a deliver_sm or data_sm to an ESME is (§5.2.12)."""

    MESSAGE = "message"
    RECEIPT = "receipt"
    INTERMEDIATE = "intermediate"
    DELIVERY_ACK = "delivery_ack"
    USER_ACK = "user_ack"


_KIND_OF_TYPE = {
    int(EsmClass.TYPE_RECEIPT): DeliverKind.RECEIPT,
    int(EsmClass.TYPE_INTERMEDIATE): DeliverKind.INTERMEDIATE,
    int(EsmClass.TYPE_DELIVERY_ACK): DeliverKind.DELIVERY_ACK,
    int(EsmClass.TYPE_USER_ACK): DeliverKind.USER_ACK,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a receipt says; None where it says nothing. `text` is what it repeats of the message."""

    message_id: str
    state: MessageState | None
    err: str | None = None
    submitted: int | None = None
    delivered: int | None = None
    submit_date: datetime | None = None
    done_date: datetime | None = None
    text: bytes = b""
    network_error_code: bytes | None = None


def kind_of(pdu: DeliverSm | DataSm) -> DeliverKind:
    """What this is, by esm_class first, then by receipted_message_id; never by its text.

    Anyone can send a text that begins with `id:`; it stays a message.
    """
    kind = _KIND_OF_TYPE.get(pdu.esm_class & int(EsmClass.TYPE_MASK))
    if kind is None and pdu.tlv(Tag.RECEIPTED_MESSAGE_ID) is not None:
        return DeliverKind.RECEIPT
    return kind or DeliverKind.MESSAGE


def read_receipt(pdu: DeliverSm | DataSm, zone: tzinfo = UTC) -> Receipt | None:
    """The receipt in this PDU, parameters over text; None when it is none or names no message.

    The dates of the text carry no zone: `zone` is the SMSC's.
    """
    if kind_of(pdu) not in (DeliverKind.RECEIPT, DeliverKind.INTERMEDIATE):
        return None
    short_message: bytes = getattr(pdu, "short_message", b"")
    written = parse_receipt_text(pdu.tlv(Tag.MESSAGE_PAYLOAD) or short_message, zone)
    named = pdu.tlv(Tag.RECEIPTED_MESSAGE_ID)
    message_id = _without_nul(named) if named else ""
    state = pdu.tlv_int(Tag.MESSAGE_STATE)
    if not message_id and written is None:
        return None
    known = written or Receipt(message_id=message_id, state=None)
    return Receipt(
        message_id=message_id or known.message_id,
        state=known.state if state is None else MessageState(state),
        err=known.err,
        submitted=known.submitted,
        delivered=known.delivered,
        submit_date=known.submit_date,
        done_date=known.done_date,
        text=known.text,
        network_error_code=pdu.tlv(Tag.NETWORK_ERROR_CODE),
    )


def parse_receipt_text(text: bytes, zone: tzinfo = UTC) -> Receipt | None:
    """The receipt in an Appendix B text, read tolerantly; None without an id.

    Parts may be missing, come in any case and order; dates have 10 digits (minutes) or 12.
    """
    characters = text.decode("latin-1")
    rest = _TEXT.search(characters)
    end = rest.start() if rest else len(characters)
    parts: dict[str, str] = {}
    for name, value in _PART.findall(characters[:end]):
        parts.setdefault(name.lower().replace(" ", ""), value)
    message_id = parts.get("id", "")
    if not 0 < len(message_id) <= _MESSAGE_ID_MAX:
        return None
    return Receipt(
        message_id=message_id,
        state=STATE_OF_STAT.get(parts.get("stat", "").upper()),
        err=parts.get("err"),
        submitted=_number(parts.get("sub")),
        delivered=_number(parts.get("dlvrd")),
        submit_date=_date(parts.get("submitdate"), zone),
        done_date=_date(parts.get("donedate"), zone),
        text=characters[rest.end() :].encode("latin-1") if rest else b"",
    )


def format_receipt_text(receipt: Receipt, zone: tzinfo = UTC) -> bytes:
    """The text of a receipt as Appendix B draws it, dates as wall time of `zone`, to the minute."""
    state = MessageState.UNKNOWN if receipt.state is None else receipt.state
    head = (
        f"id:{receipt.message_id} sub:{receipt.submitted or 0:03} dlvrd:{receipt.delivered or 0:03} "
        f"submit date:{_stamp(receipt.submit_date, zone)} done date:{_stamp(receipt.done_date, zone)} "
        f"stat:{STAT_OF_STATE[state]} err:{receipt.err or '000'} text:"
    )
    return head.encode("latin-1") + receipt.text[:TEXT_CHARACTERS]


def _without_nul(value: bytes) -> str:
    # A C-Octet String by the standard; some leave the NUL out, as the length says where it ends.
    return value.split(b"\0", 1)[0].decode("latin-1")


def _number(digits: str | None) -> int | None:
    fits = digits is not None and len(digits) <= _COUNT_DIGITS_MAX and digits.isdecimal()
    return int(digits) if digits and fits else None


def _date(digits: str | None, zone: tzinfo) -> datetime | None:
    form = _DATE_FORMATS.get(len(digits or ""))
    if not digits or form is None or not digits.isdecimal():
        return None
    try:
        return datetime.strptime(digits, form).replace(tzinfo=zone)
    except ValueError:
        return None


def _stamp(instant: datetime | None, zone: tzinfo) -> str:
    return "0000000000" if instant is None else f"{instant.astimezone(zone):%y%m%d%H%M}"
