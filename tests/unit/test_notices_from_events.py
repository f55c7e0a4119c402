"""Which message an event becomes, once, and at which hour."""

import json
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from billing import events
from billing.records import Subscription
from gateway import notices
from gateway.notices import Timing, notices_for
from gateway.texts import render
from sms.outbox.model import NewMessage, Priority
from sms.outbox.quiet import QuietHours

MOSCOW = ZoneInfo("Europe/Moscow")
NOON = datetime(2025, 3, 3, 9, 0, tzinfo=UTC)
MIDNIGHT = datetime(2025, 3, 31, 21, 0, tzinfo=UTC)
NINE = datetime(2025, 4, 1, 6, 0, tzinfo=UTC)


def given_subscription(**changes: Any) -> Subscription:
    return Subscription(**{"subscription_id": 7, "msisdn": "79160000001", "created_at": NOON, **changes})


def sent(event: events.LedgerEvent, now: datetime = NOON) -> NewMessage:
    (message,) = notices_for([event], Timing(now=now, quiet=QuietHours(), zone=MOSCOW))
    return message


ALL: list[tuple[Any, dict[str, Any], str]] = [
    (events.MemberRegistered, {"welcome_bonus": 5000}, "registered"),
    (events.MemberLeft, {"lapsed": 8000}, "left"),
    (
        events.CashbackAccrued,
        {"amount": 5000, "source_name": "Ozon", "spendable_from": date(2025, 4, 1)},
        "accrued",
    ),
    (events.AccrualRejected, {"amount": 5000, "source_name": "Ozon"}, "rejected"),
    (events.CashbackReversed, {"amount": 5000, "source_name": "Ozon"}, "reversed"),
    (events.CashbackCredited, {"amount": 15000}, "credited"),
    (events.BillPaidFromCashback, {"amount": 65000, "cashback": 15000, "main": 50000, "unpaid": 0}, "bill"),
    (events.CashbackUsedUp, {}, "used_up"),
    (events.VoucherIssued, {"amount": 40000, "code": "ABCDEFGH2345", "valid_until": date(2025, 10, 1)}, "voucher"),
    (events.PortOutWarned, {"at_stake": 22000}, "port_out"),
]


@pytest.mark.parametrize(("event", "figures", "kind"), ALL)
def test_every_event_is_one_message_that_can_be_rendered(event: Any, figures: dict[str, Any], kind: str) -> None:
    message = sent(event(subscription=given_subscription(), ref="r-1", **figures))
    assert message.kind == kind
    assert message.message_id == f"{kind}:r-1"
    assert (message.subscription_id, message.msisdn) == (7, "79160000001")
    assert render(kind, json.loads(message.params), "ru")


def test_every_kind_of_event_has_its_message() -> None:
    kinds = {one for one in vars(events).values() if isinstance(one, type) and issubclass(one, events.LedgerEvent)}
    assert {event for event, _, _ in ALL} == kinds - {events.LedgerEvent, events.NumberChanged}
    assert set(notices._FORMS) == kinds - {events.LedgerEvent, events.NumberChanged}


@pytest.mark.parametrize(("event", "figures", "kind"), ALL)
def test_at_night_only_what_somebody_waits_for_goes(event: Any, figures: dict[str, Any], kind: str) -> None:
    message = sent(event(subscription=given_subscription(), ref="r-1", **figures), MIDNIGHT)
    if kind in {"registered", "left", "voucher", "port_out"}:
        assert (message.not_before, message.time_zone, message.priority) == (MIDNIGHT, None, Priority.URGENT)
    else:
        assert (message.not_before, message.time_zone) == (NINE, "Europe/Moscow")
        assert message.priority is Priority.NOTICE


def test_quiet_hours_are_the_subscribers_own() -> None:
    at_seven_in_moscow_and_two_in_vladivostok = datetime(2025, 4, 1, 16, 0, tzinfo=UTC)
    event = events.CashbackCredited(
        subscription=given_subscription(time_zone="Asia/Vladivostok"), ref="2025-04:7", amount=100
    )
    message = sent(event, at_seven_in_moscow_and_two_in_vladivostok)
    assert message.not_before == datetime(2025, 4, 1, 23, 0, tzinfo=UTC)
    assert message.time_zone == "Asia/Vladivostok"


def test_a_subscription_without_number_gets_nothing() -> None:
    event = events.MemberLeft(subscription=given_subscription(msisdn=""), ref="x", lapsed=1)
    assert notices_for([event], Timing(now=NOON, quiet=QuietHours(), zone=MOSCOW)) == []


def test_a_bonus_for_a_phone_names_no_date() -> None:
    message = sent(
        events.CashbackAccrued(
            subscription=given_subscription(), ref="o", amount=5000, source_name="Ozon", spendable_from=None
        )
    )
    assert "Можно потратить на телефон" in render("accrued", json.loads(message.params), "ru")
