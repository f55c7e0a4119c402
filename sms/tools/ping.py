"""A bind check: connect, bind, enquire_link a few times, unbind, each timed."""

from collections.abc import Callable
from dataclasses import dataclass, field

from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

from sms.errors import SmppError
from sms.smpp.config import LinkConfig
from sms.smpp.constants import CommandStatus
from sms.smpp.pdu import AlertNotification, BindResp, DeliverSm, EnquireLink, Pdu, response_to
from sms.smpp.protocol import SmppProtocol
from sms.tools.single import Single, sleep

MS_PER_S = 1_000.0


@dataclass(slots=True, kw_only=True)
class PingReport:
    """What was seen, times in milliseconds; `enquire_link_ms` has one entry per answer."""

    connect_ms: float
    bind_ms: float
    bind_answer: BindResp
    enquire_link_ms: list[float] = field(default_factory=list)
    unbind_ms: float = 0.0
    unbind_answered: bool = False
    deliveries: int = 0


class _Listener:
    """Takes what the SMSC delivers meanwhile, so that nothing comes twice, and counts it."""

    def __init__(self) -> None:
        self.deliveries = 0
        self.ended_by: SmppError | None = None

    def bound(self, link: SmppProtocol) -> None:
        """Nothing to do."""

    def request_received(self, link: SmppProtocol, pdu: Pdu) -> None:
        """Not ours to keep: a temporary refusal makes the SMSC deliver it again later."""
        if isinstance(pdu, AlertNotification):
            return
        self.deliveries += isinstance(pdu, DeliverSm)
        link.respond(pdu, response_to(pdu, CommandStatus.ESME_RX_T_APPN))

    def response_unmatched(self, link: SmppProtocol, request: Pdu | None, response: Pdu) -> None:
        """Nothing waits for it."""

    def session_ended(self, link: SmppProtocol, in_flight: list[Pdu], reason: SmppError | None) -> None:
        """Remember why."""
        del link, in_flight
        self.ended_by = reason


async def ping(
    config: LinkConfig,
    endpoint: IStreamClientEndpoint,
    clock: IReactorTime,
    *,
    count: int,
    interval_s: float,
    heard: Callable[[int, float], None],
) -> PingReport:
    """Do it; `heard(number, ms)` is told of every answer to an enquire_link.

    Raises what connecting raises, BindRefused, RequestFailed.
    """
    listener = _Listener()
    single = Single(config, listener, clock=clock)
    began = clock.seconds()
    await single.connect(endpoint)
    connected = clock.seconds()
    answer = await single.bind()
    report = PingReport(
        connect_ms=(connected - began) * MS_PER_S,
        bind_ms=(clock.seconds() - connected) * MS_PER_S,
        bind_answer=answer,
    )
    for number in range(1, count + 1):
        if number > 1:
            await sleep(clock, interval_s)
        asked = clock.seconds()
        await single.link.request(EnquireLink())
        report.enquire_link_ms.append((clock.seconds() - asked) * MS_PER_S)
        heard(number, report.enquire_link_ms[-1])
    leaving = clock.seconds()
    await single.link.unbind()
    report.unbind_ms = (clock.seconds() - leaving) * MS_PER_S
    report.unbind_answered = listener.ended_by is None
    report.deliveries = listener.deliveries
    return report
