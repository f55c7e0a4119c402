"""Checks of the journal and of the balances that cache it."""

from sqlalchemy import and_, func, literal, not_, or_, select

from billing.store import schema
from billing.store.verify_kit import Check, check, joined, sum_where, within
from billing.words import Account, PostingKind

LIKELY = (PostingKind.CHARGE, PostingKind.CREDIT, PostingKind.ACCRUAL, PostingKind.TOPUP)
"""Kinds tried first: most postings are of these."""

OWN_ACCOUNTS = (Account.BONUS, Account.CASHBACK, Account.MAIN)

MOVEMENTS: frozenset[tuple[PostingKind, Account, Account]] = frozenset(
    {
        (PostingKind.WELCOME, Account.PROGRAMME_EXPENSE, Account.BONUS),
        (PostingKind.ACCRUAL, Account.PROGRAMME_EXPENSE, Account.BONUS),
        (PostingKind.PROMO, Account.PROGRAMME_EXPENSE, Account.BONUS),
        (PostingKind.REVERSAL, Account.BONUS, Account.PROGRAMME_EXPENSE),
        (PostingKind.REVERSAL, Account.CASHBACK, Account.PROGRAMME_EXPENSE),
        (PostingKind.CREDIT, Account.BONUS, Account.CASHBACK),
        (PostingKind.CHARGE, Account.CASHBACK, Account.REVENUE),
        (PostingKind.CHARGE, Account.MAIN, Account.REVENUE),
        (PostingKind.SETTLEMENT, Account.MAIN, Account.REVENUE),
        (PostingKind.REFUND, Account.REVENUE, Account.MAIN),
        (PostingKind.REFUND, Account.REVENUE, Account.CASHBACK),
        (PostingKind.TOPUP, Account.CASH_IN, Account.MAIN),
        (PostingKind.LAPSE, Account.BONUS, Account.LAPSED),
        (PostingKind.LAPSE, Account.CASHBACK, Account.LAPSED),
        (PostingKind.VOUCHER, Account.BONUS, Account.VOUCHER),
        (PostingKind.VOUCHER, Account.CASHBACK, Account.VOUCHER),
        (PostingKind.VOUCHER_RETURN, Account.VOUCHER, Account.BONUS),
        (PostingKind.VOUCHER_RETURN, Account.VOUCHER, Account.CASHBACK),
    }
)
"""Every movement there is: cashback never becomes money or another subscriber's (invariant 23)."""


def journal_checks() -> tuple[Check, ...]:
    """Invariants 1, 3, 4, 5, 6 and 23, entry numbers, rule 4."""
    return (_balances(), _signs(), _entry_numbers(), _transactions(), _movements(), _one_welcome())


def sums_are_whole() -> Check:
    """Invariant 21 on SQLite, whose columns would keep a fraction; elsewhere the columns' types forbid it."""
    posting = schema.posting.c
    return check(
        "sums_are_whole",
        "every sum is a whole number of kopecks",
        schema.posting,
        and_(within(schema.posting), func.typeof(posting.amount) != "integer"),
        key=posting.subscription_id,
        ref=posting.entry_no,
        found=func.typeof(posting.amount),
        expected=literal("integer"),
    )


def _balances() -> Check:
    """Invariant 3, all accounts in one pass over the postings."""
    posting, balance = schema.posting.c, schema.balance.c
    totals = {
        account.value: sum_where(posting.target == account.value, posting.amount)
        - sum_where(posting.source == account.value, posting.amount)
        for account in OWN_ACCOUNTS
    }
    sums = (
        select(posting.subscription_id, *(total.label(name) for name, total in totals.items()))
        .where(within(schema.posting))
        .group_by(posting.subscription_id)
        .subquery()
    )
    source = schema.balance.outerjoin(sums, sums.c.subscription_id == balance.subscription_id)
    posted = {name: func.coalesce(sums.c[name], 0) for name in totals}
    differs = or_(*(balance[name] != total for name, total in posted.items()))
    return check(
        "balance_is_sum",
        "the balances bonus/cashback/main are the sums of their postings",
        source,
        and_(within(schema.balance), differs),
        key=balance.subscription_id,
        ref=literal("balance"),
        found=joined(*(balance[name] for name in totals)),
        expected=joined(*posted.values()),
    )


def _signs() -> Check:
    """Invariants 4, 5, 6."""
    balance = schema.balance.c
    wrong = or_(
        balance.bonus < 0,
        balance.cashback < 0,
        balance.carry_over < 0,
        balance.main < -balance.credit_limit,
        balance.held_cashback < 0,
        balance.held_cashback > balance.cashback,
        balance.held_main < 0,
        balance.held_main > balance.main + balance.credit_limit,
    )
    return check(
        "no_account_below_its_limit",
        "bonus, cashback and what is available stay at or above zero, main at or above the credit limit",
        schema.balance,
        and_(within(schema.balance), wrong),
        key=balance.subscription_id,
        ref=literal("bonus/cashback/main/held cashback/held main"),
        found=joined(balance.bonus, balance.cashback, balance.main, balance.held_cashback, balance.held_main),
        expected=joined(literal("credit limit"), balance.credit_limit),
    )


def _entry_numbers() -> Check:
    """Entry numbers are taken from the balance row, in order."""
    posting, balance = schema.posting.c, schema.balance.c
    last = (
        select(func.max(posting.entry_no))
        .where(posting.subscription_id == balance.subscription_id)
        .correlate(schema.balance)
        .scalar_subquery()
    )
    return check(
        "entry_numbers_are_taken",
        "the next entry number is above every one given",
        schema.balance,
        and_(within(schema.balance), func.coalesce(last, 0) >= balance.next_entry),
        key=balance.subscription_id,
        ref=literal("next_entry"),
        found=balance.next_entry,
        expected=last,
    )


def _transactions() -> Check:
    """A transaction is named by its first posting."""
    posting = schema.posting.c
    first = schema.posting.alias("first_of_tx")
    begins = and_(
        first.c.subscription_id == posting.subscription_id, within(first), first.c.entry_no == posting.tx_no
    )
    return check(
        "transactions_begin_with_a_posting",
        "the transaction of a posting is named by its first posting",
        schema.posting.outerjoin(first, begins),
        and_(
            within(schema.posting),
            posting.tx_no != posting.entry_no,
            or_(first.c.entry_no.is_(None), first.c.tx_no != first.c.entry_no),
        ),
        key=posting.subscription_id,
        ref=posting.entry_no,
        found=posting.tx_no,
        expected=literal("an entry that begins a transaction"),
    )


def _movements() -> Check:
    """Invariants 1 and 23, and sums above zero."""
    posting = schema.posting.c
    allowed = [
        and_(posting.kind == kind.value, posting.source == source.value, posting.target == target.value)
        for kind, source, target in sorted(
            MOVEMENTS, key=lambda one: LIKELY.index(one[0]) if one[0] in LIKELY else 99
        )
    ]
    return check(
        "movements_are_known",
        "every posting moves a sum above zero between accounts its kind may",
        schema.posting,
        and_(within(schema.posting), or_(posting.amount <= 0, not_(or_(*allowed)))),
        key=posting.subscription_id,
        ref=posting.entry_no,
        found=joined(posting.kind, posting.source, posting.target, posting.amount),
        expected=literal("a known movement"),
    )


def _one_welcome() -> Check:
    """Rule 4: once for life."""
    posting, balance = schema.posting.c, schema.balance.c
    given = (
        select(posting.subscription_id, func.count().label("times"))
        .where(within(schema.posting), posting.kind == PostingKind.WELCOME.value)
        .group_by(posting.subscription_id)
        .subquery()
    )
    return check(
        "welcomed_once",
        "the welcome bonus is given once for life, and known as given",
        schema.balance.join(given, given.c.subscription_id == balance.subscription_id),
        and_(within(schema.balance), or_(given.c.times > 1, balance.welcomed.is_(False))),
        key=balance.subscription_id,
        ref=literal("welcome"),
        found=given.c.times,
        expected=literal(1),
    )
