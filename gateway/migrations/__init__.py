"""The schema's versions (alembic). Alembic itself is imported only by `upgrade`: `serve` compares by plain SQL."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from gateway.faults import Fault, no_fault

HEAD = "0001"
"""The version this program needs."""


class SchemaMismatch(Exception):
    """The database is not at the version this program needs; nothing was changed."""


def version_of(connection: Connection) -> str | None:
    """The version a database is at; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return found


def check(connection: Connection) -> None:
    """Make sure the database is at HEAD.

    Raises:
        SchemaMismatch: says which way it is off and what to do.
    """
    found = version_of(connection)
    if found == HEAD:
        return
    if found is None:
        raise SchemaMismatch("the database has no Firstcharge tables yet; run: firstcharge db upgrade")
    if found < HEAD:
        raise SchemaMismatch(
            f"the database is at version {found}, this program needs {HEAD}; run: firstcharge db upgrade"
        )
    raise SchemaMismatch(
        f"the database is at version {found}, newer than this program's {HEAD}; install the newer program"
    )


def upgrade(connection: Connection, fault: Fault = no_fault) -> None:
    """Bring the database to HEAD in the caller's transaction.

    Raises:
        SchemaMismatch: the database is newer than this program.
    """
    from alembic import command  # noqa: PLC0415 - 0.3 s that only this verb pays
    from alembic.config import Config  # noqa: PLC0415 - as above

    found = version_of(connection)
    if found is not None and found > HEAD:
        check(connection)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes |= {"connection": connection, "fault": fault}
    command.upgrade(config, "head")
