"""The one way a group of commands changes the ledger: load, decide one after another, write all.

A refusal of one command never affects another. Everything happens in the caller's transaction.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from billing.commands import Command
from billing.decide import decide
from billing.decision import Context, Outcome
from billing.errors import LedgerRefusal
from billing.store.loader import load
from billing.store.writer import write


def execute(connection: Connection, commands: Sequence[Command], context: Context) -> list[Outcome | LedgerRefusal]:
    """What became of each command, in order: its outcome, written, or its refusal, which changed nothing.

    Raises:
        IntegrityError: another process wrote the same key first; run the commands again, each alone.
    """
    books = load(connection, commands, context)
    results: list[Outcome | LedgerRefusal] = []
    for command in commands:
        try:
            outcome = decide(command, books, context)
        except LedgerRefusal as refusal:
            results.append(refusal.with_traceback(None))
            continue
        books.fold(outcome)
        results.append(outcome)
    write(connection, [result for result in results if isinstance(result, Outcome)], context.now)
    return results
