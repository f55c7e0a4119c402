"""A phone in the terminal, against the simulator: dialling, and its SMS."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import click

from gateway.cli.client import Client, in_path
from gateway.cli.errors import Failed
from gateway.cli.output import Style, one_line
from gateway.cli.shell import Shell, simulator_verb, verb

SERVICE_NUMBER = "4400"
WATCH_PAUSE_SECONDS = 0.25


def handset(msisdn: str) -> str:
    """The path of a phone."""
    return f"/sim/handsets/{in_path(msisdn)}"


@click.command(context_settings={"ignore_unknown_options": False})
@click.argument("msisdn")
@click.argument("code")
@click.argument("answers", nargs=-1)
@simulator_verb
def dial(shell: Shell, msisdn: str, code: str, answers: Sequence[str]) -> None:
    """Dial CODE (quote it: '*100#') and show what the network answers.

    Where the network asks something, ANSWERS are given in turn; without them you are asked, if this is a terminal.
    An empty answer hangs up.
    """
    phone = shell.simulator()
    path = handset(msisdn)
    screen = phone.ask("POST", f"{path}/dial", {"code": code})
    _show_screen(shell, screen)
    given = iter(answers)
    while screen["open"]:
        reply = next(given, None) or _asked(shell)
        if not reply:
            phone.ask("DELETE", f"{path}/dial")
            shell.say(shell.paint("hung up", Style.QUIET))
            return
        screen = phone.ask("POST", f"{path}/answer", {"text": reply})
        _show_screen(shell, screen)


def _show_screen(shell: Shell, screen: dict[str, Any]) -> None:
    text = screen.get("text")
    if text is None:
        shell.show(screen, [])
        raise Failed(
            f"no answer on the phone: {screen.get('failure')}",
            fix="is the gateway running, and its link bound? see GET /readyz",
        )
    measure = f"{screen.get('coding')}, {screen.get('octets')} octets, {screen.get('elapsed_ms')} ms"
    shell.show(screen, [shell.paint(line, Style.USSD) for line in text.splitlines() or [""]])
    shell.say(shell.paint(f"({measure}{', open' if screen['open'] else ''})", Style.QUIET))


def _asked(shell: Shell) -> str:
    """What the person at the terminal answers; empty where nobody can be asked."""
    if not shell.interactive:
        return ""
    print("> ", end="", file=shell.out, flush=True)
    return sys.stdin.readline().strip()


@click.group()
def sms() -> None:
    """A simulated phone's SMS, and what a text costs."""


@sms.command("send")
@click.argument("msisdn")
@click.argument("text")
@click.option("--to", default=SERVICE_NUMBER, show_default=True, help="The number to send to.")
@simulator_verb
def send(shell: Shell, msisdn: str, text: str, to: str) -> None:
    """Send TEXT from the phone MSISDN to the programme's number."""
    answer = shell.simulator().ask("POST", f"{handset(msisdn)}/sms", {"to": to, "text": text})
    shell.done(answer, f"sent from {msisdn} to {to}")


@sms.command("inbox")
@click.argument("msisdn")
@click.option("--clear", is_flag=True, help="Empty the inbox after showing it.")
@simulator_verb
def inbox(shell: Shell, msisdn: str, clear: bool) -> None:
    """Show the messages on the phone MSISDN, oldest first."""
    phone = shell.simulator()
    answer = phone.ask("GET", f"{handset(msisdn)}/inbox")
    shell.show(answer, [_sms_line(shell, message) for message in answer["messages"]])
    if not answer["messages"]:
        shell.say(shell.paint("no messages", Style.QUIET))
    if clear:
        phone.ask("DELETE", f"{handset(msisdn)}/inbox")
        shell.say(shell.paint("inbox emptied", Style.QUIET))


@sms.command("watch")
@click.argument("msisdns", metavar="MSISDN...", nargs=-1, required=True)
@click.option("--count", type=click.IntRange(min=1), help="Stop after this many messages.")
@simulator_verb
def watch(shell: Shell, msisdns: Sequence[str], count: int | None) -> None:
    """Show messages as they arrive on these phones, until Ctrl-C."""
    arriving = _arriving(shell, shell.simulator(), msisdns)
    try:
        for number, (msisdn, message) in enumerate(arriving, start=1):
            shell.show({"msisdn": msisdn, **message}, [f"{msisdn}  {_sms_line(shell, message)}"])
            if number == count:
                return
    except KeyboardInterrupt:
        return


@sms.command("cost")
@click.argument("text")
@click.option(
    "--unicode",
    "mode",
    type=click.Choice(["strict", "translit", "cheapest"]),
    default="strict",
    show_default=True,
    help="How far letters may be rewritten.",
)
@verb
def cost(shell: Shell, text: str, mode: str) -> None:
    """Show what TEXT costs as an SMS. Coding, segments, what is left, and which characters make it dear."""
    from sms.text import UnicodeMode, preview  # noqa: PLC0415 - the other verbs need no alphabets

    document = {**preview(text, UnicodeMode(mode)).document(), "mode": mode}
    shell.show(document, _cost_lines(document, text))


def _cost_lines(document: dict[str, Any], text: str) -> list[str]:
    segments, saved = document["segments"], document["segments"] - document["translit_segments"]
    kind = "septets" if document["coding"] == "gsm7" else "UTF-16 units"
    left = f"{document['units_left']} left before the next segment"
    lines = [f"{document['coding']}, {_counted(segments)}: {document['units']} {kind}, {left}"]
    if document["text"] != text:
        lines.append(f"sent as: {one_line(document['text'])}")
    if document["forced_by"]:
        lines.append(f"not in the GSM alphabet: {' '.join(map(_named, document['forced_by']))}")
    if document["doubled"]:
        lines.append(f"count twice: {' '.join(map(_named, document['doubled']))}")
    if saved:
        fewer = _counted(document["translit_segments"])
        lines.append(f"with letters rewritten (--unicode translit): {fewer}, {saved} less")
    return lines


def _counted(segments: int) -> str:
    return f"{segments} segment{'s' * (segments != 1)}"


def _named(character: str) -> str:
    """A character as it can be told: those that do not show, by their code point."""
    return character if character.isprintable() and not character.isspace() else f"U+{ord(character):04X}"


def _arriving(shell: Shell, phone: Client, msisdns: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(phone, message) for what comes after now; an emptied inbox starts again from nothing."""
    seen = {msisdn: len(_messages(phone, msisdn)) for msisdn in msisdns}
    shell.say(shell.paint(f"watching {', '.join(msisdns)}; Ctrl-C ends", Style.QUIET))
    while True:
        for msisdn in msisdns:
            messages = _messages(phone, msisdn)
            known = min(seen[msisdn], len(messages))
            yield from ((msisdn, message) for message in messages[known:])
            seen[msisdn] = len(messages)
        shell.pause(WATCH_PAUSE_SECONDS)


def _messages(phone: Client, msisdn: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = phone.ask("GET", f"{handset(msisdn)}/inbox")["messages"]
    return found


def _sms_line(shell: Shell, message: dict[str, Any]) -> str:
    size = f"{message['coding']}×{message['segments']}"
    text = shell.paint(one_line(message["text"]), Style.SMS)
    return f"{message['received_at']}  {message['from']:<11}  {size:<7}  {text}"
