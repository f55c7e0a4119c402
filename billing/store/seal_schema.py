"""Tables of the sealed journal: which postings a block covers, and the chain of heads. Postings are never touched.

Membership is explicit: a range holds one subscription's postings between two entry numbers. Entry numbers of one
subscription are committed in order (its balance row is locked while they are given), so that ranges which follow
each other leave nothing out, in whatever order subscriptions commit.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, LargeBinary, String, Table

from billing.store.columns import CLUSTERED, SubscriptionId, count, instant, metadata, money, subscription_key

seal_block = Table(
    "seal_block",
    metadata,
    Column("block_no", SubscriptionId, primary_key=True, autoincrement=False, comment="1, 2, 3 … without gap"),
    count("ranges", "How many ranges it covers"),
    count("postings", "How many postings it covers"),
    money("amount", "Sum of their amounts"),
    instant("sealed_at", "Business clock at the sealing"),
    Column("key_id", String(16), nullable=False, comment="Which key it was hashed with"),
    Column("previous", String(64), nullable=False, comment="Head of the block before; zeros for the first"),
    Column("head", String(64), nullable=False, comment="HMAC-SHA256 over number, previous, ranges and postings"),
    CheckConstraint("block_no > 0", name="block_no"),
    CheckConstraint("ranges > 0 AND postings >= ranges", name="counts"),
    CheckConstraint("length(previous) = 64 AND length(head) = 64", name="heads"),
    comment="Sealed blocks of the journal, chained; heads can be exported",
)

seal_range = Table(
    "seal_range",
    metadata,
    subscription_key("Whose postings"),
    Column(
        "up_to_entry", BigInteger, primary_key=True, autoincrement=False, comment="Highest entry number of the range"
    ),
    Column("above_entry", BigInteger, nullable=False, comment="Entry number before the lowest of the range"),
    Column("block_no", BigInteger, nullable=False, comment="The block that covers it"),
    Column(
        "marks", LargeBinary, nullable=False, comment="Per posting: entry number, first 8 octets of its keyed hash"
    ),
    Index("ix_seal_range_block", "block_no", "subscription_id", "up_to_entry"),
    CheckConstraint("above_entry >= 0 AND up_to_entry > above_entry", name="entries"),
    comment="Which postings a sealed block covers",
    **CLUSTERED,
)
