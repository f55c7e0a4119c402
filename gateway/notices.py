"""Ledger events become messages to subscribers: which kind, with which figures, and when they may go. Pure.

The ledger's transaction stores them (`sms.outbox.store`), so money and its notice commit together. Registered,
left, voucher, port-out and keyword answers and the USSD balance go at once; all others wait for the end of quiet
hours on the subscriber's clock.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from pydantic_core import to_json

from billing.events import (
    AccrualRejected,
    BillPaidFromCashback,
    CashbackAccrued,
    CashbackCredited,
    CashbackReversed,
    CashbackUsedUp,
    LedgerEvent,
    MemberLeft,
    MemberRegistered,
    PortOutWarned,
    VoucherIssued,
)
from billing.records import Subscription
from gateway.texts import NoticeKind
from sms.outbox.model import NewMessage, Priority
from sms.outbox.quiet import QuietHours

AT_ONCE = frozenset(
    {
        NoticeKind.REGISTERED,
        NoticeKind.LEFT,
        NoticeKind.VOUCHER,
        NoticeKind.PORT_OUT,
        NoticeKind.KEYWORD,
        NoticeKind.BALANCE,
    }
)
"""Kinds that somebody waits for: they go at any hour and overtake the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When messages may go: the business instant, the quiet hours and the operator's zone."""

    now: datetime
    quiet: QuietHours
    zone: ZoneInfo


def notices_for(events: Iterable[LedgerEvent], timing: Timing) -> list[NewMessage]:
    """The messages of some events, in their order. A subscription without a number gets none."""
    return [
        message_for(event.subscription, kind, event.ref, params=params, timing=timing)
        for event in events
        if event.subscription.msisdn and type(event) in _FORMS
        for kind, params in (_FORMS[type(event)](event),)
    ]


def message_for(
    subscription: Subscription, kind: NoticeKind, ref: str, *, params: Mapping[str, object], timing: Timing
) -> NewMessage:
    """One message. `ref` makes it unique within its kind: queued once, however often it is asked for."""
    is_urgent = kind in AT_ONCE
    zone = timing.zone if subscription.time_zone is None else ZoneInfo(subscription.time_zone)
    return NewMessage(
        message_id=f"{kind}:{ref}",
        subscription_id=subscription.subscription_id,
        msisdn=subscription.msisdn,
        kind=kind.value,
        params=to_json(params).decode("utf-8"),
        created_at=timing.now,
        not_before=timing.now if is_urgent else timing.quiet.release_at(timing.now, zone),
        priority=Priority.URGENT if is_urgent else Priority.NOTICE,
        time_zone=None if is_urgent else zone.key,
    )


def _registered(event: MemberRegistered) -> tuple[NoticeKind, dict[str, object]]:
    return NoticeKind.REGISTERED, {"amount": event.welcome_bonus}


def _left(event: MemberLeft) -> tuple[NoticeKind, dict[str, object]]:
    return NoticeKind.LEFT, {"amount": event.lapsed}


def _accrued(event: CashbackAccrued) -> tuple[NoticeKind, dict[str, object]]:
    day = None if event.spendable_from is None else event.spendable_from.isoformat()
    return NoticeKind.ACCRUED, {"amount": event.amount, "partner": event.source_name, "date": day}


def _rejected(event: AccrualRejected) -> tuple[NoticeKind, dict[str, object]]:
    return NoticeKind.REJECTED, {"amount": event.amount, "partner": event.source_name}


def _reversed(event: CashbackReversed) -> tuple[NoticeKind, dict[str, object]]:
    return NoticeKind.REVERSED, {"amount": event.amount, "partner": event.source_name}


def _credited(event: CashbackCredited) -> tuple[NoticeKind, dict[str, object]]:
    return NoticeKind.CREDITED, {"amount": event.amount}


def _bill(event: BillPaidFromCashback) -> tuple[NoticeKind, dict[str, object]]:
    return NoticeKind.BILL, {"amount": event.amount, "cashback": event.cashback, "main": event.main}


def _used_up(_event: CashbackUsedUp) -> tuple[NoticeKind, dict[str, object]]:
    return NoticeKind.USED_UP, {}


def _voucher(event: VoucherIssued) -> tuple[NoticeKind, dict[str, object]]:
    figures = {"amount": event.amount, "code": event.code, "date": event.valid_until.isoformat()}
    return NoticeKind.VOUCHER, figures


def _port_out(event: PortOutWarned) -> tuple[NoticeKind, dict[str, object]]:
    return NoticeKind.PORT_OUT, {"amount": event.at_stake}


_FORMS: Mapping[type[LedgerEvent], Callable[..., tuple[NoticeKind, dict[str, object]]]] = {
    MemberRegistered: _registered,
    MemberLeft: _left,
    CashbackAccrued: _accrued,
    AccrualRejected: _rejected,
    CashbackReversed: _reversed,
    CashbackCredited: _credited,
    BillPaidFromCashback: _bill,
    CashbackUsedUp: _used_up,
    VoucherIssued: _voucher,
    PortOutWarned: _port_out,
}
