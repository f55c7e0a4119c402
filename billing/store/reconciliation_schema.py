"""Tables of the daily reconciliation: what moved on each business day, and what each closed day came to.

`journal_day` grows with every sealed block, in its transaction: so every posting is counted once, on its own day, or
on the first open day where its own is closed already.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, String, Table

from billing.store.columns import CLUSTERED, count, instant, metadata, money, only, word
from billing.words import Account, PostingKind

DAY_LENGTH = 10


def _day(comment: str) -> Column[str]:
    return Column("day", String(DAY_LENGTH), primary_key=True, comment=comment)


journal_day = Table(
    "journal_day",
    metadata,
    _day("Business day in the operator's zone, YYYY-MM-DD"),
    word("kind", "What the postings are for", primary_key=True),
    word("source", "Account the money left", primary_key=True),
    word("target", "Account the money came to", primary_key=True),
    count("postings", "How many"),
    money("amount", "Their sum"),
    only("kind", PostingKind, "kind"),
    only("source", Account, "source"),
    only("target", Account, "target"),
    comment="Sealed postings by business day and movement",
    **CLUSTERED,
)

reconciliation = Table(
    "reconciliation",
    metadata,
    _day("Business day in the operator's zone, YYYY-MM-DD; a day without postings has no row"),
    instant("closed_at", "Business clock when it was closed"),
    Column("block_no", BigInteger, nullable=False, comment="Last sealed block it counts"),
    count("postings", "Postings of the day"),
    money("moved", "Their sum"),
    money("issued", "Cashback issued since the beginning, to the end of the day"),
    money("spent", "Of it spent, less what refunds gave back"),
    money("lapsed", "Of it lapsed"),
    money("voucher", "Of it in vouchers, less what came back"),
    money("reversed", "Of it taken back"),
    money("outstanding", "Of it still in bonus and cashback"),
    money("imbalance", "What does not add up: 0"),
    CheckConstraint("imbalance >= 0", name="imbalance"),
    comment="One closed business day: issued = spent + lapsed + voucher + reversed + outstanding",
    **CLUSTERED,
)

reconciliation_account = Table(
    "reconciliation_account",
    metadata,
    _day("Business day in the operator's zone"),
    word("account", "Account, all subscriptions together", primary_key=True),
    money("opening", "Sum at the day's beginning"),
    money("closing", "Sum at its end"),
    only("account", Account, "account"),
    comment="Opening and closing sums of a closed day per account",
    **CLUSTERED,
)
