"""`bill explain`: every step of a split follows from what is stored, on both databases."""

from dataclasses import dataclass
from typing import Any

import pytest
from both_databases import Databases
from ledger_world import A, CountingIds, catalogue, join, moscow
from msgspec.structs import replace
from sqlalchemy import Connection

from billing.commands import (
    Command,
    CreditOnDemand,
    CreditPromo,
    DrawCharge,
    PutSubscriber,
    RefundCharge,
    Reserve,
    TopUp,
)
from billing.decision import Context, Outcome
from billing.errors import UnknownCharge
from billing.programme import Programme
from billing.store.ledger import execute
from billing.words import ChargeType
from gateway.bill_explain import Explanation, explain
from gateway.cli.bill_explain import lines_of
from gateway.cli.shell import Shell
from gateway.http.bill_explanation import explanation_to_wire
from gateway.notices import Timing, notices_for
from sms.outbox import enqueue
from sms.outbox.quiet import QuietHours


@dataclass
class Book:
    """A ledger with notices."""

    connection: Connection
    context: Context

    def do(self, command: Command) -> Any:
        (outcome,) = execute(self.connection, [command], self.context)
        assert isinstance(outcome, Outcome), outcome
        timing = Timing(now=self.context.now, quiet=QuietHours(), zone=self.context.programme.zone)
        enqueue(self.connection, notices_for(outcome.events, timing))
        return outcome.answer

    def charge(self, charge_id: str, amount: int, charge_type: ChargeType = ChargeType.USAGE) -> None:
        self.do(DrawCharge(charge_id=charge_id, msisdn=A, type=charge_type, amount=amount))

    def explain(self, charge_id: str) -> Explanation:
        return explain(self.connection, charge_id, self.context.programme)

    def says(self, charge_id: str) -> list[tuple[str, str]]:
        return [(step.rule, step.text) for step in self.explain(charge_id).steps]

    def at(self, text: str) -> None:
        self.context = replace_now(self.context, text)


def replace_now(context: Context, text: str) -> Context:
    return replace(context, now=moscow(text))


@pytest.fixture
def book(databases: Databases) -> Book:
    """A has 150.00 of cashback and 800.00 of main."""
    return opened(databases)


def opened(databases: Databases, **switches: Any) -> Book:
    context = Context(
        now=moscow("2025-04-02 12:00"), programme=Programme(**switches), catalogue=catalogue(), ids=CountingIds()
    )
    found = Book(databases.open(), context)
    found.do(PutSubscriber(msisdn=A, credit_limit=0))
    found.do(join(A))
    found.do(CreditPromo(promo="quiz", action_id="a", msisdn=A, amount=10_000))
    found.do(CreditOnDemand(credit_id="d", msisdn=A))
    found.do(TopUp(topup_id="t", msisdn=A, amount=80_000))
    return found


def test_a_bill_larger_than_cashback_is_explained_step_by_step(book: Book) -> None:
    book.charge("fee-1", 65_000, ChargeType.TARIFF_FEE)
    at = "2025-04-02T12:00:00+03:00"
    steps = book.says("fee-1")
    asked = f"650.00 for tariff_fee, by a charge of the billing system; it happened at {at} and was drawn at {at},"
    assert steps == [
        ("28", f"{asked} from the balances of that moment."),
        ("28", "Before entry 5: cashback 150.00, main 800.00."),
        ("28", "Cashback pays first: it paid all 150.00 it had."),
        ("28", "Main paid the rest of 500.00; 300.00 was left."),
        ("37", "One SMS (bill, queued), because cashback paid of a tariff fee, its text not made yet."),
        ("28", "Now: cashback 150.00, main 500.00, unpaid 0.00, refunded 0.00; together 650.00."),
    ]


def test_the_first_charge_that_finds_no_cashback_is_the_one_that_told_so(book: Book) -> None:
    book.charge("all", 15_000)
    for number in range(3):
        book.charge(f"next-{number}", 1_000)
    assert ("28", "Cashback pays first and had enough: it paid all 150.00.") in book.says("all")
    assert ("28", "Cashback pays first: there was none.") in book.says("next-0")
    told = [[one.kind for one in book.explain(name).messages] for name in ("all", "next-0", "next-1", "next-2")]
    assert told == [[], ["used_up"], [], []]


def test_what_stayed_unpaid_was_settled_and_refunded_is_told_with_its_entries(book: Book) -> None:
    book.charge("big", 100_000, ChargeType.CONTENT)
    book.charge("later", 5_000)
    book.at("2025-04-03 10:00")
    book.do(TopUp(topup_id="t-2", msisdn=A, amount=2_000))
    book.do(RefundCharge(charge_id="big", refund_id="r-1", amount=95_000))
    texts = [text for _, text in book.says("big")]
    assert "Of the rest of 850.00 main, standing at 800.00, paid 800.00." in texts
    assert "50.00 stayed unpaid, because nobody had it; the next top-ups settle it, oldest first." in texts
    assert "Top-up t-2 settled 20.00 at 2025-04-03T10:00:00+03:00 (entry 9)." in texts
    assert (
        "Refund r-1 of 950.00 at 2025-04-03T10:00:00+03:00, in reverse order of drawing: lowered what was unpaid by"
        " 30.00, gave main 820.00, gave cashback 100.00 (entry 10) (entry 11)." in texts
    )
    assert texts[-1] == "Now: cashback 50.00, main 0.00, unpaid 0.00, refunded 950.00; together 1000.00."
    assert [text for _, text in book.says("later")][1] == "Before entry 7: cashback 0.00, main 0.00."


def test_what_reservations_held_was_not_to_be_drawn(book: Book) -> None:
    book.do(Reserve(reservation_id="h", msisdn=A, type=ChargeType.USAGE, amount=20_000, expires_in_s=60))
    book.charge("c", 70_000)
    texts = [text for _, text in book.says("c")]
    assert "Reservations held 150.00 of cashback and 50.00 of main, which nothing else may draw." in texts
    assert "Cashback pays first: there was none." in texts
    assert "Main paid the rest of 700.00; 100.00 was left." in texts


@pytest.mark.parametrize(
    ("switches", "rule", "says"),
    [
        (
            {"spend_types": frozenset({ChargeType.USAGE})},
            "29",
            "Cashback may not pay content: 150.00 was left alone.",
        ),
        ({"monthly_spend_cap": 4_000}, "29", "Of 150.00 cashback paid 40.00: the monthly cap of 40.00 was reached."),
        ({}, "28", "Cashback pays first and had enough: it paid all 100.00."),
    ],
)
def test_the_switches_that_kept_cashback_back_are_named(
    databases: Databases, switches: dict[str, Any], rule: str, says: str
) -> None:
    book = opened(databases, **switches)
    book.charge("c", 10_000, ChargeType.CONTENT)
    assert (rule, says) in book.says("c")


def test_a_charge_nobody_drew_is_unknown(book: Book) -> None:
    with pytest.raises(UnknownCharge):
        book.explain("never")


def test_the_terminal_shows_steps_with_rules_and_the_entries(book: Book) -> None:
    book.charge("fee-1", 65_000, ChargeType.TARIFF_FEE)
    wire: Any = explanation_to_wire(book.explain("fee-1"), book.context.programme.zone)
    assert wire["before"] == {
        "cashback": "150.00",
        "main": "800.00",
        "held_cashback": "0.00",
        "held_main": "0.00",
        "credit_limit": "0.00",
    }
    lines = lines_of(Shell(), wire)
    assert lines[0] == f"fee-1  {A}  tariff_fee 650.00: cashback 150.00, main 500.00, unpaid 0.00"
    assert lines[3] == "  3. Cashback pays first: it paid all 150.00 it had.  [rule 28]"
    assert [line.split()[1] for line in lines if "entry" in line.split()[:1]] == ["5", "6"]
