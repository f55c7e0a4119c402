"""Earlier calls once more: the same, or with exactly one field changed, for every kind of id a caller gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random
from typing import Any

from reference.givens import CHANNELS, GOODS, PARTNERS, SECOND, SUMS, TYPES
from reference.replay import Operation

LATEST = 5
"""From how many of the latest calls of a kind one is taken."""


def _amount(rng: Random, known: int) -> int:
    return rng.choice((known + 1, max(1, known - 1), rng.choice(SUMS)))


def _instant(rng: Random, known: Any) -> Any:
    return None if known is None else known + rng.choice((-SECOND, SECOND, timedelta(minutes=-3)))


_OTHER: dict[str, Callable[[Random, Any], Any]] = {
    "amount": _amount,
    "type": lambda rng, _: rng.choice(TYPES),
    "occurred_at": _instant,
    "paid_at": _instant,
    "goods": lambda rng, _: rng.choice(GOODS),
    "returned_goods": lambda rng, _: rng.choice(GOODS),
    "delivery": lambda rng, known: rng.choice((known + 1, 0)),
    "channel": lambda rng, _: rng.choice(CHANNELS),
    "click_id": lambda rng, _: rng.choice((None, "k0")),
    "partner": lambda rng, _: rng.choice(PARTNERS),
    "handset_price": lambda _, known: known + 1,
    "expires_in_s": lambda _, known: known + 1,
}
"""What else may stand in a field."""

REPEATED = frozenset(
    {
        *("charge", "refund", "topup", "credit", "promo_credit", "voucher", "redeem", "reserve", "commit"),
        *("paid", "confirmed", "amended", "returned"),
    }
)


def repeat(rng: Random, taken: Sequence[Operation], numbers: Sequence[str]) -> Operation | None:
    """One of the latest calls with an id again, mostly with one field changed; None where there was none.

    `taken` are the calls that were not refused, `numbers` those that are somebody's.
    """
    kinds = sorted({one[0] for one in taken} & REPEATED)
    if not kinds:
        return None
    kind = rng.choice(kinds)
    operation, body = rng.choice([one for one in taken if one[0] == kind][-LATEST:])
    fields = sorted(body.keys() & {"msisdn", *_OTHER})
    if fields and rng.random() < 0.75:
        name = rng.choice(fields)
        other = rng.choice(numbers) if name == "msisdn" else _OTHER[name](rng, body[name])
        body = {**body, name: other}
    return operation, body
