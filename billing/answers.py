"""What the ledger answers: one immutable value per command, in its own words (kopecks, aware instants).

The gateway turns them into JSON; answers to commands with a request key are stored and given again unchanged.
"""

from dataclasses import dataclass
from datetime import date, datetime

from billing.money import Kopecks
from billing.records import (
    Accrual,
    Balances,
    Charge,
    Click,
    Membership,
    Refund,
    Settlement,
    Subscription,
    Voucher,
)
from billing.words import Account, ChargeStatus, ChargeType, MembershipState, ReservationState, VoucherState


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberAnswer:
    """A subscription as it stands; `created` when this command made it."""

    subscription: Subscription
    credit_limit: Kopecks
    membership: MembershipState
    created: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberAnswer:
    """Who joined, and the welcome bonus of this joining."""

    msisdn: str
    membership: Membership
    welcome_bonus: Kopecks


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveAnswer:
    """The sum posted to the lapsed account."""

    lapsed: Kopecks


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvertsAnswer:
    """The membership after the change; `changed` is False where it already stood so."""

    membership: Membership
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickAnswer:
    """The click with the promise it keeps."""

    click: Click


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAnswer:
    """An order as recorded, whatever its fate. `spendable_from` only for a reward that will be credited."""

    accrual: Accrual
    spendable_from: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromoAnswer:
    """A rewarded target action."""

    promo: str
    action_id: str
    msisdn: str
    amount: Kopecks
    spendable_from: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One movement of a charge, in drawing order."""

    source: Account
    amount: Kopecks


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeAnswer:
    """A charge as drawn."""

    charge_id: str
    msisdn: str
    type: ChargeType
    amount: Kopecks
    cashback: Kopecks
    main: Kopecks
    unpaid: Kopecks
    status: ChargeStatus
    steps: tuple[Step, ...]
    booked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundAnswer:
    """What a refund lowered or restored, in that order."""

    refund_id: str
    unpaid: Kopecks
    main: Kopecks
    cashback: Kopecks


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledPart:
    """What a top-up paid of an unpaid charge."""

    charge_id: str
    amount: Kopecks


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUpAnswer:
    """Main after the top-up and what it settled."""

    topup_id: str
    main: Kopecks
    settled: tuple[SettledPart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherAnswer:
    """A voucher."""

    voucher_id: str
    code: str
    amount: Kopecks
    valid_until: date
    state: VoucherState


@dataclass(frozen=True, slots=True, kw_only=True)
class RedemptionAnswer:
    """What the till took of a voucher, and what went back where it came from."""

    redemption_id: str
    voucher_id: str
    amount: Kopecks
    returned: Kopecks
    state: VoucherState


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationAnswer:
    """A reservation. `cashback` and `main`: what is held, once committed what was drawn, else nothing."""

    reservation_id: str
    msisdn: str
    type: ChargeType
    amount: Kopecks
    state: ReservationState
    cashback: Kopecks
    main: Kopecks
    expires_at: datetime
    charge_id: str | None
    """The charge of the commit, for refunds and bills."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditAnswer:
    """What moved from bonus to cashback."""

    credit_id: str
    credited: Kopecks


Answer = (
    SubscriberAnswer
    | MemberAnswer
    | LeaveAnswer
    | AdvertsAnswer
    | ClickAnswer
    | OrderAnswer
    | PromoAnswer
    | ChargeAnswer
    | RefundAnswer
    | TopUpAnswer
    | VoucherAnswer
    | RedemptionAnswer
    | ReservationAnswer
    | CreditAnswer
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceView:
    """Everything a subscriber may ask about money (interface.md, balance). Zero where nothing is."""

    subscription: Subscription
    membership: MembershipState
    balances: Balances
    pending: Kopecks
    bonus_due_on: date | None
    bonus_held: Kopecks
    unpaid: Kopecks
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeView:
    """A charge as it stands now."""

    charge: Charge
    msisdn: str
    refunds: tuple[Refund, ...]
    settlements: tuple[Settlement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherView:
    """A voucher as it stands now."""

    voucher: Voucher
    msisdn: str
