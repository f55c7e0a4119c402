"""The programme's switches (domain.md), with the defaults given there, as one immutable value."""

from datetime import timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from billing.money import Kopecks, Micropercent
from billing.words import Category, ChargeType, Rounding

CEILINGS: dict[Category, Micropercent] = {
    Category.SHOP: 25_000_000,
    Category.TRAVEL: 15_000_000,
    Category.LEISURE: 50_000_000,
}
"""Rule 13: the largest percent a category may promise."""


MOSCOW = ZoneInfo("Europe/Moscow")
"""The operator's zone unless configured."""


class Programme(Struct, frozen=True, kw_only=True):
    """Every rule that is configuration; each field is a key of the `programme` section."""

    zone: ZoneInfo = MOSCOW
    main_balance: Literal["internal", "external"] = "internal"
    welcome_bonus: Kopecks = 5000
    rounding: Rounding = Rounding.ARITHMETIC_MIN1
    confirm_days_max: int = 90
    returns_after_credit: Literal["claw", "keep"] = "claw"
    leave_credited: Literal["keep", "lapse"] = "keep"
    held_release: Literal["next_first", "at_once"] = "next_first"
    offnet_registration: bool = True
    rate_at: Literal["click", "payment"] = "click"
    click_valid: timedelta = timedelta(minutes=1440)
    credit_on_demand: bool = True
    part_payment: bool = True
    spend_types: frozenset[ChargeType] = frozenset(ChargeType)
    monthly_spend_cap: Kopecks | None = None
    voucher_days: int = 180
