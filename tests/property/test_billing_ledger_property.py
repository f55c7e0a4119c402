"""Any sequence of commands over any months keeps the books: a state machine over the pure ledger.

`World` checks after every command that postings sum to the balances, nothing goes below its floor, charges add up
and entry numbers increase. Here stand the rules that need the command or the past.
"""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from ledger_world import OFF, A, B, C, World, full_form, join
from msgspec.structs import replace

from billing.commands import (
    Command,
    CreditOnDemand,
    CreditPromo,
    DrawCharge,
    IssueVoucher,
    LeaveProgramme,
    OrderAmended,
    OrderConfirmed,
    OrderPaid,
    OrderRejected,
    OrderReturned,
    OverrideAccrual,
    PutSubscriber,
    RecordClick,
    RefundCharge,
    TopUp,
)
from billing.decide import decide
from billing.decision import Outcome
from billing.earning import earned
from billing.errors import Conflict, LedgerRefusal
from billing.records import Accrual
from billing.words import Account, AccrualState, Block, Channel, ChargeType, Contract, Network, OrderChannel

NUMBERS = (A, B, C, OFF)
numbers = st.sampled_from(NUMBERS)
sums = st.one_of(st.integers(1, 500), st.integers(1, 3000).map(lambda roubles: roubles * 100))
orders = st.tuples(st.sampled_from(["ozon", "aliexpress", "domino"]), st.sampled_from(["o-1", "o-2", "o-3"]))
blocks = st.frozensets(st.sampled_from([Block.VOLUNTARY, Block.INVESTIGATION, Block.MNP]))
small_ids = st.integers(1, 40)

NEXT_STATES: dict[AccrualState, set[AccrualState]] = {
    AccrualState.PENDING: {
        AccrualState.ACCRUED,
        AccrualState.CREDITED,
        AccrualState.REJECTED,
        AccrualState.EXPIRED,
    },
    AccrualState.ACCRUED: {AccrualState.CREDITED, AccrualState.REVERSED, AccrualState.LAPSED},
    AccrualState.CREDITED: {AccrualState.REVERSED},
    AccrualState.REJECTED: {AccrualState.ACCRUED},
    AccrualState.EXPIRED: {AccrualState.ACCRUED},
    AccrualState.REVERSED: set(),
    AccrualState.LAPSED: set(),
}
"""Rule: where an accrual may go within one command; back from rejected and expired by override alone."""

SWITCHES: tuple[dict[str, Any], ...] = (
    {},
    {"part_payment": False, "returns_after_credit": "keep", "leave_credited": "lapse"},
    {"monthly_spend_cap": 20_000, "held_release": "at_once"},
    {"spend_types": frozenset({ChargeType.TARIFF_FEE}), "rate_at": "payment"},
    {"main_balance": "external"},
)


class LedgerMachine(RuleBasedStateMachine):
    """One world under one set of switches; refusals are a fine answer to anything."""

    switches: dict[str, Any] = SWITCHES[0]

    def __init__(self) -> None:
        super().__init__()
        self.world = World(**self.switches)
        self.done: list[tuple[Command, Outcome]] = []
        self.states: dict[tuple[str, str], Accrual] = {}
        self.world.subscriber(A, tariff="smart").subscriber(B, credit_limit=3000)
        self.world.subscriber(C, contract=Contract.CORPORATE, tariff="smart")
        self.world.subscriber(OFF, network=Network.OFF_NET)
        for msisdn in (A, C):
            self.world.do(join(msisdn))

    def attempt(self, command: Command) -> Outcome | None:
        """The outcome, None where refused. Deciding never changes the books it reads."""
        balances = dict(self.world.books.balances)
        accruals = dict(self.world.books.accruals)
        try:
            decide(command, self.world.books, self.world.context)
        except LedgerRefusal:
            return None
        finally:
            assert self.world.books.balances == balances
            assert self.world.books.accruals == accruals
        outcome = self.world.do(command)
        self.done.append((command, outcome))
        return outcome

    @rule(msisdn=numbers)
    def join(self, msisdn: str) -> None:
        self.attempt(full_form(msisdn) if msisdn == OFF else join(msisdn))

    @rule(msisdn=numbers)
    def leave(self, msisdn: str) -> None:
        self.attempt(LeaveProgramme(msisdn=msisdn, channel=Channel.WEB, confirm=True))

    @rule(msisdn=numbers, given=blocks)
    def set_blocks(self, msisdn: str, given: frozenset[Block]) -> None:
        self.attempt(PutSubscriber(msisdn=msisdn, blocks=given))

    @rule(msisdn=numbers, order=orders, goods=sums, channel=st.sampled_from(OrderChannel))
    def pay(self, msisdn: str, order: tuple[str, str], goods: int, channel: OrderChannel) -> None:
        partner, order_id = order
        click = self.attempt(RecordClick(msisdn=msisdn, partner=partner))
        assert click is not None
        self.attempt(
            OrderPaid(
                partner=partner,
                order_id=order_id,
                click_id=click.answer.click.click_id,
                goods=goods,
                delivery=100,
                channel=channel,
            )
        )

    @rule(order=orders, goods=st.none() | sums)
    def confirm(self, order: tuple[str, str], goods: int | None) -> None:
        self.attempt(OrderConfirmed(partner=order[0], order_id=order[1], goods=goods))

    @rule(order=orders)
    def reject(self, order: tuple[str, str]) -> None:
        self.attempt(OrderRejected(partner=order[0], order_id=order[1]))

    @rule(order=orders, goods=sums)
    def amend(self, order: tuple[str, str], goods: int) -> None:
        self.attempt(OrderAmended(partner=order[0], order_id=order[1], goods=goods))

    @rule(order=orders, goods=st.none() | sums)
    def give_back(self, order: tuple[str, str], goods: int | None) -> None:
        main_before = {key: row.main for key, row in self.world.books.balances.items()}
        self.attempt(OrderReturned(partner=order[0], order_id=order[1], returned_goods=goods))
        assert main_before == {key: row.main for key, row in self.world.books.balances.items()}

    @rule(order=orders)
    def override(self, order: tuple[str, str]) -> None:
        self.attempt(OverrideAccrual(partner=order[0], order_id=order[1], reason="kindness"))

    @rule(msisdn=numbers, number=small_ids, amount=sums)
    def reward_action(self, msisdn: str, number: int, amount: int) -> None:
        self.attempt(CreditPromo(promo="quiz", action_id=f"q-{number}", msisdn=msisdn, amount=amount))

    @rule(msisdn=numbers, number=small_ids, amount=sums, kind=st.sampled_from(ChargeType))
    def charge(self, msisdn: str, number: int, amount: int, kind: ChargeType) -> None:
        command = DrawCharge(charge_id=f"c-{number}", msisdn=msisdn, type=kind, amount=amount)
        outcome = self.attempt(command)
        if outcome is not None and not outcome.hit:
            self.check_first_charge(command, outcome)

    def check_first_charge(self, command: DrawCharge, outcome: Outcome) -> None:
        """Main is not drawn while cashback that may pay is left (rule 28), nothing is unpaid while main is left."""
        programme = self.world.context.programme
        row, answer = self.world.balances(command.msisdn), outcome.answer
        assert answer.amount == answer.cashback + answer.main + answer.unpaid
        if command.type not in programme.spend_types:
            assert answer.cashback == 0
        elif answer.main + answer.unpaid:
            cap = programme.monthly_spend_cap
            assert row.cashback == row.held_cashback or (cap is not None and row.cap_used >= cap)
        if answer.unpaid:
            assert programme.part_payment
            assert row.main <= -row.credit_limit

    @rule(number=small_ids, refund=small_ids, amount=sums)
    def refund(self, number: int, refund: int, amount: int) -> None:
        self.attempt(RefundCharge(charge_id=f"c-{number}", refund_id=f"r-{refund}", amount=amount))

    @rule(msisdn=numbers, number=small_ids, amount=sums)
    def top_up(self, msisdn: str, number: int, amount: int) -> None:
        cashback_before, main_before = self.world.balances(msisdn).cashback, self.world.balances(msisdn).main
        outcome = self.attempt(TopUp(topup_id=f"t-{number}", msisdn=msisdn, amount=amount))
        if outcome is not None and not outcome.hit:
            row = self.world.balances(msisdn)
            assert row.cashback >= cashback_before
            open_charges = self.world.books.open_charges.get(row.subscription_id, {})
            assert not open_charges or row.main <= row.held_main
            assert row.main >= min(main_before + amount, 0)

    @rule(msisdn=numbers, number=small_ids, amount=sums)
    def take_voucher(self, msisdn: str, number: int, amount: int) -> None:
        self.attempt(IssueVoucher(voucher_id=f"v-{number}", msisdn=msisdn, amount=amount))

    @rule(msisdn=numbers, number=small_ids)
    def credit(self, msisdn: str, number: int) -> None:
        self.attempt(CreditOnDemand(credit_id=f"k-{number}", msisdn=msisdn))

    @rule(hours=st.integers(1, 72))
    def wait(self, hours: int) -> None:
        context = self.world.context
        self.world.context = replace(context, now=context.now + timedelta(hours=hours))

    @rule(is_done=st.booleans())
    def turn_the_month(self, *, is_done: bool) -> None:
        """To the first instant of the next month; the job runs then, or stays down."""
        month = self.world.context.now.astimezone(self.world.context.programme.zone)
        first = (month.replace(day=1) + timedelta(days=32)).replace(day=1)
        period = first.strftime("%Y-%m")
        self.world.at(f"{period}-01 00:00")
        if is_done:
            self.world.month(period)
            before = len(self.world.journal)
            self.world.month(period)
            assert len(self.world.journal) == before

    @precondition(lambda self: self.done)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """Rules 22, 34: the same again has no effect, and the same answer where an id or a confirmation is known."""
        command, first = data.draw(st.sampled_from(self.done))
        if not isinstance(
            command, DrawCharge | RefundCharge | TopUp | IssueVoucher | CreditOnDemand | CreditPromo | OrderPaid
        ):
            return
        again = self.world.do(command)
        assert again.hit
        assert again.answer == first.answer

    @invariant()
    def corporate_and_off_net_are_never_credited(self) -> None:
        for msisdn in (C, OFF):
            assert self.world.balances(msisdn).cashback == 0

    @invariant()
    def notices_are_unique_within_their_kind(self) -> None:
        refs = Counter((type(event), event.ref) for event in self.world.events)
        assert max(refs.values(), default=1) == 1

    @invariant()
    def rewards_can_be_computed_again_and_states_only_go_forward(self) -> None:
        rounding = self.world.context.programme.rounding
        for key, accrual in self.world.books.accruals.items():
            kept = accrual.goods - accrual.returned_goods
            live = accrual.state in (AccrualState.PENDING, AccrualState.ACCRUED)
            if live:
                assert accrual.reward == earned(accrual.promise, accrual.min_purchase, kept, rounding).reward > 0
            before = self.states.get(key)
            if before is not None and before.state is not accrual.state:
                assert accrual.state in NEXT_STATES[before.state]
            assert (accrual.reason is None) == (live or accrual.state is AccrualState.CREDITED) or (
                accrual.override_reason is not None
            )
        self.states = dict(self.world.books.accruals)

    @invariant()
    def what_was_issued_is_somewhere(self) -> None:
        """Issued = outstanding + spent + lapsed + vouchers + reversed, in bonus and cashback together."""
        ours = (Account.BONUS, Account.CASHBACK)
        issued = sum(one.amount for one in self.world.journal if one.target in ours and one.source not in ours)
        gone = sum(one.amount for one in self.world.journal if one.source in ours and one.target not in ours)
        left = sum(row.bonus + row.cashback for row in self.world.books.balances.values())
        assert issued == gone + left


@pytest.mark.parametrize("switches", SWITCHES, ids=lambda switches: "-".join(switches) or "defaults")
def test_any_sequence_of_commands_keeps_the_books(switches: dict[str, Any]) -> None:
    machine = type("Machine", (LedgerMachine,), {"switches": switches})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_a_conflict_is_what_a_known_id_with_other_figures_is() -> None:
    world = World().member().main("10.00")
    world.charge("c-1", "1.00")
    assert isinstance(
        world.refused(DrawCharge(charge_id="c-1", msisdn=A, type=ChargeType.USAGE, amount=200)), Conflict
    )
