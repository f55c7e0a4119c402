"""Rewards, splits and deadlines against oracles that share no code with them."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from billing.calendar import deadline_after, next_first, period_of, period_start
from billing.catalogue import Catalogue
from billing.charging import split_charge
from billing.decision import Context
from billing.draft import Draft
from billing.earning import reward_of
from billing.programme import Programme
from billing.records import Balances, Reward, Subscription
from billing.words import ChargeType, Rounding

ORACLE = {
    Rounding.ARITHMETIC_MIN1: ROUND_HALF_UP,
    Rounding.HALF_DOWN: ROUND_HALF_DOWN,
    Rounding.FLOOR: ROUND_FLOOR,
}
ZONES = ("Europe/Moscow", "Europe/Chisinau", "Asia/Vladivostok", "America/New_York", "UTC")
NOW = datetime(2025, 4, 1, tzinfo=UTC)

goods = st.integers(1, 10**9)
percents = st.integers(0, 100_000_000)
instants = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - zone beside
zones = st.sampled_from(ZONES).map(ZoneInfo)
money = st.integers(0, 10_000)


@given(rounding=st.sampled_from(Rounding), goods=goods, percent=percents)
def test_a_reward_is_the_exact_product_rounded_once(rounding: Rounding, goods: int, percent: int) -> None:
    raw = Decimal(goods) / 100 * Decimal(percent) / 1_000_000 / 100
    expected = 0 if raw < 1 else int(raw.quantize(Decimal(1), ORACLE[rounding])) * 100
    assert reward_of(Reward(percent=percent), goods, rounding) == expected


@given(rounding=st.sampled_from(Rounding), goods=goods, more=goods, percent=percents)
def test_more_goods_never_earn_less(rounding: Rounding, goods: int, more: int, percent: int) -> None:
    promise = Reward(percent=percent)
    assert reward_of(promise, goods, rounding) <= reward_of(promise, goods + more, rounding)


@given(
    cashback=money,
    held_cashback=money,
    main=st.integers(-5000, 10_000),
    held_main=money,
    limit=st.integers(5000, 8000),
    used=money,
    cap=st.none() | money,
    amount=st.integers(1, 30_000),
)
def test_a_charge_is_split_as_if_paid_kopeck_by_kopeck(
    *,
    cashback: int,
    held_cashback: int,
    main: int,
    held_main: int,
    limit: int,
    used: int,
    cap: int | None,
    amount: int,
) -> None:
    held_cashback, held_main = min(held_cashback, cashback), max(0, min(held_main, main))
    balances = Balances(
        subscription_id=1,
        cashback=cashback,
        main=main,
        held_cashback=held_cashback,
        held_main=held_main,
        credit_limit=limit,
        credited_period="2025-04",
        cap_period="2025-04",
        cap_used=used,
    )
    programme = Programme(monthly_spend_cap=cap)
    context = Context(now=NOW, programme=programme, catalogue=Catalogue(partners={}, promos={}), ids=None)
    draft = Draft(Subscription(subscription_id=1, msisdn="7", created_at=NOW), balances, context)
    split = split_charge(draft, ChargeType.USAGE, amount, programme)
    allowed = cashback - held_cashback
    if cap is not None:
        allowed = min(allowed, max(0, cap - used - held_cashback))
    funds = ["cashback"] * allowed + ["main"] * (main - held_main + limit)
    paid = funds[:amount]
    assert split.cashback == paid.count("cashback")
    assert split.main == paid.count("main")
    assert split.unpaid == amount - len(paid)


@given(instant=instants, zone=zones)
def test_every_instant_lies_in_exactly_one_month(instant: datetime, zone: ZoneInfo) -> None:
    period = period_of(instant, zone)
    following = next_first(instant, zone)
    start = period_start(period, zone)
    end = period_start(following.strftime("%Y-%m"), zone)
    assert start <= instant < end
    assert following.day == 1


@given(instant=instants, days=st.integers(1, 400), zone=zones)
def test_a_deadline_is_the_first_instant_of_the_day_after_the_last_good_one(
    instant: datetime, days: int, zone: ZoneInfo
) -> None:
    last_day = instant.astimezone(zone).date() + timedelta(days=days)
    deadline = deadline_after(instant, days, zone)
    assert deadline == datetime.combine(last_day + timedelta(days=1), time.min, zone)
    assert (deadline - timedelta(microseconds=1)).astimezone(zone).date() == last_day


def test_a_leap_day_is_a_day_like_others() -> None:
    paid = datetime(2024, 2, 29, 12, tzinfo=UTC)
    assert deadline_after(paid, 366, ZoneInfo("UTC")).date() == date(2025, 3, 2)
    assert period_of(paid, ZoneInfo("UTC")) == "2024-02"
