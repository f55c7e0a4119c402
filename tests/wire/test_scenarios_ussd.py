"""Scenarios 44 and 45: what the subscriber sees on the screen."""

from collections.abc import Callable

import pytest
from system import A, System

NO_SUCH_CODE = "Нет такой команды. Баланс *100#, кэшбэк *100*1#"


def test_44_balances_in_both_alphabets(started: Callable[..., System]) -> None:
    system = started(
        environ={"FIRSTCHARGE__PROGRAMME__WELCOME_BONUS": "0.00"}, clock_start="2025-02-10T12:00:00+03:00"
    )
    system.member(A, main="123.45")
    system.promo(A, "150.00", "q-1")
    system.clock_to("2025-03-20T12:00:00+03:00")
    system.promo(A, "80.00", "q-2")
    assert system.paid("ozon", A, "o-1", "700.00").body["reward"] == "35.00"
    assert system.screen(A, "*100#") == "Баланс:123,45р\nКэшбэк:150р"
    assert system.screen(A, "*100*1#") == "Кэшбэк:150р\nС 01.04:+80р\nОжидает:35р"
    assert system.screen(A, "#100#") == "Balans:123,45r\nKeshbek:150r"
    latin = system.dial(A, "#100*1#")
    assert latin["coding"] == "gsm7"
    assert [any(figure in line for figure in ("150", "80", "35")) for line in latin["text"].split("\n")] == [True] * 3
    assert latin["text"].isascii()
    before = system.postings(A)
    assert len(before) == 3
    system.subscriber(A, credit_limit="500.00")
    system.charge("c-1", A, "278.45")
    assert system.screen(A, "*100#").split("\n")[0] == "Минус:5,00р"


@pytest.mark.parametrize(
    ("language", "word"), [("ru", "участник"), ("ro", "Cashback"), ("en", "Cashback")], ids=["ru", "ro", "en"]
)
def test_joining_by_ussd_asks_for_the_terms_and_speaks_the_subscribers_language(
    system: System, language: str, word: str
) -> None:
    system.subscriber(A, language=language)
    asked = system.dial(A, "*100*2#")
    assert asked["open"] is True
    assert "1" in asked["text"]
    done = system.sim("POST", f"/sim/handsets/{A}/answer", {"text": "1"}).body
    assert done["open"] is False
    assert system.ok("GET", f"/v1/members/{A}")["channel"] == "ussd"
    [sms] = system.inbox(A)
    assert word.lower() in sms.lower()
    direct = system.dial(A, "*100*2*1#")
    assert direct["open"] is False
