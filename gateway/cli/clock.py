"""The manual business clock from the shell."""

import click

from gateway.cli.client import Client
from gateway.cli.errors import Failed, Refused
from gateway.cli.output import cell
from gateway.cli.shell import Shell, gateway_verb

NOT_FOUND = 404
CONFLICT = 409


@click.group()
def clock() -> None:
    """The manual business clock."""


@clock.command("show")
@gateway_verb
def show(shell: Shell) -> None:
    """Show where the business clock stands."""
    shell.show(_asked(shell.gateway(), "GET", None))


@clock.command("advance")
@click.option("--to", metavar="INSTANT", help="Where to, such as 2025-04-01T00:00:00+03:00.")
@click.option("--by", metavar="DURATION", help="How far, such as P1D or PT9H.")
@gateway_verb
def advance(shell: Shell, to: str | None, by: str | None) -> None:
    """Move the clock forward. What is due on the way runs in the order of its instants."""
    if (to is None) == (by is None):
        raise click.UsageError("say either --to INSTANT or --by DURATION")
    answer = _asked(shell.gateway(), "POST", {"to": to} if to else {"by": by})
    shell.done(answer, f"{answer['now']}  ran: {cell(answer['ran'])}")


def _asked(client: Client, method: str, body: dict[str, str | None] | None) -> dict[str, str]:
    try:
        found: dict[str, str] = client.ask(method, "/v1/clock", body)
    except Refused as refused:
        if refused.status == CONFLICT:
            raise Failed(refused.message, fix="the clock only moves forward; see: firstcharge clock show") from None
        if refused.status != NOT_FOUND:
            raise
        raise Failed(
            f"this gateway's business clock is the system's; nobody moves it  ({client.base_url}/v1/clock)",
            fix="a manual clock is set with kind = 'manual' in section clock, as the demo does",
        ) from None
    return found
