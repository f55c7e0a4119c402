"""SMPP PDUs out of a libpcap capture, as `tcpdump -w` and the simulator write it.

TCP streams are put together again (out of order, retransmitted, cut anywhere); a stream that
does not begin with an SMPP header is somebody else's and left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct
from typing import TYPE_CHECKING

from sms.errors import CaptureUnreadable
from sms.smpp.constants import RESPONSE_BIT
from sms.smpp.framing import Framer
from sms.smpp.pdu import PDU_CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE_HEADER_OCTETS = 24
PENDING_SEGMENTS_MAX = 1_000
"""Segments kept per stream while one before them is missing."""

_MAGICS = {
    bytes.fromhex("d4c3b2a1"): ("<", 1e-6),
    bytes.fromhex("a1b2c3d4"): (">", 1e-6),
    bytes.fromhex("4d3cb2a1"): ("<", 1e-9),
    bytes.fromhex("a1b23c4d"): (">", 1e-9),
}
_PCAPNG = bytes.fromhex("0a0d0d0a")
_LINK_HEADER_OCTETS = {0: 4, 1: 14, 101: 0, 113: 16, 276: 20}
"""Loopback, Ethernet, none at all, Linux cooked in both versions."""
_LINK_ETHERNET = 1
_VLAN = b"\x81\x00"
_TCP_PROTOCOL = 6
_SYN = 0x02
_HALF_OF_ALL_NUMBERS = 1 << 31
_ALL_NUMBERS = 1 << 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """One PDU of a capture; `at` is when its last octet was seen, the ends are `address:port`."""

    at: float
    source: str
    destination: str
    frame: bytes


@dataclass(slots=True)
class _Stream:
    """One direction of one connection."""

    next_number: int | None = None
    pending: dict[int, bytes] = field(default_factory=dict)
    framer: Framer = field(default_factory=Framer)
    is_smpp: bool | None = None

    def take(self, number: int, payload: bytes) -> list[bytes]:
        """The frames this segment completes."""
        if self.next_number is None:
            self.next_number = number
        self.pending[number] = payload
        if len(self.pending) > PENDING_SEGMENTS_MAX:
            self.pending.clear()
        frames = []
        while (found := self._following()) is not None:
            frames += self.framer.feed(found)
        if self.is_smpp is None and frames:
            self.is_smpp = _looks_like_smpp(frames[0])
        return frames if self.is_smpp else []

    def _following(self) -> bytes | None:
        """The octets that come next, without what was seen before; None when they are missing."""
        expected = self.next_number or 0
        for number in list(self.pending):
            ahead = (number - expected) % _ALL_NUMBERS
            seen = 0 if ahead < _HALF_OF_ALL_NUMBERS else _ALL_NUMBERS - ahead
            if ahead and not seen:
                continue
            payload = self.pending.pop(number)[seen:]
            if payload:
                self.next_number = (expected + len(payload)) % _ALL_NUMBERS
                return payload
        return None


def read_pcap(octets: bytes) -> Iterator[Captured]:
    """Every PDU of a capture in the order in which they were complete; CaptureUnreadable if it is none."""
    order, unit, link = _read_file_header(octets)
    record = Struct(f"{order}IIII")
    streams: dict[tuple[str, str], _Stream] = {}
    at = FILE_HEADER_OCTETS
    while at + record.size <= len(octets):
        seconds, fraction, size, _ = record.unpack_from(octets, at)
        at += record.size
        segment = _read_packet(octets[at : at + size], link)
        at += size
        if segment is None:
            continue
        source, destination, number, syn, payload = segment
        stream = streams.setdefault((source, destination), _Stream())
        if syn:
            streams[source, destination] = _Stream(next_number=(number + 1) % _ALL_NUMBERS)
        elif payload:
            for frame in stream.take(number, payload):
                yield Captured(at=seconds + fraction * unit, source=source, destination=destination, frame=frame)


def _read_file_header(octets: bytes) -> tuple[str, float, int]:
    if octets[:4] == _PCAPNG:
        raise CaptureUnreadable("this is pcapng: save it as pcap (editcap -F pcap IN OUT)")
    if octets[:4] not in _MAGICS or len(octets) < FILE_HEADER_OCTETS:
        raise CaptureUnreadable("this is no libpcap capture")
    order, unit = _MAGICS[octets[:4]]
    (link,) = Struct(f"{order}I").unpack_from(octets, 20)
    if link not in _LINK_HEADER_OCTETS:
        raise CaptureUnreadable(f"captures of link type {link} are not read")
    return order, unit, link


def _read_packet(packet: bytes, link: int) -> tuple[str, str, int, bool, bytes] | None:
    """Source, destination, sequence number, SYN and payload of a TCP segment; None for anything else."""
    start = _LINK_HEADER_OCTETS[link]
    if link == _LINK_ETHERNET and packet[12:14] == _VLAN:
        start += 4
    ip = packet[start:]
    if len(ip) < 40 or ip[0] >> 4 not in (4, 6):  # noqa: PLR2004 - the least both headers take, the versions
        return None
    if ip[0] >> 4 == 4:  # noqa: PLR2004 - the version
        header, protocol, total = (ip[0] & 15) * 4, ip[9], int.from_bytes(ip[2:4])
        ends = [".".join(map(str, address)) for address in (ip[12:16], ip[16:20])]
    else:
        header, protocol, total = 40, ip[6], 40 + int.from_bytes(ip[4:6])
        ends = [f"[{address.hex(':', 2)}]" for address in (ip[8:24], ip[24:40])]
    tcp = ip[header:total]
    if protocol != _TCP_PROTOCOL or len(tcp) < 20:  # noqa: PLR2004 - a TCP header
        return None
    ports = (int.from_bytes(tcp[:2]), int.from_bytes(tcp[2:4]))
    source, destination = (f"{address}:{port}" for address, port in zip(ends, ports, strict=True))
    payload = tcp[(tcp[12] >> 4) * 4 :]
    return source, destination, int.from_bytes(tcp[4:8]), bool(tcp[13] & _SYN), payload


def _looks_like_smpp(frame: bytes) -> bool:
    command_id = int.from_bytes(frame[4:8])
    return command_id in PDU_CLASSES or command_id & ~RESPONSE_BIT in PDU_CLASSES
