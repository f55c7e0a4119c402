"""How much an order earns, and whether it earns at all. Whole numbers only: nothing is rounded before the end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from billing.catalogue import PartnerTerms
from billing.commands import OrderPaid
from billing.money import KOPECKS_PER_ROUBLE, MICRO_PER_PERCENT, Kopecks
from billing.records import Click, Membership, Reward
from billing.words import OrderChannel, Reason, Rounding

PERCENT_WHOLE = 100
ROUBLE_OF_PERCENT = PERCENT_WHOLE * MICRO_PER_PERCENT * KOPECKS_PER_ROUBLE
"""Kopecks times millionths of a percent that make one rouble of reward."""


def _half_up(numerator: int) -> int:
    return (2 * numerator + ROUBLE_OF_PERCENT) // (2 * ROUBLE_OF_PERCENT)


def _half_down(numerator: int) -> int:
    return (2 * numerator + ROUBLE_OF_PERCENT - 1) // (2 * ROUBLE_OF_PERCENT)


def _floor(numerator: int) -> int:
    return numerator // ROUBLE_OF_PERCENT


_WHOLE_ROUBLES: Mapping[Rounding, Callable[[int], int]] = MappingProxyType(
    {Rounding.ARITHMETIC_MIN1: _half_up, Rounding.HALF_DOWN: _half_down, Rounding.FLOOR: _floor}
)


def reward_of(promise: Reward, goods: Kopecks, rounding: Rounding) -> Kopecks:
    """What goods of this price earn (rules 12, 14, 15); delivery is never part of `goods`.

    A percent gives whole roubles of the exact raw value, nothing while that is under 1.00. A fixed sum is given as
    it is, for goods of any price above zero.
    """
    if goods <= 0:
        return 0
    if promise.fixed is not None:
        return promise.fixed
    numerator = goods * (promise.percent or 0)
    if numerator < ROUBLE_OF_PERCENT:
        return 0
    return _WHOLE_ROUBLES[rounding](numerator) * KOPECKS_PER_ROUBLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Earned:
    """A reward, or the reason why there is none."""

    reward: Kopecks
    reason: Reason | None = None


def earned(promise: Reward, min_purchase: Kopecks, goods: Kopecks, rounding: Rounding) -> Earned:
    """The reward of goods under a promise and its minimum purchase (rules 14, 15)."""
    if goods < min_purchase:
        return Earned(reward=0, reason=Reason.BELOW_MIN_PURCHASE)
    reward = reward_of(promise, goods, rounding)
    return Earned(reward=reward, reason=None if reward else Reason.BELOW_MIN)


def is_click_good(click: Click | None, partner: str, paid_at: datetime) -> bool:
    """Whether a click-out leads to this purchase: this partner, at or before payment, not too old (rule 16)."""
    return click is not None and click.partner == partner and click.clicked_at <= paid_at <= click.valid_until


def was_member(membership: Membership | None, at: datetime) -> bool:
    """Whether somebody was a member at an instant, the instants of joining and leaving included (rules 16, 18)."""
    if membership is None or at < membership.joined_at:
        return False
    return membership.left_at is None or at <= membership.left_at


def counts_channel(terms: PartnerTerms, channel: OrderChannel) -> bool:
    """Whether orders placed there count: a partner's mobile site or app only where it is flagged (rule 17)."""
    return channel is OrderChannel.WEB or terms.app_allowed


def why_not(
    command: OrderPaid,
    click: Click | None,
    membership: Membership | None,
    *,
    paid_at: datetime,
    terms: PartnerTerms,
    earns: Earned,
) -> Reason | None:
    """The first failing check, in the order interface.md gives; None where the order earns."""
    if not is_click_good(click, command.partner, paid_at):
        return Reason.NO_CLICK
    if not was_member(membership, paid_at):
        return Reason.NOT_MEMBER_AT_PURCHASE
    if not counts_channel(terms, command.channel):
        return Reason.CHANNEL
    return earns.reason
