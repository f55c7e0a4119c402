"""The programme's switches and its plain arithmetic, written from the rules and from nothing else.

Part of the reference ledger. Money is kopecks in an int, a reward is an exact fraction until it is
rounded, an instant is an aware datetime. Numbers in comments are rules of the programme.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from math import ceil, floor
from zoneinfo import ZoneInfo

CEILING_PERCENT = {"shop": Fraction(25), "travel": Fraction(15), "leisure": Fraction(50)}
AHEAD_MAX = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Programme:
    """Every switch of the programme, with its default."""

    zone: str = "Europe/Moscow"
    main_balance: str = "internal"
    welcome_bonus: int = 50_00
    rounding: str = "arithmetic_min1"
    confirm_days_max: int = 90
    returns_after_credit: str = "claw"
    leave_credited: str = "keep"
    held_release: str = "next_first"
    offnet_registration: bool = True
    rate_at: str = "click"
    click_valid_minutes: int = 1440
    credit_on_demand: bool = True
    part_payment: bool = True
    spend_types: frozenset[str] | None = None
    monthly_spend_cap: int | None = None
    voucher_days: int = 180

    def local_date(self, instant: datetime) -> date:
        """Days and months are the operator's."""
        return instant.astimezone(ZoneInfo(self.zone)).date()

    def midnight(self, day: date) -> datetime:
        """The first instant of a day in the operator's zone."""
        return datetime.combine(day, time(0), tzinfo=ZoneInfo(self.zone)).astimezone(UTC)

    def month(self, instant: datetime) -> str:
        return self.local_date(instant).strftime("%Y-%m")

    def next_first(self, instant: datetime) -> date:
        """The 1st that follows: what accrues at the first instant of a month waits a month (25)."""
        return (self.local_date(instant).replace(day=1) + timedelta(days=32)).replace(day=1)

    def too_late_from(self, paid_at: datetime, partner_days: int | None) -> datetime:
        """The first instant at which a confirmation is late (20)."""
        days = self.confirm_days_max
        if partner_days is not None:
            days = min(days, partner_days)
        return self.midnight(self.local_date(paid_at) + timedelta(days=days + 1))

    def round_reward(self, roubles: Fraction) -> int:
        """Kopecks of whole roubles (15).

        open: whether "raw under 1.00 gives nothing" also holds for `half_down`. It is said before
        the switch is named, so it holds for all of them.
        """
        if roubles < 1:
            return 0
        if self.rounding == "floor":
            return floor(roubles) * 100
        if self.rounding == "half_down":
            return ceil(roubles - Fraction(1, 2)) * 100
        return floor(roubles + Fraction(1, 2)) * 100


@dataclass(frozen=True, kw_only=True)
class Terms:
    """One version of a partner's terms."""

    code: str
    name: str
    category: str = "shop"
    percent: Fraction | None = None
    fixed: int | None = None
    min_purchase: int = 0
    confirm_days: int | None = None
    app_allowed: bool = False
    valid_from: datetime | None = None

    def reward(self, programme: Programme, goods: int) -> int:
        """What goods of so many kopecks earn; nothing below the minimum purchase.

        open: whether a fixed sum is rounded too. It was promised as a sum (12) and is kept as one.
        """
        if goods <= 0 or goods < self.min_purchase:
            return 0
        if self.fixed is not None:
            return self.fixed
        assert self.percent is not None
        return programme.round_reward(Fraction(goods, 100) * self.percent / 100)


@dataclass(frozen=True, kw_only=True)
class Promo:
    """A promotion: a sum per action, or a raised percent at one partner."""

    code: str
    name: str
    amount: int | None = None
    percent: Fraction | None = None
    partner: str | None = None
    uncapped: bool = False
    starts: datetime | None = None
    ends: datetime | None = None

    def runs_at(self, instant: datetime) -> bool:
        """open: whether `to` itself is still inside. Intervals of the interface are half open."""
        if self.starts is not None and instant < self.starts:
            return False
        return self.ends is None or instant < self.ends
