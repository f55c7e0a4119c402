"""Tables of the gateway itself: the business clock, leases, USSD session records, advert campaigns."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, MetaData, String, Table, Text

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

lease = Table(
    "lease",
    metadata,
    Column("name", String(64), primary_key=True, comment="what one process at a time may do"),
    Column("owner", String(64), nullable=False, comment="name of the process that may, new at each start"),
    Column("until", BigInteger, nullable=False, comment="end of the lease by the database's clock, microseconds"),
    comment="What one process at a time may do; past the end of its lease another one takes it over.",
)

ussd_record = Table(
    "ussd_record",
    metadata,
    Column(
        "record_id",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        comment="began_at in microseconds, raised where two sessions began at the same one: unique and ordered",
    ),
    Column("session_id", String(64), nullable=False, comment="the gateway's own name of the session"),
    Column("msisdn", String(40), nullable=False, comment="keyed tag of the number, never the number itself"),
    Column("code", String(182), nullable=False, comment="entry of the code table, or other"),
    Column("dialled", String(182), nullable=False, comment="what was dialled, where it cannot be a number"),
    Column("trail", Text, nullable=False, comment="operations in order, JSON list"),
    Column("outcome", String(20), nullable=False, comment="how the session ended"),
    Column("latency_ms", Integer, nullable=False, comment="dial to first answer, milliseconds"),
    Column("duration_ms", Integer, nullable=False, comment="dial to end, milliseconds"),
    Column("octets", Integer, nullable=False, comment="octets sent to the subscriber, packed"),
    comment="One row for every USSD session that began (call detail record).",
)

campaign = Table(
    "campaign",
    metadata,
    Column("campaign_id", String(64), primary_key=True, comment="the caller's id: queued once, however often asked"),
    Column("figures", String(64), nullable=False, comment="hash of texts and audience: others are a conflict"),
    Column("cursor", BigInteger, nullable=False, comment="highest subscription id already looked at"),
    Column("queued", BigInteger, nullable=False, comment="adverts queued so far"),
    Column("done", Integer, nullable=False, comment="1: everybody was looked at"),
    Column("created_at", BigInteger, nullable=False, comment="business instant, microseconds UTC"),
    CheckConstraint("done IN (0, 1)", name="ck_campaign_done"),
    comment="Advert campaigns, with how far their queueing came.",
)
