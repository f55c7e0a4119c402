"""`/sim/shops/…`: buying, and what a shop says about an order later. The gateway's answers are passed on."""

from typing import Any

from simulator.api.common import Body, given, passed_on
from simulator.http import Call, Reply, Routes
from simulator.shops import Shops


class OrderBody(Body):
    """A purchase; its figures are the gateway's to judge, so they are passed on as they are."""

    msisdn: str
    order_id: str
    goods: Any = None
    delivery: Any = None
    channel: Any = "web"
    paid_at: Any = None
    click: bool = True


class GoodsBody(Body):
    """The goods that are confirmed or amended."""

    goods: Any = None


class ReturnBody(Body):
    """What the customer gave back, as a running total; all of it when left out."""

    returned_goods: Any = None


class EmptyBody(Body):
    """Nothing."""


class ShopApi:
    """What shops do; there is one for every partner code."""

    def __init__(self, shops: Shops) -> None:
        self._shops = shops

    def add_to(self, routes: Routes) -> None:
        """Serve the calls."""
        orders = "/sim/shops/{partner}/orders"
        routes.add(orders, POST=self.order)
        routes.add(f"{orders}/{{order_id}}/confirm", POST=self.confirm)
        routes.add(f"{orders}/{{order_id}}/reject", POST=self.reject)
        routes.add(f"{orders}/{{order_id}}/amend", POST=self.amend)
        routes.add(f"{orders}/{{order_id}}/return", POST=self.give_back)

    async def order(self, call: Call) -> Reply:
        """Click out and buy something."""
        body = call.read(OrderBody)
        answer = await self._shops.order(
            call.path["partner"],
            msisdn=body.msisdn,
            order_id=body.order_id,
            click=body.click,
            figures=given(body.model_dump(include={"goods", "delivery", "channel", "paid_at"})),
        )
        return passed_on(answer)

    async def confirm(self, call: Call) -> Reply:
        """The shop confirms the order."""
        return await self._tell(call, "confirmed", call.read(GoodsBody))

    async def reject(self, call: Call) -> Reply:
        """The shop rejects the order."""
        return await self._tell(call, "rejected", call.read(EmptyBody))

    async def amend(self, call: Call) -> Reply:
        """The shop changes the goods."""
        return await self._tell(call, "amended", call.read(GoodsBody))

    async def give_back(self, call: Call) -> Reply:
        """The customer returns goods."""
        return await self._tell(call, "returned", call.read(ReturnBody))

    async def _tell(self, call: Call, event: str, body: Body) -> Reply:
        document = {"event": event, "order_id": call.path["order_id"], **given(body.model_dump())}
        return passed_on(await self._shops.postback(call.path["partner"], document))
