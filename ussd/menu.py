"""Codes and menus as data: what a dialled string asks for.

A direct code with choices behind it (`*100*0*3#`) is walked through the same menus that a subscriber would
walk step by step; a choice marked `asked` is never taken that way, its question is shown instead. Whatever
does not lead to an entry of the table asks for `Action.NO_SUCH_CODE`; no input is an error.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ussd.errors import CodeTableInvalid

BACK_KEY = "0"
HOME_KEY = "00"
MORE_KEY = "98"
NAVIGATION_KEYS = frozenset((BACK_KEY, HOME_KEY, MORE_KEY))

DIALLED_CHARACTERS_MAX = 182
RECORDED_CHARACTERS_MAX = 24
UNRECORDED = "other"

_CODE = re.compile(r"[*#][0-9]+(?:\*[0-9]+)*#")
# A longer run of digits may be somebody's number or card: it is not kept in records.
_PERSONAL = re.compile(r"[0-9]{6}")


class Action(StrEnum):
    """What can be asked of the application."""

    BALANCE = "balance"
    CASHBACK = "cashback"
    JOIN = "join"
    JOIN_ACCEPT = "join_accept"
    BILL = "bill"
    MOVEMENTS = "movements"
    CREDIT = "credit"
    CREDIT_CONFIRM = "credit_confirm"
    LEAVE = "leave"
    LEAVE_CONFIRM = "leave_confirm"
    MENU = "menu"
    NO_SUCH_CODE = "no_such_code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One line of a menu: the key to press and what it asks for; `asked` ones no direct code skips."""

    key: str
    action: Action
    asked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialled:
    """What a dialled string means.

    `stack` are the screens from the first to the one that is asked for; `choices` the menu keys behind the
    code that led there; `code` is the entry of the table, "" where there is none.
    """

    code: str
    latin: bool
    stack: tuple[Action, ...]
    choices: tuple[str, ...]


Menus = Mapping[Action, tuple[Choice, ...]]

CODES: Mapping[str, Action] = {
    "*100#": Action.BALANCE,
    "#100#": Action.BALANCE,
    "*100*1#": Action.CASHBACK,
    "#100*1#": Action.CASHBACK,
    "*100*2#": Action.JOIN,
    "*100*3#": Action.BILL,
    "*100*4#": Action.MOVEMENTS,
    "*100*5#": Action.CREDIT,
    "*100*9#": Action.LEAVE,
    "*100*0#": Action.MENU,
}
MENUS: Menus = {
    Action.JOIN: (Choice(key="1", action=Action.JOIN_ACCEPT),),
    Action.CREDIT: (Choice(key="1", action=Action.CREDIT_CONFIRM),),
    Action.LEAVE: (Choice(key="1", action=Action.LEAVE_CONFIRM, asked=True),),
    Action.MENU: (
        Choice(key="1", action=Action.CASHBACK),
        Choice(key="2", action=Action.JOIN),
        Choice(key="3", action=Action.BILL),
        Choice(key="4", action=Action.MOVEMENTS),
        Choice(key="5", action=Action.CREDIT),
        Choice(key="6", action=Action.BALANCE),
        Choice(key="9", action=Action.LEAVE),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeTable:
    """The codes that exist and the menus behind them; a code that begins with # answers in Latin letters.

    Raises CodeTableInvalid for a code that cannot be dialled, a key that navigates, or a key used twice.
    """

    codes: Mapping[str, Action]
    menus: Menus

    def __post_init__(self) -> None:
        for code in self.codes:
            if len(code) > DIALLED_CHARACTERS_MAX or not _CODE.fullmatch(code):
                raise CodeTableInvalid(f"code {code!r} cannot be dialled: digits and * between * or # and #")
        for action, choices in self.menus.items():
            keys = [choice.key for choice in choices]
            unfit = [
                key
                for key in keys
                if key in NAVIGATION_KEYS or not (key.isascii() and key.isdecimal()) or keys.count(key) > 1
            ]
            if unfit:
                raise CodeTableInvalid(f"menu {action}: key {unfit[0]!r} is used twice, navigates or is no number")

    def read(self, text: str) -> Dialled:
        """What the dialled string asks for; the longest code of the table that it begins with counts."""
        dialled = text.strip()
        if len(dialled) <= DIALLED_CHARACTERS_MAX and _CODE.fullmatch(dialled):
            head, *tail = dialled[1:-1].split("*")
            for length in range(len(tail), -1, -1):
                code = dialled[0] + "*".join((head, *tail[:length])) + "#"
                if code in self.codes:
                    return self._walk(code, tuple(tail[length:])) or _nothing(dialled)
        return _nothing(dialled)

    def choice(self, action: Action, key: str) -> Choice | None:
        """The line of this action's menu with this key."""
        return next((choice for choice in self.menus.get(action, ()) if choice.key == key), None)

    def _walk(self, code: str, keys: tuple[str, ...]) -> Dialled | None:
        stack = [self.codes[code]]
        for position, key in enumerate(keys):
            choice = self.choice(stack[-1], key)
            if choice is None:
                return None
            if choice.asked:
                if position < len(keys) - 1:
                    return None
                return Dialled(code=code, latin=_latin(code), stack=tuple(stack), choices=keys[:position])
            stack.append(choice.action)
        return Dialled(code=code, latin=_latin(code), stack=tuple(stack), choices=keys)


def recorded(text: str) -> str:
    """What a session record keeps of a dialled string: codes, but nothing that may be somebody's number."""
    dialled = text.strip()
    fits = len(dialled) <= RECORDED_CHARACTERS_MAX and not dialled.strip("0123456789*#")
    return dialled if fits and not _PERSONAL.search(dialled) else UNRECORDED


def _nothing(dialled: str) -> Dialled:
    return Dialled(code="", latin=_latin(dialled), stack=(Action.NO_SUCH_CODE,), choices=())


def _latin(dialled: str) -> bool:
    return dialled.startswith("#")
