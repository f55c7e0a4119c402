"""B1: the codec beside smpplib 2.2.4 in the same process, every check on.

Encoding goes from field values to octets on both sides (a PDU object is made, then written), for
destinations, texts and ids that differ from message to message; decoding from octets to a PDU object. A
figure is PDUs a second of processor time, the median of rounds that alternate between the two.
"""

import gc
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from smpplib import smpp  # noqa: E402 - the path comes first when run as a script

from sms.smpp import DeliverSm, SubmitSm, Tag, decode, encode  # noqa: E402 - as above

ROUNDS = 9
OURS, THEIRS = 4_000, 1_000
"""PDUs a round: smpplib takes tens of times longer for each."""

NUMBERS = [f"7916{number:07d}" for number in range(OURS)]
IDS = [f"{number:010d}" for number in range(OURS)]
ID_VALUES = [message_id.encode() + b"\0" for message_id in IDS]
TEXTS = [f"Кэшбэк 57,30 р. начислен 1.04 по счёту {number}".encode("utf-16-be") for number in range(OURS)]
RECEIPTS = [
    f"id:{message_id} sub:001 dlvrd:001 submit date:2503031200 done date:2503031201 stat:DELIVRD err:000".encode()
    for message_id in IDS
]
MESSAGE_ID, STATE = int(Tag.RECEIPTED_MESSAGE_ID), int(Tag.MESSAGE_STATE)
DELIVERED = (STATE, b"\x02")


class Numbers:
    """What smpplib asks of a client."""

    sequence = 1

    def next_sequence(self) -> int:
        return 1


CLIENT = Numbers()


def our_submits(count: int) -> bytes:
    octets = b""
    for number, text in zip(NUMBERS[:count], TEXTS, strict=False):
        pdu = SubmitSm(
            sequence_number=7, source_addr_ton=5, source_addr_npi=0, source_addr="CASHBACK", dest_addr_ton=1,
            dest_addr_npi=1, destination_addr=number, registered_delivery=1, data_coding=8, short_message=text,
        )  # fmt: skip
        octets = encode(pdu)
    return octets


def their_submits(count: int) -> bytes:
    octets = b""
    for number, text in zip(NUMBERS[:count], TEXTS, strict=False):
        pdu = smpp.make_pdu(
            "submit_sm", client=CLIENT, source_addr_ton=5, source_addr_npi=0, source_addr="CASHBACK", dest_addr_ton=1,
            dest_addr_npi=1, destination_addr=number, registered_delivery=1, data_coding=8, short_message=text,
        )  # fmt: skip
        octets = pdu.generate()
    return octets


def our_receipts(count: int) -> bytes:
    octets = b""
    for number, text, named in zip(NUMBERS[:count], RECEIPTS, ID_VALUES, strict=False):
        pdu = DeliverSm(
            sequence_number=7, source_addr_ton=1, source_addr_npi=1, source_addr=number, dest_addr_ton=5,
            dest_addr_npi=0, destination_addr="CASHBACK", esm_class=4, short_message=text,
            tlvs=((MESSAGE_ID, named), DELIVERED),
        )  # fmt: skip
        octets = encode(pdu)
    return octets


def their_receipts(count: int) -> bytes:
    octets = b""
    for number, text, named in zip(NUMBERS[:count], RECEIPTS, IDS, strict=False):
        pdu = smpp.make_pdu(
            "deliver_sm", client=CLIENT, source_addr_ton=1, source_addr_npi=1, source_addr=number, dest_addr_ton=5,
            dest_addr_npi=0, destination_addr="CASHBACK", esm_class=4, short_message=text,
            receipted_message_id=named, message_state=2,
        )  # fmt: skip
        octets = pdu.generate()
    return octets


def our_reading(octets: bytes, count: int) -> None:
    for _ in range(count):
        decode(octets)


def their_reading(octets: bytes, count: int) -> None:
    for _ in range(count):
        smpp.parse_pdu(octets, client=CLIENT)


def run() -> list[dict[str, Any]]:
    """The rows of B1."""
    rows = []
    for name, ours, theirs, targets in (
        ("submit_sm", our_submits, their_submits, (40, 15)),
        ("receipt deliver_sm", our_receipts, their_receipts, (30, 13)),
    ):
        octets, written = ours(8), decode(theirs(8))
        # The same PDU, or the comparison would be of different things.
        assert (len(encode(written)), written.name) == (len(octets), decode(octets).name)
        rows += [
            _row(f"{name} encode", ours, theirs, targets[0]),
            _row(f"{name} decode", lambda count, octets=octets: our_reading(octets, count),
                 lambda count, octets=octets: their_reading(octets, count), targets[1]),
        ]  # fmt: skip
    return rows


def _row(name: str, ours: Callable[[int], None], theirs: Callable[[int], None], target: int | None) -> dict[str, Any]:
    figures: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        figures[0].append(_rate(ours, OURS))
        figures[1].append(_rate(theirs, THEIRS))
    figure, floor = (statistics.median(each) for each in figures)
    return {
        "name": name, "figure": round(figure), "floor": round(floor), "ratio": round(figure / floor, 1),
        "target": target, "unit": "PDUs/s",
    }  # fmt: skip


def _rate(work: Callable[[int], Any], count: int) -> float:
    gc.collect()
    start = time.process_time()
    work(count)
    return count / (time.process_time() - start)


if __name__ == "__main__":
    for row in run():
        print(row)
