"""Captures: a libpcap file whose made-up headers hold together. Wireshark itself judges in tests/wire."""

import struct

from smpp_samples import SAMPLES

from sms.smpp.codec import encode
from sms.smpp.pcap import SEGMENT_OCTETS_MAX, Record, write_pcap

HEADERS = 14 + 20 + 20


def _packets(capture: bytes) -> list[tuple[float, bytes]]:
    assert capture[:24] == struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    found, at = [], 24
    while at < len(capture):
        seconds, micros, size, full = struct.unpack_from("<IIII", capture, at)
        assert size == full
        found.append((seconds + micros / 1e6, capture[at + 16 : at + 16 + size]))
        at += 16 + size
    return found


def _sum(octets: bytes) -> int:
    octets += b"\0" * (len(octets) % 2)
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def test_a_conversation_begins_with_a_handshake_and_counts_octets() -> None:
    records = [
        Record(at=1_700_000_000.25, connection=3, to_smsc=True, octets=b"abc"),
        Record(at=1_700_000_000.5, connection=3, to_smsc=False, octets=b"defgh"),
        Record(at=1_700_000_001.0, connection=3, to_smsc=True, octets=b"i"),
    ]
    packets = _packets(write_pcap(records, smsc_port=2776))
    tcp = [struct.unpack_from(">HHIIBB", packet, 34) for _, packet in packets]
    assert [(numbers[2], numbers[3], numbers[5]) for numbers in tcp] == [
        (0, 0, 0x02), (0, 1, 0x12), (1, 1, 0x10), (1, 1, 0x18), (1, 4, 0x18), (4, 6, 0x18),
    ]  # fmt: skip
    assert [numbers[:2] for numbers in tcp[:2]] == [(20_003, 2776), (2776, 20_003)]
    assert [packet[HEADERS:] for _, packet in packets[3:]] == [b"abc", b"defgh", b"i"]
    assert [at for at, _ in packets[3:]] == [1_700_000_000.25, 1_700_000_000.5, 1_700_000_001.0]


def test_every_checksum_is_right() -> None:
    records = [Record(at=1.0, connection=1, to_smsc=True, octets=encode(pdu)) for pdu in SAMPLES]
    for _, packet in _packets(write_pcap(records)):
        ip, segment = packet[14:34], packet[34:]
        assert _sum(ip) == 0xFFFF
        assert struct.unpack_from(">H", ip, 2)[0] == len(packet) - 14
        assert _sum(ip[12:20] + struct.pack(">BBH", 0, 6, len(segment)) + segment) == 0xFFFF


def test_long_octets_are_cut_into_segments() -> None:
    octets = bytes(range(256)) * 20
    packets = _packets(write_pcap([Record(at=0.0, connection=1, to_smsc=True, octets=octets)]))[3:]
    assert b"".join(packet[HEADERS:] for _, packet in packets) == octets
    assert max(len(packet) - HEADERS for _, packet in packets) == SEGMENT_OCTETS_MAX


def test_connections_do_not_mix() -> None:
    records = [Record(at=0.0, connection=number, to_smsc=True, octets=b"x") for number in (1, 2, 40_001)]
    ends = {
        (packet[26:30], packet[34:36]) for _, packet in _packets(write_pcap(records)) if packet[36:38] == b"\x0a\xd7"
    }
    assert len(ends) == 3


def test_no_records_make_an_empty_capture() -> None:
    assert len(write_pcap([])) == 24
