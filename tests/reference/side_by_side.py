"""Both ledgers, fed the same; after every step everything that anybody can see must be equal."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from reference.adapter import Product
from reference.ledger import Ledger
from reference.records import Answer, Subscription
from reference.rules import Programme
from sqlalchemy import Connection


class SideBySide:
    """The model and the product."""

    def __init__(self, connection: Connection, programme: Programme, now: datetime) -> None:
        self.model = Ledger(programme, now)
        self.product = Product(connection, programme, now)
        self.is_month_late = False
        self.programme, self.start = programme, now
        self.trace: list[tuple[str, Answer]] = []

    def do(self, operation: str, **body: Any) -> Answer:
        """One operation on both; the answer they agree on."""
        self.trace.append((operation, body))
        expected: Answer = getattr(self.model, operation)(**body)
        found = self.product.do(operation, body)
        self.product.look()
        assert found == expected, f"{operation} {body}: product {found}, model {expected}"
        if operation == "advance" and not body.get("month_jobs", True):
            self.is_month_late = True
        elif operation == "month":
            self.is_month_late = False
        if not self.is_month_late:
            self.compare()
        return expected

    def compare(self) -> None:
        """Sums, what the balance shows, orders, postings in order, notices in order."""
        subs = self.model.subscriptions
        for sub in subs:
            _same("postings", sub, self.product.postings.get(sub.sid, []), sub.postings)
            _same("notices", sub, self.product.notices.get(sub.sid, []), [told(*one) for one in sub.notices])
        sums = {sub.sid: self._sums(sub) for sub in subs}
        found = self.product.sums()
        assert found == sums, f"sums: product {found}, model {sums}"
        live = {sub.msisdn: self._shown(sub) for sub in subs if sub.msisdn is not None}
        shown = self.product.shown(live)
        assert shown == live, f"balances: product {shown}, model {live}"
        orders = {
            (one.source, one.ref): (one.state, one.reason, one.reward) for one in self.model.accruals if one.paid
        }
        kept = self.product.orders()
        assert kept == orders, f"orders: product {kept}, model {orders}"

    def finish(self) -> None:
        """The product's own verification finds nothing."""
        violations = self.product.violations()
        assert not violations, violations

    def _sums(self, sub: Subscription) -> tuple[int, ...]:
        held = (self.model.held(sub, "cashback"), self.model.held(sub, "main"))
        return (sub.bonus_sum, sub.cashback, sub.main, *held, sub.carry_over)

    def _shown(self, sub: Subscription) -> Answer:
        balance = self.model.balance_of(sub)
        names = ("bonus_due_on", "bonus_held", "pending", "unpaid")
        return {"membership": sub.membership} | {name: balance[name] for name in names}


def _same(what: str, sub: Subscription, found: list[Any], expected: list[Any]) -> None:
    """Only what differs is worth reading."""
    if found != expected:
        start = next((i for i, pair in enumerate(zip(found, expected, strict=False)) if pair[0] != pair[1]), None)
        start = min(len(found), len(expected)) if start is None else start
        raise AssertionError(f"{what} of {sub.sid} from {start}: product {found[start:]}, model {expected[start:]}")


def told(kind: str, figures: Answer) -> tuple[str, Answer]:
    """A notice in the words of the outbox."""
    words = dict(figures)
    day = words.pop("spendable", None) or words.pop("until", None)
    words.pop("until", None)
    return kind, {**words, "date": day}
