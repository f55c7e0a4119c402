"""The house keeps its shape: pure modules import no shell, nobody reaches for the clock or a global reactor."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("billing", "gateway", "simulator", "sms", "ussd")
SHELL = {"twisted", "sqlalchemy", "structlog", "socket", "threading"}
NEVER_IN_PURE = SHELL | {"time", "random", "os", "subprocess"}
ENTRY_POINTS = {"gateway/serve.py", "simulator/__main__.py"}
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
"""Every module is either pure (the three rule packages' default) or imports Twisted or SQLAlchemy."""
PURE_PACKAGES = ("billing", "sms", "ussd")


def _imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name in _imports(path)}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_of_the_rule_packages_is_pure_or_a_shell_never_half(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    roots = _roots(path)
    if name.startswith(PURE_PACKAGES) and not roots & {"twisted", "sqlalchemy"}:
        assert not roots & NEVER_IN_PURE, f"{name} is pure and imports {roots & NEVER_IN_PURE}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_reactor_is_imported_in_the_entry_points_alone(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    if name not in ENTRY_POINTS:
        assert "twisted.internet.reactor" not in _imports(path)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nobody_pickles_evaluates_or_rounds_money_by_float(path: Path) -> None:
    tree = ast.parse(path.read_text())
    called = {
        node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not called & {"eval", "exec"}
    assert "pickle" not in _roots(path)
    if path.relative_to(ROOT).parts[0] == "billing":
        assert not called & {"float", "round"}
