"""What the ledger can be asked to do: one immutable value per command. MSISDNs are normalised digits.

`occurred_at`, `paid_at`, `clicked_at` of None mean the business clock's now and are then no part of the compared
figures. Sums are kopecks above zero unless said.
"""

from datetime import date, datetime

from msgspec import Struct

from billing.money import Kopecks
from billing.words import Block, Channel, ChargeType, Contract, Network, OrderChannel


class PutSubscriber(Struct, frozen=True, kw_only=True, gc=False):
    """Create or change a subscription. None keeps the value (a new number takes the defaults)."""

    msisdn: str
    contract: Contract | None = None
    network: Network | None = None
    language: str | None = None
    tariff: str | None = None
    blocks: frozenset[Block] | None = None
    imsi: str | None = None
    time_zone: str | None = None
    unicode: str | None = None
    credit_limit: Kopecks | None = None
    clear: frozenset[str] = frozenset()
    """Names of nullable fields given as null: tariff, imsi, time_zone, unicode."""


class ChangeNumber(Struct, frozen=True, kw_only=True, gc=False):
    """The subscription gets another number; everything moves with it."""

    msisdn: str
    new_msisdn: str


class PortOut(Struct, frozen=True, kw_only=True, gc=False):
    """The number went to another operator."""

    msisdn: str


class EraseSubscriber(Struct, frozen=True, kw_only=True, gc=False):
    """Personal data goes, sums stay."""

    msisdn: str


class RegisterMember(Struct, frozen=True, kw_only=True, gc=False):
    """Join the programme."""

    msisdn: str
    channel: Channel
    accept_terms: bool
    terms_version: str | None = None
    adverts: bool = False
    adverts_text_version: str | None = None
    form: str = "login"
    full_name: str | None = None
    birth_date: date | None = None
    email: str | None = None


class LeaveProgramme(Struct, frozen=True, kw_only=True, gc=False):
    """Leave; without `confirm` it is refused with what would lapse."""

    msisdn: str
    channel: Channel
    confirm: bool


class SetAdverts(Struct, frozen=True, kw_only=True, gc=False):
    """Turn adverts on or off; `source` is the channel it was said in."""

    msisdn: str
    adverts: bool
    source: str
    text_version: str | None = None


class RecordClick(Struct, frozen=True, kw_only=True, gc=False):
    """A click-out to a partner, for any number."""

    msisdn: str
    partner: str
    clicked_at: datetime | None = None


class OrderPaid(Struct, frozen=True, kw_only=True, gc=False):
    """The shop says an order was paid. `delivery` may be zero; `click_id` None is a purchase past the programme."""

    partner: str
    order_id: str
    click_id: str | None
    goods: Kopecks
    delivery: Kopecks
    channel: OrderChannel
    paid_at: datetime | None = None


class OrderConfirmed(Struct, frozen=True, kw_only=True, gc=False):
    """The shop confirms an order; other `goods` while pending amend it first."""

    partner: str
    order_id: str
    goods: Kopecks | None = None


class OrderRejected(Struct, frozen=True, kw_only=True, gc=False):
    """The shop rejects an order."""

    partner: str
    order_id: str


class OrderAmended(Struct, frozen=True, kw_only=True, gc=False):
    """The shop changes the goods price of a pending order."""

    partner: str
    order_id: str
    goods: Kopecks


class OrderReturned(Struct, frozen=True, kw_only=True, gc=False):
    """Goods came back; `returned_goods` is the running total, None is everything."""

    partner: str
    order_id: str
    returned_goods: Kopecks | None = None


class OverrideAccrual(Struct, frozen=True, kw_only=True, gc=False):
    """An operator lets a late or rejected order through; audited."""

    partner: str
    order_id: str
    reason: str


class CreditPromo(Struct, frozen=True, kw_only=True, gc=False):
    """A target action is rewarded; `amount` None takes the promotion's own."""

    promo: str
    action_id: str
    msisdn: str
    amount: Kopecks | None = None


class DrawCharge(Struct, frozen=True, kw_only=True, gc=False):
    """Draw a charge, cashback first."""

    charge_id: str
    msisdn: str
    type: ChargeType
    amount: Kopecks
    occurred_at: datetime | None = None


class RefundCharge(Struct, frozen=True, kw_only=True, gc=False):
    """Give a charge back, whole or in part, in reverse order of drawing."""

    charge_id: str
    refund_id: str
    amount: Kopecks


class TopUp(Struct, frozen=True, kw_only=True, gc=False):
    """Own money into main; settles unpaid charges, oldest first."""

    topup_id: str
    msisdn: str
    amount: Kopecks


class IssueVoucher(Struct, frozen=True, kw_only=True, gc=False):
    """A handset voucher from bonus (corporate, off-net) or cashback."""

    voucher_id: str
    msisdn: str
    amount: Kopecks
    handset_price: Kopecks | None = None


class RedeemVoucher(Struct, frozen=True, kw_only=True, gc=False):
    """A shop's till takes a voucher, all or part of it, for a handset."""

    redemption_id: str
    code: str
    amount: Kopecks
    handset_price: Kopecks | None = None


class CancelVoucher(Struct, frozen=True, kw_only=True, gc=False):
    """A voucher that was not redeemed is taken back."""

    voucher_id: str


class ExpireVoucher(Struct, frozen=True, kw_only=True, gc=False):
    """A voucher's last day is over; asked by the due work of the business clock."""

    voucher_id: str


class Reserve(Struct, frozen=True, kw_only=True, gc=False):
    """Hold money for a charge to come, for some seconds of the business clock."""

    reservation_id: str
    msisdn: str
    type: ChargeType
    amount: Kopecks
    expires_in_s: int


class CommitReservation(Struct, frozen=True, kw_only=True, gc=False):
    """Draw all or part of what is held; the rest is free again."""

    reservation_id: str
    amount: Kopecks


class ReleaseReservation(Struct, frozen=True, kw_only=True, gc=False):
    """Hold nothing any more."""

    reservation_id: str


class ExpireReservation(Struct, frozen=True, kw_only=True, gc=False):
    """A reservation's time is over; asked by the due work of the business clock."""

    reservation_id: str


class CreditOnDemand(Struct, frozen=True, kw_only=True, gc=False):
    """Bonus to cashback now."""

    credit_id: str
    msisdn: str


Command = (
    PutSubscriber
    | ChangeNumber
    | PortOut
    | EraseSubscriber
    | RegisterMember
    | LeaveProgramme
    | SetAdverts
    | RecordClick
    | OrderPaid
    | OrderConfirmed
    | OrderRejected
    | OrderAmended
    | OrderReturned
    | OverrideAccrual
    | CreditPromo
    | DrawCharge
    | RefundCharge
    | TopUp
    | IssueVoucher
    | RedeemVoucher
    | CancelVoucher
    | ExpireVoucher
    | Reserve
    | CommitReservation
    | ReleaseReservation
    | ExpireReservation
    | CreditOnDemand
)
