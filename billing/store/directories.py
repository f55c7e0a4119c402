"""Tables that all subscriptions share: who owns which number, request keys, tariffs, catalogue, secrets, month runs.

They are keyed by what they are looked up by, and hold little or are written rarely.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
)

from billing.store.columns import (
    CLUSTERED,
    MSISDN_LENGTH_MAX,
    count,
    instant,
    metadata,
    money,
    only,
    only_where,
    subscription_key,
    word,
)
from billing.words import KeyKind

msisdn_owner = Table(
    "msisdn_owner",
    metadata,
    Column("msisdn", String(MSISDN_LENGTH_MAX), primary_key=True, comment="Number in digits, without plus"),
    Column(
        "valid_from",
        instant("valid_from", "").type,
        primary_key=True,
        comment="First instant of ownership, microseconds UTC",
    ),
    subscription_key("Whose number it is in this range", ForeignKey("subscription.subscription_id")),
    instant("valid_until", "First instant after the ownership; NULL: owns it now", nullable=True),
    Index("uq_msisdn_owner_current", "msisdn", unique=True, **only_where("valid_until IS NULL")),
    Index("ix_msisdn_owner_subscription", "subscription_id"),
    comment="Directory: who owned which number when; one owner at a time",
    **CLUSTERED,
)

request_key = Table(
    "request_key",
    metadata,
    word("kind", "Kind of the id", primary_key=True),
    Column("key", String(300), primary_key=True, comment="The caller's id, unique per kind over the whole system"),
    Column("subscription_id", BigInteger, nullable=False, comment="Whose request it was"),
    Column("figures", Text, nullable=False, comment="What was asked: the same again is a repeat, else a conflict"),
    Column("answer", Text, nullable=False, comment="The answer given, canonical JSON, given again unchanged"),
    only("kind", KeyKind, "kind"),
    comment="Directory: idempotency keys, written in the transaction they speak for",
    **CLUSTERED,
)

tariff = Table(
    "tariff",
    metadata,
    Column("code", String(64), primary_key=True, comment="Code of the tariff plan"),
    money("fee", "Monthly fee, drawn on the 1st"),
    CheckConstraint("fee >= 0", name="fee"),
    comment="Tariff plans and their monthly fees",
)

catalogue = Table(
    "catalogue",
    metadata,
    Column(
        "version", Integer, primary_key=True, autoincrement=False, comment="Number of the version; the highest runs"
    ),
    instant("installed_at", "Business clock when it was put"),
    Column("document", Text, nullable=False, comment="Partners and promotions as put, canonical JSON, no secrets"),
    comment="Partner catalogues, one row per version, kept for ever",
)

partner_secret = Table(
    "partner_secret",
    metadata,
    Column("partner", String(64), primary_key=True, comment="Code of the partner"),
    Column(
        "slot", Integer, primary_key=True, autoincrement=False, comment="0 or 1: two secrets live during a rotation"
    ),
    Column("secret", String(200), nullable=False, comment="Key of the postback signature"),
    CheckConstraint("slot IN (0, 1)", name="slot"),
    comment="Keys that partners sign postbacks with",
)

month_run = Table(
    "month_run",
    metadata,
    Column("period", String(7), primary_key=True, comment="Month the run begins"),
    word("status", "pending, running, done"),
    Column("cursor", BigInteger, nullable=False, comment="Highest subscription id already done"),
    count("subscriptions", "How many subscriptions are done"),
    instant("started_at", "Business clock at the start"),
    instant("finished_at", "Business clock at the end", nullable=True),
    count("expired_count", "Pending rewards that expired"),
    money("expired_amount", "Their sum"),
    count("credited_count", "Subscriptions credited"),
    money("credited_amount", "Their sum"),
    count("charged_count", "Fees charged"),
    money("charged_amount", "Their sum"),
    money("charged_cashback", "Of it from cashback"),
    money("charged_main", "Of it from main"),
    money("charged_unpaid", "Of it unpaid"),
    count("notices", "Notices of credit, bill and used-up cashback"),
    only("status", ("pending", "running", "done"), "status"),
    comment="The job of the 1st: checkpoint and totals per month",
)
