"""Handset vouchers: bonus or cashback becomes a code the shop's till takes (rule 35)."""

from datetime import timedelta

from billing.answers import VoucherAnswer
from billing.books import Books
from billing.calendar import deadline_after, local_date
from billing.commands import IssueVoucher
from billing.crediting import start_draft
from billing.decision import Context, Outcome
from billing.errors import BlockedInvestigation, ExceedsPrice, InsufficientFunds
from billing.events import VoucherIssued
from billing.figures import figures_of, require_positive
from billing.finding import active_membership, pays_from_cashback, subscription_of
from billing.records import Voucher
from billing.requests import conclude, repeat_of
from billing.words import Account, Block, KeyKind, PostingKind, VoucherState


def issue_voucher(command: IssueVoucher, books: Books, context: Context) -> Outcome:
    """Issue one code, up to the whole price of the handset, never more than the balance (rule 35).

    Corporate and off-net numbers pay it from bonus, the operator's own individuals from cashback. A bonus under an
    investigation is not spent: it is held back from crediting for the same reason (rule 11).

    Raises:
        NotMember, BlockedInvestigation, ExceedsPrice, InsufficientFunds: as said.
    """
    asked = figures_of(command.msisdn, command.amount, command.handset_price)
    repeat = repeat_of(books, KeyKind.VOUCHER, command.voucher_id, asked=asked)
    if repeat is not None:
        return repeat
    require_positive(command.amount, "amount")
    subscription = subscription_of(books, command.msisdn)
    active_membership(books, subscription)
    source = Account.CASHBACK if pays_from_cashback(subscription) else Account.BONUS
    if source is Account.BONUS and Block.INVESTIGATION in subscription.blocks:
        raise BlockedInvestigation("bonus is not spent while an investigation stands")
    if command.handset_price is not None and command.amount > command.handset_price:
        raise ExceedsPrice("a voucher is worth at most the handset's price", field="amount")
    draft = start_draft(books, subscription, context)
    available = draft.available_cashback if source is Account.CASHBACK else draft.bonus
    if command.amount > available:
        raise InsufficientFunds("a voucher is worth at most the balance", field="amount")
    draft.post(PostingKind.VOUCHER, source, Account.VOUCHER, command.amount, ref=command.voucher_id)
    programme = context.programme
    voucher = Voucher(
        subscription_id=subscription.subscription_id,
        voucher_id=command.voucher_id,
        code=context.ids.voucher_code(),
        source=source,
        amount=command.amount,
        handset_price=command.handset_price,
        valid_until=deadline_after(draft.now, programme.voucher_days, programme.zone),
        state=VoucherState.ISSUED,
        issued_at=draft.now,
    )
    last_day = local_date(draft.now, programme.zone) + timedelta(days=programme.voucher_days)
    draft.put(voucher)
    draft.tell(
        VoucherIssued(
            subscription=subscription,
            ref=command.voucher_id,
            amount=command.amount,
            code=voucher.code,
            valid_until=last_day,
        )
    )
    answer = VoucherAnswer(
        voucher_id=command.voucher_id,
        code=voucher.code,
        amount=command.amount,
        valid_until=last_day,
        state=voucher.state,
    )
    return conclude(draft, answer, kind=KeyKind.VOUCHER, key=command.voucher_id, asked=asked)
