"""One charge's split in words: every step with its rule (the numbers of the programme's rules), from stored facts.

Switches are not stored with a charge: where its figures do not follow from today's, that is said.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select
from twisted.internet.defer import Deferred

from billing.calendar import period_of
from billing.charging import HOLD_PREFIX
from billing.money import Kopecks, format_money
from billing.programme import Programme
from billing.records import Posting
from billing.store.bill_facts import BillFacts, bill_facts
from billing.words import PostingKind
from gateway.database import Transactor
from gateway.texts import NoticeKind
from sms.outbox.instants import from_micros
from sms.outbox.schema import message


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldOf:
    """A message that came of the charge."""

    message_id: str
    kind: str
    state: str
    text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step in words; `rule` is its number, or several."""

    rule: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A charge with the steps of its split."""

    facts: BillFacts
    steps: Sequence[Step]
    messages: Sequence[ToldOf]


class Explanations:
    """Explains charges, each from one snapshot."""

    def __init__(self, database: Transactor, *, programme: Programme) -> None:
        self._database = database
        self._programme = programme

    def explain(self, charge_id: str) -> "Deferred[Explanation]":
        """Every step of a charge's split; fails with UnknownCharge."""
        return self._database.read(explain, charge_id, self._programme)


def explain(connection: Connection, charge_id: str, programme: Programme) -> Explanation:
    """Every step of a charge's split. Raises UnknownCharge."""
    facts = bill_facts(connection, charge_id)
    messages = _messages(connection, facts, programme.zone)
    return Explanation(facts=facts, steps=tuple(steps_of(facts, messages, programme)), messages=messages)


def _messages(connection: Connection, facts: BillFacts, zone: ZoneInfo) -> Sequence[ToldOf]:
    charge = facts.view.charge
    used_up = f"{NoticeKind.USED_UP}:{period_of(charge.booked_at, zone)}:{charge.subscription_id}"
    ids = [f"{NoticeKind.BILL}:{charge.charge_id}", used_up]
    columns = message.c
    chosen = select(columns.message_id, columns.kind, columns.state, columns.text, columns.created_at).where(
        columns.message_id.in_(ids)
    )
    return [
        ToldOf(message_id=row.message_id, kind=row.kind, state=row.state, text=row.text)
        for row in connection.execute(chosen.order_by(columns.seq))
        if row.message_id != used_up or _uses_up(facts, from_micros(row.created_at))
    ]


def _uses_up(facts: BillFacts, told_at: datetime) -> bool:
    """Whether it was this charge that the notice of used-up cashback came of."""
    available = facts.found.cashback - facts.found.held_cashback
    return not available and facts.finds_no_cashback_first and told_at == facts.view.charge.booked_at


def steps_of(facts: BillFacts, messages: Sequence[ToldOf], programme: Programme) -> Iterator[Step]:
    """The steps, in their order."""
    yield _asked(facts, programme.zone)
    yield from _before(facts, programme)
    yield _cashback(facts, programme)
    yield _main(facts, programme)
    yield from _unpaid(facts, programme)
    yield from _later(facts, programme.zone)
    for one in messages:
        is_bill = one.kind == NoticeKind.BILL
        why = "cashback paid of a tariff fee" if is_bill else "it was the first charge to find cashback used up"
        said = f": “{one.text}”" if one.text else ", its text not made yet"
        yield Step(rule="37" if is_bill else "36", text=f"One SMS ({one.kind}, {one.state}), because {why}{said}.")
    yield _now(facts)


def _asked(facts: BillFacts, zone: ZoneInfo) -> Step:
    charge = facts.view.charge
    drawn_by = (
        f"the month job of {charge.period}"
        if charge.period
        else "the commit of a reservation"
        if charge.charge_id.startswith(HOLD_PREFIX)
        else "a charge of the billing system"
    )
    return Step(
        rule="28",
        text=(
            f"{_sum(charge.amount)} for {charge.type.value}, by {drawn_by}; it happened at"
            f" {_at(charge.occurred_at, zone)} and was drawn at {_at(charge.booked_at, zone)}, from the balances of"
            " that moment."
        ),
    )


def _before(facts: BillFacts, programme: Programme) -> Iterator[Step]:
    found, charge = facts.found, facts.view.charge
    main = f", main {_sum(found.main)}" if programme.main_balance == "internal" else ""
    yield Step(rule="28", text=f"Before entry {charge.entry_no}: cashback {_sum(found.cashback)}{main}.")
    if found.held_cashback or found.held_main:
        yield Step(
            rule="33",
            text=(
                f"Reservations held {_sum(found.held_cashback)} of cashback and {_sum(found.held_main)} of main,"
                " which nothing else may draw."
            ),
        )


def _cashback(facts: BillFacts, programme: Programme) -> Step:
    """First charge: as much as there is, what the type and the cap allow."""
    found, charge = facts.found, facts.view.charge
    available = found.cashback - found.held_cashback
    drawn = _sum(charge.cashback)
    if charge.cashback == charge.amount:
        return Step(rule="28", text=f"Cashback pays first and had enough: it paid all {drawn}.")
    if charge.cashback == available:
        reason = f"it paid all {drawn} it had" if available else "there was none"
        return Step(rule="28", text=f"Cashback pays first: {reason}.")
    if charge.type not in programme.spend_types and not charge.cashback:
        return Step(rule="29", text=f"Cashback may not pay {charge.type.value}: {_sum(available)} was left alone.")
    if programme.monthly_spend_cap is not None:
        cap = _sum(programme.monthly_spend_cap)
        return Step(
            rule="29", text=f"Of {_sum(available)} cashback paid {drawn}: the monthly cap of {cap} was reached."
        )
    return Step(
        rule="29",
        text=f"Of {_sum(available)} cashback paid {drawn}, under other switches than today's.",
    )


def _main(facts: BillFacts, programme: Programme) -> Step:
    found, charge = facts.found, facts.view.charge
    rest = charge.amount - charge.cashback
    if not rest:
        return Step(rule="28", text="Main was not touched.")
    if programme.main_balance == "external":
        return Step(
            rule="42", text=f"The rest of {_sum(charge.main)} is drawn by the caller, who keeps the main balance."
        )
    if charge.main == rest:
        left = _sum(found.main - charge.main)
        return Step(rule="28", text=f"Main paid the rest of {_sum(charge.main)}; {left} was left.")
    own = found.main - found.held_main
    limit = f" with a credit limit of {_sum(found.credit_limit)} (as it is now)" if found.credit_limit else ""
    return Step(
        rule="30", text=f"Of the rest of {_sum(rest)} main, standing at {_sum(own)}{limit}, paid {_sum(charge.main)}."
    )


def _unpaid(facts: BillFacts, programme: Programme) -> Iterator[Step]:
    charge = facts.view.charge
    unpaid = charge.amount - charge.cashback - charge.main
    if unpaid:
        why = "nobody had it" if programme.part_payment else "part payment was on then"
        yield Step(
            rule="30", text=f"{_sum(unpaid)} stayed unpaid, because {why}; the next top-ups settle it, oldest first."
        )


def _later(facts: BillFacts, zone: ZoneInfo) -> Iterator[Step]:
    settlements = iter([one for one in facts.later if one.kind is PostingKind.SETTLEMENT])
    for settled in sorted(facts.view.settlements, key=lambda one: one.at):
        entry = next(settlements, None)
        yield Step(
            rule="30",
            text=(
                f"Top-up {settled.topup_id} settled {_sum(settled.amount)} at {_at(settled.at, zone)}{_entry(entry)}."
            ),
        )
    for refund in sorted(facts.view.refunds, key=lambda one: one.at):
        parts: Mapping[str, Kopecks] = {
            "lowered what was unpaid by": refund.unpaid,
            "gave main": refund.main,
            "gave cashback": refund.cashback,
        }
        said = ", ".join(f"{what} {_sum(amount)}" for what, amount in parts.items() if amount)
        entries = [
            _entry(one) for one in facts.later if one.kind is PostingKind.REFUND and one.ref == refund.refund_id
        ]
        yield Step(
            rule="32",
            text=(
                f"Refund {refund.refund_id} of {_sum(refund.amount)} at {_at(refund.at, zone)}, in reverse order of"
                f" drawing: {said}{''.join(entries)}."
            ),
        )


def _now(facts: BillFacts) -> Step:
    charge = facts.view.charge
    cashback = charge.cashback - charge.refunded_cashback
    main = charge.main + charge.settled - charge.refunded_main
    return Step(
        rule="28" if not charge.unpaid else "30",
        text=(
            f"Now: cashback {_sum(cashback)}, main {_sum(main)}, unpaid {_sum(charge.unpaid)}, refunded"
            f" {_sum(charge.amount - cashback - main - charge.unpaid)}; together {_sum(charge.amount)}."
        ),
    )


def _entry(entry: Posting | None) -> str:
    return "" if entry is None else f" (entry {entry.entry_no})"


_sum: Callable[[int], str] = format_money


def _at(instant: datetime, zone: ZoneInfo) -> str:
    return instant.astimezone(zone).isoformat(timespec="seconds")
