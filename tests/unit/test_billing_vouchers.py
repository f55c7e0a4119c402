"""Handset vouchers after the issue: the till, the cancellation, the end of the last day. Rule 35."""

from datetime import timedelta
from typing import Any

import pytest
from ledger_world import OFF, A, C, World

from billing.answers import RedemptionAnswer, VoucherAnswer
from billing.commands import (
    CancelVoucher,
    ExpireVoucher,
    IssueVoucher,
    LeaveProgramme,
    PutSubscriber,
    RedeemVoucher,
)
from billing.money import format_money, parse_money
from billing.words import Channel, Contract, Network, VoucherState


def given(msisdn: str = C, amount: str = "400.00", **switches: Any) -> World:
    """A voucher from all of a bonus (corporate, off-net) or of a cashback."""
    world = World(welcome_bonus=0, **switches)
    if msisdn == C:
        world.corporate()
    else:
        world.member(msisdn, network=Network.OFF_NET if msisdn == OFF else Network.ON_NET)
    world.bonus(amount, msisdn).at("2025-04-01 00:00").month("2025-04")
    world.do(IssueVoucher(voucher_id="v-1", msisdn=msisdn, amount=parse_money(amount)))
    return world.forget()


def code(world: World) -> str:
    return world.books.vouchers["v-1"].code


def redeem(world: World, amount: str, redemption_id: str = "r-1", price: str | None = None) -> RedeemVoucher:
    handset_price = None if price is None else parse_money(price)
    return RedeemVoucher(
        redemption_id=redemption_id, code=code(world), amount=parse_money(amount), handset_price=handset_price
    )


def state(world: World) -> VoucherState:
    return world.books.vouchers["v-1"].state


@pytest.mark.parametrize(("msisdn", "account"), [(C, "BONUS"), (OFF, "BONUS"), (A, "CB")])
def test_the_till_takes_a_part_and_the_rest_goes_back_where_it_came_from(msisdn: str, account: str) -> None:
    world = given(msisdn)
    outcome = world.do(redeem(world, "150.00", price="150.00"))
    assert isinstance(outcome.answer, RedemptionAnswer)
    assert (outcome.answer.amount, outcome.answer.returned, outcome.answer.state) == (15_000, 25_000, "redeemed")
    assert world.posted() == [f"VOUCH>{account} 250.00"]
    again = world.do(redeem(world, "150.00", price="150.00"))
    assert (again.hit, again.answer) == (True, outcome.answer)
    assert world.refused(redeem(world, "151.00", price="151.00")).code == "CONFLICT"


def test_a_voucher_redeemed_whole_leaves_nothing_to_go_back_and_is_redeemed_once() -> None:
    world = given()
    world.do(redeem(world, "400.00"))
    assert world.posted() == []
    assert world.refused(redeem(world, "1.00", "r-2")).code == "WRONG_STATE"
    assert world.refused(CancelVoucher(voucher_id="v-1")).code == "WRONG_STATE"
    assert world.refused(ExpireVoucher(voucher_id="v-1")).code == "WRONG_STATE"


def test_the_till_takes_at_most_the_handsets_price_and_the_vouchers_worth() -> None:
    world = given()
    assert world.refused(redeem(world, "300.01", price="300.00")).code == "EXCEEDS_PRICE"
    assert world.refused(redeem(world, "400.01")).code == "INSUFFICIENT_FUNDS"
    assert world.refused(redeem(world, "0.00")).code == "INVALID"
    unknown = RedeemVoucher(redemption_id="r-1", code="NOSUCHCODE", amount=1)
    assert world.refused(unknown).code == "UNKNOWN_VOUCHER"
    assert state(world) is VoucherState.ISSUED


def test_a_cancelled_voucher_goes_back_whole_and_once() -> None:
    world = given(A)
    answer = world.do(CancelVoucher(voucher_id="v-1")).answer
    assert isinstance(answer, VoucherAnswer)
    assert (answer.state, answer.amount) == (VoucherState.CANCELLED, 40_000)
    assert world.posted() == ["VOUCH>CB 400.00"]
    assert world.do(CancelVoucher(voucher_id="v-1")).hit
    assert world.refused(redeem(world, "1.00")).code == "WRONG_STATE"
    assert world.refused(CancelVoucher(voucher_id="v-2")).code == "UNKNOWN_VOUCHER"


def test_the_last_day_counts_whole_and_then_the_voucher_is_expired_swept_or_not() -> None:
    world = given(voucher_days=10)
    end = world.books.vouchers["v-1"].valid_until
    assert world.refused(ExpireVoucher(voucher_id="v-1")).code == "WRONG_STATE"
    world.at((end - timedelta(microseconds=1)).isoformat())
    assert world.refused(ExpireVoucher(voucher_id="v-1")).code == "WRONG_STATE"
    world.at(end.isoformat())
    assert world.refused(redeem(world, "1.00")).code == "EXPIRED"
    assert world.refused(CancelVoucher(voucher_id="v-1")).code == "EXPIRED"
    world.do(ExpireVoucher(voucher_id="v-1"))
    assert world.posted() == ["VOUCH>BONUS 400.00"]
    assert world.refused(redeem(world, "1.00")).code == "EXPIRED"
    assert world.refused(ExpireVoucher(voucher_id="v-1")).code == "WRONG_STATE"
    assert world.refused(ExpireVoucher(voucher_id="v-2")).code == "UNKNOWN_VOUCHER"


def test_what_comes_back_to_who_has_left_lapses_as_on_leaving() -> None:
    """Rules 8, 9: bonus always, cashback by the switch; the voucher itself stays good."""
    world = given(C)
    world.do(LeaveProgramme(msisdn=C, channel=Channel.WEB, confirm=True))
    world.forget().do(redeem(world, "100.00"))
    assert world.posted() == ["VOUCH>BONUS 300.00", "BONUS>LAPSE 300.00"]
    for switch, back in (("keep", ["VOUCH>CB 400.00"]), ("lapse", ["VOUCH>CB 400.00", "CB>LAPSE 400.00"])):
        world = given(A, leave_credited=switch)
        world.do(LeaveProgramme(msisdn=A, channel=Channel.WEB, confirm=True))
        world.forget().do(CancelVoucher(voucher_id="v-1"))
        assert world.posted() == back


def test_a_voucher_goes_back_to_its_account_whatever_the_contract_became() -> None:
    world = given(C)
    world.do(PutSubscriber(msisdn=C, contract=Contract.INDIVIDUAL))
    world.do(CancelVoucher(voucher_id="v-1"))
    assert world.posted() == ["VOUCH>BONUS 400.00"]
    assert format_money(world.balances(C).bonus_new) == "400.00"
