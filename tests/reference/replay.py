"""Plays a list of operations on both ledgers again, and makes a failing list short.

Hypothesis shrinks the drawn bytes; leaving out operations one after another is quicker here and gives a list that
can be pasted into a test.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from reference.records import Answer
from reference.rules import Programme
from reference.side_by_side import SideBySide
from sqlalchemy import Connection

Operation = tuple[str, Answer]


def difference(
    connection: Connection, programme: Programme, start: datetime, trace: Sequence[Operation]
) -> str | None:
    """The first difference of a replay, None where both agree to the end; everything is rolled back."""
    with connection.begin() as transaction:
        try:
            both = SideBySide(connection, programme, start)
            for operation, body in trace:
                both.do(operation, **body)
            both.finish()
        except Exception as found:  # noqa: BLE001  (a product that fails differs, whatever it raises)
            return f"{type(found).__name__}: {found}"
        finally:
            transaction.rollback()
    return None


def shortened(
    connection: Connection, programme: Programme, start: datetime, trace: Sequence[Operation]
) -> list[Operation]:
    """The same without most operations that the difference does not need: large parts first, then one by one."""
    short = list(trace)
    kind = _kind(difference(connection, programme, start, short))
    size = len(short) // 2
    while size:
        end = len(short)
        while end > 0:
            shorter = short[: max(0, end - size)] + short[end:]
            if _kind(difference(connection, programme, start, shorter)) == kind:
                short = shorter
            end -= size
        size //= 2
    return short


def _kind(told: str | None) -> list[str] | None:
    """What differs, without figures: `AssertionError: postings`."""
    return None if told is None else told.split()[:2]
