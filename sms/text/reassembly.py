"""Messages put together from their segments, as a handset does: in any order, copies ignored, bounded."""

from collections import OrderedDict
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from sms.text.coding import decode
from sms.text.errors import HeaderMalformed
from sms.text.headers import DEFAULT_TABLES, Concatenation, ShiftTables, split_header

UNFINISHED_MAX = 64

_Key = tuple[str, int, int, bool]


class _Part(NamedTuple):
    data_coding: int
    tables: ShiftTables
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """A whole message as the handset shows it; `data_coding` is that of its first segment."""

    source: str
    text: str
    segments: int
    data_coding: int


class Reassembler:
    """Collects one handset's segments; holds at most `unfinished_max` unfinished messages, oldest dropped.

    `dropped` counts messages that were pushed out unfinished.
    """

    def __init__(self, *, unfinished_max: int = UNFINISHED_MAX) -> None:
        self._unfinished: OrderedDict[_Key, dict[int, _Part]] = OrderedDict()
        self._unfinished_max = unfinished_max
        self.dropped = 0

    def __len__(self) -> int:
        """How many messages still wait for a segment."""
        return len(self._unfinished)

    def take(
        self,
        source: str,
        user_data: bytes,
        *,
        data_coding: int,
        udhi: bool,
        concatenation: Concatenation | None = None,
    ) -> Assembled | None:
        """The message that this segment completes, or None while parts are missing.

        `concatenation` is what sar_* TLVs said; a header in the user data wins. A segment without either is
        a whole message, and so is one whose header cannot be read.
        """
        payload, tables = user_data, DEFAULT_TABLES
        if udhi:
            try:
                header, payload = split_header(user_data)
            except HeaderMalformed:
                pass
            else:
                concatenation, tables = header.concatenation or concatenation, header.tables
        content = _Part(data_coding, tables, payload)
        if concatenation is None or concatenation.total == 1:
            return _assembled(source, [content])
        return self._collect(source, concatenation, content)

    def _collect(self, source: str, part: Concatenation, content: _Part) -> Assembled | None:
        key = (source, part.reference, part.total, part.wide)
        parts = self._unfinished.setdefault(key, {})
        if parts.get(part.number, content) != content:
            parts.clear()  # the sender has come round to this reference again: another message begins
        parts[part.number] = content
        if len(parts) < part.total:
            if len(self._unfinished) > self._unfinished_max:
                self._unfinished.popitem(last=False)
                self.dropped += 1
            return None
        del self._unfinished[key]
        return _assembled(source, [parts[number] for number in range(1, part.total + 1)])


def _assembled(source: str, parts: list[_Part]) -> Assembled:
    """Octets are joined before they are decoded: other senders do cut inside a character."""
    text = "".join(
        decode(b"".join(part.payload for part in run), data_coding, tables)
        for (data_coding, tables), run in groupby(parts, key=itemgetter(0, 1))
    )
    return Assembled(source=source, text=text, segments=len(parts), data_coding=parts[0].data_coding)
