"""How verbs print: alignment, colours, hostile texts."""

import io

import pytest

from gateway.cli.output import Style, cell, colours_wanted, columns, one_line, painted, pairs


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_pairs_are_aligned_and_nested_names_joined_with_dots() -> None:
    document = {"main": "1.00", "held": {"main": "0.00", "cashback": "2.00"}, "bonus_due_on": None, "blocks": []}
    assert pairs(document) == [
        "main           1.00",
        "held.main      0.00",
        "held.cashback  2.00",
        "bonus_due_on   -",
        "blocks         -",
    ]


def test_sums_are_flush_right_under_their_heading() -> None:
    lines = columns([["a", "1.00"], ["bb", "1000.00"]], headings=("k", "amount"), right=frozenset({1}))
    assert lines == ["k    amount", "a      1.00", "bb  1000.00"]


@pytest.mark.parametrize(
    ("stream", "environ", "wanted"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_colours_are_for_terminals_whose_owner_did_not_refuse_them(
    stream: io.StringIO, environ: dict[str, str], wanted: bool
) -> None:
    assert colours_wanted(stream, environ) is wanted


def test_a_text_is_painted_only_where_colours_are_wanted() -> None:
    assert painted("x", Style.GOOD, colours=True) == "\x1b[32mx\x1b[0m"
    assert painted("x", Style.GOOD, colours=False) == "x"


def test_a_text_of_the_network_cannot_steer_the_terminal() -> None:
    assert one_line("a\nb\r\nc") == "a ⏎ b ⏎ c"
    assert one_line("\x1b[2J\x07\u202e") == "�[2J��"


def test_values_read_as_people_say_them() -> None:
    assert [cell(True), cell(False), cell(["mnp", "final"]), cell({"a": 1})] == ["yes", "no", "mnp, final", "a=1"]
