"""`bill explain`: every step of one split, in words."""

from typing import Any

import click

from gateway.cli.client import in_path
from gateway.cli.output import Style, one_line
from gateway.cli.shell import Shell, gateway_verb


@click.command("explain")
@click.argument("charge_id")
@gateway_verb
def explain(shell: Shell, charge_id: str) -> None:
    """Show every step of one split. What there was, who paid what and why, what came later."""
    found = shell.gateway().ask("GET", f"/v1/charges/{in_path(charge_id)}/explanation")
    shell.show(found, lines_of(shell, found))


def lines_of(shell: Shell, found: dict[str, Any]) -> list[str]:
    """The split on one line, the steps with their rules, the entries of the journal."""
    head = (
        f"{found['charge_id']}  {found['msisdn']}  {found['type']} {found['amount']}: "
        f"cashback {found['cashback']}, main {found['main']}, unpaid {found['unpaid']}"
    )
    lines = [shell.paint(one_line(head), Style.STRONG)]
    lines += [
        f"{number:>3}. {one_line(step['text'])}  [rule {step['rule']}]"
        for number, step in enumerate(found["steps"], 1)
    ]
    lines += [
        shell.paint(
            f"     entry {one['entry_no']:>6}  {one['booked_at']}  {one['kind']:<10}"
            f"  {one['from']:>8} > {one['to']:<8}  {one['amount']:>14}  {one_line(one['ref'])}",
            Style.QUIET,
        )
        for one in found["entries"]
    ]
    return lines
