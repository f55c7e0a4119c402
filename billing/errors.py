"""Everything the ledger refuses, each with the outer contract's code. A refusal changes nothing."""

from collections.abc import Mapping
from typing import ClassVar


class LedgerError(Exception):
    """Root of the ledger's own errors."""


class LedgerRefusal(LedgerError):
    """A rule said no; nothing was posted, stored or sent.

    `code` is the outer contract's code; `field` names the offending input where one is to blame; `details`
    carries further wire members (such as `lapses`).
    """

    code: ClassVar[str] = "INVALID"

    def __init__(self, detail: str, *, field: str | None = None, details: Mapping[str, object] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.details: Mapping[str, object] = details or {}


class InvalidFigure(LedgerRefusal):
    """A figure no rule accepts, such as an instant ahead of the business clock."""

    code = "INVALID"


class UnknownSubscriber(LedgerRefusal):
    """The number was never registered as subscriber."""

    code = "UNKNOWN_SUBSCRIBER"


class UnknownPartner(LedgerRefusal):
    """The running catalogue has no such partner."""

    code = "UNKNOWN_PARTNER"


class UnknownOrder(LedgerRefusal):
    """No paid event of this order was recorded for this partner."""

    code = "UNKNOWN_ORDER"


class UnknownCharge(LedgerRefusal):
    """No charge has this id."""

    code = "UNKNOWN_CHARGE"


class UnknownReservation(LedgerRefusal):
    """No reservation has this id."""

    code = "UNKNOWN_RESERVATION"


class UnknownVoucher(LedgerRefusal):
    """No voucher has this id or code."""

    code = "UNKNOWN_VOUCHER"


class UnknownPromo(LedgerRefusal):
    """The running catalogue has no such promotion."""

    code = "UNKNOWN_PROMO"


class UnknownTariff(LedgerRefusal):
    """No tariff has this code."""

    code = "UNKNOWN_TARIFF"


class Conflict(LedgerRefusal):
    """A known id came again with other figures."""

    code = "CONFLICT"


class AlreadyMember(LedgerRefusal):
    """The subscription is an active member."""

    code = "ALREADY_MEMBER"


class ConfirmLapse(LedgerRefusal):
    """Leaving must be confirmed; `details["lapses"]` maps bonus, pending and cashback to the sums that lapse."""

    code = "CONFIRM_LAPSE"


class Expired(LedgerRefusal):
    """The reservation or voucher is past its end."""

    code = "EXPIRED"


class WrongState(LedgerRefusal):
    """The thing is known, but not in a state that allows this."""

    code = "WRONG_STATE"


class TermsRequired(LedgerRefusal):
    """The programme's terms must be accepted first."""

    code = "TERMS_REQUIRED"


class BlockedInvestigation(LedgerRefusal):
    """An `investigation` block stands."""

    code = "BLOCKED_INVESTIGATION"


class BlockedMnp(LedgerRefusal):
    """An `mnp` block stands."""

    code = "BLOCKED_MNP"


class BlockedFinal(LedgerRefusal):
    """A `final` block stands."""

    code = "BLOCKED_FINAL"


class FullFormRequired(LedgerRefusal):
    """Off-net numbers join with name, birth date and e-mail only."""

    code = "FULL_FORM_REQUIRED"


class NotMember(LedgerRefusal):
    """The subscription is not an active member."""

    code = "NOT_MEMBER"


class CeilingBroken(LedgerRefusal):
    """A catalogue percent is above its category's ceiling; `details` has partner and limit, and all `errors`."""

    code = "CEILING"


class InsufficientFunds(LedgerRefusal):
    """Not enough money, and part payment is off (or the balance cannot give this sum)."""

    code = "INSUFFICIENT_FUNDS"


class ExceedsHold(LedgerRefusal):
    """More was to be committed than is held."""

    code = "EXCEEDS_HOLD"


class ExceedsCharge(LedgerRefusal):
    """More was to be refunded than was drawn."""

    code = "EXCEEDS_CHARGE"


class ExceedsPrice(LedgerRefusal):
    """A voucher above the handset's price."""

    code = "EXCEEDS_PRICE"


class NotDue(LedgerRefusal):
    """The month has not begun."""

    code = "NOT_DUE"


class NotEligible(LedgerRefusal):
    """This contract or this programme's switches do not allow it."""

    code = "NOT_ELIGIBLE"


class TransferNotAvailable(LedgerRefusal):
    """Cashback never goes to another number."""

    code = "TRANSFER_NOT_AVAILABLE"


class NoCashOut(LedgerRefusal):
    """Cashback never becomes money."""

    code = "NO_CASH_OUT"
