"""Captures: a libpcap file whose made-up headers hold together. Wireshark itself judges in tests/wire."""

import struct

import pytest
from smpp_samples import SAMPLES, submit_sm

from sms.errors import CaptureUnreadable
from sms.smpp.codec import encode
from sms.smpp.pcap import SEGMENT_OCTETS_MAX, Record, write_pcap
from sms.smpp.pcap_reader import PENDING_SEGMENTS_MAX, read_pcap

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


# Reading.

FRAMES = [encode(pdu) for pdu in SAMPLES]
LONG = encode(submit_sm(short_message=b"", tlvs=((0x0424, bytes(9000)),)))


def _capture(*frames: bytes) -> tuple[bytes, list[bytes]]:
    """A capture of these frames to the SMSC: its file header, and its packets with their record headers."""
    octets = write_pcap([Record(at=5.5, connection=1, to_smsc=True, octets=frame) for frame in frames])
    found, at = [], 24
    while at < len(octets):
        size = 16 + struct.unpack_from("<I", octets, at + 8)[0]
        found.append(octets[at : at + size])
        at += size
    return octets[:24], found


def _read(octets: bytes) -> list[bytes]:
    return [captured.frame for captured in read_pcap(octets)]


def test_what_we_write_we_read_with_times_and_ends() -> None:
    records = [
        Record(at=100.25 + at, connection=at % 2, to_smsc=at % 3 > 0, octets=frame)
        for at, frame in enumerate([*FRAMES, LONG])
    ]
    read = list(read_pcap(write_pcap(records, smsc_port=2776)))
    assert [(one.at, one.frame) for one in read] == [(record.at, record.octets) for record in records]
    assert read[1].source == "198.51.100.1:20001"
    assert read[1].destination == "192.0.2.1:2776"


def test_segments_out_of_order_repeated_and_overlapping_are_put_together() -> None:
    header, packets = _capture(LONG, FRAMES[12])
    shake, data = packets[:3], packets[3:]
    assert len(data) == 8
    for order in (data[::-1], data + data, data[:2] + data[1:], [data[1], data[0], *data[3:], data[2], data[0]]):
        assert sorted(_read(header + b"".join(shake + order))) == sorted([LONG, FRAMES[12]])
    assert _read(header + b"".join(shake + data[:1] + data[2:])) == []


def test_a_capture_may_begin_in_the_middle_of_a_connection() -> None:
    header, packets = _capture(*FRAMES)
    assert _read(header + b"".join(packets[5:])) == FRAMES[2:]


def test_a_gap_that_never_closes_does_not_fill_the_memory() -> None:
    header, packets = _capture(*[FRAMES[10]] * (PENDING_SEGMENTS_MAX + 20))
    assert _read(header + b"".join(packets[:3] + packets[4:])) == []


def test_big_endian_nanosecond_and_other_links_are_read() -> None:
    _header, packets = _capture(FRAMES[3])
    plain = [packet[16:] for packet in packets]

    def rewritten(magic: str, link: int, packed: list[bytes], order: str) -> bytes:
        start = bytes.fromhex(magic) + struct.pack(f"{order}HHiIII", 2, 4, 0, 0, 65535, link)
        records = (struct.pack(f"{order}IIII", 5, 500_000_000, len(one), len(one)) + one for one in packed)
        return start + b"".join(records)

    for link, strip, prefix in (
        (1, 0, b""),
        (101, 14, b""),
        (113, 14, bytes(16)),
        (276, 14, bytes(20)),
        (0, 14, bytes(4)),
    ):
        packed = [prefix + one[strip:] for one in plain]
        for magic, order in (("a1b23c4d", ">"), ("4d3cb2a1", "<")):
            (captured,) = read_pcap(rewritten(magic, link, packed, order))
            assert (captured.frame, captured.at) == (FRAMES[3], 5.5)
    tagged = [one[:12] + b"\x81\0\0\7" + one[12:] for one in plain]
    assert _read(rewritten("a1b2c3d4", 1, tagged, ">")) == [FRAMES[3]]
    version6 = [
        one[:14] + b"\x60\0\0\0" + struct.pack(">H", len(one) - 34) + b"\x06\x40" + bytes(31) + b"\1" + one[34:]
        for one in plain
    ]
    (captured,) = read_pcap(rewritten("a1b2c3d4", 1, version6, ">"))
    assert captured.source.startswith("[0000:0000:")


def test_other_traffic_is_left_out() -> None:
    http = b"GET / HTTP/1.1\r\n\r\n" + bytes(40)
    foreign = (24).to_bytes(4) + b"abcd" + bytes(16)
    records = [
        Record(at=1.0, connection=1, to_smsc=True, octets=http),
        Record(at=1.0, connection=2, to_smsc=True, octets=foreign),
        Record(at=1.0, connection=3, to_smsc=True, octets=FRAMES[10]),
    ]
    octets = write_pcap(records)
    assert _read(octets) == [FRAMES[10]]
    udp = bytearray(octets)
    for at in range(len(udp) - 9):
        if udp[at : at + 2] == b"\x40\x06":
            udp[at + 1] = 17
    assert _read(bytes(udp)) == []
    assert _read(octets[:24] + struct.pack("<IIII", 1, 0, 9, 9) + b"too short") == []


@pytest.mark.parametrize(("octets", "words"), [
    (b"", "no libpcap"), (b"GIF89a" + bytes(30), "no libpcap"), (bytes.fromhex("d4c3b2a1"), "no libpcap"),
    (bytes.fromhex("0a0d0d0a") + bytes(30), "pcapng"), (bytes.fromhex("d4c3b2a1") + bytes(16) + b"\x93\0\0\0", "147"),
])  # fmt: skip
def test_a_file_that_is_no_capture_is_refused(octets: bytes, words: str) -> None:
    with pytest.raises(CaptureUnreadable, match=words):
        list(read_pcap(octets))
