"""What a text will cost before it is sent: for people who write texts, in a terminal, on a page or over the API."""

from dataclasses import dataclass
from typing import Any

from sms.text.carriage import PLAIN, Carriage
from sms.text.coding import Cost, UnicodeMode
from sms.text.segments import cost_of, prepared


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A text as a mode sends it (`text`), its cost, and how many segments it has where letters may be rewritten."""

    text: str
    cost: Cost
    translit_segments: int

    def document(self) -> dict[str, Any]:
        """The same for machines."""
        cost = self.cost
        return {
            "text": self.text,
            "coding": cost.coding.value,
            "segments": cost.segments,
            "units": cost.units,
            "units_left": cost.units_left,
            "forced_by": list(cost.forced_by),
            "doubled": list(cost.doubled),
            "translit_segments": self.translit_segments,
        }


def preview(text: str, mode: UnicodeMode = UnicodeMode.STRICT, carriage: Carriage = PLAIN) -> Preview:
    """What a text costs when a subscriber of this mode gets it over a link that carries texts so."""
    sent = prepared(text, mode, carriage)
    rewritten = cost_of(prepared(text, UnicodeMode.TRANSLIT, carriage), carriage)
    cost = cost_of(sent, carriage)
    return Preview(text=sent, cost=cost, translit_segments=min(cost.segments, rewritten.segments))
