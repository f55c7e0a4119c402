"""Delivery receipts: any number of times, in any order, before or after the answer to their submit_sm.

A receipt is matched by the SMSC's message id and the number it is about. While a message to that number has no
stored answer, a receipt that fits nothing else waits: the answer may name its id. Only then is its id read in another
form, as some SMSCs write it. A message whose answer was lost is recognised by its user_message_reference and then
needs no second copy.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select, text

from sms.outbox.attempts import reference_of
from sms.outbox.bulk import among, as_json, insert_many, run_many, update_many
from sms.outbox.instants import MICROS_PER_SECOND, micros_of, to_micros
from sms.outbox.model import AT_THE_SMSC, FINAL_STATES, OutboxState, Step, next_state, whole_state
from sms.outbox.schema import OPEN_SQL, UNMATCHED_SQL, attempt, message, receipt, segment
from sms.outbox.smsc_ids import key_of, other_forms
from sms.outbox.turns import take_turn

RECEIPT_WAIT_SECONDS = 259_200.0 + 3_600.0
"""How long an SMSC may say nothing after it took a message, or told that it is on its way, before it is asked."""
STILL_AWAITED = (OutboxState.ACCEPTED, OutboxState.ENROUTE)
NUMBER_DIGITS_COMPARED = 9
"""Networks write a number with or without its prefix; this many last digits tell numbers apart."""


@dataclass(slots=True, kw_only=True)
class NewReceipt:
    """A receipt as it came in (not frozen: there is one for nearly every message).

    `source` is the number it is about, digits. `step` is what it says.
    """

    link: str
    smsc_id: str
    step: Step
    source: str
    done_date: str = ""
    error: str | None = None
    umr: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptCounts:
    """What became of a batch of receipts; `delivery_seconds` has (link, written to delivered) of those delivered."""

    matched: int
    duplicates: int
    waiting: int
    delivery_seconds: Sequence[tuple[str, float]]


class _Found(NamedTuple):
    """A segment at the SMSC that a receipt may be about."""

    smsc_key: str
    link: str
    seq: int
    segment_no: int
    attempt_no: int
    written_at: int
    msisdn: str
    state: str
    segments: int


_INSERT = insert_many(
    receipt,
    [
        "link",
        "smsc_id",
        "smsc_key",
        "state",
        "error",
        "done_date",
        "source",
        "umr",
        "received_at",
        "seq",
        "segment_no",
    ],
)
_FOUND_COLUMNS = (
    attempt.c.smsc_key,
    attempt.c.link,
    attempt.c.seq,
    attempt.c.segment_no,
    attempt.c.attempt_no,
    attempt.c.written_at,
    message.c.msisdn,
    message.c.state,
    message.c.segments,
)
_BY_KEY = (
    select(*_FOUND_COLUMNS)
    .join_from(attempt, message, attempt.c.seq == message.c.seq)
    .where(among(attempt.c.smsc_key))
    .order_by(attempt.c.seq)
)
_IN_DOUBT = (
    select(*_FOUND_COLUMNS)
    .join_from(message, attempt, (attempt.c.seq == message.c.seq) & (attempt.c.attempt_no == message.c.attempts))
    .where(
        text(OPEN_SQL.replace("state", "sms_message.state")),
        message.c.state == OutboxState.UNKNOWN,
        message.c.segments == 1,
        among(message.c.msisdn),
    )
)
_WAITING_COLUMNS = (
    receipt.c.receipt_id,
    receipt.c.link,
    receipt.c.smsc_id,
    receipt.c.state,
    receipt.c.source,
    receipt.c.umr,
    receipt.c.received_at,
)
_WAITING_BY_KEY = select(*_WAITING_COLUMNS).where(text(UNMATCHED_SQL), among(receipt.c.smsc_key))
_WAITING_BY_NUMBER = select(*_WAITING_COLUMNS).where(text(UNMATCHED_SQL), among(receipt.c.source))
_UNANSWERED = select(message.c.msisdn).where(
    text(OPEN_SQL), message.c.state != OutboxState.HELD, among(message.c.msisdn)
)
_ADOPT = update_many(receipt, ["receipt_id"], ["seq", "segment_no"])
_NAME_ATTEMPT = update_many(attempt, ["seq", "segment_no", "attempt_no"], ["smsc_id", "smsc_key"])
_MESSAGES = update_many(
    message,
    ["seq"],
    ["state", "retry_at"],
    message.c.state.in_(AT_THE_SMSC),
    reason=None,
    lease_owner=None,
)
_SEGMENTS = update_many(segment, ["seq", "segment_no"], ["state"])
_SEGMENT_STATES = select(segment.c.seq, segment.c.segment_no, segment.c.state).where(among(segment.c.seq))


def digits_of(address: str) -> str:
    """The number in an address, without "+" or the international prefix 00."""
    return "".join(char for char in address if "0" <= char <= "9").removeprefix("00")


def record_receipts(connection: Connection, receipts: Sequence[NewReceipt], now_wall: datetime) -> ReceiptCounts:
    """Store receipts and what they say of their messages; known ones change nothing."""
    if receipts:
        take_turn(connection)
    received_at = to_micros(now_wall)
    matches = _match(connection, receipts)
    inserted = run_many(
        connection,
        _INSERT,
        [
            (
                one.link,
                one.smsc_id,
                key_of(one.smsc_id),
                one.step.value,
                one.error,
                one.done_date,
                one.source,
                one.umr,
                received_at,
                found and found.seq,
                found and found.segment_no,
            )
            for one, found in zip(receipts, matches, strict=True)
        ],
    )
    pairs = [(found, one.step) for one, found in zip(receipts, matches, strict=True) if found is not None]
    delivered = _apply(connection, pairs, received_at)
    return ReceiptCounts(
        matched=len(pairs),
        duplicates=len(receipts) - inserted,
        waiting=len(receipts) - len(pairs),
        delivery_seconds=[(found.link, (received_at - found.written_at) / MICROS_PER_SECOND) for found in delivered],
    )


def match_waiting(connection: Connection, smsc_ids: Iterable[str], msisdns: Iterable[str]) -> int:
    """Messages to these numbers have got these ids, or fell in doubt: receipts that waited for that find them.

    Answers how many did.
    """
    keys = [key_of(smsc_id) for smsc_id in smsc_ids]
    waiting: dict[int, Row[Any]] = {}
    for statement, wanted in ((_WAITING_BY_KEY, keys), (_WAITING_BY_NUMBER, list(msisdns))):
        waiting |= {row.receipt_id: row for row in connection.execute(statement, {"rows": as_json(wanted)})}
    if not waiting:
        return 0
    rows = [waiting[receipt_id] for receipt_id in sorted(waiting)]
    receipts = [
        NewReceipt(link=row.link, smsc_id=row.smsc_id, step=Step(row.state), source=row.source, umr=row.umr)
        for row in rows
    ]
    matches = _match(connection, receipts)
    pairs = [(found, one.step) for one, found in zip(receipts, matches, strict=True) if found is not None]
    run_many(
        connection,
        _ADOPT,
        [
            (row.receipt_id, found.seq, found.segment_no)
            for row, found in zip(rows, matches, strict=True)
            if found is not None
        ],
    )
    _apply(connection, pairs, max(row.received_at for row in rows))
    return len(pairs)


def _match(connection: Connection, receipts: Sequence[NewReceipt]) -> list[_Found | None]:
    """The segment each receipt is about; None lets it wait."""
    keys = [key_of(one.smsc_id) for one in receipts]
    by_key = _found_by(connection, set(keys))
    exact = [_best(by_key.get(key, ()), one, is_exact=True) for key, one in zip(keys, receipts, strict=True)]
    unsure = [at for at, found in enumerate(exact) if found is None or found.state in FINAL_STATES]
    if unsure:
        in_doubt = _in_doubt(connection, [receipts[at] for at in unsure])
        unanswered = _unanswered(connection, [receipts[at].source for at in unsure])
        forms = {at: other_forms(keys[at]) for at in unsure if exact[at] is None}
        by_form = _found_by(connection, {form for some in forms.values() for form in some})
        for at in unsure:
            one, named = receipts[at], in_doubt.get((receipts[at].source, receipts[at].umr))
            if named is not None:
                exact[at] = named
            elif one.source in unanswered:
                exact[at] = None
            elif exact[at] is None:
                candidates = [found for form in forms[at] for found in by_form.get(form, ())]
                exact[at] = _best(candidates, one, is_exact=False)
    return exact


def _found_by(connection: Connection, keys: set[str]) -> dict[str, list[_Found]]:
    found_by: dict[str, list[_Found]] = {}
    if keys:
        for row in connection.execute(_BY_KEY, {"rows": as_json(list(keys))}):
            found_by.setdefault(row[0], []).append(_Found._make(row))
    return found_by


def _best(candidates: Iterable[_Found], one: NewReceipt, *, is_exact: bool) -> _Found | None:
    """The latest fitting candidate, one that is not finished before one that is.

    It fits by its number; a receipt that names no number is believed on its own link.
    """
    best: _Found | None = None
    for found in candidates:
        if one.source:
            fits = found.msisdn[-NUMBER_DIGITS_COMPARED:] == one.source[-NUMBER_DIGITS_COMPARED:]
        else:
            fits = is_exact and found.link == one.link
        if fits and (best is None or found.state not in FINAL_STATES or best.state in FINAL_STATES):
            best = found
    return best


def _in_doubt(connection: Connection, receipts: Sequence[NewReceipt]) -> dict[tuple[str, int | None], _Found]:
    """Messages whose answer was lost, by number and reference, that these receipts are about; they learn their id."""
    named: dict[tuple[str, int | None], NewReceipt] = {
        (one.source, one.umr): one for one in receipts if one.umr is not None
    }
    if not named:
        return {}
    numbers = as_json(list({number for number, _ in named}))
    found_by: dict[tuple[str, int | None], _Found] = {}
    for row in connection.execute(_IN_DOUBT, {"rows": numbers}):
        found = _Found._make(row)
        if (found.msisdn, reference_of(found.seq)) in named:
            found_by[found.msisdn, reference_of(found.seq)] = found
    ids = [(found, named[key].smsc_id) for key, found in found_by.items()]
    run_many(
        connection,
        _NAME_ATTEMPT,
        [(found.seq, found.segment_no, found.attempt_no, smsc_id, key_of(smsc_id)) for found, smsc_id in ids],
    )
    return found_by


def _unanswered(connection: Connection, numbers: Sequence[str]) -> set[str]:
    """Those numbers to which a message was written whose answer is not stored."""
    return set(connection.execute(_UNANSWERED, {"rows": as_json(numbers)}).scalars())


def _apply(connection: Connection, pairs: Sequence[tuple[_Found, Step]], now: int) -> list[_Found]:
    """Move messages as their receipts say, in order; answers those that are delivered now."""
    again = now + micros_of(RECEIPT_WAIT_SECONDS)
    states: dict[int, OutboxState] = {}
    changed: dict[int, OutboxState] = {}
    delivered: list[_Found] = []
    several: list[tuple[_Found, Step]] = []
    for found, step in pairs:
        if found.segments > 1:
            several.append((found, step))
            continue
        before = states.get(found.seq) or OutboxState(found.state)
        after = next_state(before, step)
        if after is not before or after is OutboxState.ENROUTE:
            states[found.seq] = changed[found.seq] = after
            if after is OutboxState.DELIVERED:
                delivered.append(found)
    changed |= _apply_to_segments(connection, several)
    rows = [(seq, state.value, again if state in STILL_AWAITED else None) for seq, state in changed.items()]
    run_many(connection, _MESSAGES, rows)
    return delivered


def _apply_to_segments(connection: Connection, pairs: Sequence[tuple[_Found, Step]]) -> dict[int, OutboxState]:
    """The same for segments of longer messages; answers the states of those messages that the SMSC has whole."""
    if not pairs:
        return {}
    states: dict[int, dict[int, OutboxState]] = {}
    seqs = as_json(list({found.seq for found, _ in pairs}))
    for seq, segment_no, state in connection.execute(_SEGMENT_STATES, {"rows": seqs}):
        states.setdefault(seq, {})[segment_no] = OutboxState(state)
    whole: dict[int, OutboxState] = {}
    for found, step in pairs:
        of_message = states[found.seq]
        of_message[found.segment_no] = next_state(of_message[found.segment_no], step)
        if found.state in (OutboxState.ACCEPTED, OutboxState.ENROUTE):
            whole[found.seq] = whole_state([of_message[no] for no in sorted(of_message)])
    run_many(
        connection,
        _SEGMENTS,
        [(found.seq, found.segment_no, states[found.seq][found.segment_no].value) for found, _ in pairs],
    )
    return whole
