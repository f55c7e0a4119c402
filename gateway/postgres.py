"""PostgreSQL as the gateway opens it: read committed for writers, whose rows the stores lock; snapshots for readers.

Several gateway processes may serve one database. Session locks of the server keep maintenance apart from them, and
keep the business clock and the catalogue where they are while something is decided by them (`gateway.standing`).
"""

from typing import Any

from sqlalchemy import Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from gateway.database_errors import DatabaseLocked, DatabaseUnsupported

CONNECT_SECONDS_MAX = 3
SILENCE_MS_MAX = 10_000
"""Octets sent and not acknowledged for so long mean that the other side is gone, on either side."""
LOCK_WAIT_MS_MAX = 3_000
"""A session of a killed process may last for the statement it is in; a frozen one holds its locks for longer."""
IDLE_MS_MAX = 20_000
"""A writing transaction of a process that stands still ends by then, and with it what it holds up in others."""
SERVING_LOCK = int.from_bytes(b"firstchg", "big")
"""Key of an advisory lock: shared by the gateways that serve, exclusive for who changes the schema."""
STANDING_LOCK = int.from_bytes(b"standing", "big")
"""Key of another: shared by transactions that decide, exclusive for who moves the clock or puts a catalogue."""

DRIVER = "psycopg"
SESSION_OPTIONS = (
    "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=2"
    f" -c tcp_user_timeout={SILENCE_MS_MAX} -c TimeZone=UTC"
)
UNLUCKY_STATES = frozenset({"40001", "40P01", "23505"})
"""serialization_failure, deadlock_detected, and unique_violation: somebody else wrote the same key first."""
LOCK_NOT_AVAILABLE = "55P03"


def postgres_engine(url: str, *, read_only: bool = False) -> Engine:
    """An engine for one kept connection per lane.

    Raises:
        DatabaseUnsupported: another driver than psycopg, or psycopg is not installed.
    """
    if make_url(url).get_driver_name() != DRIVER:
        shown = make_url(url).render_as_string(hide_password=True)
        raise DatabaseUnsupported(f"database.url = {shown!r}: PostgreSQL is spoken as postgresql+psycopg://… only")
    arguments = {
        "connect_timeout": CONNECT_SECONDS_MAX,
        "tcp_user_timeout": SILENCE_MS_MAX,
        "application_name": "firstcharge",
        "options": f"{SESSION_OPTIONS} -c idle_in_transaction_session_timeout={60_000 if read_only else IDLE_MS_MAX}",
    }
    try:
        engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=arguments)
    except ModuleNotFoundError:
        raise DatabaseUnsupported("PostgreSQL needs its driver; install firstcharge[postgres]") from None
    level = "REPEATABLE READ" if read_only else "READ COMMITTED"
    return engine.execution_options(isolation_level=level, postgresql_readonly=read_only)


def hold_for_serving(connection: Connection) -> None:
    """Serve the database beside others, for as long as the session of the connection lasts.

    Raises:
        DatabaseLocked: its schema is being changed.
    """
    _hold(connection, "pg_advisory_lock_shared", "the schema of this database is being changed; try again when it is")


def hold_for_upkeep(connection: Connection) -> None:
    """Have the database alone, for as long as the session of the connection lasts.

    Raises:
        DatabaseLocked: a gateway serves it.
    """
    _hold(connection, "pg_advisory_lock", "a gateway process serves this database; stop that one first")


def hold_still(connection: Connection) -> None:
    """Until the transaction ends neither clock nor catalogue changes."""
    connection.exec_driver_sql(_HOLD_STILL)


def hold_to_change(connection: Connection) -> None:
    """Until the transaction ends nobody decides by the clock or the catalogue.

    Whoever begins to decide waits behind this wait; so it is short, and fails (55P03) where somebody does not end.
    """
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_WAIT_MS_MAX}")
    connection.exec_driver_sql(_HOLD_TO_CHANGE)
    connection.exec_driver_sql("SET LOCAL lock_timeout = 0")


def hold_turn(connection: Connection, key: int) -> None:
    """Until the transaction ends nobody else holds the same turn; an SQLite file has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


_HOLD_STILL = f"SELECT pg_advisory_xact_lock_shared({STANDING_LOCK})"
_HOLD_TO_CHANGE = f"SELECT pg_advisory_xact_lock({STANDING_LOCK})"


def _hold(connection: Connection, function: str, why_not: str) -> None:
    try:
        with connection.begin():
            connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_WAIT_MS_MAX}"))
            connection.execute(text(f"SELECT {function}(:key)"), {"key": SERVING_LOCK})
    except DBAPIError as error:
        if sqlstate_of(error) != LOCK_NOT_AVAILABLE:
            raise
        raise DatabaseLocked(why_not) from None


def sqlstate_of(error: DBAPIError) -> str | None:
    """PostgreSQL's code of an error; None where the server gave none."""
    found: Any = getattr(error.orig, "sqlstate", None)
    return None if found is None else str(found)


def is_unlucky(error: DBAPIError) -> bool:
    """Whether the same transaction may well succeed when run again: others were in its way."""
    return sqlstate_of(error) in UNLUCKY_STATES
