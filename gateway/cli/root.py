"""The tree of verbs, imported lazily, and the border where every error becomes a message and an exit code."""

import contextlib
import importlib
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
from click.exceptions import NoArgsIsHelpError, NoSuchCommand

from gateway.cli.errors import CliError, Failed
from gateway.cli.output import Style, colours_wanted, painted

PROGRAM = "firstcharge"


class Verb(NamedTuple):
    """Where a verb lives, and its line in the list of verbs (so that the list imports nothing)."""

    module: str
    name: str
    summary: str


VERBS: Mapping[str, Verb] = {
    "demo": Verb("processes", "demo", "Gateway, simulated network and a story, on this computer."),
    "serve": Verb("processes", "serve", "Run the gateway against a real network."),
    "simulator": Verb("processes", "simulator", "Run the operator simulator alone."),
    "dial": Verb("phone", "dial", "Dial a USSD code on a simulated phone."),
    "sms": Verb("phone", "sms", "A simulated phone's SMS: send, inbox, watch; and what a text costs."),
    "subscriber": Verb(
        "people", "subscriber", "Numbers the operator knows: put, show, number-change, port-out, erase."
    ),
    "member": Verb("people", "member", "Membership: join, leave, show, adverts."),
    "balance": Verb("people", "balance", "A subscriber's balances."),
    "partner": Verb("partners", "partner", "The partner catalogue: list, put."),
    "charge": Verb("money", "charge", "Charges: draw, show, refund."),
    "topup": Verb("money", "topup", "Add money to a subscriber's main balance."),
    "voucher": Verb("money", "voucher", "Handset vouchers: issue, show, cancel, redeem."),
    "clock": Verb("clock", "clock", "The manual business clock: show, advance."),
    "bill": Verb("bill", "bill", "The 1st-of-month job and billing files: run, apply, explain."),
    "ledger": Verb("ledger", "ledger", "The journal: verify, statement, export, heads, reconcile."),
    "outbox": Verb("outbox", "outbox", "Messages: list, show, retry, dead."),
    "message": Verb("outbox", "message", "One message's whole timeline: show."),
    "link": Verb("links", "link", "SMPP links: list, pause, resume, reload."),
    "smpp": Verb("smpp", "smpp", "SMPP at hand, for any SMSC: decode, ping, bench, probe, misbehave."),
    "db": Verb("database", "db", "The database's schema: upgrade, check."),
    "config": Verb("configuration", "config", "The configuration file: init, check, explain."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Every verb, in the order people meet them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, its module imported now."""
        known = VERBS.get(cmd_name)
        if known is None:
            if cmd_name.startswith("-"):
                return None  # an option: click says so itself
            raise NoSuchCommand(cmd_name, possibilities=VERBS, ctx=ctx)
        found = getattr(importlib.import_module(f"gateway.cli.{known.module}"), known.name)
        assert isinstance(found, click.Command)  # noqa: S101 - the table above names commands only
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """The list of verbs from the table, with no import."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, known.summary) for name, known in VERBS.items()])


def _print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - 20 ms that only this option pays

        click.echo(f"{PROGRAM} {version(PROGRAM)}")
        ctx.exit()


@click.group(
    PROGRAM,
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Every verb takes --json, --quiet, --config. Exit: 0 done, 1 refused or failed, 2 usage, 3 cannot reach.",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="The version."
)
def root() -> None:
    """Firstcharge: cashback that pays the phone bill first, over USSD and SMS."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line; every way it can end becomes an exit code, and never a traceback."""
    _speak_any_letter()
    as_json = "--json" in arguments
    try:
        answer = root.main(list(arguments), prog_name=PROGRAM, standalone_mode=False)
        _flush()
    except CliError as error:
        return _report(error, as_json=as_json)
    except click.ClickException as error:
        return _report_usage(error, as_json=as_json)
    except click.Abort:
        print("stopped", file=sys.stderr)
        return 1
    except BrokenPipeError:
        _forget_output()
        return 1
    except Exception as error:  # noqa: BLE001 - the CLI's border: people get a sentence, the file gets the rest
        return _report(_unexpected(error), as_json=as_json)
    return answer if isinstance(answer, int) else 0


def _report(error: CliError, *, as_json: bool) -> int:
    _print_error(error.message, error.fix, error.as_json() if as_json else None)
    return error.exit_code


def _report_usage(error: click.ClickException, *, as_json: bool) -> int:
    """Click's own complaints: usage errors end with 2, the way they are told stays click's words."""
    if isinstance(error, NoArgsIsHelpError):  # nothing is wrong with the help that a bare verb shows
        print(error.format_message(), file=sys.stderr)
        return error.exit_code
    context = getattr(error, "ctx", None)
    fix = f"see: {context.command_path} --help" if isinstance(context, click.Context) else None
    message = error.format_message()
    _print_error(message, fix, {"error": message, "fix": fix, "exit": error.exit_code} if as_json else None)
    return error.exit_code


def _print_error(message: str, fix: str | None, document: Mapping[str, Any] | None) -> None:
    with contextlib.suppress(BrokenPipeError):
        if document is not None:
            print(json.dumps(document, ensure_ascii=False), file=sys.stderr)
            return
        colours = colours_wanted(sys.stderr, os.environ)
        print(f"{painted(PROGRAM, Style.BAD, colours=colours)}: {message}", file=sys.stderr)
        if fix:
            print(f"  {painted('fix', Style.STRONG, colours=colours)}: {fix}", file=sys.stderr)


def _unexpected(error: Exception) -> Failed:
    """A defect of ours: its traceback goes to a file, the person gets the file's name."""
    with tempfile.NamedTemporaryFile(
        "w", prefix=f"{PROGRAM}-", suffix=".log", delete=False, encoding="utf-8"
    ) as details:
        traceback.print_exception(error, file=details)
    return Failed(
        f"unexpected {type(error).__name__}: {error}",
        fix=f"this is a defect; please report it with {Path(details.name)}",
    )


def _speak_any_letter() -> None:
    """A terminal that lacks a letter shows another one: printing never fails on Cyrillic."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def _flush() -> None:
    sys.stdout.flush()


def _forget_output() -> None:
    """The reader went away (`| head`): what is left in the buffer must not raise at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
