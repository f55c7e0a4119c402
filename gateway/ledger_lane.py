"""Group commit: ledger commands that wait together are decided together and committed once.

Each caller gets its own answer or its own refusal. A commit of unknown fate is settled by the caller's retry,
which the request key answers.
"""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection
from sqlalchemy.exc import InterfaceError, OperationalError
from twisted.internet.defer import Deferred

from billing.commands import Command
from billing.decision import Context, Outcome
from billing.errors import LedgerRefusal
from billing.store import ledger
from gateway.database import Transactor
from gateway.grouping import Grouping

GROUP_MAX = 256
"""Commands in one commit; larger groups gain little and hold the writer longer than the month job's chunks do."""
WAITING_MAX = 20_000
"""Commands that may wait; beyond it the door answers "try later" rather than grow without bound."""

GONE_STATES = frozenset({"57P01", "57P02", "57P03"})
"""PostgreSQL goes down, crashed, or is not up yet."""


def is_unreachable(error: Exception) -> bool:
    """Whether there was no PostgreSQL server to ask: whoever asks next in the same group would find none either."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    state = getattr(error.orig, "sqlstate", "")
    return state is None or state in GONE_STATES


class LedgerLane:
    """The one way a command reaches the ledger.

    `context()` gives the decision's surroundings (now, programme, catalogue, ids); it is asked inside the
    transaction. `record(connection, outcomes, context)` runs there too: notices are committed with the money.
    `committed(outcomes)` is called on the reactor after the commit, before the callers get their answers.
    """

    def __init__(
        self,
        database: Transactor,
        *,
        context: Callable[[], Context],
        record: Callable[[Connection, Sequence[Outcome], Context], None],
        committed: Callable[[Sequence[Outcome]], None],
    ) -> None:
        self._database = database
        self._context = context
        self._record = record
        self._committed = committed
        self._commands: Grouping[Command, Outcome] = Grouping(
            self._commit, group_max=GROUP_MAX, waiting_max=WAITING_MAX, is_gone=is_unreachable
        )

    def execute(self, command: Command) -> "Deferred[Outcome]":
        """Decide and commit one command; fires after the commit.

        Raises (through the Deferred):
            LedgerRefusal: a rule said no; nothing changed.
            TooManyWaiting: the queue is full; nothing changed.
            SQLAlchemyError: the database failed; the request key settles a retry.
        """
        return self._commands.submit(command)

    def execute_all(self, commands: Sequence[Command]) -> "Deferred[list[Outcome | Exception]]":
        """What became of each of many commands, in order: its outcome, or the error that `execute` would raise.

        Raises (through the Deferred):
            TooManyWaiting: they do not all find room in the queue; nothing changed.
        """
        return self._commands.submit_all(commands)

    async def stop(self) -> None:
        """Wait until every accepted command has its answer."""
        await self._commands.stop()

    async def _commit(self, commands: Sequence[Command]) -> Sequence[Outcome | LedgerRefusal]:
        results = await self._database.transact(self._decide_and_write, commands)
        self._committed([result for result in results if isinstance(result, Outcome)])
        return results

    def _decide_and_write(
        self, connection: Connection, commands: Sequence[Command]
    ) -> Sequence[Outcome | LedgerRefusal]:
        context = self._context()
        results = ledger.execute(connection, commands, context)
        self._record(connection, [result for result in results if isinstance(result, Outcome)], context)
        return results
