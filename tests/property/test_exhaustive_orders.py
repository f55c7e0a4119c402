"""Every order of up to five of twelve operations on one subscription, against the reference ledger.

The orders are walked as a tree: what an order begins with is decided once and shared by all that go on from it.
By default up to four operations (13,344 orders), with FIRSTCHARGE_LONG=1 up to five (108,384); one less with other
switches, contracts and networks.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from math import perm

import pytest
from reference.givens import A, catalogue
from reference.ledger import Ledger
from reference.records import Answer
from reference.rules import Programme
from reference.side_by_side import told
from reference.translation import OrderedIds, Words, notice_figures, partner_terms, promo_terms, switches

from billing.books import Books
from billing.catalogue import build_catalogue
from billing.decide import decide
from billing.decision import Context, Outcome
from billing.errors import LedgerRefusal
from billing.records import Posting, Tariff
from gateway.notices import Timing, notices_for
from sms.outbox.quiet import QuietHours

IS_LONG = os.environ.get("FIRSTCHARGE_LONG") == "1"
LENGTH_MAX, LENGTH_OF_OTHERS = (5, 4) if IS_LONG else (4, 3)
NOW = datetime(2025, 3, 20, 9, tzinfo=UTC)

Step = tuple[str, Answer]

CLICK: Step = ("click", {"click_id": "k1", "msisdn": A, "partner": "ozon"})


JOIN: Step = ("join", {"msisdn": A, "form": "full"})


def subscriber(**fields: object) -> tuple[Step, ...]:
    return (("put_subscriber", {"msisdn": A, "tariff": "smart", "credit_limit": 100_00, **fields}),)


OTHERS = {
    "lapse, keep": (subscriber(), Programme(leave_credited="lapse", returns_after_credit="keep")),
    "all or nothing, capped": (subscriber(), Programme(part_payment=False, monthly_spend_cap=40_00)),
    "external": (subscriber(), Programme(main_balance="external", spend_types=frozenset({"usage"}))),
    "corporate": (subscriber(contract="corporate"), Programme()),
    "off-net": (subscriber(network="off_net"), Programme()),
    "investigated": ((*subscriber(), JOIN, *subscriber(blocks=frozenset({"investigation"}))), Programme()),
}

TWELVE: tuple[Step, ...] = (
    JOIN,
    ("leave", {"msisdn": A, "confirm": True}),
    ("paid", {"partner": "ozon", "order_id": "o1", "click_id": "k1", "goods": 2000_00}),
    ("confirmed", {"partner": "ozon", "order_id": "o1"}),
    ("returned", {"partner": "ozon", "order_id": "o1"}),
    ("promo_credit", {"promo": "quiz", "action_id": "a1", "msisdn": A, "amount": 30_00}),
    ("charge", {"charge_id": "c1", "msisdn": A, "type": "tariff_fee", "amount": 650_00}),
    ("refund", {"charge_id": "c1", "refund_id": "r1", "amount": 400_00}),
    ("topup", {"topup_id": "t1", "msisdn": A, "amount": 800_00}),
    ("reserve", {"reservation_id": "h1", "msisdn": A, "amount": 60_00}),
    ("credit", {"credit_id": "d1", "msisdn": A}),
    ("voucher", {"voucher_id": "v1", "msisdn": A, "amount": 30_00, "handset_price": 5000_00}),
)


class Walk:
    """The tree: at each node the product's outcomes so far, and what both must agree on."""

    def __init__(self, given: Sequence[Step], programme: Programme, length_max: int) -> None:
        self.given = (*given, CLICK)
        self.programme = programme
        self.length_max = length_max
        terms, promos = catalogue(0, NOW)
        running = build_catalogue([partner_terms(one) for one in terms], [promo_terms(one) for one in promos], "1")
        self.context = Context(now=NOW, programme=switches(programme), catalogue=running, ids=OrderedIds())
        self.timing = Timing(now=NOW, quiet=QuietHours(), zone=self.context.programme.zone)
        self.words = Words()
        self.terms, self.promos = terms, promos
        self.orders = 0

    def from_here(self, taken: Sequence[Step], outcomes: Sequence[Outcome]) -> None:
        """Every way to go on from an order that was walked."""
        so_far = taken[len(self.given) :]
        if len(so_far) == self.length_max:
            return
        for step in TWELVE:
            if step not in so_far:
                self.orders += 1
                order = (*taken, step)
                self.from_here(order, self.one_more(order, outcomes))

    def one_more(self, order: Sequence[Step], outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
        """The last operation of an order on both; the outcomes with it."""
        operation, body = order[-1]
        books = Books([Tariff(code="smart", fee=650_00)])
        for outcome in outcomes:
            books.fold(outcome)
        result: Outcome | LedgerRefusal
        try:
            result = decide(self.words.command(operation, body), books, self.context)
        except LedgerRefusal as refusal:
            result = refusal
        model = Ledger(self.programme, NOW)
        model.put_tariff(code="smart", fee=650_00)
        model.put_catalogue(partners=self.terms, promos=self.promos)
        expected: Answer = {}
        for name, given in order:
            expected = getattr(model, name)(**given)
        found = self.words.answer(operation, body, result)
        assert found == expected, (order, found, expected)
        if isinstance(result, LedgerRefusal):
            return tuple(outcomes)
        books.fold(result)
        self._same(order, (*outcomes, result), books, model)
        return (*outcomes, result)

    def _same(self, order: Sequence[Step], outcomes: Sequence[Outcome], books: Books, model: Ledger) -> None:
        """Postings and notices in their order, sums, orders."""
        (sub,) = model.subscriptions
        postings = [_plain(posting) for outcome in outcomes for posting in outcome.postings]
        assert postings == sub.postings, (order, postings, sub.postings)
        messages = [one for outcome in outcomes for one in notices_for(outcome.events, self.timing)]
        notices = [(one.kind, notice_figures(one.params)) for one in messages]
        assert notices == [told(*one) for one in sub.notices], (order, notices, sub.notices)
        row = books.balances[sub.sid]
        sums = (row.bonus, row.cashback, row.main, row.held_cashback, row.held_main, row.carry_over)
        held = (model.held(sub, "cashback"), model.held(sub, "main"))
        assert sums == (sub.bonus_sum, sub.cashback, sub.main, *held, sub.carry_over), (order, sums)
        states = [(one.state.value, one.reason, one.reward) for one in books.accruals.values()]
        kept = [(one.state, one.reason, one.reward) for one in model.accruals if one.paid]
        assert states == kept, (order, states, kept)


def _plain(posting: Posting) -> tuple[str, str, str, int]:
    return posting.kind.value, posting.source.value, posting.target.value, posting.amount


def walked(given: Sequence[Step], programme: Programme, length_max: int) -> int:
    """How many orders were walked, all alike."""
    walk = Walk(given, programme, length_max)
    outcomes: tuple[Outcome, ...] = ()
    for length in range(1, len(walk.given) + 1):
        outcomes = walk.one_more(walk.given[:length], outcomes)
    walk.from_here(walk.given, outcomes)
    return walk.orders


def orders_up_to(length_max: int) -> int:
    return sum(perm(len(TWELVE), length) for length in range(1, length_max + 1))


def test_every_order_of_the_operations_ends_as_in_the_reference_ledger() -> None:
    assert walked(subscriber(), Programme(), LENGTH_MAX) == orders_up_to(LENGTH_MAX)


@pytest.mark.parametrize("other", OTHERS)
def test_every_shorter_order_does_so_for_others(other: str) -> None:
    assert walked(*OTHERS[other], LENGTH_OF_OTHERS) == orders_up_to(LENGTH_OF_OTHERS)
