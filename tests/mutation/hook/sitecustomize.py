"""Takes one protection out of the program as it is imported, for `tests/mutation/run.py`, which sets PYTHONPATH.

FIRSTCHARGE_MUTATION is JSON: either `{"module", "old", "new"}`, a text of one module and what stands in its place, or
`{"without": [names]}`, constraints that tables are created without. The files stay as they are.
"""

import importlib.abc
import importlib.machinery
import json
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

VARIABLE = "FIRSTCHARGE_MUTATION"
NOT_FOUND = 97
"""Exit code: the text is not in the module (any more), so the list of protections is out of date."""
TABLES = "sqlalchemy.sql.schema"


class Rewritten(importlib.machinery.SourceFileLoader):
    """Loads a module with one text replaced."""

    def __init__(self, name: str, path: str, old: str, new: str) -> None:
        super().__init__(name, path)
        self._old, self._new = old, new

    def get_code(self, fullname: str) -> Any:  # noqa: ARG002 - the loader asks so
        source = self.get_data(self.path).decode()
        if source.count(self._old) != 1:
            os._exit(NOT_FOUND)
        return compile(source.replace(self._old, self._new), self.path, "exec", dont_inherit=True)


class Unguarded(importlib.machinery.SourceFileLoader):
    """Loads SQLAlchemy's tables, which are then created without some constraints."""

    def __init__(self, name: str, path: str, without: Sequence[str]) -> None:
        super().__init__(name, path)
        self._without = frozenset(without)

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        create_all = module.MetaData.create_all
        without = self._without

        def create_all_but(metadata: Any, bind: Any, *arguments: Any, **options: Any) -> None:
            keys = [key for table in metadata.tables.values() for key in _take_out(table, without)]
            create_all(metadata, bind, *arguments, **options)
            if (
                bind.dialect.name == "postgresql"
            ):  # SQLite's tables are trees of their keys: there it cannot be left out
                for table, name in keys:
                    bind.exec_driver_sql(f'ALTER TABLE "{table}" DROP CONSTRAINT "{name}" CASCADE')

        module.MetaData.create_all = create_all_but


def _take_out(table: Any, without: frozenset[str]) -> list[tuple[str, str]]:
    """Remove a table's constraints of these names; its primary key if that is meant, by (table, name)."""
    keys = []
    for one in list(table.constraints):
        kind = {"PrimaryKeyConstraint": "pk", "ForeignKeyConstraint": "fk"}.get(type(one).__name__, "")
        name = str(one.name) if one.name is not None else f"{kind} {table.name}"
        if name not in without:
            continue
        if kind == "pk":
            keys.append((table.name, str(one.name or f"{table.name}_pkey")))
        else:
            table.constraints.discard(one)
    for index in table.indexes:
        if index.name in without:
            index.unique = False
    return keys


class Finder(importlib.abc.MetaPathFinder):
    """Finds the one module that is loaded in another way."""

    def __init__(self, mutation: dict[str, Any]) -> None:
        self._mutation = mutation
        self._name = TABLES if "without" in mutation else mutation["module"]

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:
        if fullname != self._name:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None:
            return None
        if "without" in self._mutation:
            spec.loader = Unguarded(fullname, spec.origin, self._mutation["without"])
        else:
            spec.loader = Rewritten(fullname, spec.origin, self._mutation["old"], self._mutation["new"])
        return spec


if os.environ.get(VARIABLE):
    sys.meta_path.insert(0, Finder(json.loads(os.environ[VARIABLE])))
