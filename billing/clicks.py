"""Click-outs: what the banner promised is answered and kept (rules 12, 16)."""

from billing.answers import ClickAnswer
from billing.books import Books
from billing.catalogue import partner_terms, promise_at
from billing.commands import RecordClick
from billing.decision import Context, Outcome
from billing.figures import instant_or_now
from billing.records import NOBODY, Click


def record_click(command: RecordClick, books: Books, context: Context) -> Outcome:
    """Keep a click-out with its promise, for any number, so that membership does not leak.

    Raises:
        UnknownPartner: no terms of this partner are in force at the click.
    """
    clicked_at = instant_or_now(command.clicked_at, context, "clicked_at")
    terms = partner_terms(context.catalogue, command.partner, clicked_at)
    promise = promise_at(context.catalogue, terms, clicked_at)
    subscription = books.subscription_by_msisdn.get(command.msisdn)
    click = Click(
        click_id=context.ids.click_id(),
        subscription_id=NOBODY if subscription is None else subscription.subscription_id,
        msisdn=command.msisdn,
        partner=command.partner,
        clicked_at=clicked_at,
        valid_until=clicked_at + context.programme.click_valid,
        reward=promise.reward,
        min_purchase=terms.min_purchase,
        promo=promise.promo,
        terms_version=context.catalogue.version,
    )
    return Outcome(answer=ClickAnswer(click=click), records=(click,))
