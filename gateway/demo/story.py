"""The story: two people, one order, one 1st of the month. Every step says what must be, and is checked against it.

Steps are told by anybody who acts like a World; the dates follow the clock, so that any start tells the same story.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from gateway.cli.output import Style, columns
from gateway.cli.people import subscriber_path
from gateway.demo.errors import StoryDiffers
from gateway.demo.narrator import Kind
from gateway.demo.world import Posting, World

A = "79160000001"
C = "79160000003"
ORDER = "demo-order-1"
CONFIRM_DAY = 20
MORNING = time(9)
NOON = time(12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """When things happen. `begin` is None where the clock stands well already."""

    begin: datetime | None
    confirm: datetime
    first: datetime
    morning: datetime

    @property
    def first_shown(self) -> str:
        """The 1st as texts name it: 01.04."""
        return f"{self.first:%d.%m}"


class Step(NamedTuple):
    """One step: its title, and what is done and must be."""

    title: str
    tell: Callable[[World, Dates], None]


def dates_from(now: datetime, zone: ZoneInfo) -> Dates:
    """The story's dates in the month of `now`, or in the next one where the 20th has passed."""
    local = now.astimezone(zone)
    begin = None
    if local >= _at(local.date().replace(day=CONFIRM_DAY), NOON, zone):
        begin = _at(_next_month(local.date()).replace(day=3), NOON, zone)
    month = (begin or local).date()
    first = _next_month(month)
    return Dates(
        begin=begin,
        confirm=_at(month.replace(day=CONFIRM_DAY), NOON, zone),
        first=_at(first, time.min, zone),
        morning=_at(first, MORNING, zone),
    )


def tell(world: World) -> None:
    """Tell the whole story.

    Raises:
        StoryDiffers: the first thing that was not what it must be.
    """
    world.name("A", A)
    world.name("C", C)
    dates = dates_from(world.now(), world.zone)
    if dates.begin is not None:
        world.clock_to(dates.begin)
    for step in STEPS:
        world.narrator.remark(f"— {step.title}")
        step.tell(world, dates)


def expect(what: str, expected: Any, seen: Any) -> None:
    """Make sure that what is seen is what must be."""
    if expected != seen:
        raise StoryDiffers(what, expected=expected, seen=seen)


def _a_joins(world: World, dates: Dates) -> None:
    world.api("PUT", subscriber_path(A), {"contract": "individual", "tariff": "smart", "language": "ru"})
    world.does(A, f"{A} is the operator's subscriber: individual, tariff smart 650.00")
    topped = world.api("POST", "/v1/topups", {"topup_id": "demo-topup-1", "msisdn": A, "amount": "800.00"})
    expect("main after the top-up", "800.00", topped["main"])
    _booked(world, A, ("topup", "cash_in", "main", "800.00"))
    _joins(world, A, "A")
    expect("A's *100*1#", f"Кэшбэк:0р\nС {dates.first_shown}:+50р\nОжидает:0р", world.dial(A, "*100*1#"))


def _c_joins(world: World, _dates: Dates) -> None:
    world.api("PUT", subscriber_path(C), {"contract": "corporate", "tariff": "zero", "language": "ru"})
    world.does(C, f"{C} is a corporate subscriber: tariff zero")
    _joins(world, C, "C")


def _joins(world: World, msisdn: str, letter: str) -> None:
    world.does(msisdn, "joins on the web page, terms accepted")
    body = {"msisdn": msisdn, "channel": "web", "accept_terms": True, "terms_version": "1"}
    joined = world.api("POST", "/v1/members", body)
    expect(f"{letter}'s membership", ("active", "50.00"), (joined["membership"], joined["welcome_bonus"]))
    _booked(world, msisdn, ("welcome", "programme_expense", "bonus", "50.00"))
    _got(world, msisdn, "Вы участник программы Кэшбэк. Бонус 50 р. Баланс: *100*1#")


def _a_buys(world: World, dates: Dates) -> None:
    order = {"msisdn": A, "order_id": ORDER, "goods": "2000.00", "delivery": "300.00", "channel": "web"}
    answer = world.shop("ozon", "", order)
    world.does(A, "buys at Ozon: 2000.00 and 300.00 delivery", kind=Kind.SHOP, note=f"order {answer['state']}")
    expect("the order", ("pending", "100.00"), (answer["state"], answer["reward"]))
    _booked(world, A)
    expect("what is pending", "100.00", world.balance(A)["pending"])
    world.clock_to(dates.confirm)
    answer = world.shop("ozon", f"/{ORDER}/confirm", {})
    world.does(A, "Ozon confirms the order", kind=Kind.SHOP, note=f"order {answer['state']}")
    expect("the order after it was confirmed", ("accrued", "100.00"), (answer["state"], answer["reward"]))
    _booked(world, A, ("accrual", "programme_expense", "bonus", "100.00"))
    _got(world, A, f"Начислено 100 р кэшбэка: Ozon. Доступно с {dates.first_shown}. Баланс: *100*1#")


def _the_first(world: World, dates: Dates) -> None:
    world.clock_to(dates.first)
    _booked(
        world,
        A,
        ("credit", "bonus", "cashback", "150.00"),
        ("charge", "cashback", "revenue", "150.00"),
        ("charge", "main", "revenue", "500.00"),
    )
    _booked(world, C)
    _got(world, A)
    world.clock_to(dates.morning)
    _got(
        world,
        A,
        "Кэшбэк 150 р зачислен на счет и тратится первым. *100*1#",
        "Счет 650 р: кэшбэк 150 р, основной счет 500 р.",
    )


def _a_dials(world: World, _dates: Dates) -> None:
    expect("A's *100#", "Баланс:300,00р\nКэшбэк:0р", world.dial(A, "*100#"))
    expect("A's *100*3#", "Счет 650 р: кэшбэк 150 р, основной счет 500 р.", world.dial(A, "*100*3#"))
    _owns(world, A, main="300.00", cashback="0.00", bonus="0.00", pending="0.00")


def _c_takes_a_voucher(world: World, _dates: Dates) -> None:
    expect("C's *100*1#", "Бонус:50р\nТолько на телефон", world.dial(C, "*100*1#"))
    body = {"voucher_id": "demo-voucher-1", "msisdn": C, "amount": "50.00", "handset_price": "5000.00"}
    voucher = world.api("POST", "/v1/vouchers", body)
    world.does(C, f"takes a voucher of {voucher['amount']} for a handset of 5000.00", note=voucher["code"])
    expect("the voucher", ("issued", "50.00"), (voucher["state"], voucher["amount"]))
    _booked(world, C, ("voucher", "bonus", "voucher", "50.00"))
    until = datetime.fromisoformat(voucher["valid_until"])
    _got(world, C, f"Ваучер на телефон 50 р: {voucher['code']}, до {until:%d.%m.%Y}")
    _owns(world, C, main="0.00", cashback="0.00", bonus="0.00", pending="0.00")


def _the_ledger(world: World, _dates: Dates) -> None:
    _got(world, A)
    _got(world, C)
    verdict = world.api("GET", "/v1/ledger/verify")
    expect("ledger verify", (True, []), (verdict["ok"], verdict["violations"]))
    world.narrator.remark("ledger verified", style=Style.GOOD)
    rows = [
        {
            "who": letter,
            **{name: str(one[name]) for name in ("entry_no", "booked_at", "kind", "from", "to", "amount")},
        }
        for letter, msisdn in (("A", A), ("C", C))
        for one in world.statement(msisdn)
    ]
    world.narrator.table(
        columns([list(row.values()) for row in rows], headings=list(rows[0]), right=frozenset({1, 6})), rows
    )


def _booked(world: World, msisdn: str, *expected: Posting) -> None:
    expect(f"what was booked for {msisdn}", list(expected), world.postings(msisdn))


def _got(world: World, msisdn: str, *expected: str) -> None:
    expect(f"the SMS of {msisdn}", list(expected), world.sms(msisdn, len(expected)))


def _owns(world: World, msisdn: str, **expected: str) -> None:
    balance = world.balance(msisdn)
    expect(f"the balances of {msisdn}", expected, {name: balance[name] for name in expected})


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def _at(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock, tzinfo=zone)


STEPS: Sequence[Step] = (
    Step("A joins the programme", _a_joins),
    Step("C, a corporate number, joins too", _c_joins),
    Step("A buys, the shop confirms", _a_buys),
    Step("The 1st: the bonus becomes cashback, and cashback pays the bill first", _the_first),
    Step("A looks", _a_dials),
    Step("C was not credited; C takes a voucher", _c_takes_a_voucher),
    Step("The ledger", _the_ledger),
)
