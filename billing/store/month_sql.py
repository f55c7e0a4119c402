"""The month job as SQL over a range of subscriptions: the same steps as `billing.month_rules`, for all at once.

Expire, credit, fee, split, postings, keys and balances of one chunk: a work table is filled with what the step of
each subscription comes to, then everything is written from it. Integer CASE, min and max only; the range of the chunk
stands on every joined table, because PostgreSQL does not pass it through a join. A differential test holds both
versions together: tests/property/test_store_month_differential.py.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Executable,
    FromClause,
    Insert,
    Integer,
    MetaData,
    Select,
    String,
    Subquery,
    Table,
    Update,
    and_,
    bindparam,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    type_coerce,
    union_all,
    update,
)
from sqlalchemy.schema import CreateTable

from billing.programme import Programme
from billing.store import schema
from billing.store.columns import BLOCK_BITS, SubscriptionId
from billing.store.columns import Instant as InstantType
from billing.store.dialects import larger, smaller
from billing.store.partial import is_accrued, is_fee_of, is_pending
from billing.words import (
    Account,
    AccrualState,
    Block,
    ChargeStatus,
    ChargeType,
    Contract,
    Network,
    PostingKind,
    Reason,
)

WORK = Table(
    "month_work",
    MetaData(),
    Column("subscription_id", SubscriptionId, primary_key=True, autoincrement=False),
    Column("msisdn", String, nullable=False, comment="Whom its notices go to; empty: nobody"),
    Column("time_zone", String, comment="Zone of its quiet hours; NULL: the operator's"),
    Column("next_entry", BigInteger, nullable=False, comment="Entry number of the first posting of this step"),
    Column("moves_accruals", BigInteger, nullable=False, comment="1: its accrued rewards become credited"),
    Column("credit", BigInteger, nullable=False, comment="Bonus that moves to cashback, kopecks"),
    Column("fee", BigInteger, nullable=False, comment="Fee that is drawn, kopecks; 0: none"),
    Column("cashback", BigInteger, nullable=False, comment="Of it from cashback, kopecks"),
    Column("main", BigInteger, nullable=False, comment="Of it from main, kopecks"),
    Column("used_up", BigInteger, nullable=False, comment="1: this fee is the first charge to find no cashback"),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DELETE ROWS",
)
"""What the step of each subscription of the chunk comes to; lives as long as the transaction."""

CARRIED = ("subscription_id", "next_entry", "cashback", "main", "held_cashback", "held_main", "credit_limit")
"""Balance columns that the split needs as they are."""


def _one_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    """1 where it holds, else 0."""
    return case((condition, 1), else_=0)


_period: ColumnElement[str] = bindparam("period", type_=String)
_current: ColumnElement[str] = bindparam("current", type_=String)
_now = bindparam("now", type_=InstantType)
_start = bindparam("start", type_=InstantType)
_above = bindparam("above", type_=BigInteger)
_up_to = bindparam("up_to", type_=BigInteger)

_fee_id: ColumnElement[str] = literal("fee:") + _period + literal(":") + cast(WORK.c.subscription_id, String)
_fee_entry: ColumnElement[int] = WORK.c.next_entry + _one_if(WORK.c.credit > 0)
_unpaid: ColumnElement[int] = WORK.c.fee - WORK.c.cashback - WORK.c.main


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkStatements:
    """The statements of one chunk, run in this order; parameters period, current, start, now, above, up_to.

    `current` is the month of `now`: another one than `period` where the job is a month late.
    """

    prepare: tuple[Executable, ...]
    before: Select[Any]
    fill: Insert
    write: tuple[Executable, ...]
    totals: Select[Any]


@lru_cache(maxsize=8)
def chunk_statements(programme: Programme) -> ChunkStatements:
    """The statements under these switches."""
    return ChunkStatements(
        prepare=(CreateTable(WORK, if_not_exists=True), delete(WORK)),
        before=_before(),
        fill=insert(WORK).from_select(list(WORK.columns.keys()), _steps(programme)),
        write=(_expire(), _credit_accruals(), _charges(), _postings(), _balances()),
        totals=_totals(),
    )


def _within(table: FromClause) -> ColumnElement[bool]:
    """The rows of the chunk: above < id ≤ up_to."""
    return and_(table.c.subscription_id > _above, table.c.subscription_id <= _up_to)


def _overdue() -> tuple[ColumnElement[bool], ...]:
    return _within(schema.accrual), is_pending(), schema.accrual.c.deadline <= _start


def _expire() -> Update:
    """Rule 20, `accruals.expired`."""
    ended = {"state": AccrualState.EXPIRED.value, "reason": Reason.LATE.value, "reward": 0}
    return update(schema.accrual).where(*_overdue()).values(ended_at=schema.accrual.c.deadline, **ended)


def _before() -> Select[Any]:
    """What expires, and what commands of the new month credited before the job came by, in one look."""
    overdue = select(
        func.count().label("expired_count"),
        func.coalesce(func.sum(schema.accrual.c.reward), 0).label("expired_amount"),
    ).where(*_overdue())
    expired, early = overdue.subquery("overdue"), _credited_early().subquery("early")
    return select(*expired.c, *early.c).select_from(expired.join(early, true()))


def _credited_early() -> Select[Any]:
    """What commands of the new month credited before the job came by (`crediting.start_draft`)."""
    balance, posting = schema.balance.c, schema.posting.c
    done = select(balance.subscription_id).where(_within(schema.balance), balance.credited_period >= _period)
    return select(
        func.count().label("early_count"), func.coalesce(func.sum(posting.amount), 0).label("early_amount")
    ).where(
        _within(schema.posting),
        posting.subscription_id.in_(done),
        posting.kind == PostingKind.CREDIT.value,
        posting.ref == _period,
        posting.effective_at == _start,
    )


def _steps(programme: Programme) -> Select[Any]:
    """What the step of each subscription comes to; those with nothing to do are left out."""
    split = _splits(programme, _dues(programme)).c
    cashback: ColumnElement[int] = split.from_cashback
    main: ColumnElement[int] = split.from_main
    if not programme.part_payment:
        is_covered = cashback + main == split.fee
        cashback, main = case((is_covered, cashback), else_=0), case((is_covered, main), else_=0)
    is_used_up = and_(split.fee > 0, split.available == 0, split.may_be_used_up == 1)
    return select(
        split.subscription_id,
        split.msisdn,
        split.time_zone,
        split.next_entry,
        split.moves_accruals,
        split.credit,
        split.fee,
        cashback,
        main,
        case((is_used_up, 1), else_=0),
    )


def _dues(programme: Programme) -> Subquery:
    """The bonus as of the first instant (`crediting.credit_month`) and the fee owed (`month_rules.owes_fee`)."""
    balance, subscription, tariff = schema.balance.c, schema.subscription.c, schema.tariff.c
    is_credited = and_(
        balance.credited_period < _period,
        subscription.contract == Contract.INDIVIDUAL.value,
        subscription.network == Network.ON_NET.value,
        subscription.msisdn != "",
        type_coerce(subscription.blocks, Integer).bitwise_and(BLOCK_BITS[Block.INVESTIGATION]) == 0,
    )
    newer = case((and_(_period == _current, balance.bonus_period == _period), balance.bonus_new), else_=0)
    may_be_used_up = and_(balance.spent_period == _current, balance.used_up_period != _current)
    source: FromClause = schema.balance.join(
        schema.subscription,
        and_(subscription.subscription_id == balance.subscription_id, _within(schema.subscription)),
    )
    fee: ColumnElement[int] = literal(0)
    if programme.main_balance == "internal":
        drawn = schema.charge.alias("drawn")
        is_owed = and_(
            drawn.c.charge_id.is_(None),
            subscription.network == Network.ON_NET.value,
            subscription.msisdn != "",
            subscription.created_at < _start,
        )
        fee = case((is_owed, func.coalesce(tariff.fee, 0)), else_=0)
        is_drawn = and_(drawn.c.subscription_id == balance.subscription_id, _within(drawn), is_fee_of(drawn, _period))
        source = source.outerjoin(schema.tariff, tariff.code == subscription.tariff).outerjoin(drawn, is_drawn)
    return (
        select(
            *(balance[name] for name in CARRIED),
            subscription.msisdn,
            subscription.time_zone,
            case((balance.cap_period == _current, balance.cap_used), else_=0).label("cap_used"),
            case((may_be_used_up, 1), else_=0).label("may_be_used_up"),
            case((is_credited, 1), else_=0).label("moves_accruals"),
            case((is_credited, balance.bonus - newer), else_=0).label("credit"),
            fee.label("fee"),
        )
        .select_from(source)
        .where(_within(schema.balance), or_(balance.credited_period < _period, fee > 0))
        .subquery("due")
    )


def _splits(programme: Programme, due: Subquery) -> Subquery:
    """Cashback first, after the credit, then main: `charging.split_charge`."""
    available = due.c.cashback + due.c.credit - due.c.held_cashback
    from_cashback: ColumnElement[int] = literal(0)
    if ChargeType.TARIFF_FEE in programme.spend_types:
        from_cashback = smaller(available, due.c.fee)
        if programme.monthly_spend_cap is not None:
            left = literal(programme.monthly_spend_cap) - due.c.cap_used - due.c.held_cashback
            from_cashback = larger(smaller(from_cashback, left), 0)
    drawable = larger(due.c.main - due.c.held_main + due.c.credit_limit, 0)
    return select(
        due,
        available.label("available"),
        from_cashback.label("from_cashback"),
        smaller(due.c.fee - from_cashback, drawable).label("from_main"),
    ).subquery("split")


def _credit_accruals() -> Update:
    """The rewards that the credited bonus stood for: `crediting._credit`."""
    accrual = schema.accrual.c
    credited = select(WORK.c.subscription_id).where(WORK.c.moves_accruals == 1, _within(WORK))
    is_earlier = and_(_within(schema.accrual), is_accrued(), accrual.accrued_period < _period)
    return (
        update(schema.accrual)
        .where(is_earlier, accrual.subscription_id.in_(credited))
        .values(state=AccrualState.CREDITED.value)
    )


def _charges() -> Insert:
    """The fee, split as decided: `charging.book_charge`."""
    status = case(
        (_unpaid == 0, ChargeStatus.PAID.value),
        (WORK.c.cashback + WORK.c.main > 0, ChargeStatus.PART_PAID.value),
        else_=ChargeStatus.UNPAID.value,
    )
    values: dict[str, ColumnElement[Any]] = {
        "subscription_id": WORK.c.subscription_id,
        "charge_id": _fee_id,
        "entry_no": _fee_entry,
        "type": literal(ChargeType.TARIFF_FEE.value),
        "amount": WORK.c.fee,
        "cashback": WORK.c.cashback,
        "main": WORK.c.main,
        "unpaid": _unpaid,
        "status": status,
        **dict.fromkeys(("settled", "refunded_cashback", "refunded_main", "refunded_unpaid"), literal(0)),
        "period": _period,
        "occurred_at": _start,
        "booked_at": _now,
    }
    drawn = select(*values.values()).where(_within(WORK), WORK.c.fee > 0)
    return insert(schema.charge).from_select(list(values), drawn)


def _postings() -> Insert:
    """Bonus to cashback, then the fee: from cashback, then from main."""
    entry = WORK.c.next_entry
    movements = union_all(
        _movement(PostingKind.CREDIT, (Account.BONUS, Account.CASHBACK), WORK.c.credit, (entry, entry, _period)),
        _movement(
            PostingKind.CHARGE,
            (Account.CASHBACK, Account.REVENUE),
            WORK.c.cashback,
            (_fee_entry, _fee_entry, _fee_id),
        ),
        _movement(
            PostingKind.CHARGE,
            (Account.MAIN, Account.REVENUE),
            WORK.c.main,
            (_fee_entry + _one_if(WORK.c.cashback > 0), _fee_entry, _fee_id),
        ),
    )
    return insert(schema.posting).from_select(list(schema.posting.columns.keys()), movements)


def _movement(
    kind: PostingKind,
    accounts: tuple[Account, Account],
    amount: ColumnElement[int],
    named: tuple[ColumnElement[int], ColumnElement[int], ColumnElement[str]],
) -> Select[Any]:
    """One posting of every subscription where the sum is above zero; `named` is entry, transaction and reference."""
    source, target = accounts
    entry_no, tx_no, ref = named
    return select(
        WORK.c.subscription_id,
        entry_no,
        tx_no,
        literal(kind.value),
        literal(source.value),
        literal(target.value),
        amount,
        _now,
        _start,
        ref,
    ).where(_within(WORK), amount > 0)


def _balances() -> Update:
    """The balance rows after the step: `draft.Draft.balances`."""
    balance = schema.balance.c
    is_spent, is_used_up, is_new = WORK.c.cashback > 0, WORK.c.used_up == 1, balance.bonus_period == _current
    counted: ColumnElement[int] = case((balance.cap_period == _current, balance.cap_used), else_=0)
    fee_entries = case((WORK.c.fee > 0, larger(_one_if(is_spent) + _one_if(WORK.c.main > 0), 1)), else_=0)
    return (
        update(schema.balance)
        .where(balance.subscription_id == WORK.c.subscription_id, _within(schema.balance), _within(WORK))
        .values(
            bonus=balance.bonus - WORK.c.credit,
            cashback=balance.cashback + WORK.c.credit - WORK.c.cashback,
            main=balance.main - WORK.c.main,
            next_entry=_fee_entry + fee_entries,
            bonus_period=case((and_(is_new, balance.bonus_new > 0), balance.bonus_period), else_=""),
            bonus_new=case((is_new, smaller(balance.bonus_new, balance.bonus - WORK.c.credit)), else_=0),
            credited_period=case((balance.credited_period < _period, _period), else_=balance.credited_period),
            cap_period=case((is_spent, _current), else_=balance.cap_period),
            cap_used=case((is_spent, counted + WORK.c.cashback), else_=balance.cap_used),
            spent_period=case((is_spent, _current), else_=balance.spent_period),
            used_up_period=case((is_used_up, _current), else_=balance.used_up_period),
        )
    )


def _totals() -> Select[Any]:
    """What the chunk did: credited, charged and noticed."""
    sums: dict[str, ColumnElement[Any]] = {
        "credited_count": _one_if(WORK.c.credit > 0),
        "credited_amount": WORK.c.credit,
        "charged_count": _one_if(WORK.c.fee > 0),
        "charged_amount": WORK.c.fee,
        "charged_cashback": WORK.c.cashback,
        "charged_main": WORK.c.main,
        "charged_unpaid": _unpaid,
        "notices": _one_if(WORK.c.credit > 0) + _one_if(WORK.c.cashback > 0) + WORK.c.used_up,
    }
    totals = [func.coalesce(func.sum(figure), 0).label(name) for name, figure in sums.items()]
    return select(*totals).where(_within(WORK))


def notices() -> Select[Any]:
    """Who is told what of the chunk that was just run, in the same transaction: see `month.MonthNotice`."""
    kept = (WORK.c[name] for name in ("subscription_id", "msisdn", "time_zone", "fee", "cashback", "main", "used_up"))
    is_told = or_(WORK.c.credit > 0, WORK.c.cashback > 0, WORK.c.used_up == 1)
    columns = (*kept, WORK.c.credit.label("credited"), _unpaid.label("unpaid"))
    return select(*columns).where(_within(WORK), is_told)


def ahead() -> Select[Any]:
    """The next chunk of the run `of`, at most `size` subscriptions: where the run stands, the last one, how many."""
    run = schema.month_run.c
    cursor = select(run.cursor).where(run.period == bindparam("of", type_=String)).scalar_subquery()
    key = schema.balance.c.subscription_id
    following = select(key).where(key > cursor).order_by(key).limit(bindparam("size", type_=BigInteger)).subquery()
    last, length = func.max(following.c.subscription_id), func.count(following.c.subscription_id)
    return select(cursor.label("above"), last.label("up_to"), length.label("subscriptions"))


def locked() -> Select[Any]:
    """Locks the balance rows of the chunk in id order; how many. PostgreSQL only: SQLite has one writer."""
    key = schema.balance.c.subscription_id
    rows = select(key).where(_within(schema.balance)).order_by(key).with_for_update()
    return select(func.count()).select_from(rows.subquery("locked"))
