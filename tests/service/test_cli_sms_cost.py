"""`firstcharge sms cost`: what a text costs, told without any gateway."""

import json

import pytest

from gateway.cli.root import run


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["sms", "cost", *arguments]) == 0
    return capsys.readouterr().out


def test_a_plain_text_has_what_is_left_of_its_segment(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "hello") == "gsm7, 1 segment: 5 septets, 155 left before the next segment\n"


def test_a_dear_text_names_what_makes_it_so_and_what_rewriting_saves(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "și 👍\u00a0" + "x" * 100).splitlines() == [
        "ucs2, 2 segments: 106 UTF-16 units, 28 left before the next segment",
        "not in the GSM alphabet: ș 👍 U+00A0",
        "count twice: 👍",
    ]
    assert told(capsys, "și – " + "x" * 100).splitlines() == [
        "ucs2, 2 segments: 105 UTF-16 units, 29 left before the next segment",
        "not in the GSM alphabet: ș –",
        "with letters rewritten (--unicode translit): 1 segment, 1 less",
    ]


def test_a_mode_shows_the_text_as_it_will_be_sent(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "și €", "--unicode", "translit").splitlines() == [
        "gsm7, 1 segment: 5 septets, 155 left before the next segment",
        "sent as: si €",
        "count twice: €",
    ]


def test_machines_get_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(told(capsys, "{", "--json")) == {
        "text": "{",
        "coding": "gsm7",
        "segments": 1,
        "units": 2,
        "units_left": 158,
        "forced_by": [],
        "doubled": ["{"],
        "translit_segments": 1,
        "mode": "strict",
    }
