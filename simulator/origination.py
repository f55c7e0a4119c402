"""SMS from handsets: to the number of an ESME, or to another handset."""

from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.defer import Deferred

from simulator.deliveries import Outcome
from simulator.errors import RequestInvalid
from simulator.forwarding import Forwarding
from simulator.messages import MessageStore, StoredMessage
from simulator.msisdn import normalised
from simulator.settings import Account
from simulator.smsc import Smsc
from sms.smpp.constants import EsmClass, Npi, Tag, Ton
from sms.smpp.pdu import DeliverSm, SubmitSm
from sms.text import Coding, Segment, TextTooLong, segments_for

SUBSCRIBER_DIGITS_MIN = 11
REFERENCES = 256
USER_REFERENCES = 1 << 16

_HANDSETS = Account(system_id="handsets", password="", roles=())
"""Whose messages between handsets are: nobody can bind as it, as it is in no configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A message as it left the phone."""

    to: str
    segments: int
    coding: Coding


class Origination:
    """The sending half of every phone."""

    def __init__(self, *, smsc: Smsc, forwarding: Forwarding, store: MessageStore, wall: Callable[[], float]) -> None:
        self._smsc = smsc
        self._forwarding = forwarding
        self._store = store
        self._wall = wall
        self._message = 0

    def send(self, source: str, to: str, text: str, heard: Deferred[Outcome | None]) -> Sent:
        """Send a text; `heard` fires when every segment is answered for. Raises RequestInvalid."""
        number = normalised(to, field="to")
        self._message = (self._message + 1) % USER_REFERENCES
        try:
            segments = segments_for(text, reference=self._message % REFERENCES)
        except TextTooLong as error:
            raise RequestInvalid(f"text: {error}", field="text") from None
        sent = Sent(to=number, segments=len(segments), coding=segments[0].coding)
        if len(number) >= SUBSCRIBER_DIGITS_MIN and self._forwarding.last_sender_from(number) in (None, "handsets"):
            for segment in segments:
                self._to_handset(source, number, segment)
            heard.callback(Outcome.ACCEPTED)
            return sent
        self._to_esme(source, number, segments, heard)
        return sent

    def _to_esme(
        self, source: str, number: str, segments: tuple[Segment, ...], heard: Deferred[Outcome | None]
    ) -> None:
        outcomes: list[Outcome] = []

        def ended(outcome: Outcome) -> None:
            outcomes.append(outcome)
            if len(outcomes) == len(segments) and not heard.called:
                worst = next((one for one in outcomes if one is not Outcome.ACCEPTED), Outcome.ACCEPTED)
                heard.callback(worst)

        # Tells the same text sent twice from one copy that is delivered twice.
        tlvs = ((int(Tag.USER_MESSAGE_REFERENCE), self._message.to_bytes(2, "big")),)
        for segment in segments:
            pdu = DeliverSm(
                source_addr_ton=Ton.INTERNATIONAL,
                source_addr_npi=Npi.ISDN,
                source_addr=source,
                dest_addr_ton=Ton.UNKNOWN,
                dest_addr_npi=Npi.ISDN,
                destination_addr=number,
                esm_class=EsmClass.UDHI if segment.udh else EsmClass.MODE_DEFAULT,
                data_coding=segment.coding.data_coding,
                short_message=segment.short_message,
                tlvs=tlvs,
            )
            if not self._smsc.from_handset(pdu, ended):
                ended(Outcome.REFUSED)

    def _to_handset(self, source: str, number: str, segment: Segment) -> None:
        pdu = SubmitSm(
            source_addr_ton=Ton.INTERNATIONAL,
            source_addr_npi=Npi.ISDN,
            source_addr=source,
            dest_addr_ton=Ton.INTERNATIONAL,
            dest_addr_npi=Npi.ISDN,
            destination_addr=number,
            esm_class=EsmClass.UDHI if segment.udh else EsmClass.MODE_DEFAULT,
            data_coding=segment.coding.data_coding,
            short_message=segment.short_message,
        )
        message_id = f"phone-{self._store.accepted}"
        at = self._wall()
        self._forwarding.accept(StoredMessage(message_id, self._store.accepted, _HANDSETS, number, pdu, at, at))
