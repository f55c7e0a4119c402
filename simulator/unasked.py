"""The octets a misbehaving SMSC sends to ESMEs that did not ask for them. Pure: the dice are handed in."""

from collections.abc import Iterator
from itertools import cycle, islice

from simulator.misbehaviour import Unasked
from simulator.rng import Rng
from sms.smpp.codec import encode
from sms.smpp.constants import HEADER_OCTETS, SEQUENCE_MAX, EsmClass, MessageState, Npi, Tag, Ton
from sms.smpp.pdu import DeliverSm, EnquireLink, Pdu, Unbind
from sms.smpp.receipt import Receipt, format_receipt_text
from sms.text import segments_for

FIRST_NUMBER = 0x40000000
"""Above every number of the session itself, so that the answers are taken for none of its own."""

SERVICE_NUMBER = "4400"
PHONE = "79160000001"
PARTS_TEXT = "A long message that comes in parts. " * 12
_PART_ORDER = (2, 0, 0, 1, 2)
"""Of the first message: late, early, double; the second one never gets its first part."""

_ODD_SOURCES = (
    (Ton.INTERNATIONAL, Npi.ISDN, "89160000001"),
    (Ton.NATIONAL, Npi.ISDN, "9160000001"),
    (Ton.UNKNOWN, Npi.UNKNOWN, "+79160000001"),
    (Ton.INTERNATIONAL, Npi.ISDN, "+79160000001"),
    (Ton.ALPHANUMERIC, Npi.UNKNOWN, "79160000001"),
    (Ton.UNKNOWN, 14, ""),
    (Ton.INTERNATIONAL, Npi.ISDN, "7916ABC0001"),
)
_TON_AT = HEADER_OCTETS + 1
"""Behind a service_type that is empty."""
_GIANT = 0x7FFFFFFF
_TINY = 8


def octets_of(kind: Unasked, rng: Rng) -> Iterator[bytes]:
    """Endless PDUs of this kind, or what stands in their place, each with a number of its own."""
    match kind:
        case Unasked.NOTHING:
            return iter(())
        case Unasked.GIANT_LENGTH:
            return (_length(_GIANT) for _ in _numbers())
        case Unasked.TINY_LENGTH:
            return (_length(_TINY) for _ in _numbers())
        case Unasked.GARBAGE:
            return (_random(rng, 40) for _ in _numbers())
        case Unasked.UNKNOWN_COMMANDS:
            return (_header(HEADER_OCTETS, 0x00010200 + rng.randrange(0x100), number) for number in _numbers())
        case Unasked.MUTANTS:
            return _mutants(rng)
        case Unasked.ODD_NUMBERS:
            return map(_odd, _numbers(), cycle(_ODD_SOURCES))
        case _:
            return map(encode, _pdus(kind))


def _pdus(kind: Unasked) -> Iterator[Pdu]:
    match kind:
        case Unasked.UNBIND:
            return (Unbind(sequence_number=number) for number in _numbers())
        case Unasked.ENQUIRE_LINKS:
            return (EnquireLink(sequence_number=number) for number in _numbers())
        case Unasked.UNKNOWN_RECEIPTS:
            return map(_receipt, _numbers())
        case Unasked.SHUFFLED_PARTS:
            return _shuffled_parts()
        case _:
            return map(_message, _numbers())


def _numbers() -> Iterator[int]:
    return iter(range(FIRST_NUMBER, SEQUENCE_MAX))


def _message(number: int, **fields: object) -> DeliverSm:
    known = {
        "sequence_number": number,
        "source_addr_ton": Ton.INTERNATIONAL,
        "source_addr_npi": Npi.ISDN,
        "source_addr": PHONE,
        "dest_addr_npi": Npi.ISDN,
        "destination_addr": SERVICE_NUMBER,
        "short_message": b"unasked %d" % number,
    }
    return DeliverSm(**{**known, **fields})  # type: ignore[arg-type] # the fields are those of the PDU


def _odd(number: int, source: tuple[int, int, str]) -> bytes:
    """The codec writes no wrong TON: it is put in afterwards."""
    ton, npi, address = source
    octets = bytearray(encode(_message(number, source_addr_ton=0, source_addr_npi=0, source_addr=address)))
    octets[_TON_AT : _TON_AT + 2] = ton, npi
    return bytes(octets)


def _receipt(number: int) -> DeliverSm:
    said = Receipt(message_id=f"{number:X}", state=MessageState.DELIVERED, err="000", submitted=1, delivered=1)
    return _message(
        number,
        esm_class=EsmClass.TYPE_RECEIPT,
        short_message=format_receipt_text(said),
        tlvs=(
            (int(Tag.RECEIPTED_MESSAGE_ID), f"{number:X}".encode() + b"\0"),
            (int(Tag.MESSAGE_STATE), bytes((MessageState.DELIVERED,))),
        ),
    )


def _shuffled_parts() -> Iterator[DeliverSm]:
    first, second = segments_for(PARTS_TEXT, reference=1), segments_for(PARTS_TEXT, reference=2)
    parts = [*(first[place] for place in _PART_ORDER), *second[:0:-1]]
    for number, part in zip(_numbers(), cycle(parts), strict=False):
        yield _message(number, esm_class=EsmClass.UDHI, short_message=part.short_message)


def _mutants(rng: Rng) -> Iterator[bytes]:
    """Whole frames, so that something behind the framing is looked at, with one octet or the end spoiled."""
    kinds = (Unasked.MESSAGES, Unasked.UNKNOWN_RECEIPTS, Unasked.SHUFFLED_PARTS, Unasked.ENQUIRE_LINKS)
    sources = [list(islice(map(encode, _pdus(kind)), 8)) for kind in kinds]
    for number in _numbers():
        octets = bytearray(sources[rng.randrange(len(sources))][rng.randrange(8)])
        octets[12:16] = number.to_bytes(4, "big")
        for _ in range(1 + rng.randrange(4)):
            place = 4 + rng.randrange(len(octets) - 4)
            if rng.randrange(4):
                octets[place] = rng.randrange(256)
            else:
                del octets[max(place, HEADER_OCTETS) :]
        octets[:4] = len(octets).to_bytes(4, "big")
        yield bytes(octets)


def _header(length: int, command: int, number: int) -> bytes:
    return b"".join(part.to_bytes(4, "big") for part in (length, command, 0, number))


def _length(length: int) -> bytes:
    return _header(length, 5, FIRST_NUMBER)


def _random(rng: Rng, count: int) -> bytes:
    return bytes(rng.randrange(256) for _ in range(count))
