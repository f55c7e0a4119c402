"""Idempotency keys: a known id with the same figures is answered unchanged, with other figures it is a conflict.

Refusals are not stored: the same id may succeed later (interface.md).
"""

from billing.answers import Answer
from billing.books import Books
from billing.decision import Outcome
from billing.draft import Draft
from billing.errors import Conflict
from billing.figures import same_figures
from billing.records import RequestKey
from billing.stored_answers import dump_answer, load_answer
from billing.words import KeyKind


def repeat_of(books: Books, kind: KeyKind, key: str, *, asked: str) -> Outcome | None:
    """The outcome of a repeated request, None for a new id (rule 34).

    Raises:
        Conflict: the id is known with other figures.
    """
    known = books.keys.get((kind, key))
    if known is None:
        return None
    if not same_figures(known.figures, asked):
        raise Conflict(f"this {kind.value} id is known with other figures")
    return stored_outcome(known)


def stored_outcome(known: RequestKey) -> Outcome:
    """What a repeat of this request gets: the answer given then, and nothing changes."""
    return Outcome(answer=load_answer(known.answer), hit=True)


def conclude(draft: Draft, answer: Answer, *, kind: KeyKind, key: str, asked: str) -> Outcome:
    """The outcome of a new request, its key and answer kept with it."""
    draft.put(
        RequestKey(
            kind=kind,
            key=key,
            subscription_id=draft.subscription_id,
            figures=asked,
            answer=dump_answer(answer),
        )
    )
    return draft.outcome(answer)
