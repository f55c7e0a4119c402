"""Messages an SMSC took and never told of again: when to ask it (query_sm), and when nobody will ever know."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, text, update

from sms.outbox.bulk import among, as_json, run_many, update_many
from sms.outbox.instants import micros_of, to_micros
from sms.outbox.model import DeathReason, OutboxState, Step, next_state
from sms.outbox.schema import AWAITED_SQL, attempt, message, segment
from sms.outbox.turns import take_turn

ASK_AGAIN_SECONDS = 600.0
"""After the first question without an answer, doubled with each; and while its link is down."""
QUESTIONS_EACH_MAX = 10
"""Times an SMSC is asked about one message: a week of errors, or a month of being on its way. Then nobody knows."""
QUESTIONS_MAX = 10
"""Messages asked about in one look."""

_DUE = (
    select(message.c.seq, message.c.msisdn, message.c.segments, message.c.questions)
    .where(text(AWAITED_SQL), message.c.retry_at <= bindparam("now"))
    .order_by(message.c.retry_at)
    .limit(QUESTIONS_MAX)
)
_NAMED = (
    select(attempt.c.seq, attempt.c.segment_no, attempt.c.link, attempt.c.smsc_id)
    .where(among(attempt.c.seq), attempt.c.smsc_id.is_not(None))
    .order_by(attempt.c.seq, attempt.c.segment_no, attempt.c.attempt_no)
)
_OPEN_SEGMENTS = select(segment.c.seq, segment.c.segment_no).where(
    among(segment.c.seq), segment.c.state.in_((OutboxState.ACCEPTED, OutboxState.ENROUTE))
)
_ASK_LATER = update_many(message, ["seq"], ["questions", "retry_at"])
_GIVE_UP = (
    update(message)
    .where(text(AWAITED_SQL), among(message.c.seq))
    .values(state=next_state(OutboxState.ACCEPTED, Step.LOST), reason=DeathReason.NO_RECEIPT.value, retry_at=None)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A segment to ask its SMSC about."""

    seq: int
    link: str
    smsc_id: str
    msisdn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Whom one may ask: `now` are up, `later` will be; any other never answers."""

    now: Collection[str]
    later: Collection[str]


def due_questions(connection: Connection, links: Links, now_wall: datetime) -> Sequence[Question]:
    """What to ask now; whose SMSC cannot be asked, or was asked often enough, becomes unknown: NO_RECEIPT."""
    take_turn(connection)
    now = to_micros(now_wall)
    rows = connection.execute(_DUE, {"now": now}).all()
    if not rows:
        return []
    seqs = as_json([row.seq for row in rows])
    ids = {(one.seq, one.segment_no): one for one in connection.execute(_NAMED, {"rows": seqs})}
    still_open = {(one.seq, one.segment_no) for one in connection.execute(_OPEN_SEGMENTS, {"rows": seqs})}
    questions: list[Question] = []
    hopeless: list[int] = []
    later: list[tuple[int, int, int]] = []
    for row in rows:
        named = [
            one
            for (seq, segment_no), one in ids.items()
            if seq == row.seq and (row.segments == 1 or (seq, segment_no) in still_open)
        ]
        asked = [
            Question(seq=row.seq, link=one.link, smsc_id=one.smsc_id, msisdn=row.msisdn)
            for one in named
            if one.link in links.now
        ]
        if row.questions >= QUESTIONS_EACH_MAX or not (asked or any(one.link in links.later for one in named)):
            hopeless.append(row.seq)
            continue
        questions += asked
        wait_s = ASK_AGAIN_SECONDS * 2**row.questions if asked else ASK_AGAIN_SECONDS
        later.append((row.seq, row.questions + bool(asked), now + micros_of(wait_s)))
    run_many(connection, _ASK_LATER, later)
    give_up(connection, hopeless)
    return questions


def give_up(connection: Connection, seqs: Iterable[int]) -> None:
    """Nobody will ever tell what became of these; a receipt that comes all the same still does."""
    chosen = list(seqs)
    if chosen:
        take_turn(connection)
        connection.execute(_GIVE_UP, {"rows": as_json(chosen)})
