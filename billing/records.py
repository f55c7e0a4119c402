"""What the ledger keeps, as immutable values: one class per table, one value per row.

A decision returns replaced records, never changed ones. Sums are kopecks; instants aware UTC; periods "2025-04".
`subscription_id` leads every key; ids are made by the application.
"""

from datetime import date, datetime

from msgspec import Struct

from billing.money import Kopecks, Micropercent
from billing.words import (
    Account,
    AccrualState,
    Block,
    Category,
    Channel,
    ChargeStatus,
    ChargeType,
    Contract,
    KeyKind,
    MembershipState,
    Network,
    OrderChannel,
    PostingKind,
    Reason,
    ReservationState,
    VoucherState,
)

NOBODY = 0
"""The subscription id of an order that no click ties to a subscription."""


class Subscription(Struct, frozen=True, kw_only=True, gc=False):
    """One contract for one number. `msisdn` is its number now, "" after port-out or erasure."""

    subscription_id: int
    msisdn: str
    contract: Contract = Contract.INDIVIDUAL
    network: Network = Network.ON_NET
    language: str = "ru"
    tariff: str | None = None
    blocks: frozenset[Block] = frozenset()
    imsi: str | None = None
    time_zone: str | None = None
    """None: the operator's zone. Quiet hours only; months are always the operator's."""
    unicode: str | None = None
    """SMS text mode `strict`, `translit`, `cheapest`; None: as configured."""
    created_at: datetime
    erased_at: datetime | None = None
    """Once erased nothing moves by itself any more."""


class Membership(Struct, frozen=True, kw_only=True, gc=False):
    """The standing of a subscription in the programme, with what it agreed to."""

    subscription_id: int
    state: MembershipState
    joined_at: datetime
    left_at: datetime | None = None
    channel: Channel
    terms_version: str | None = None
    terms_accepted_at: datetime
    adverts: bool = False
    adverts_source: str | None = None
    adverts_at: datetime | None = None
    adverts_text_version: str | None = None
    form: str = "login"
    full_name: str | None = None
    birth_date: date | None = None
    email: str | None = None


class Balances(Struct, frozen=True, kw_only=True, gc=False):
    """The one lock row of a subscription: a cache of its postings, checked against the journal.

    `bonus_period` / `bonus_new`: how much of `bonus` accrued since the start of `bonus_period`; that part waits
    for the next 1st even when the month's credit is late. `credited_period` is the last month whose credit step
    was decided for this subscription (also when it credited nothing). `cap_*` count cashback spent in a month;
    `spent_period` is the last month in which cashback paid something, `used_up_period` the last whose "used up"
    notice was given. `held_*` belongs to reservations.
    """

    subscription_id: int
    bonus: Kopecks = 0
    cashback: Kopecks = 0
    main: Kopecks = 0
    held_cashback: Kopecks = 0
    held_main: Kopecks = 0
    carry_over: Kopecks = 0
    credit_limit: Kopecks = 0
    next_entry: int = 1
    welcomed: bool = False
    bonus_period: str = ""
    bonus_new: Kopecks = 0
    credited_period: str
    cap_period: str = ""
    cap_used: Kopecks = 0
    spent_period: str = ""
    used_up_period: str = ""


class Posting(Struct, frozen=True, kw_only=True, gc=False):
    """One balanced movement, append-only. `tx_no` is the entry number of the first posting of its transaction."""

    subscription_id: int
    entry_no: int
    tx_no: int
    kind: PostingKind
    source: Account
    target: Account
    amount: Kopecks
    booked_at: datetime
    effective_at: datetime
    ref: str


class RequestKey(Struct, frozen=True, kw_only=True, gc=False):
    """An idempotency key: what was asked (`figures`, made by `billing.figures`) and the answer given (JSON)."""

    kind: KeyKind
    key: str
    subscription_id: int
    figures: str
    answer: str


class Reward(Struct, frozen=True, kw_only=True, gc=False):
    """What a partner promises: a percent of the goods price or a fixed sum, exactly one of them."""

    percent: Micropercent | None = None
    fixed: Kopecks | None = None


class Click(Struct, frozen=True, kw_only=True, gc=False):
    """A click-out with the promise it answered. `subscription_id` is NOBODY while the number is unknown."""

    click_id: str
    subscription_id: int
    msisdn: str
    partner: str
    clicked_at: datetime
    valid_until: datetime
    reward: Reward
    min_purchase: Kopecks
    promo: str | None = None
    terms_version: str


class Accrual(Struct, frozen=True, kw_only=True, gc=False):
    """One order's reward and every figure it was computed from.

    `goods` is the latest goods price told by the shop, `returned_goods` the running total returned, `reward` the
    sum as it stands now. `deadline` is the first instant too late for a confirmation. Where a
    return takes the money from follows from `state`: bonus while accrued, then cashback once credited.
    """

    subscription_id: int
    partner: str
    order_id: str
    partner_name: str
    category: Category
    click_id: str | None
    promise: Reward
    min_purchase: Kopecks
    terms_version: str
    goods: Kopecks
    delivery: Kopecks
    channel: OrderChannel
    paid_at: datetime
    paid_figures: str
    """The paid event's figures (`billing.figures`): the same again is the same event, others are a conflict."""
    recorded_at: datetime
    deadline: datetime
    state: AccrualState
    reason: Reason | None = None
    reward: Kopecks
    returned_goods: Kopecks = 0
    reversed_sum: Kopecks = 0
    confirmed_goods: Kopecks | None = None
    """Goods at the confirmation, once accrued: a repeat with other figures is a conflict."""
    confirmed_at: datetime | None = None
    accrued_period: str = ""
    """The month in which it accrued: it is credited on the 1st after that month."""
    ended_at: datetime | None = None
    override_reason: str | None = None


class Charge(Struct, frozen=True, kw_only=True, gc=False):
    """A charge and its split as drawn. `refunded_*` is what refunds gave back, `settled` what top-ups paid later.

    amount = cashback + main + settled + unpaid + refunded_unpaid, always.
    """

    subscription_id: int
    charge_id: str
    entry_no: int
    """The entry number this charge took, posted or not: orders the charges of one subscription, oldest first."""
    type: ChargeType
    amount: Kopecks
    cashback: Kopecks
    main: Kopecks
    unpaid: Kopecks
    """Still open now: lowered by settlements and refunds."""
    status: ChargeStatus
    settled: Kopecks = 0
    refunded_cashback: Kopecks = 0
    refunded_main: Kopecks = 0
    refunded_unpaid: Kopecks = 0
    period: str = ""
    """Set on the month job's fee alone: one per subscription and period."""
    occurred_at: datetime
    booked_at: datetime


class Settlement(Struct, frozen=True, kw_only=True, gc=False):
    """What one top-up paid of one charge's unpaid rest."""

    subscription_id: int
    charge_id: str
    topup_id: str
    amount: Kopecks
    at: datetime


class Refund(Struct, frozen=True, kw_only=True, gc=False):
    """What one refund gave back, in reverse order of drawing."""

    subscription_id: int
    charge_id: str
    refund_id: str
    amount: Kopecks
    unpaid: Kopecks
    main: Kopecks
    cashback: Kopecks
    at: datetime


class Voucher(Struct, frozen=True, kw_only=True, gc=False):
    """A handset voucher; what is not redeemed goes back to the account it came from."""

    subscription_id: int
    voucher_id: str
    code: str
    source: Account
    amount: Kopecks
    handset_price: Kopecks | None
    valid_until: datetime
    state: VoucherState
    redeemed: Kopecks = 0
    redemption_id: str | None = None
    issued_at: datetime
    ended_at: datetime | None = None


class Reservation(Struct, frozen=True, kw_only=True, gc=False):
    """Money held for a charge to come (rule 33); it ends once: committed, released or expired.

    `held_*` is what it holds of the balances while its state is `held`; where the main balance is someone else's,
    nothing is held of main. `cashback` and `main` are what its commit drew.
    """

    subscription_id: int
    reservation_id: str
    type: ChargeType
    amount: Kopecks
    held_cashback: Kopecks
    held_main: Kopecks
    state: ReservationState
    committed: Kopecks = 0
    """How much was committed; the charge of the commit has `charging.hold_charge_id(reservation_id)`."""
    cashback: Kopecks = 0
    main: Kopecks = 0
    held_entry: int
    """The entry number it took when it was made, posted by nobody: since when it holds."""
    ended_entry: int = 0
    """The same at its end; 0 while it holds."""
    held_at: datetime
    expires_at: datetime
    """The first instant at which it holds nothing any more."""
    ended_at: datetime | None = None


class Tariff(Struct, frozen=True, kw_only=True, gc=False):
    """A tariff plan and its monthly fee."""

    code: str
    fee: Kopecks


class AuditEntry(Struct, frozen=True, kw_only=True, gc=False):
    """What an operator decided by hand, and why."""

    subscription_id: int
    at: datetime
    action: str
    ref: str
    reason: str


Record = (
    Subscription
    | Membership
    | Balances
    | RequestKey
    | Click
    | Accrual
    | Charge
    | Settlement
    | Refund
    | Voucher
    | Reservation
    | Tariff
    | AuditEntry
)
