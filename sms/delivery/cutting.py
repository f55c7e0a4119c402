"""Which link takes a message, and into which segments its text is cut for that link.

A message some of whose segments an SMSC has goes on over a link that cuts it the same way; where there is none it
goes whole again, under another reference, so that a phone never joins pieces of two cuts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import Connection
from twisted.logger import Logger

from sms.outbox.attempts import unsent_segments
from sms.outbox.cuts import Cut, cut_anew, known_cuts, last_references
from sms.outbox.model import Claimed, Rendered
from sms.text import Carriage, Segment, UnicodeMode, prepared, segments_for

TEXTS_KEPT = 4_096

_log = Logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What earlier attempts left of the messages of a batch, by seq: how they were cut, which segments to send."""

    cuts: dict[int, Cut]
    unsent: dict[int, list[int]]


@dataclass(slots=True, kw_only=True)
class Ready:
    """A message cut for the link that takes it; `goes_on` is the earlier cut that these segments belong to."""

    message: Claimed
    link: str
    carriage: Carriage
    text: str
    language: str
    segments: Sequence[Segment]
    goes_on: Cut | None
    unsent: Sequence[int]

    @property
    def parts(self) -> Sequence[Segment]:
        """The segments to submit now."""
        if self.goes_on is None or not self.unsent:
            return self.segments
        return [part for part in self.segments if part.number in self.unsent]

    @property
    def is_anew(self) -> bool:
        """Whether it was tried in segments that these do not go together with."""
        was_cut = self.message.segments > 0 and self.goes_on is None
        return was_cut and (self.message.segments > 1 or len(self.segments) > 1)


def past_of(connection: Connection, messages: Sequence[Claimed]) -> Past:
    """What earlier attempts of these messages left."""
    return Past(cuts=known_cuts(connection, messages), unsent=unsent_segments(connection, messages))


def ready_for(
    message: Claimed, form: Rendered, links: Sequence[tuple[str, Carriage]], *, past: Past, parts_max: int
) -> Ready:
    """The message for the first link, or for one that goes on where another stopped. Raises TextTooLong."""
    known = past.cuts.get(message.seq)
    unsent = past.unsent.get(message.seq, ())
    is_partly_sent = known is not None and 0 < len(unsent) < message.segments
    choices: list[Ready] = []
    for link, carriage in links if is_partly_sent else links[:1]:
        text, segments = _cut(form.text, form.mode, carriage, parts_max)
        choices.append(
            Ready(
                message=message,
                link=link,
                carriage=carriage,
                text=text,
                language=form.language,
                segments=segments,
                goes_on=known if known is not None and _is_same(known, message, segments) else None,
                unsent=unsent,
            )
        )
    return next((one for one in choices if one.goes_on is not None), choices[0])


def numbered(connection: Connection, batch: Sequence[Ready]) -> list[Cut]:
    """Give the segments of longer messages their references; how those that are new were cut, to be stored."""
    anew = [one for one in batch if one.is_anew]
    for one in anew:
        _log.info(
            "message {seq} goes whole again: link {link} cuts it its own way", seq=one.message.seq, link=one.link
        )
    longer = [one for one in batch if len(one.segments) > 1]
    cuts: list[Cut] = []
    last = last_references(connection, [one.message.subscription_id for one in longer if one.goes_on is None])
    cut_anew(connection, [one.message.seq for one in anew])
    for one in longer:
        known = one.goes_on
        if known is None:
            whose = one.message.subscription_id
            last[whose] = last.get(whose, 0) + 1
            known = Cut(seq=one.message.seq, subscription_id=whose, reference=last[whose], form=one.segments[0].form)
            cuts.append(known)
        one.segments = segments_for(one.text, reference=known.reference, carriage=one.carriage)
    return cuts


def _is_same(known: Cut, message: Claimed, segments: Sequence[Segment]) -> bool:
    return segments[0].form == known.form and len(segments) == message.segments


@lru_cache(maxsize=TEXTS_KEPT)
def _cut(text: str, mode: UnicodeMode, carriage: Carriage, parts_max: int) -> tuple[str, tuple[Segment, ...]]:
    """The text as it will be sent, and its segments: the bulk of a month has few different texts."""
    ready = prepared(_storable(text), mode, carriage)
    return ready, segments_for(ready, reference=0, carriage=carriage, parts_max=parts_max)


def _storable(text: str) -> str:
    """The text without lone surrogates and NUL, which neither tables nor networks carry."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "")
