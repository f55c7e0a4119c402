"""Scenarios 44 to 49: what the subscriber sees on the screen and gets by SMS, whatever the network does."""

import time

import pytest
from hosted import Hosted, NotStarted
from said import Starting
from system import A, B, System

NO_SUCH_CODE = "Нет такой команды. Баланс *100#, кэшбэк *100*1#"
NOT_A_MEMBER = "Вы не участник программы Кэшбэк. Регистрация: *100*2#"
OFF = "Реклама отключена. SMS о кэшбэке сохранены. Включить: START"
ON = "Реклама включена. Отключить: STOP"
SETTLE_SECONDS_MAX = 10


@pytest.mark.scenario(44)
def test_the_same_figures_in_both_alphabets_and_a_first_line_of_an_exact_shape(started: Starting) -> None:
    system = started(welcome_bonus="0.00", clock_start="2025-02-10T12:00:00+03:00")
    system.member(A, main="123.45")
    system.promo(A, "150.00", "q-1")
    system.clock_to("2025-03-20T12:00:00+03:00")
    system.promo(A, "80.00", "q-2")
    assert system.paid("ozon", A, "o-1", "700.00").body["reward"] == "35.00"
    system.forget(A)
    assert system.screen(A, "*100#") == "Баланс:123,45р\nКэшбэк:150р"
    assert system.screen(A, "*100*1#") == "Кэшбэк:150р\nС 01.04:+80р\nОжидает:35р"
    for code, text in (
        ("#100#", "Balans:123,45r\nKeshbek:150r"),
        ("#100*1#", "Keshbek:150r\nS 01.04:+80r\nOzhidaet:35r"),
    ):
        answer = system.dial(A, code)
        assert (answer["text"], answer["coding"], answer["open"]) == (text, "gsm7", False)
    assert system.happened(A) == ([], [])
    system.subscriber(A, credit_limit="500.00")
    system.charge("c-1", A, "278.45")
    assert system.screen(A, "*100#").split("\n")[0] == "Минус:5,00р"
    assert system.screen(A, "#100#").split("\n")[0] == "Minus:5,00r"


@pytest.mark.scenario(45)
def test_non_members_and_garbage_get_one_short_answer_and_post_nothing(system: Hosted) -> None:
    system.subscriber(A, main="10.00")
    system.forget(A)
    assert system.screen(A, "*100*1#") == NOT_A_MEMBER
    assert system.screen(A, "*100#") == "Баланс:10,00р"
    system.member(B)
    for code in ("*100*77#", "*100*1", "", "*" * 300, "*100*" + "1" * 300 + "#", "*100*1#*", "\U0001f600"):
        for msisdn in (A, B):
            assert system.screen(msisdn, code) == NO_SUCH_CODE, code
    for msisdn in (A, B):
        assert system.happened(msisdn) == ([], [])
    assert "Traceback" not in system.output()


@pytest.mark.scenario(45)
def test_sums_of_999999_still_fit_one_screen_of_eighty_characters(system: Hosted) -> None:
    system.member(A, main="999999.99")
    system.promo(A, "999949.00", "q-1")
    system.clock_to("2025-04-01T09:00:00+03:00")
    system.promo(A, "999999.00", "q-2")
    system.paid("ozon", A, "o-1", "19999980.00")
    for code, figures in (("*100#", 2), ("*100*1#", 3)):
        answer = system.dial(A, code)
        assert answer["coding"] == "ucs2"
        assert answer["octets"] <= 160
        assert answer["text"].count("999999") == figures


@pytest.mark.scenario(47)
@pytest.mark.rule(38)
def test_stop_turns_adverts_off_at_once_drops_queued_ones_and_service_sms_go_on(system: Hosted) -> None:
    system.subscriber(A)
    assert system.join(A, adverts=True, adverts_text_version="v7").status == 201
    consent = system.ok("GET", f"/v1/members/{A}")["adverts"]
    assert (consent["on"], consent["source"], consent["version"]) == (True, "web", "v7")
    assert consent["at"].startswith("2025-03-03T")
    system.clock_to("2025-03-03T22:00:00+03:00")  # quiet: adverts wait
    system.forget(A)
    advert = {"campaign_id": "c-1", "texts": {"ru": "Скидки", "ro": "Reduceri", "en": "Sale"}, "audience": "all"}
    assert system.api("POST", "/v1/adverts", advert).status in {201, 202}
    for word in ("STOP", " Сто п", "stop"):
        system.send_sms(A, word)
        _until(system, A, [OFF])
    assert system.ok("GET", f"/v1/members/{A}")["adverts"]["on"] is False
    system.clock_to("2025-03-04T09:00:00+03:00")
    assert system.told(A) == [OFF]
    system.accrue(A, "50.00", "o-1")
    accrued = "Начислено 50 р кэшбэка: Ozon. Доступно с 01.04. Баланс: *100*1#"
    assert system.told(A) == [OFF, accrued]
    system.send_sms(A, "start")
    _until(system, A, [OFF, accrued, ON])
    assert system.ok("GET", f"/v1/members/{A}")["adverts"]["on"] is True


def _until(system: Hosted, msisdn: str, texts: list[str]) -> None:
    end = time.monotonic() + SETTLE_SECONDS_MAX
    while (told := system.told(msisdn)) != texts:
        assert time.monotonic() < end, told
        time.sleep(0.02)


QUICK = {
    "FIRSTCHARGE__SMS__POLICIES__SERVICE__BACKOFF_FIRST_S": "0.1",
    "FIRSTCHARGE__SMS__POLICIES__SERVICE__BACKOFF_MAX_S": "0.3",
}


@pytest.mark.scenario(49)
@pytest.mark.rule(41)
def test_a_throttling_smsc_delays_the_sms_never_the_money_and_delivers_one_copy(started: Starting) -> None:
    system = started(environ=QUICK)
    system.member(A)
    throttled = {"response": {"status": {"ESME_RTHROTTLED": 1.0}}}
    assert system.sim("PUT", "/sim/faults", throttled).status == 200
    system.accrue(A, "50.00", "o-1")
    end = time.monotonic() + SETTLE_SECONDS_MAX
    while len(_attempts(system)) < 2:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert system.posted(A) == [("programme_expense", "bonus", "50.00")]
    assert {one["status"] for one in _attempts(system)} <= {"ESME_RTHROTTLED", None}  # None: on its way
    assert system.sim("DELETE", "/sim/faults").status == 200
    assert system.happened(A) == (
        [("programme_expense", "bonus", "50.00")],
        ["Начислено 50 р кэшбэка: Ozon. Доступно с 01.04. Баланс: *100*1#"],
    )


def _attempts(system: System) -> list[dict[str, str]]:
    return [one for message in system.outbox(A) if message["kind"] == "accrued" for one in message["attempts"]]


@pytest.mark.scenario(49)
@pytest.mark.rule(41)
def test_an_smsc_that_is_down_or_fails_to_deliver_never_reverses_money(started: Starting) -> None:
    system = started(environ=QUICK)
    system.member(A)
    assert system.sim("PUT", "/sim/faults", {"link": "down"}).status == 200
    system.accrue(A, "50.00", "o-1")
    assert system.posted(A) == [("programme_expense", "bonus", "50.00")]
    assert system.sim("PUT", "/sim/faults", {"receipt": {"states": {"UNDELIV": 1.0}}}).status == 200
    end = time.monotonic() + SETTLE_SECONDS_MAX
    while [one["state"] for one in system.outbox(A) if one["kind"] == "accrued"] != ["undeliverable"]:
        assert time.monotonic() < end, system.outbox(A)
        time.sleep(0.02)
    assert system.posted(A) == [("programme_expense", "bonus", "50.00")]
    assert system.balance(A)["bonus"] == "100.00"


@pytest.mark.scenario(49)
@pytest.mark.rule(40)
@pytest.mark.switch("sender_space", "false")
@pytest.mark.parametrize(
    ("sender", "said"), [("MTS Cashback", "at most 11 characters"), ("MTS Cash", "sender_space")]
)
def test_a_sender_name_too_long_or_with_a_space_is_refused_at_start_up(
    started: Starting, sender: str, said: str
) -> None:
    with pytest.raises(NotStarted, match=said):
        started(environ={"FIRSTCHARGE__SMS__SENDER": sender})


@pytest.mark.rule(40)
@pytest.mark.switch("sender_space", "true")
def test_a_sender_name_may_have_a_space_where_the_operator_says_so(started: Starting) -> None:
    system = started(environ={"FIRSTCHARGE__SMS__SENDER": "MTS Cash", "FIRSTCHARGE__SMS__SENDER_SPACE": "true"})
    system.subscriber(A)
    system.join(A)
    assert len(system.told(A)) == 1
    [message] = system.sim("GET", f"/sim/handsets/{A}/inbox").body["messages"]
    assert message["from"] == "MTS Cash"
    with pytest.raises(NotStarted, match="at most 11 characters"):
        started(environ={"FIRSTCHARGE__SMS__SENDER": "MTS Cashback", "FIRSTCHARGE__SMS__SENDER_SPACE": "true"})
