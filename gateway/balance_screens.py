"""Which figures a subscription sees on its screens: the rules of contract, network and membership. Pure."""

from datetime import datetime
from zoneinfo import ZoneInfo

from billing.answers import BalanceView
from billing.calendar import next_first
from billing.money import Kopecks
from billing.words import Contract, MembershipState, Network
from gateway.texts import Screens


def has_spendable_cashback(view: BalanceView) -> bool:
    """Whether the cashback line says anything: members, and who left with some of it."""
    if view.membership is MembershipState.ACTIVE:
        return True
    return view.membership is MembershipState.LEFT and view.balances.cashback > 0


def main_screen(view: BalanceView, screens: Screens, *, main: Kopecks | None) -> str:
    """`*100#`: the second line only where there is cashback to spend; none of it for other operators' numbers.

    `main` None: whoever owns the main balance did not say it, the first line is left out (rule 42).
    """
    subscription = view.subscription
    if subscription.network is Network.OFF_NET:
        return screens.text("off_net")
    shows_cashback = subscription.contract is Contract.INDIVIDUAL and has_spendable_cashback(view)
    return screens.main(
        main=main,
        cashback=view.balances.cashback if shows_cashback else None,
    )


def cashback_screen(view: BalanceView, screens: Screens, *, zone: ZoneInfo, now: datetime) -> str:
    """`*100*1#`: three lines for members, the first for who left with cashback, bonus alone for corporate numbers."""
    subscription = view.subscription
    if subscription.network is Network.OFF_NET:
        return screens.text("off_net")
    if view.membership is not MembershipState.ACTIVE:
        is_left_with_some = subscription.contract is Contract.INDIVIDUAL and has_spendable_cashback(view)
        return screens.cashback(view.balances.cashback) if is_left_with_some else screens.text("not_member")
    if subscription.contract is Contract.CORPORATE:
        return screens.handset_bonus(view.balances.bonus)
    return screens.programme(
        cashback=view.balances.cashback,
        due_on=view.bonus_due_on or next_first(now, zone),
        bonus=view.balances.bonus - view.bonus_held,
        pending=view.pending,
    )
