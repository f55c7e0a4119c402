"""Prints what happens, one aligned line an event; documents with `--json`, only what matters with `--quiet`."""

from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from gateway.cli.output import Style, one_line
from gateway.cli.shell import Shell


class Kind(StrEnum):
    """What sort of event a line tells."""

    CLOCK = "clock"
    API = "api"
    SHOP = "shop"
    USSD = "USSD"
    SMS = "SMS"
    POSTING = "posting"


STYLES = {
    Kind.CLOCK: Style.STRONG,
    Kind.SMS: Style.SMS,
    Kind.USSD: Style.USSD,
    Kind.POSTING: Style.GOOD,
}


class Narrator:
    """Tells events of the story, stamped with the business clock."""

    def __init__(self, shell: Shell, zone: ZoneInfo) -> None:
        self._shell = shell
        self._zone = zone

    def event(self, at: datetime, who: str, kind: Kind, text: str, *, note: str = "") -> None:
        """One event; `note` is the small print after it."""
        if self._shell.json:
            self._shell.show({"at": at.isoformat(), "who": who, "kind": kind, "text": text, "note": note})
            return
        local = at.astimezone(self._zone)
        shown = one_line(text)
        painted = self._shell.paint(shown, STYLES[kind]) if kind in STYLES else shown
        small = f"  {self._shell.paint(f'[{note}]', Style.QUIET)}" if note else ""
        self._shell.say(f"{local:%d.%m %H:%M}  {who:<1}  {kind:<7}  {painted}{small}")

    def table(self, lines: list[str], rows: list[dict[str, str]]) -> None:
        """A table: its lines for people, its rows for programs."""
        if self._shell.json:
            self._shell.show({"postings": rows})
            return
        self._shell.say("")
        for line in lines:
            self._shell.say(line)
        self._shell.say("")

    def remark(self, text: str, *, style: Style = Style.QUIET) -> None:
        """A line about the demo itself."""
        self._shell.say(self._shell.paint(text, style))
