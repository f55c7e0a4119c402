"""What the SMSC holds: every segment it accepted, its state, and an index by destination.

Bounded by two generations of half the capacity each: when the young one is full it becomes the old one, and
the oldest half is forgotten at once. Storing costs two dictionary writes and nothing per message forgotten.
"""

from collections.abc import Iterator

import msgspec

from simulator.habits import Submission
from simulator.settings import Account
from sms.smpp.constants import EsmClass, MessageState, Tag
from sms.smpp.pdu import DataSm

UDHI = int(EsmClass.UDHI)


class StoredMessage(msgspec.Struct, gc=False, eq=False):
    """One accepted segment; `at` is wall time, `state_at` that of its last change of state.

    Built once per message and held by the hundred thousand: the collector of cycles does not walk them.
    """

    message_id: str
    number: int
    account: Account
    to: str
    pdu: Submission
    at: float
    state_at: float
    state: MessageState = MessageState.DELIVERED

    @property
    def text(self) -> bytes:
        """The octets of the text, with the user data header if there is one."""
        return text_of(self.pdu)

    @property
    def source(self) -> str:
        """Who it is from."""
        return self.pdu.source_addr

    @property
    def has_header(self) -> bool:
        """Whether the text begins with a user data header."""
        return bool(self.pdu.esm_class & UDHI)


def text_of(pdu: Submission) -> bytes:
    """The octets of the text: message_payload where there is one, else short_message."""
    payload = pdu.tlv(Tag.MESSAGE_PAYLOAD) if pdu.tlvs else None
    if payload is not None:
        return payload
    return b"" if isinstance(pdu, DataSm) else pdu.short_message


class _Generation:
    __slots__ = ("by_id", "by_to")

    def __init__(self) -> None:
        self.by_id: dict[str, StoredMessage] = {}
        # Most handsets get one message: a list of one for each would double the cost of storing.
        self.by_to: dict[str, StoredMessage | list[StoredMessage]] = {}

    def to(self, msisdn: str) -> list[StoredMessage]:
        found = self.by_to.get(msisdn)
        if found is None:
            return []
        return found if isinstance(found, list) else [found]

    def remove(self, message: StoredMessage) -> None:
        same_handset = self.to(message.to)
        if message not in same_handset:
            return
        others = [one for one in same_handset if one is not message]
        if others:
            self.by_to[message.to] = others
        else:
            del self.by_to[message.to]
        key = message.message_id
        if self.by_id.get(key) is not message:
            # A later destination of a submit_multi: rare enough to be looked for.
            key = next(one for one, held in self.by_id.items() if held is message)
        del self.by_id[key]


class MessageStore:
    """The accepted segments; numbers rise by one with each, over the whole life of the store."""

    def __init__(self, *, capacity: int) -> None:
        self._half = max(1, capacity // 2)
        self._old = _Generation()
        self._young = _Generation()
        self.accepted = 0

    def __len__(self) -> int:
        """How many are held now."""
        return len(self._old.by_id) + len(self._young.by_id)

    def add(self, message: StoredMessage) -> None:
        """Hold a segment that was just accepted."""
        young = self._young
        key = message.message_id
        # The destinations of one submit_multi share an id: the first answers to it.
        young.by_id[key if key not in young.by_id else f"{key}/{self.accepted}"] = message
        same_handset = young.by_to.get(message.to)
        if same_handset is None:
            young.by_to[message.to] = message
        elif isinstance(same_handset, list):
            same_handset.append(message)
        else:
            young.by_to[message.to] = [same_handset, message]
        self.accepted += 1
        if len(young.by_id) >= self._half:
            self._old, self._young = young, _Generation()

    def remove(self, message: StoredMessage) -> None:
        """Forget one segment: another has taken its place."""
        for generation in (self._young, self._old):
            generation.remove(message)

    def get(self, message_id: str) -> StoredMessage | None:
        """The segment of this id; None when it is unknown or forgotten."""
        return self._young.by_id.get(message_id) or self._old.by_id.get(message_id)

    def to(self, msisdn: str) -> list[StoredMessage]:
        """The segments for one handset, in the order they were accepted."""
        return self._old.to(msisdn) + self._young.to(msisdn)

    def all(self) -> Iterator[StoredMessage]:
        """Every segment held, in the order they were accepted."""
        yield from list(self._old.by_id.values())
        yield from list(self._young.by_id.values())
