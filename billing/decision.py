"""What a decision is made from and what it yields; the shape every rule module shares.

`decide(command, books, context) -> Outcome` reads the books, never writes; refusals are raised. The store loads
books for a group of commands, folds each outcome into them so that the next command sees it, and writes all
outcomes in one transaction.
"""

from datetime import datetime
from typing import Protocol

from msgspec import Struct

from billing.answers import Answer
from billing.catalogue import Catalogue
from billing.events import LedgerEvent
from billing.programme import Programme
from billing.records import Posting, Record


class IdSource(Protocol):
    """Ids and codes; injected so that a run can be repeated."""

    def subscription_id(self) -> int:
        """A new id above 0, roughly ordered in time, below 2**63."""
        ...

    def click_id(self) -> str:
        """A new unguessable click id, at most 32 URL-safe characters."""
        ...

    def voucher_code(self) -> str:
        """A new unguessable voucher code a person can type, 12 characters without look-alikes."""
        ...


class Context(Struct, frozen=True, kw_only=True):
    """Everything besides the books that a decision may depend on. `now` is the business clock's, in UTC."""

    now: datetime
    programme: Programme
    catalogue: Catalogue
    ids: IdSource


class Outcome(Struct, frozen=True, kw_only=True, gc=False):
    """What a command changes: records to put, postings to append, events to tell. `hit`: a repeat, nothing new."""

    answer: Answer
    records: tuple[Record, ...] = ()
    postings: tuple[Posting, ...] = ()
    events: tuple[LedgerEvent, ...] = ()
    hit: bool = False
