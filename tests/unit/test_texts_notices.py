"""Notices: the binding wording, sums and dates, one segment whatever the partner is called."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.texts import LANGUAGES, UnknownText, render
from sms.text import UnicodeMode, cost_of

TABLE = [
    ("registered", {"amount": 5000}, "Вы участник программы Кэшбэк. Бонус 50 р. Баланс: *100*1#"),
    (
        "accrued",
        {"amount": 5000, "partner": "Ozon", "date": "2025-04-01"},
        "Начислено 50 р кэшбэка: Ozon. Доступно с 01.04. Баланс: *100*1#",
    ),
    (
        "accrued",
        {"amount": 5000, "partner": "Ozon", "date": None},
        "Начислено 50 р бонуса: Ozon. Можно потратить на телефон",
    ),
    ("rejected", {"amount": 5000, "partner": "Ozon"}, "Кэшбэк 50 р отклонен магазином Ozon. Подробнее: *100*4#"),
    ("credited", {"amount": 15000}, "Кэшбэк 150 р зачислен на счет и тратится первым. *100*1#"),
    ("reversed", {"amount": 5000, "partner": "Ozon"}, "Возврат Ozon: кэшбэк уменьшен на 50 р. Баланс: *100*1#"),
    (
        "bill",
        {"amount": 65000, "cashback": 15000, "main": 50000},
        "Счет 650 р: кэшбэк 150 р, основной счет 500 р.",
    ),
    ("used_up", {}, "Кэшбэк потрачен. Теперь списывается основной счет."),
    (
        "voucher",
        {"amount": 40000, "code": "K7MX2P9QWERT", "date": "2025-10-01"},
        "Ваучер на телефон 400 р: K7MX2P9QWERT, до 01.10.2025",
    ),
    ("port_out", {"amount": 22000}, "При переходе к другому оператору сгорит кэшбэк 220 р"),
    ("left", {"amount": 8000}, "Вы вышли из программы Кэшбэк. Сгорело 80 р."),
    ("keyword", {"answer": "adverts_off"}, "Реклама отключена. SMS о кэшбэке сохранены. Включить: START"),
    ("keyword", {"answer": "adverts_on"}, "Реклама включена. Отключить: STOP"),
]


@pytest.mark.parametrize(("kind", "params", "text"), TABLE)
def test_russian_wording_is_the_operators_to_the_letter(kind: str, params: dict[str, object], text: str) -> None:
    assert render(kind, params, "ru") == text


def test_kopecks_show_only_when_not_zero() -> None:
    assert render("credited", {"amount": 150}, "ru").startswith("Кэшбэк 1,50 р ")
    assert render("credited", {"amount": 100}, "ru").startswith("Кэшбэк 1 р ")
    assert render("credited", {"amount": 105}, "ru").startswith("Кэшбэк 1,05 р ")


def test_who_joins_again_is_promised_no_bonus() -> None:
    assert render("registered", {"amount": 0}, "ru") == "Вы участник программы Кэшбэк. Баланс: *100*1#"


def test_every_language_has_every_text_with_the_same_places() -> None:
    def places(template: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(template) if name}

    russian = LANGUAGES["ru"]
    for texts in LANGUAGES.values():
        assert texts.keys() == russian.keys()
        assert {key: places(text) for key, text in texts.items()} == {k: places(v) for k, v in russian.items()}


@pytest.mark.parametrize("language", sorted(LANGUAGES))
@pytest.mark.parametrize("mode", list(UnicodeMode))
@pytest.mark.parametrize(("kind", "params", "_text"), TABLE)
def test_every_notice_with_usual_figures_is_one_segment(
    language: str, mode: UnicodeMode, kind: str, params: dict[str, object], _text: str
) -> None:
    assert cost_of(render(kind, params, language, mode)).segments == 1


@given(
    name=st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=60).filter(lambda n: n.strip()),
    kind=st.sampled_from(["accrued", "rejected", "reversed"]),
    language=st.sampled_from(sorted(LANGUAGES)),
    mode=st.sampled_from(list(UnicodeMode)),
)
def test_a_long_partner_name_is_cut_and_the_sum_never_is(
    name: str, kind: str, language: str, mode: UnicodeMode
) -> None:
    text = render(kind, {"amount": 5000, "partner": name, "date": "2025-04-01"}, language, mode)
    assert cost_of(text).segments == 1
    assert re.search(r"\b50 [рr]", text)


def test_as_much_of_a_name_stays_as_fits() -> None:
    params = {"amount": 5000, "partner": "Абвгдежзиклмнопрстуфхцчшщ", "date": "2025-04-01"}
    text = render("accrued", params, "ru")
    assert len(text) == 70
    assert cost_of(text.replace(". Доступно", "Ю. Доступно")).segments == 2


def test_a_name_that_fits_is_not_cut() -> None:
    text = render("accrued", {"amount": 5000, "partner": "AliExpress", "date": "2025-04-01"}, "ru")
    assert "AliExpress" in text


def test_romanian_without_diacritics_carries_a_longer_name() -> None:
    name = "Casa de comenzi din Chișinău"
    params = {"amount": 5000, "partner": name, "date": "2025-04-01"}
    strict = render("rejected", params, "ro", UnicodeMode.STRICT)
    cheapest = render("rejected", params, "ro", UnicodeMode.CHEAPEST)
    assert name not in strict
    assert "Casa de comenzi din Chisinau" in cheapest


def test_figures_of_another_kind_are_no_text() -> None:
    with pytest.raises(UnknownText):
        render("accrued", {"amount": 5000}, "ru")
    with pytest.raises(UnknownText):
        render("greeting", {}, "ru")
    with pytest.raises(UnknownText):
        render("keyword", {"answer": "main"}, "ru")


def test_braces_in_a_partner_name_are_letters() -> None:
    assert "{x}" in render("rejected", {"amount": 5000, "partner": "{x}"}, "en")
