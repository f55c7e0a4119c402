"""Verbs that run programs: the demo, the gateway, the simulator."""

import os
import sys
from datetime import datetime
from pathlib import Path

import click

from gateway.cli.shell import Shell, verb

PORT = click.IntRange(1, 65535)


def _instant(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """An option that is an instant, refused before anything starts."""
    try:
        is_aware = value is None or datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        is_aware = False
    if not is_aware:
        raise click.BadParameter(f"{value!r} is no instant with offset, like 2025-03-03T12:00:00+03:00.")
    return value


@click.command()
@click.option("--exit", "exit_after", is_flag=True, help="End after the story: 0, or 1 with what differed first.")
@click.option("--keep", is_flag=True, help="Keep what an earlier demo left in the directory.")
@click.option("--no-story", is_flag=True, help="The catalogue and nobody in it.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".firstcharge"),
    show_default=True,
    help="Where database, configuration and logs are kept.",
)
@click.option("--http-port", type=PORT, help="The gateway's HTTP port [8080].")
@click.option("--sim-port", type=PORT, help="The simulator's HTTP port [8081].")
@click.option("--smpp-port", type=PORT, help="The simulator's SMPP port [2775].")
@click.option("--database", metavar="URL", help="Another database than the directory's SQLite file; never emptied.")
@click.option(
    "--clock-start",
    metavar="INSTANT",
    callback=_instant,
    help="The business clock's start [2025-03-03T12:00:00+03:00].",
)
@verb
def demo(shell: Shell, exit_after: bool, no_story: bool, **options: bool | int | str | Path | None) -> int:
    """Start the gateway and a simulated network, tell the story, stay up for the browser until Ctrl-C.

    Values come from these options, else FIRSTCHARGE__SECTION__KEY, else --config, else the demo's own.
    """
    from gateway.demo.driver import run  # noqa: PLC0415 - only this verb pays
    from gateway.demo.plan import DemoOptions  # noqa: PLC0415 - as above

    return run(shell, DemoOptions(exit_after=exit_after, story=not no_story, **options))  # type: ignore[arg-type]


@click.command()
@click.option("--upgrade", is_flag=True, help="Bring the database to this program's version first.")
@verb
def serve(shell: Shell, upgrade: bool) -> int:
    """Run the gateway with the configuration of --config until SIGTERM."""
    from gateway import serve as entry  # noqa: PLC0415 - the whole program: only this verb pays
    from gateway.cli.configuration import load_settings  # noqa: PLC0415 - as above
    from gateway.cli.database import bring_to_head, refuse_unfit  # noqa: PLC0415 - as above

    url = load_settings(shell).database.url
    if upgrade:
        bring_to_head(url, shell.environ)
    else:
        refuse_unfit(url)

    return entry.serve(shell.config, shell.environ)


@click.command()
@click.option("--host", metavar="ADDRESS", help="Where to listen [127.0.0.1].")
@click.option("--sim-port", type=PORT, help="The HTTP port [8081].")
@click.option("--smpp-port", type=PORT, help="The SMPP port [2775].")
@click.option("--gateway-url", metavar="URL", help="The gateway its shops and clock talk to.")
@click.option("--gateway-key", metavar="KEY", help="The gateway's key.")
@click.option("--persona", metavar="NAME", help="The SMSC to be: see GET /sim/personas [modern].")
@verb
def simulator(shell: Shell, **options: str | int | None) -> None:
    """Run the operator simulator alone (the same as `python -m simulator`)."""
    from gateway.demo.children import environ_for_modules  # noqa: PLC0415 - as above

    command = [sys.executable, "-P", "-m", "simulator"]
    if shell.config is not None:
        command += ["--config", str(shell.config)]
    for name, value in options.items():
        if value is not None:
            command += [f"--{name.replace('_', '-')}", str(value)]
    sys.stdout.flush()
    os.execve(command[0], command, environ_for_modules(shell.environ))  # noqa: S606 - our interpreter and module
