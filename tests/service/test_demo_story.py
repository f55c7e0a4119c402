"""The story told against a fake operator: what it must notice, and what it must show."""

import io
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fake_operator import FakeOperator

from gateway.cli.client import Client
from gateway.cli.shell import Shell
from gateway.demo.errors import ChildDied, StoryDiffers
from gateway.demo.narrator import Narrator
from gateway.demo.story import A, C, dates_from, tell
from gateway.demo.world import World

MOSCOW = ZoneInfo("Europe/Moscow")


class Time:
    """A clock that only pauses move."""

    def __init__(self) -> None:
        self.at = 0.0

    def pause(self, seconds: float) -> None:
        self.at += seconds

    def seconds(self) -> float:
        return self.at


@pytest.fixture
def operator() -> Iterator[FakeOperator]:
    fake = FakeOperator()
    yield fake
    fake.stop()


def world_of(operator: FakeOperator, shell: Shell, watch: Any = lambda: None) -> World:
    return World(
        gateway=Client(operator.url, key="demo-key"),
        simulator=Client(operator.url),
        narrator=Narrator(shell, MOSCOW),
        waiting=Time(),
        zone=MOSCOW,
        watch=watch,
    )


def told(operator: FakeOperator, **options: bool) -> list[str]:
    out = io.StringIO()
    tell(world_of(operator, Shell(out=out, environ={}, **options)))
    return out.getvalue().splitlines()


def test_the_story_shows_every_text_and_posting_one_line_an_event(operator: FakeOperator) -> None:
    lines = told(operator)
    events = [line for line in lines if line[:2].isdigit()]
    sms = [line for line in events if "  SMS  " in line]
    postings = [line for line in events if "  posting  " in line]
    assert len(sms) == sum(len(inbox) for inbox in operator.inbox.values()) == 6
    assert len(postings) == sum(len(one) for one in operator.postings.values()) == 8
    assert all(
        line[13] in "AC " and line[16:].startswith(("api", "shop", "SMS", "USSD", "posting", "clock"))
        for line in events
    )
    assert "ledger verified" in lines
    assert any("*100# → Баланс:300,00р ⏎ Кэшбэк:0р" in line for line in lines)


def test_the_story_ends_with_a_table_of_all_postings(operator: FakeOperator) -> None:
    documents = [json.loads(line) for line in told(operator, json=True)]
    table = documents[-1]["postings"]
    assert [(row["who"], row["from"], row["to"], row["amount"]) for row in table] == [
        ("A", "cash_in", "main", "800.00"),
        ("A", "programme_expense", "bonus", "50.00"),
        ("A", "programme_expense", "bonus", "100.00"),
        ("A", "bonus", "cashback", "150.00"),
        ("A", "cashback", "revenue", "150.00"),
        ("A", "main", "revenue", "500.00"),
        ("C", "programme_expense", "bonus", "50.00"),
        ("C", "bonus", "voucher", "50.00"),
    ]


def test_a_screen_that_differs_ends_the_story_with_both_texts(operator: FakeOperator) -> None:
    screen = {"text": "Баланс:950,00р", "open": False, "failure": None, "coding": "ucs2", "octets": 28}
    operator.answers["POST", f"/sim/handsets/{A}/dial"] = (200, {**screen, "elapsed_ms": 1})
    with pytest.raises(StoryDiffers) as caught:
        told(operator)
    assert caught.value.what == "A's *100*1#"
    assert caught.value.expected == "Кэшбэк:0р\nС 01.04:+50р\nОжидает:0р"
    assert caught.value.seen == "Баланс:950,00р"


def test_an_sms_too_many_ends_the_story(operator: FakeOperator) -> None:
    operator._sms(C, "nobody asked for this")
    with pytest.raises(StoryDiffers, match="how many SMS C got"):
        told(operator)


def test_an_sms_that_never_comes_ends_the_story_after_the_limit(operator: FakeOperator) -> None:
    operator.answers["GET", f"/sim/handsets/{A}/inbox"] = (200, {"messages": []})
    with pytest.raises(StoryDiffers, match="1 SMS for A"):
        told(operator)


def test_a_refusal_where_the_story_wants_success_names_the_call_and_the_code(operator: FakeOperator) -> None:
    operator.answers["POST", "/v1/members"] = (422, {"code": "BLOCKED_MNP", "detail": "the number is leaving"})
    with pytest.raises(StoryDiffers, match=r"(?s)POST /v1/members.*422 BLOCKED_MNP"):
        told(operator)


def test_a_violation_of_the_ledger_ends_the_story(operator: FakeOperator) -> None:
    operator.answers["GET", "/v1/ledger/verify"] = (200, {"ok": False, "checked": 8, "violations": ["no. 3"]})
    with pytest.raises(StoryDiffers, match="ledger verify"):
        told(operator)


def test_money_booked_in_another_order_ends_the_story(
    operator: FakeOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    money = (("charge", "main", "revenue"), ("charge", "cashback", "revenue"), ("credit", "bonus", "cashback"))
    monkeypatch.setattr("fake_operator.MONEY_OF_THE_1ST", money)
    with pytest.raises(StoryDiffers, match=f"what was booked for {A}"):
        told(operator)


def test_a_dead_child_is_noticed_while_the_story_waits(operator: FakeOperator) -> None:
    def watch() -> None:
        raise ChildDied("the gateway ended by itself")

    operator.answers["GET", f"/sim/handsets/{A}/inbox"] = (200, {"messages": []})
    with pytest.raises(ChildDied):
        tell(world_of(operator, Shell(out=io.StringIO(), environ={}), watch))


@pytest.mark.parametrize(
    ("start", "begin", "confirm", "first"),
    [
        ("2025-03-03T12:00", None, "2025-03-20T12:00", "2025-04-01T00:00"),
        ("2025-03-20T11:59", None, "2025-03-20T12:00", "2025-04-01T00:00"),
        ("2025-03-20T12:00", "2025-04-03T12:00", "2025-04-20T12:00", "2025-05-01T00:00"),
        ("2025-12-31T23:59", "2026-01-03T12:00", "2026-01-20T12:00", "2026-02-01T00:00"),
    ],
)
def test_the_dates_follow_the_clock(start: str, begin: str | None, confirm: str, first: str) -> None:
    dates = dates_from(datetime.fromisoformat(f"{start}:00+03:00"), MOSCOW)
    shown = [None if one is None else f"{one:%Y-%m-%dT%H:%M}" for one in (dates.begin, dates.confirm, dates.first)]
    assert shown == [begin, confirm, first]


def test_a_late_start_tells_the_same_story_a_month_later(operator: FakeOperator) -> None:
    operator.now = datetime.fromisoformat("2025-05-25T23:00:00+03:00")
    lines = told(operator)
    assert any(line.startswith("01.07 09:00  A  SMS") for line in lines)
