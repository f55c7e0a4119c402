"""How `bill apply` reads on a terminal: bar, rate, split so far, time left; a line a second where no terminal is."""

from dataclasses import dataclass
from typing import Any, Self

from billing.money import format_money
from gateway.cli.bill_checkpoint import Totals
from gateway.cli.shell import Shell

BAR_CELLS = 19
PERCENT = 100
MINUTE = 60
PLAIN_EVERY_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far it is. `began_lines`, `began_read`: where this run took over from one that was interrupted."""

    name: str
    read: int
    size: int
    totals: Totals
    began_lines: int
    began_read: int
    elapsed_s: float


def bar_line(now: Standing) -> str:
    """`Bill charges.csv  ███░░░ 78 %  781,204/~1,000,000  61,310/s  eta 0:04`; the whole is guessed from octets."""
    part = min(now.read / now.size, 1.0) if now.size else 1.0
    filled = int(part * BAR_CELLS)
    lines = now.totals.lines
    whole = f"/~{round(lines / part):,}" if 0 < part < 1 and lines else f"/{lines:,}"
    line = f"Bill {now.name}  {'█' * filled}{'░' * (BAR_CELLS - filled)} {int(part * PERCENT)} %  {lines:,}{whole}"
    done, octets = lines - now.began_lines, now.read - now.began_read
    if now.elapsed_s > 0 and done and octets:
        left_s = round((now.size - now.read) * now.elapsed_s / octets)
        line += f"  {done / now.elapsed_s:,.0f}/s  eta {left_s // MINUTE}:{left_s % MINUTE:02d}"
    return line


def split_line(totals: Totals) -> str:
    """`billed … cashback … (13.4 %) main … unpaid … Σ=0 ok`, and what was not drawn."""
    share = f" ({totals.cashback * PERCENT / totals.amount:.1f} %)" if totals.amount else ""
    line = (
        f" billed {_money(totals.amount)}   cashback {_money(totals.cashback)}{share}   "
        f"main {_money(totals.main)}   unpaid {_money(totals.unpaid)}   {'Σ=0 ok' if sums_agree(totals) else 'Σ≠0'}"
    )
    if totals.refused or totals.rejected:
        line += f"   refused {totals.refused:,}   rejected {totals.rejected:,}"
    return line


def sums_agree(totals: Totals) -> bool:
    """Whether cashback, main and unpaid are together what was billed."""
    return totals.cashback + totals.main + totals.unpaid == totals.amount


def _money(kopecks: int) -> str:
    whole, _, part = format_money(kopecks).partition(".")
    return f"{int(whole):,}.{part}"


class Silent:
    """For `--json` and `--quiet`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""

    def draw(self, now: Standing) -> None:
        """Nothing to show."""


class Plain(Silent):
    """Where no terminal is: a line a second."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._drawn_at: float | None = None

    def draw(self, now: Standing) -> None:
        """A line, unless the last one is too fresh."""
        if self._drawn_at is None or now.elapsed_s - self._drawn_at >= PLAIN_EVERY_SECONDS:
            self._drawn_at = now.elapsed_s
            self._shell.say(bar_line(now) + split_line(now.totals))


class Live(Silent):
    """On a terminal: two lines that are drawn over."""

    def __init__(self, shell: Shell) -> None:
        from rich.console import Console  # noqa: PLC0415 - only where a bar is drawn
        from rich.live import Live as Lines  # noqa: PLC0415 - as above

        console = Console(file=shell.out, no_color=not shell.colours, highlight=False)
        self._lines: Any = Lines(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._lines.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.stop()

    def draw(self, now: Standing) -> None:
        """The bar and the split so far."""
        from rich.text import Text  # noqa: PLC0415 - as above

        self._lines.update(Text(f"{bar_line(now)}\n{split_line(now.totals)}"), refresh=True)


def drawn_on(shell: Shell) -> Silent:
    """How progress is shown in this shell."""
    if shell.json or shell.quiet:
        return Silent()
    return Live(shell) if shell.out.isatty() else Plain(shell)
