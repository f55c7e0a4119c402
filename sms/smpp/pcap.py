"""Recorded octets as a capture file that Wireshark opens: headers below SMPP are made up consistently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Octets of one direction of one connection at one instant (seconds since 1970)."""

    at: float
    connection: int
    to_smsc: bool
    octets: bytes


def write_pcap(records: Iterable[Record], *, smsc_port: int = 2775) -> bytes:
    """A libpcap file with one TCP conversation per connection number."""
    raise NotImplementedError
