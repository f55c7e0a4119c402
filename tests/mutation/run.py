"""Takes every protection out in turn and asks the tests that should notice: a green run is a finding.

    python tests/mutation/run.py [--quick] [--write] [TEXT…]     # TEXT: protections whose name has it

Constraints are left out many at a time, one per table, and each must be missed by its own test on both databases.
"""

import argparse
import contextlib
import importlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[2]
HOOK = Path(__file__).with_name("hook")
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(Path(__file__).parent), str(ROOT / "tests" / "unit")]

import postgres_server  # noqa: E402 - it lies beside the tests, in no package
from protections import PROTECTIONS, Protection  # noqa: E402 - as above

RECORD, PAGE = ROOT / "docs" / "mutation.json", ROOT / "docs" / "mutation.md"
SECONDS_MAX, BASELINE_SECONDS_MAX = 120, 600
AFTER_FAILURE_S = 8
CONSTRAINT = "constraint "
GREEN, RED, NOT_FOUND = 0, 1, 97
EVERY_CONSTRAINT = "tests/unit/test_every_constraint.py"
FAILED = re.compile(r"^(tests/\S+?::.+?) (?:FAILED|ERROR)\b", re.MULTILINE)
DIALECTS = ("sqlite", "postgresql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One protection, and the test that missed it; none: nobody noticed."""

    protection: str
    where: str
    red: str | None
    seconds: float


def run_tests(
    mutation: object, tests: Sequence[str], *options: str, seconds_max: float = SECONDS_MAX
) -> tuple[int, str]:
    """Exit code and output of these tests with a mutation (None: without); what never ends is red."""
    environ = {**os.environ, "PYTHONPATH": f"{HOOK}{os.pathsep}{ROOT}"}
    if mutation is not None:
        environ["FIRSTCHARGE_MUTATION"] = json.dumps(mutation)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-vv",
        "-p",
        "no:randomly",
        "--no-header",
        "--tb=line",
        *options,
        *tests,
    ]
    with tempfile.TemporaryFile("w+") as out:
        running = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=out, stderr=subprocess.STDOUT)
        end = time.monotonic() + seconds_max
        while running.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
            if "-x" in options and FAILED.search(_read(out)):  # it may leave a thread behind that never ends
                end = min(end, time.monotonic() + AFTER_FAILURE_S)
        code = running.poll()
        if code is None:
            running.send_signal(signal.SIGINT)  # so that servers are stopped
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(AFTER_FAILURE_S)
            running.kill()
            running.wait()
        return RED if code is None else code, _read(out)


def _read(out: IO[str]) -> str:
    out.seek(0)
    return out.read()


def judge(protection: Protection) -> Finding:
    """What the tests say without one protection."""
    began = time.monotonic()
    mutation = {"module": protection.module, "old": protection.old, "new": protection.new}
    code, said = run_tests(mutation, protection.tests, "-x")
    if code == NOT_FOUND:
        raise SystemExit(f"{protection.name}: its text does not stand once in {protection.module}")
    if code not in {GREEN, RED}:
        raise SystemExit(f"{protection.name}: pytest ended with {code}\n{said[-3000:]}")
    found = FAILED.search(said)
    return Finding(
        protection=protection.name,
        where=protection.module.replace(".", "/") + ".py",
        red=None if code == GREEN else short(found.group(1)) if found else "(it hangs)",
        seconds=time.monotonic() - began,
    )


def judge_constraints(texts: Sequence[str]) -> Iterator[Finding]:
    """What the tests say of tables without some of their constraints."""
    samples = importlib.import_module("test_every_constraint")
    wanted_ones = {
        name: one
        for name, one in samples.BROKEN.items()
        if not texts or any(text in f"{CONSTRAINT}{name}" for text in texts)
    }
    for batch in batches(wanted_ones):
        began = time.monotonic()
        names = [*batch, *(samples.IMPLIED[one] for one in batch if one in samples.IMPLIED)]
        wanted = [f"{EVERY_CONSTRAINT}::{test_of(kind, one)}" for one in batch for kind in DIALECTS]
        _, said = run_tests({"without": names}, wanted)
        failed = {short(one) for one in FAILED.findall(said)}
        spent = (time.monotonic() - began) / len(batch)
        for one in batch:
            # SQLite keeps a table by its key, which cannot be left out
            kinds = DIALECTS if not one.startswith("pk") else ("postgresql",)
            missed = [test_of(kind, one) for kind in kinds]
            red = f"{missed[0]} …" if all(test in failed for test in missed) else None
            yield Finding(
                protection=f"{CONSTRAINT}{one}", where=f"table {samples.BROKEN[one][0]}", red=red, seconds=spent
            )


def batches(constraints: Mapping[str, tuple[str, Any]]) -> Iterator[list[str]]:
    """Constraints, each time at most one of a table."""
    left = dict(constraints)
    while left:
        by_table = {table: name for name, (table, _) in reversed(left.items())}
        yield list(by_table.values())
        for name in by_table.values():
            del left[name]


def test_of(kind: str, constraint: str) -> str:
    """The name of a constraint's test."""
    return f"test_a_row_that_breaks_one_constraint_is_refused[{kind}-{constraint}]"


def short(node: str) -> str:
    """A test's name without its file."""
    return node.split("::", 1)[-1]


def main() -> int:
    """The exit code: 1 if a protection was missed by nobody."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true", help="keep what was found in docs/mutation.json and .md")
    parser.add_argument("texts", nargs="*")
    options = parser.parse_args()
    chosen = [
        one
        for one in PROTECTIONS
        if (one.quick or not options.quick) and (not options.texts or any(text in one.name for text in options.texts))
    ]
    with contextlib.ExitStack() as stack:
        if not options.quick:
            server = stack.enter_context(postgres_server.server())
            os.environ[postgres_server.URL_VARIABLE] = server.url
            begin_green(chosen)
        findings = []
        is_whole = not (options.quick or options.texts)
        for finding in itertools.chain(map(judge, chosen), () if options.quick else judge_constraints(options.texts)):
            findings.append(finding)
            show(finding)
    if options.write:
        keep(findings, is_whole=is_whole)
    missed = [one for one in findings if one.red is None]
    print(f"{len(findings)} protections, {len(findings) - len(missed)} noticed, {len(missed)} missed by nobody")
    return RED if missed else GREEN


def begin_green(chosen: Sequence[Protection]) -> None:
    """Make sure that the tests pass while everything is in its place."""
    if not chosen:
        return
    code, said = run_tests(
        None, sorted({test for one in chosen for test in one.tests}), seconds_max=BASELINE_SECONDS_MAX
    )
    if code != GREEN:
        raise SystemExit(f"the tests are not green to begin with\n{said[-3000:]}")


def keep(findings: Sequence[Finding], *, is_whole: bool) -> None:
    """Write what was found; of a part of the protections beside what is known of the others."""
    found = {one.protection: {**asdict(one), "seconds": round(one.seconds, 1)} for one in findings}
    if not is_whole and RECORD.exists():
        known = {one["protection"]: one for one in json.loads(RECORD.read_text(encoding="utf-8"))}
        found = known | found
    listed = {one.name for one in PROTECTIONS}
    kept = [one for name, one in found.items() if name in listed or name.startswith(CONSTRAINT)]
    RECORD.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(page(kept), encoding="utf-8")


def page(findings: Sequence[Mapping[str, Any]]) -> str:
    """docs/mutation.md."""
    rows = [f"| {one['protection']} | `{one['where']}` | {cell_of(one['red'])} |" for one in findings]
    missed = sum(one["red"] is None for one in findings)
    return (
        "# What happens without each protection\n\n"
        "`make mutation` takes locks, keys, checks, triggers, leases and rules out of the running program, one at a\n"
        "time, and asks the tests that should notice. Generated from its last run (mutation.json):\n"
        f"{len(findings)} protections taken out, {len(findings) - missed} noticed.\n\n"
        "| taken out | where | test that turned red |\n|---|---|---|\n" + "\n".join(rows) + "\n"
    )


def cell_of(red: str | None) -> str:
    """A test's name as a table's cell."""
    return "**none**" if red is None else f"`{red}`"


def show(finding: Finding) -> None:
    """One line."""
    print(
        f"{finding.seconds:5.1f} s  {finding.protection:<70}  {finding.red or '*** NOBODY NOTICED ***'}", flush=True
    )


if __name__ == "__main__":
    sys.exit(main())
