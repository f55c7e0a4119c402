"""Tables of the gateway itself: the business clock and the USSD session records."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

business_clock = Table(
    "business_clock",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False, comment="always 1: there is one business clock"),
    Column("now", BigInteger, nullable=False, comment="manual clock: where it stands, microseconds since 1970 UTC"),
    Column(
        "installed_at",
        BigInteger,
        nullable=False,
        comment="business instant of the first start, microseconds UTC; months before it are never run",
    ),
    CheckConstraint("id = 1", name="ck_business_clock_one_row"),
    CheckConstraint("now >= installed_at", name="ck_business_clock_forward"),
    comment="The manual business clock; with the system clock only installed_at counts.",
)

ussd_record = Table(
    "ussd_record",
    metadata,
    Column("record_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, comment="order of writing"),
    Column("began_at", BigInteger, nullable=False, comment="business instant of the dial, microseconds UTC"),
    Column("msisdn_tag", String(40), nullable=False, comment="keyed tag of the number, never the number itself"),
    Column("code", String(182), nullable=False, comment="what was dialled"),
    Column("trail", Text, nullable=False, comment="operations in order, JSON list"),
    Column("outcome", String(40), nullable=False, comment="how the session ended"),
    Column(
        "latency_ms", Integer, nullable=False, comment="dial to first answer, milliseconds of the monotonic clock"
    ),
    Column("octets", Integer, nullable=False, comment="octets sent to the subscriber in all"),
    Index("ix_ussd_record_began_at", "began_at", "record_id"),
    comment="One row for every USSD session (call detail record).",
)
