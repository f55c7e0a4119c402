"""What the ledger answers: one immutable value per command, in its own words (kopecks, aware instants).

The gateway turns them into JSON; answers to commands with a request key are stored and given again unchanged.
"""

from datetime import date, datetime

from msgspec import Struct

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


class SubscriberAnswer(Struct, frozen=True, kw_only=True, gc=False):
    """A subscription as it stands; `created` when this command made it."""

    subscription: Subscription
    credit_limit: Kopecks
    membership: MembershipState
    created: bool = False


class MemberAnswer(Struct, frozen=True, kw_only=True, gc=False):
    """Who joined, and the welcome bonus of this joining."""

    msisdn: str
    membership: Membership
    welcome_bonus: Kopecks


class LeaveAnswer(Struct, frozen=True, kw_only=True, gc=False):
    """The sum posted to the lapsed account."""

    lapsed: Kopecks


class AdvertsAnswer(Struct, frozen=True, kw_only=True, gc=False):
    """The membership after the change; `changed` is False where it already stood so."""

    membership: Membership
    changed: bool


class ClickAnswer(Struct, frozen=True, kw_only=True, gc=False):
    """The click with the promise it keeps."""

    click: Click


class OrderAnswer(Struct, frozen=True, kw_only=True, gc=False):
    """An order as recorded, whatever its fate. `spendable_from` only for a reward that will be credited."""

    accrual: Accrual
    spendable_from: date | None


class PromoAnswer(Struct, frozen=True, kw_only=True, gc=False):
    """A rewarded target action."""

    promo: str
    action_id: str
    msisdn: str
    amount: Kopecks
    spendable_from: date | None


class Step(Struct, frozen=True, kw_only=True, gc=False):
    """One movement of a charge, in drawing order."""

    source: Account
    amount: Kopecks


class ChargeAnswer(Struct, frozen=True, kw_only=True, gc=False):
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


class RefundAnswer(Struct, frozen=True, kw_only=True, gc=False):
    """What a refund lowered or restored, in that order."""

    refund_id: str
    unpaid: Kopecks
    main: Kopecks
    cashback: Kopecks


class SettledPart(Struct, frozen=True, kw_only=True, gc=False):
    """What a top-up paid of an unpaid charge."""

    charge_id: str
    amount: Kopecks


class TopUpAnswer(Struct, frozen=True, kw_only=True, gc=False):
    """Main after the top-up and what it settled."""

    topup_id: str
    main: Kopecks
    settled: tuple[SettledPart, ...]


class VoucherAnswer(Struct, frozen=True, kw_only=True, gc=False):
    """A voucher."""

    voucher_id: str
    code: str
    amount: Kopecks
    valid_until: date
    state: VoucherState


class RedemptionAnswer(Struct, frozen=True, kw_only=True, gc=False):
    """What the till took of a voucher, and what went back where it came from."""

    redemption_id: str
    voucher_id: str
    amount: Kopecks
    returned: Kopecks
    state: VoucherState


class ReservationAnswer(Struct, frozen=True, kw_only=True, gc=False):
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


class CreditAnswer(Struct, frozen=True, kw_only=True, gc=False):
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


class BalanceView(Struct, frozen=True, kw_only=True, gc=False):
    """Everything a subscriber may ask about money (interface.md, balance). Zero where nothing is."""

    subscription: Subscription
    membership: MembershipState
    balances: Balances
    pending: Kopecks
    bonus_due_on: date | None
    bonus_held: Kopecks
    unpaid: Kopecks
    as_of: datetime


class ChargeView(Struct, frozen=True, kw_only=True, gc=False):
    """A charge as it stands now."""

    charge: Charge
    msisdn: str
    refunds: tuple[Refund, ...]
    settlements: tuple[Settlement, ...]


class VoucherView(Struct, frozen=True, kw_only=True, gc=False):
    """A voucher as it stands now."""

    voucher: Voucher
    msisdn: str
