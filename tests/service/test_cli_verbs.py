"""Verbs against a fake operator: what they send, what they print, how they end."""

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_operator import FakeOperator

from gateway.cli.root import run

A = "79160000001"

Verb = Callable[..., tuple[int, str, str]]


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def operator() -> Iterator[FakeOperator]:
    fake = FakeOperator()
    yield fake
    fake.stop()


@pytest.fixture
def verb(operator: FakeOperator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Verb:
    """Runs a command line; answers exit code, standard output, standard error."""
    monkeypatch.setenv("FIRSTCHARGE_URL", operator.url)
    monkeypatch.setenv("FIRSTCHARGE_SIM_URL", operator.url)

    def ran(*arguments: str) -> tuple[int, str, str]:
        code = run(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return ran


def given_month(operator: FakeOperator, *progress: float) -> None:
    for part in progress:
        count = int(part * 1000)
        charged = {"count": count, "amount": f"{count}.00", "cashback": f"{count}.00", "main": "0.00"}
        status = "done" if part >= 1 else "running"
        state = {"period": "2025-04", "status": status, "progress": part, "charged": {**charged, "unpaid": "0.00"}}
        operator.months.append(state)


def test_only_the_fields_that_were_given_are_sent(operator: FakeOperator, verb: Verb) -> None:
    assert verb("subscriber", "put", A, "--tariff", "smart")[0] == 0
    assert verb("subscriber", "put", A, "--block", "mnp", "--block", "final")[0] == 0
    assert verb("subscriber", "put", A, "--no-blocks")[0] == 0
    assert [body for _, _, body in operator.asked] == [
        {"tariff": "smart"},
        {"blocks": ["mnp", "final"]},
        {"blocks": []},
    ]


def test_joining_without_the_terms_is_refused_with_the_fix(verb: Verb) -> None:
    code, _, told = verb("member", "join", A)
    assert code == 1
    assert "422 TERMS_REQUIRED" in told
    assert "add --accept-terms" in told


def test_joining_says_since_when_and_what_the_welcome_is(verb: Verb) -> None:
    code, told, _ = verb("member", "join", A, "--accept-terms", "--no-adverts")
    assert (code, "welcome bonus 50.00" in told) == (0, True)


def test_leaving_is_refused_until_confirmed(operator: FakeOperator, verb: Verb) -> None:
    code, _, told = verb("member", "leave", A)
    assert (code, "CONFIRM_LAPSE" in told, "add --confirm" in told) == (1, True, True)
    assert verb("member", "leave", A, "--confirm")[:2] == (0, f"{A} has left, 50.00 lapsed\n")


def test_quiet_prints_nothing_for_what_was_done_and_the_result_of_what_was_asked(verb: Verb) -> None:
    assert verb("subscriber", "put", A, "--quiet")[:2] == (0, "")
    assert verb("topup", A, "10.00", "--quiet")[:2] == (0, "")
    code, told, _ = verb("balance", A, "--quiet")
    assert (code, told.splitlines()[0]) == (0, "main      10.00")


def test_json_prints_what_the_contract_says(verb: Verb) -> None:
    verb("subscriber", "put", A)
    code, told, _ = verb("charge", "draw", A, "5.00", "--id", "c-1", "--json")
    assert code == 0
    assert json.loads(told) == {
        "charge_id": "c-1", "status": "paid", "cashback": "0.00", "main": "5.00", "unpaid": "0.00",
    }  # fmt: skip


def test_json_errors_carry_the_problem(verb: Verb) -> None:
    code, told, error = verb("balance", A, "--json")
    assert (code, told) == (1, "")
    assert json.loads(error)["code"] == "UNKNOWN_SUBSCRIBER"


def test_an_id_that_is_not_given_is_made_up_and_printed(operator: FakeOperator, verb: Verb) -> None:
    verb("subscriber", "put", A)
    _, first, _ = verb("topup", A, "1.00")
    _, second, _ = verb("topup", A, "1.00")
    ids = [body["topup_id"] for _, path, body in operator.asked if path == "/v1/topups"]
    assert len(set(ids)) == 2
    assert [first.split()[0], second.split()[0]] == ids


def test_dialling_shows_the_screen_and_follows_the_menu_with_the_answers_given(verb: Verb) -> None:
    verb("subscriber", "put", A)
    assert verb("dial", A, "*100#")[1].startswith("Баланс:300,00р\nКэшбэк:0р\n(ucs2, ")
    code, told, _ = verb("dial", A, "*100*2#", "0", "1", "--quiet")
    assert (code, told.splitlines()[-2:]) == (0, ["got 0", "got 1"])


def test_a_dialogue_nobody_answers_is_hung_up(operator: FakeOperator, verb: Verb) -> None:
    code, told, _ = verb("dial", A, "*100*2#")
    assert (code, told.splitlines()[-1]) == (0, "hung up")
    assert operator.asked[-1][:2] == ("DELETE", f"/sim/handsets/{A}/dial")


def test_at_a_terminal_the_person_is_asked(operator: FakeOperator, monkeypatch: pytest.MonkeyPatch) -> None:
    out = Terminal()
    monkeypatch.setenv("FIRSTCHARGE_SIM_URL", operator.url)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys, "stdin", Terminal("0\n1\n"))
    monkeypatch.setattr(sys, "stdout", out)
    assert run(["dial", A, "*100*2#"]) == 0
    assert [line for line in out.getvalue().splitlines() if not line.startswith("(")] == [
        "Кэшбэк:0р", "С 01.04:+50р", "Ожидает:0р", "> got 0", "> got 1",
    ]  # fmt: skip


def test_a_network_without_an_answer_is_a_failure(operator: FakeOperator, verb: Verb) -> None:
    screen = {"text": None, "open": False, "session": None, "failure": "link_down"}
    operator.answers["POST", f"/sim/handsets/{A}/dial"] = (200, screen)
    code, _, told = verb("dial", A, "*100#")
    assert (code, "link_down" in told) == (1, True)


def test_the_inbox_shows_a_line_a_message_and_may_be_emptied(operator: FakeOperator, verb: Verb) -> None:
    verb("sms", "send", A, "STOP")
    code, told, _ = verb("sms", "inbox", A, "--clear", "--quiet")
    assert (code, told.count("\n")) == (0, 1)
    assert told.rstrip().endswith("CASHBACK     ucs2×1   echo STOP")
    assert operator.inbox[A] == []
    assert verb("sms", "inbox", A)[:2] == (0, "no messages\n")


def test_watching_shows_what_arrives_from_now_on(operator: FakeOperator, verb: Verb) -> None:
    operator._sms(A, "old")
    asked = operator.get_handsets

    def arriving(path: list[str], *rest: Any) -> tuple[int, Any]:
        answer = asked(path, *rest)
        found = [*answer[1]["messages"]]
        operator._sms(A, f"new {len(found)}")
        return 200, {"messages": found}

    operator.get_handsets = arriving  # type: ignore[method-assign]
    code, told, _ = verb("sms", "watch", A, "--count", "2", "--json")
    assert (code, [json.loads(line)["text"] for line in told.splitlines()]) == (0, ["new 1", "new 2"])


def test_a_statement_shows_every_page(verb: Verb) -> None:
    verb("subscriber", "put", A)
    for number in range(5):
        verb("topup", A, f"{number + 1}.00", "--id", f"t-{number}")
    code, told, _ = verb("ledger", "statement", A)
    assert (code, [line.split()[0] for line in told.splitlines()]) == (0, ["5", "4", "3", "2", "1"])
    assert len(json.loads(verb("ledger", "statement", A, "--json")[1])["items"]) == 5


def test_a_violation_of_the_ledger_ends_with_1_and_is_named(operator: FakeOperator, verb: Verb) -> None:
    assert verb("ledger", "verify")[:2] == (0, "ledger verified: postings=8 checked\n")
    broken = {"ok": False, "checked": 8, "violations": [{"rule": 4, "subscription": 7}]}
    operator.answers["GET", "/v1/ledger/verify"] = (200, broken)
    code, told, error = verb("ledger", "verify")
    assert (code, told) == (1, "violation: rule=4 subscription=7\n")
    assert "1 violations" in error


def test_the_month_is_followed_until_it_is_done(operator: FakeOperator, verb: Verb) -> None:
    given_month(operator, 0.1, 0.5, 1.0)
    code, told, _ = verb("bill", "run", "2025-04")
    lines = told.splitlines()
    assert code == 0
    assert lines[0].startswith("Month 2025-04  █░░")
    assert lines[-2:] == [
        "Month 2025-04 done",
        " billed 1,000.00   cashback 1,000.00 (100.0 %)   main 0.00   unpaid 0.00   Σ=0 ok",
    ]


def test_at_a_terminal_the_month_is_a_bar_that_is_drawn_over(
    operator: FakeOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = Terminal()
    given_month(operator, 0.5, 0.5, 1.0)
    monkeypatch.setenv("FIRSTCHARGE_URL", operator.url)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys, "stdout", out)
    assert run(["bill", "run", "2025-04"]) == 0
    drawn = out.getvalue()
    assert "█████████░░░░░░░░░░ 50 %  500/1,000" in drawn
    assert "\x1b[2K" in drawn, "lines are drawn over"
    assert "\x1b[3" not in drawn, "and not coloured"
    left = drawn.rpartition("\x1b[2K")[2]
    assert left.splitlines() == [
        "Month 2025-04 done",
        " billed 1,000.00   cashback 1,000.00 (100.0 %)   main 0.00   unpaid 0.00   Σ=0 ok",
    ]


def test_a_month_that_is_not_due_is_refused(operator: FakeOperator, verb: Verb) -> None:
    operator.answers["POST", "/v1/month-runs"] = (422, {"code": "NOT_DUE", "detail": "2031-01 has not come"})
    code, _, told = verb("bill", "run", "2031-01")
    assert (code, "NOT_DUE" in told) == (1, True)


def test_a_system_clock_cannot_be_moved_and_the_reason_is_told(operator: FakeOperator, verb: Verb) -> None:
    assert verb("clock", "advance", "--to", "2025-03-05T12:00:00+03:00")[0] == 0
    code, _, told = verb("clock", "advance", "--to", "2025-03-01T00:00:00+03:00")
    assert (code, "the clock only moves forward" in told) == (1, True)
    operator.answers["POST", "/v1/clock"] = (404, {"code": "NOT_FOUND"})
    code, _, told = verb("clock", "advance", "--by", "P1D")
    assert (code, "business clock is the system's" in told) == (1, True)


@pytest.mark.parametrize(("name", "text"), [
    ("c.json", '{"partners": [{"code": "ozon", "name": "Ozon", "category": "shop", "percent": "5"}], "promos": []}'),
    ("c.toml", 'promos = []\n[[partners]]\ncode = "ozon"\nname = "Ozon"\ncategory = "shop"\npercent = "5"\n'),
])  # fmt: skip
def test_a_catalogue_is_put_from_a_file_and_listed(
    operator: FakeOperator, verb: Verb, tmp_path: Path, name: str, text: str
) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    assert verb("partner", "put", str(file))[0] == 0
    assert operator.catalogue["partners"][0]["percent"] == "5"
    assert "ozon  Ozon  shop      5 %" in verb("partner", "list")[1]


def test_addresses_come_from_the_configuration_file_where_nothing_else_names_them(
    operator: FakeOperator, verb: Verb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FIRSTCHARGE_URL")
    file = tmp_path / "firstcharge.toml"
    file.write_text(f"[http]\nport = {operator.url.rsplit(':', 1)[1]}\n", encoding="utf-8")
    assert verb("clock", "show", "--config", str(file))[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("subscriber", "show", A, "--key", "ключ"),
        ("subscriber", "show", A, "--key", "a\nb"),
        ("subscriber", "show", A, "--url", "http://[::1"),
        ("subscriber", "show", A, "--url", "http://дом:80"),
        ("subscriber", "show", A, "--url", "ftp://x"),
        ("subscriber", "show", A, "--url", "http://x:port"),
    ],
)
def test_an_address_or_key_that_no_request_can_carry_is_wrong_usage(verb: Verb, arguments: tuple[str, ...]) -> None:
    code, out, err = verb(*arguments)
    assert (code, out) == (2, "")
    assert "fix:" in err
    assert "defect" not in err


def test_what_is_no_unicode_is_the_gateways_to_refuse(operator: FakeOperator, verb: Verb) -> None:
    assert verb("subscriber", "show", "7\udcff")[0] == 1
    assert verb("charge", "draw", A, "1.00", "--id", "\udcff")[0] in {0, 1}


@pytest.mark.parametrize("start", ["x", "2025-03-03", "2025-03-03T12:00:00", "2025-02-29T00:00:00+03:00"])
def test_a_demo_that_starts_at_no_instant_is_wrong_usage(verb: Verb, start: str) -> None:
    code, _, err = verb("demo", "--clock-start", start)
    assert code == 2
    assert "no instant with offset" in err
