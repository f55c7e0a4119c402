"""The database's schema: brought to this program's version, or compared with it."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.configuration import load_settings
from gateway.cli.errors import Failed
from gateway.cli.shell import Shell, verb

if TYPE_CHECKING:
    from sqlalchemy import Connection

SAMPLE_URL = "sqlite:////var/lib/firstcharge/firstcharge.sqlite3 or postgresql+psycopg://USER@HOST/NAME"
MAKE_IT = "run: firstcharge db upgrade --config FILE (or: firstcharge serve --upgrade --config FILE)"


@click.group()
def db() -> None:
    """The database's schema."""


@db.command("upgrade")
@verb
def upgrade(shell: Shell) -> None:
    """Bring the database to this program's version. Nothing to do is fine."""
    before, version = bring_to_head(load_settings(shell).database.url, shell.environ)
    text = "the schema is up to date" if before == version else f"upgraded from {before or 'nothing'}"
    shell.done({"before": before, "version": version}, f"{text}; version {version}")


@db.command("check")
@verb
def check(shell: Shell) -> None:
    """Compare the database's version with this program's."""
    from gateway import migrations  # noqa: PLC0415 - SQLAlchemy only where a database is opened

    _compare(load_settings(shell).database.url)
    shell.done({"ok": True, "version": migrations.HEAD}, f"the schema is at version {migrations.HEAD}, as it must be")


def refuse_unfit(url: str) -> None:
    """Make sure that a gateway can serve a database, before anything of the gateway starts.

    Raises:
        Failed: it cannot be opened, is served by another process, or is not of this program's version.
    """
    from gateway.database import lock_sqlite_file  # noqa: PLC0415 - as above

    _compare(url)
    with _told(url):
        lock = lock_sqlite_file(url)
        if lock is not None:
            lock.close()


def _compare(url: str) -> None:
    from gateway import migrations  # noqa: PLC0415 - as above

    with _told(url):
        file = _sqlite_file(url)
    if file is not None and not file.exists():
        raise Failed(f"{file}: there is no database yet", fix=MAKE_IT)
    with _reading(url) as connection:
        migrations.check(connection)


def bring_to_head(url: str, environ: Mapping[str, str]) -> tuple[str | None, str]:
    """Upgrade a database; answers the version it had and the one it has.

    Raises:
        Failed: it cannot be opened, is served by a gateway, or is newer than this program.
    """
    from gateway import faults, migrations  # noqa: PLC0415 - as above

    with _writing(url) as connection:
        before = migrations.version_of(connection)
        migrations.upgrade(connection, faults.from_environment(environ))
    return before, migrations.HEAD


@contextlib.contextmanager
def _writing(url: str) -> Iterator["Connection"]:
    """A connection in one transaction, while no gateway serves the database."""
    from gateway.database import lock_sqlite_file, open_engine  # noqa: PLC0415 - as above
    from gateway.postgres import hold_for_upkeep  # noqa: PLC0415 - as above

    with _told(url):
        lock = lock_sqlite_file(url)
        try:
            with open_engine(url).connect() as connection:
                if connection.dialect.name == "postgresql":
                    hold_for_upkeep(connection)
                with connection.begin():
                    yield connection
        finally:
            if lock is not None:
                lock.close()


@contextlib.contextmanager
def _reading(url: str) -> Iterator["Connection"]:
    """A connection that cannot write; a gateway may serve the database meanwhile."""
    from gateway.database import open_engine  # noqa: PLC0415 - as above

    with _told(url), open_engine(url, read_only=True).connect() as connection:
        yield connection


@contextlib.contextmanager
def _told(url: str) -> Iterator[None]:
    """What goes wrong with a database, as a sentence."""
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError  # noqa: PLC0415 - as above

    from gateway.database import DatabaseError, shown  # noqa: PLC0415 - as above
    from gateway.migrations import SchemaMismatch  # noqa: PLC0415 - as above

    try:
        yield
    except SchemaMismatch as error:
        raise Failed(f"{shown(url)}: {error}") from None
    except DatabaseError as error:
        raise Failed(str(error)) from None
    except ArgumentError:  # not shown: nobody knows where its password would stand
        raise Failed("database.url is no database URL", fix=f"write it like {SAMPLE_URL}") from None
    except (SQLAlchemyError, OSError) as error:
        reason = getattr(error, "orig", None) or error
        if url.startswith("sqlite"):
            fix = "may the file be written, does its folder exist?"
        else:
            fix = "does the server run, does the database exist (createdb), may this user make tables in it?"
        raise Failed(f"database.url = {shown(url)}: {reason}", fix=fix) from None


def _sqlite_file(url: str) -> Path | None:
    from sqlalchemy import make_url  # noqa: PLC0415 - as above

    parts = make_url(url)
    is_file = parts.get_backend_name() == "sqlite" and parts.database and parts.database != ":memory:"
    return Path(str(parts.database)) if is_file else None
