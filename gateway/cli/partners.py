"""The partner catalogue from the shell."""

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import click

from gateway.cli.errors import BadUsage
from gateway.cli.output import cell, columns
from gateway.cli.shell import Shell, gateway_verb

HEADINGS = ("code", "name", "category", "reward", "min_purchase", "confirm_days", "app_allowed", "valid_from")


@click.group()
def partner() -> None:
    """The partner catalogue."""


@partner.command("list")
@gateway_verb
def list_partners(shell: Shell) -> None:
    """Show the running catalogue: partners, then promotions."""
    catalogue = shell.gateway().ask("GET", "/v1/catalogue")
    rows = [[*_row(terms)] for terms in catalogue["partners"]]
    lines = columns(rows, headings=HEADINGS)
    promos = [[cell(promo.get(name)) for name in ("code", "name")] for promo in catalogue.get("promos", [])]
    if promos:
        lines += ["", *columns(promos, headings=("promotion", "name"))]
    shell.show(catalogue, lines)


def _row(terms: dict[str, Any]) -> list[str]:
    reward = f"{terms['percent']} %" if terms.get("percent") is not None else f"fixed {terms.get('fixed')}"
    return [cell(reward if name == "reward" else terms.get(name)) for name in HEADINGS]


@partner.command("put")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@gateway_verb
def put_catalogue(shell: Shell, file: Path) -> None:
    """Replace the whole catalogue by FILE, JSON or TOML. - reads JSON from the standard input."""
    catalogue = _read(file)
    answer = shell.gateway().ask("PUT", "/v1/catalogue", catalogue)
    count = len(catalogue.get("partners", []))
    shell.done(answer, f"catalogue replaced: {count} partner terms, {len(catalogue.get('promos', []))} promotions")


def _read(file: Path) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        found = tomllib.loads(text) if file.suffix == ".toml" else json.loads(text)
    except OSError as error:
        raise BadUsage(f"{file}: {error.strerror}", fix="name a file that exists and may be read") from None
    except ValueError as error:  # both parsers' errors, and bad UTF-8, are ValueErrors
        raise BadUsage(f"{file}: {error}", fix="it must be a catalogue as GET /v1/catalogue shows it") from None
    if not isinstance(found, dict):
        raise BadUsage(f"{file}: not an object", fix='it must look like {"partners": [...], "promos": [...]}')
    return found
