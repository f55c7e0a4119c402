"""What every verb is handed: where to print, whom to talk to, how to wait. Made from the options all verbs share.

Addresses: an option stands over the environment, that over the configuration file, that over the default.
"""

import functools
import json
import os
import sys
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import click

from gateway.cli.client import Client
from gateway.cli.errors import BadUsage
from gateway.cli.output import Style, colours_wanted, painted, pairs

GATEWAY_PORT = 8080
SIMULATOR_PORT = 8081
DEMO_KEY = "demo-key"

Command = Callable[..., Any]


@dataclass(slots=True, kw_only=True)
class Shell:
    """One run of one verb."""

    json: bool = False
    quiet: bool = False
    config: Path | None = None
    url: str | None = None
    api_key: str | None = None
    sim_url: str | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    pause: Callable[[float], None] = time.sleep
    seconds: Callable[[], float] = time.monotonic

    @property
    def interactive(self) -> bool:
        """Whether somebody sits at a terminal and may be asked."""
        return sys.stdin.isatty() and self.out.isatty() and not self.json and not self.quiet

    @property
    def colours(self) -> bool:
        """Whether to print in colours."""
        return not self.json and colours_wanted(self.out, self.environ)

    def gateway(self) -> Client:
        """The gateway this verb talks to."""
        address = self.url or self.environ.get("FIRSTCHARGE_URL") or self._address("http", "port", GATEWAY_PORT)
        return Client(address, key=self.api_key or self.environ.get("FIRSTCHARGE_KEY") or DEMO_KEY)

    def simulator(self) -> Client:
        """The simulator this verb talks to."""
        known = self.sim_url or self.environ.get("FIRSTCHARGE_SIM_URL")
        return Client(known or self._address("simulator", "sim_port", SIMULATOR_PORT))

    def paint(self, text: str, style: Style) -> str:
        """The text in a style, where colours are wanted."""
        return painted(text, style, colours=self.colours)

    def say(self, text: str) -> None:
        """A line for people: not with `--quiet`, and with `--json` only documents are printed."""
        if not (self.quiet or self.json):
            self.line(text)

    def line(self, text: str) -> None:
        """A line of the result."""
        print(text, file=self.out, flush=True)

    def show(self, document: Any, lines: list[str] | None = None) -> None:
        """The result asked for: the document with `--json`, else `lines` (made from the document unless given)."""
        if self.json:
            self.line(json.dumps(document, ensure_ascii=False))
            return
        for text in pairs(document) if lines is None else lines:
            self.line(text)

    def done(self, document: Any, text: str) -> None:
        """Something was done: the document with `--json`, else one line, nothing with `--quiet`."""
        if self.json:
            self.show(document)
        else:
            self.say(text)

    def _address(self, section: str, port_key: str, port: int) -> str:
        found = read_toml(self.config).get(section, {}) if self.config else {}
        return f"http://{found.get('host', '127.0.0.1')}:{found.get(port_key, port)}"


def read_toml(path: Path) -> dict[str, Any]:
    """A configuration file as it stands, unchecked.

    Raises:
        BadUsage: the file cannot be read or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadUsage(f"{path}: {error}", fix="a correct file to start from: firstcharge config init") from None


def verb(function: Command) -> Command:
    """Give a command the options of every verb, and a Shell made from them as its first argument."""

    @functools.wraps(function)
    def with_shell(**options: Any) -> Any:
        shared = {name: options.pop(name) for name in SHELL_OPTIONS if name in options}
        return function(Shell(**shared), **options)

    wrapped: Command = with_shell
    for option in reversed(EVERY_VERB):
        wrapped = option(wrapped)
    return wrapped


def gateway_verb(function: Command) -> Command:
    """A verb that talks to the gateway."""
    return _with(
        function,
        click.option("--key", "api_key", metavar="KEY", help="The gateway's key [FIRSTCHARGE_KEY, demo-key]."),
        click.option("--url", metavar="URL", help="The gateway [FIRSTCHARGE_URL, http://127.0.0.1:8080]."),
    )


def simulator_verb(function: Command) -> Command:
    """A verb that talks to the simulator."""
    return _with(
        function,
        click.option("--sim-url", metavar="URL", help="The simulator [FIRSTCHARGE_SIM_URL, http://127.0.0.1:8081]."),
    )


def _with(function: Command, *options: Callable[[Command], Command]) -> Command:
    wrapped = verb(function)
    for option in options:
        wrapped = option(wrapped)
    return wrapped


SHELL_OPTIONS = ("json", "quiet", "config", "url", "api_key", "sim_url")

EVERY_VERB: tuple[Callable[[Command], Command], ...] = (
    click.option("--json", is_flag=True, help="Print JSON, for programs."),
    click.option("--quiet", is_flag=True, help="Print results and errors only."),
    click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="The configuration file (TOML).",
    ),
)
