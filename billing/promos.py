"""Promotions that reward target actions: a given sum once per promotion and action, at once (rule 19)."""

from billing.accruals import post_reward, spendable_from
from billing.answers import PromoAnswer
from billing.books import Books
from billing.catalogue import PromoTerms, promo_terms
from billing.commands import CreditPromo
from billing.crediting import start_draft
from billing.decision import Context, Outcome
from billing.errors import InvalidFigure
from billing.events import CashbackAccrued
from billing.figures import figures_of, require_positive
from billing.finding import active_membership, subscription_of
from billing.money import Kopecks
from billing.needs import promo_action_key
from billing.requests import conclude, repeat_of
from billing.words import PostingKind


def credit_promo(command: CreditPromo, books: Books, context: Context) -> Outcome:
    """Accrue a promotion's sum, or the sum named where the promotion has none.

    Raises:
        UnknownPromo: none in force rewards target actions under this code.
        NotMember: not an active member.
        InvalidFigure: no sum, or another than the promotion's own.
    """
    kind, key = promo_action_key(command.promo, command.action_id)
    asked = figures_of(command.msisdn, command.amount)
    repeat = repeat_of(books, kind, key, asked=asked)
    if repeat is not None:
        return repeat
    terms = promo_terms(context.catalogue, command.promo, context.now)
    subscription = subscription_of(books, command.msisdn)
    active_membership(books, subscription)
    amount = _amount(command, terms)
    draft = start_draft(books, subscription, context)
    post_reward(draft, PostingKind.PROMO, amount, ref=key, effective_at=draft.now)
    day = spendable_from(draft, context.programme)
    draft.tell(
        CashbackAccrued(
            subscription=subscription,
            ref=f"promo/{key}",
            amount=amount,
            source_name=terms.name,
            spendable_from=day,
        )
    )
    answer = PromoAnswer(
        promo=command.promo,
        action_id=command.action_id,
        msisdn=command.msisdn,
        amount=amount,
        spendable_from=day,
    )
    return conclude(draft, answer, kind=kind, key=key, asked=asked)


def _amount(command: CreditPromo, terms: PromoTerms) -> Kopecks:
    amount = terms.amount if command.amount is None else command.amount
    if amount is None:
        raise InvalidFigure("this promotion has no sum of its own", field="amount")
    require_positive(amount, "amount")
    if terms.amount is not None and amount != terms.amount:
        raise InvalidFigure("this promotion has a sum of its own", field="amount")
    return amount
