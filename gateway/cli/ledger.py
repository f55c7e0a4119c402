"""The journal from the shell: checks, movements, files, closed days."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click

from gateway import faults
from gateway.cli.client import Client
from gateway.cli.errors import Failed
from gateway.cli.ledger_files import copy_export, differing_heads, heads_of, whole_file
from gateway.cli.output import Style, cell, columns
from gateway.cli.people import subscriber_path
from gateway.cli.shell import Shell, gateway_verb

PAGES_MAX = 100_000
VERIFY_SECONDS_MAX = 3_600.0
"""Everything is looked at: a minute for ten million postings, more where the disk is slow."""

MOVEMENT = "{entry_no:>8}  {booked_at:<32}  {kind:<14}  {source:<17} > {target:<17}  {amount:>14}  {ref}"
OUT = click.Path(path_type=Path, dir_okay=False)


@click.group()
def ledger() -> None:
    """The journal."""


@ledger.command("verify")
@click.option("--heads", type=OUT, metavar="FILE", help="Compare with heads kept by `ledger heads`, too.")
@gateway_verb
def verify(shell: Shell, heads: Path | None) -> None:
    """Check every invariant, and every sealed block's hash."""
    verdict = shell.gateway().patient(VERIFY_SECONDS_MAX).ask("GET", "/v1/ledger/verify")
    if heads is not None:
        verdict["violations"] += _kept_heads(shell.gateway(), heads)
        verdict["ok"] = not verdict["violations"]
    if not verdict["ok"]:
        shell.show(verdict, [f"violation: {cell(one)}" for one in verdict["violations"]])
        raise Failed(
            f"{len(verdict['violations'])} violations of the ledger's invariants",
            fix="stop posting, keep a copy of the database, and look at the entries named above",
        )
    shell.done(verdict, f"{shell.paint('ledger verified', Style.GOOD)}: {cell(verdict['checked'])} checked")


def _kept_heads(client: Client, path: Path) -> list[dict[str, Any]]:
    says = "every head that was kept is in the chain"
    try:
        with path.open("rb") as kept:
            return [
                {"invariant": "kept_heads_are_in_the_chain", "says": says, "ref": what, "found": how}
                for what, how in differing_heads(kept, partial(heads_of, client), file=str(path))
            ]
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}", fix="give a file that `firstcharge ledger heads` wrote") from None


@ledger.command("heads")
@click.option("--out", type=OUT, metavar="FILE", help="Where to write [standard output].")
@gateway_verb
def heads(shell: Shell, out: Path | None) -> None:
    """Write the heads of all sealed blocks. Keep these JSON lines where nobody of the database can write."""
    lines = (json.dumps(one, ensure_ascii=False) for one in heads_of(shell.gateway()))
    if out is None:
        for line in lines:
            shell.line(line)
        return
    count = 0
    with whole_file(out) as file:
        for line in lines:
            file.write(line.encode("utf-8") + b"\n")
            count += 1
    shell.done({"blocks": count, "out": str(out)}, f"{out}: {count} heads")


@ledger.command("export")
@click.option("--from", "since", metavar="INSTANT", help="From this instant on (booked at).")
@click.option("--to", "until", metavar="INSTANT", help="Before this instant.")
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True)
@click.option("--out", type=OUT, metavar="FILE", help="Where to write [standard output].")
@gateway_verb
def export(shell: Shell, since: str | None, until: str | None, *, form: str, out: Path | None) -> None:
    """Write the journal, one line a posting. The last line says how many, how much, and the head."""
    query = {"from": since, "to": until, "format": form}
    pieces = shell.gateway().download("/v1/ledger/export", query=query)
    fault = faults.from_environment(shell.environ)
    if out is None:
        copy_export(pieces, sys.stdout.buffer, form, fault)
        sys.stdout.buffer.flush()
        return
    with whole_file(out) as file:
        said = copy_export(pieces, file, form, fault)
    shell.done(
        {**asdict(said), "out": str(out)},
        f"{out}: {said.postings} postings, {said.amount} in all, sealed up to block {said.sealed_block}",
    )


@ledger.command("reconcile")
@click.option("--from", "since", metavar="DAY", help="From this business day on, YYYY-MM-DD.")
@click.option("--to", "until", metavar="DAY", help="Before this day.")
@gateway_verb
def reconcile(shell: Shell, since: str | None, until: str | None) -> None:
    """Show where all issued cashback is. By closed business day, and that nothing is missing."""
    days = list(_closed_days(shell.gateway(), since, until))
    names = ("issued", "spent", "lapsed", "voucher", "reversed", "outstanding")
    rows = [
        [day["day"], str(day["postings"]), *(day["cashback"][name] for name in names), day["imbalance"]]
        for day in days
    ]
    headings = ["day", "postings", *names, "imbalance"]
    table = columns(rows, headings=headings, right=frozenset(range(1, len(headings))))
    shell.show({"items": days}, table if days else ["no day with postings is closed yet"])
    wrong = [day["day"] for day in days if day["imbalance"] != "0.00"]
    if wrong:
        raise Failed(f"{', '.join(wrong)} do not add up", fix="firstcharge ledger verify names what is wrong")


def _closed_days(client: Client, since: str | None, until: str | None) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    for _ in range(PAGES_MAX):
        page = client.ask("GET", "/v1/reconciliations", query={"from": since, "to": until, "cursor": cursor})
        yield from page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return


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
