"""Answers to submit_sm, stored many at a time; receipts that came before their answer find their message here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from sms.outbox.bulk import among, as_json, run_many, update_many
from sms.outbox.claim import let_next_go
from sms.outbox.model import OutboxState, whole_state
from sms.outbox.receipts import STILL_AWAITED, match_waiting
from sms.outbox.schema import attempt, message, segment
from sms.outbox.settle import SEGMENT_STATES, SegmentOutcome, Verdict
from sms.outbox.smsc_ids import key_of
from sms.outbox.turns import take_turn

_ANSWERED = update_many(
    attempt,
    ["seq", "segment_no", "attempt_no"],
    ["sequence_no", "status", "smsc_id", "smsc_key", "responded_at"],
)
_SEGMENTS = update_many(segment, ["seq", "segment_no"], ["state"])
# A receipt may have decided already, or another process may have taken us for dead: the answer still counts unless
# something final stands, or the message is on its way again in an attempt of its own.
_SETTLED = update_many(
    message,
    ["seq", "attempts"],
    ["state", "reason", "retry_at", "failures"],
    message.c.state.in_((OutboxState.CLAIMED, OutboxState.WRITTEN, OutboxState.UNKNOWN)),
    lease_owner=None,
)
_LATEST = select(message.c.seq, message.c.attempts).where(among(message.c.seq))
_SEGMENT_STATES = (
    select(segment.c.seq, segment.c.state).where(among(segment.c.seq)).order_by(segment.c.seq, segment.c.segment_no)
)


@dataclass(slots=True, kw_only=True)
class Settled:
    """A message none of whose segments is in flight any more (not frozen: there is one for every message)."""

    seq: int
    msisdn: str
    segments: int
    outcomes: Sequence[SegmentOutcome]
    verdict: Verdict


def record_responses(connection: Connection, settled: Sequence[Settled]) -> int:
    """Store what became of messages in flight and let go what waited behind them.

    Answers how many receipts had come before their answer and now found their message.
    """
    take_turn(connection)
    smsc_ids: list[str] = []
    attempts: list[tuple[int | str | None, ...]] = []
    for one in settled:
        for outcome in one.outcomes:
            key = None
            if outcome.smsc_id is not None:
                key = key_of(outcome.smsc_id)
                smsc_ids.append(outcome.smsc_id)
            attempts.append(
                (
                    one.seq,
                    outcome.segment_no,
                    outcome.attempt_no,
                    outcome.sequence_no,
                    outcome.status,
                    outcome.smsc_id,
                    key,
                    outcome.responded_at,
                )
            )
    run_many(connection, _ANSWERED, attempts)
    whole = _record_segments(connection, settled)
    run_many(
        connection,
        _SETTLED,
        [
            (
                one.seq,
                one.outcomes[0].attempt_no,
                whole.get(one.seq, one.verdict.state).value,
                one.verdict.reason,
                _waits_until(one, whole),
                one.verdict.failures,
            )
            for one in settled
        ],
    )
    destinations = [one.msisdn for one in settled]
    let_next_go(connection, destinations)
    return match_waiting(connection, smsc_ids, destinations)


def _waits_until(one: Settled, whole: Mapping[int, OutboxState]) -> int | None:
    """What was accepted is asked about when its receipts stay away; not what receipts have ended already."""
    if one.verdict.state is OutboxState.ACCEPTED and whole.get(one.seq, OutboxState.ACCEPTED) not in STILL_AWAITED:
        return None
    return one.verdict.retry_at


def _record_segments(connection: Connection, settled: Sequence[Settled]) -> dict[int, OutboxState]:
    """Store the segments of longer messages; the state of those whose last segment was accepted now.

    Segments of a message that is on its way again are left to that attempt.
    """
    longer = [one for one in settled if one.segments > 1]
    if not longer:
        return {}
    found = connection.execute(_LATEST, {"rows": as_json([one.seq for one in longer])})
    latest: dict[int, int] = {row.seq: row.attempts for row in found}
    several = [one for one in longer if latest[one.seq] == one.outcomes[0].attempt_no]
    run_many(
        connection,
        _SEGMENTS,
        [
            (one.seq, outcome.segment_no, SEGMENT_STATES[outcome.answer].value)
            for one in several
            for outcome in one.outcomes
        ],
    )
    complete = [one.seq for one in several if one.verdict.state is OutboxState.ACCEPTED]
    states: dict[int, list[OutboxState]] = {}
    for seq, state in connection.execute(_SEGMENT_STATES, {"rows": as_json(complete)}):
        states.setdefault(seq, []).append(OutboxState(state))
    return {seq: whole_state(found) for seq, found in states.items()}
