"""Scenarios 01 to 06: who may join, and what joining posts and tells."""

import pytest
from hosted import Hosted
from system import A

WELCOME = ("programme_expense", "bonus", "50.00")
REGISTERED = "Вы участник программы Кэшбэк. Бонус 50 р. Баланс: *100*1#"


@pytest.mark.scenario(1)
def test_joining_gives_the_welcome_one_sms_and_a_balance_at_once(system: Hosted) -> None:
    system.subscriber(A, contract="individual", network="on_net")
    joined = system.join(A)
    assert joined.status == 201
    assert joined.body["membership"] == "active"
    assert system.screen(A, "*100*1#") == "Кэшбэк:0р\nС 01.04:+50р\nОжидает:0р"
    assert system.happened(A) == ([WELCOME], [REGISTERED])
