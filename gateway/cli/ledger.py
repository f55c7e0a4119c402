"""The journal from the shell."""

from collections.abc import Iterator
from typing import Any

import click

from gateway.cli.client import Client
from gateway.cli.errors import Failed
from gateway.cli.output import Style, cell
from gateway.cli.people import subscriber_path
from gateway.cli.shell import Shell, gateway_verb

PAGES_MAX = 100_000
MOVEMENT = "{entry_no:>8}  {booked_at:<32}  {kind:<14}  {source:<17} > {target:<17}  {amount:>14}  {ref}"


@click.group()
def ledger() -> None:
    """The journal."""


@ledger.command("verify")
@gateway_verb
def verify(shell: Shell) -> None:
    """Check every invariant of the ledger."""
    verdict = shell.gateway().ask("GET", "/v1/ledger/verify")
    if not verdict["ok"]:
        shell.show(verdict, [f"violation: {cell(one)}" for one in verdict["violations"]])
        raise Failed(
            f"{len(verdict['violations'])} violations of the ledger's invariants",
            fix="stop posting, keep a copy of the database, and look at the entries named above",
        )
    shell.done(verdict, f"{shell.paint('ledger verified', Style.GOOD)}: {cell(verdict['checked'])} checked")


@ledger.command("statement")
@click.argument("msisdn")
@click.option("--from", "since", metavar="INSTANT", help="From this instant on (booked at).")
@click.option("--to", "until", metavar="INSTANT", help="Before this instant.")
@gateway_verb
def statement(shell: Shell, msisdn: str, since: str | None, until: str | None) -> None:
    """Show every movement of one subscription, newest first."""
    movements = statement_of(shell.gateway(), msisdn, since=since, until=until)
    if shell.json:
        shell.show({"items": list(movements), "next_cursor": None})
        return
    for one in movements:
        values = {name: cell(value) for name, value in one.items()}
        values |= {"source": cell(one["from"]), "target": cell(one["to"]), "ref": cell(one.get("ref"))}
        shell.line(MOVEMENT.format_map(values).rstrip())


def statement_of(
    client: Client, msisdn: str, *, since: str | None = None, until: str | None = None
) -> Iterator[dict[str, Any]]:
    """The movements of a subscription, page after page."""
    cursor: str | None = None
    for _ in range(PAGES_MAX):
        query = {"from": since, "to": until, "cursor": cursor}
        page = client.ask("GET", f"{subscriber_path(msisdn)}/statement", query=query)
        yield from page["items"]
        cursor = page.get("next_cursor")
        if cursor is None:
            return
    raise Failed(f"more than {PAGES_MAX} pages of movements", fix="ask for a shorter time with --from and --to")
