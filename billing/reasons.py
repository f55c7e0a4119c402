"""Why a reward stands as it stands, in a sentence or two that customer care can read out (English). Pure.

"Where is my cashback?" is asked about one order: the answer names the shop, the figure that decided and the day.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from billing.calendar import first_of, local_date, next_period
from billing.money import format_money
from billing.records import Accrual
from billing.words import AccrualState, Reason


def explain(accrual: Accrual, zone: ZoneInfo) -> str:
    """What became of an order's reward and why, with days of the operator's zone."""
    parts = [_SENTENCES[accrual.state](accrual, zone)]
    if accrual.override_reason is not None:
        parts.append(f"An operator let it through: {accrual.override_reason}.")
    return " ".join(parts)


def _pending(accrual: Accrual, zone: ZoneInfo) -> str:
    last_day = _day(accrual.deadline, zone, is_exclusive=True)
    returned = f" Goods for {format_money(accrual.returned_goods)} came back." if accrual.returned_goods else ""
    return (
        f"{_paid(accrual, zone)}; {accrual.partner_name} has until {last_day} to confirm it, then"
        f" {format_money(accrual.reward)} accrues.{returned}"
    )


def _accrued(accrual: Accrual, zone: ZoneInfo) -> str:
    due = first_of(next_period(accrual.accrued_period)).isoformat()
    return (
        f"{_confirmed(accrual, zone)}; it becomes cashback on {due}, or on the 1st after an investigation that holds"
        " it. On corporate and other operators' numbers it stays bonus, for a handset voucher."
        f"{_taken(accrual)}"
    )


def _credited(accrual: Accrual, zone: ZoneInfo) -> str:
    return (
        f"{_confirmed(accrual, zone)} and became cashback; it pays charges before the main balance.{_taken(accrual)}"
    )


def _rejected(accrual: Accrual, zone: ZoneInfo) -> str:
    return f"{_paid(accrual, zone)}, without reward: {_because(accrual, zone)}."


def _expired(accrual: Accrual, zone: ZoneInfo) -> str:
    last_day = _day(accrual.deadline, zone, is_exclusive=True)
    return (
        f"{_paid(accrual, zone)}; {accrual.partner_name} did not confirm it by {last_day}, the last day for it."
        " An operator can let it through."
    )


def _reversed(accrual: Accrual, zone: ZoneInfo) -> str:
    return (
        f"{_paid(accrual, zone)}; goods for {format_money(accrual.returned_goods)} came back and the reward of"
        f" {format_money(accrual.reversed_sum)} was taken back{_on(accrual, zone)}."
    )


def _lapsed(accrual: Accrual, zone: ZoneInfo) -> str:
    return (
        f"{_paid(accrual, zone)} and confirmed{_on_day(accrual.confirmed_at, zone)}; the membership ended"
        f"{_on(accrual, zone)} before the reward became cashback, and it lapsed."
    )


_SENTENCES: Mapping[AccrualState, Callable[[Accrual, ZoneInfo], str]] = {
    AccrualState.PENDING: _pending,
    AccrualState.ACCRUED: _accrued,
    AccrualState.CREDITED: _credited,
    AccrualState.REJECTED: _rejected,
    AccrualState.EXPIRED: _expired,
    AccrualState.REVERSED: _reversed,
    AccrualState.LAPSED: _lapsed,
}

_REASONS: Mapping[Reason, Callable[[Accrual], str]] = {
    Reason.NO_CLICK: lambda one: (
        f"the member did not come to {one.partner_name} through the programme, or too long before the payment; ad"
        " blockers, blocked cookies and direct visits lose the click"
    ),
    Reason.NOT_MEMBER_AT_PURCHASE: lambda _: "the subscriber was not a member when it was paid",
    Reason.CHANNEL: lambda one: f"it was placed in {one.partner_name}'s mobile site or app, which does not count",
    Reason.BELOW_MIN_PURCHASE: lambda one: (
        f"the goods cost {format_money(one.goods - min(one.goods, one.returned_goods))}, the smallest purchase that"
        f" earns is {format_money(one.min_purchase)}"
    ),
    Reason.BELOW_MIN: lambda _: "the reward comes to less than the smallest sum that is credited",
    Reason.REJECTED_BY_SHOP: lambda one: f"{one.partner_name} rejected it",
    Reason.RETURNED: lambda one: (
        f"goods for {format_money(one.returned_goods)} came back before it was confirmed, what was kept earns nothing"
    ),
    Reason.LEFT: lambda _: "the membership ended before it was confirmed",
    Reason.LATE: lambda one: f"{one.partner_name} did not confirm it in time",
    Reason.OVERRIDDEN: lambda _: "an operator decided so",
}
"""Why there is none, for every reason there is."""


def _because(accrual: Accrual, zone: ZoneInfo) -> str:
    if accrual.reason is None:
        raise AssertionError(f"a rejected reward without reason: {accrual.partner}:{accrual.order_id}")
    return _REASONS[accrual.reason](accrual) + _on(accrual, zone)


def _paid(accrual: Accrual, zone: ZoneInfo) -> str:
    return f"Paid at {accrual.partner_name} on {_day(accrual.paid_at, zone)} for {format_money(accrual.goods)}"


def _confirmed(accrual: Accrual, zone: ZoneInfo) -> str:
    earned = format_money(accrual.reward + accrual.reversed_sum)
    return f"{_paid(accrual, zone)} and confirmed{_on_day(accrual.confirmed_at, zone)}: {earned} accrued"


def _taken(accrual: Accrual) -> str:
    if not accrual.reversed_sum:
        return ""
    return f" Returns took {format_money(accrual.reversed_sum)} back, {format_money(accrual.reward)} is left."


def _on(accrual: Accrual, zone: ZoneInfo) -> str:
    return _on_day(accrual.ended_at, zone)


def _on_day(at: datetime | None, zone: ZoneInfo) -> str:
    return "" if at is None else f" on {_day(at, zone)}"


def _day(at: datetime, zone: ZoneInfo, *, is_exclusive: bool = False) -> str:
    """The day of an instant; of an exclusive bound the last day before it."""
    return local_date(at - timedelta(microseconds=1) if is_exclusive else at, zone).isoformat()
