"""Recorded octets as a capture file that Wireshark opens.

Only the octets of SMPP are real. Ethernet, IP and TCP below them are made up consistently per
connection (handshake, sequence and acknowledgement numbers, checksums), so that streams are put
together again and PDUs are dissected.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

SEGMENT_OCTETS_MAX = 1460

_MAGIC = 0xA1B2C3D4
_LINK_ETHERNET = 1
_SNAPLEN = 0xFFFF
_FILE_HEADER = Struct("<IHHiIII")
_RECORD_HEADER = Struct("<IIII")
_IP = Struct(">BBHHHBBH4s4s")
_TCP = Struct(">HHIIBBHHH")
_PSEUDO = Struct(">4s4sBBH")
_ETHERNET = bytes.fromhex("0200000000020200000000010800")
_IP_VERSION_AND_LENGTH = 0x45
_TTL = 64
_TCP_PROTOCOL = 6
_TCP_WORDS = 5 << 4
_SYN, _PSH, _ACK = 0x02, 0x08, 0x10
_WINDOW = 0xFFFF
_SMSC_ADDRESS = bytes((192, 0, 2, 1))  # RFC 5737: addresses for documentation
_ESME_NETWORK = bytes((198, 51, 100))
_PORTS_FROM = 20_000
_PORTS = 40_000
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Octets of one direction of one connection at one instant (seconds since 1970)."""

    at: float
    connection: int
    to_smsc: bool
    octets: bytes


def write_pcap(records: Iterable[Record], *, smsc_port: int = 2775) -> bytes:
    """A libpcap file with one TCP conversation per connection number, records in the given order."""
    parts = [_FILE_HEADER.pack(_MAGIC, 2, 4, 0, 0, _SNAPLEN, _LINK_ETHERNET)]
    conversations: dict[int, _Conversation] = {}
    for record in records:
        conversation = conversations.get(record.connection)
        if conversation is None:
            conversation = _Conversation(record.connection, smsc_port)
            conversations[record.connection] = conversation
            parts += (_captured(record.at, packet) for packet in conversation.handshake())
        for at in range(0, len(record.octets), SEGMENT_OCTETS_MAX):
            payload = record.octets[at : at + SEGMENT_OCTETS_MAX]
            packet = conversation.segment(payload, to_smsc=record.to_smsc)
            parts.append(_captured(record.at, packet))
    return b"".join(parts)


class _Conversation:
    """The TCP state of one connection: the next sequence number of each side."""

    def __init__(self, number: int, smsc_port: int) -> None:
        host, port = divmod(number, _PORTS)
        self._ends = {
            True: (_ESME_NETWORK + bytes((1 + host % 254,)), _PORTS_FROM + port),
            False: (_SMSC_ADDRESS, smsc_port),
        }
        self._next = {True: 0, False: 0}
        self._packets = 0

    def handshake(self) -> list[bytes]:
        """SYN, SYN and ACK, ACK."""
        return [
            self._packet(b"", to_smsc=True, flags=_SYN),
            self._packet(b"", to_smsc=False, flags=_SYN | _ACK),
            self._packet(b"", to_smsc=True, flags=_ACK),
        ]

    def segment(self, payload: bytes, *, to_smsc: bool) -> bytes:
        """One packet with payload."""
        return self._packet(payload, to_smsc=to_smsc, flags=_PSH | _ACK)

    def _packet(self, payload: bytes, *, to_smsc: bool, flags: int) -> bytes:
        source, source_port = self._ends[to_smsc]
        destination, destination_port = self._ends[not to_smsc]
        acknowledged = self._next[not to_smsc] if flags & _ACK else 0
        ports = (source_port, destination_port)
        tcp = (*ports, self._next[to_smsc], acknowledged, _TCP_WORDS, flags, _WINDOW)
        size = _TCP.size + len(payload)
        pseudo = _PSEUDO.pack(source, destination, 0, _TCP_PROTOCOL, size)
        checksum = _checksum(pseudo + _TCP.pack(*tcp, 0, 0) + payload)
        ip = (_IP_VERSION_AND_LENGTH, 0, _IP.size + size, self._packets & 0xFFFF, 0, _TTL, _TCP_PROTOCOL)
        ip_checksum = _checksum(_IP.pack(*ip, 0, source, destination))
        advance = len(payload) + (1 if flags & _SYN else 0)
        self._next[to_smsc] = (self._next[to_smsc] + advance) & 0xFFFFFFFF
        self._packets += 1
        return _ETHERNET + _IP.pack(*ip, ip_checksum, source, destination) + _TCP.pack(*tcp, checksum, 0) + payload


def _captured(at: float, packet: bytes) -> bytes:
    seconds, fraction = divmod(round(at * _MICROSECONDS), _MICROSECONDS)
    return _RECORD_HEADER.pack(seconds & 0xFFFFFFFF, fraction, len(packet), len(packet)) + packet


def _checksum(octets: bytes) -> int:
    """The one's complement sum of RFC 1071."""
    if len(octets) % 2:
        octets += b"\0"
    total = sum(int.from_bytes(octets[at : at + 2]) for at in range(0, len(octets), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
