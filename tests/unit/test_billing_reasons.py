"""Every state and every reason of a reward has a sentence that names the shop, the figure and the day."""

import pytest
from ledger_world import A, World
from msgspec.structs import replace

from billing.commands import OrderAmended, OrderRejected, OrderReturned
from billing.programme import MOSCOW
from billing.reasons import explain
from billing.records import Accrual
from billing.words import AccrualState, Reason

REJECTED = [reason for reason in Reason if reason not in (Reason.LATE, Reason.OVERRIDDEN)]


def given_order(goods: str = "2000.00") -> Accrual:
    world = World()
    world.member(A)
    world.paid("o-1", goods)
    return world.books.accruals["ozon", "o-1"]


def said(accrual: Accrual) -> str:
    return explain(accrual, MOSCOW)


@pytest.mark.parametrize("reason", REJECTED)
def test_every_reason_of_a_rejection_is_explained_in_words_of_its_own(reason: Reason) -> None:
    order = replace(given_order(), state=AccrualState.REJECTED, reason=reason, reward=0)
    text = said(order)
    assert text.startswith("Paid at Ozon on 2025-03-03 for 2000.00, without reward: ")
    assert len({said(replace(order, reason=other)) for other in REJECTED}) == len(REJECTED)


@pytest.mark.parametrize("state", AccrualState)
def test_every_state_is_explained(state: AccrualState) -> None:
    order = given_order()
    reason = Reason.LEFT if state is AccrualState.REJECTED else None
    moved = replace(
        order,
        state=state,
        reason=reason,
        confirmed_at=order.paid_at,
        accrued_period="2025-03",
        ended_at=order.paid_at,
    )
    assert "Ozon" in said(moved)
    assert "2025-03-03" in said(moved)
    assert "None" not in said(moved)


def test_a_pending_reward_tells_until_when_the_shop_may_confirm() -> None:
    assert said(given_order()) == (
        "Paid at Ozon on 2025-03-03 for 2000.00; Ozon has until 2025-06-01 to confirm it, then 100.00 accrues."
    )


def test_an_accrued_reward_tells_its_first_and_what_returns_took() -> None:
    world = World()
    world.member(A)
    world.earned("o-1", "2000.00")
    text = said(world.books.accruals["ozon", "o-1"])
    assert "and confirmed on 2025-03-03: 100.00 accrued; it becomes cashback on 2025-04-01" in text
    world.do(OrderReturned(partner="ozon", order_id="o-1", returned_goods=50_000))
    assert "Returns took 25.00 back, 75.00 is left." in said(world.books.accruals["ozon", "o-1"])
    world.do(OrderReturned(partner="ozon", order_id="o-1"))
    text = said(world.books.accruals["ozon", "o-1"])
    assert "goods for 2000.00 came back and the reward of 100.00 was taken back on 2025-03-03" in text


def test_what_the_rules_reject_is_explained_with_its_figures() -> None:
    world = World()
    world.member(A)
    world.paid("o-1", "2000.00")
    world.do(OrderAmended(partner="ozon", order_id="o-1", goods=1_000))
    assert "the reward comes to less than the smallest sum" in said(world.books.accruals["ozon", "o-1"])
    world.paid("o-2", "2000.00")
    world.do(OrderRejected(partner="ozon", order_id="o-2"))
    assert said(world.books.accruals["ozon", "o-2"]).endswith("without reward: Ozon rejected it on 2025-03-03.")


def test_an_operators_word_is_given() -> None:
    order = replace(
        given_order(), state=AccrualState.CREDITED, reason=Reason.OVERRIDDEN, override_reason="late parcel"
    )
    assert said(order).endswith("An operator let it through: late parcel.")
