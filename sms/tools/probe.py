"""Learns an unknown SMSC's habits with at most 50 messages in at most a minute.

What it sends: messages with and without a parameter, one of 160 octets, one with octets above 127, a dozen one by
one, and a burst. What it concludes stands in `habits`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

from sms.errors import RequestFailed, SmppError
from sms.smpp.config import LinkConfig
from sms.smpp.constants import CommandStatus, EsmClass, Npi, RegisteredDelivery, Tag, Ton
from sms.smpp.pdu import AlertNotification, DataSm, DeliverSm, EnquireLink, MessageResp, Pdu, SubmitSm, response_to
from sms.smpp.protocol import SmppProtocol
from sms.smpp.receipt import Receipt, parse_receipt_text, read_receipt
from sms.tools.habits import Seen, Sent, same_message
from sms.tools.single import Single, sleep

MESSAGES_MAX = 50
SECONDS_MAX = 60.0
INTRODUCTIONS = 3
ONE_BY_ONE = 12
AT_ONCE = 12
PACED_MAX = 14
BREATH_SECONDS = 1.2
"""A rate counts by the second: after it everything is allowed again."""
PACED_SECONDS = 1.0
NUMBER_SENDER = "4400"

TEXT = b"Firstcharge probe"
LONG_TEXT = b"a" * 160
HIGH_OCTETS = bytes(range(0xC0, 0xE0))
RECEIPT = int(RegisteredDelivery.FINAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Who the messages are from and to: a test phone of yours, it will get them all."""

    sender: str
    sender_ton: int
    sender_npi: int
    to: str


@dataclass(slots=True, kw_only=True)
class _Early:
    at: float
    pdu: DeliverSm | DataSm
    receipt: Receipt


@dataclass(slots=True, kw_only=True)
class ProbeReport:
    """What was seen, how many messages it took, and how long."""

    seen: Seen = field(default_factory=Seen)
    messages: int = 0
    seconds: float = 0.0


class Probe:
    """One probing of one SMSC."""

    def __init__(
        self, addresses: Addresses, clock: IReactorTime, *, receipts_wait_s: float, told: Callable[[str], None]
    ) -> None:
        """`told` hears what is being done."""
        self._addresses = addresses
        self._clock = clock
        self._receipts_wait_s = receipts_wait_s
        self._told = told
        self._sent: list[Sent] = []
        self._early: list[_Early] = []
        self._with_parameters = True
        self._named = True
        self.report = ProbeReport()

    async def run(self, config: LinkConfig, endpoint: IStreamClientEndpoint) -> ProbeReport:
        """Bind and find out.

        Raises what connecting raises, BindRefused, RequestFailed.
        """
        began = self._clock.seconds()
        single = Single(config, self, clock=self._clock)
        await single.connect(endpoint)
        answer = await single.bind()
        seen = self.report.seen
        seen.smsc = answer.system_id or ""
        seen.version = answer.tlv_int(Tag.SC_INTERFACE_VERSION)
        seen.bind_ms = (self._clock.seconds() - began) * 1_000
        try:
            await Deferred.fromCoroutine(self._find_out(single.link)).addTimeout(SECONDS_MAX, self._clock)
        except TimeoutError:
            self._told(f"time is up after {SECONDS_MAX:g} s: what was not seen by now stays unknown")
        finally:
            await single.link.unbind()
            self.report.messages = len(self._sent)
            self.report.seconds = self._clock.seconds() - began
        return self.report

    async def _find_out(self, link: SmppProtocol) -> None:
        seen = self.report.seen
        asked = self._clock.seconds()
        await link.request(EnquireLink())
        seen.enquire_link_ms = (self._clock.seconds() - asked) * 1_000
        self._told("introducing ourselves")
        await self._introduce(link)
        if not any(one.status == 0 for one in seen.introductions):
            return
        self._told("asking what data_coding 0 means")
        seen.long_text = await self._submit(link, LONG_TEXT)
        seen.high_octets = await self._submit(link, HIGH_OCTETS)
        await sleep(self._clock, BREATH_SECONDS)
        self._told("one by one")
        seen.one_by_one = [await self._submit(link) for _ in range(ONE_BY_ONE)]
        if any(one.status for one in seen.one_by_one):
            await sleep(self._clock, BREATH_SECONDS)
            self._told("measuring the rate")
            await self._measure_rate(link)
        else:
            self._told("many at once")
            seen.at_once = await gatherResults(
                [Deferred.fromCoroutine(self._submit(link)) for _ in range(AT_ONCE)], consumeErrors=True
            )
            await self._tell_rate_from_window(link)
        self._told("waiting for receipts")
        await self._wait_for_receipts()

    async def _introduce(self, link: SmppProtocol) -> None:
        """With a parameter and a name; where that is refused, without the one and then without the other."""
        seen = self.report.seen
        for _ in range(INTRODUCTIONS):
            one = await self._submit(link)
            seen.introductions.append(one)
            if one.status == 0:
                continue
            if self._with_parameters and one.status not in _SENDER_STATUSES:
                self._with_parameters = False
                seen.introductions.append(await self._submit(link))
                if seen.introductions[-1].status == 0:
                    continue
                self._with_parameters = True
            if self._named:
                self._named = False
                second = await self._submit(link)
                seen.introductions.append(second)
                if second.status == 0:
                    seen.names_refused = one.status

    async def _measure_rate(self, link: SmppProtocol) -> None:
        began = self._clock.seconds()
        paced = self.report.seen.paced
        while len(paced) < PACED_MAX and self._clock.seconds() - began < PACED_SECONDS:
            paced.append(await self._submit(link))
            if paced[-1].status:
                return

    async def _tell_rate_from_window(self, link: SmppProtocol) -> None:
        """A burst that was refused may have met a rate: then a few one by one right after it are refused too."""
        if not any(one.status for one in self.report.seen.at_once):
            return
        after = await self._submit(link)
        self.report.seen.one_by_one.append(after)
        if after.status:
            await sleep(self._clock, BREATH_SECONDS)
            await self._measure_rate(link)

    async def _wait_for_receipts(self) -> None:
        waited = 0.0
        while waited < self._receipts_wait_s and self._owed():
            await sleep(self._clock, _POLL_SECONDS)
            waited += _POLL_SECONDS

    def _owed(self) -> bool:
        return any(one.status == 0 and one.receipt is None for one in self._sent)

    async def _submit(self, link: SmppProtocol, text: bytes = TEXT) -> Sent:
        addresses = self._addresses
        one = Sent(number=len(self._sent) + 1, with_parameters=self._with_parameters, at=self._clock.seconds())
        self._sent.append(one)
        reference = (int(Tag.USER_MESSAGE_REFERENCE), one.number.to_bytes(2))
        pdu = SubmitSm(
            source_addr_ton=addresses.sender_ton if self._named else int(Ton.UNKNOWN),
            source_addr_npi=addresses.sender_npi if self._named else int(Npi.ISDN),
            source_addr=addresses.sender if self._named else NUMBER_SENDER,
            dest_addr_ton=int(Ton.INTERNATIONAL),
            dest_addr_npi=int(Npi.ISDN),
            destination_addr=addresses.to,
            registered_delivery=RECEIPT,
            short_message=text,
            tlvs=(reference,) if self._with_parameters else (),
        )
        try:
            answer = await link.request(pdu)
        except RequestFailed:
            return one
        one.answered_at = self._clock.seconds()
        one.status = answer.command_status
        one.message_id = answer.message_id or "" if isinstance(answer, MessageResp) else ""
        self._match_early()
        return one

    # What the session tells (a SessionHandler).

    def bound(self, link: SmppProtocol) -> None:
        """The probing goes on where it waits."""

    def request_received(self, link: SmppProtocol, pdu: Pdu) -> None:
        """Receipts are ours; other deliveries are for somebody else, later."""
        if isinstance(pdu, AlertNotification):
            return
        receipt = read_receipt(pdu) if isinstance(pdu, DeliverSm | DataSm) else None
        if receipt is None or not isinstance(pdu, DeliverSm | DataSm):
            link.respond(pdu, response_to(pdu, CommandStatus.ESME_RX_T_APPN))
            return
        link.respond(pdu, response_to(pdu))
        if not pdu.esm_class & EsmClass.TYPE_INTERMEDIATE:
            self._early.append(_Early(at=self._clock.seconds(), pdu=pdu, receipt=receipt))
            self._match_early()

    def response_unmatched(self, link: SmppProtocol, request: Pdu | None, response: Pdu) -> None:
        """Late: it was taken for lost."""

    def session_ended(self, link: SmppProtocol, in_flight: list[Pdu], reason: SmppError | None) -> None:
        """What was asked fails where it waits."""
        del link, in_flight, reason

    def _match_early(self) -> None:
        self._early = [one for one in self._early if not self._match(one)]

    def _match(self, early: _Early) -> bool:
        pdu = early.pdu
        told = parse_receipt_text(pdu.short_message) if isinstance(pdu, DeliverSm) else None
        text_id = (told.message_id or "") if told else ""
        exact = pdu.tlv(Tag.RECEIPTED_MESSAGE_ID)
        exact_id = exact.rstrip(b"\0").decode("latin-1") if exact is not None else None
        reference = pdu.tlv_int(Tag.USER_MESSAGE_REFERENCE)
        for one in self._sent:
            if one.receipt is not None or one.status != 0:
                continue
            if reference is not None and reference != one.number:
                continue
            if exact_id == one.message_id or same_message(one.message_id, text_id):
                one.receipt, one.receipt_at = early.receipt, early.at
                one.receipt_has_parameters = exact is not None
                one.receipt_text_id = text_id
                one.reference_came_back = reference is not None
                return True
        return False


_POLL_SECONDS = 0.1
_SENDER_STATUSES = frozenset(
    {CommandStatus.ESME_RINVSRCADR, CommandStatus.ESME_RINVSRCTON, CommandStatus.ESME_RINVSRCNPI}
)
