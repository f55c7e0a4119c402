"""A PDU in words, for people and for JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sms.smpp.pdu import Pdu


def describe(pdu: Pdu) -> dict[str, object]:
    """Every parameter under its standard name, with words for values that have one."""
    raise NotImplementedError
