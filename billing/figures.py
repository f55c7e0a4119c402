"""What a caller asked for, as one comparable text: the same id with the same figures is a repeat, else a conflict.

An instant left out means the business clock's now and is then no part of the comparison, on either side
(interface.md, conventions): the text is a hash of the other figures, with the instant after it where one was given.
"""

from datetime import datetime, timedelta
from hashlib import blake2b

from billing.decision import Context
from billing.errors import InvalidFigure
from billing.money import KOPECKS_MAX, Kopecks

AHEAD_MAX = timedelta(minutes=5)
"""How far ahead of the business clock an instant may be (interface.md, 400)."""

DIGEST_OCTETS = 16


def figures_of(*parts: str | int | None, at: datetime | None = None) -> str:
    """The comparable text of some figures; `at` is the instant that may be left out."""
    digest = blake2b(repr(parts).encode(), digest_size=DIGEST_OCTETS).hexdigest()
    return digest if at is None else f"{digest}@{at.isoformat()}"


def same_figures(stored: str, asked: str) -> bool:
    """Whether both ask for the same; an instant counts only where both gave one."""
    if stored == asked:
        return True
    stored_digest, _, stored_at = stored.partition("@")
    asked_digest, _, asked_at = asked.partition("@")
    return stored_digest == asked_digest and not (stored_at and asked_at)


def instant_or_now(instant: datetime | None, context: Context, field: str) -> datetime:
    """The given instant, or the business clock's now.

    Raises:
        InvalidFigure: more than 5 minutes ahead of the business clock.
    """
    if instant is None:
        return context.now
    if instant > context.now + AHEAD_MAX:
        raise InvalidFigure(f"{field} is more than 5 minutes ahead of the business clock", field=field)
    return instant


def require_positive(amount: Kopecks, field: str) -> None:
    """Raise InvalidFigure unless the sum is above zero and within what the programme handles."""
    if not 0 < amount <= KOPECKS_MAX:
        raise InvalidFigure(f"{field} must be above zero", field=field)
