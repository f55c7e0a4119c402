"""Delivery receipts: the vendor text of SMPP 3.4 Appendix B, and the parameters that win over it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from sms.smpp.constants import MessageState
    from sms.smpp.pdu import DataSm, DeliverSm


class DeliverKind(Enum):
    """What a deliver_sm or data_sm to an ESME is."""

    MESSAGE = "message"
    RECEIPT = "receipt"
    INTERMEDIATE = "intermediate"
    DELIVERY_ACK = "delivery_ack"
    USER_ACK = "user_ack"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a receipt says; None where it says nothing."""

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
    """What this is, by esm_class first, then by receipted_message_id; never by its text."""
    raise NotImplementedError


def read_receipt(pdu: DeliverSm | DataSm) -> Receipt | None:
    """The receipt in this PDU, parameters over text; None when no message can be named."""
    raise NotImplementedError


def parse_receipt_text(text: bytes) -> Receipt | None:
    """The receipt in an Appendix B text, read tolerantly; None without an id."""
    raise NotImplementedError


def format_receipt_text(receipt: Receipt) -> bytes:
    """The Appendix B text of a receipt."""
    raise NotImplementedError
