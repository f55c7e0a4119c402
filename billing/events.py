"""What happened, in the ledger's words; the gateway turns some of it into SMS. Sums are kopecks."""

from dataclasses import dataclass
from datetime import date

from billing.money import Kopecks
from billing.records import Subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEvent:
    """Something about one subscription; `ref` is unique per kind of event and makes its notice unique."""

    subscription: Subscription
    ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberChanged(LedgerEvent):
    """The subscription has another number: what is on its way to the old one goes there. Nobody is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRegistered(LedgerEvent):
    """Somebody joined; `welcome_bonus` is 0 for who joins again."""

    welcome_bonus: Kopecks


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberLeft(LedgerEvent):
    """Somebody left; `lapsed` was posted to the lapsed account."""

    lapsed: Kopecks


@dataclass(frozen=True, slots=True, kw_only=True)
class CashbackAccrued(LedgerEvent):
    """A reward is in the bonus account. `source_name` is the partner's or the promotion's name.

    `amount` is the reward, also where a carry-over took part of it. `spendable_from` is None for corporate and
    off-net, who spend on handsets only.
    """

    amount: Kopecks
    source_name: str
    spendable_from: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccrualRejected(LedgerEvent):
    """The shop rejected a pending reward."""

    amount: Kopecks
    source_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CashbackReversed(LedgerEvent):
    """A return took an accrued reward back, whole or in part; `amount` is above zero."""

    amount: Kopecks
    source_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CashbackCredited(LedgerEvent):
    """The bonus moved to the cashback bucket: on the 1st, or on demand."""

    amount: Kopecks


@dataclass(frozen=True, slots=True, kw_only=True)
class BillPaidFromCashback(LedgerEvent):
    """A tariff fee of which cashback paid a part or all."""

    amount: Kopecks
    cashback: Kopecks
    main: Kopecks
    unpaid: Kopecks


@dataclass(frozen=True, slots=True, kw_only=True)
class CashbackUsedUp(LedgerEvent):
    """Rule 36: the first charge that found no cashback in a month in which cashback had paid something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherIssued(LedgerEvent):
    """A handset voucher; `valid_until` is its last day in the operator's zone."""

    amount: Kopecks
    code: str
    valid_until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PortOutWarned(LedgerEvent):
    """An `mnp` block was set on a member; `at_stake` is cashback plus bonus."""

    at_stake: Kopecks
