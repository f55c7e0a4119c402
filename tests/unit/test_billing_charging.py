"""First charge, top-ups, refunds, credit on demand, vouchers: rules 26-36 and 42, scenarios 26-30, 32, 34, 36-39."""

from datetime import timedelta
from typing import Any

import pytest
from ledger_world import OFF, A, B, C, World, moscow
from msgspec.structs import replace

from billing.charging import fee_charge_id, fee_subscription_id
from billing.commands import (
    CreditOnDemand,
    DrawCharge,
    IssueVoucher,
    LeaveProgramme,
    PutSubscriber,
    RefundCharge,
    TopUp,
)
from billing.events import BillPaidFromCashback, CashbackCredited, CashbackUsedUp, VoucherIssued
from billing.money import format_money, parse_money
from billing.records import Account
from billing.words import Block, Channel, ChargeStatus, ChargeType, Network, VoucherState


def given(cashback: str = "0.00", main: str = "0.00", **switches: Any) -> World:
    """A member in April with cashback and main money."""
    world = World(welcome_bonus=0, **switches).member()
    if cashback != "0.00":
        world.bonus(cashback)
    world.at("2025-04-01 00:00").month("2025-04")
    if main != "0.00":
        world.main(main)
    return world.forget()


def draw(charge_id: str, amount: str, **fields: Any) -> DrawCharge:
    named = {"msisdn": A, "type": ChargeType.TARIFF_FEE} | fields
    return DrawCharge(charge_id=charge_id, amount=parse_money(amount), **named)


def top_up(amount: str, topup_id: str = "t-1", msisdn: str = A) -> TopUp:
    return TopUp(topup_id=topup_id, msisdn=msisdn, amount=parse_money(amount))


def refund(amount: str, refund_id: str = "r-1", charge_id: str = "c-1") -> RefundCharge:
    return RefundCharge(charge_id=charge_id, refund_id=refund_id, amount=parse_money(amount))


def voucher(amount: str, price: str | None = None, msisdn: str = C, voucher_id: str = "v-1") -> IssueVoucher:
    return IssueVoucher(
        voucher_id=voucher_id,
        msisdn=msisdn,
        amount=parse_money(amount),
        handset_price=None if price is None else parse_money(price),
    )


def split(answer: Any) -> tuple[str, str, str]:
    return format_money(answer.cashback), format_money(answer.main), format_money(answer.unpaid)


def test_bonus_that_is_not_credited_yet_is_not_spendable() -> None:
    """Scenario 26."""
    world = World(welcome_bonus=0, part_payment=False).at("2025-03-25 12:00").member().bonus("150.00")
    assert world.refused(draw("c-1", "100.00")).code == "INSUFFICIENT_FUNDS"
    world = World(welcome_bonus=0).at("2025-03-25 12:00").member().bonus("150.00")
    assert split(world.do(draw("c-1", "100.00")).answer) == ("0.00", "0.00", "100.00")


def test_a_bill_smaller_than_cashback_leaves_main_untouched() -> None:
    """Scenario 27."""
    world = given(cashback="800.00", main="1000.00")
    answer = world.do(draw("c-1", "650.00")).answer
    assert split(answer) == ("650.00", "0.00", "0.00")
    assert (answer.status, answer.booked_at) == (ChargeStatus.PAID, world.context.now)
    assert [(step.source, step.amount) for step in answer.steps] == [(Account.CASHBACK, 65_000)]
    assert world.posted() == ["CB>REV 650.00"]
    assert world.sums() == ("0.00", "150.00", "1000.00")


def test_a_bill_larger_than_cashback_takes_the_rest_from_main() -> None:
    """Scenario 28."""
    world = given(cashback="150.00", main="800.00")
    answer = world.do(draw("c-1", "650.00")).answer
    assert [(step.source, step.amount) for step in answer.steps] == [
        (Account.CASHBACK, 15_000),
        (Account.MAIN, 50_000),
    ]
    assert world.posted() == ["CB>REV 150.00", "MAIN>REV 500.00"]
    assert world.journal[-1].tx_no == world.journal[-2].tx_no
    (bill,) = world.told(BillPaidFromCashback)
    assert (bill.amount, bill.cashback, bill.main, bill.unpaid, bill.ref) == (65_000, 15_000, 50_000, 0, "c-1")


def test_a_bill_of_exactly_the_cashback_leaves_main_and_the_next_call_tells_used_up_once() -> None:
    """Scenario 29."""
    world = given(cashback="650.00", main="10.00")
    world.do(draw("c-1", "650.00"))
    assert world.sums() == ("0.00", "0.00", "10.00")
    assert not world.told(CashbackUsedUp)
    world.charge("c-2", "1.50")
    world.charge("c-3", "1.50")
    assert world.posted() == ["CB>REV 650.00", "MAIN>REV 1.50", "MAIN>REV 1.50"]
    assert len(world.told(CashbackUsedUp)) == 1


def test_used_up_is_told_once_in_every_month_in_which_cashback_paid() -> None:
    """Rule 36."""
    world = given(cashback="10.00", main="100.00")
    world.charge("c-1", "10.00")
    world.charge("c-2", "1.00")
    world.at("2025-05-05 12:00").charge("c-3", "1.00")
    assert len(world.told(CashbackUsedUp)) == 1
    world.bonus("5.00").do(CreditOnDemand(credit_id="1", msisdn=A))
    world.charge("c-4", "5.00")
    world.charge("c-5", "1.00")
    told = world.told(CashbackUsedUp)
    assert len(told) == 2
    assert len({event.ref for event in told}) == 2


def test_without_cashback_main_pays_and_no_bill_is_told() -> None:
    """Scenario 30: the bill message is for a fee of which cashback paid a part (rule 37)."""
    world = given(main="700.00")
    assert split(world.do(draw("c-1", "650.00")).answer) == ("0.00", "650.00", "0.00")
    assert world.posted() == ["MAIN>REV 650.00"]
    assert world.events == []


def test_every_charge_type_draws_from_cashback_by_default() -> None:
    """Scenario 32."""
    world = given(cashback="200.00", main="100.00")
    for charge_id, kind, amount, from_cashback in (
        ("c-1", ChargeType.SUBSCRIPTION, "99.00", "99.00"),
        ("c-2", ChargeType.CONTENT, "51.00", "51.00"),
        ("c-3", ChargeType.SERVICE, "100.00", "50.00"),
    ):
        assert split(world.do(draw(charge_id, amount, type=kind)).answer)[0] == from_cashback
    assert world.sums() == ("0.00", "0.00", "50.00")
    assert not world.told(BillPaidFromCashback)


def test_cashback_pays_only_the_types_it_may() -> None:
    """Rule 29."""
    world = given(cashback="100.00", main="100.00", spend_types=frozenset({ChargeType.USAGE}))
    assert split(world.do(draw("c-1", "30.00", type=ChargeType.CONTENT)).answer) == ("0.00", "30.00", "0.00")
    assert split(world.do(draw("c-2", "30.00", type=ChargeType.USAGE)).answer) == ("30.00", "0.00", "0.00")


def test_the_same_charge_twice_is_drawn_once_with_the_same_answer() -> None:
    """Scenario 34, rule 34."""
    world = given(cashback="800.00", main="1000.00")
    first = world.do(draw("B-7", "650.00"))
    again = world.do(draw("B-7", "650.00"))
    assert again.hit
    assert again.answer == first.answer
    assert world.posted() == ["CB>REV 650.00"]
    world.do(draw("B-8", "650.00"))
    assert world.posted() == ["CB>REV 650.00", "CB>REV 150.00", "MAIN>REV 500.00"]


@pytest.mark.parametrize("other", [{"msisdn": B}, {"type": ChargeType.USAGE}, {"amount": 64_999}])
def test_the_same_charge_id_with_other_figures_conflicts(other: dict[str, Any]) -> None:
    world = given(cashback="800.00").subscriber(B)
    world.do(draw("B-7", "650.00"))
    assert world.refused(replace(draw("B-7", "650.00"), **other)).code == "CONFLICT"


def test_an_instant_is_compared_only_where_both_requests_named_one() -> None:
    """interface.md, conventions."""
    world = given(cashback="800.00").at("2025-04-02 12:00")
    at_noon = replace(draw("B-7", "1.00"), occurred_at=moscow("2025-04-02 12:00"))
    world.do(at_noon)
    assert world.do(draw("B-7", "1.00")).hit
    assert world.refused(replace(at_noon, occurred_at=moscow("2025-04-02 11:00"))).code == "CONFLICT"
    assert world.journal[-1].effective_at == moscow("2025-04-02 12:00")


def test_a_charge_that_happened_earlier_is_booked_now() -> None:
    world = given(cashback="800.00").at("2025-04-02 12:00")
    world.do(replace(draw("B-7", "1.00"), occurred_at=moscow("2025-03-15 08:00")))
    posting = world.journal[-1]
    assert (posting.booked_at, posting.effective_at) == (moscow("2025-04-02 12:00"), moscow("2025-03-15 08:00"))


def test_a_charge_more_than_five_minutes_ahead_of_the_clock_is_refused() -> None:
    world = given()
    late = replace(draw("c-1", "1.00"), occurred_at=world.context.now + timedelta(minutes=5, microseconds=1))
    refusal = world.refused(late)
    assert (refusal.code, refusal.field) == ("INVALID", "occurred_at")
    world.do(replace(late, occurred_at=world.context.now + timedelta(minutes=5)))


@pytest.mark.parametrize("amount", ["0.00", "-1.00"])
def test_sums_are_above_zero(amount: str) -> None:
    world = given()
    for command in (draw("c-1", amount), top_up(amount), refund(amount), voucher(amount, msisdn=A)):
        refusal = world.refused(command)
        assert (refusal.code, refusal.field) == ("INVALID", "amount")


def test_a_number_that_was_never_put_is_unknown() -> None:
    for command in (draw("c-1", "1.00"), top_up("1.00"), voucher("1.00"), CreditOnDemand(credit_id="1", msisdn=A)):
        assert World().refused(command).code == "UNKNOWN_SUBSCRIBER"


def test_a_top_up_adds_to_main_only_and_the_next_charge_still_takes_cashback_first() -> None:
    """Scenario 36."""
    world = given(cashback="100.00")
    answer = world.do(top_up("300.00")).answer
    assert (answer.main, answer.settled) == (30_000, ())
    assert world.posted() == ["CASH>MAIN 300.00"]
    assert split(world.charge("c-1", "50.00")) == ("50.00", "0.00", "0.00")
    assert world.do(top_up("300.00")).hit
    assert world.refused(top_up("301.00")).code == "CONFLICT"


def test_a_monthly_cap_limits_what_cashback_pays_and_begins_anew() -> None:
    """Scenario 37."""
    world = given(cashback="2000.00", main="1000.00", monthly_spend_cap=150_000)
    assert split(world.do(draw("c-1", "1200.00")).answer) == ("1200.00", "0.00", "0.00")
    assert split(world.do(draw("c-2", "600.00")).answer) == ("300.00", "300.00", "0.00")
    assert split(world.do(draw("c-3", "1.00")).answer) == ("0.00", "1.00", "0.00")
    assert not world.told(CashbackUsedUp)
    world.at("2025-05-01 00:00").month("2025-05")
    assert split(world.do(draw("c-4", "100.00")).answer) == ("100.00", "0.00", "0.00")


def test_without_a_cap_cashback_pays_all_of_it() -> None:
    """Scenario 37, default off."""
    world = given(cashback="2000.00")
    world.do(draw("c-1", "1200.00"))
    world.do(draw("c-2", "600.00"))
    assert world.posted() == ["CB>REV 1200.00", "CB>REV 600.00"]


def test_cashback_that_a_refund_brought_back_may_be_spent_again_in_its_month() -> None:
    world = given(cashback="2000.00", main="1000.00", monthly_spend_cap=150_000)
    world.do(draw("c-1", "1500.00"))
    world.do(refund("1500.00"))
    assert split(world.do(draw("c-2", "1500.00")).answer) == ("1500.00", "0.00", "0.00")
    world.at("2025-05-02 12:00").do(draw("c-3", "10.00"))
    world.do(refund("1500.00", "r-2", "c-2"))
    assert world.balances().cap_used == 1000


def test_main_goes_below_zero_only_to_the_credit_limit_and_the_rest_is_unpaid() -> None:
    """Rule 30."""
    world = given(main="20.00").subscriber(credit_limit=5000)
    answer = world.charge("c-1", "100.00")
    assert (split(answer), answer.status) == (("0.00", "70.00", "30.00"), ChargeStatus.PART_PAID)
    assert world.sums()[2] == "-50.00"
    nothing = world.charge("c-2", "10.00")
    assert (split(nothing), nothing.status, nothing.steps) == (("0.00", "0.00", "10.00"), ChargeStatus.UNPAID, ())


def test_without_part_payment_a_charge_that_is_not_covered_is_refused_and_its_id_may_be_used_again() -> None:
    """Rule 30."""
    world = given(cashback="30.00", main="20.00", part_payment=False)
    assert world.refused(draw("c-1", "50.01")).code == "INSUFFICIENT_FUNDS"
    assert world.posted() == []
    assert split(world.do(draw("c-1", "50.00")).answer) == ("30.00", "20.00", "0.00")


def test_a_top_up_settles_the_oldest_unpaid_charge_first_and_never_from_cashback() -> None:
    """Rule 30."""
    world = given()
    world.charge("z-old", "100.00")
    world.charge("a-new", "50.00")
    world.bonus("500.00").do(CreditOnDemand(credit_id="1", msisdn=A))
    world.forget()
    answer = world.do(top_up("120.00")).answer
    assert [(part.charge_id, part.amount) for part in answer.settled] == [("z-old", 10_000), ("a-new", 2000)]
    assert answer.main == 0
    assert world.posted() == ["CASH>MAIN 120.00", "MAIN>REV 100.00", "MAIN>REV 20.00"]
    old, new = world.books.charges["z-old"], world.books.charges["a-new"]
    assert (old.status, old.unpaid, old.settled) == (ChargeStatus.PAID, 0, 10_000)
    assert (new.status, new.unpaid, new.settled) == (ChargeStatus.PART_PAID, 3000, 2000)
    assert list(world.books.open_charges[new.subscription_id]) == ["a-new"]


def test_a_top_up_settles_from_what_is_above_zero_and_not_held() -> None:
    world = given().subscriber(credit_limit=5000)
    world.charge("c-1", "80.00")
    assert world.do(top_up("40.00", "t-1")).answer.settled == ()
    answer = world.do(top_up("30.00", "t-2")).answer
    assert [part.amount for part in answer.settled] == [2000]
    world.books.put(replace(world.balances(), held_main=1000))
    answer = world.do(top_up("15.00", "t-3")).answer
    assert [part.amount for part in answer.settled] == [500]
    assert answer.main == 1000


def test_held_cashback_and_main_are_not_drawn() -> None:
    """Rule 33."""
    world = given(cashback="100.00", main="100.00")
    world.books.put(replace(world.balances(), held_cashback=7000, held_main=6000))
    assert split(world.charge("c-1", "100.00")) == ("30.00", "40.00", "30.00")


def test_a_refund_restores_main_first_then_cashback() -> None:
    """Rule 32."""
    world = given(cashback="150.00", main="800.00")
    world.do(draw("c-1", "650.00"))
    world.forget()
    answer = world.do(refund("550.00")).answer
    assert (answer.unpaid, answer.main, answer.cashback) == (0, 50_000, 5000)
    assert world.posted() == ["REV>MAIN 500.00", "REV>CB 50.00"]
    assert world.refused(refund("100.01", "r-2")).code == "EXCEEDS_CHARGE"
    assert world.do(refund("100.00", "r-2")).answer.cashback == 10_000
    assert world.sums() == ("0.00", "150.00", "800.00")
    assert world.refused(refund("0.01", "r-3")).code == "EXCEEDS_CHARGE"


def test_a_refund_lowers_what_is_unpaid_first_and_settles_nothing() -> None:
    """interface.md; rule 30."""
    world = given(cashback="30.00", main="20.00")
    world.charge("c-1", "100.00")
    world.charge("c-2", "5.00")
    answer = world.do(refund("60.00")).answer
    assert (answer.unpaid, answer.main, answer.cashback) == (5000, 1000, 0)
    charge = world.books.charges["c-1"]
    assert (charge.unpaid, charge.status, charge.refunded_unpaid) == (0, ChargeStatus.PAID, 5000)
    assert world.books.charges["c-2"].unpaid == 500
    part = world.do(refund("1.00", "r-2", "c-2")).answer
    assert part.unpaid == 100
    assert world.books.charges["c-2"].status is ChargeStatus.UNPAID


def test_what_a_top_up_settled_is_refunded_to_main() -> None:
    world = given()
    world.charge("c-1", "100.00")
    world.do(top_up("60.00"))
    answer = world.do(refund("100.00")).answer
    assert (answer.unpaid, answer.main, answer.cashback) == (4000, 6000, 0)
    assert world.sums()[2] == "60.00"


def test_the_same_refund_again_is_answered_the_same_and_other_figures_conflict() -> None:
    world = given(main="100.00")
    world.charge("c-1", "100.00")
    first = world.do(refund("50.00"))
    assert world.do(refund("50.00")).answer == first.answer
    assert world.refused(refund("49.00")).code == "CONFLICT"
    assert world.refused(refund("1.00", "r-9", "nothing")).code == "UNKNOWN_CHARGE"
    assert world.sums()[2] == "50.00"


def test_the_month_jobs_fee_ids_cannot_be_taken_by_a_caller() -> None:
    world = given(main="100.00")
    assert fee_subscription_id(fee_charge_id("2025-04", 7)) == 7
    assert fee_subscription_id("fee:2025-04") is None
    assert world.refused(draw("fee:2025-04:1", "1.00")).code == "CONFLICT"


def test_the_first_charge_of_a_new_month_finds_the_credit_done_in_its_own_transaction() -> None:
    """Rules 24-26: whether the month job came by or not; once per month."""
    world = World(welcome_bonus=0).member().bonus("150.00")
    world.at("2025-04-01 00:00:01").forget()
    assert split(world.charge("c-1", "100.00")) == ("100.00", "0.00", "0.00")
    assert world.posted() == ["BONUS>CB 150.00", "CB>REV 100.00"]
    credit, charge = world.journal[-2:]
    assert credit.tx_no != charge.tx_no
    assert (credit.ref, credit.effective_at) == ("2025-04", moscow("2025-04-01 00:00"))
    assert [event.amount for event in world.told(CashbackCredited)] == [15_000]
    world.month("2025-04")
    assert len(world.told(CashbackCredited)) == 1


def test_a_refused_charge_leaves_the_credit_to_the_next_command() -> None:
    world = World(welcome_bonus=0, part_payment=False).member().bonus("150.00").at("2025-04-01 12:00").forget()
    assert world.refused(draw("c-1", "200.00")).code == "INSUFFICIENT_FUNDS"
    assert world.posted() == []
    world.do(draw("c-2", "150.00"))
    assert world.posted() == ["BONUS>CB 150.00", "CB>REV 150.00"]


def test_a_member_may_ask_for_the_bonus_to_be_credited_at_once() -> None:
    """Rule 26: any number of times."""
    world = World(welcome_bonus=0).member()
    world.earned("o-1", "1000.00")
    world.forget()
    assert world.do(CreditOnDemand(credit_id="1", msisdn=A)).answer.credited == 5000
    assert world.do(CreditOnDemand(credit_id="1", msisdn=A)).hit
    assert world.posted() == ["BONUS>CB 50.00"]
    assert world.books.accruals["ozon", "o-1"].state == "credited"
    world.bonus("20.00").do(CreditOnDemand(credit_id="2", msisdn=A))
    told = world.told(CashbackCredited)
    assert [event.amount for event in told] == [5000, 2000]
    assert len({event.ref for event in told}) == 2
    assert world.do(CreditOnDemand(credit_id="3", msisdn=A)).answer.credited == 0
    assert len(world.told(CashbackCredited)) == 2
    world.at("2025-04-01 00:00").month("2025-04")
    assert world.sums() == ("0.00", "70.00", "0.00")


def test_credit_on_demand_is_not_for_corporate_off_net_or_who_is_no_member() -> None:
    """Rule 26."""
    world = World().corporate(C).member(OFF, network=Network.OFF_NET).subscriber(B)
    for msisdn, code in ((C, "NOT_ELIGIBLE"), (OFF, "NOT_ELIGIBLE"), (B, "NOT_MEMBER")):
        assert world.refused(CreditOnDemand(credit_id="1", msisdn=msisdn)).code == code
    off = World(credit_on_demand=False).member()
    assert off.refused(CreditOnDemand(credit_id="1", msisdn=A)).code == "NOT_ELIGIBLE"


def test_under_an_investigation_nothing_is_credited_on_demand() -> None:
    world = World().member(blocks=frozenset())
    world.do(PutSubscriber(msisdn=A, blocks=frozenset({Block.INVESTIGATION})))
    assert world.refused(CreditOnDemand(credit_id="1", msisdn=A)).code == "BLOCKED_INVESTIGATION"


def test_a_caller_cannot_hide_the_firsts_notice_behind_a_credit_id_of_its_shape() -> None:
    world = World().member()
    key = world.balances().subscription_id
    world.do(CreditOnDemand(credit_id=f"2025-04:{key}", msisdn=A))
    world.bonus("10.00").at("2025-04-01 00:00").month("2025-04")
    assert len({event.ref for event in world.told(CashbackCredited)}) == 2


def test_a_corporate_voucher_comes_from_bonus_up_to_the_balance() -> None:
    """Scenario 38."""
    world = World("2025-04-04 12:00", welcome_bonus=0).corporate().bonus("400.00", C)
    world.main("1000.00", C).at("2025-05-01 00:00").month("2025-05")
    assert world.sums(C)[:2] == ("400.00", "0.00")
    world.forget().charge("c-1", "650.00", msisdn=C)
    assert world.posted() == ["MAIN>REV 650.00"]
    assert world.refused(voucher("401.00")).code == "INSUFFICIENT_FUNDS"
    world.forget()
    answer = world.do(voucher("400.00", "5000.00")).answer
    assert world.posted() == ["BONUS>VOUCH 400.00"]
    assert (answer.state, answer.valid_until.isoformat()) == (VoucherState.ISSUED, "2025-10-28")
    (event,) = world.told(VoucherIssued)
    assert (event.code, event.amount, event.valid_until) == (answer.code, 40_000, answer.valid_until)
    kept = world.books.vouchers["v-1"]
    assert (kept.source, kept.valid_until) == (Account.BONUS, moscow("2025-10-29 00:00"))
    again = world.do(voucher("400.00", "5000.00"))
    assert again.answer == answer
    assert world.refused(voucher("399.00", "5000.00")).code == "CONFLICT"


def test_an_individuals_voucher_comes_from_cashback_that_is_not_held() -> None:
    world = given(cashback="100.00").bonus("50.00")
    world.books.put(replace(world.balances(), held_cashback=2000))
    assert world.refused(voucher("80.01", msisdn=A)).code == "INSUFFICIENT_FUNDS"
    world.forget().do(voucher("80.00", msisdn=A))
    assert world.posted() == ["CB>VOUCH 80.00"]


def test_a_voucher_is_worth_at_most_the_handsets_price() -> None:
    world = World().corporate().bonus("400.00", C)
    refusal = world.refused(voucher("300.01", "300.00"))
    assert (refusal.code, refusal.field) == ("EXCEEDS_PRICE", "amount")
    assert world.do(voucher("300.00", "300.00")).answer.amount == 30_000


def test_vouchers_are_for_members_and_not_from_a_bonus_under_investigation() -> None:
    world = given(cashback="100.00").corporate(C)
    world.do(LeaveProgramme(msisdn=A, channel=Channel.WEB, confirm=True))
    assert world.refused(voucher("1.00", msisdn=A)).code == "NOT_MEMBER"
    world.do(PutSubscriber(msisdn=C, blocks=frozenset({Block.INVESTIGATION})))
    assert world.refused(voucher("1.00")).code == "BLOCKED_INVESTIGATION"


def test_an_external_main_balance_is_told_not_posted() -> None:
    """Rule 42."""
    world = given(cashback="150.00", main_balance="external")
    answer = world.do(draw("c-1", "650.00")).answer
    assert (split(answer), answer.status) == (("150.00", "500.00", "0.00"), ChargeStatus.PAID)
    assert [(step.source, step.amount) for step in answer.steps] == [
        (Account.CASHBACK, 15_000),
        (Account.MAIN, 50_000),
    ]
    assert world.posted() == ["CB>REV 150.00"]
    assert world.refused(top_up("1.00")).code == "NOT_ELIGIBLE"
    world.forget()
    compensated = world.do(refund("650.00")).answer
    assert (compensated.main, compensated.cashback) == (50_000, 15_000)
    assert world.posted() == ["REV>CB 150.00"]
    assert world.sums() == ("0.00", "150.00", "0.00")


def test_who_left_spends_cashback_until_it_is_used_up() -> None:
    """Rule 8."""
    world = given(cashback="100.00", main="50.00")
    world.do(LeaveProgramme(msisdn=A, channel=Channel.WEB, confirm=True))
    assert split(world.charge("c-1", "120.00")) == ("100.00", "20.00", "0.00")
