"""What operators call: month runs, the manual clock, verification, readiness, metrics, status."""

from datetime import UTC
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import StringConstraints, model_validator
from typing_extensions import TypedDict

from billing.calendar import MalformedPeriod, first_of
from billing.money import format_money
from gateway.http.auth import Scope
from gateway.http.bodies import Body, wire_instant
from gateway.http.durations import Duration
from gateway.http.fields import INSTANT_LAST, Instant
from gateway.http.ports import ClockRefused, ManualClockDoor, MonthRunView, Months, Operations
from gateway.http.problems import Problem, invalid
from gateway.http.routing import Call, Reply, Route, answer

OPS = frozenset({Scope.OPS})
OPS_OR_BILLING = frozenset({Scope.OPS, Scope.BILLING})
METRICS_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

Period = Annotated[str, StringConstraints(pattern=r"^(19[7-9][0-9]|20[0-9]{2}|21[0-9]{2})-(0[1-9]|1[0-2])$")]


class MonthRunBody(Body):
    """The run of the 1st of a month."""

    period: Period


class ClockBody(Body):
    """Where to move the clock: to an instant, or by a duration."""

    to: Instant | None = None
    by: Duration | None = None

    @model_validator(mode="after")
    def one_of_both(self) -> Self:
        """One target."""
        if (self.to is None) == (self.by is None):
            raise ValueError("either to or by")
        return self


class CountedSum(TypedDict):
    """How many, and how much together."""

    count: int
    amount: str


class ChargedSum(CountedSum):
    """Fees and where they were drawn from."""

    cashback: str
    main: str
    unpaid: str


class MonthRunDocument(TypedDict):
    """Where a run stands."""

    period: str
    status: str
    expired: CountedSum
    credited: CountedSum
    charged: ChargedSum
    notices: int
    progress: float


class ClockDocument(TypedDict):
    """Where the clock stands."""

    now: str


class RanDocument(TypedDict):
    """One piece of due work."""

    at: str
    what: str


class MovedDocument(ClockDocument):
    """Where the clock stands now and what ran on the way."""

    ran: list[RanDocument]


class VerdictDocument(TypedDict):
    """What verification found."""

    ok: bool
    checked: int
    violations: list[dict[str, object]]


class HealthDocument(TypedDict):
    """The process answers."""

    status: str


class ReadyDocument(TypedDict):
    """Everything it needs is there."""

    ready: bool


def month_run_to_wire(run: MonthRunView) -> MonthRunDocument:
    """Where a run stands."""
    return {
        "period": run.period,
        "status": run.status,
        "expired": {"count": run.expired_count, "amount": format_money(run.expired_amount)},
        "credited": {"count": run.credited_count, "amount": format_money(run.credited_amount)},
        "charged": {
            "count": run.charged_count,
            "amount": format_money(run.charged_amount),
            "cashback": format_money(run.charged_cashback),
            "main": format_money(run.charged_main),
            "unpaid": format_money(run.charged_unpaid),
        },
        "notices": run.notices,
        "progress": run.progress,
    }


class OperationsCalls:
    """The calls of operators."""

    def __init__(self, operations: Operations, months: Months, clock: ManualClockDoor, zone: ZoneInfo) -> None:
        self._operations = operations
        self._months = months
        self._clock = clock
        self._zone = zone

    async def run_month(self, call: Call) -> Reply:
        """Ask for the run of a 1st."""
        body: MonthRunBody = call.body
        run, was_done = await self._months.request(body.period)
        return answer(month_run_to_wire(run), status=200 if was_done else 202, hit=was_done)

    async def show_month(self, call: Call) -> Reply:
        """Where a run stands."""
        period = call.path["period"]
        try:
            first_of(period)
        except MalformedPeriod as error:
            raise invalid("period", str(error)) from None
        return answer(month_run_to_wire(await self._months.view(period)))

    async def show_clock(self, call: Call) -> Reply:  # noqa: ARG002 - a route's handler
        """Where the manual clock stands."""
        self._require_manual()
        document: ClockDocument = {"now": wire_instant(await self._clock.look(), self._zone)}
        return answer(document)

    async def move_clock(self, call: Call) -> Reply:
        """Move the manual clock forward."""
        self._require_manual()
        body: ClockBody = call.body
        now = await self._clock.look()
        to = body.to or (now if body.by is None else body.by.after(now, self._zone))
        if to > INSTANT_LAST:
            raise invalid("by", "the clock ends in 2200")
        try:
            ran = await self._clock.advance(to.astimezone(UTC))
        except ClockRefused as refusal:
            raise Problem(409, "CONFLICT", str(refusal)) from None
        document: MovedDocument = {
            "now": wire_instant(await self._clock.look(), self._zone),
            "ran": [{"at": wire_instant(one.at, self._zone), "what": one.what} for one in ran],
        }
        return answer(document)

    async def verify(self, call: Call) -> Reply:  # noqa: ARG002 - a route's handler
        """Check all invariants."""
        verdict = await self._operations.verify()
        document: VerdictDocument = {
            "ok": not verdict.violations,
            "checked": verdict.checked,
            "violations": [dict(one) for one in verdict.violations],
        }
        return answer(document)

    async def health(self, call: Call) -> Reply:  # noqa: ARG002 - a route's handler
        """The process answers."""
        document: HealthDocument = {"status": "ok"}
        return answer(document)

    async def ready(self, call: Call) -> Reply:  # noqa: ARG002 - a route's handler
        """Whether everything it needs is there."""
        reasons = list(await self._operations.unready())
        if reasons:
            raise Problem(503, "NOT_READY", "; ".join(reasons), members={"reasons": reasons})
        document: ReadyDocument = {"ready": True}
        return answer(document)

    async def metrics(self, call: Call) -> Reply:  # noqa: ARG002 - a route's handler
        """The metrics page."""
        return Reply(body=self._operations.metrics(), content_type=METRICS_TYPE)

    async def status(self, call: Call) -> Reply:  # noqa: ARG002 - a route's handler
        """Links, outbox, month run, clock, alarms."""
        return answer(await self._operations.status())

    def _require_manual(self) -> None:
        if not self._clock.is_manual():
            raise Problem(404, "NOT_FOUND", "the business clock is the system's; there is nothing to move")

    def routes(self) -> list[Route]:
        """Their routes."""
        return [*self._work_routes(), *self._watch_routes()]

    def _work_routes(self) -> list[Route]:
        return [
            Route(
                method="POST",
                path="/v1/month-runs",
                handler=self.run_month,
                summary="Run the job of the 1st of a month",
                scopes=OPS_OR_BILLING,
                body=MonthRunBody,
                answers={202: MonthRunDocument, 200: MonthRunDocument},
                refusals=("NOT_DUE",),
            ),
            Route(
                method="GET",
                path="/v1/month-runs/{period}",
                handler=self.show_month,
                summary="Where the job of a 1st stands",
                scopes=OPS_OR_BILLING,
                answers={200: MonthRunDocument},
            ),
            Route(
                method="GET",
                path="/v1/clock",
                handler=self.show_clock,
                summary="Where the manual business clock stands",
                scopes=OPS,
                answers={200: ClockDocument},
                refusals=("NOT_FOUND",),
            ),
            Route(
                method="POST",
                path="/v1/clock",
                handler=self.move_clock,
                summary="Move the manual business clock forward and run what is due",
                scopes=OPS,
                body=ClockBody,
                answers={200: MovedDocument},
                refusals=("NOT_FOUND", "CONFLICT"),
            ),
            Route(
                method="GET",
                path="/v1/ledger/verify",
                handler=self.verify,
                summary="Check all invariants of the ledger",
                scopes=OPS_OR_BILLING,
                answers={200: VerdictDocument},
            ),
        ]

    def _watch_routes(self) -> list[Route]:
        return [
            Route(
                method="GET",
                path="/healthz",
                handler=self.health,
                summary="The process answers",
                scopes=None,
                answers={200: HealthDocument},
            ),
            Route(
                method="GET",
                path="/readyz",
                handler=self.ready,
                summary="Whether it can serve: 503 with reasons before",
                scopes=None,
                answers={200: ReadyDocument},
            ),
            Route(
                method="GET",
                path="/metrics",
                handler=self.metrics,
                summary="Metrics in the Prometheus text format",
                scopes=None,
                answers={200: None},
                produces="text/plain",
            ),
            Route(
                method="GET",
                path="/status",
                handler=self.status,
                summary="Links, outbox, month run, clock, alarms",
                scopes=OPS,
                cookie=True,
                answers={200: dict[str, object]},
            ),
        ]
