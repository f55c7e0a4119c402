"""SMPP links from the shell: how they stand, pause, resume, reload."""

import click

from gateway.cli.client import in_path
from gateway.cli.output import cell, columns
from gateway.cli.shell import Shell, gateway_verb


@click.group()
def link() -> None:
    """SMPP links of the asked gateway."""


@link.command("list")
@gateway_verb
def list_links(shell: Shell) -> None:
    """List links with their state, window and rate."""
    found = shell.gateway().ask("GET", "/v1/links")
    headings = ("name", "state", "bind", "address", "roles", "weight", "window", "rate/s", "paused since")
    rows = [
        (
            one["name"],
            one["state"],
            one["bind"],
            f"{one['host']}:{one['port']}{' tls' if one['tls'] else ''}",
            cell(one["roles"]),
            str(one["weight"]),
            f"{one['window_used']}/{one['window']}",
            cell(one["rate_per_s"]),
            cell(one["paused_since"]),
        )
        for one in found["items"]
    ]
    shell.show(found, columns(rows, headings=headings, right=frozenset({5, 6, 7})))


@link.command("reload")
@gateway_verb
def reload(shell: Shell) -> None:
    """Read [[links]] again: only what changed is connected anew."""
    answer = shell.gateway().ask("POST", "/v1/links/reload")
    shell.done(answer, "  ".join(f"{what}: {', '.join(names) or '-'}" for what, names in answer.items()))


@link.command("pause")
@click.argument("name")
@gateway_verb
def pause(shell: Shell, name: str) -> None:
    """Send no SMS on a link until it is resumed. Also after a restart; it stays bound."""
    answer = shell.gateway().ask("POST", f"/v1/links/{in_path(name)}/pause")
    shell.done(answer, f"{name} is paused in {answer['holds_in']}")


@link.command("resume")
@click.argument("name")
@gateway_verb
def resume(shell: Shell, name: str) -> None:
    """Send SMS on a link again."""
    answer = shell.gateway().ask("POST", f"/v1/links/{in_path(name)}/resume")
    shell.done(answer, f"{name} sends again in {answer['holds_in']}")
