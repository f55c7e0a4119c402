"""Erasure of a subscriber: ledger, outbox and inbox forget in one transaction.

USSD session records and logs never held a number: they keep keyed tags whose key dies with the process.
"""

from collections.abc import Callable

from sqlalchemy import Connection
from twisted.internet.defer import Deferred

from billing.answers import SubscriberAnswer
from billing.commands import EraseSubscriber
from billing.decision import Context
from billing.errors import LedgerRefusal
from billing.store import erasure, ledger
from gateway.database import Transactor
from sms import outbox


class Erasure:
    """`context()` gives the decision's surroundings inside its transaction."""

    def __init__(self, database: Transactor, context: Callable[[], Context]) -> None:
        self._database = database
        self._context = context

    def erase(self, msisdn: str) -> "Deferred[SubscriberAnswer]":
        """What is left of the subscription, everything personal gone; fails with UnknownSubscriber."""
        return self._database.transact(self._erase, msisdn)

    def _erase(self, connection: Connection, msisdn: str) -> SubscriberAnswer:
        return erase(connection, msisdn, self._context())


def erase(connection: Connection, msisdn: str, context: Context) -> SubscriberAnswer:
    """Erase the subscriber of a number in the caller's transaction. Raises UnknownSubscriber."""
    (outcome,) = ledger.execute(connection, [EraseSubscriber(msisdn=msisdn)], context)
    if isinstance(outcome, LedgerRefusal):
        raise outcome
    assert isinstance(outcome.answer, SubscriberAnswer)  # noqa: S101 - each command has its own answer
    subscription_id = outcome.answer.subscription.subscription_id
    numbers = erasure.numbers_of(connection, subscription_id)
    erasure.erase_numbers(connection, subscription_id, numbers)
    outbox.erase(connection, subscription_id, numbers)
    return outcome.answer
