"""Writes the generated pages of the documentation; `--check` only compares, and names what the tables lack."""

import sys
from pathlib import Path

import conformance_table
import hostile_table
import invariants_table
import rules_table
from sqlalchemy import MetaData
from sqlalchemy.dialects import sqlite

from billing.store.schema import metadata as billing_metadata
from gateway.schema import metadata as gateway_metadata
from gateway.settings_docs import render_defaults
from sms.outbox.schema import metadata as outbox_metadata

HERE = Path(__file__).parent


def configuration() -> str:
    """Every key with its default and its sentence."""
    return (
        "# Configuration\n\n"
        "One TOML file; `FIRSTCHARGE__SECTION__KEY` in the environment lies over it; `…_FILE` names a file with a\n"
        "secret. `firstcharge config init` writes this file, `config check` says what is wrong where,\n"
        "`config explain KEY` tells about one key.\n\n```toml\n" + render_defaults() + "```\n"
    )


def schema() -> str:
    """Every table, column by column."""
    pages = ["# Schema\n", "Instants are whole microseconds since 1970 UTC, sums whole kopecks.\n"]
    for owner, metadata in (
        ("billing", billing_metadata),
        ("sms", outbox_metadata),
        ("gateway", gateway_metadata),
    ):
        pages += [f"\n## {owner}\n", *_tables(metadata)]
    return "\n".join(pages)


def _tables(metadata: MetaData) -> list[str]:
    lines: list[str] = []
    for table in metadata.sorted_tables:
        lines += [f"\n### {table.name}\n", f"{table.comment or ''}\n", "| column | type | what |", "|---|---|---|"]
        for column in table.columns:
            kind = column.type.compile(dialect=sqlite.dialect())
            key = " (key)" if column.primary_key else ""
            lines.append(f"| `{column.name}`{key} | {kind} | {column.comment or ''} |")
    return lines


PAGES = {
    "configuration.md": configuration,
    "schema.md": schema,
    "conformance.md": conformance_table.page,
    "hostile-peers.md": hostile_table.page,
    "rules.md": rules_table.page,
    "invariants.md": invariants_table.page,
}


def main() -> int:
    """Write, or with `--check` say which page is stale."""
    stale = [name for name, page in PAGES.items() if _read(HERE / name) != page()]
    if "--check" in sys.argv:
        for name in stale:
            sys.stderr.write(f"docs/{name} is stale: run make docs\n")
        missing = [
            *conformance_table.unshown(),
            *rules_table.unshown(),
            *invariants_table.unshown(),
            *hostile_table.unshown(),
        ]
        sys.stderr.write("".join(f"{line}\n" for line in missing))
        return 1 if stale or missing else 0
    for name in stale:
        (HERE / name).write_text(PAGES[name](), encoding="utf-8")
    return 0


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
