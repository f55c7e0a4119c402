"""A load generator: so many messages over so many sessions, at a rate or as fast as the window allows.

Counts what every SMSC is judged by: accepted a second, refusals by status, answers that never came, time to the
answer, receipts missing, double or before their answer.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime, IStreamClientEndpoint

from sms.errors import RequestFailed, SmppError
from sms.smpp.config import LinkConfig
from sms.smpp.constants import CommandStatus, RegisteredDelivery
from sms.smpp.pdu import AlertNotification, DataSm, DeliverSm, MessageResp, Pdu, SubmitSm, response_to
from sms.smpp.protocol import SmppProtocol
from sms.smpp.receipt import read_receipt
from sms.tools.single import Single

TICK_SECONDS = 0.005
"""How often a rate is looked at: what became due in between leaves together."""
RECEIPT = int(RegisteredDelivery.FINAL)
PERCENTILES = (50, 95, 99)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """What to send: `message(n)` builds the n-th submit_sm anew; `rate_per_s` None is as fast as possible."""

    count: int
    message: Callable[[int], SubmitSm]
    rate_per_s: float | None = None
    receipts_wait_s: float = 0.0
    """How long to wait for receipts after the last answer; 0 asks for none."""


@dataclass(slots=True, kw_only=True)
class LoadReport:
    """What came of it; latencies in seconds, `seconds` from the first submission to the last answer."""

    sent: int = 0
    accepted: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    unknown: int = 0
    never_written: int = 0
    seconds: float = 0.0
    answer_s: list[float] = field(default_factory=list)
    receipts: int = 0
    receipts_double: int = 0
    receipts_first: int = 0
    receipts_strange: int = 0
    receipt_s: list[float] = field(default_factory=list)
    deliveries: int = 0

    @property
    def receipts_missing(self) -> int:
        """Accepted messages whose receipt did not come."""
        return self.accepted - self.receipts


class Load:
    """One run."""

    def __init__(self, plan: LoadPlan, clock: IReactorTime) -> None:
        self._plan = plan
        self._clock = clock
        self._links: list[SmppProtocol] = []
        self._settled = 0
        self._began = 0.0
        self._tick: IDelayedCall | None = None
        self._done: Deferred[None] | None = None
        self._receipted: Deferred[None] | None = None
        self._accepted_at: dict[str, float] = {}
        self._early: set[str] = set()
        self._seen: set[str] = set()
        self.report = LoadReport()

    async def run(self, config: LinkConfig, endpoints: Sequence[IStreamClientEndpoint]) -> LoadReport:
        """Bind one session per endpoint, send, wait, unbind.

        Raises what connecting raises, BindRefused, RequestFailed; an SMSC that hangs up later is in the report.
        """
        singles = [Single(config, self, clock=self._clock) for _ in endpoints]
        try:
            for single, endpoint in zip(singles, endpoints, strict=True):
                await single.connect(endpoint)
                await single.bind()
                self._links.append(single.link)
            await self._send_all()
            await self._wait_for_receipts()
        finally:
            for single in singles:
                await single.link.unbind()
        return self.report

    async def _send_all(self) -> None:
        self._done = Deferred()
        self._began = self._clock.seconds()
        self._pump()
        await self._done
        self.report.seconds = self._clock.seconds() - self._began

    async def _wait_for_receipts(self) -> None:
        if not self._plan.receipts_wait_s or not self.report.receipts_missing:
            return
        self._receipted = Deferred()
        late = self._clock.callLater(self._plan.receipts_wait_s, self._give_up)
        await self._receipted
        if late.active():
            late.cancel()
        self.report.receipts_strange += len(self._early)

    # Sending.

    def _pump(self) -> None:
        report, plan = self.report, self._plan
        allowed = plan.count
        if plan.rate_per_s is not None:
            allowed = min(allowed, 1 + int((self._clock.seconds() - self._began) * plan.rate_per_s))
            if report.sent < plan.count and (self._tick is None or not self._tick.active()):
                self._tick = self._clock.callLater(TICK_SECONDS, self._pump)
        for link in self._links:
            while report.sent < allowed and link.window_free > 0 and not self._is_over:
                if not self._submit(link):
                    break
        if not self._links:
            self._finish()

    def _submit(self, link: SmppProtocol) -> bool:
        pdu = self._plan.message(self.report.sent)
        pdu.registered_delivery = RECEIPT if self._plan.receipts_wait_s else 0
        written = self._clock.seconds()
        try:
            link.try_request(pdu, lambda answer: self._answered(answer, written))
        except SmppError:
            if link in self._links:
                self._links.remove(link)
            return False
        self.report.sent += 1
        return True

    def _answered(self, answer: Pdu | RequestFailed, written: float) -> None:
        report, now = self.report, self._clock.seconds()
        self._settled += 1
        if isinstance(answer, RequestFailed):
            report.unknown += 1
        elif answer.command_status:
            report.refused[answer.command_status] += 1
        else:
            report.accepted += 1
            report.answer_s.append(now - written)
            if isinstance(answer, MessageResp) and self._plan.receipts_wait_s:
                self._remember(answer.message_id or "", now)
        if self._settled >= self._plan.count:
            self._finish()
        elif self._plan.rate_per_s is None:
            self._pump()

    def _remember(self, message_id: str, now: float) -> None:
        if message_id in self._early:
            self._early.discard(message_id)
            self.report.receipts_first += 1
            self._count_receipt(message_id, 0.0)
        else:
            self._accepted_at[message_id] = now

    @property
    def _is_over(self) -> bool:
        return self._done is None or self._done.called

    def _finish(self) -> None:
        if self._tick is not None and self._tick.active():
            self._tick.cancel()
        if self._done is not None and not self._done.called:
            self.report.never_written = self._plan.count - self.report.sent
            self._done.callback(None)

    def _give_up(self) -> None:
        if self._receipted is not None and not self._receipted.called:
            self._receipted.callback(None)

    # What the sessions tell (a SessionHandler).

    def bound(self, link: SmppProtocol) -> None:
        """The run begins when all are bound."""

    def request_received(self, link: SmppProtocol, pdu: Pdu) -> None:
        """Receipts are counted and answered; other deliveries are for somebody else, later."""
        if isinstance(pdu, AlertNotification):
            return
        receipt = read_receipt(pdu) if isinstance(pdu, DeliverSm | DataSm) else None
        if receipt is None or receipt.message_id is None:
            self.report.deliveries += 1
            link.respond(pdu, response_to(pdu, CommandStatus.ESME_RX_T_APPN))
            return
        link.respond(pdu, response_to(pdu))
        self._receipt(receipt.message_id)

    def response_unmatched(self, link: SmppProtocol, request: Pdu | None, response: Pdu) -> None:
        """Late or unknown: it was counted as unknown when it did not come."""

    def session_ended(self, link: SmppProtocol, in_flight: list[Pdu], reason: SmppError | None) -> None:
        """Its unanswered messages settle themselves; without any session left the run is over."""
        del in_flight, reason
        if link in self._links:
            self._links.remove(link)
        if not self._links:
            self._clock.callLater(0, self._finish)
            self._give_up()

    def _receipt(self, message_id: str) -> None:
        accepted_at = self._accepted_at.pop(message_id, None)
        if accepted_at is not None:
            self._count_receipt(message_id, self._clock.seconds() - accepted_at)
        elif message_id in self._seen:
            self.report.receipts_double += 1
        elif self._settled < self._plan.count:
            self._early.add(message_id)
        else:
            self.report.receipts_strange += 1

    def _count_receipt(self, message_id: str, seconds: float) -> None:
        self._seen.add(message_id)
        self.report.receipts += 1
        self.report.receipt_s.append(seconds)
        if self._receipted is not None and not self.report.receipts_missing:
            self._give_up()


def percentiles_ms(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and the largest, in milliseconds; nothing of nothing."""
    if not seconds:
        return {}
    ordered = sorted(seconds)
    found = {f"p{one}": ordered[min(len(ordered) - 1, len(ordered) * one // 100)] for one in PERCENTILES}
    return {name: round_ms(value) for name, value in {**found, "max": ordered[-1]}.items()}


def round_ms(seconds: float) -> float:
    """Milliseconds to the microsecond, for people."""
    return int(seconds * 1_000_000) / 1_000
