"""Charges, their refunds and top-ups: what billing systems call."""

import re
from collections.abc import Sequence
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field
from typing_extensions import TypedDict

from billing.answers import ChargeAnswer, ChargeView, RefundAnswer, TopUpAnswer
from billing.charging import HOLD_PREFIX
from billing.commands import DrawCharge, RefundCharge, TopUp
from billing.money import format_money
from billing.records import Charge
from billing.words import Account, ChargeStatus, ChargeType
from gateway.http.auth import Scope
from gateway.http.bodies import ID_LENGTH_MAX, Body, path_id, wire_instant
from gateway.http.fields import Id, Instant, Msisdn, PositiveSum
from gateway.http.ports import Ledger, Reads
from gateway.http.routing import Call, Reply, Route, answer, created

BILLING = frozenset({Scope.BILLING})
BILLING_OR_CARE = frozenset({Scope.BILLING, Scope.CARE})
HOLD_ID_LENGTH_MAX = len(HOLD_PREFIX) + ID_LENGTH_MAX
CALL_BESIDE = "batch"
CHARGE_ID = re.compile(rf"(?!{CALL_BESIDE}\Z)[!-~]([ -~]{{0,62}}[!-~])?", re.ASCII)
"""An id as any other, but for the name of a call: `GET /v1/charges/batch` could not show that charge."""


def _no_call(charge_id: str) -> str:
    if charge_id == CALL_BESIDE:
        raise ValueError(f"must not be {CALL_BESIDE}: a call has this name")
    return charge_id


ChargeId = Annotated[Id, AfterValidator(_no_call), Field(json_schema_extra={"not": {"const": CALL_BESIDE}})]


class ChargeBody(Body):
    """A charge to draw."""

    charge_id: ChargeId
    msisdn: Msisdn
    type: ChargeType
    amount: PositiveSum
    occurred_at: Instant | None = None

    def command(self) -> DrawCharge:
        """What the ledger is asked."""
        return DrawCharge(
            charge_id=self.charge_id,
            msisdn=self.msisdn,
            type=self.type,
            amount=self.amount,
            occurred_at=self.occurred_at,
        )


class RefundBody(Body):
    """A refund of a charge, whole or in part."""

    refund_id: Id
    amount: PositiveSum


class TopUpBody(Body):
    """Own money into main."""

    topup_id: Id
    msisdn: Msisdn
    amount: PositiveSum


StepDocument = TypedDict("StepDocument", {"from": str, "amount": str})


class ChargeDocument(TypedDict):
    """A charge as drawn."""

    charge_id: str
    msisdn: str
    type: str
    amount: str
    cashback: str
    main: str
    unpaid: str
    status: str
    steps: list[StepDocument]
    booked_at: str


class RefundDocument(TypedDict):
    """What a refund lowered or restored."""

    refund_id: str
    unpaid: str
    main: str
    cashback: str


class RefundOfCharge(RefundDocument):
    """A refund in its charge's history."""

    amount: str
    booked_at: str


class SettlementDocument(TypedDict):
    """What a top-up paid of a charge later."""

    topup_id: str
    amount: str
    booked_at: str


class ChargeNow(ChargeDocument):
    """A charge as it stands now: sums after settlements and refunds, with both listed."""

    refunds: list[RefundOfCharge]
    settlements: list[SettlementDocument]


class SettledDocument(TypedDict):
    """What a top-up paid of an unpaid charge."""

    charge_id: str
    amount: str


class TopUpDocument(TypedDict):
    """Main after a top-up."""

    topup_id: str
    main: str
    settled: list[SettledDocument]


def charge_to_wire(charge: ChargeAnswer, zone: ZoneInfo) -> ChargeDocument:
    """A charge as drawn."""
    return {
        "charge_id": charge.charge_id,
        "msisdn": charge.msisdn,
        "type": charge.type,
        "amount": format_money(charge.amount),
        "cashback": format_money(charge.cashback),
        "main": format_money(charge.main),
        "unpaid": format_money(charge.unpaid),
        "status": charge.status,
        "steps": [{"from": step.source, "amount": format_money(step.amount)} for step in charge.steps],
        "booked_at": wire_instant(charge.booked_at, zone),
    }


def charge_now_to_wire(view: ChargeView, zone: ZoneInfo) -> ChargeNow:
    """A charge as it stands: drawn sums less what refunds gave back; a settlement counts as paid from main."""
    charge = view.charge
    cashback = charge.cashback - charge.refunded_cashback
    main = charge.main + charge.settled - charge.refunded_main
    return {
        "charge_id": charge.charge_id,
        "msisdn": view.msisdn,
        "type": charge.type,
        "amount": format_money(charge.amount),
        "cashback": format_money(cashback),
        "main": format_money(main),
        "unpaid": format_money(charge.unpaid),
        "status": status_now(charge),
        "steps": _steps(charge),
        "booked_at": wire_instant(charge.booked_at, zone),
        "refunds": [
            {
                "refund_id": one.refund_id,
                "amount": format_money(one.amount),
                "unpaid": format_money(one.unpaid),
                "main": format_money(one.main),
                "cashback": format_money(one.cashback),
                "booked_at": wire_instant(one.at, zone),
            }
            for one in view.refunds
        ],
        "settlements": [
            {
                "topup_id": one.topup_id,
                "amount": format_money(one.amount),
                "booked_at": wire_instant(one.at, zone),
            }
            for one in view.settlements
        ],
    }


def status_now(charge: Charge) -> ChargeStatus:
    """`paid` once nothing is open; `unpaid` while nothing was ever drawn or settled."""
    if not charge.unpaid:
        return ChargeStatus.PAID
    drawn = charge.cashback + charge.main + charge.settled
    return ChargeStatus.PART_PAID if drawn else ChargeStatus.UNPAID


def _charge_id(call: Call) -> str:
    """The charge in the path; that of a reservation's commit may be a little longer than ids that callers give."""
    is_commit = call.path["charge_id"].startswith(HOLD_PREFIX)
    return path_id(call, "charge_id", HOLD_ID_LENGTH_MAX if is_commit else ID_LENGTH_MAX)


def _steps(charge: Charge) -> list[StepDocument]:
    drawn: Sequence[tuple[Account, int]] = ((Account.CASHBACK, charge.cashback), (Account.MAIN, charge.main))
    return [{"from": source.value, "amount": format_money(amount)} for source, amount in drawn if amount]


def refund_to_wire(refund: RefundAnswer) -> RefundDocument:
    """What a refund lowered or restored."""
    return {
        "refund_id": refund.refund_id,
        "unpaid": format_money(refund.unpaid),
        "main": format_money(refund.main),
        "cashback": format_money(refund.cashback),
    }


def topup_to_wire(topup: TopUpAnswer) -> TopUpDocument:
    """Main after a top-up and what it settled."""
    return {
        "topup_id": topup.topup_id,
        "main": format_money(topup.main),
        "settled": [{"charge_id": one.charge_id, "amount": format_money(one.amount)} for one in topup.settled],
    }


class Charges:
    """The calls of billing systems on single charges."""

    def __init__(self, ledger: Ledger, reads: Reads, zone: ZoneInfo) -> None:
        self._ledger = ledger
        self._reads = reads
        self._zone = zone

    async def draw(self, call: Call) -> Reply:
        """Draw a charge, cashback first."""
        body: ChargeBody = call.body
        outcome = await self._ledger.execute(body.command())
        assert isinstance(outcome.answer, ChargeAnswer)  # noqa: S101 - each command has its own answer
        return created(charge_to_wire(outcome.answer, self._zone), hit=outcome.hit)

    async def show(self, call: Call) -> Reply:
        """A charge as it stands now."""
        view = await self._reads.charge(_charge_id(call))
        return answer(charge_now_to_wire(view, self._zone))

    async def refund(self, call: Call) -> Reply:
        """Give a charge back."""
        body: RefundBody = call.body
        charge_id = _charge_id(call)
        outcome = await self._ledger.execute(
            RefundCharge(charge_id=charge_id, refund_id=body.refund_id, amount=body.amount)
        )
        assert isinstance(outcome.answer, RefundAnswer)  # noqa: S101 - as above
        return created(refund_to_wire(outcome.answer), hit=outcome.hit)

    async def top_up(self, call: Call) -> Reply:
        """Own money into main."""
        body: TopUpBody = call.body
        outcome = await self._ledger.execute(TopUp(topup_id=body.topup_id, msisdn=body.msisdn, amount=body.amount))
        assert isinstance(outcome.answer, TopUpAnswer)  # noqa: S101 - as above
        return created(topup_to_wire(outcome.answer), hit=outcome.hit)

    def routes(self) -> list[Route]:
        """Their routes."""
        return [
            Route(
                method="POST",
                path="/v1/charges",
                handler=self.draw,
                summary="Draw a charge, cashback first",
                scopes=BILLING,
                body=ChargeBody,
                answers={201: ChargeDocument, 200: ChargeDocument},
                refusals=("UNKNOWN_SUBSCRIBER", "CONFLICT", "INSUFFICIENT_FUNDS"),
            ),
            Route(
                method="GET",
                path="/v1/charges/{charge_id}",
                handler=self.show,
                summary="A charge as it stands now, with refunds and settlements",
                scopes=BILLING_OR_CARE,
                answers={200: ChargeNow},
                refusals=("UNKNOWN_CHARGE",),
            ),
            Route(
                method="POST",
                path="/v1/charges/{charge_id}/refunds",
                handler=self.refund,
                summary="Give a charge back: unpaid first, then main, then cashback",
                scopes=BILLING,
                body=RefundBody,
                answers={201: RefundDocument, 200: RefundDocument},
                refusals=("UNKNOWN_CHARGE", "CONFLICT", "EXCEEDS_CHARGE"),
            ),
            Route(
                method="POST",
                path="/v1/topups",
                handler=self.top_up,
                summary="Own money into main; settles the oldest unpaid charges first",
                scopes=BILLING,
                body=TopUpBody,
                answers={201: TopUpDocument, 200: TopUpDocument},
                refusals=("UNKNOWN_SUBSCRIBER", "CONFLICT", "NOT_ELIGIBLE"),
            ),
        ]
