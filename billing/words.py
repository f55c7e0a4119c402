"""The programme's closed sets, spelled as they stand on the wire (states lower case, reasons upper case)."""

from enum import StrEnum


class Word(StrEnum):
    """A word of a closed set: equal to its text and hashed like it (an enum's own hash is a call into Python)."""

    __hash__ = str.__hash__


class Contract(Word):
    """Who holds the contract; an individual on a corporate tariff plan is `individual`."""

    INDIVIDUAL = "individual"
    CORPORATE = "corporate"


class Network(Word):
    """`off_net` is another operator's subscriber."""

    ON_NET = "on_net"
    OFF_NET = "off_net"


class Block(Word):
    """Several blocks may stand at once; each is lifted alone."""

    VOLUNTARY = "voluntary"
    INVESTIGATION = "investigation"
    MNP = "mnp"
    FINAL = "final"


class MembershipState(Word):
    """`none` has no row: it is what a subscription without membership answers."""

    NONE = "none"
    ACTIVE = "active"
    LEFT = "left"


class Channel(Word):
    """Where somebody joined or left."""

    WEB = "web"
    APP = "app"
    SITE = "site"
    PROMO = "promo"
    USSD = "ussd"
    SMS = "sms"
    CONTACT_CENTRE = "contact_centre"


class OrderChannel(Word):
    """Where the order was placed at the partner's."""

    WEB = "web"
    MOBILE_SITE = "mobile_site"
    PARTNER_APP = "partner_app"


class Category(Word):
    """Partner category; each has a ceiling on the percent."""

    SHOP = "shop"
    TRAVEL = "travel"
    LEISURE = "leisure"


class AccrualState(Word):
    """Domain: pending, then accrued, then credited; or an end state with a reason."""

    PENDING = "pending"
    ACCRUED = "accrued"
    CREDITED = "credited"
    REJECTED = "rejected"
    EXPIRED = "expired"
    REVERSED = "reversed"
    LAPSED = "lapsed"


class Reason(Word):
    """Why an accrual is not, or no longer, a reward."""

    NO_CLICK = "NO_CLICK"
    NOT_MEMBER_AT_PURCHASE = "NOT_MEMBER_AT_PURCHASE"
    CHANNEL = "CHANNEL"
    BELOW_MIN_PURCHASE = "BELOW_MIN_PURCHASE"
    BELOW_MIN = "BELOW_MIN"
    REJECTED_BY_SHOP = "REJECTED_BY_SHOP"
    RETURNED = "RETURNED"
    LEFT = "LEFT"
    LATE = "LATE"
    OVERRIDDEN = "OVERRIDDEN"


class ChargeType(Word):
    """Anything drawn from the phone account."""

    TARIFF_FEE = "tariff_fee"
    USAGE = "usage"
    SERVICE = "service"
    CONTENT = "content"
    SUBSCRIPTION = "subscription"


class ChargeStatus(Word):
    """How far a charge is paid."""

    PAID = "paid"
    PART_PAID = "part_paid"
    UNPAID = "unpaid"


class Account(Word):
    """Accounts of the postings: three of the subscription, five of the operator."""

    BONUS = "bonus"
    CASHBACK = "cashback"
    MAIN = "main"
    PROGRAMME_EXPENSE = "programme_expense"
    REVENUE = "revenue"
    LAPSED = "lapsed"
    VOUCHER = "voucher"
    CASH_IN = "cash_in"


class PostingKind(Word):
    """What a posting is for, as the statement names it."""

    WELCOME = "welcome"
    ACCRUAL = "accrual"
    PROMO = "promo"
    REVERSAL = "reversal"
    CREDIT = "credit"
    CHARGE = "charge"
    SETTLEMENT = "settlement"
    REFUND = "refund"
    TOPUP = "topup"
    LAPSE = "lapse"
    VOUCHER = "voucher"
    VOUCHER_RETURN = "voucher_return"


class VoucherState(Word):
    """Life of a handset voucher."""

    ISSUED = "issued"
    REDEEMED = "redeemed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class ReservationState(Word):
    """Life of a reservation; it ends exactly once."""

    HELD = "held"
    COMMITTED = "committed"
    RELEASED = "released"
    EXPIRED = "expired"


class KeyKind(Word):
    """Kinds of caller-given ids; an id is unique per kind over the whole system."""

    CHARGE = "charge"
    REFUND = "refund"
    TOPUP = "topup"
    RESERVATION = "reservation"
    VOUCHER = "voucher"
    REDEMPTION = "redemption"
    PROMO_ACTION = "promo_action"
    CREDIT = "credit"
    ORDER = "order"


class Rounding(Word):
    """How a raw reward becomes whole roubles (rule 15)."""

    ARITHMETIC_MIN1 = "arithmetic_min1"
    HALF_DOWN = "half_down"
    FLOOR = "floor"
