"""Joining, leaving, and consent to adverts (rules 1-9)."""

from datetime import date

from msgspec.structs import replace

from billing.answers import AdvertsAnswer, LeaveAnswer, MemberAnswer
from billing.books import Books
from billing.calendar import local_date
from billing.commands import LeaveProgramme, RegisterMember, SetAdverts
from billing.crediting import start_draft
from billing.decision import Context, Outcome
from billing.errors import (
    AlreadyMember,
    BlockedFinal,
    BlockedInvestigation,
    BlockedMnp,
    ConfirmLapse,
    FullFormRequired,
    InvalidFigure,
    LedgerRefusal,
    NotEligible,
    TermsRequired,
)
from billing.events import MemberRegistered
from billing.finding import active_membership, standing, subscription_of
from billing.leaving import lapsing_cashback, leave
from billing.money import format_money
from billing.programme import Programme
from billing.records import Membership, Subscription
from billing.views import pending_sum
from billing.words import Account, Block, Channel, MembershipState, Network, PostingKind

JOIN_CHANNELS = frozenset({Channel.WEB, Channel.APP, Channel.SITE, Channel.PROMO, Channel.USSD, Channel.SMS})
LEAVE_CHANNELS = frozenset({Channel.WEB, Channel.APP, Channel.CONTACT_CENTRE, Channel.USSD, Channel.SMS})

BIRTH_FIRST = date(1900, 1, 1)
"""Nobody alive was born earlier; a date before it is a slip of the pen."""

REFUSING_BLOCKS: tuple[tuple[Block, type[LedgerRefusal]], ...] = (
    (Block.INVESTIGATION, BlockedInvestigation),
    (Block.MNP, BlockedMnp),
    (Block.FINAL, BlockedFinal),
)
"""Rule 3: blocks that refuse joining, in the order they are named; a voluntary block does not."""


def register_member(command: RegisterMember, books: Books, context: Context) -> Outcome:
    """Join: one message, and a welcome bonus once per subscription for life (rules 1-6, 9).

    Raises:
        AlreadyMember, TermsRequired, BlockedInvestigation, BlockedMnp, BlockedFinal, FullFormRequired, NotEligible.
        InvalidFigure: a birth date that is none, or a channel nobody joins through.
    """
    _check_birth_date(command.birth_date, context)
    subscription = subscription_of(books, command.msisdn)
    before = books.memberships.get(subscription.subscription_id)
    if standing(before) is MembershipState.ACTIVE:
        raise AlreadyMember("this subscription is an active member")
    _require_joinable(command, subscription, context.programme)
    draft = start_draft(books, subscription, context)
    number = draft.next_entry
    welcome = 0 if draft.field("welcomed") else context.programme.welcome_bonus
    draft.post(PostingKind.WELCOME, Account.PROGRAMME_EXPENSE, Account.BONUS, welcome, ref="welcome")
    if not welcome:
        draft.take_number()
    draft.change(welcomed=True)
    membership = Membership(
        subscription_id=subscription.subscription_id,
        state=MembershipState.ACTIVE,
        joined_at=draft.now,
        channel=command.channel,
        terms_version=command.terms_version,
        terms_accepted_at=draft.now,
        adverts=command.adverts,
        adverts_source=command.channel.value if command.adverts else None,
        adverts_at=draft.now if command.adverts else None,
        adverts_text_version=command.adverts_text_version if command.adverts else None,
        form=command.form,
        full_name=command.full_name,
        birth_date=command.birth_date,
        email=command.email,
    )
    draft.put(membership)
    ref = f"{subscription.subscription_id}:{number}"
    draft.tell(MemberRegistered(subscription=subscription, ref=ref, welcome_bonus=welcome))
    return draft.outcome(MemberAnswer(msisdn=command.msisdn, membership=membership, welcome_bonus=welcome))


def leave_programme(command: LeaveProgramme, books: Books, context: Context) -> Outcome:
    """Leave, once what lapses was confirmed (rule 8).

    Raises:
        NotMember: not an active member.
        ConfirmLapse: not confirmed; `details["lapses"]` names bonus, pending and cashback that lapse.
    """
    if command.channel not in LEAVE_CHANNELS:
        raise InvalidFigure("nobody leaves through this channel", field="channel")
    subscription = subscription_of(books, command.msisdn)
    membership = active_membership(books, subscription)
    draft = start_draft(books, subscription, context)
    accruals = books.open_accruals.get(subscription.subscription_id, {}).values()
    if not command.confirm:
        pending = pending_sum(accruals, context.now)
        cashback = lapsing_cashback(draft, context.programme)
        lapses = {"bonus": draft.bonus, "pending": pending, "cashback": cashback}
        shown = {name: format_money(amount) for name, amount in lapses.items()}
        raise ConfirmLapse("leaving must be confirmed", details={"lapses": shown})
    lapsed = leave(draft, membership, accruals, context.programme)
    return draft.outcome(LeaveAnswer(lapsed=lapsed))


def set_adverts(command: SetAdverts, books: Books, context: Context) -> Outcome:
    """Turn adverts on or off at any time, with instant and source kept (rules 37, 38); the same again does nothing.

    Raises:
        NotMember: not an active member.
    """
    subscription = subscription_of(books, command.msisdn)
    membership = active_membership(books, subscription)
    if membership.adverts == command.adverts:
        return Outcome(answer=AdvertsAnswer(membership=membership, changed=False))
    changed = replace(
        membership,
        adverts=command.adverts,
        adverts_source=command.source,
        adverts_at=context.now,
        adverts_text_version=command.text_version,
    )
    return Outcome(answer=AdvertsAnswer(membership=changed, changed=True), records=(changed,))


def _check_birth_date(birth_date: date | None, context: Context) -> None:
    if birth_date is None:
        return
    if not BIRTH_FIRST <= birth_date <= local_date(context.now, context.programme.zone):
        raise InvalidFigure("a birth date lies between 1900 and today", field="birth_date")


def _require_joinable(command: RegisterMember, subscription: Subscription, programme: Programme) -> None:
    """Raise the refusal that stands against joining, if any (rules 1-3, 6)."""
    if command.channel not in JOIN_CHANNELS:
        raise InvalidFigure("nobody joins through this channel", field="channel")
    if not command.accept_terms:
        raise TermsRequired("the programme's terms must be accepted", field="accept_terms")
    for block, refusal in REFUSING_BLOCKS:
        if block in subscription.blocks:
            raise refusal(f"the block {block.value} stands")
    if subscription.network is Network.OFF_NET:
        if not programme.offnet_registration:
            raise NotEligible("numbers of other operators cannot join")
        is_full = command.form == "full" and command.full_name and command.birth_date and command.email
        if not is_full:
            raise FullFormRequired("numbers of other operators join with name, birth date and e-mail", field="form")
