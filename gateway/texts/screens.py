"""USSD screens: figures become the few lines a phone shows. Codes that begin with # answer in Latin letters."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from gateway.texts.forms import exact_sum, in_latin, short_date, short_sum
from gateway.texts.notices import LANGUAGES


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One line of the last movements: `amount` has its sign, `what` is a `kind_…` text."""

    day: date
    amount: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Screens:
    """The screens of one language; `latin` for phones and programs without Cyrillic or diacritics."""

    language: str
    latin: bool = False

    def text(self, key: str, **values: str) -> str:
        """The filled template of a screen; KeyError for an unknown key."""
        text = LANGUAGES[self.language][key].format(**values)
        return in_latin(text) if self.latin else text

    def sum(self, key: str, amount: int) -> str:
        """The filled template of a screen with one sum in it."""
        return self.text(key, amount=short_sum(amount))

    def main(self, *, main: int | None, cashback: int | None) -> str:
        """`*100#`: main with two decimals, then cashback where there is any to show.

        `main` None: the operator's balance service did not answer. `cashback` None: first line only.
        """
        lines: list[str] = []
        if main is not None:
            lines.append(self.text("main_negative" if main < 0 else "main", main=exact_sum(main)))
        if cashback is not None:
            lines.append(self.cashback(cashback))
        return "\n".join(lines) or self.text("try_later")

    def cashback(self, cashback: int) -> str:
        """The cashback line."""
        return self.text("cashback", cashback=short_sum(cashback))

    def programme(self, *, cashback: int, due_on: date, bonus: int, pending: int) -> str:
        """`*100*1#`: spendable, due on that 1st, waiting for the shop. Always three lines."""
        due = self.text("due", date=short_date(due_on), bonus=short_sum(bonus))
        return "\n".join((self.cashback(cashback), due, self.text("pending", pending=short_sum(pending))))

    def handset_bonus(self, bonus: int) -> str:
        """`*100*1#` of a corporate number."""
        return "\n".join((self.text("bonus", bonus=short_sum(bonus)), self.text("handset_only")))

    def bill(self, *, amount: int, cashback: int, main: int) -> str:
        """`*100*3#`: the split of the last tariff fee."""
        sums = {"amount": short_sum(amount), "cashback": short_sum(cashback), "main": short_sum(main)}
        return self.text("bill", **sums)

    def movements(self, movements: Sequence[Movement]) -> str:
        """`*100*4#`: one line each, newest first."""
        return "\n".join(self._movement(one) for one in movements) or self.text("no_movements")

    def leaving(self, *, bonus: int, pending: int, cashback: int) -> str:
        """The question before leaving; `cashback` is zero where it stays spendable."""
        sums = {"bonus": short_sum(bonus), "pending": short_sum(pending)}
        if cashback:
            return self.text("leave_ask_all", cashback=short_sum(cashback), **sums)
        return self.text("leave_ask", **sums)

    def as_of(self, screen: str, instant: datetime, zone: ZoneInfo) -> str:
        """A screen with the time its figures are of; the first line keeps its shape."""
        return "\n".join((screen, self.text("as_of", time=instant.astimezone(zone).strftime("%H:%M"))))

    def _movement(self, movement: Movement) -> str:
        return self.text(
            "movement",
            date=short_date(movement.day),
            sign="-" if movement.amount < 0 else "+",
            amount=short_sum(abs(movement.amount)),
            what=LANGUAGES[self.language][movement.what],
        )


def screens_for(language: str, *, latin: bool, unicode: str | None = None) -> Screens:
    """The screens of a subscriber: `latin` asks for Latin letters; Romanian loses its diacritics unless `strict`.

    One letter outside the GSM alphabet would cut the screen from 182 characters to 80. Cyrillic stays Cyrillic in
    every mode: only codes that begin with # spell it out.
    """
    return Screens(language=language, latin=latin or (unicode != "strict" and language != "ru"))
