"""A ledger in memory for tests: books, a clock, a journal, and the invariants checked after every command."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, TypeVar

from msgspec.structs import replace

from billing.answers import ClickAnswer
from billing.books import Books
from billing.catalogue import Catalogue, PartnerTerms, PromoTerms, build_catalogue
from billing.commands import (
    Command,
    CreditPromo,
    DrawCharge,
    OrderConfirmed,
    OrderPaid,
    PutSubscriber,
    RecordClick,
    RegisterMember,
    TopUp,
)
from billing.decide import decide
from billing.decision import Context, Outcome
from billing.errors import LedgerRefusal
from billing.events import LedgerEvent
from billing.money import format_money, parse_money, parse_percent
from billing.month_rules import MonthAccount, MonthStep, step_month
from billing.programme import MOSCOW, Programme
from billing.records import Accrual, Balances, Posting, Reward, Subscription, Tariff
from billing.words import Account, Category, Channel, ChargeType, Contract, Network, OrderChannel, ReservationState

A = "79160000001"
B = "79160000002"
C = "79160000003"
OFF = "79030000009"

SHORT = {
    Account.BONUS: "BONUS",
    Account.CASHBACK: "CB",
    Account.MAIN: "MAIN",
    Account.PROGRAMME_EXPENSE: "EXP",
    Account.REVENUE: "REV",
    Account.LAPSED: "LAPSE",
    Account.VOUCHER: "VOUCH",
    Account.CASH_IN: "CASH",
}
OWN = {Account.BONUS: "bonus", Account.CASHBACK: "cashback", Account.MAIN: "main"}

E = TypeVar("E", bound=LedgerEvent)


def moscow(text: str) -> datetime:
    """ "2025-03-03 12:00" in Moscow, in UTC; a text with its own offset is taken as it is."""
    instant = datetime.fromisoformat(text)
    return (instant if instant.tzinfo else instant.replace(tzinfo=MOSCOW)).astimezone(UTC)


def partner(code: str, percent: str | None = None, **terms: Any) -> PartnerTerms:
    """Terms of a shop, named as its code is, capitalised."""
    fixed = terms.pop("fixed", None)
    reward = Reward(
        percent=None if percent is None else parse_percent(percent),
        fixed=None if fixed is None else parse_money(fixed),
    )
    given = {"name": code.capitalize(), "category": Category.SHOP} | terms
    return PartnerTerms(code=code, reward=reward, **given)


OZON = partner("ozon", "5")
ALI = partner("aliexpress", "7", app_allowed=True)
DOMINO = partner("domino", fixed="100.00", min_purchase=100_000, category=Category.LEISURE)
QUIZ = PromoTerms(code="quiz", name="Quiz")


def catalogue(*partners: PartnerTerms, promos: Iterable[PromoTerms] = (QUIZ,), version: str = "1") -> Catalogue:
    return build_catalogue(partners, tuple(promos), version)


class CountingIds:
    """Ids in order, so that a run can be repeated."""

    def __init__(self) -> None:
        self._last = 0

    def _next(self) -> int:
        self._last += 1
        return self._last

    def subscription_id(self) -> int:
        return self._next()

    def click_id(self) -> str:
        return f"click-{self._next()}"

    def voucher_code(self) -> str:
        return f"CODE{self._next():08d}"


class World:
    """Commands go in one by one; what came of them is kept the way the store would keep it."""

    def __init__(self, at: str = "2025-03-03 12:00", **switches: Any) -> None:
        self.books = Books([Tariff(code="smart", fee=65_000), Tariff(code="zero", fee=0)])
        self.context = Context(
            now=moscow(at),
            programme=Programme(**switches),
            catalogue=catalogue(OZON, ALI, DOMINO),
            ids=CountingIds(),
        )
        self.journal: list[Posting] = []
        self.events: list[LedgerEvent] = []

    def at(self, text: str) -> "World":
        """Set the business clock."""
        self.context = replace(self.context, now=moscow(text))
        return self

    def runs(self, running: Catalogue) -> "World":
        """Replace the catalogue."""
        self.context = replace(self.context, catalogue=running)
        return self

    def do(self, command: Command) -> Outcome:
        """Decide, fold, keep; the invariants hold afterwards."""
        outcome = decide(command, self.books, self.context)
        self.books.fold(outcome)
        self._keep(outcome)
        if outcome.hit:
            assert (outcome.records, outcome.postings, outcome.events) == ((), (), ())
        return outcome

    def refused(self, command: Command) -> LedgerRefusal:
        """The refusal of a command, which changed nothing."""
        try:
            outcome = decide(command, self.books, self.context)
        except LedgerRefusal as refusal:
            return refusal
        raise AssertionError(f"not refused: {outcome}")

    def month(self, period: str) -> dict[str, MonthStep]:
        """The month job over every subscription."""
        steps = {}
        for subscription in list(self.books.subscriptions.values()):
            step = step_month(self.account(subscription, period), period, self.context)
            for record in step.records:
                self.books.put(record)
            self._keep(step)
            steps[subscription.msisdn] = step
        return steps

    def account(self, subscription: Subscription, period: str) -> MonthAccount:
        key = subscription.subscription_id
        tariff = self.books.tariffs.get(subscription.tariff or "")
        is_drawn = f"fee:{period}:{key}" in self.books.charges
        return MonthAccount(
            subscription=subscription,
            balances=self.books.balances[key],
            open_accruals=tuple(self.books.open_accruals.get(key, {}).values()),
            fee=0 if tariff is None or is_drawn else tariff.fee,
        )

    def _keep(self, outcome: Outcome | MonthStep) -> None:
        self.journal.extend(outcome.postings)
        self.events.extend(outcome.events)
        self.check()

    # Given

    def subscriber(self, msisdn: str = A, **fields: Any) -> "World":
        self.do(PutSubscriber(msisdn=msisdn, **fields))
        return self

    def member(self, msisdn: str = A, **fields: Any) -> "World":
        """An active member."""
        self.subscriber(msisdn, **fields)
        is_off_net = fields.get("network") is Network.OFF_NET
        self.do(full_form(msisdn) if is_off_net else join(msisdn))
        return self

    def corporate(self, msisdn: str = C) -> "World":
        return self.member(msisdn, contract=Contract.CORPORATE)

    def main(self, amount: str, msisdn: str = A) -> "World":
        self.do(TopUp(topup_id=f"given-{len(self.books.keys)}", msisdn=msisdn, amount=parse_money(amount)))
        return self

    def bonus(self, amount: str, msisdn: str = A) -> "World":
        """More bonus, by a promotion."""
        action = f"given-{len(self.books.keys)}"
        self.do(CreditPromo(promo="quiz", action_id=action, msisdn=msisdn, amount=parse_money(amount)))
        return self

    def forget(self) -> "World":
        """Forget postings and events so far for `posted` and `told`; sums go on."""
        self._shown_from = len(self.journal)
        self.events.clear()
        return self

    _shown_from = 0

    # When

    def click(self, msisdn: str = A, code: str = "ozon", at: str | None = None) -> str:
        clicked_at = None if at is None else moscow(at)
        answer = self.do(RecordClick(msisdn=msisdn, partner=code, clicked_at=clicked_at)).answer
        assert isinstance(answer, ClickAnswer)
        return answer.click.click_id

    def paid(self, order_id: str, goods: str, **given: Any) -> Accrual:
        """Click and pay at a shop; the order as recorded."""
        code = given.pop("code", "ozon")
        msisdn = given.pop("msisdn", A)
        click_id = given.pop("click_id", "") or self.click(msisdn, code)
        command = OrderPaid(
            partner=code,
            order_id=order_id,
            click_id=click_id,
            goods=parse_money(goods),
            delivery=given.pop("delivery", 0),
            channel=given.pop("channel", OrderChannel.WEB),
            **given,
        )
        return accrual_of(self.do(command))

    def confirmed(self, order_id: str, code: str = "ozon", goods: str | None = None) -> Accrual:
        sum_told = None if goods is None else parse_money(goods)
        return accrual_of(self.do(OrderConfirmed(partner=code, order_id=order_id, goods=sum_told)))

    def earned(self, order_id: str, goods: str, **given: Any) -> Accrual:
        """Pay and confirm at once."""
        self.paid(order_id, goods, **given)
        return self.confirmed(order_id, given.get("code", "ozon"))

    def charge(self, charge_id: str, amount: str, **given: Any) -> Any:
        """Draw a charge; its answer."""
        fields = {"msisdn": A, "type": ChargeType.USAGE} | given
        return self.do(DrawCharge(charge_id=charge_id, amount=parse_money(amount), **fields)).answer

    # Then

    def balances(self, msisdn: str = A) -> Balances:
        return self.books.balances[self.books.subscription_by_msisdn[msisdn].subscription_id]

    def sums(self, msisdn: str = A) -> tuple[str, str, str]:
        """Bonus, cashback, main."""
        row = self.balances(msisdn)
        return format_money(row.bonus), format_money(row.cashback), format_money(row.main)

    def posted(self) -> list[str]:
        """Postings since `forget`: "EXP>BONUS 50.00"."""
        return [
            f"{SHORT[one.source]}>{SHORT[one.target]} {format_money(one.amount)}"
            for one in self.journal[self._shown_from :]
        ]

    def told(self, kind: type[E]) -> list[E]:
        """Events of a kind since `forget`."""
        return [event for event in self.events if isinstance(event, kind)]

    def check(self) -> None:
        """The invariants of billing.md that hold on books and journal alone."""
        sums: defaultdict[tuple[int, str], int] = defaultdict(int)
        for one in self.journal:
            assert one.amount > 0
            for account, sign in ((one.source, -1), (one.target, 1)):
                if account in OWN:
                    sums[one.subscription_id, OWN[account]] += sign * one.amount
        for key, row in self.books.balances.items():
            for name in OWN.values():
                assert sums[key, name] == getattr(row, name), name
            assert row.bonus >= 0
            assert row.cashback >= row.held_cashback >= 0
            assert row.main - row.held_main >= -row.credit_limit
            assert 0 <= row.bonus_new <= row.bonus
            assert row.carry_over >= 0
        for charge in self.books.charges.values():
            parts = charge.cashback + charge.main + charge.settled + charge.unpaid + charge.refunded_unpaid
            assert charge.amount == parts
        for key, row in self.books.balances.items():
            mine = [one for one in self.books.reservations.values() if one.subscription_id == key]
            holding = [one for one in mine if one.state is ReservationState.HELD]
            assert row.held_cashback >= sum(one.held_cashback for one in holding)
            assert row.held_main >= sum(one.held_main for one in holding)
        self._check_numbers()

    def _check_numbers(self) -> None:
        """Entry numbers strictly increase; a transaction is named after its first."""
        for key, group in groupby(sorted(self.journal, key=_owner), key=_owner):
            entries = [(one.tx_no, one.entry_no) for one in group]
            numbers = [entry_no for _, entry_no in entries]
            assert numbers == sorted(set(numbers))
            assert self.books.balances[key].next_entry > numbers[-1]
            firsts: dict[int, int] = {}
            for tx_no, entry_no in entries:
                assert firsts.setdefault(tx_no, entry_no) == tx_no


def _owner(one: Posting) -> int:
    return one.subscription_id


def join(msisdn: str = A, channel: Channel = Channel.WEB, **given: Any) -> RegisterMember:
    return RegisterMember(msisdn=msisdn, channel=channel, accept_terms=True, terms_version="2025-01", **given)


def full_form(msisdn: str) -> RegisterMember:
    born = datetime(1990, 5, 17, tzinfo=UTC).date()
    return join(msisdn, form="full", full_name="Ana Rusu", birth_date=born, email="ana@example.org")


def accrual_of(outcome: Outcome) -> Accrual:
    accrual: Accrual = outcome.answer.accrual  # type: ignore[union-attr]
    return accrual
