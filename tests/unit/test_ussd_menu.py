"""Codes and menus: what a dialled string asks for (domain.md codes, scenario 45, items 12 and 14)."""

import pytest

from ussd.errors import CodeTableInvalid
from ussd.menu import CODES, MENUS, Action, Choice, CodeTable, recorded

TABLE = CodeTable(codes=CODES, menus=MENUS)


@pytest.mark.parametrize(
    ("dialled", "action", "latin"),
    [
        ("*100#", Action.BALANCE, False),
        ("*100*1#", Action.CASHBACK, False),
        ("#100#", Action.BALANCE, True),
        ("#100*1#", Action.CASHBACK, True),
        ("*100*2#", Action.JOIN, False),
        ("*100*3#", Action.BILL, False),
        ("*100*4#", Action.MOVEMENTS, False),
        ("*100*5#", Action.CREDIT, False),
        ("*100*9#", Action.LEAVE, False),
        ("*100*0#", Action.MENU, False),
        (" *100# ", Action.BALANCE, False),
    ],
)
def test_every_code_of_the_programme_asks_for_its_action(dialled: str, action: Action, latin: bool) -> None:
    read = TABLE.read(dialled)
    assert (read.stack, read.latin, read.choices) == ((action,), latin, ())
    assert read.code == dialled.strip()


@pytest.mark.parametrize(
    ("dialled", "stack", "choices"),
    [
        ("*100*2*1#", (Action.JOIN, Action.JOIN_ACCEPT), ("1",)),
        ("*100*5*1#", (Action.CREDIT, Action.CREDIT_CONFIRM), ("1",)),
        ("*100*0*3#", (Action.MENU, Action.BILL), ("3",)),
        ("*100*0*2*1#", (Action.MENU, Action.JOIN, Action.JOIN_ACCEPT), ("2", "1")),
    ],
)
def test_item_14_choices_behind_a_code_walk_its_menus(
    dialled: str, stack: tuple[Action, ...], choices: tuple[str, ...]
) -> None:
    read = TABLE.read(dialled)
    assert (read.stack, read.choices) == (stack, choices)


@pytest.mark.parametrize(
    ("dialled", "stack"), [("*100*9*1#", (Action.LEAVE,)), ("*100*0*9*1#", (Action.MENU, Action.LEAVE))]
)
def test_item_14_leaving_is_asked_even_when_the_answer_was_dialled(dialled: str, stack: tuple[Action, ...]) -> None:
    assert TABLE.read(dialled).stack == stack


@pytest.mark.parametrize(
    "dialled",
    [
        "",
        " ",
        "*",
        "#",
        "##",
        "*#",
        "100",
        "*100",
        "*100*1",
        "*100*#",
        "*100**1#",
        "*100*77#",
        "*100*1*5#",
        "*100*2*7#",
        "*100*9*1*1#",
        "*100*0*77#",
        "#100*2#",
        "*101#",
        "*100#*",
        "*100*1#\n*100#",
        "*١٠٠#",
        "*100*1#" + "\x00",
        "DROP TABLE",
        "Баланс",
        "*" * 300,
        "1" * 300,
        "*100" + "*1" * 148 + "#",
        "*100*" + "1" * 176 + "#",
        "*100*" + "1" * 177 + "#",
    ],
)
def test_item_12_anything_else_is_no_such_code_and_raises_nothing(dialled: str) -> None:
    read = TABLE.read(dialled)
    assert (read.code, read.stack, read.choices) == ("", (Action.NO_SUCH_CODE,), ())


def test_latin_form_is_remembered_for_unknown_codes_too() -> None:
    assert TABLE.read("#100*77#").latin
    assert not TABLE.read("*100*77#").latin


def test_codes_are_configuration() -> None:
    table = CodeTable(codes={"*111#": Action.BALANCE, "*111*100*1#": Action.BILL}, menus={})
    assert table.read("*111#").stack == (Action.BALANCE,)
    assert table.read("*111*100*1#").stack == (Action.BILL,)
    assert table.read("*100#").stack == (Action.NO_SUCH_CODE,)


@pytest.mark.parametrize("code", ["", "100", "*100", "*100*#", "100#", "*1a#", "*" + "1" * 181 + "#"])
def test_code_that_cannot_be_dialled_is_refused_by_name(code: str) -> None:
    with pytest.raises(CodeTableInvalid, match="cannot be dialled"):
        CodeTable(codes={code: Action.BALANCE}, menus={})


@pytest.mark.parametrize("keys", [("0",), ("00",), ("98",), ("1", "1"), ("x",), ("",), ("²",)])
def test_menu_key_that_navigates_or_repeats_is_refused(keys: tuple[str, ...]) -> None:
    choices = tuple(Choice(key=key, action=Action.BILL) for key in keys)
    with pytest.raises(CodeTableInvalid, match="menu menu: key"):
        CodeTable(codes={}, menus={Action.MENU: choices})


def test_every_menu_leaf_but_leaving_can_be_dialled_directly() -> None:
    for action, choices in MENUS.items():
        code = next(code for code, opened in CODES.items() if opened is action)
        for choice in choices:
            direct = TABLE.read(f"{code[:-1]}*{choice.key}#")
            assert direct.stack[-1] is (action if choice.asked else choice.action)


@pytest.mark.parametrize(
    ("dialled", "kept"),
    [
        ("*100*77#", "*100*77#"),
        ("", ""),
        ("*144*79160000001#", "other"),
        ("*100*123456#", "other"),
        ("Баланс", "other"),
        ("*1" * 13, "other"),
    ],
)
def test_record_keeps_codes_and_nothing_that_may_be_a_number_of_somebody(dialled: str, kept: str) -> None:
    assert recorded(dialled) == kept
