"""USSD over one SMPP link: deliver_sm in, deliver_sm_resp at once, the screen back as submit_sm.

The deliver_sm is answered before the application is asked: the network's timer for it is short, and USSD is
never stored. What the dialect means is the profile's business, what the subscriber sees the service's.
"""

from dataclasses import dataclass
from functools import partial

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from sms.errors import RequestFailed, ResponseTimeout, SmppError
from sms.smpp import CommandStatus, DeliverSm, DeliverSmResp, EsmClass, Pdu, SubmitSm, Tag
from sms.smpp.protocol import SmppProtocol
from ussd.dialogue import Say
from ussd.remembered import Remembered
from ussd.service import Delivery, UssdService
from ussd.wire.dialects import SmppUssdProfile, WireUnit, carries_ussd

ANSWER_S_MAX = 5.0  # a screen that could not be given by then is not given at all
RETRY_S = 0.2
REPEATS_REMEMBERED_MAX = 4096
REPEAT_S_MAX = 2.0

_THROTTLED = frozenset((CommandStatus.ESME_RTHROTTLED, CommandStatus.ESME_RMSGQFUL))

_log = Logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Received:
    pdu: DeliverSm
    unit: WireUnit
    at: float


class UssdOverSmpp:
    """The USSD part of one SMPP link; the link's owner passes on what concerns it."""

    def __init__(self, service: UssdService, *, profile: SmppUssdProfile, clock: IReactorTime) -> None:
        self._service = service
        self._profile = profile
        self._clock = clock
        self._running: set[Deferred[None]] = set()
        self._seen: Remembered[tuple[SmppProtocol, int], WireUnit] = Remembered(
            count_max=REPEATS_REMEMBERED_MAX, age_s_max=REPEAT_S_MAX
        )
        self.repeated_pdus = 0

    def handles(self, pdu: Pdu) -> bool:
        """Whether this request is USSD rather than a receipt or a message."""
        return isinstance(pdu, DeliverSm) and not pdu.esm_class & EsmClass.TYPE_MASK and carries_ussd(_unit_of(pdu))

    def request_received(self, link: SmppProtocol, pdu: DeliverSm) -> None:
        """Answer the deliver_sm at once, then let the service work on what it tells."""
        link.respond(pdu, DeliverSmResp())
        unit = _unit_of(pdu)
        received = _Received(pdu=pdu, unit=unit, at=self._clock.seconds())
        if self._seen.get((link, pdu.sequence_number), received.at) == unit:
            self.repeated_pdus += 1
            return
        self._seen.put((link, pdu.sequence_number), unit, received.at)
        indication = self._profile.read_indication(unit)
        if indication.warnings:
            _log.warn(
                "ussd_unit_doubtful: {profile} {warnings}", profile=self._profile.name, warnings=indication.warnings
            )
        work = self._service.handle(indication, partial(self._deliver, link, received), link=link)
        running = Deferred.fromCoroutine(work)
        self._running.add(running)
        _ = running.addBoth(self._finished, running)

    def session_ended(self, link: SmppProtocol) -> None:
        """The connection is gone: its sessions are over."""
        self._service.link_lost(link)

    async def stop(self) -> None:
        """Wait for the screens that are on their way; after the service was stopped."""
        await DeferredList(list(self._running))

    async def _deliver(self, link: SmppProtocol, received: _Received, say: Say) -> Delivery:
        """Send the screen; a throttled link is tried again while the subscriber can still be waiting."""
        if say.repeated:
            return Delivery.DELIVERED  # the answer went or is going; no session gets two
        submit = _submit(received.pdu, self._profile.write_response(received.unit, say.text, end=say.end))
        while True:
            delivery = await self._submit(link, submit)
            waited = self._clock.seconds() - received.at + RETRY_S
            if delivery is not Delivery.THROTTLED or waited > ANSWER_S_MAX:
                return delivery
            await deferLater(self._clock, RETRY_S)

    async def _submit(self, link: SmppProtocol, submit: SubmitSm) -> Delivery:
        try:
            response = await link.request(submit)
        except ResponseTimeout:
            return Delivery.REFUSED
        except RequestFailed:
            return Delivery.LINK_LOST
        except SmppError as error:
            _log.error("ussd_screen_unsendable: {reason}", reason=str(error))
            return Delivery.REFUSED
        if response.command_status in _THROTTLED:
            return Delivery.THROTTLED
        return Delivery.REFUSED if response.command_status else Delivery.DELIVERED

    def _finished(self, result: object, running: Deferred[None]) -> None:
        """The border where a fault of ours ends: it is logged and the link goes on."""
        self._running.discard(running)
        if isinstance(result, Failure):
            _log.error("ussd_indication_failed", log_failure=result)


def _unit_of(pdu: DeliverSm) -> WireUnit:
    payload = pdu.short_message or pdu.tlv(Tag.MESSAGE_PAYLOAD) or b""
    return WireUnit(
        source=pdu.source_addr,
        destination=pdu.destination_addr,
        service_type=pdu.service_type,
        data_coding=pdu.data_coding,
        payload=payload,
        tlvs=pdu.tlvs,
    )


def _submit(request: DeliverSm, unit: WireUnit) -> SubmitSm:
    """The answer: addresses swapped with their types, and no receipt asked for."""
    return SubmitSm(
        service_type=unit.service_type,
        source_addr_ton=request.dest_addr_ton,
        source_addr_npi=request.dest_addr_npi,
        source_addr=unit.source,
        dest_addr_ton=request.source_addr_ton,
        dest_addr_npi=request.source_addr_npi,
        destination_addr=unit.destination,
        data_coding=unit.data_coding,
        short_message=unit.payload,
        tlvs=unit.tlvs,
    )
