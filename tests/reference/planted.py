"""Ten realistic bugs, planted into the real rules one at a time, each with the shortest story that shows it.

A bug is a changed piece of one function's text; its code is swapped in place, so every caller gets it. Where the
text is gone the planting fails loudly: plant it again in the new text.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import FunctionType
from typing import Any

from reference.givens import A, B, catalogue
from reference.replay import Operation
from reference.rules import Programme

START = datetime(2025, 3, 3, 9, tzinfo=UTC)
DAY_91 = datetime(2025, 6, 1, 21, tzinfo=UTC)
_terms, _promos = catalogue(0, START)

GIVEN: tuple[Operation, ...] = (
    ("put_catalogue", {"partners": _terms, "promos": _promos}),
    ("put_subscriber", {"msisdn": A}),
    ("join", {"msisdn": A}),
)
CLICK: Operation = ("click", {"click_id": "k1", "msisdn": A, "partner": "ozon"})
CREDIT: Operation = ("credit", {"credit_id": "d1", "msisdn": A})
CONFIRMED: Operation = ("confirmed", {"partner": "ozon", "order_id": "o1"})


def paid(goods: int) -> Operation:
    return "paid", {"partner": "ozon", "order_id": "o1", "click_id": "k1", "goods": goods}


def promo(amount: int) -> Operation:
    return "promo_credit", {"promo": "quiz", "action_id": "a1", "msisdn": A, "amount": amount}


def topup(amount: int) -> Operation:
    return "topup", {"topup_id": "t1", "msisdn": A, "amount": amount}


def charge(charge_id: str, amount: int, msisdn: str = A) -> Operation:
    return "charge", {"charge_id": charge_id, "msisdn": msisdn, "type": "usage", "amount": amount}


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A bug: which function's text is changed, and what shows it."""

    name: str
    where: str  # module:function, or module:Class.property
    right: str
    wrong: str
    shown_by: tuple[Operation, ...]
    programme: Programme = field(default_factory=Programme)


NO_WELCOME = Programme(welcome_bonus=0)

TEN: tuple[Planted, ...] = (
    Planted(
        name="main goes first while cashback is below a rouble",
        where="billing.charging:split_charge",
        right="min(draft.available_cashback, amount)",
        wrong="min(draft.available_cashback if draft.available_cashback >= 100 else 0, amount)",
        programme=NO_WELCOME,
        shown_by=(topup(100_00), promo(50), CREDIT, charge("c1", 100)),
    ),
    Planted(
        name="a refund restores in the order of drawing",
        where="billing.refunds:refund_charge",
        right="main = min(command.amount - unpaid, main_left)",
        wrong="main = max(0, command.amount - unpaid - (charge.cashback - charge.refunded_cashback))",
        programme=NO_WELCOME,
        shown_by=(
            *(topup(100_00), promo(80_00), CREDIT, charge("c1", 150_00)),
            ("refund", {"charge_id": "c1", "refund_id": "r1", "amount": 30_00}),
        ),
    ),
    Planted(
        name="rewards are rounded half to even",
        where="billing.earning:_half_up",
        right="(2 * numerator + ROUBLE_OF_PERCENT) // (2 * ROUBLE_OF_PERCENT)",
        wrong="round(numerator / ROUBLE_OF_PERCENT)",
        shown_by=(CLICK, paid(50_00)),
    ),
    Planted(
        name="a return takes from main what cashback has not",
        where="billing.accruals:take_back",
        right='draft.change(carry_over=draft.field("carry_over") + rest - from_cashback)',
        wrong="draft.post(PostingKind.REVERSAL, Account.MAIN, Account.REVENUE, rest - from_cashback, ref=ref)",
        programme=NO_WELCOME,
        shown_by=(
            *(CLICK, paid(2000_00), CONFIRMED, CREDIT, topup(150_00), charge("c1", 100_00)),
            ("returned", {"partner": "ozon", "order_id": "o1"}),
        ),
    ),
    Planted(
        name="who joins again is welcomed again",
        where="billing.membership:register_member",
        right='0 if draft.field("welcomed") else context.programme.welcome_bonus',
        wrong="context.programme.welcome_bonus",
        shown_by=(("leave", {"msisdn": A, "confirm": True}), ("join", {"msisdn": A})),
    ),
    Planted(
        name="what accrued since the 1st is credited with what was held on it",
        where="billing.crediting:release_held",
        right="draft.bonus - draft.bonus_new",
        wrong="draft.bonus",
        programme=Programme(held_release="at_once"),
        shown_by=(
            ("put_subscriber", {"msisdn": A, "blocks": frozenset({"investigation"})}),
            ("put_subscriber", {"msisdn": A, "blocks": frozenset()}),
        ),
    ),
    Planted(
        name="held cashback can be drawn by others",
        where="billing.draft:Draft.available_cashback",
        right="self.cashback - ",
        wrong="self.cashback - 0 * ",
        shown_by=(
            *(topup(100_00), CREDIT),
            ("reserve", {"reservation_id": "h1", "msisdn": A, "amount": 50_00}),
            charge("c1", 60_00),
        ),
    ),
    Planted(
        name="a known charge id is answered for another number",
        where="billing.charging:draw_charge",
        right='figures_of(command.msisdn, f"{command.type}"',
        wrong='figures_of("", f"{command.type}"',
        shown_by=(
            ("put_subscriber", {"msisdn": B}),
            *(topup(100_00), charge("c1", 1_00), charge("c1", 1_00, B)),
        ),
    ),
    Planted(
        name="a confirmation on day 91 accrues",
        where="billing.accruals:confirm_deadline",
        right="deadline_after(paid_at, days, programme.zone)",
        wrong="deadline_after(paid_at, days + 1, programme.zone)",
        shown_by=(CLICK, paid(1000_00), ("advance", {"to": DAY_91}), CONFIRMED),
    ),
    Planted(
        name="a top-up settles the newest charge first",
        where="billing.topups:top_up",
        right="sorted(open_charges.values(), key=_age)",
        wrong="sorted(open_charges.values(), key=_age, reverse=True)",
        shown_by=(charge("c1", 100_00), charge("c2", 200_00), topup(150_00)),
    ),
)


@contextmanager
def planted(bug: Planted) -> Iterator[None]:
    """While this lasts the bug is there."""
    function = _function(bug.where)
    text = textwrap.dedent(inspect.getsource(function))
    assert text.count(bug.right) == 1, f"{bug.where} has not {bug.right!r} any more: plant it again"
    tree = ast.parse(text.replace(bug.right, bug.wrong))
    (definition,) = tree.body
    assert isinstance(definition, ast.FunctionDef)
    definition.decorator_list = []
    made: dict[str, Any] = {}
    exec(compile(tree, bug.where, "exec"), function.__globals__, made)  # noqa: S102  (our own text)
    before, function.__code__ = function.__code__, made[definition.name].__code__
    try:
        yield
    finally:
        function.__code__ = before


def _function(where: str) -> FunctionType:
    module, _, path = where.partition(":")
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = inspect.getattr_static(found, name)
    found = found.fget if isinstance(found, property) else found
    assert isinstance(found, FunctionType)
    return found
