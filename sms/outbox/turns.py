"""One at a time: who moves messages between states takes a turn until the end of its transaction.

Whether a message may go depends on others to the same number, and a receipt on an answer that may be stored beside
it. SQLite has one writer; on PostgreSQL two transactions that cannot see each other would both let a message go, or
park one that nobody releases any more. Queueing needs no turn.
"""

from sqlalchemy import BigInteger, Connection, bindparam, func, select

TURN = int.from_bytes(b"smsturns", "big")
"""Key of PostgreSQL's advisory lock."""

_TAKE = select(func.pg_advisory_xact_lock(bindparam("key", type_=BigInteger)))


def take_turn(connection: Connection) -> None:
    """Wait for the others; what they committed is seen by the next statement. Taken twice it is one turn."""
    if connection.dialect.name == "postgresql":
        connection.execute(_TAKE, {"key": TURN})
