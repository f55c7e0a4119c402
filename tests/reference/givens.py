"""What the random runs are made of: numbers, sums, prices, instants, switches and catalogues."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from random import Random
from typing import Any

from reference.rules import Programme, Promo, Terms

A, B, C, OFF, SPARE = "79160000001", "79160000002", "79160000003", "79030000009", "79160000077"
NUMBERS = (A, A, A, B, C, OFF, SPARE)
SUMS = (1, 50, 99, 100, 30_00, 50_00, 80_00, 99_99, 150_00, 500_00, 650_00)
GOODS = (10_00, 10_20, 19_80, 20_00, 29_80, 30_00, 33_33, 90_00, 700_00, 999_99, 1000_00, 2000_00, 4000_00)
PARTNERS = ("ozon", "ozon", "aliexpress", "domino", "booking")
TYPES = ("tariff_fee", "usage", "service", "content", "subscription")
CHANNELS = ("web", "web", "web", "mobile_site", "partner_app")
BLOCKS = ("voluntary", "investigation", "investigation", "mnp", "final")
SECOND = timedelta(seconds=1)
STEPS = tuple(timedelta(seconds=s) for s in (0, 1, 599, 600, 86_399, 86_400, 7 * 86_400, 31 * 86_400, 90 * 86_400))
STARTS = (
    "2025-03-03T09:00:00+00:00",
    "2024-02-28T20:59:59+00:00",
    "2025-12-31T20:59:00+00:00",
    "2025-03-29T22:00:00+00:00",
)


def start(rng: Random) -> datetime:
    return datetime.fromisoformat(rng.choice(STARTS))


def programme(rng: Random) -> Programme:
    """Every switch, more often at its default."""

    def switch(default: Any, *others: Any) -> Any:
        return rng.choice((default, default, *others))

    return Programme(
        zone=switch("Europe/Moscow", "UTC", "Asia/Vladivostok", "Europe/Chisinau"),
        main_balance=switch("internal", "internal", "external"),
        welcome_bonus=switch(50_00, 0),
        rounding=switch("arithmetic_min1", "half_down", "floor"),
        confirm_days_max=switch(90, 30),
        returns_after_credit=switch("claw", "keep"),
        leave_credited=switch("keep", "lapse"),
        held_release=switch("next_first", "at_once"),
        offnet_registration=switch(True, True, False),
        rate_at=switch("click", "payment"),
        click_valid_minutes=switch(1440, 10),
        credit_on_demand=switch(True, True, False),
        part_payment=switch(True, False),
        spend_types=switch(None, frozenset({"usage", "tariff_fee"})),
        monthly_spend_cap=switch(None, 100_00),
        voucher_days=switch(180, 1),
    )


def catalogue(kind: int, now: datetime) -> tuple[list[Terms], list[Promo]]:
    """Some catalogues: terms that change in time, raised percents, a partner left out, a broken ceiling."""
    ozon = Terms(code="ozon", name="Ozon", percent=Fraction(5))
    ali = Terms(code="aliexpress", name="AliExpress", percent=Fraction(7), app_allowed=True, confirm_days=30)
    domino = Terms(code="domino", name="Domino's", category="leisure", fixed=99_50, min_purchase=1000_00)
    booking = Terms(code="booking", name="Booking", category="travel", percent=Fraction("4.5"), min_purchase=50_00)
    quiz = Promo(code="quiz", name="Quiz")
    poll = Promo(code="poll", name="Poll", amount=30_00, ends=now + timedelta(days=40))
    if kind == 1:
        later = Terms(code="ozon", name="Ozon 10", percent=Fraction(10), valid_from=now + timedelta(hours=1))
        return [ozon, later, ali, domino, booking], [quiz, poll]
    if kind == 2:
        return [ali, domino], [quiz]
    if kind == 3:
        raised = Promo(code="spring", name="Spring", percent=Fraction(30), partner="ozon", starts=now)
        return [ozon, ali, domino, booking], [quiz, raised]
    if kind == 4:
        raised = Promo(code="spring", name="Spring", percent=Fraction(30), uncapped=True)
        return [ozon, ali, domino, booking], [quiz, poll, raised]
    if kind == 5:
        return [Terms(code="ozon", name="Ozon", percent=Fraction("25.01")), ali], [quiz]
    return [ozon, ali, domino, booking], [quiz, poll]
