"""Provisioning: the operator creates and changes subscriptions, and sets and lifts blocks (rules 3, 11)."""

from typing import Any

from msgspec.structs import replace

from billing.answers import SubscriberAnswer
from billing.books import Books
from billing.calendar import period_of
from billing.commands import PutSubscriber
from billing.crediting import release_held, start_draft
from billing.decision import Context, Outcome
from billing.draft import Draft
from billing.errors import InvalidFigure, UnknownTariff, WrongState
from billing.events import PortOutWarned
from billing.finding import standing
from billing.leaving import leave
from billing.records import Balances, Membership, Subscription
from billing.words import Block, MembershipState

NULLABLE = frozenset({"tariff", "imsi", "time_zone", "unicode"})
"""Fields that may be cleared; every other field given as None keeps its value."""

PUT_FIELDS = tuple(one for one in PutSubscriber.__struct_fields__ if one not in {"msisdn", "credit_limit", "clear"})


def put_subscriber(command: PutSubscriber, books: Books, context: Context) -> Outcome:
    """Create a subscription for a number, or change the one that has it; the same again changes nothing.

    Raises:
        UnknownTariff: no tariff has this code.
        WrongState: main is already below the new credit limit.
    """
    if command.tariff is not None and command.tariff not in books.tariffs:
        raise UnknownTariff("no tariff has this code", field="tariff")
    if not command.clear <= NULLABLE:
        raise InvalidFigure("this field cannot be null", field=min(command.clear - NULLABLE))
    if command.credit_limit is not None and command.credit_limit < 0:
        raise InvalidFigure("a credit limit is zero or more", field="credit_limit")
    before = books.subscription_by_msisdn.get(command.msisdn)
    if before is None:
        return _create(command, context)
    return _change(before, command, books, context)


def _changes(command: PutSubscriber) -> dict[str, Any]:
    """The subscription's fields that the command gives."""
    given = {name: getattr(command, name) for name in PUT_FIELDS}
    return {name: value for name, value in given.items() if value is not None or name in command.clear}


def _create(command: PutSubscriber, context: Context) -> Outcome:
    """A new number is a new subscription that inherits nothing (rule 10)."""
    subscription = Subscription(
        subscription_id=context.ids.subscription_id(),
        msisdn=command.msisdn,
        created_at=context.now,
        **_changes(command),
    )
    balances = Balances(
        subscription_id=subscription.subscription_id,
        credit_limit=command.credit_limit or 0,
        credited_period=period_of(context.now, context.programme.zone),
    )
    answer = SubscriberAnswer(
        subscription=subscription,
        credit_limit=balances.credit_limit,
        membership=MembershipState.NONE,
        created=True,
    )
    return Outcome(answer=answer, records=(subscription, balances))


def _change(before: Subscription, command: PutSubscriber, books: Books, context: Context) -> Outcome:
    """The month's credit is decided on what stood before: contract, network and blocks of the 1st count (rule 25)."""
    subscription = replace(before, **_changes(command))
    membership = books.memberships.get(before.subscription_id)
    draft = start_draft(books, before, context)
    draft.subscription = subscription
    if command.credit_limit is not None:
        _limit_credit(draft, command.credit_limit)
    if subscription != before:
        draft.put(subscription)
    state = standing(membership)
    if membership is not None and state is MembershipState.ACTIVE:
        state = _follow_blocks(draft, before.blocks, membership, books=books, context=context)
    answer = SubscriberAnswer(subscription=subscription, credit_limit=draft.field("credit_limit"), membership=state)
    return draft.outcome(answer)


def _limit_credit(draft: Draft, credit_limit: int) -> None:
    """A limit that main, less what is held of it, already went below cannot be set (invariants 5, 6)."""
    if draft.main - draft.field("held_main") < -credit_limit:
        raise WrongState("main is already below this limit", field="credit_limit")
    draft.change(credit_limit=credit_limit)


def _follow_blocks(
    draft: Draft, before: frozenset[Block], membership: Membership, *, books: Books, context: Context
) -> MembershipState:
    """What newly set and lifted blocks mean to a member (rule 11); its standing then."""
    blocks = draft.subscription.blocks
    accruals = books.open_accruals.get(draft.subscription_id, {}).values()
    is_released = Block.INVESTIGATION in before and Block.INVESTIGATION not in blocks
    if is_released and context.programme.held_release == "at_once":
        release_held(draft, accruals)
    if Block.FINAL in blocks - before:
        leave(draft, membership, accruals, context.programme)
        return MembershipState.LEFT
    if Block.MNP in blocks - before:
        ref = f"{draft.subscription_id}:{draft.take_number()}"
        at_stake = draft.cashback + draft.bonus
        draft.tell(PortOutWarned(subscription=draft.subscription, ref=ref, at_stake=at_stake))
    return MembershipState.ACTIVE
