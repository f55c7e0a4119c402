"""The story's hands and eyes: the two HTTP contracts, every text and posting shown as it is seen.

Anything but success where the story wants it is a StoryDiffers; effects are polled, never slept for.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote
from zoneinfo import ZoneInfo

from gateway.cli.client import Client
from gateway.cli.errors import Refused, Unreachable
from gateway.cli.ledger import statement_of
from gateway.cli.people import subscriber_path
from gateway.cli.phone import handset
from gateway.demo.errors import StoryDiffers
from gateway.demo.narrator import Kind, Narrator

EFFECT_SECONDS_MAX = 10.0
POLL_SECONDS = 0.02

Posting = tuple[str, str, str, str]
"""(kind, from, to, amount)."""


class Waiting(Protocol):
    """How the story waits: a Shell, or a test's own time."""

    def pause(self, seconds: float, /) -> None:
        """Let this much time pass."""

    def seconds(self) -> float:
        """Where a clock that only goes forward stands."""


class World:
    """What somebody outside can do and see, with what was seen before remembered."""

    def __init__(
        self,
        *,
        gateway: Client,
        simulator: Client,
        narrator: Narrator,
        waiting: Waiting,
        zone: ZoneInfo,
        watch: Callable[[], None],
    ) -> None:
        """`watch` raises when one of the processes is gone; it is asked whenever we wait."""
        self.narrator = narrator
        self.zone = zone
        self._gateway = gateway
        self._simulator = simulator
        self._waiting = waiting
        self._watch = watch
        self._now: datetime | None = None
        self._sms_seen: Counter[str] = Counter()
        self._entry_seen: Counter[str] = Counter()
        self._names: dict[str, str] = {}

    def name(self, letter: str, msisdn: str) -> None:
        """The letter under which a number is told of."""
        self._names[msisdn] = letter

    def now(self) -> datetime:
        """Where the business clock stands, in the operator's zone."""
        if self._now is None:
            self._now = self._instant(self.api("GET", "/v1/clock")["now"])
        return self._now

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the gateway that must succeed."""
        return self._asked(self._gateway, method, path, body)

    def sim(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the simulator that must succeed."""
        return self._asked(self._simulator, method, path, body)

    def does(self, msisdn: str, text: str, *, kind: Kind = Kind.API, note: str = "") -> None:
        """Tell what somebody does."""
        self.narrator.event(self.now(), self._names[msisdn], kind, text, note=note)

    def clock_to(self, to: datetime) -> None:
        """Move the business clock."""
        answer = self.api("POST", "/v1/clock", {"to": to.astimezone(self.zone).isoformat()})
        self._now = self._instant(answer["now"])
        if self._now != to:
            raise StoryDiffers("where the clock stands after it was moved", expected=f"{to}", seen=answer["now"])
        self.narrator.event(self._now, "", Kind.CLOCK, f"the business clock stands at {self._now:%Y-%m-%d %H:%M}")

    def dial(self, msisdn: str, code: str) -> str:
        """Dial a code that is answered at once; the text on the screen."""
        screen = self.sim("POST", f"{handset(msisdn)}/dial", {"code": code})
        if screen["failure"] is not None or screen["open"]:
            raise StoryDiffers(f"dialling {code}", expected="an answer and the end", seen=screen)
        text = str(screen["text"])
        note = f"{screen['coding']}, {screen['octets']} octets, {screen['elapsed_ms']} ms"
        self.narrator.event(self.now(), self._names[msisdn], Kind.USSD, f"{code} → {text}", note=note)
        return text

    def sms(self, msisdn: str, count: int) -> list[str]:
        """The next messages on a phone, waited for; never more than `count`."""
        wanted = self._sms_seen[msisdn] + count
        messages = self._until(
            lambda: self._inbox(msisdn), lambda found: len(found) >= wanted, f"{count} SMS for {self._names[msisdn]}"
        )
        new = messages[self._sms_seen[msisdn] :]
        self._sms_seen[msisdn] = len(messages)
        for one in new:
            size = f"{one['from']}, {one['coding']}, {one['segments']} segment{'s' if one['segments'] > 1 else ''}"
            self.narrator.event(self.now(), self._names[msisdn], Kind.SMS, one["text"], note=size)
        if len(new) > count:
            raise StoryDiffers(
                f"how many SMS {self._names[msisdn]} got", expected=count, seen=[m["text"] for m in new]
            )
        return [one["text"] for one in new]

    def postings(self, msisdn: str) -> list[Posting]:
        """What was booked since we looked last, oldest first."""
        booked = [one for one in self.statement(msisdn) if one["entry_no"] > self._entry_seen[msisdn]]
        for one in booked:
            text = f"{one['from']} > {one['to']}"
            shown = f"{text:<28} {one['amount']:>9}  {one['kind']}"
            self.narrator.event(self.now(), self._names[msisdn], Kind.POSTING, shown)
            self._entry_seen[msisdn] = one["entry_no"]
        return [(one["kind"], one["from"], one["to"], one["amount"]) for one in booked]

    def statement(self, msisdn: str) -> list[dict[str, Any]]:
        """Every movement of a subscription, oldest first."""
        return list(statement_of(self._gateway, msisdn))[::-1]

    def balance(self, msisdn: str) -> dict[str, Any]:
        """The balance call."""
        found: dict[str, Any] = self.api("GET", f"{subscriber_path(msisdn)}/balance")
        return found

    def knows(self, msisdn: str) -> bool:
        """Whether the gateway knows the number."""
        return self._gateway.call("GET", subscriber_path(msisdn)).ok

    def shop(self, partner: str, path: str, body: Any) -> dict[str, Any]:
        """What a shop sends and the gateway answers."""
        found: dict[str, Any] = self.sim("POST", f"/sim/shops/{quote(partner)}/orders{path}", body)
        return found

    def _inbox(self, msisdn: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.sim("GET", f"{handset(msisdn)}/inbox")["messages"]
        return found

    def _until(
        self, look: Callable[[], list[dict[str, Any]]], enough: Callable[[list[dict[str, Any]]], bool], what: str
    ) -> list[dict[str, Any]]:
        end = self._waiting.seconds() + EFFECT_SECONDS_MAX
        while True:
            found = look()
            if enough(found):
                return found
            if self._waiting.seconds() > end:
                raise StoryDiffers(
                    what, expected=f"within {EFFECT_SECONDS_MAX:.0f} s", seen=[one["text"] for one in found]
                )
            self._watch()
            self._waiting.pause(POLL_SECONDS)

    def _asked(self, client: Client, method: str, path: str, body: Any) -> Any:
        try:
            return client.ask(method, path, body)
        except Refused as refused:
            raise StoryDiffers(f"{method} {path}", expected="a good answer", seen=refused.message) from None
        except Unreachable:
            self._watch()
            raise

    def _instant(self, text: str) -> datetime:
        return datetime.fromisoformat(text).astimezone(self.zone)
