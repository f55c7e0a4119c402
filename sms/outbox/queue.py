"""Into the queue, in the caller's transaction: a notice is committed together with the money it tells of."""

from collections.abc import Iterable

from sqlalchemy import Connection

from sms.outbox.bulk import insert_many, run_many
from sms.outbox.errors import MessageMalformed
from sms.outbox.instants import to_micros
from sms.outbox.model import NewMessage, OutboxState
from sms.outbox.schema import message

ENQUEUE_COLUMNS = (
    "message_id",
    "subscription_id",
    "msisdn",
    "kind",
    "params",
    "service_class",
    "priority",
    "created_at",
    "not_before",
    "expires_at",
    "time_zone",
    "state",
)
"""The order of the fields of a row given to `enqueue_rows`; `state` is always queued."""

MESSAGE_ID_CHARS_MAX = 200
PARAMS_CHARS_MAX = 4_000
MSISDN_DIGITS_MAX = 15

EnqueueRow = tuple[str, int, str, str, str, str, int, int, int, int | None, str | None, str]

_ENQUEUE = insert_many(message, ENQUEUE_COLUMNS)


def enqueue(connection: Connection, messages: Iterable[NewMessage]) -> int:
    """Queue messages; how many were new. A known `message_id` changes nothing.

    Raises:
        MessageMalformed: a number, an id or parameters that no table or wire can carry.
    """
    return enqueue_rows(connection, [enqueue_row(one) for one in messages])


def enqueue_rows(connection: Connection, rows: Iterable[EnqueueRow]) -> int:
    """The same for rows in the order of ENQUEUE_COLUMNS, instants in microseconds: for the bulk of a month."""
    return run_many(connection, _ENQUEUE, rows)


def enqueue_row(one: NewMessage) -> EnqueueRow:
    """The row of a message.

    Raises:
        MessageMalformed: see `enqueue`.
    """
    if not (one.msisdn.isascii() and one.msisdn.isdigit() and len(one.msisdn) <= MSISDN_DIGITS_MAX):
        raise MessageMalformed(f"the msisdn of a message is 1 to {MSISDN_DIGITS_MAX} digits")
    if not 0 < len(one.message_id) <= MESSAGE_ID_CHARS_MAX:
        raise MessageMalformed(f"a message_id has 1 to {MESSAGE_ID_CHARS_MAX} characters")
    if len(one.params) > PARAMS_CHARS_MAX:
        raise MessageMalformed(f"the params of a message have at most {PARAMS_CHARS_MAX} characters")
    return (
        one.message_id,
        one.subscription_id,
        one.msisdn,
        one.kind,
        one.params,
        one.service_class.value,
        int(one.priority),
        to_micros(one.created_at),
        to_micros(one.not_before),
        None if one.expires_at is None else to_micros(one.expires_at),
        one.time_zone,
        OutboxState.QUEUED.value,
    )
