"""Keywords to the programme's number (domain.md, rule 38; scenario 47)."""

import time
from collections.abc import Iterator

import pytest
from system import System

OFF = "Реклама отключена. SMS о кэшбэке сохранены. Включить: START"
ON = "Реклама включена. Отключить: STOP"
ANSWER_SECONDS_MAX = 10
NUMBERS = iter(range(79161000000, 79161000999))


@pytest.fixture
def member(shared: System) -> Iterator[str]:
    """A member with adverts on since joining, and an empty inbox."""
    msisdn = str(next(NUMBERS))
    shared.subscriber(msisdn, main="10.00")
    assert shared.join(msisdn, adverts=True, adverts_text_version="v7").status == 201
    shared.clear(msisdn)
    return msisdn


def send(system: System, msisdn: str, text: str, to: str = "4400") -> None:
    assert system.sim("POST", f"/sim/handsets/{msisdn}/sms", {"to": to, "text": text}).status == 200


def answers(system: System, msisdn: str, count: int) -> list[str]:
    """So many answers; then none more."""
    end = time.monotonic() + ANSWER_SECONDS_MAX
    while len(texts := system.inbox(msisdn)) < count and time.monotonic() < end:
        time.sleep(0.05)
    assert len(texts) == count, texts
    return texts


def adverts(system: System, msisdn: str) -> tuple[bool, str]:
    said = system.ok("GET", f"/v1/members/{msisdn}")["adverts"]
    return said["on"], said["source"]


@pytest.mark.parametrize("word", ["STOP", "stop", " Стоп ", "S T O P", "RENUNT", "стоп\n"])
def test_stop_turns_adverts_off_with_one_confirmation(shared: System, member: str, word: str) -> None:
    assert adverts(shared, member) == (True, "web")
    send(shared, member, word)
    assert answers(shared, member, 1) == [OFF]
    assert adverts(shared, member) == (False, "sms")


def test_a_second_stop_says_nothing_and_start_turns_them_on_again(shared: System, member: str) -> None:
    for word in ("STOP", "СТОП", "START", "старт", "стоп"):
        send(shared, member, word)
        time.sleep(0.2)
    assert answers(shared, member, 3) == [OFF, ON, OFF]
    shared.promo(member, "30.00", f"after-stop-{member}")
    assert answers(shared, member, 4)[3].startswith("Начислено 30 р")


@pytest.mark.parametrize("word", ["0", " 0 ", "balance", "БАЛАНС", "Баланс"])
def test_zero_or_balance_is_answered_with_the_balance(shared: System, member: str, word: str) -> None:
    send(shared, member, word)
    assert answers(shared, member, 1) == ["Баланс:10,00р\nКэшбэк:0р"]


def test_the_same_keyword_twice_in_a_minute_is_answered_twice(shared: System, member: str) -> None:
    for _ in range(2):
        send(shared, member, "0")
    assert len(answers(shared, member, 2)) == 2


def test_other_texts_other_numbers_and_strangers_get_no_answer(shared: System, member: str) -> None:
    send(shared, member, "hello")
    send(shared, member, "")
    send(shared, member, "STOP", to="1234")
    send(shared, "79169999999", "0")
    send(shared, member, "0")  # the last one in is answered, so the others were seen
    assert len(answers(shared, member, 1)) == 1
    assert adverts(shared, member) == (True, "web")
    assert shared.sim("GET", "/sim/handsets/79169999999/inbox").body["messages"] == []


def test_who_never_joined_has_no_adverts_to_stop_and_learns_so_when_starting_them(shared: System) -> None:
    msisdn = str(next(NUMBERS))
    shared.subscriber(msisdn, main="5.00")
    for word in ("STOP", "START", "0"):
        send(shared, msisdn, word)
        time.sleep(0.2)
    assert answers(shared, msisdn, 2) == ["Вы не участник программы Кэшбэк. Регистрация: *100*2#", "Баланс:5,00р"]


def test_other_operators_numbers_get_no_figures_by_sms_either(shared: System) -> None:
    msisdn = "79030000047"
    shared.subscriber(msisdn, network="off_net")
    send(shared, msisdn, "0")
    assert answers(shared, msisdn, 1) == ["Услуга доступна абонентам сети"]


@pytest.mark.parametrize(
    ("language", "off", "on"),
    [
        ("ro", "Reclame oprite. SMS despre cashback rămân. Pornire: START", "Reclame pornite. Oprire: STOP"),
        ("en", "Adverts are off. SMS about cashback stay. Turn on: START", "Adverts are on. Turn off: STOP"),
    ],
)
def test_confirmations_speak_the_subscribers_language(
    shared: System, member: str, language: str, off: str, on: str
) -> None:
    shared.subscriber(member, language=language)
    for word in ("STOP", "START"):
        send(shared, member, word)
        time.sleep(0.2)
    assert answers(shared, member, 2) == [off, on]


def test_stop_from_a_number_with_the_national_prefix_is_the_subscribers(shared: System, member: str) -> None:
    """Reliability test 7: an SMSC that writes 8 916 … for +7 916 …."""
    assert shared.sim("PUT", "/sim/personas/eight_prefixed").status == 200
    try:
        send(shared, member, "STOP")
        assert answers(shared, member, 1) == [OFF]
    finally:
        shared.sim("DELETE", "/sim/faults")
    assert adverts(shared, member) == (False, "sms")
