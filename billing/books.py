"""The working set a group of commands is decided on: records in dicts by key, nothing else.

The store fills it (`put` each record it read), each outcome is folded in so that the next command of the same group
sees it, and rules only read it. `billing.needs` says what has to be in it.
"""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from billing.decision import Outcome
from billing.records import (
    Accrual,
    AuditEntry,
    Balances,
    Charge,
    Click,
    Membership,
    Record,
    Refund,
    RequestKey,
    Reservation,
    Settlement,
    Subscription,
    Tariff,
    Voucher,
)
from billing.words import AccrualState, KeyKind

OrderKey: TypeAlias = tuple[str, str]
"""Partner code and the shop's order id."""

OPEN_STATES = frozenset({AccrualState.PENDING, AccrualState.ACCRUED})
"""States of an accrual that leaving or the credit step changes."""


class Books:
    """Records by key. Sets of one subscription (`open_accruals`, `open_charges`) are whole only where needed."""

    __slots__ = (
        "accruals",
        "balances",
        "charges",
        "clicks",
        "keys",
        "memberships",
        "open_accruals",
        "open_charges",
        "reservations",
        "subscription_by_msisdn",
        "subscriptions",
        "tariffs",
        "voucher_by_code",
        "vouchers",
    )

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.subscriptions: dict[int, Subscription] = {}
        self.subscription_by_msisdn: dict[str, Subscription] = {}
        self.memberships: dict[int, Membership] = {}
        self.balances: dict[int, Balances] = {}
        self.keys: dict[tuple[KeyKind, str], RequestKey] = {}
        self.clicks: dict[str, Click] = {}
        self.accruals: dict[OrderKey, Accrual] = {}
        self.open_accruals: dict[int, dict[OrderKey, Accrual]] = {}
        """By subscription: its accruals in `OPEN_STATES`."""
        self.charges: dict[str, Charge] = {}
        self.open_charges: dict[int, dict[str, Charge]] = {}
        """By subscription: its charges with an unpaid rest."""
        self.vouchers: dict[str, Voucher] = {}
        self.voucher_by_code: dict[str, Voucher] = {}
        self.reservations: dict[str, Reservation] = {}
        self.tariffs: dict[str, Tariff] = {}
        for record in records:
            self.put(record)

    def put(self, record: Record) -> None:
        """Put one record in the place of the one with the same key."""
        _PUT[type(record)](self, record)

    def fold(self, outcome: Outcome) -> None:
        """Put everything a decision changed, so that the next decision starts from it."""
        for record in outcome.records:
            _PUT[type(record)](self, record)


def _put_subscription(books: Books, record: Subscription) -> None:
    before = books.subscriptions.get(record.subscription_id)
    if before is not None and books.subscription_by_msisdn.get(before.msisdn) is before:
        del books.subscription_by_msisdn[before.msisdn]
    books.subscriptions[record.subscription_id] = record
    if record.msisdn:
        books.subscription_by_msisdn[record.msisdn] = record


def _put_membership(books: Books, record: Membership) -> None:
    books.memberships[record.subscription_id] = record


def _put_balances(books: Books, record: Balances) -> None:
    books.balances[record.subscription_id] = record


def _put_key(books: Books, record: RequestKey) -> None:
    books.keys[record.kind, record.key] = record


def _put_click(books: Books, record: Click) -> None:
    books.clicks[record.click_id] = record


def _put_accrual(books: Books, record: Accrual) -> None:
    key = (record.partner, record.order_id)
    books.accruals[key] = record
    if record.state in OPEN_STATES:
        books.open_accruals.setdefault(record.subscription_id, {})[key] = record
    else:
        books.open_accruals.get(record.subscription_id, {}).pop(key, None)


def _put_charge(books: Books, record: Charge) -> None:
    books.charges[record.charge_id] = record
    if record.unpaid:
        books.open_charges.setdefault(record.subscription_id, {})[record.charge_id] = record
    else:
        books.open_charges.get(record.subscription_id, {}).pop(record.charge_id, None)


def _put_voucher(books: Books, record: Voucher) -> None:
    books.vouchers[record.voucher_id] = record
    books.voucher_by_code[record.code] = record


def _put_reservation(books: Books, record: Reservation) -> None:
    books.reservations[record.reservation_id] = record


def _put_tariff(books: Books, record: Tariff) -> None:
    books.tariffs[record.code] = record


def _pass(books: Books, record: Refund | Settlement | AuditEntry) -> None:
    """History that no decision reads."""


_PUT: dict[type, Callable[..., None]] = {
    Subscription: _put_subscription,
    Membership: _put_membership,
    Balances: _put_balances,
    RequestKey: _put_key,
    Click: _put_click,
    Accrual: _put_accrual,
    Charge: _put_charge,
    Voucher: _put_voucher,
    Reservation: _put_reservation,
    Tariff: _put_tariff,
    Refund: _pass,
    Settlement: _pass,
    AuditEntry: _pass,
}
