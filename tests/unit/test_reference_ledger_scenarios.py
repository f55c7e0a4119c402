"""The reference ledger itself against the written scenarios: a model that is wrong proves nothing."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from typing import Any

import pytest
from reference.ledger import Ledger
from reference.rules import Programme, Terms

A, C = "79160000001", "79160000003"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text + "+03:00")


def given(start: str = "2025-03-03T12:00:00", **switches: Any) -> Ledger:
    ledger = Ledger(Programme(**switches), at(start))
    ledger.put_tariff(code="smart", fee=650_00)
    ozon = Terms(code="ozon", name="Ozon", percent=Fraction(5))
    domino = Terms(code="domino", name="Domino's", category="leisure", fixed=100_00, min_purchase=1000_00)
    ledger.put_catalogue(partners=[ozon, domino], promos=[])
    ledger.put_subscriber(msisdn=A, tariff="smart")
    ledger.put_subscriber(msisdn=C, contract="corporate")
    return ledger


def buy(ledger: Ledger, order_id: str, goods: int, partner: str = "ozon") -> dict[str, Any]:
    ledger.click(click_id=order_id, msisdn=A, partner=partner)
    return ledger.paid(partner=partner, order_id=order_id, click_id=order_id, goods=goods)


def test_the_story_of_the_demo_ends_with_300_on_main() -> None:
    ledger = given()
    ledger.topup(topup_id="t", msisdn=A, amount=800_00)
    assert ledger.join(msisdn=A)["welcome_bonus"] == 50_00
    assert buy(ledger, "o", 2000_00)["reward"] == 100_00
    ledger.advance(at("2025-03-20T10:00:00"))
    assert ledger.confirmed(partner="ozon", order_id="o")["state"] == "accrued"
    ledger.advance(at("2025-04-01T00:00:00"))
    sub = ledger.subscriptions[0]
    assert sub.postings[-3:] == [
        ("credit", "bonus", "cashback", 150_00),
        ("charge", "cashback", "revenue", 150_00),
        ("charge", "main", "revenue", 500_00),
    ]
    assert [kind for kind, _ in sub.notices] == ["registered", "accrued", "credited", "bill"]
    assert ledger.balance(msisdn=A)["main"] == 300_00


@pytest.mark.parametrize(
    ("goods", "reward"),
    [(1000, 0), (1020, 0), (1980, 0), (2000, 1), (2980, 1), (3000, 2), (5000, 3), (9000, 5)],
)
def test_the_rounding_table(goods: int, reward: int) -> None:
    ledger = given()
    ledger.join(msisdn=A)
    assert buy(ledger, "o", goods)["reward"] == reward * 100


def test_the_last_good_instant_is_the_end_of_day_90() -> None:
    for late, state in (("2025-04-15T23:59:59", "accrued"), ("2025-04-16T00:00:00", "expired")):
        ledger = given("2025-01-15T14:00:00")
        ledger.join(msisdn=A)
        buy(ledger, "o", 1000_00)
        ledger.advance(at(late))
        assert ledger.confirmed(partner="ozon", order_id="o")["state"] == state


def test_leaving_lapses_bonus_and_pending_and_keeps_cashback() -> None:
    ledger = given()
    ledger.join(msisdn=A)
    ledger.credit(credit_id="c", msisdn=A)
    buy(ledger, "o", 700_00)
    assert ledger.leave(msisdn=A)["pending"] == 35_00
    assert ledger.leave(msisdn=A, confirm=True) == {"lapsed": 0}
    assert ledger.confirmed(partner="ozon", order_id="o")["reason"] == "LEFT"
    assert ledger.balance(msisdn=A)["cashback"] == 50_00
    assert ledger.join(msisdn=A)["welcome_bonus"] == 0


def test_a_return_takes_bonus_then_cashback_then_a_carry_over_that_nets() -> None:
    ledger = given(welcome_bonus=0)
    ledger.join(msisdn=A)
    buy(ledger, "o", 2000_00)
    ledger.confirmed(partner="ozon", order_id="o")
    ledger.credit(credit_id="c", msisdn=A)
    ledger.charge(charge_id="k", msisdn=A, type="usage", amount=70_00)
    assert ledger.returned(partner="ozon", order_id="o")["state"] == "reversed"
    assert ledger.subscriptions[0].postings[-1] == (
        "reversal", "cashback", "programme_expense", 30_00,
    )  # fmt: skip
    assert ledger.balance(msisdn=A)["carry_over"] == 70_00
    buy(ledger, "p", 2000_00)
    ledger.confirmed(partner="ozon", order_id="p")
    assert ledger.balance(msisdn=A)["bonus"] == 30_00


def test_a_corporate_member_is_not_credited_and_takes_a_voucher() -> None:
    ledger = given()
    ledger.join(msisdn=C)
    ledger.advance(at("2025-04-01T00:00:00"))
    assert ledger.balance(msisdn=C)["bonus"] == 50_00
    over = ledger.voucher(voucher_id="v", msisdn=C, amount=51_00, handset_price=5000_00)
    assert over == {"code": "INSUFFICIENT_FUNDS"}
    ledger.voucher(voucher_id="v", msisdn=C, amount=50_00, handset_price=5000_00)
    ledger.redeem(redemption_id="r", voucher_id="v", amount=20_00, handset_price=5000_00)
    assert ledger.balance(msisdn=C)["bonus"] == 30_00
