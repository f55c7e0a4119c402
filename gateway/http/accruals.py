"""Where is my cashback: every order with every figure, its state, and why it stands so in a sentence."""

from zoneinfo import ZoneInfo

from typing_extensions import TypedDict

from billing.errors import UnknownOrder
from billing.money import format_money
from billing.reasons import explain
from billing.records import Accrual
from gateway.http.auth import Scope
from gateway.http.bodies import path_id, path_msisdn, wire_instant, wire_instant_or_none
from gateway.http.catalogue import RewardDocument, reward_to_wire
from gateway.http.ports import Reads
from gateway.http.routing import Call, Reply, Route, answer

PARTNER_OR_CARE = frozenset({Scope.PARTNER, Scope.CARE})


class AccrualDocument(TypedDict):
    """Every figure of an order and its reward."""

    partner: str
    partner_name: str
    category: str
    order_id: str
    state: str
    reason: str | None
    explanation: str
    reward: str
    promise: RewardDocument
    min_purchase: str
    terms_version: str
    click_id: str | None
    channel: str
    goods: str
    delivery: str
    returned_goods: str
    reversed: str
    confirmed_goods: str | None
    paid_at: str
    recorded_at: str
    deadline: str
    confirmed_at: str | None
    accrued_period: str | None
    ended_at: str | None
    override_reason: str | None


class AccrualsDocument(TypedDict):
    """Orders of one subscription, newest first."""

    items: list[AccrualDocument]


def accrual_to_wire(one: Accrual, zone: ZoneInfo) -> AccrualDocument:
    """Every figure of an order, and why it stands as it does."""
    return {
        "partner": one.partner,
        "partner_name": one.partner_name,
        "category": one.category,
        "order_id": one.order_id,
        "state": one.state,
        "reason": one.reason,
        "explanation": explain(one, zone),
        "reward": format_money(one.reward),
        "promise": reward_to_wire(one.promise),
        "min_purchase": format_money(one.min_purchase),
        "terms_version": one.terms_version,
        "click_id": one.click_id,
        "channel": one.channel,
        "goods": format_money(one.goods),
        "delivery": format_money(one.delivery),
        "returned_goods": format_money(one.returned_goods),
        "reversed": format_money(one.reversed_sum),
        "confirmed_goods": None if one.confirmed_goods is None else format_money(one.confirmed_goods),
        "paid_at": wire_instant(one.paid_at, zone),
        "recorded_at": wire_instant(one.recorded_at, zone),
        "deadline": wire_instant(one.deadline, zone),
        "confirmed_at": wire_instant_or_none(one.confirmed_at, zone),
        "accrued_period": one.accrued_period or None,
        "ended_at": wire_instant_or_none(one.ended_at, zone),
        "override_reason": one.override_reason,
    }


class Accruals:
    """The look-ups of orders."""

    def __init__(self, reads: Reads, zone: ZoneInfo) -> None:
        self._reads = reads
        self._zone = zone

    async def show(self, call: Call) -> Reply:
        """One order; a partner's key sees its own only."""
        partner, order_id = path_id(call, "partner"), path_id(call, "order_id")
        if call.principal is not None and call.principal.partner not in {None, partner}:
            raise UnknownOrder("there is no such order")
        return answer(accrual_to_wire(await self._reads.accrual(partner, order_id), self._zone))

    async def show_all(self, call: Call) -> Reply:
        """All orders of a subscription."""
        items = await self._reads.accruals(path_msisdn(call))
        document: AccrualsDocument = {"items": [accrual_to_wire(one, self._zone) for one in items]}
        return answer(document)

    def routes(self) -> list[Route]:
        """Their routes."""
        return [
            Route(
                method="GET",
                path="/v1/accruals/{partner}/{order_id}",
                handler=self.show,
                summary="Every figure of one order",
                scopes=PARTNER_OR_CARE,
                answers={200: AccrualDocument},
                refusals=("UNKNOWN_ORDER",),
            ),
            Route(
                method="GET",
                path="/v1/subscribers/{msisdn}/accruals",
                handler=self.show_all,
                summary="All orders of a subscription, newest first",
                scopes=frozenset({Scope.CARE}),
                answers={200: AccrualsDocument},
                refusals=("UNKNOWN_SUBSCRIBER",),
            ),
        ]
