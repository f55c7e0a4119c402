"""Metrics in the Prometheus text format, on a registry of our own; no number of a subscriber is ever a label.

Counting is adding to plain numbers; families are made only when the page is asked for, so nothing of the library
is on a message's path and no `_created` series appear.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from billing.answers import ChargeAnswer, OrderAnswer
from billing.charging import Split, status_of
from billing.decision import Outcome
from billing.words import Account
from sms.delivery.counters import DELIVERY_SECONDS_BOUNDS, DeliveryCounters
from sms.errors import SmppError
from sms.outbox import Pending, status_name
from ussd.records import SessionRecord

PREFIX = "firstcharge_"
SESSION_SECONDS_BOUNDS = (0.01, 0.02, 0.05, 0.1, 0.3, 0.8, 1.9, 5.0, 30.0, 60.0, 180.0)
MS_PER_S = 1000


@dataclass(slots=True)
class Buckets:
    """A cumulative histogram over fixed bounds."""

    bounds: Sequence[float]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0
    count: int = 0

    def __post_init__(self) -> None:
        self.counts = [0] * len(self.bounds)

    def add(self, value: float) -> None:
        """Count one value."""
        self.total += value
        self.count += 1
        for at, bound in enumerate(self.bounds):
            if value <= bound:
                self.counts[at] += 1


class Metrics(Collector):
    """What the program counts; `exposition` is the page. `delivery` is the dispatcher's own counting."""

    def __init__(self, delivery: DeliveryCounters) -> None:
        self._delivery = delivery
        self._links: dict[str, bool] = {}
        self._windows: dict[str, int] = {}
        self._rtts: dict[str, float] = {}
        self._pdus_rejected: Counter[str] = Counter()
        self._dead = 0
        self._postbacks_rejected: Counter[str] = Counter()
        self._accruals: Counter[tuple[str, str]] = Counter()
        self._bill_lines: Counter[str] = Counter()
        self._bill_amounts: Counter[str] = Counter()
        self._dials: Counter[tuple[str, str]] = Counter()
        self._sessions = Buckets(SESSION_SECONDS_BOUNDS)
        self._pending: Mapping[str, int] = {}
        self._oldest_seconds = 0.0
        self._month_progress: Mapping[tuple[str, ...], float] = {}
        self._liability: Mapping[tuple[str, ...], int] = {}
        self._imbalance = 0
        self._database_wait_seconds = 0.0
        self._lag_seconds = 0.0
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def exposition(self) -> bytes:
        """The page."""
        return generate_latest(self._registry)

    def link_changed(self, link: str, is_up: bool) -> None:
        """A link came up or went down."""
        self._links[link] = is_up

    def links_are(self, names: Collection[str]) -> None:
        """The links there are from now on; of others nothing is shown any more."""
        for shown in (self._links, self._windows, self._rtts):
            for gone in [name for name in shown if name not in names]:
                del shown[gone]

    def window_used(self, link: str, used: int) -> None:
        """How many requests of a link wait for their answer."""
        self._windows[link] = used

    def link_rtt(self, link: str, seconds: float) -> None:
        """How long the SMSC took to answer the last enquire_link."""
        self._rtts[link] = seconds

    def pdu_rejected(self, error: SmppError) -> None:
        """An SMSC sent what our codec refuses; told by the status it is refused with."""
        status = getattr(error, "command_status", None)
        self._pdus_rejected["broken" if status is None else status_name(status)] += 1

    def postback_rejected(self, reason: str) -> None:
        """A postback was turned away at the door."""
        self._postbacks_rejected[reason] += 1

    def committed(self, outcomes: Iterable[Outcome]) -> None:
        """What the ledger committed; repeats change nothing and are not counted."""
        for outcome in outcomes:
            if outcome.hit:
                continue
            answer = outcome.answer
            if isinstance(answer, OrderAnswer):
                self._accruals[answer.accrual.partner, answer.accrual.state] += 1
            elif isinstance(answer, ChargeAnswer):
                self._bill_lines[answer.status] += 1
                self._bill_amounts[Account.CASHBACK] += answer.cashback
                self._bill_amounts[Account.MAIN] += answer.main
                self._bill_amounts["unpaid"] += answer.unpaid

    def bill_booked(self, splits: Iterable[Split]) -> None:
        """What a chunk of a billing file committed, without repeats."""
        for split in splits:
            self._bill_lines[status_of(paid=split.cashback + split.main, unpaid=split.unpaid)] += 1
            self._bill_amounts[Account.CASHBACK] += split.cashback
            self._bill_amounts[Account.MAIN] += split.main
            self._bill_amounts["unpaid"] += split.unpaid

    def session_ended(self, record: SessionRecord) -> None:
        """A USSD session is over; its code is an entry of the table or "other"."""
        self._dials[record.code, record.outcome] += 1
        self._sessions.add(record.duration_ms / MS_PER_S)

    def outbox(self, pending: Pending, now: datetime) -> None:
        """What waits in the outbox, as of a business instant."""
        self._pending = dict(pending.by_kind)
        self._dead = pending.dead
        oldest = pending.oldest_due
        self._oldest_seconds = max(0.0, (now - oldest).total_seconds()) if oldest is not None else 0.0

    def month_progress(self, progress: float) -> None:
        """How far the current month's run is, 0 to 1."""
        self._month_progress = {(): progress}

    def liability(self, sums: Mapping[str, int], currency: str) -> None:
        """What is owed to subscribers, by state."""
        self._liability = {(state, currency): amount for state, amount in sums.items()}

    def ledger_imbalance(self, minor: int) -> None:
        """What balances and journal differ by."""
        self._imbalance = minor

    def database_wait(self, seconds: float) -> None:
        """How long database work last waited for its thread, at most."""
        self._database_wait_seconds = seconds

    def reactor_lag(self, seconds: float) -> None:
        """How late the last timer was."""
        self._lag_seconds = seconds

    def collect(self) -> Iterator[Metric]:
        """Every family, as the registry asks for them."""
        yield from self._sms_families()
        yield from self._ledger_families()
        yield from self._ussd_families()
        yield from self._health_families()

    def _sms_families(self) -> Iterator[Metric]:
        one = self._delivery
        yield _counters("sms_submitted", "submit_sm by result", ("kind", "link", "result"), one.submitted)
        yield _counters("sms_segments", "Segments sent", ("coding",), _single(one.segments))
        yield _counters("smpp_throttled", "Refusals that ask us to slow down", ("link",), _single(one.throttled))
        yield _counters("sms_queries", "query_sm by what came of it", ("link", "result"), one.queries)
        yield _counter("sms_possible_duplicates", "Copies after an unknown outcome", one.possible_duplicates)
        yield _counter("outbox_in_doubt", "Messages written without an answer", one.in_doubt)
        family = HistogramMetricFamily(PREFIX + "sms_delivery_seconds", "From writing to delivery", labels=("link",))
        for link, times in one.delivery.items():
            buckets = _cumulative(DELIVERY_SECONDS_BOUNDS, times.buckets, times.count)
            family.add_metric((link,), buckets=buckets, sum_value=times.seconds)
        yield family
        yield _gauges("outbox_pending", "Messages not sent yet", ("kind",), _single(self._pending))
        yield _gauge("outbox_oldest_seconds", "How long the oldest could have gone", self._oldest_seconds)
        yield _gauges("smpp_link_up", "1 while bound", ("link",), _single(self._links))
        yield _gauge("outbox_dead", "Dead letters", self._dead)
        yield _gauges("smpp_window_used", "Unanswered requests", ("link",), _single(self._windows))
        rtts: Mapping[tuple[str, ...], float] = {(link,): seconds for link, seconds in self._rtts.items()}
        yield _gauges("smpp_enquire_link_rtt_seconds", "Last answer to enquire_link took", ("link",), rtts)
        yield _counters("smpp_pdu_rejected", "PDUs our codec refused", ("reason",), _single(self._pdus_rejected))

    def _ledger_families(self) -> Iterator[Metric]:
        yield _counters("accruals", "Orders by what became of them", ("partner", "outcome"), self._accruals)
        rejected = _single(self._postbacks_rejected)
        yield _counters("postback_rejected", "Postbacks turned away", ("reason",), rejected)
        yield _counters("bill_lines", "Charges drawn", ("outcome",), _single(self._bill_lines))
        yield _counters("bill_amount_minor", "Sums drawn, kopecks", ("source",), _single(self._bill_amounts))
        yield _gauges("month_run_progress_ratio", "The current month's run, 0 to 1", (), self._month_progress)
        owed = "Owed to subscribers, kopecks"
        yield _gauges("cashback_liability_minor", owed, ("state", "currency"), self._liability)

        yield _gauge("ledger_imbalance_minor", "Balances and journal differ by this, kopecks: 0", self._imbalance)

    def _ussd_families(self) -> Iterator[Metric]:
        yield _counters("ussd_requests", "Dials by code and outcome", ("code", "outcome"), self._dials)
        family = HistogramMetricFamily(PREFIX + "ussd_session_seconds", "Length of sessions")
        sessions = self._sessions
        buckets = _cumulative(sessions.bounds, sessions.counts, sessions.count)
        family.add_metric((), buckets=buckets, sum_value=sessions.total)
        yield family

    def _health_families(self) -> Iterator[Metric]:
        yield _gauge("reactor_lag_seconds", "How late timers run", self._lag_seconds)
        yield _gauge("db_pool_wait_seconds", "Longest recent wait for a database thread", self._database_wait_seconds)


def _single(values: Mapping[str, int]) -> Mapping[tuple[str, ...], int]:
    return {(name,): value for name, value in values.items()}


def _counter(name: str, says: str, value: int) -> Metric:
    return CounterMetricFamily(PREFIX + name, says, value=value)


def _counters(name: str, says: str, labels: Sequence[str], values: Mapping[Any, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(PREFIX + name, says, labels=labels)
    for label_values, value in values.items():
        family.add_metric(label_values, value)
    return family


def _gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, says, value=value)


def _gauges(
    name: str, says: str, labels: Sequence[str], values: Mapping[tuple[str, ...], float]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(PREFIX + name, says, labels=labels)
    for label_values, value in values.items():
        family.add_metric(label_values, value)
    return family


def _cumulative(bounds: Sequence[float], counts: Sequence[int], count: int) -> list[tuple[str, float]]:
    return [*((str(bound), float(one)) for bound, one in zip(bounds, counts, strict=True)), ("+Inf", float(count))]
