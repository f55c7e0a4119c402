"""The outbox from the shell: what waits, what is dead and why, one message's life, dead letters again."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from gateway.cli.client import Client, in_path
from gateway.cli.output import Style, cell, columns, one_line
from gateway.cli.shell import Shell, gateway_verb

STATES = (
    "queued", "held", "claimed", "written", "accepted", "enroute", "delivered", "expired", "undeliverable",
    "rejected", "deleted", "unknown", "dead",
)  # fmt: skip
PAGE_MAX = 500
TEXT_SHOWN = 40


@click.group()
def outbox() -> None:
    """Messages to subscribers."""


@click.group()
def message() -> None:
    """One message."""


def _list_options(function: Any) -> Any:
    for option in (
        click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="At most."),
        click.option("--msisdn", metavar="MSISDN", help="Of one subscriber."),
        click.option("--kind", metavar="KIND", help="Of one kind, such as accrued."),
    ):
        function = option(function)
    return function


@outbox.command("list")
@click.option("--state", type=click.Choice(STATES), help="In one state.")
@_list_options
@gateway_verb
def list_messages(shell: Shell, state: str | None, kind: str | None, msisdn: str | None, limit: int) -> None:
    """List messages, newest first."""
    found = _found(shell.gateway(), {"state": state, "kind": kind, "msisdn": msisdn}, limit)
    _show(shell, found, "no such message")


@outbox.command("dead")
@_list_options
@gateway_verb
def dead(shell: Shell, kind: str | None, msisdn: str | None, limit: int) -> None:
    """List dead letters with their reason, newest first."""
    found = _found(shell.gateway(), {"state": "dead", "kind": kind, "msisdn": msisdn}, limit)
    _show(shell, found, "no dead letters")


@outbox.command("retry")
@click.argument("message_ids", nargs=-1, metavar="MESSAGE_ID...")
@click.option("--dead", "all_dead", is_flag=True, help="All dead letters (of the kind given).")
@click.option("--kind", metavar="KIND", help="With --dead: only of this kind.")
@gateway_verb
def retry(shell: Shell, message_ids: tuple[str, ...], all_dead: bool, kind: str | None) -> None:
    """Queue dead letters again. All their attempts are before them; not those that a subscriber refused.

    One that is dead because its outcome is unknown may reach the subscriber twice.
    """
    if bool(message_ids) == all_dead:
        raise click.UsageError("say either MESSAGE_ID... or --dead")
    if kind is not None and not all_dead:
        raise click.UsageError("--kind goes with --dead")
    client = shell.gateway()
    if all_dead:
        retried = _retry_all(client, kind)
        shell.done({"retried": retried}, f"{retried} queued again")
        return
    done = [client.ask("POST", f"/v1/outbox/{in_path(one)}/retry") for one in message_ids]
    shell.done({"retried": len(done)}, f"{len(done)} queued again")


@outbox.command("show")
@click.argument("message_id")
@gateway_verb
def show_in_outbox(shell: Shell, message_id: str) -> None:
    """Show a message's whole timeline."""
    _show_timeline(shell, message_id)


@message.command("show")
@click.argument("message_id")
@gateway_verb
def show_message(shell: Shell, message_id: str) -> None:
    """Show a message's whole timeline."""
    _show_timeline(shell, message_id)


def _found(client: Client, wanted: Mapping[str, str | None], limit: int) -> list[dict[str, Any]]:
    """Page after page until there are enough or no more."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while len(found) < limit:
        asked = str(min(limit - len(found), PAGE_MAX))
        page = client.ask("GET", "/v1/outbox", query={**wanted, "limit": asked, "cursor": cursor})
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    return found


def _retry_all(client: Client, kind: str | None) -> int:
    retried = 0
    cursor: str | None = None
    while True:
        asked = {name: value for name, value in (("kind", kind), ("cursor", cursor)) if value is not None}
        page = client.ask("POST", "/v1/outbox/retries", asked)
        retried += int(page["retried"])
        cursor = page["next_cursor"]
        if cursor is None:
            return retried


def _show(shell: Shell, found: Sequence[Mapping[str, Any]], nothing: str) -> None:
    if not found:
        shell.done({"items": []}, nothing)
        return
    headings = ("created", "message", "kind", "state", "reason", "tries", "msisdn", "text")
    rows = [
        (
            one["created_at"],
            one_line(one["message_id"]),
            one["kind"],
            one["state"],
            cell(one["reason"]),
            str(max((attempt["number"] for attempt in one["attempts"]), default=0)),
            one["msisdn"] or "-",
            one_line(one["text"] or "-")[:TEXT_SHOWN],
        )
        for one in found
    ]
    shell.show({"items": list(found)}, columns(rows, headings=headings, right=frozenset({5})))


def _show_timeline(shell: Shell, message_id: str) -> None:
    found = shell.gateway().ask("GET", f"/v1/outbox/{in_path(message_id)}")
    shell.show(found, list(_lines(shell, found)))


def _lines(shell: Shell, found: Mapping[str, Any]) -> Iterator[str]:
    yield shell.paint(f"{one_line(found['message_id'])}  {found['state']}", Style.STRONG)
    yield f"to {found['msisdn'] or '-'}, {found['segments']} segments: {one_line(found['text'] or 'no text yet')}"
    rows = [(one["at"] or "-", one["clock"], one["what"], one_line(one["detail"])) for one in found["timeline"]]
    yield from columns(rows, headings=("at", "clock", "what", "detail"))
