"""How much a link with a contracted rate is written ahead of itself."""

from datetime import UTC, datetime
from typing import Any

from twisted.internet.task import Clock

from sms.delivery.counters import DeliveryCounters
from sms.delivery.line import Line

RATE = 200.0


class _Wire:
    window = 10
    window_free = 10

    def try_request(self, pdu: Any, answered: Any) -> int:
        raise AssertionError((pdu, answered))


def _line() -> Line:
    line = Line(
        "sms",
        clock=Clock(),
        wall=lambda: datetime(2025, 4, 1, tzinfo=UTC),
        counters=DeliveryCounters(),
        rate_per_s=RATE,
        fault=lambda _name: None,
        on_room=lambda: None,
        may_write=lambda: True,
    )
    line.up(_Wire())
    return line


def test_a_quick_database_is_asked_for_a_tenth_of_a_second() -> None:
    line = _line()
    line.refilled_in(0.01)
    assert line.room() == 0.1 * RATE + 1


def test_a_busy_database_is_asked_for_as_much_as_lasts_while_more_is_fetched() -> None:
    line = _line()
    line.refilled_in(0.2)
    line.refilled_in(0.001)
    assert line.room() > 2 * 0.2 * RATE


def test_what_a_kill_leaves_in_doubt_stays_bounded_however_slow_the_database() -> None:
    line = _line()
    line.refilled_in(60.0)
    assert line.room() == 0.75 * RATE + 1
