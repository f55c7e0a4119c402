"""Handset vouchers: bonus or cashback becomes a code the shop's till takes (rule 35)."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from billing.answers import RedemptionAnswer, VoucherAnswer
from billing.books import Books
from billing.calendar import deadline_after, local_date
from billing.commands import CancelVoucher, ExpireVoucher, IssueVoucher, RedeemVoucher
from billing.crediting import start_draft
from billing.decision import Context, Outcome
from billing.draft import Draft
from billing.errors import BlockedInvestigation, ExceedsPrice, Expired, InsufficientFunds, UnknownVoucher, WrongState
from billing.events import VoucherIssued
from billing.figures import figures_of, require_positive
from billing.finding import active_membership, pays_from_cashback, subscription_of
from billing.leaving import lapse_leftover
from billing.money import Kopecks
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
    draft.put(voucher)
    draft.tell(
        VoucherIssued(
            subscription=subscription,
            ref=command.voucher_id,
            amount=command.amount,
            code=voucher.code,
            valid_until=last_day_of(voucher, programme.zone),
        )
    )
    return conclude(draft, _answer(voucher, context), kind=KeyKind.VOUCHER, key=command.voucher_id, asked=asked)


def voucher_as_it_stands(voucher: Voucher, now: datetime) -> Voucher:
    """The voucher at an instant: an issued one past its end is expired, swept or not."""
    if voucher.state is VoucherState.ISSUED and now >= voucher.valid_until:
        return replace(voucher, state=VoucherState.EXPIRED)
    return voucher


def redeem_voucher(command: RedeemVoucher, books: Books, context: Context) -> Outcome:
    """Redeem a voucher once, all or part; the rest goes back where it came from (rule 35).

    Raises:
        UnknownVoucher, Expired, WrongState: no such code; past its last day; redeemed or cancelled before.
        ExceedsPrice, InsufficientFunds: more than the handset costs, or than the voucher is worth.
    """
    asked = figures_of(command.code, command.amount, command.handset_price)
    repeat = repeat_of(books, KeyKind.REDEMPTION, command.redemption_id, asked=asked)
    if repeat is not None:
        return repeat
    require_positive(command.amount, "amount")
    voucher = _open_voucher(books.voucher_by_code.get(command.code), context)
    if command.handset_price is not None and command.amount > command.handset_price:
        raise ExceedsPrice("a till takes at most the handset's price", field="amount")
    if command.amount > voucher.amount:
        raise InsufficientFunds("the voucher is worth less", field="amount")
    draft = start_draft(books, books.subscriptions[voucher.subscription_id], context)
    ended = replace(
        voucher, state=VoucherState.REDEEMED, redeemed=command.amount, redemption_id=command.redemption_id
    )
    returned = _end(draft, ended, books, context)
    answer = RedemptionAnswer(
        redemption_id=command.redemption_id,
        voucher_id=voucher.voucher_id,
        amount=command.amount,
        returned=returned,
        state=ended.state,
    )
    return conclude(draft, answer, kind=KeyKind.REDEMPTION, key=command.redemption_id, asked=asked)


def cancel_voucher(command: CancelVoucher, books: Books, context: Context) -> Outcome:
    """Take a voucher back: it goes back where it came from; a cancelled one stays cancelled (rule 35).

    Raises:
        UnknownVoucher, Expired, WrongState: no such id; past its last day; redeemed.
    """
    voucher = books.vouchers.get(command.voucher_id)
    if voucher is not None and voucher.state is VoucherState.CANCELLED:
        return Outcome(answer=_answer(voucher, context), hit=True)
    return _give_back(_open_voucher(voucher, context), VoucherState.CANCELLED, books, context)


def expire_voucher(command: ExpireVoucher, books: Books, context: Context) -> Outcome:
    """Sweep a voucher that is out of date: it goes back where it came from (rule 35).

    Raises:
        UnknownVoucher, WrongState: no such id; not issued any more, or its last day is not over.
    """
    voucher = books.vouchers.get(command.voucher_id)
    if voucher is None:
        raise UnknownVoucher("no voucher has this id")
    if voucher.state is not VoucherState.ISSUED or context.now < voucher.valid_until:
        raise WrongState("this voucher is not out of date")
    return _give_back(voucher, VoucherState.EXPIRED, books, context)


def _open_voucher(voucher: Voucher | None, context: Context) -> Voucher:
    """The voucher, if it can still be redeemed or cancelled; else the refusal that says why not."""
    if voucher is None:
        raise UnknownVoucher("there is no such voucher")
    state = voucher_as_it_stands(voucher, context.now).state
    if state is VoucherState.EXPIRED:
        raise Expired("this voucher is out of date")
    if state is not VoucherState.ISSUED:
        raise WrongState(f"this voucher is {state.value}")
    return voucher


def _give_back(voucher: Voucher, state: VoucherState, books: Books, context: Context) -> Outcome:
    draft = start_draft(books, books.subscriptions[voucher.subscription_id], context)
    ended = replace(voucher, state=state)
    _end(draft, ended, books, context)
    return draft.outcome(_answer(ended, context))


def _end(draft: Draft, voucher: Voucher, books: Books, context: Context) -> Kopecks:
    """Keep the ended voucher and post what was not redeemed back; the sum. Who has left meanwhile loses it again."""
    rest = voucher.amount - voucher.redeemed
    draft.post(PostingKind.VOUCHER_RETURN, Account.VOUCHER, voucher.source, rest, ref=voucher.voucher_id)
    draft.put(replace(voucher, ended_at=draft.now))
    if rest:
        lapse_leftover(draft, books.memberships.get(voucher.subscription_id), context.programme)
    return rest


def _answer(voucher: Voucher, context: Context) -> VoucherAnswer:
    return VoucherAnswer(
        voucher_id=voucher.voucher_id,
        code=voucher.code,
        amount=voucher.amount,
        valid_until=last_day_of(voucher, context.programme.zone),
        state=voucher.state,
    )


def last_day_of(voucher: Voucher, zone: ZoneInfo) -> date:
    """The last day on which it can be redeemed, in the operator's zone."""
    return local_date(voucher.valid_until - timedelta(microseconds=1), zone)
