"""Takes every protection out in turn and asks the tests that should notice: a green run is a finding.

    python tests/mutation/run.py [--quick] [--json FILE] [TEXT…]     # TEXT: protections whose name has it

Constraints are left out many at a time, one per table, and each must be missed by its own test on both databases.
"""

import argparse
import importlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOOK = Path(__file__).with_name("hook")
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(Path(__file__).parent), str(ROOT / "tests" / "unit")]

import postgres_server  # noqa: E402 - it lies beside the tests, in no package
from protections import PROTECTIONS, Protection  # noqa: E402 - as above

SECONDS_MAX = 240
GREEN, RED = 0, 1
EVERY_CONSTRAINT = "tests/unit/test_every_constraint.py"
FAILED = re.compile(r"^FAILED (.+?)(?: - .*)?$", re.MULTILINE)
DIALECTS = ("sqlite", "postgresql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One protection, and the test that missed it; none: nobody noticed."""

    protection: str
    where: str
    red: str | None
    seconds: float


def run_tests(mutation: object, tests: Sequence[str], *options: str) -> tuple[int, str]:
    """Exit code and output of these tests with a mutation (None: without)."""
    environ = {**os.environ, "PYTHONPATH": f"{HOOK}{os.pathsep}{ROOT}"}
    if mutation is not None:
        environ["FIRSTCHARGE_MUTATION"] = json.dumps(mutation)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:randomly",
        "--no-header",
        "--tb=line",
        *options,
        *tests,
    ]
    done = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=SECONDS_MAX, check=False
    )
    return done.returncode, done.stdout + done.stderr


def judge(protection: Protection) -> Finding:
    """What the tests say without one protection."""
    began = time.monotonic()
    mutation = {"module": protection.module, "old": protection.old, "new": protection.new}
    try:
        code, said = run_tests(mutation, protection.tests, "-x")
    except subprocess.TimeoutExpired:
        code, said = RED, f"FAILED {protection.tests[0]}::(it hangs)"
    if code not in {GREEN, RED}:
        raise SystemExit(f"{protection.name}: pytest ended with {code}\n{said[-3000:]}")
    found = FAILED.search(said)
    return Finding(
        protection=protection.name,
        where=protection.module.replace(".", "/") + ".py",
        red=None if code == GREEN else short(found.group(1) if found else said[-200:]),
        seconds=time.monotonic() - began,
    )


def judge_constraints() -> Iterator[Finding]:
    """What the tests say of tables without some of their constraints."""
    samples = importlib.import_module("test_every_constraint")
    for batch in batches(samples):
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
                protection=f"constraint {one}", where=f"table {samples.BROKEN[one][0]}", red=red, seconds=spent
            )


def batches(samples: object) -> Iterator[list[str]]:
    """Constraints, each time at most one of a table."""
    left = dict(samples.BROKEN)  # type: ignore[attr-defined]
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
    parser.add_argument("--json", type=Path)
    parser.add_argument("texts", nargs="*")
    options = parser.parse_args()
    chosen = [
        one
        for one in PROTECTIONS
        if (one.quick or not options.quick) and (not options.texts or any(text in one.name for text in options.texts))
    ]
    with postgres_server.server() as server:
        os.environ[postgres_server.URL_VARIABLE] = server.url
        tests = sorted({test for one in chosen for test in one.tests})
        code, said = run_tests(None, tests)
        if code != GREEN:
            raise SystemExit(f"the tests are not green to begin with\n{said[-3000:]}")
        findings = []
        for one in chosen:
            findings.append(judge(one))
            show(findings[-1])
        if not options.quick and not options.texts:
            for finding in judge_constraints():
                findings.append(finding)
                show(finding)
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in findings], indent=1) + "\n")
    missed = [one for one in findings if one.red is None]
    print(f"{len(findings)} protections, {len(findings) - len(missed)} noticed, {len(missed)} missed by nobody")
    return RED if missed else GREEN


def show(finding: Finding) -> None:
    """One line."""
    print(
        f"{finding.seconds:5.1f} s  {finding.protection:<70}  {finding.red or '*** NOBODY NOTICED ***'}", flush=True
    )


if __name__ == "__main__":
    sys.exit(main())
