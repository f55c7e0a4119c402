"""How a month run reads on a terminal: bar, rate, split so far, time left. Pure: figures in, lines out."""

from decimal import Decimal
from typing import Any

BAR_CELLS = 19
PERCENT = 100
MINUTE = 60


class Rate:
    """Subscriptions a second, between the first state that was seen and the latest."""

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None

    def seen(self, run: dict[str, Any], elapsed_s: float) -> float:
        """The rate so far; 0 where nothing can be said yet."""
        count = int(run["charged"]["count"])
        if self._first is None:
            self._first = (count, elapsed_s)
        done, since = count - self._first[0], elapsed_s - self._first[1]
        return done / since if since > 0 else 0.0


def fraction(run: dict[str, Any]) -> float:
    """How far the run is, 0 to 1."""
    return 1.0 if run["status"] == "done" else min(max(float(run["progress"]), 0.0), 1.0)


def bar_line(run: dict[str, Any], per_second: float) -> str:
    """`Month 2025-04  ███░░░ 78 %  781,204/1,000,000  61,310/s  eta 0:04`."""
    part, count = fraction(run), int(run["charged"]["count"])
    filled = int(part * BAR_CELLS)
    total = f"/{round(count / part):,}" if part > 0 and count else ""
    line = (
        f"Month {run['period']}  {'█' * filled}{'░' * (BAR_CELLS - filled)} {int(part * PERCENT)} %  {count:,}{total}"
    )
    if per_second > 0:
        left_s = round((count / part - count) / per_second) if part > 0 else 0
        line += f"  {per_second:,.0f}/s  eta {left_s // MINUTE}:{left_s % MINUTE:02d}"
    return line


def split_line(run: dict[str, Any]) -> str:
    """`billed … cashback … (13.4 %) main … unpaid … Σ=0 ok`."""
    charged = run["charged"]
    amount, cashback = Decimal(charged["amount"]), Decimal(charged["cashback"])
    share = f" ({cashback * PERCENT / amount:.1f} %)" if amount else ""
    verdict = "Σ=0 ok" if sums_agree(run) else "Σ≠0"
    return (
        f" billed {amount:,}   cashback {cashback:,}{share}   main {Decimal(charged['main']):,}   "
        f"unpaid {Decimal(charged['unpaid']):,}   {verdict}"
    )


def sums_agree(run: dict[str, Any]) -> bool:
    """Whether cashback, main and unpaid are together what was billed."""
    charged = run["charged"]
    parts = sum((Decimal(charged[name]) for name in ("cashback", "main", "unpaid")), Decimal(0))
    return parts == Decimal(charged["amount"])
