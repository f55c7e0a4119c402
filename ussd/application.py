"""What the USSD core asks of the program behind it: answers to requests, and the fixed texts."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ussd.menu import Action


class TextKey(StrEnum):
    """The fixed texts; every one that closes a session says that money is safe or what to dial."""

    TRY_LATER = "try_later"
    WRONG_CHOICE = "menu_wrong"
    TOO_MANY_WRONG = "menu_closed"
    MORE = "menu_more"
    BACK = "menu_back"
    HOME = "menu_home"


@dataclass(frozen=True, slots=True, kw_only=True)
class UssdRequest:
    """One question to the application.

    `request_id` is unique per question and stays the same however often the network repeats it, so that it
    can be the idempotency key of what the action writes. `code` is the entry of the code table ("" where
    there is none), `choices` are the menu keys after it. `latin`: answer in Latin letters.
    """

    request_id: str
    msisdn: str
    action: Action
    latin: bool
    code: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UssdReply:
    """The rendered answer; `menu` keeps the session open for the choices of the action's menu.

    The text of a menu lists its choices; navigation (0, 00, 98) is added by the dialogue.
    """

    text: str
    menu: bool = False


class Application(Protocol):
    """The program behind the dialogues."""

    async def answer(self, request: UssdRequest) -> UssdReply:
        """The answer; called at most once per request_id. An exception closes the session with a text."""

    def stale(self, request: UssdRequest) -> UssdReply | None:
        """An answer from what is known by heart, with its time, or None; asked at the soft deadline."""

    async def deadline_passed(self, request: UssdRequest) -> str:
        """The closing text at the hard deadline: "by SMS" once that SMS is stored, else "try later"."""


class Texts(Protocol):
    """The fixed texts in a subscriber's language, from memory: they are needed when nothing else works."""

    def text(self, key: TextKey, msisdn: str, *, latin: bool) -> str:
        """The text; MORE, BACK and HOME are labels that stand behind their key."""
