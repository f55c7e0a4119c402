"""Messages from subscribers: stored once, however often the SMSC sends them."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from sms.outbox.bulk import COUNTED
from sms.outbox.instants import MICROS_PER_SECOND, to_micros
from sms.outbox.schema import inbox

NO_REFERENCE = -1
SECONDS_PER_MINUTE = 60
NUL_SHOWN = "\N{SYMBOL FOR NULL}"
"""What a NUL in a text is kept as: PostgreSQL stores none, and the SMSC would send the message for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MobileOriginated:
    """A message a subscriber sent to the programme; `payload` are the octets as received, for telling copies.

    `missing` says how many segments of a long one never came.
    """

    link: str
    source: str
    destination: str
    text: str
    payload: bytes
    umr: int | None
    received_at: datetime
    missing: int = 0


def record_mo(connection: Connection, mo: MobileOriginated) -> bool:
    """Store a message from a subscriber; False if the same came in the same minute, which is a copy."""
    received_at = to_micros(mo.received_at)
    statement = (
        insert(inbox)
        .values(
            link=mo.link,
            source=mo.source,
            destination=mo.destination,
            text=mo.text.replace("\0", NUL_SHOWN),
            text_hash=hashlib.sha256(mo.payload).hexdigest(),
            sm_ref=NO_REFERENCE if mo.umr is None else mo.umr,
            minute=received_at // (SECONDS_PER_MINUTE * MICROS_PER_SECOND),
            received_at=received_at,
            missing=mo.missing,
        )
        .on_conflict_do_nothing()
    )
    return connection.execute(statement, execution_options=COUNTED).rowcount > 0
