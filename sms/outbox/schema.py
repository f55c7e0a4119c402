"""Tables of the outbox. Instants are microseconds since 1970 UTC: business ones say so, the rest are the wall's.

`seq` is the order of committing and the physical order of rows: messages that are queued together are claimed,
answered and receipted together, and then share pages. Partial indexes hold only rows that wait for something, so
that claiming reads the front of one index however long the queue is.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from sms.outbox.model import OutboxState, ServiceClass

metadata = MetaData()

_BIG = BigInteger().with_variant(Integer, "sqlite")
_STATES = ", ".join(f"'{state}'" for state in OutboxState)
_CLASSES = ", ".join(f"'{one}'" for one in ServiceClass)

READY_SQL = "state = 'queued' AND parked = 0"
OPEN_SQL = "state IN ('claimed', 'written', 'held', 'unknown')"
HELD_SQL = "state = 'held'"
UNKNOWN_SQL = "state = 'unknown'"
AWAITED_SQL = "state IN ('accepted', 'enroute') AND retry_at IS NOT NULL"
DEAD_SQL = "state = 'dead'"
PARKED_SQL = "parked = 1"
UNMATCHED_SQL = "seq IS NULL"
"""Conditions of partial indexes. SQLite uses one only where a query repeats its condition word by word."""


def _partial(name: str, condition: str, *columns: str) -> Index:
    return Index(name, *columns, sqlite_where=text(condition), postgresql_where=text(condition))


message = Table(
    "sms_message",
    metadata,
    Column("seq", _BIG, primary_key=True, comment="order of committing, given by the database"),
    Column("message_id", Text, nullable=False, comment="dedupe key, e.g. accrued:ozon:o-1"),
    Column("subscription_id", BigInteger, nullable=False, comment="whose message; 0 for a number without one"),
    Column("msisdn", Text, nullable=False, comment="destination, digits; empty once erased"),
    Column("kind", Text, nullable=False, comment="which text, in the words of the API"),
    Column("params", Text, nullable=False, comment="JSON object the text is made from"),
    Column("service_class", Text, nullable=False, comment="service or advert: its policy"),
    Column("priority", SmallInteger, nullable=False, comment="lower goes first"),
    Column("state", Text, nullable=False, comment="see the transition table in sms/outbox/model.py"),
    Column("reason", Text, comment="why it is dead, or unknown for ever"),
    Column("language", Text, comment="of the frozen text"),
    Column("text", Text, comment="as sent; frozen when first claimed"),
    Column("coding", Text, comment="gsm7 or ucs2"),
    Column("segments", SmallInteger, nullable=False, server_default=text("0"), comment="0 until the text is frozen"),
    Column("created_at", BigInteger, nullable=False, comment="business instant"),
    Column("not_before", BigInteger, nullable=False, comment="business instant: not earlier"),
    Column("expires_at", BigInteger, comment="business instant: not from then on; NULL never expires"),
    Column("time_zone", Text, comment="zone whose quiet hours hold it; NULL goes at any hour"),
    Column(
        "retry_at",
        BigInteger,
        comment="held: next attempt; unknown: end of the grace; accepted, enroute: its SMSC is asked; else NULL",
    ),
    Column(
        "parked", SmallInteger, nullable=False, server_default=text("0"), comment="1: waits behind its destination"
    ),
    Column("attempts", Integer, nullable=False, server_default=text("0"), comment="submissions so far"),
    Column("failures", Integer, nullable=False, server_default=text("0"), comment="attempts used up"),
    Column(
        "resends", Integer, nullable=False, server_default=text("0"), comment="sent again after an unknown outcome"
    ),
    Column(
        "questions",
        SmallInteger,
        nullable=False,
        server_default=text("0"),
        comment="times its SMSC was asked about it",
    ),
    Column("lease_owner", Text, comment="which sender has it in flight, for as long as that one lives"),
    UniqueConstraint("message_id", name="uq_sms_message_message_id"),
    CheckConstraint(f"state IN ({_STATES})", name="ck_sms_message_state"),
    CheckConstraint(f"service_class IN ({_CLASSES})", name="ck_sms_message_service_class"),
    CheckConstraint("parked IN (0, 1)", name="ck_sms_message_parked"),
    CheckConstraint("state <> 'dead' OR reason IS NOT NULL", name="ck_sms_message_dead_has_reason"),
    CheckConstraint("reason IS NULL OR state IN ('dead', 'unknown')", name="ck_sms_message_reason_of_an_end"),
    CheckConstraint(
        "(lease_owner IS NOT NULL) = (state IN ('claimed', 'written'))", name="ck_sms_message_lease_in_flight"
    ),
    CheckConstraint("state <> 'held' OR retry_at IS NOT NULL", name="ck_sms_message_held_until"),
    CheckConstraint("(segments = 0) = (text IS NULL)", name="ck_sms_message_frozen_whole"),
    Index("ix_sms_message_subscription", "subscription_id", "seq"),
    _partial("ix_sms_message_ready", READY_SQL, "priority", "not_before", "seq", "kind"),
    _partial("ix_sms_message_open", OPEN_SQL, "msisdn"),
    _partial("ix_sms_message_held", HELD_SQL, "retry_at"),
    _partial("ix_sms_message_awaited", AWAITED_SQL, "retry_at"),
    _partial("ix_sms_message_unknown", UNKNOWN_SQL, "retry_at"),
    _partial("ix_sms_message_dead", DEAD_SQL, "seq"),
    _partial("ix_sms_message_parked", PARKED_SQL, "msisdn", "priority", "not_before", "seq"),
    comment="One row for every message ever queued.",
)

sender = Table(
    "sms_sender",
    metadata,
    Column("owner", Text, primary_key=True, comment="name of a process that sends, new at each start"),
    Column("alive_until", BigInteger, nullable=False, comment="end of its lease, by the database's clock"),
    Column("lines_up", SmallInteger, nullable=False, comment="how many links it could send on, when last heard of"),
    comment="One row for every process that sends; without one, or past its end, what it has in flight is lost.",
)

paused_link = Table(
    "sms_paused_link",
    metadata,
    Column("name", Text, primary_key=True, comment="name of a link, the same in all processes"),
    Column("paused_at", BigInteger, nullable=False),
    comment="Links on which the operator lets no message go; without a row a link sends.",
)

segment = Table(
    "sms_segment",
    metadata,
    Column("seq", _BIG, ForeignKey("sms_message.seq"), primary_key=True, autoincrement=False),
    Column("segment_no", SmallInteger, primary_key=True, autoincrement=False, comment="1 to segments"),
    Column("state", Text, nullable=False, comment="as of a message; queued: is to be sent (again)"),
    CheckConstraint(f"state IN ({_STATES})", name="ck_sms_segment_state"),
    comment="One row for every segment of a message that has more than one; a single segment is its message.",
    sqlite_with_rowid=False,
)

attempt = Table(
    "sms_attempt",
    metadata,
    Column("seq", _BIG, ForeignKey("sms_message.seq"), primary_key=True, autoincrement=False),
    Column("segment_no", SmallInteger, primary_key=True, autoincrement=False),
    Column("attempt_no", Integer, primary_key=True, autoincrement=False, comment="1 for the first submission"),
    Column("link", Text, nullable=False, comment="name of the link"),
    Column("session_id", Text, nullable=False, comment="which bind of the link"),
    Column("umr", Integer, nullable=False, comment="user_message_reference sent along"),
    Column("written_at", BigInteger, nullable=False, comment="committed before the octets were written"),
    Column("sequence_no", BigInteger, comment="sequence_number of the submit_sm"),
    Column("status", Text, comment="of the answer; NULL while waiting; UNKNOWN, NEVER_WRITTEN"),
    Column("smsc_id", Text, comment="message_id exactly as the SMSC gave it"),
    Column("smsc_key", Text, comment="the same without case and leading zeros, for receipts"),
    Column("responded_at", BigInteger),
    _partial("ix_sms_attempt_smsc_key", "smsc_key IS NOT NULL", "smsc_key"),
    comment="One row for every submit_sm, committed before it is written to the socket.",
    sqlite_with_rowid=False,
)

receipt = Table(
    "sms_receipt",
    metadata,
    Column("receipt_id", _BIG, primary_key=True),
    Column("link", Text, nullable=False, comment="where it came in"),
    Column("smsc_id", Text, nullable=False, comment="exactly as the receipt says"),
    Column("smsc_key", Text, nullable=False, comment="the same without case and leading zeros"),
    Column("state", Text, nullable=False, comment="what it says, as a step of the transition table"),
    Column("error", Text, comment="error code as given"),
    Column("done_date", Text, nullable=False, comment="as given, ISO 8601; empty without one"),
    Column("source", Text, nullable=False, comment="number it is about, digits; empty once erased"),
    Column("umr", Integer, comment="user_message_reference, if it came along"),
    Column("received_at", BigInteger, nullable=False),
    Column("seq", _BIG, ForeignKey("sms_message.seq"), comment="whose receipt; NULL while unmatched"),
    Column("segment_no", SmallInteger),
    UniqueConstraint("link", "smsc_id", "state", "done_date", name="uq_sms_receipt"),
    _partial("ix_sms_receipt_seq", "seq IS NOT NULL", "seq"),
    _partial("ix_sms_receipt_unmatched_key", UNMATCHED_SQL, "smsc_key"),
    _partial("ix_sms_receipt_unmatched_source", UNMATCHED_SQL, "source"),
    _partial("ix_sms_receipt_unmatched_age", UNMATCHED_SQL, "received_at"),
    comment="Delivery receipts; one that comes before its submit_sm_resp waits here unmatched.",
)

inbox = Table(
    "sms_inbox",
    metadata,
    Column("inbox_id", _BIG, primary_key=True),
    Column("link", Text, nullable=False),
    Column("source", Text, nullable=False, comment="who sent it, digits; empty once erased"),
    Column("destination", Text, nullable=False, comment="the programme's number"),
    Column("text", Text, nullable=False),
    Column("text_hash", String(64), nullable=False, comment="SHA-256 of the octets as received"),
    Column("sm_ref", Integer, nullable=False, comment="user_message_reference; -1 without one"),
    Column("minute", BigInteger, nullable=False, comment="of the wall clock, since 1970"),
    Column("received_at", BigInteger, nullable=False),
    Column("missing", SmallInteger, nullable=False, server_default=text("0"), comment="segments that never came"),
    UniqueConstraint("link", "source", "destination", "text_hash", "sm_ref", "minute", name="uq_sms_inbox"),
    Index("ix_sms_inbox_source", "source"),
    comment="Messages from subscribers; sent again by the SMSC, they are one row.",
)

inbox_part = Table(
    "sms_inbox_part",
    metadata,
    Column("source", Text, primary_key=True, comment="who sends it, digits"),
    Column("destination", Text, primary_key=True, comment="the programme's number"),
    Column("reference", Integer, primary_key=True, autoincrement=False, comment="what the phone calls the message"),
    Column("kind", Text, primary_key=True, comment="where the reference stands: udh8, udh16, sar"),
    Column("total", SmallInteger, primary_key=True, autoincrement=False, comment="segments of the message"),
    Column("number", SmallInteger, primary_key=True, autoincrement=False, comment="1 to total"),
    Column("link", Text, nullable=False, comment="where it came in"),
    Column("user_data", LargeBinary, nullable=False, comment="octets as received"),
    Column("udhi", SmallInteger, nullable=False, comment="1: they begin with a header"),
    Column("data_coding", SmallInteger, nullable=False, comment="how they are read on that link"),
    Column("received_at", BigInteger, nullable=False),
    Column("is_whole", SmallInteger, nullable=False, server_default=text("0"), comment="1: kept to know copies by"),
    CheckConstraint("number BETWEEN 1 AND total", name="ck_sms_inbox_part_number"),
    CheckConstraint("kind IN ('udh8', 'udh16', 'sar')", name="ck_sms_inbox_part_kind"),
    CheckConstraint("udhi IN (0, 1) AND is_whole IN (0, 1)", name="ck_sms_inbox_part_flags"),
    Index("ix_sms_inbox_part_received", "received_at"),
    comment="Segments of long messages from subscribers, until the message is whole or its time is over.",
    sqlite_with_rowid=False,
)
