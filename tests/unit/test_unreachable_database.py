"""Which failures of a group say that the next command would find no database either."""

import sqlite3

import psycopg
import pytest
from psycopg import errors
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError

from gateway.ledger_lane import is_unreachable


@pytest.mark.parametrize(
    ("error", "is_gone"),
    [
        (OperationalError("SELECT", {}, psycopg.OperationalError("connection refused")), True),
        (InterfaceError("SELECT", {}, psycopg.InterfaceError("the connection is closed")), True),
        (OperationalError("SELECT", {}, errors.AdminShutdown()), True),
        (OperationalError("SELECT", {}, errors.CannotConnectNow()), True),
        (OperationalError("SELECT", {}, errors.DeadlockDetected()), False),
        (DataError("INSERT", {}, psycopg.DataError("text fields cannot contain NUL")), False),
        (IntegrityError("INSERT", {}, errors.UniqueViolation()), False),
        (OperationalError("INSERT", {}, sqlite3.OperationalError("disk I/O error")), False),
    ],
)
def test_one_commands_own_failure_never_speaks_for_its_neighbours(error: DBAPIError, is_gone: bool) -> None:
    assert is_unreachable(error) is is_gone
    assert not is_unreachable(ValueError())
