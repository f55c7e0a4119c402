"""The product's ledger behind the words of the reference ledger: in process, on SQLite in memory.

Commands go in and outcomes come out at the public level (`billing.store.ledger.execute`, the month's chunks, the
sweeps), notices go into the real outbox table with the same calls as in the gateway; nothing looks inside.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from reference.records import Answer
from reference.rules import Programme, Promo, Terms
from reference.translation import (
    OrderedIds,
    Words,
    notice_figures,
    partner_terms,
    promo_terms,
    refusal_answer,
    switches,
)
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import StaticPool

from billing import commands
from billing.calendar import next_period, period_of, period_start
from billing.decision import Context, Outcome
from billing.errors import LedgerRefusal, NotDue
from billing.records import Tariff
from billing.store import catalogue, expiry, ledger, month, reads, schema
from billing.store.columns import from_micros
from billing.store.verify import verify
from gateway import schema as gateway_schema
from gateway.erasure import erase
from gateway.month_notices import enqueue_month_notices
from gateway.notices import Timing, notices_for
from sms.outbox import schema as outbox_schema
from sms.outbox.queue import enqueue
from sms.outbox.quiet import QuietHours


def open_memory() -> Connection:
    """All tables, in a transaction that is never committed: roll back to have them empty again."""
    engine = create_engine("sqlite://", poolclass=StaticPool)

    @event.listens_for(engine, "connect")
    def _set_up(opened: Any, _record: object) -> None:
        opened.isolation_level = None
        opened.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    connection = engine.connect()
    for metadata in (schema.metadata, outbox_schema.metadata, gateway_schema.metadata):
        metadata.create_all(connection)
    connection.commit()
    return connection


class Product:
    """The real ledger; every operation of the reference ledger by its name."""

    def __init__(self, connection: Connection, of: Programme, now: datetime) -> None:
        self.connection = connection
        self.programme = switches(of)
        self.ids = OrderedIds()
        self.catalogue = catalogue.NOTHING
        self.now = now.astimezone(UTC)
        self.last_month = period_of(self.now, self.programme.zone)
        self.words = Words()
        self.seen_entry: dict[int, int] = {}
        self.seen_message = 0
        self.postings: dict[int, list[tuple[str, str, str, int]]] = {}
        self.notices: dict[int, list[tuple[str, dict[str, Any]]]] = {}

    @property
    def context(self) -> Context:
        return Context(now=self.now, programme=self.programme, catalogue=self.catalogue, ids=self.ids)

    @property
    def timing(self) -> Timing:
        return Timing(now=self.now, quiet=QuietHours(zone=self.programme.zone), zone=self.programme.zone)

    def do(self, operation: str, body: Answer) -> Answer:
        """One operation; its figures or its refusal's code, in the reference ledger's words."""
        if operation in _OWN:
            return _OWN[operation](self, **body)
        result = self._execute([self.words.command(operation, body)])[0]
        return self.words.answer(operation, body, result)

    def _execute(self, asked: list[commands.Command]) -> list[Outcome | LedgerRefusal]:
        results = ledger.execute(self.connection, asked, self.context)
        for result in results:
            if isinstance(result, Outcome):
                enqueue(self.connection, notices_for(result.events, self.timing))
        return results

    def _advance(self, to: datetime, *, month_jobs: bool = True) -> Answer:
        """As the manual clock does: what is due in the order of its instants, sweeps before the month."""
        to = to.astimezone(UTC)
        while True:
            sweep = expiry.next_expiry(self.connection)
            period = next_period(self.last_month)
            first = period_start(period, self.programme.zone)
            is_sweep = sweep is not None and sweep <= to
            if is_sweep and sweep is not None and (sweep <= first or not month_jobs):
                self.now = max(sweep, self.now)
                while found := expiry.out_of_date(self.connection, self.now):
                    self._execute(list(found))
            elif month_jobs and first <= to:
                self.now = max(first, self.now)
                self._month(period)
            else:
                break
        self.now = to
        return {"now": to}

    def _month(self, period: str) -> Answer:
        try:
            run = month.request_run(self.connection, period, self.context)
        except NotDue as refusal:
            return refusal_answer(refusal)
        before = run.charged_amount
        while (bounds := month.next_bounds(self.connection, run, 2)) is not None:
            month.run_chunk(self.connection, period, bounds, self.context)
            enqueue_month_notices(self.connection, period, bounds, self.timing)
            run = month.request_run(self.connection, period, self.context)
        month.finish_run(self.connection, period, self.now)
        self.last_month = max(period, self.last_month)
        return {"charged": run.charged_amount - before}

    def _put_catalogue(self, partners: Iterable[Terms], promos: Iterable[Promo]) -> Answer:
        given = [partner_terms(one) for one in partners]
        offers = [promo_terms(one) for one in promos]
        try:
            self.catalogue = catalogue.install(self.connection, given, offers, {}, self.now)
        except LedgerRefusal as refusal:
            limit = Fraction(str(refusal.details["limit"]))
            return {"code": refusal.code, "field": refusal.field, "limit": limit}
        return {"partners": len(given), "promos": len(offers)}

    def _put_tariff(self, code: str, fee: int) -> Answer:
        catalogue.put_tariff(self.connection, Tariff(code=code, fee=fee))
        return {"fee": fee}

    def _erasure(self, msisdn: str) -> Answer:
        try:
            erase(self.connection, msisdn, self.context)
        except LedgerRefusal as refusal:
            return refusal_answer(refusal)
        return {}

    def look(self) -> None:
        """Take note of the postings and notices that are new."""
        rows = self.connection.exec_driver_sql(
            "SELECT b.subscription_id, p.entry_no, p.kind, p.source, p.target, p.amount FROM balance b"
            " JOIN json_each(?) s ON s.key = CAST(b.subscription_id AS TEXT)"
            " JOIN posting p ON p.subscription_id = b.subscription_id AND p.entry_no > s.value"
            " ORDER BY b.subscription_id, p.entry_no",
            (json.dumps({f"{one}": self.seen_entry.get(one, 0) for one in range(1, self.ids._subscriptions + 1)}),),
        )
        for owner, entry_no, *posting in rows:
            self.postings.setdefault(owner, []).append(tuple(posting))
            self.seen_entry[owner] = entry_no
        rows = self.connection.exec_driver_sql(
            "SELECT seq, subscription_id, kind, params FROM sms_message WHERE seq > ? ORDER BY seq",
            (self.seen_message,),
        )
        for seq, owner, kind, params in rows:
            self.notices.setdefault(owner, []).append((kind, notice_figures(params)))
            self.seen_message = seq

    def sums(self) -> dict[int, tuple[int, ...]]:
        """Bonus, cashback, main, held cashback, held main, carry-over of every subscription."""
        rows = self.connection.exec_driver_sql(
            "SELECT subscription_id, bonus, cashback, main, held_cashback, held_main, carry_over FROM balance"
        )
        return {owner: tuple(sums) for owner, *sums in rows}

    def shown(self, msisdns: Iterable[str]) -> dict[str, Answer]:
        """What the balance of each number shows besides its sums."""
        found = reads.balances_of(self.connection, tuple(msisdns), self.now, self.programme)
        return {
            number: {
                "membership": view.membership.value,
                "bonus_due_on": view.bonus_due_on,
                "bonus_held": view.bonus_held,
                "pending": view.pending,
                "unpaid": view.unpaid,
            }
            for number, view in found.items()
        }

    def orders(self) -> dict[tuple[str, str], tuple[str, str | None, int]]:
        """State, reason and reward of every order, as they stand now."""
        rows = self.connection.exec_driver_sql(
            "SELECT partner, order_id, state, reason, reward, deadline FROM accrual"
        )
        found = {}
        for partner, order_id, state, reason, reward, deadline in rows:
            is_late = state == "pending" and from_micros(deadline) <= self.now
            found[partner, order_id] = ("expired", "LATE", 0) if is_late else (state, reason, reward)
        return found

    def violations(self) -> tuple[object, ...]:
        return verify(self.connection, self.programme).violations


_OWN: dict[str, Callable[..., Answer]] = {
    "put_tariff": Product._put_tariff,
    "put_catalogue": Product._put_catalogue,
    "erasure": Product._erasure,
    "advance": lambda product, **body: product._advance(**body),
    "month": lambda product, **body: product._month(**body),
}
