"""Reservations for online charging: hold, commit, release, expiry. Rule 33, invariants 6, 15, 16."""

from datetime import timedelta
from typing import Any

import pytest
from ledger_world import A, World
from msgspec.structs import replace

from billing.answers import ReservationAnswer
from billing.commands import (
    CommitReservation,
    DrawCharge,
    ExpireReservation,
    IssueVoucher,
    LeaveProgramme,
    PutSubscriber,
    RefundCharge,
    ReleaseReservation,
    Reserve,
)
from billing.events import BillPaidFromCashback
from billing.money import format_money, parse_money
from billing.words import Channel, ChargeType, ReservationState


def given(cashback: str = "80.00", main: str = "100.00", **switches: Any) -> World:
    """A member in April with cashback and main money."""
    world = World(welcome_bonus=0, **switches).member()
    if cashback != "0.00":
        world.bonus(cashback)
    world.at("2025-04-01 00:00").month("2025-04")
    if main != "0.00":
        world.main(main)
    return world.forget()


def hold(amount: str, reservation_id: str = "h-1", seconds: int = 600, **fields: Any) -> Reserve:
    given_type = fields.get("type", ChargeType.USAGE)
    return Reserve(
        reservation_id=reservation_id, msisdn=A, type=given_type, amount=parse_money(amount), expires_in_s=seconds
    )


def commit(amount: str, reservation_id: str = "h-1") -> CommitReservation:
    return CommitReservation(reservation_id=reservation_id, amount=parse_money(amount))


RELEASE = ReleaseReservation(reservation_id="h-1")
EXPIRE = ExpireReservation(reservation_id="h-1")


def shown(answer: Any) -> tuple[str, str, str]:
    assert isinstance(answer, ReservationAnswer)
    return answer.state.value, format_money(answer.cashback), format_money(answer.main)


def held(world: World) -> tuple[str, str]:
    row = world.balances()
    return format_money(row.held_cashback), format_money(row.held_main)


def test_a_hold_takes_cashback_first_posts_nothing_and_nothing_else_can_draw_it() -> None:
    world = given()
    first = world.do(hold("150.00"))
    assert shown(first.answer) == ("held", "80.00", "70.00")
    assert (world.posted(), held(world)) == ([], ("80.00", "70.00"))
    drawn = world.charge("c-1", "50.00")
    assert (drawn.cashback, drawn.main, drawn.unpaid) == (0, 3_000, 2_000)
    assert world.refused(IssueVoucher(voucher_id="v-1", msisdn=A, amount=1)).code == "INSUFFICIENT_FUNDS"
    assert world.refused(hold("0.01", "h-2")).code == "INSUFFICIENT_FUNDS"
    again = world.do(hold("150.00"))
    assert (again.hit, again.answer) == (True, first.answer)
    assert world.refused(hold("149.00")).code == "CONFLICT"


def test_a_hold_is_whole_or_not_at_all_also_with_part_payment() -> None:
    world = given()
    assert world.refused(hold("180.01")).code == "INSUFFICIENT_FUNDS"
    world.do(PutSubscriber(msisdn=A, credit_limit=1))
    assert shown(world.do(hold("180.01")).answer) == ("held", "80.00", "100.01")


def test_a_commit_draws_cashback_first_and_frees_the_rest() -> None:
    world = given()
    world.do(hold("150.00"))
    outcome = world.do(commit("100.00"))
    assert shown(outcome.answer) == ("committed", "80.00", "20.00")
    assert (world.posted(), held(world)) == (["CB>REV 80.00", "MAIN>REV 20.00"], ("0.00", "0.00"))
    charge = world.books.charges["hold:h-1"]
    assert (charge.amount, charge.cashback, charge.main, charge.type) == (10_000, 8_000, 2_000, ChargeType.USAGE)
    again = world.do(commit("100.00"))
    assert (again.hit, again.answer) == (True, outcome.answer)
    assert world.refused(commit("99.00")).code == "CONFLICT"
    assert world.refused(RELEASE).code == "WRONG_STATE"
    assert world.refused(EXPIRE).code == "WRONG_STATE"


def test_cashback_that_came_since_the_hold_pays_before_the_held_main() -> None:
    """Rule 28: main is never touched while cashback is left at the draw."""
    world = given(cashback="0.00")
    world.do(hold("100.00"))
    world.bonus("60.00").at("2025-05-01 00:00").month("2025-05")
    assert world.refused(commit("100.00")).code == "EXPIRED"
    world = given(cashback="0.00")
    world.do(hold("100.00", seconds=31 * 86_400))
    world.bonus("60.00").at("2025-05-01 00:00").month("2025-05")
    world.forget()
    assert shown(world.do(commit("100.00")).answer) == ("committed", "60.00", "40.00")


def test_more_than_is_held_is_not_committed() -> None:
    world = given()
    world.do(hold("50.00"))
    assert world.refused(commit("50.01")).code == "EXCEEDS_HOLD"
    assert world.refused(commit("0.00")).code == "INVALID"
    assert world.refused(commit("1.00", "h-9")).code == "UNKNOWN_RESERVATION"
    assert shown(world.do(commit("50.00")).answer) == ("committed", "50.00", "0.00")


def test_a_release_frees_everything_and_is_told_again_unchanged() -> None:
    world = given()
    world.do(hold("150.00"))
    outcome = world.do(RELEASE)
    assert shown(outcome.answer) == ("released", "0.00", "0.00")
    assert (world.posted(), held(world)) == ([], ("0.00", "0.00"))
    again = world.do(RELEASE)
    assert (again.hit, again.answer) == (True, outcome.answer)
    assert world.refused(commit("1.00")).code == "WRONG_STATE"
    assert world.refused(ReleaseReservation(reservation_id="h-9")).code == "UNKNOWN_RESERVATION"
    assert world.refused(ExpireReservation(reservation_id="h-9")).code == "UNKNOWN_RESERVATION"


def test_from_its_end_on_a_hold_is_expired_swept_or_not() -> None:
    world = given()
    world.do(hold("150.00", seconds=60))
    end = world.books.reservations["h-1"].expires_at
    world.at((end - timedelta(microseconds=1)).isoformat())
    assert world.refused(EXPIRE).code == "WRONG_STATE"
    world.at(end.isoformat())
    assert world.refused(commit("1.00")).code == "EXPIRED"
    assert world.refused(RELEASE).code == "EXPIRED"
    assert shown(world.do(EXPIRE).answer) == ("expired", "0.00", "0.00")
    assert (world.posted(), held(world)) == ([], ("0.00", "0.00"))
    assert world.books.reservations["h-1"].state is ReservationState.EXPIRED
    assert world.refused(commit("1.00")).code == "EXPIRED"


@pytest.mark.parametrize("seconds", [0, -1, 31 * 86_400 + 1])
def test_a_hold_ends_within_a_month(seconds: int) -> None:
    assert given().refused(hold("1.00", seconds=seconds)).field == "expires_in_s"


def test_a_commit_is_a_charge_that_is_refunded_and_told_like_one() -> None:
    world = given()
    world.do(hold("100.00", type=ChargeType.TARIFF_FEE))
    world.do(commit("100.00"))
    assert [event.cashback for event in world.told(BillPaidFromCashback)] == [8_000]
    back = world.do(RefundCharge(charge_id="hold:h-1", refund_id="r-1", amount=3_000)).answer
    assert (back.main, back.cashback) == (2_000, 1_000)  # type: ignore[union-attr]
    mine = DrawCharge(charge_id="hold:h-2", msisdn=A, type=ChargeType.USAGE, amount=1)
    assert world.refused(mine).code == "CONFLICT"


def test_held_cashback_counts_as_spent_under_a_monthly_cap() -> None:
    world = given(cashback="500.00", main="500.00", monthly_spend_cap=20_000)
    assert shown(world.do(hold("150.00")).answer) == ("held", "150.00", "0.00")
    drawn = world.charge("c-1", "100.00")
    assert (drawn.cashback, drawn.main) == (5_000, 5_000)
    assert shown(world.do(commit("150.00")).answer) == ("committed", "150.00", "0.00")


def test_a_type_that_cashback_may_not_pay_is_held_from_main() -> None:
    world = given(spend_types=frozenset({ChargeType.TARIFF_FEE}))
    assert shown(world.do(hold("100.00")).answer) == ("held", "0.00", "100.00")


def test_with_an_external_main_balance_only_cashback_is_held() -> None:
    """Rule 42."""
    world = given(main="0.00", main_balance="external")
    assert shown(world.do(hold("150.00")).answer) == ("held", "80.00", "70.00")
    assert held(world) == ("80.00", "0.00")
    assert shown(world.do(commit("150.00")).answer) == ("committed", "80.00", "70.00")
    assert world.posted() == ["CB>REV 80.00"]


def test_a_hold_outlives_leaving_and_lapses_with_it_once_free() -> None:
    """Rule 8, `leave_credited = lapse`: held cashback stays until its reservation ends."""
    world = given(leave_credited="lapse")
    world.do(hold("50.00"))
    world.do(LeaveProgramme(msisdn=A, channel=Channel.WEB, confirm=True))
    assert world.posted() == ["CB>LAPSE 30.00"]
    world.forget().do(commit("20.00"))
    assert world.posted() == ["CB>REV 20.00", "CB>LAPSE 30.00"]


def test_a_commit_that_changed_switches_no_longer_cover_is_refused_without_part_payment() -> None:
    world = given(cashback="80.00", main="0.00")
    world.do(hold("80.00"))
    narrow = replace(world.context.programme, spend_types=frozenset({ChargeType.TARIFF_FEE}), part_payment=False)
    world.context = replace(world.context, programme=narrow)
    assert world.refused(commit("80.00")).code == "INSUFFICIENT_FUNDS"
    assert world.books.reservations["h-1"].state is ReservationState.HELD
