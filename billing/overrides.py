"""An operator lets a late or rejected order through, with a reason that is audited (rule 20)."""

from msgspec.structs import replace

from billing.accruals import order_answer, order_ref
from billing.books import Books
from billing.commands import OverrideAccrual
from billing.crediting import start_draft
from billing.decision import Context, Outcome
from billing.errors import WrongState
from billing.finding import active_membership
from billing.orders import accrue, answered_as_it_stands, earns_now, known_order
from billing.records import AuditEntry
from billing.words import AccrualState, Reason

ENDED_UNPAID = frozenset({AccrualState.EXPIRED, AccrualState.REJECTED})
"""States an operator may override."""


def override_accrual(command: OverrideAccrual, books: Books, context: Context) -> Outcome:
    """Accrue an expired or rejected order of an active member, at its own promise.

    The same override again changes nothing.

    Raises:
        UnknownOrder: no paid event of it was recorded.
        WrongState: pending, accrued or reversed; nobody's; or it earns nothing.
        NotMember: whose it is left.
    """
    accrual = known_order(command, books, context)
    if accrual.override_reason == command.reason:
        return replace(answered_as_it_stands(accrual, books, context), hit=True)
    subscription = books.subscriptions.get(accrual.subscription_id)
    if accrual.state not in ENDED_UNPAID or subscription is None:
        raise WrongState("only an expired or rejected order of a subscriber can be let through")
    active_membership(books, subscription)
    earns = earns_now(accrual, context.programme)
    if not earns.reward:
        raise WrongState("this order earns nothing")
    draft = start_draft(books, subscription, context)
    overridden = replace(accrual, reward=earns.reward, reason=Reason.OVERRIDDEN, override_reason=command.reason)
    accrued = accrue(draft, overridden, context.programme)
    draft.put(
        AuditEntry(
            subscription_id=draft.subscription_id,
            at=draft.now,
            action="override",
            ref=order_ref(accrual),
            reason=command.reason,
        )
    )
    return draft.outcome(order_answer(accrued, subscription, context))
