"""The CLI's border: every ending is a message and an exit code, never a traceback; verbs are imported when called."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli import root
from gateway.cli.errors import CliError, Refused
from gateway.cli.root import VERBS, run

HEAVY = ("twisted", "sqlalchemy", "alembic", "pydantic", "rich", "structlog")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_help_lists_every_verb_and_imports_nothing_heavy() -> None:
    program = (
        "import sys; from gateway.cli.root import run; run(['--help']); "
        f"sys.exit(', '.join(name for name in {HEAVY!r} if name in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(re.search(rf"^  {verb} ", done.stdout, re.MULTILINE) for verb in VERBS)


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_verb_has_help_of_its_own(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([verb, "--help"]) == 0
    assert f"Usage: firstcharge {verb}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["nosuchverb"],
        ["balance"],
        ["balance", "79160000001", "--nosuchoption"],
        ["charge", "draw", "79160000001", "1.00", "--type", "fee"],
        ["clock", "advance"],
        ["clock", "advance", "--to", "2025-04-01T00:00:00Z", "--by", "P1D"],
        ["subscriber", "put", "79160000001", "--block", "mnp", "--no-blocks"],
        ["bill", "run", "2025-13"],
        ["balance", "79160000001", "--url", "ftp://x"],
        ["balance", "79160000001", "--config", "/nonexistent/firstcharge.toml"],
        ["partner", "put", "/nonexistent/catalogue.json"],
    ],
)
def test_a_command_line_that_cannot_be_understood_ends_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    told = capsys.readouterr().err
    assert told.startswith("firstcharge: ")
    assert "fix: " in told or arguments == ["nosuchverb"]


def test_a_mistyped_verb_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["balnace", "79160000001"]) == 2
    assert "No such command 'balnace'. Did you mean 'balance'?" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["ledger"]])
def test_a_bare_verb_shows_its_help_and_no_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    told = capsys.readouterr().err
    assert told.startswith("Usage: firstcharge")
    assert "fix:" not in told


def test_no_line_of_a_list_of_verbs_is_cut_short(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for verb in VERBS:
        run([verb, "--help"])
        _, _, commands = capsys.readouterr().out.partition("\nCommands:\n")
        assert "..." not in commands, commands


def test_nobody_listening_ends_with_3_and_names_the_address(capsys: pytest.CaptureFixture[str]) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert run(["balance", "79160000001", "--url", url]) == 3
    told = capsys.readouterr().err
    assert f"cannot reach {url}" in told
    assert "GET /v1/subscribers/79160000001/balance" in told


def test_a_listener_that_never_answers_ends_with_3(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("gateway.cli.client.Client.__init__.__kwdefaults__", {"key": None, "seconds_max": 0.05})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert run(["balance", "79160000001", "--url", url]) == 3
    assert "no answer in time" in capsys.readouterr().err


def test_an_error_is_a_document_with_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["balance", "79160000001", "--json", "--url", f"http://127.0.0.1:{free_port()}"]) == 3
    document = json.loads(capsys.readouterr().err)
    assert document["exit"] == 3
    assert document["fix"]


def test_a_defect_of_ours_is_one_sentence_and_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by us")

    monkeypatch.setattr(root.root, "main", broken)
    assert run(["balance"]) == 1
    told = capsys.readouterr().err
    assert "Traceback" not in told
    details = re.search(r"report it with (\S+)", told)
    assert details is not None
    assert "ZeroDivisionError: by us" in Path(details[1]).read_text(encoding="utf-8")
    Path(details[1]).unlink()


def test_a_reader_that_goes_away_is_no_error_worth_words() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "gateway", "--help"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_refusal_says_status_code_reason_place_and_fix() -> None:
    error = Refused(
        status=422,
        body={"code": "TERMS_REQUIRED", "detail": "the terms were not accepted", "field": "accept_terms"},
        where="POST http://127.0.0.1:8080/v1/members",
    )
    assert isinstance(error, CliError)
    assert error.message == (
        "refused: 422 TERMS_REQUIRED  the terms were not accepted; field accept_terms  "
        "(POST http://127.0.0.1:8080/v1/members)"
    )
    assert error.fix == "the terms must be accepted: add --accept-terms"


def test_what_would_lapse_is_told_with_the_refusal() -> None:
    body = {"code": "CONFIRM_LAPSE", "detail": "must be confirmed", "lapses": {"bonus": "50.00", "pending": "0.00"}}
    assert Refused(status=409, body=body, where="DELETE /").message == (
        "refused: 409 CONFIRM_LAPSE  must be confirmed; what lapses: bonus 50.00, pending 0.00  (DELETE /)"
    )


def test_every_wrong_field_is_named_once() -> None:
    errors = [{"field": "amount", "detail": "'x' is no amount"}, {"field": "type", "detail": "unknown"}]
    problem = {"code": "INVALID", "detail": "amount: 'x' is no amount", "errors": errors}
    assert Refused(status=400, body=problem, where="POST /").message == (
        "refused: 400 INVALID  amount: 'x' is no amount; type: unknown  (POST /)"
    )


def test_a_refusal_that_is_no_problem_document_is_told_all_the_same() -> None:
    assert Refused(status=502, body="<html>", where="GET /").message == "refused: 502  no reason given  (GET /)"
    assert Refused(status=401, body=None, where="GET /").fix == "give the right key with --key or FIRSTCHARGE_KEY"
