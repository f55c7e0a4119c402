"""Reservations: what online charging holds, commits and releases."""

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field
from typing_extensions import TypedDict

from billing.answers import ReservationAnswer
from billing.commands import CommitReservation, ReleaseReservation, Reserve
from billing.decision import Outcome
from billing.money import format_money
from billing.reservations import SECONDS_MAX
from billing.words import ChargeType
from gateway.http.auth import Scope
from gateway.http.bodies import Body, path_id, wire_instant
from gateway.http.fields import Id, Msisdn, PositiveSum
from gateway.http.ports import Ledger, Reads
from gateway.http.routing import Call, Reply, Route, answer, created

BILLING = frozenset({Scope.BILLING})
BILLING_OR_CARE = frozenset({Scope.BILLING, Scope.CARE})


class ReservationBody(Body):
    """A sum to hold for some seconds of the business clock."""

    reservation_id: Id
    msisdn: Msisdn
    amount: PositiveSum
    type: ChargeType
    expires_in_s: Annotated[int, Field(ge=1, le=SECONDS_MAX)]


class CommitBody(Body):
    """What to draw of a hold."""

    amount: PositiveSum


class ReservationDocument(TypedDict):
    """A reservation: `cashback` and `main` are held, once committed drawn, after a release or expiry nothing.

    `charge_id` is the commit's charge: it is shown and refunded as one.
    """

    reservation_id: str
    msisdn: str
    type: str
    amount: str
    state: str
    cashback: str
    main: str
    expires_at: str
    charge_id: str | None


def reservation_to_wire(one: ReservationAnswer, zone: ZoneInfo) -> ReservationDocument:
    """A reservation."""
    return {
        "reservation_id": one.reservation_id,
        "msisdn": one.msisdn,
        "type": one.type,
        "amount": format_money(one.amount),
        "state": one.state,
        "cashback": format_money(one.cashback),
        "main": format_money(one.main),
        "expires_at": wire_instant(one.expires_at, zone),
        "charge_id": one.charge_id,
    }


class Reservations:
    """The calls of online charging."""

    def __init__(self, ledger: Ledger, reads: Reads, zone: ZoneInfo) -> None:
        self._ledger = ledger
        self._reads = reads
        self._zone = zone

    async def hold(self, call: Call) -> Reply:
        """Hold a sum."""
        body: ReservationBody = call.body
        outcome = await self._ledger.execute(
            Reserve(
                reservation_id=body.reservation_id,
                msisdn=body.msisdn,
                type=body.type,
                amount=body.amount,
                expires_in_s=body.expires_in_s,
            )
        )
        return created(self._document(outcome), hit=outcome.hit)

    async def show(self, call: Call) -> Reply:
        """A reservation as it stands."""
        found = await self._reads.reservation(path_id(call, "reservation_id"))
        return answer(reservation_to_wire(found, self._zone))

    async def commit(self, call: Call) -> Reply:
        """Draw all or part of a hold."""
        body: CommitBody = call.body
        command = CommitReservation(reservation_id=path_id(call, "reservation_id"), amount=body.amount)
        outcome = await self._ledger.execute(command)
        return answer(self._document(outcome), hit=outcome.hit)

    async def release(self, call: Call) -> Reply:
        """Hold nothing any more."""
        outcome = await self._ledger.execute(ReleaseReservation(reservation_id=path_id(call, "reservation_id")))
        return answer(self._document(outcome), hit=outcome.hit)

    def _document(self, outcome: Outcome) -> ReservationDocument:
        assert isinstance(outcome.answer, ReservationAnswer)  # noqa: S101 - each command has its own answer
        return reservation_to_wire(outcome.answer, self._zone)

    def routes(self) -> list[Route]:
        """Their routes."""
        one = "/v1/reservations/{reservation_id}"
        return [
            Route(
                method="POST",
                path="/v1/reservations",
                handler=self.hold,
                summary="Hold a sum whole, cashback first; nothing else draws it until it ends",
                scopes=BILLING,
                body=ReservationBody,
                answers={201: ReservationDocument, 200: ReservationDocument},
                refusals=("UNKNOWN_SUBSCRIBER", "CONFLICT", "INSUFFICIENT_FUNDS"),
            ),
            Route(
                method="GET",
                path=one,
                handler=self.show,
                summary="A reservation as it stands",
                scopes=BILLING_OR_CARE,
                answers={200: ReservationDocument},
                refusals=("UNKNOWN_RESERVATION",),
            ),
            Route(
                method="POST",
                path=f"{one}/commit",
                handler=self.commit,
                summary="Draw all or part of a hold as a charge, cashback first; the rest is free",
                scopes=BILLING,
                body=CommitBody,
                answers={200: ReservationDocument},
                refusals=("UNKNOWN_RESERVATION", "CONFLICT", "EXPIRED", "WRONG_STATE", "EXCEEDS_HOLD"),
            ),
            Route(
                method="POST",
                path=f"{one}/release",
                handler=self.release,
                summary="Release a hold",
                scopes=BILLING,
                answers={200: ReservationDocument},
                refusals=("UNKNOWN_RESERVATION", "EXPIRED", "WRONG_STATE"),
            ),
        ]
