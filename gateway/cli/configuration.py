"""The configuration file: written with every key, checked, explained."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.errors import BadUsage, Failed
from gateway.cli.shell import Shell, verb

if TYPE_CHECKING:
    from gateway.settings import Settings

DEFAULT_FILE = Path("firstcharge.toml")


def load_settings(shell: Shell) -> "Settings":
    """The configuration of --config and the environment.

    Raises:
        Failed: with everything that is missing or wrong, a line each.
    """
    from gateway.settings_file import ConfigurationError, load  # noqa: PLC0415 - 0.3 s that few verbs pay

    try:
        return load(shell.config, shell.environ)
    except ConfigurationError as error:
        few = "the configuration has something to mend:"
        fix = "what a key means: firstcharge config explain KEY"
        if shell.config is None:
            fix = "name the file with --config; firstcharge config init writes one"
        raise Failed("\n  ".join([few, *error.findings]), fix=fix) from None


@click.group()
def config() -> None:
    """The configuration file."""


@config.command("init")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), required=False)
@click.option("--force", is_flag=True, help="Write over a file that exists.")
@verb
def init(shell: Shell, file: Path | None, force: bool) -> None:
    """Write FILE [firstcharge.toml] with every key and its default. - prints it."""
    from gateway.settings_docs import render_defaults  # noqa: PLC0415 - as above

    target = file or shell.config or DEFAULT_FILE
    text = render_defaults()
    if str(target) == "-":
        shell.line(text.rstrip("\n"))
        return
    try:
        with target.open("w" if force else "x", encoding="utf-8") as written:
            written.write(text)
    except FileExistsError:
        raise Failed(f"{target}: exists already", fix="choose another name, or write over it with --force") from None
    except OSError as error:
        raise Failed(f"{target}: {error.strerror}", fix="choose a folder that exists and may be written") from None
    shell.done(
        {"file": str(target)},
        f"{target}: written; put your own links, keys and database there, then: {_next(target)}",
    )


def _next(target: Path) -> str:
    return f"firstcharge config check --config {target}"


@config.command("check")
@verb
def check(shell: Shell) -> None:
    """Check --config and the environment. Every finding says where and what to mend."""
    settings = load_settings(shell)
    links = ", ".join(link.name for link in settings.links)
    keys = ", ".join(key.name for key in settings.keys)
    found = {"ok": True, "links": [link.name for link in settings.links], "keys": [key.name for key in settings.keys]}
    shell.done(found, f"{shell.config or 'configuration'}: ok; links {links}; keys {keys}")


@config.command("explain")
@click.argument("key")
@verb
def explain(shell: Shell, key: str) -> None:
    """Say what KEY means and may be, such as links.window."""
    from gateway.settings_docs import UnknownKey  # noqa: PLC0415 - as above
    from gateway.settings_docs import explain as in_words  # noqa: PLC0415 - as above

    try:
        text = in_words(key)
    except UnknownKey as error:
        raise BadUsage(str(error.args[0]), fix="every key: firstcharge config init -") from None
    shell.show({"key": key, "text": text}, text.splitlines())
