"""USSD screens: exact shapes that programs parse, Latin forms, and the size of a phone's screen."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.texts.notices import LANGUAGES
from gateway.texts.screens import Movement, Screens, screens_for
from sms.text import Coding, coding_of

FIRST = date(2025, 4, 1)
RU = Screens(language="ru")
LATIN = Screens(language="ru", latin=True)


def test_balance_screen_has_the_shape_programs_parse() -> None:
    assert RU.main(main=12345, cashback=15000) == "Баланс:123,45р\nКэшбэк:150р"
    assert RU.main(main=-500, cashback=None) == "Минус:5,00р"
    assert RU.main(main=0, cashback=150) == "Баланс:0,00р\nКэшбэк:1,50р"


def test_latin_balance_screen_says_the_same_in_the_gsm_alphabet() -> None:
    text = LATIN.main(main=12345, cashback=15000)
    assert text == "Balans:123,45r\nKeshbek:150r"
    assert LATIN.main(main=-500, cashback=None) == "Minus:5,00r"
    assert coding_of(text) is Coding.GSM7


def test_cashback_screen_always_has_three_lines() -> None:
    assert RU.programme(cashback=15000, due_on=FIRST, bonus=8000, pending=3500) == (
        "Кэшбэк:150р\nС 01.04:+80р\nОжидает:35р"
    )
    assert RU.programme(cashback=0, due_on=FIRST, bonus=0, pending=0) == "Кэшбэк:0р\nС 01.04:+0р\nОжидает:0р"
    assert LATIN.programme(cashback=15000, due_on=FIRST, bonus=8000, pending=3500) == (
        "Keshbek:150r\nS 01.04:+80r\nOzhidaet:35r"
    )


def test_corporate_bonus_is_for_a_phone_only() -> None:
    assert RU.handset_bonus(40000) == "Бонус:400р\nТолько на телефон"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("off_net", "Услуга доступна абонентам сети"),
        ("no_bills", "Счетов пока нет"),
        ("no_such_code", "Нет такой команды. Баланс *100#, кэшбэк *100*1#"),
        ("answer_by_sms", "Сервис занят. Деньги в порядке. Баланс придет в SMS"),
        ("try_later", "Попробуйте позже. Деньги в порядке"),
        ("not_member", "Вы не участник программы Кэшбэк. Регистрация: *100*2#"),
    ],
)
def test_fixed_russian_screens_are_to_the_letter(key: str, text: str) -> None:
    assert RU.text(key) == text


def test_bill_screen_is_the_bills_own_sentence() -> None:
    assert RU.bill(amount=65000, cashback=15000, main=50000) == "Счет 650 р: кэшбэк 150 р, основной счет 500 р."


def test_external_balance_that_did_not_answer_leaves_its_line_out() -> None:
    assert RU.main(main=None, cashback=15000) == "Кэшбэк:150р"
    assert RU.main(main=None, cashback=None) == "Попробуйте позже. Деньги в порядке"


def test_movements_are_lines_with_sign_and_word() -> None:
    lines = [
        Movement(day=FIRST, amount=-50000, what="kind_charge_main"),
        Movement(day=FIRST, amount=15000, what="kind_credit"),
    ]
    assert RU.movements(lines) == "01.04 -500 счет\n01.04 +150 на счет"
    assert RU.movements([]) == "Движений пока нет"


def test_stale_figures_name_their_time_below_the_first_line() -> None:
    at = datetime(2025, 3, 3, 9, 4, tzinfo=UTC)
    screen = RU.as_of(RU.main(main=12345, cashback=None), at, ZoneInfo("Europe/Moscow"))
    assert screen == "Баланс:123,45р\nНа 12:04"


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_large_sums_fit_the_screen_of_a_phone(language: str) -> None:
    big = 99999999
    screens = Screens(language=language)
    for text in (
        screens.as_of(screens.main(main=-big, cashback=big), datetime(2025, 3, 3, tzinfo=UTC), ZoneInfo("UTC")),
        screens.programme(cashback=big, due_on=FIRST, bonus=big, pending=big),
        screens.bill(amount=big, cashback=big, main=big),
    ):
        assert len(text) <= (160 if coding_of(text) is Coding.GSM7 else 80), text


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_fixed_screen_fits_and_has_a_latin_form(language: str) -> None:
    for key, template in LANGUAGES[language].items():
        if "{" in template:
            continue
        assert len(template) <= 80, key
        assert coding_of(Screens(language=language, latin=True).text(key)) is Coding.GSM7, key


def test_hash_codes_read_latin_letters_and_romanian_keeps_its_diacritics_in_strict_mode_alone() -> None:
    assert screens_for("ru", latin=True).latin
    assert not screens_for("ru", latin=False, unicode="translit").latin
    assert screens_for("ro", latin=False).latin
    assert not screens_for("ro", latin=False, unicode="strict").latin
    assert screens_for("ro", latin=True).text("pending", pending="5") == "In asteptare:5r"
