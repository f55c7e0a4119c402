"""The phones: which are switched on, and their inboxes as their owners see them.

An inbox is worked out when somebody looks: the segments that reached the handset, put together in whatever
order they came. A message stands where its last segment arrived.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from simulator.messages import MessageStore, StoredMessage
from sms.smpp.constants import DataCoding, MessageState, Tag
from sms.text import (
    Coding,
    Concatenation,
    Header,
    HeaderMalformed,
    Reassembler,
    capacity,
    decode,
    split_header,
)

UCS2_DATA_CODINGS = frozenset((8, 0x18, 0x48))
SWITCHED_OFF_MAX = 10_000
CLEARED_MAX = 100_000
CONCATENATION_OCTETS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A message on the screen; `arrived_at` is wall time."""

    source: str
    text: str
    segments: int
    coding: Coding
    arrived_at: float
    message_ids: tuple[str, ...]


class Handsets:
    """All phones of the network; a number needs no registration to have one. `off` are switched off."""

    def __init__(self, store: MessageStore) -> None:
        self._store = store
        self._cleared: dict[str, int] = {}
        self.off: set[str] = set()

    def is_on(self, msisdn: str) -> bool:
        """Whether the phone is switched on."""
        return msisdn not in self.off

    def switch(self, msisdn: str, *, on: bool) -> bool:
        """Switch a phone on or off; False when too many are off already."""
        if on:
            self.off.discard(msisdn)
        elif len(self.off) >= SWITCHED_OFF_MAX:
            return False
        else:
            self.off.add(msisdn)
        return True

    def clear(self, msisdn: str) -> None:
        """Delete what is in the inbox now."""
        self._cleared[msisdn] = self._store.accepted
        if len(self._cleared) > CLEARED_MAX:
            del self._cleared[next(iter(self._cleared))]

    def inbox(self, msisdn: str) -> list[Shown]:
        """What the phone shows, oldest first."""
        after = self._cleared.get(msisdn, 0)
        arrived = [
            one for one in self._store.to(msisdn) if one.number >= after and one.state is MessageState.DELIVERED
        ]
        arrived.sort(key=lambda one: (one.state_at, one.number))
        return list(_put_together(arrived))


def _put_together(arrived: list[StoredMessage]) -> Iterator[Shown]:
    reassembler = Reassembler()
    ids_so_far: dict[tuple[str, int, int, bool], list[str]] = {}
    for one in arrived:
        part = concatenation_of(one)
        ids = [one.message_id]
        if part is not None:
            key = (one.source, part.reference, part.total, part.wide)
            ids = [*ids_so_far.get(key, ()), one.message_id]
            ids_so_far[key] = ids
        whole = reassembler.take(
            one.source, one.text, data_coding=one.pdu.data_coding, udhi=one.has_header, concatenation=part
        )
        if whole is None:
            continue
        if part is not None:
            del ids_so_far[(one.source, part.reference, part.total, part.wide)]
        coding = _coding_of(whole.data_coding)
        yield Shown(
            source=whole.source,
            text=whole.text,
            segments=_segments_of(one, coding) if one.pdu.tlv(Tag.MESSAGE_PAYLOAD) else whole.segments,
            coding=coding,
            arrived_at=one.state_at,
            message_ids=tuple(ids),
        )


def segment_text(message: StoredMessage) -> str:
    """The text of this segment alone, without its user data header, in the tables which that names."""
    header, payload = Header(), message.text
    if message.has_header:
        with suppress(HeaderMalformed):
            header, payload = split_header(message.text)
    return decode(payload, message.pdu.data_coding, header.tables)


def concatenation_of(message: StoredMessage) -> Concatenation | None:
    """Which part of which message this is: by its user data header, else by its sar_* parameters."""
    if message.has_header:
        try:
            in_header = split_header(message.text)[0].concatenation
        except HeaderMalformed:
            in_header = None
        if in_header is not None:
            return in_header
    pdu = message.pdu
    if not pdu.tlvs:
        return None
    reference = pdu.tlv_int(Tag.SAR_MSG_REF_NUM)
    total = pdu.tlv_int(Tag.SAR_TOTAL_SEGMENTS)
    number = pdu.tlv_int(Tag.SAR_SEGMENT_SEQNUM)
    if reference is None or total is None or number is None:
        return None
    return Concatenation(reference=reference, total=total, number=number, wide=True)


def _coding_of(data_coding: int) -> Coding:
    """How a data_coding says that characters stand in octets."""
    if data_coding in UCS2_DATA_CODINGS:
        return Coding.UCS2
    return Coding.LATIN1 if data_coding == DataCoding.LATIN_1 else Coding.GSM7


def _segments_of(message: StoredMessage, coding: Coding) -> int:
    """Into how many segments the network cuts a text that came whole, in message_payload."""
    units = len(message.text) // 2 if coding is Coding.UCS2 else len(message.text)
    return 1 if units <= capacity(coding, 0) else -(-units // capacity(coding, CONCATENATION_OCTETS))
