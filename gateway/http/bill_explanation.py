"""`GET /v1/charges/{id}/explanation`: every step of one split, in words, with the entries behind it."""

from collections.abc import Awaitable
from typing import Protocol
from zoneinfo import ZoneInfo

from typing_extensions import TypedDict

from billing.charging import HOLD_PREFIX
from billing.money import format_money
from billing.records import Posting
from gateway.bill_explain import Explanation
from gateway.http.auth import Scope
from gateway.http.bodies import path_id, wire_instant
from gateway.http.routing import Call, Reply, Route, answer

CHARGE_ID_LENGTH_MAX = 128
"""The month job's fees and the charges of reservations have longer ids than callers may give."""


class Explaining(Protocol):
    """Explains charges."""

    def explain(self, charge_id: str, /) -> Awaitable[Explanation]:
        """Every step of a charge's split; raises UnknownCharge."""
        ...


class BeforeDocument(TypedDict):
    """What the charge found: balances, what reservations held of them; the credit limit as it is now."""

    cashback: str
    main: str
    held_cashback: str
    held_main: str
    credit_limit: str


class StepInWords(TypedDict):
    """One step; `rule` is its number among the programme's rules."""

    rule: str
    text: str


EntryDocument = TypedDict(
    "EntryDocument",
    {"entry_no": int, "kind": str, "from": str, "to": str, "amount": str, "booked_at": str, "ref": str},
)


class ToldDocument(TypedDict):
    """A message that came of the charge."""

    message_id: str
    kind: str
    state: str
    text: str | None


class ExplanationDocument(TypedDict):
    """A charge as it was drawn, why, and what came later."""

    charge_id: str
    msisdn: str
    type: str
    amount: str
    cashback: str
    main: str
    unpaid: str
    before: BeforeDocument
    steps: list[StepInWords]
    entries: list[EntryDocument]
    messages: list[ToldDocument]


class BillExplanations:
    """The call."""

    def __init__(self, explaining: Explaining, zone: ZoneInfo) -> None:
        self._explaining = explaining
        self._zone = zone

    async def show(self, call: Call) -> Reply:
        """Every step of one split."""
        is_ours = call.path["charge_id"].startswith((HOLD_PREFIX, "fee:"))
        charge_id = path_id(call, "charge_id", CHARGE_ID_LENGTH_MAX) if is_ours else path_id(call, "charge_id")
        return answer(explanation_to_wire(await self._explaining.explain(charge_id), self._zone))

    def routes(self) -> list[Route]:
        """The route."""
        return [
            Route(
                method="GET",
                path="/v1/charges/{charge_id}/explanation",
                handler=self.show,
                summary="Every step of one split, in words, with the rule it follows",
                scopes=frozenset({Scope.BILLING, Scope.CARE}),
                answers={200: ExplanationDocument},
                refusals=("UNKNOWN_CHARGE",),
            )
        ]


def explanation_to_wire(found: Explanation, zone: ZoneInfo) -> ExplanationDocument:
    """The explanation as JSON."""
    charge, before = found.facts.view.charge, found.facts.found
    return {
        "charge_id": charge.charge_id,
        "msisdn": found.facts.view.msisdn,
        "type": charge.type.value,
        "amount": format_money(charge.amount),
        "cashback": format_money(charge.cashback),
        "main": format_money(charge.main),
        "unpaid": format_money(charge.amount - charge.cashback - charge.main),
        "before": {
            "cashback": format_money(before.cashback),
            "main": format_money(before.main),
            "held_cashback": format_money(before.held_cashback),
            "held_main": format_money(before.held_main),
            "credit_limit": format_money(before.credit_limit),
        },
        "steps": [{"rule": step.rule, "text": step.text} for step in found.steps],
        "entries": [_entry(one, zone) for one in (*found.facts.drawn, *found.facts.later)],
        "messages": [
            {"message_id": one.message_id, "kind": one.kind, "state": one.state, "text": one.text}
            for one in found.messages
        ],
    }


def _entry(entry: Posting, zone: ZoneInfo) -> EntryDocument:
    return {
        "entry_no": entry.entry_no,
        "kind": entry.kind.value,
        "from": entry.source.value,
        "to": entry.target.value,
        "amount": format_money(entry.amount),
        "booked_at": wire_instant(entry.booked_at, zone),
        "ref": entry.ref,
    }
