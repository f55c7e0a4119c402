"""`make bench`: every figure beside its floor or peer of the same run, its ratio and its target.

Rows come from the `run()` of each bench module. `--json` for machines, `--only B1,B6` for some.
Millions of subscriptions for B6 take longer than minutes: `python tests/bench/bench_month.py --help`.
"""

import argparse
import importlib
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MODULES = {
    "B1": "bench_codec",
    "B2": "bench_smsc",
    "B3": "bench_notices",
    "B5": "bench_charges",
    "B6": "bench_month",
    "B7": "bench_bill_apply",
    "B9": "bench_postbacks",
    "B10": "bench_start",
    "B11": "bench_first",
    "B12": "bench_ledger",
}
COLUMNS = ("name", "figure", "floor", "ratio", "target", "unit")


def main() -> int:
    """Run the asked benches; exit 0 always: a figure is no verdict."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="rows as JSON lines")
    parser.add_argument("--only", default="", help="comma-separated, of " + ", ".join(MODULES))
    options = parser.parse_args()
    wanted = [one for one in options.only.split(",") if one] or list(MODULES)
    sys.path[:0] = [str(HERE), str(HERE.parents[1])]
    if not options.json:
        print(f"python {platform.python_version()}, {os.cpu_count()} cores, {platform.platform()}")
        print(_line({name: name for name in COLUMNS}))
    for name in wanted:
        for row in importlib.import_module(MODULES[name]).run():
            print(json.dumps({"bench": name, **row}) if options.json else _line(row), flush=True)
    return 0


def _line(row: dict[str, Any]) -> str:
    name, figure, floor, ratio, target, unit = (_text(row.get(column)) for column in COLUMNS)
    return f"{name:<62} {figure:>12} {floor:>12} {ratio:>8} {target:>8}  {unit}"


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) < 1000 else f"{value:,.0f}"
    return str(value)


if __name__ == "__main__":
    sys.exit(main())
