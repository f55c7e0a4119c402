"""The bill verbs: the 1st-of-month job with its progress, and billing files."""

import re
from collections.abc import Iterator
from typing import Any, Protocol, Self

import click

from gateway.cli.bill_apply import apply
from gateway.cli.bill_explain import explain
from gateway.cli.client import Client
from gateway.cli.errors import BadUsage, Failed
from gateway.cli.month_progress import Rate, bar_line, split_line, sums_agree
from gateway.cli.shell import Shell, gateway_verb

POLL_SECONDS = 0.2
STALLED_SECONDS_MAX = 600.0
PLAIN_EVERY_SECONDS = 1.0
PERIOD = re.compile(r"\d{4}-(0[1-9]|1[0-2])\Z")


class Progress(Protocol):
    """Where the run is drawn."""

    def draw(self, run: dict[str, Any], elapsed_s: float) -> None:
        """Show how far the run is."""


@click.group()
def bill() -> None:
    """The 1st-of-month job, and billing files."""


bill.add_command(apply)
bill.add_command(explain)


@bill.command("run")
@click.argument("period")
@gateway_verb
def run(shell: Shell, period: str) -> None:
    """Run PERIOD (2025-04: the run of 1 April). Waits, with its progress, also for one under way."""
    if not PERIOD.match(period):
        raise BadUsage(f"{period!r} is no period", fix="write it like 2025-04: the run of 1 April 2025")
    client = shell.gateway()
    answer = client.expect("POST", "/v1/month-runs", {"period": period})
    before = " before" if answer.headers.get("idempotency-hit") == "true" else ""
    last = answer.body
    with _drawn(shell) as progress:
        for state, elapsed_s in _followed(shell, client, period, answer.body):
            progress.draw(state, elapsed_s)
            last = state
    if not sums_agree(last):
        raise Failed(
            f"month {period}: the split does not sum up: {split_line(last)}", fix="firstcharge ledger verify"
        )
    shell.done(last, f"Month {period} done{before}\n{split_line(last)}")


def _followed(
    shell: Shell, client: Client, period: str, first: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], float]]:
    """(state of the run, seconds since we look) until it is done.

    Raises:
        Failed: nothing moved for ten minutes.
    """
    began = moved_at = shell.seconds()
    run_now = first
    while True:
        yield run_now, shell.seconds() - began
        if run_now["status"] == "done":
            return
        shell.pause(POLL_SECONDS)
        found = client.ask("GET", f"/v1/month-runs/{period}")
        if found != run_now:
            moved_at = shell.seconds()
        elif shell.seconds() - moved_at > STALLED_SECONDS_MAX:
            raise Failed(
                f"month {period}: nothing moved for {STALLED_SECONDS_MAX:.0f} s; status {found['status']}",
                fix="look into the gateway's log; the run goes on from its checkpoint at the next start",
            )
        run_now = found


class _Silent:
    """For `--json` and `--quiet`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""

    def draw(self, run: dict[str, Any], elapsed_s: float) -> None:
        """Nothing to show."""


class _Plain:
    """Where no terminal is: a line a second, and one at the end."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._rate = Rate()
        self._drawn_at: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""

    def draw(self, run: dict[str, Any], elapsed_s: float) -> None:
        """A line, unless the last one is too fresh."""
        per_second = self._rate.seen(run, elapsed_s)
        fresh = self._drawn_at is not None and elapsed_s - self._drawn_at < PLAIN_EVERY_SECONDS
        if fresh and run["status"] != "done":
            return
        self._drawn_at = elapsed_s
        self._shell.say(bar_line(run, per_second))


class _Live:
    """On a terminal: two lines that are drawn over."""

    def __init__(self, shell: Shell) -> None:
        from rich.console import Console  # noqa: PLC0415 - only where a bar is drawn
        from rich.live import Live  # noqa: PLC0415 - as above

        self._rate = Rate()
        console = Console(file=shell.out, no_color=not shell.colours, highlight=False)
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def draw(self, run: dict[str, Any], elapsed_s: float) -> None:
        """The bar and the split so far."""
        from rich.text import Text  # noqa: PLC0415 - as above

        per_second = self._rate.seen(run, elapsed_s)
        self._live.update(Text(f"{bar_line(run, per_second)}\n{split_line(run)}"), refresh=True)


def _drawn(shell: Shell) -> _Silent | _Plain | _Live:
    if shell.json or shell.quiet:
        return _Silent()
    return _Live(shell) if shell.out.isatty() else _Plain(shell)
