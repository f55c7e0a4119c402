"""Whom a command is about, and what their contract and standing allow."""

from billing.books import Books
from billing.errors import NotMember, UnknownSubscriber
from billing.records import Membership, Subscription
from billing.words import Contract, MembershipState, Network


def subscription_of(books: Books, msisdn: str) -> Subscription:
    """The subscription that has this number now.

    Raises:
        UnknownSubscriber: the number was never registered.
    """
    found = books.subscription_by_msisdn.get(msisdn)
    if found is None:
        raise UnknownSubscriber("no subscription has this number")
    return found


def active_membership(books: Books, subscription: Subscription) -> Membership:
    """The membership of an active member.

    Raises:
        NotMember: never joined, or left.
    """
    membership = books.memberships.get(subscription.subscription_id)
    if membership is None or membership.state is not MembershipState.ACTIVE:
        raise NotMember("this subscription is not an active member")
    return membership


def standing(membership: Membership | None) -> MembershipState:
    """The state that a membership row, or its absence, means."""
    return MembershipState.NONE if membership is None else membership.state


def pays_from_cashback(subscription: Subscription) -> bool:
    """Whether bonus is ever credited: the operator's own individuals alone (rules 6, 7).

    Corporate and off-net numbers spend their bonus by handset voucher.
    """
    return subscription.contract is Contract.INDIVIDUAL and subscription.network is Network.ON_NET
