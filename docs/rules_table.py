"""The programme's rules: what each says, the code that decides it, the tests that ask it through the API.

Tests say which rule, switch value or scenario they are about with `pytest.mark.rule(15)`,
`pytest.mark.switch("rounding", "floor")` and `pytest.mark.scenario(23)`; those in tests/contract run on SQLite and on
PostgreSQL. What this page names and nothing shows is an error.
"""

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
TESTS = ROOT / "tests"
MAP = HERE / "rules.toml"
BOTH, ONE = "SQLite, PostgreSQL", "SQLite"

HEAD = """# Rules, code, tests

Every rule of the cashback programme, the code that decides it and the tests that ask it. The tests go through the
HTTP API of a whole running gateway, with a simulated network for SMS and USSD, and after each of them every
invariant of the ledger is checked. `make test` runs them, on both databases where the last column says so.
"""


@dataclass
class Shown:
    """The tests of one thing, and whether all run on both databases."""

    tests: list[str] = field(default_factory=list)
    databases: set[str] = field(default_factory=set)

    def add(self, test: str, database: str) -> None:
        """One more test."""
        self.tests.append(test)
        self.databases.add(database)


Marks = Mapping[tuple[str, ...], Shown]


def page() -> str:
    """docs/rules.md."""
    document, marks = _document(), _marks()
    lines = [HEAD, "| rule | says | decided in | tests | databases |", "|---|---|---|---|---|"]
    for rule in document["rule"]:
        shown = marks.get(("rule", str(rule["number"])), Shown())
        code = "<br>".join(f"`{one}`" for one in rule["code"])
        lines.append(f"| {rule['number']} | {rule['says']} | {code} | {_tests(shown)} | {_databases(shown)} |")
    lines += ["\n## Switches\n", "| key | value | tests | databases |", "|---|---|---|---|"]
    for switch in document["switch"]:
        for value in switch["values"]:
            shown = marks.get(("switch", switch["key"], value), Shown())
            lines.append(f"| `{switch['key']}` | `{value}` | {_tests(shown)} | {_databases(shown)} |")
    lines += ["\n## Scenarios\n", "| scenario | tests | databases |", "|---|---|---|"]
    for number in document["scenarios"]:
        shown = marks.get(("scenario", str(number)), Shown())
        lines.append(f"| {number:02} | {_tests(shown)} | {_databases(shown)} |")
    return "\n".join(lines) + "\n"


def unshown() -> list[str]:
    """What no test shows, what tests name and there is not, and code that is not where the page says."""
    document, marks = _document(), _marks()
    known = {("rule", str(rule["number"])) for rule in document["rule"]}
    known |= {("switch", switch["key"], value) for switch in document["switch"] for value in switch["values"]}
    known |= {("scenario", str(number)) for number in document["scenarios"]}
    found = [f"docs/rules.toml: no test shows {' '.join(one)}" for one in sorted(known - marks.keys())]
    found += [
        f"{marks[one].tests[0]} names {' '.join(one)}, which docs/rules.toml does not" for one in marks.keys() - known
    ]
    found += [
        f"docs/rules.toml: rule {rule['number']}: there is no {code}"
        for rule in document["rule"]
        for code in rule["code"]
        if not _is_there(code)
    ]
    return found


def _document() -> dict[str, Any]:
    return tomllib.loads(MAP.read_text(encoding="utf-8"))


@cache
def _marks() -> Marks:
    found: dict[tuple[str, ...], Shown] = defaultdict(Shown)
    for path in sorted(TESTS.rglob("test_*.py")):
        database = BOTH if path.parent.name == "contract" else ONE
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for mark in _marks_of(node):
                    found[mark].add(f"{path.relative_to(ROOT)}::{node.name}", database)
    return dict(found)


def _marks_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[str, ...]]:
    for decorator in node.decorator_list:
        if not isinstance(decorator, ast.Call) or not isinstance(decorator.func, ast.Attribute):
            continue
        if decorator.func.attr in {"rule", "switch", "scenario"}:
            yield (decorator.func.attr, *(str(ast.literal_eval(one)) for one in decorator.args))


def _is_there(code: str) -> bool:
    """Whether `package.module:name` is a function, class or method, or a table, of that module."""
    module, _, name = code.partition(":")
    path = ROOT / f"{module.replace('.', '/')}.py"
    if not path.exists():
        path = ROOT / module.replace(".", "/") / "__init__.py"
    body = ast.parse(path.read_text(encoding="utf-8")).body if path.exists() else []
    for part in name.split("."):
        node = next((one for one in body if part in _names(one)), None)
        if node is None:
            return False
        body = node.body if isinstance(node, ast.ClassDef) else []
    return True


def _names(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return {node.target.id}
    targets = node.targets if isinstance(node, ast.Assign) else []
    return {one.id for one in targets if isinstance(one, ast.Name)}


def _tests(shown: Shown) -> str:
    return "<br>".join(_linked(one) for one in shown.tests)


def _linked(test: str) -> str:
    path, _, name = test.partition("::")
    return f"[{name.removeprefix('test_').replace('_', ' ')}](../{path})"


def _databases(shown: Shown) -> str:
    return BOTH if BOTH in shown.databases else ", ".join(shown.databases)
