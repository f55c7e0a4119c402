"""Handset vouchers, and what cashback never becomes: money on a card or somebody else's."""

from datetime import date, datetime, time
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import StringConstraints
from typing_extensions import TypedDict

from billing.answers import RedemptionAnswer, VoucherAnswer, VoucherView
from billing.commands import CancelVoucher, IssueVoucher, RedeemVoucher
from billing.errors import NoCashOut, TransferNotAvailable
from billing.money import format_money
from billing.vouchers import last_day_of
from gateway.http.auth import Scope
from gateway.http.bodies import Body, path_id
from gateway.http.fields import Id, Msisdn, PositiveSum
from gateway.http.ports import Ledger, Reads
from gateway.http.routing import Call, Reply, Route, answer, created

VOUCHERS = frozenset({Scope.CARE, Scope.BILLING, Scope.PROVISIONING})
TILLS = frozenset({Scope.CARE, Scope.BILLING, Scope.PARTNER})
ANY_KEY: frozenset[Scope] = frozenset()


class VoucherBody(Body):
    """A voucher to issue; with the handset's price it is checked against it."""

    voucher_id: Id
    msisdn: Msisdn
    amount: PositiveSum
    handset_price: PositiveSum | None = None


class RedemptionBody(Body):
    """What the shop's till takes of a voucher; with the handset's price it is checked against it."""

    redemption_id: Id
    code: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z]{1,32}$")]
    amount: PositiveSum
    handset_price: PositiveSum | None = None


class RedemptionDocument(TypedDict):
    """What the till took of a voucher, and what went back to the subscriber."""

    redemption_id: str
    voucher_id: str
    amount: str
    returned: str
    state: str


class VoucherDocument(TypedDict):
    """A voucher; `valid_until` is the last second of its last day."""

    voucher_id: str
    code: str
    amount: str
    valid_until: str
    state: str


def end_of_day(day: date, zone: ZoneInfo) -> str:
    """The last second of a day in the operator's zone."""
    return datetime.combine(day, time(23, 59, 59), tzinfo=zone).isoformat()


def voucher_to_wire(one: VoucherAnswer, zone: ZoneInfo) -> VoucherDocument:
    """A voucher as issued."""
    return {
        "voucher_id": one.voucher_id,
        "code": one.code,
        "amount": format_money(one.amount),
        "valid_until": end_of_day(one.valid_until, zone),
        "state": one.state,
    }


def voucher_now_to_wire(view: VoucherView, zone: ZoneInfo) -> VoucherDocument:
    """A voucher as it stands; its last instant lies before `valid_until` of the record."""
    one = view.voucher
    return {
        "voucher_id": one.voucher_id,
        "code": one.code,
        "amount": format_money(one.amount),
        "valid_until": end_of_day(last_day_of(one, zone), zone),
        "state": one.state,
    }


class Spending:
    """The calls about vouchers, transfers and cash-outs."""

    def __init__(self, ledger: Ledger, reads: Reads, zone: ZoneInfo) -> None:
        self._ledger = ledger
        self._reads = reads
        self._zone = zone

    async def issue(self, call: Call) -> Reply:
        """Issue a voucher."""
        body: VoucherBody = call.body
        outcome = await self._ledger.execute(
            IssueVoucher(
                voucher_id=body.voucher_id,
                msisdn=body.msisdn,
                amount=body.amount,
                handset_price=body.handset_price,
            )
        )
        assert isinstance(outcome.answer, VoucherAnswer)  # noqa: S101 - each command has its own answer
        return created(voucher_to_wire(outcome.answer, self._zone), hit=outcome.hit)

    async def show(self, call: Call) -> Reply:
        """A voucher as it stands."""
        return answer(voucher_now_to_wire(await self._reads.voucher(path_id(call, "voucher_id")), self._zone))

    async def cancel(self, call: Call) -> Reply:
        """Take a voucher back."""
        outcome = await self._ledger.execute(CancelVoucher(voucher_id=path_id(call, "voucher_id")))
        assert isinstance(outcome.answer, VoucherAnswer)  # noqa: S101 - as above
        return answer(voucher_to_wire(outcome.answer, self._zone))

    async def redeem(self, call: Call) -> Reply:
        """The shop's till takes a voucher; letters of a code may be typed small."""
        body: RedemptionBody = call.body
        outcome = await self._ledger.execute(
            RedeemVoucher(
                redemption_id=body.redemption_id,
                code=body.code.upper(),
                amount=body.amount,
                handset_price=body.handset_price,
            )
        )
        taken = outcome.answer
        assert isinstance(taken, RedemptionAnswer)  # noqa: S101 - as above
        document: RedemptionDocument = {
            "redemption_id": taken.redemption_id,
            "voucher_id": taken.voucher_id,
            "amount": format_money(taken.amount),
            "returned": format_money(taken.returned),
            "state": taken.state,
        }
        return created(document, hit=outcome.hit)

    async def transfer(self, call: Call) -> Reply:  # noqa: ARG002 - a route's handler
        """Never."""
        raise TransferNotAvailable("cashback cannot be given to another number")

    async def cash_out(self, call: Call) -> Reply:  # noqa: ARG002 - a route's handler
        """Never."""
        raise NoCashOut("cashback cannot be paid out to a card or bank account")

    def routes(self) -> list[Route]:
        """Their routes."""
        return [
            Route(
                method="POST",
                path="/v1/vouchers",
                handler=self.issue,
                summary="A handset voucher from bonus (corporate, off-net) or cashback",
                scopes=VOUCHERS,
                body=VoucherBody,
                answers={201: VoucherDocument, 200: VoucherDocument},
                refusals=(
                    *("UNKNOWN_SUBSCRIBER", "CONFLICT", "NOT_MEMBER"),
                    *("INSUFFICIENT_FUNDS", "EXCEEDS_PRICE", "NOT_ELIGIBLE"),
                ),
            ),
            Route(
                method="GET",
                path="/v1/vouchers/{voucher_id}",
                handler=self.show,
                summary="A voucher as it stands",
                scopes=VOUCHERS,
                answers={200: VoucherDocument},
                refusals=("UNKNOWN_VOUCHER",),
            ),
            Route(
                method="DELETE",
                path="/v1/vouchers/{voucher_id}",
                handler=self.cancel,
                summary="Cancel a voucher: it goes back where it came from",
                scopes=VOUCHERS,
                answers={200: VoucherDocument},
                refusals=("UNKNOWN_VOUCHER", "EXPIRED", "WRONG_STATE"),
            ),
            Route(
                method="POST",
                path="/v1/voucher-redemptions",
                handler=self.redeem,
                summary="The shop's till takes a voucher once, all or part; the rest goes back",
                scopes=TILLS,
                body=RedemptionBody,
                answers={201: RedemptionDocument, 200: RedemptionDocument},
                refusals=(
                    *("UNKNOWN_VOUCHER", "CONFLICT", "EXPIRED", "WRONG_STATE"),
                    *("INSUFFICIENT_FUNDS", "EXCEEDS_PRICE"),
                ),
            ),
            Route(
                method="POST",
                path="/v1/transfers",
                handler=self.transfer,
                summary="Cashback to another number: always refused",
                scopes=ANY_KEY,
                answers={},
                refusals=("TRANSFER_NOT_AVAILABLE",),
            ),
            Route(
                method="POST",
                path="/v1/cash-outs",
                handler=self.cash_out,
                summary="Cashback to a card or bank: always refused",
                scopes=ANY_KEY,
                answers={},
                refusals=("NO_CASH_OUT",),
            ),
        ]
