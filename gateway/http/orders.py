"""Click-outs, postbacks, orders and promotions: what partners and the programme's own site call."""

from collections.abc import Callable
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from billing.answers import ClickAnswer, OrderAnswer, PromoAnswer
from billing.commands import (
    Command,
    CreditPromo,
    OrderAmended,
    OrderConfirmed,
    OrderPaid,
    OrderRejected,
    OrderReturned,
    OverrideAccrual,
    RecordClick,
)
from billing.errors import Conflict, UnknownPartner, UnknownPromo
from billing.money import format_money
from billing.words import OrderChannel
from gateway.http.auth import Scope
from gateway.http.bodies import (
    Body,
    path_id,
    wire_instant,
)
from gateway.http.catalogue import RewardDocument, reward_to_wire
from gateway.http.fields import Id, Instant, Line, Msisdn, PositiveSum, Sum
from gateway.http.ports import Directory, Ledger
from gateway.http.problems import Problem, malformed
from gateway.http.routing import Call, Reply, Route, answer, created
from gateway.http.signatures import is_signed

PARTNER = frozenset({Scope.PARTNER})


class ClickBody(Body):
    """A click-out to a partner."""

    msisdn: Msisdn
    partner: Id
    clicked_at: Instant | None = None


class PaidEvent(Body):
    """An order was paid."""

    event: Literal["paid"]
    order_id: Id
    click_id: Id | None = None
    goods: PositiveSum
    delivery: Sum | None = None
    channel: OrderChannel
    paid_at: Instant | None = None

    def command(self, partner: str) -> Command:
        """What the ledger is asked."""
        return OrderPaid(
            partner=partner,
            order_id=self.order_id,
            click_id=self.click_id,
            goods=self.goods,
            delivery=self.delivery or 0,
            channel=self.channel,
            paid_at=self.paid_at,
        )


class ConfirmedEvent(Body):
    """The shop confirms; other goods while pending amend the order first."""

    event: Literal["confirmed"]
    order_id: Id
    goods: PositiveSum | None = None

    def command(self, partner: str) -> Command:
        """What the ledger is asked."""
        return OrderConfirmed(partner=partner, order_id=self.order_id, goods=self.goods)


class RejectedEvent(Body):
    """The shop rejects."""

    event: Literal["rejected"]
    order_id: Id

    def command(self, partner: str) -> Command:
        """What the ledger is asked."""
        return OrderRejected(partner=partner, order_id=self.order_id)


class AmendedEvent(Body):
    """The shop changes the goods price of a pending order."""

    event: Literal["amended"]
    order_id: Id
    goods: PositiveSum

    def command(self, partner: str) -> Command:
        """What the ledger is asked."""
        return OrderAmended(partner=partner, order_id=self.order_id, goods=self.goods)


class ReturnedEvent(Body):
    """Goods came back: the running total, or all."""

    event: Literal["returned"]
    order_id: Id
    returned_goods: PositiveSum | None = None

    def command(self, partner: str) -> Command:
        """What the ledger is asked."""
        return OrderReturned(partner=partner, order_id=self.order_id, returned_goods=self.returned_goods)


OrderEvent = Annotated[
    PaidEvent | ConfirmedEvent | RejectedEvent | AmendedEvent | ReturnedEvent, Field(discriminator="event")
]
_EVENT: TypeAdapter[PaidEvent | ConfirmedEvent | RejectedEvent | AmendedEvent | ReturnedEvent] = TypeAdapter(
    OrderEvent
)


class OverrideBody(Body):
    """Why an operator lets an order through."""

    reason: Line


class PromoCreditBody(Body):
    """A target action to reward."""

    action_id: Id
    msisdn: Msisdn
    amount: PositiveSum | None = None


class ClickDocument(TypedDict):
    """A click with the promise it keeps."""

    click_id: str
    reward: RewardDocument
    min_purchase: str
    valid_until: str


class OrderDocument(TypedDict):
    """An order as recorded, whatever its fate."""

    order_id: str
    state: str
    reason: str | None
    reward: str
    spendable_from: str | None


class PromoCreditDocument(TypedDict):
    """A rewarded target action."""

    promo: str
    action_id: str
    msisdn: str
    amount: str
    spendable_from: str | None


def order_to_wire(order: OrderAnswer) -> OrderDocument:
    """An order as recorded."""
    return {
        "order_id": order.accrual.order_id,
        "state": order.accrual.state,
        "reason": order.accrual.reason,
        "reward": format_money(order.accrual.reward),
        "spendable_from": order.spendable_from.isoformat() if order.spendable_from else None,
    }


class Orders:
    """The calls about clicks, orders and promotions.

    `rejected(reason)` counts postbacks that were turned away; `conflicted(partner, order_id)` raises the alarm that
    a known order came again with other figures (rule 22).
    """

    def __init__(
        self,
        ledger: Ledger,
        directory: Directory,
        *,
        zone: ZoneInfo,
        wall: Callable[[], float],
        rejected: Callable[[str], None],
        conflicted: Callable[[str, str], None],
    ) -> None:
        self._ledger = ledger
        self._directory = directory
        self._zone = zone
        self._wall = wall
        self._rejected = rejected
        self._conflicted = conflicted

    async def click(self, call: Call) -> Reply:
        """Record a click-out, for any number."""
        body: ClickBody = call.body
        if call.principal is not None and call.principal.partner not in {None, body.partner}:
            raise UnknownPartner("this key is another partner's", field="partner")
        outcome = await self._ledger.execute(
            RecordClick(msisdn=body.msisdn, partner=body.partner, clicked_at=body.clicked_at)
        )
        assert isinstance(outcome.answer, ClickAnswer)  # noqa: S101 - each command has its own answer
        click = outcome.answer.click
        document: ClickDocument = {
            "click_id": click.click_id,
            "reward": reward_to_wire(click.reward),
            "min_purchase": format_money(click.min_purchase),
            "valid_until": wire_instant(click.valid_until, self._zone),
        }
        return created(document, hit=outcome.hit)

    async def postback(self, call: Call) -> Reply:
        """A shop's event; the signature is checked before anything in it is looked at."""
        partner = call.path["partner"]
        secrets = await self._directory.secrets(partner)
        if not is_signed(call.header(b"Firstcharge-Signature"), call.raw, secrets, self._wall()):
            self._rejected("signature")
            raise Problem(401, "UNAUTHORIZED", "the signature is missing, wrong or stale")
        try:
            event = _EVENT.validate_json(call.raw)
        except ValidationError as error:
            self._rejected("malformed")
            raise malformed(error, is_union=True) from None
        try:
            outcome = await self._ledger.execute(event.command(partner))
        except Conflict:
            self._rejected("conflict")
            self._conflicted(partner, event.order_id)
            raise
        assert isinstance(outcome.answer, OrderAnswer)  # noqa: S101 - as above
        return answer(order_to_wire(outcome.answer), hit=outcome.hit)

    async def override(self, call: Call) -> Reply:
        """An operator lets an order through; audited."""
        body: OverrideBody = call.body
        outcome = await self._ledger.execute(
            OverrideAccrual(partner=path_id(call, "partner"), order_id=path_id(call, "order_id"), reason=body.reason)
        )
        assert isinstance(outcome.answer, OrderAnswer)  # noqa: S101 - as above
        return answer(order_to_wire(outcome.answer), hit=outcome.hit)

    async def credit_promo(self, call: Call) -> Reply:
        """Reward a target action once; a partner's key its own promotions' only."""
        body: PromoCreditBody = call.body
        code = path_id(call, "promo")
        if call.principal is not None and call.principal.partner not in {None, await self._partner_of_promo(code)}:
            raise UnknownPromo("there is no such promotion of this partner")
        outcome = await self._ledger.execute(
            CreditPromo(promo=code, action_id=body.action_id, msisdn=body.msisdn, amount=body.amount)
        )
        promo = outcome.answer
        assert isinstance(promo, PromoAnswer)  # noqa: S101 - as above
        document: PromoCreditDocument = {
            "promo": promo.promo,
            "action_id": promo.action_id,
            "msisdn": promo.msisdn,
            "amount": format_money(promo.amount),
            "spendable_from": promo.spendable_from.isoformat() if promo.spendable_from else None,
        }
        return created(document, hit=outcome.hit)

    async def _partner_of_promo(self, code: str) -> str | None:
        """Whose promotion it is; None for one of nobody's, or none at all."""
        promos = (await self._directory.catalogue()).promos
        return next((one.partner for one in promos if one.code == code), None)

    def routes(self) -> list[Route]:
        """Their routes."""
        return [
            Route(
                method="POST",
                path="/v1/clicks",
                handler=self.click,
                summary="A click-out to a partner; answers the promise that will be kept",
                scopes=PARTNER,
                body=ClickBody,
                answers={201: ClickDocument},
                refusals=("UNKNOWN_PARTNER",),
            ),
            Route(
                method="POST",
                path="/v1/postbacks/{partner}",
                handler=self.postback,
                summary="A shop's event about an order, signed (Firstcharge-Signature)",
                scopes=None,
                body=OrderEvent,
                signed=True,
                answers={200: OrderDocument},
                refusals=("UNKNOWN_ORDER", "UNKNOWN_PARTNER", "CONFLICT"),
            ),
            Route(
                method="POST",
                path="/v1/accruals/{partner}/{order_id}/override",
                handler=self.override,
                summary="Let a late or rejected order through; audited",
                scopes=frozenset({Scope.OPS}),
                body=OverrideBody,
                answers={200: OrderDocument},
                refusals=("UNKNOWN_ORDER", "WRONG_STATE", "NOT_MEMBER"),
            ),
            Route(
                method="POST",
                path="/v1/promos/{promo}/credits",
                handler=self.credit_promo,
                summary="Reward a target action once",
                scopes=frozenset({Scope.PARTNER, Scope.PROVISIONING}),
                body=PromoCreditBody,
                answers={201: PromoCreditDocument, 200: PromoCreditDocument},
                refusals=("UNKNOWN_PROMO", "UNKNOWN_SUBSCRIBER", "CONFLICT", "NOT_MEMBER"),
            ),
        ]
