"""`smpp misbehave`: does one misdeed, or all in turn, and shows how the SMSC took each."""

import random
from collections.abc import Callable, Mapping
from typing import Any

from gateway.cli.errors import BadUsage
from gateway.cli.output import Style, columns
from gateway.cli.shell import Shell
from gateway.cli.smpp_target import Target
from sms.smpp.describe import name_of_status
from sms.tools.misbehave import MISDEEDS, MisdeedReport, misbehave
from sms.tools.stage import Stage

EVERY = "all"
KINDS_SHOWN = 6
SOUND, UNSOUND = "sound", "unsound"


def misdeeds_of(persona: str | None, to: str | None) -> list[str]:
    """Which are meant.

    Raises:
        BadUsage: none was named, nobody knows it, or it sends messages and nobody may get them.
    """
    if persona is None:
        raise BadUsage("which PERSONA?", fix=f"see them with --list, or do all in turn: {EVERY}")
    if persona not in (EVERY, *MISDEEDS):
        raise BadUsage(f"no persona is called {persona}", fix=f"there are: {', '.join(MISDEEDS)}; and {EVERY}")
    names = list(MISDEEDS) if persona == EVERY else [persona]
    if to is None and any(MISDEEDS[name].submits for name in names):
        raise BadUsage(f"{persona} sends messages", fix="give a test phone of yours with --to")
    if to is not None and not (to.isascii() and to.isdecimal()):
        raise BadUsage(f"--to {to}: a number is digits alone", fix="write it like 79160000001")
    return names


def do(target: Target, names: list[str], options: Mapping[str, Any], told: Callable[[dict[str, Any]], None]) -> None:
    """Do these in turn; `told` is given the report of each as a document. What keeps us from binding is raised."""

    async def work(reactor: Any) -> None:
        for name in names:
            stage = Stage(
                config=target.config,
                endpoint=target.endpoint(reactor),
                clock=reactor,
                rng=random.Random(options["seed"]),  # noqa: S311 - octets are spoiled with it, nothing secret
                count=options["count"],
                seconds=options["seconds"],
                to=options["to"] or "",
            )
            told(_document(name, await misbehave(MISDEEDS[name], stage)))

    target.ask(work)


def _document(name: str, report: MisdeedReport) -> dict[str, Any]:
    return {
        "persona": name,
        "what": MISDEEDS[name].what,
        "sound_is": MISDEEDS[name].sound,
        "verdict": SOUND if report.complaint is None else UNSOUND,
        "complaint": report.complaint,
        "answered": {
            f"{command} {name_of_status(status)}": count
            for (command, status), count in sorted(report.answered.items())
        },
        "connections": report.connections,
        "closed_after_s": _rounded(report.closed_after_s),
        "alive_ms": _rounded(report.alive_ms),
        "seconds": _rounded(report.seconds),
    }


def lines_of(shell: Shell, document: Mapping[str, Any]) -> list[str]:
    """The same for people: the verdict first, then what was seen."""
    sound = document["verdict"] == SOUND
    verdict = shell.paint(document["verdict"], Style.GOOD if sound else Style.BAD)
    closed = document["closed_after_s"]
    most = sorted(document["answered"].items(), key=lambda one: -one[1])
    seen = [f"{count} {name}" for name, count in most[:KINDS_SHOWN]]
    if len(most) > KINDS_SHOWN:
        seen.append(f"{len(most) - KINDS_SHOWN} kinds more")
    seen.append("kept open" if closed is None else f"closed after {closed:.2f} s")
    return [
        f"{document['persona']}: {verdict}: {document['complaint'] or document['sound_is']}",
        *([] if shell.quiet else [f"    {document['what']}; seen: {', '.join(seen)}"]),
    ]


def listed(shell: Shell) -> list[str]:
    """All of them."""
    rows = [(name, one.what, one.sound, "yes" if one.submits else "") for name, one in MISDEEDS.items()]
    table = columns(rows, headings=("persona", "what it does", "a sound SMSC", "needs --to"))
    return [shell.paint(table[0], Style.STRONG), *table[1:]]


def documents() -> list[dict[str, Any]]:
    """The same for programs."""
    return [
        {"persona": name, "what": one.what, "sound_is": one.sound, "submits": one.submits}
        for name, one in MISDEEDS.items()
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else int(value * 1_000) / 1_000
