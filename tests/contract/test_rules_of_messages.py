"""Rules 37 to 41: which messages there are, when they go, in which language and letters."""

import time
from typing import Any

import pytest
from hosted import Hosted
from said import FIRST, NINE, Starting
from system import OFF_NET, A, B, C

OFF = "Реклама отключена. SMS о кэшбэке сохранены. Включить: START"
ON = "Реклама включена. Отключить: STOP"
TEXTS = {"ru": "Весна", "ro": "Primavara", "en": "Spring"}
SETTLE_SECONDS_MAX = 10


def until(system: Hosted, msisdn: str, texts: list[str]) -> None:
    """A handset's SMS is on its way for a moment; then nothing else may have come."""
    end = time.monotonic() + SETTLE_SECONDS_MAX
    while (told := system.told(msisdn)) != texts:
        assert time.monotonic() < end, told
        time.sleep(0.02)


def advert(system: Hosted, campaign_id: str, audience: Any = "all") -> int:
    queued = system.ok("POST", "/v1/adverts", {"campaign_id": campaign_id, "texts": TEXTS, "audience": audience})
    return int(queued["queued"])


@pytest.mark.rule(37)
def test_every_kind_of_service_sms_comes_with_its_event_and_no_other_does(system: Hosted) -> None:
    system.subscriber(A, main="1000.00", tariff="smart")
    system.join(A)
    system.accrue(A, "100.00", "o-1")
    system.paid("ozon", A, "o-2", "1000.00")
    system.shop("ozon", "o-2", "reject")
    system.shop("ozon", "o-1", "return", {"returned_goods": "1000.00"})
    system.charge("c-0", A, "1.00")
    system.topup("t-1", A, "1.00")
    system.clock_to(NINE)
    voucher = {"voucher_id": "v-1", "msisdn": A, "amount": "10.00"}
    system.promo(A, "20.00", "q-1")
    system.credit(A, "c-1")
    system.ok("POST", "/v1/vouchers", voucher)
    system.charge("c-2", A, "200.00")
    system.charge("c-3", A, "1.00")
    system.subscriber(A, blocks=["mnp"])
    system.subscriber(A, blocks=[])
    system.leave(A)
    system.told(A)
    kinds = sorted(one["kind"] for one in system.outbox(A))
    events = ["accrued", "accrued", "bill", "credited", "credited", "left", "port_out", "registered", "rejected"]
    assert kinds == [*events, "reversed", "used_up", "voucher"]


@pytest.mark.rule(37)
def test_a_bill_is_told_only_where_it_is_a_fee_that_cashback_paid_something_of(system: Hosted) -> None:
    system.member(A, main="1000.00")
    system.cashback(A, "50.00")
    system.charge("c-1", A, "40.00", "usage")
    assert system.told(A) == []
    system.charge("c-2", A, "100.50", "tariff_fee")
    assert system.told(A) == ["Счет 100,50 р: кэшбэк 60 р, основной счет 40,50 р."]
    system.member(B, main="1000.00")
    system.charge("c-3", B, "100.00", "tariff_fee")
    assert system.told(B) == []
    assert system.screen(A, "*100*3#") == "Счет 100,50 р: кэшбэк 60 р, основной счет 40,50 р."
    assert system.screen(C, "*100*3#") == "Вы не участник программы Кэшбэк. Регистрация: *100*2#"


@pytest.mark.rule(37)
def test_adverts_go_to_members_who_consented_whenever_and_may_be_refused_at_any_time(system: Hosted) -> None:
    system.subscriber(A)
    assert system.join(A, adverts=True, adverts_text_version="3").status == 201
    system.member(B)
    system.subscriber(C)
    system.forget(A)
    assert advert(system, "one") == 1
    assert (system.told(A), system.told(B), system.told(C)) == ([TEXTS["ru"]], [], [])
    assert advert(system, "one") == 1
    system.clock_to("2025-03-04T10:00:00+03:00")
    on = system.ok("PATCH", f"/v1/members/{B}", {"adverts": True, "adverts_text_version": "4"})["adverts"]
    assert (on["on"], on["version"], on["at"]) == (True, "4", "2025-03-04T10:00:00+03:00")
    assert advert(system, "two", [A, B]) == 2
    off = system.ok("PATCH", f"/v1/members/{A}", {"adverts": False})["adverts"]
    assert off["on"] is False
    system.told(A)
    assert advert(system, "three") == 1
    assert system.told(B) == [TEXTS["ru"]] * 2
    assert len(system.told(A)) <= 2
    system.refused(system.api("PATCH", f"/v1/members/{C}", {"adverts": True}), 422, "NOT_MEMBER")


@pytest.mark.rule(38)
def test_each_word_for_no_turns_adverts_off_at_once_with_one_confirmation(system: Hosted) -> None:
    for number, word in enumerate(("STOP", "stop", " s T o P ", "СТОП", "стоп", "RENUNT", "renunt")):
        says_no(system, f"7916100000{number}", word)


def says_no(system: Hosted, msisdn: str, word: str) -> None:
    system.subscriber(msisdn)
    system.join(msisdn, adverts=True)
    system.forget(msisdn)
    system.send_sms(msisdn, word)
    until(system, msisdn, [OFF])
    consent = system.ok("GET", f"/v1/members/{msisdn}")["adverts"]
    assert (consent["on"], consent["source"]) == (False, "sms")
    system.send_sms(msisdn, word)
    system.send_sms(msisdn, "0")
    until(system, msisdn, [OFF, "Баланс:0,00р\nКэшбэк:0р"])


@pytest.mark.rule(38)
def test_start_turns_them_on_and_balance_answers_at_any_hour_in_any_letters(system: Hosted) -> None:
    system.member(A, main="12.30")
    system.clock_to("2025-03-03T23:00:00+03:00")
    told: list[str] = []
    for word, answer in (
        ("START", ON),
        ("Стоп", OFF),
        ("старт", ON),
        ("0", "Баланс:12,30р\nКэшбэк:0р"),
        ("Balance", "Баланс:12,30р\nКэшбэк:0р"),
        (" БАЛАНС ", "Баланс:12,30р\nКэшбэк:0р"),
    ):
        system.send_sms(A, word)
        told.append(answer)
        until(system, A, told)
    system.send_sms(A, "START")
    system.send_sms(A, "HELLO")
    system.send_sms(A, "STOP", to="1234")
    system.send_sms(A, "0")
    until(system, A, [*told, "Баланс:12,30р\nКэшбэк:0р"])
    assert system.ok("GET", f"/v1/members/{A}")["adverts"]["on"] is True


@pytest.mark.rule(39)
@pytest.mark.switch("quiet_from", "21:00")
@pytest.mark.switch("quiet_to", "09:00")
def test_at_night_notices_and_adverts_wait_until_nine_and_answers_go_at_once(system: Hosted) -> None:
    system.subscriber(A, main="10.00")
    system.join(A, adverts=True)
    system.clock_to("2025-03-03T20:59:59+03:00")
    system.forget(A)
    system.promo(A, "1.00", "before")
    accrued = "Начислено {} р кэшбэка: Quiz. Доступно с 01.04. Баланс: *100*1#"
    assert system.told(A) == [accrued.format(1)]
    system.clock_to("2025-03-03T21:00:00+03:00")
    system.promo(A, "2.00", "at")
    advert(system, "night")
    system.subscriber(B)
    system.join(B)
    assert len(system.told(B)) == 1
    system.subscriber(B, blocks=["mnp"])
    assert len(system.told(B)) == 2
    system.leave(B)
    assert len(system.told(B)) == 3
    system.credit(A, "night")
    code = system.ok("POST", "/v1/vouchers", {"voucher_id": "v", "msisdn": A, "amount": "5.00"})["code"]
    told = [accrued.format(1), f"Ваучер на телефон 5 р: {code}, до 30.08.2025"]
    assert system.told(A) == told
    system.start_again(clock_start="2025-03-04T08:59:59+03:00")
    assert system.sim("GET", f"/sim/handsets/{A}/inbox").body["messages"] == []
    assert [one["state"] for one in system.outbox(A)].count("held") == 3
    system.clock_to("2025-03-04T09:00:00+03:00")
    end = time.monotonic() + SETTLE_SECONDS_MAX
    while len(texts := system.sim("GET", f"/sim/handsets/{A}/inbox").body["messages"]) < 3:
        assert time.monotonic() < end
    assert sorted(one["text"] for one in texts) == sorted(
        [accrued.format(2), TEXTS["ru"], "Кэшбэк 53 р зачислен на счет и тратится первым. *100*1#"]
    )


@pytest.mark.rule(39)
def test_the_night_is_the_subscribers_own(system: Hosted) -> None:
    system.member(A, time_zone="Asia/Vladivostok")  # 19:00 at Moscow's noon
    system.member(B)
    system.clock_to("2025-03-03T14:00:00+03:00")
    for msisdn in (A, B):
        system.promo(msisdn, "1.00", f"q-{msisdn}")
    assert (len(system.told(A)), len(system.told(B))) == (0, 1)
    system.clock_to("2025-03-04T01:59:59+03:00")
    assert system.told(A) == []
    system.clock_to("2025-03-04T02:00:00+03:00")
    assert len(system.told(A)) == 1


@pytest.mark.rule(39)
@pytest.mark.switch("quiet_from", "00:00")
@pytest.mark.switch("quiet_to", "00:00")
def test_quiet_hours_may_be_others_or_none(started: Starting) -> None:
    quiet = "FIRSTCHARGE__SMS__QUIET_"
    system = started(
        environ={f"{quiet}FROM": "12:00", f"{quiet}TO": "12:30"}, clock_start="2025-03-03T11:59:00+03:00"
    )
    system.member(A)
    system.clock_to("2025-03-03T12:10:00+03:00")
    system.promo(A, "1.00", "q-1")
    assert system.told(A) == []
    system.clock_to("2025-03-03T12:30:00+03:00")
    assert len(system.told(A)) == 1
    none = started(environ={f"{quiet}FROM": "00:00", f"{quiet}TO": "00:00"}, clock_start="2025-03-03T23:00:00+03:00")
    none.member(B)
    none.promo(B, "1.00", "q-1")
    assert len(none.told(B)) == 1


@pytest.mark.rule(40)
def test_each_subscriber_is_told_in_their_language(system: Hosted) -> None:
    told = {}
    for msisdn, language in ((A, "ru"), (B, "ro"), (C, "en")):
        system.subscriber(msisdn, language=language)
        system.join(msisdn)
        system.accrue(msisdn, "50.00", f"o-{msisdn}")
        told[language] = system.told(msisdn)
    assert told["ru"] == [
        "Вы участник программы Кэшбэк. Бонус 50 р. Баланс: *100*1#",
        "Начислено 50 р кэшбэка: Ozon. Доступно с 01.04. Баланс: *100*1#",
    ]
    for language in ("ro", "en"):
        assert all("50" in text for text in told[language])
        assert "Ozon" in told[language][1]
        assert "01.04" in told[language][1]
        assert not any("а" <= letter <= "я" for text in told[language] for letter in text.lower())


LONG = "Очень длинное название магазина, где продают всё на свете и ещё немного " * 2


@pytest.mark.rule(40)
def test_partner_names_are_cut_to_one_segment_and_sums_never(system: Hosted) -> None:
    partner = {"code": "ozon", "name": LONG, "category": "shop", "percent": "5", "secrets": ["demo-secret-ozon"]}
    system.ok("PUT", "/v1/catalogue", {"partners": [partner]})
    for msisdn, language in ((A, "ru"), (B, "ro"), (C, "en")):
        stays_in_one_segment(system, msisdn, language)


def stays_in_one_segment(system: Hosted, msisdn: str, language: str) -> None:
    system.member(msisdn, language=language)
    for order in (f"o-1-{msisdn}", f"o-2-{msisdn}"):
        system.paid("ozon", msisdn, order, "99999999.00")
    system.shop("ozon", f"o-1-{msisdn}", "confirm")
    system.shop("ozon", f"o-1-{msisdn}", "return")
    system.shop("ozon", f"o-2-{msisdn}", "reject")
    texts = system.told(msisdn)
    assert len(texts) == 3
    for message in system.outbox(msisdn)[:3]:
        assert message["segments"] == 1
        assert "5000000" in message["text"]
        assert "Очень" in message["text"] or "Ochen" in message["text"]


@pytest.mark.rule(40)
def test_accrued_names_the_first_of_its_own_accrual_also_when_it_is_told_after_it(started: Starting) -> None:
    system = started(clock_start="2025-03-31T20:00:00+03:00")
    system.member(A)
    system.clock_to("2025-03-31T23:00:00+03:00")
    system.promo(A, "5.00", "q-1")
    system.clock_to(FIRST)
    system.promo(A, "6.00", "q-2")
    system.clock_to(NINE)
    told = system.told(A)
    assert "Начислено 5 р кэшбэка: Quiz. Доступно с 01.04. Баланс: *100*1#" in told
    assert "Начислено 6 р кэшбэка: Quiz. Доступно с 01.05. Баланс: *100*1#" in told


ROMANIAN = {
    "cheapest": ("gsm7", False),
    "strict": ("ucs2", True),
    "translit": ("gsm7", False),
}


def romanian(started: Starting, mode: str) -> None:
    system = started(environ={"FIRSTCHARGE__SMS__UNICODE": mode})
    system.subscriber(A, language="ro", main="1.00")
    system.join(A, adverts=True)
    system.forget(A)
    system.send_sms(A, "STOP")
    end = time.monotonic() + SETTLE_SECONDS_MAX
    while not system.told(A):
        assert time.monotonic() < end
    [message] = system.sim("GET", f"/sim/handsets/{A}/inbox").body["messages"]
    coding, has_diacritics = ROMANIAN[mode]
    assert message["coding"] == coding
    assert ("ă" in message["text"]) is has_diacritics


@pytest.mark.rule(40)
@pytest.mark.switch("unicode", "cheapest")
def test_letters_are_rewritten_where_that_saves_segments(started: Starting) -> None:
    system = started()
    system.subscriber(A, language="ro", main="1.00")
    system.join(A, adverts=True)
    system.forget(A)
    system.send_sms(A, "STOP")
    end = time.monotonic() + SETTLE_SECONDS_MAX
    while not system.told(A):
        assert time.monotonic() < end
    [message] = system.sim("GET", f"/sim/handsets/{A}/inbox").body["messages"]
    assert message["segments"] == 1
    assert (message["coding"], "ă" in message["text"]) in {("ucs2", True), ("gsm7", False)}
    system.ok("PUT", f"/v1/subscribers/{A}", {"unicode": "translit"})
    system.forget(A)
    system.send_sms(A, "START")
    while not system.told(A):
        assert time.monotonic() < end
    [message] = system.sim("GET", f"/sim/handsets/{A}/inbox").body["messages"]
    assert message["coding"] == "gsm7"


@pytest.mark.rule(40)
@pytest.mark.switch("unicode", "strict")
def test_letters_may_always_be_sent_as_written(started: Starting) -> None:
    romanian(started, "strict")


@pytest.mark.rule(40)
@pytest.mark.switch("unicode", "translit")
def test_letters_may_always_be_rewritten(started: Starting) -> None:
    romanian(started, "translit")


@pytest.mark.rule(40)
def test_the_sender_is_cashback_unless_configured(started: Starting) -> None:
    for environ, sender in (({}, "CASHBACK"), ({"FIRSTCHARGE__SMS__SENDER": "OPERATOR"}, "OPERATOR")):
        system = started(environ=environ)
        system.subscriber(A)
        system.join(A)
        system.told(A)
        assert [one["from"] for one in system.sim("GET", f"/sim/handsets/{A}/inbox").body["messages"]] == [sender]


@pytest.mark.rule(37)
@pytest.mark.rule(38)
def test_other_operators_numbers_and_strangers_get_no_figures_by_sms(system: Hosted) -> None:
    system.subscriber(OFF_NET, network="off_net")
    system.send_sms(OFF_NET, "0")
    until(system, OFF_NET, ["Услуга доступна абонентам сети"])
    system.send_sms("79169999999", "0")
    system.send_sms(OFF_NET, "0")
    until(system, OFF_NET, ["Услуга доступна абонентам сети"] * 2)
    assert system.sim("GET", "/sim/handsets/79169999999/inbox").body["messages"] == []
