"""The product's ledger behind the words of the reference ledger: in process, on SQLite in memory.

Commands go in and outcomes come out at the public level (`billing.store.ledger.execute`, the month's chunks, the
sweeps), notices go into the real outbox table with the same calls as in the gateway; nothing looks inside.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from reference.records import Answer
from reference.rules import Programme, Promo, Terms
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import StaticPool

from billing import answers, commands, programme
from billing.calendar import next_period, period_of, period_start
from billing.catalogue import PartnerTerms, PromoTerms
from billing.decision import Context, Outcome
from billing.errors import LedgerRefusal, NotDue
from billing.money import parse_money
from billing.records import Reward, Tariff
from billing.store import catalogue, expiry, ledger, month, reads, schema
from billing.store.columns import from_micros
from billing.store.verify import verify
from billing.words import Block, Category, Channel, ChargeType, Contract, Network, OrderChannel, Rounding
from gateway import schema as gateway_schema
from gateway.erasure import erase
from gateway.month_notices import enqueue_month_notices
from gateway.notices import Timing, notices_for
from sms.outbox import schema as outbox_schema
from sms.outbox.queue import enqueue
from sms.outbox.quiet import QuietHours

MICRO = 1_000_000
BIRTH = date(1990, 5, 17)


class OrderedIds:
    """Subscription ids from 1 on, as the reference ledger counts them."""

    def __init__(self) -> None:
        self._subscriptions = self._others = 0

    def subscription_id(self) -> int:
        self._subscriptions += 1
        return self._subscriptions

    def click_id(self) -> str:
        self._others += 1
        return f"click-{self._others}"

    def voucher_code(self) -> str:
        self._others += 1
        return f"CODE{self._others:08d}"


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


def switches(of: Programme) -> programme.Programme:
    """The product's programme with the same switches."""
    types = of.spend_types
    return programme.Programme(
        zone=ZoneInfo(of.zone),
        main_balance=of.main_balance,  # type: ignore[arg-type]
        welcome_bonus=of.welcome_bonus,
        rounding=Rounding(of.rounding),
        confirm_days_max=of.confirm_days_max,
        returns_after_credit=of.returns_after_credit,  # type: ignore[arg-type]
        leave_credited=of.leave_credited,  # type: ignore[arg-type]
        held_release=of.held_release,  # type: ignore[arg-type]
        offnet_registration=of.offnet_registration,
        rate_at=of.rate_at,  # type: ignore[arg-type]
        click_valid=timedelta(minutes=of.click_valid_minutes),
        credit_on_demand=of.credit_on_demand,
        part_payment=of.part_payment,
        spend_types=frozenset(ChargeType) if types is None else frozenset(ChargeType(one) for one in types),
        monthly_spend_cap=of.monthly_spend_cap,
        voucher_days=of.voucher_days,
    )


class Product:
    """The real ledger; every operation of the reference ledger by its name."""

    def __init__(self, connection: Connection, of: Programme, now: datetime) -> None:
        self.connection = connection
        self.programme = switches(of)
        self.ids = OrderedIds()
        self.catalogue = catalogue.NOTHING
        self.now = now.astimezone(UTC)
        self.last_month = period_of(self.now, self.programme.zone)
        self.clicks: dict[str, str] = {}
        self.codes: dict[str, str] = {}
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
        build, shape = _COMMANDS[operation]
        result = self._execute([build(self, **body)])[0]
        if isinstance(result, LedgerRefusal):
            return _refusal(result)
        shaped = shape(self, result.answer, body)
        return {**shaped, "hit": True} if result.hit and operation in _KEYED else shaped

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
            return _refusal(refusal)
        before = run.charged_amount
        while (bounds := month.next_bounds(self.connection, run, 2)) is not None:
            month.run_chunk(self.connection, period, bounds, self.context)
            enqueue_month_notices(self.connection, period, bounds, self.timing)
            run = month.request_run(self.connection, period, self.context)
        month.finish_run(self.connection, period, self.now)
        self.last_month = max(period, self.last_month)
        return {"charged": run.charged_amount - before}

    def _put_catalogue(self, partners: Iterable[Terms], promos: Iterable[Promo]) -> Answer:
        given = [_partner(one) for one in partners]
        offers = [_promo(one) for one in promos]
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
            return _refusal(refusal)
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
            self.notices.setdefault(owner, []).append((kind, _figures(json.loads(params))))
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


def _refusal(refusal: LedgerRefusal) -> Answer:
    lapses = refusal.details.get("lapses")
    figures = {name: parse_money(sum_) for name, sum_ in lapses.items()} if isinstance(lapses, dict) else {}
    return {"code": refusal.code, **figures}


def _figures(params: Answer) -> Answer:
    """The figures of a notice; a voucher's code is chance."""
    day = params.pop("date", None)
    params.pop("code", None)
    return {**params, "date": None if day is None else date.fromisoformat(day)}


def _partner(terms: Terms) -> PartnerTerms:
    percent = None if terms.percent is None else int(terms.percent * MICRO)
    return PartnerTerms(
        code=terms.code,
        name=terms.name,
        category=Category(terms.category),
        reward=Reward(percent=percent, fixed=terms.fixed),
        min_purchase=terms.min_purchase,
        confirm_days=terms.confirm_days,
        app_allowed=terms.app_allowed,
        valid_from=terms.valid_from,
    )


def _promo(promo: Promo) -> PromoTerms:
    return PromoTerms(
        code=promo.code,
        name=promo.name,
        amount=promo.amount,
        percent=None if promo.percent is None else int(promo.percent * MICRO),
        partner=promo.partner,
        uncapped=promo.uncapped,
        valid_from=promo.starts,
        valid_until=promo.ends,
    )


def _put_subscriber(_product: Product, msisdn: str, **fields: Any) -> commands.Command:
    words: dict[str, Callable[[Any], Any]] = {
        "contract": Contract,
        "network": Network,
        "blocks": lambda blocks: frozenset(Block(one) for one in blocks),
    }
    given = {name: words.get(name, lambda same: same)(value) for name, value in fields.items()}
    return commands.PutSubscriber(msisdn=msisdn, **given)


def _join(_product: Product, **body: Any) -> commands.Command:
    full = {"full_name": "Ana Rusu", "birth_date": BIRTH, "email": "ana@example.org"}
    form = full if body.get("form") == "full" else {}
    return commands.RegisterMember(channel=Channel.WEB, **{"accept_terms": True, **body, **form})


def _paid(product: Product, **body: Any) -> commands.Command:
    clicked = body["click_id"]
    real = None if clicked is None else product.clicks.get(clicked, "unknown")
    given = {"delivery": 0, **body, "click_id": real, "channel": OrderChannel(body.get("channel", "web"))}
    return commands.OrderPaid(**given)


def _subscriber_answer(_product: Product, answer: answers.SubscriberAnswer, _body: Answer) -> Answer:
    one = answer.subscription
    return {
        "msisdn": one.msisdn,
        "contract": one.contract.value,
        "network": one.network.value,
        "tariff": one.tariff,
        "blocks": frozenset(block.value for block in one.blocks),
        "credit_limit": answer.credit_limit,
        "membership": answer.membership.value,
    }


def _member_answer(_product: Product, answer: answers.MemberAnswer, _body: Answer) -> Answer:
    joined = answer.membership
    return {
        "membership": joined.state.value,
        "joined_at": joined.joined_at,
        "welcome_bonus": answer.welcome_bonus,
    }


def _click_answer(product: Product, answer: answers.ClickAnswer, body: Answer) -> Answer:
    click = answer.click
    product.clicks[body["click_id"]] = click.click_id
    percent = click.reward.percent
    return {
        "percent": None if percent is None else Fraction(percent, MICRO),
        "fixed": click.reward.fixed,
        "min_purchase": click.min_purchase,
        "valid_until": click.valid_until,
    }


def _order_answer(_product: Product, answer: answers.OrderAnswer, _body: Answer) -> Answer:
    accrual = answer.accrual
    return {
        "order_id": accrual.order_id,
        "state": accrual.state.value,
        "reason": None if accrual.reason is None else accrual.reason.value,
        "reward": accrual.reward,
        "spendable_from": answer.spendable_from,
    }


def _charge_answer(_product: Product, answer: answers.ChargeAnswer, _body: Answer) -> Answer:
    return {
        "cashback": answer.cashback,
        "main": answer.main,
        "unpaid": answer.unpaid,
        "status": answer.status.value,
        "steps": [(step.source.value, step.amount) for step in answer.steps],
    }


def _reservation_answer(_product: Product, answer: answers.ReservationAnswer, body: Answer) -> Answer:
    state = answer.state.value
    if state == "held":
        return {
            "state": state,
            "cashback": answer.cashback,
            "main": answer.main,
            "expires_at": answer.expires_at,
        }
    if state == "committed":
        return {"state": state, "amount": body["amount"], "cashback": answer.cashback, "main": answer.main}
    return {"state": state}


def _voucher_answer(product: Product, answer: answers.VoucherAnswer, body: Answer) -> Answer:
    product.codes[body["voucher_id"]] = answer.code
    if answer.state.value != "issued":
        return {"state": answer.state.value}
    return {"amount": answer.amount, "state": "issued", "valid_until": answer.valid_until}


_Build = Callable[..., commands.Command]
_Shape = Callable[[Product, Any, Answer], Answer]

_COMMANDS: dict[str, tuple[_Build, _Shape]] = {
    "put_subscriber": (_put_subscriber, _subscriber_answer),
    "number_change": (lambda _p, **b: commands.ChangeNumber(**b), _subscriber_answer),
    "port_out": (lambda _p, **b: commands.PortOut(**b), lambda _p, a, _b: {"lapsed": a.lapsed}),
    "join": (_join, _member_answer),
    "leave": (
        lambda _p, msisdn, confirm=False: commands.LeaveProgramme(
            msisdn=msisdn, channel=Channel.WEB, confirm=confirm
        ),
        lambda _p, a, _b: {"lapsed": a.lapsed},
    ),
    "patch_adverts": (
        lambda _p, **b: commands.SetAdverts(source="web", **b),
        lambda _p, a, _b: {"adverts": a.membership.adverts},
    ),
    "click": (
        lambda _p, click_id, **b: commands.RecordClick(**b),  # noqa: ARG005  (named by the answer)
        _click_answer,
    ),
    "paid": (_paid, _order_answer),
    "confirmed": (lambda _p, **b: commands.OrderConfirmed(**b), _order_answer),
    "rejected": (lambda _p, **b: commands.OrderRejected(**b), _order_answer),
    "amended": (lambda _p, **b: commands.OrderAmended(**b), _order_answer),
    "returned": (lambda _p, **b: commands.OrderReturned(**b), _order_answer),
    "override": (lambda _p, **b: commands.OverrideAccrual(**{"reason": "care", **b}), _order_answer),
    "promo_credit": (
        lambda _p, **b: commands.CreditPromo(**b),
        lambda _p, a, _b: {"action_id": a.action_id, "state": "accrued", "amount": a.amount},
    ),
    "charge": (lambda _p, type, **b: commands.DrawCharge(type=ChargeType(type), **b), _charge_answer),  # noqa: A006
    "refund": (
        lambda _p, **b: commands.RefundCharge(**b),
        lambda _p, a, _b: {"unpaid": a.unpaid, "main": a.main, "cashback": a.cashback},
    ),
    "topup": (
        lambda _p, **b: commands.TopUp(**b),
        lambda _p, a, _b: {"main": a.main, "settled": [(one.charge_id, one.amount) for one in a.settled]},
    ),
    "reserve": (
        lambda _p, type="usage", expires_in_s=600, **b: commands.Reserve(  # noqa: A006
            type=ChargeType(type), expires_in_s=expires_in_s, **b
        ),
        _reservation_answer,
    ),
    "commit": (lambda _p, **b: commands.CommitReservation(**b), _reservation_answer),
    "release": (lambda _p, **b: commands.ReleaseReservation(**b), _reservation_answer),
    "credit": (lambda _p, **b: commands.CreditOnDemand(**b), lambda _p, a, _b: {"credited": a.credited}),
    "voucher": (lambda _p, **b: commands.IssueVoucher(**b), _voucher_answer),
    "cancel_voucher": (lambda _p, **b: commands.CancelVoucher(**b), _voucher_answer),
    "redeem": (
        lambda p, voucher_id, **b: commands.RedeemVoucher(code=p.codes.get(voucher_id, "NONE"), **b),
        lambda _p, a, _b: {"amount": a.amount, "state": a.state.value},
    ),
}

_OWN: dict[str, Callable[..., Answer]] = {
    "put_tariff": Product._put_tariff,
    "put_catalogue": Product._put_catalogue,
    "erasure": Product._erasure,
    "advance": lambda product, **body: product._advance(**body),
    "month": lambda product, **body: product._month(**body),
}

_KEYED = frozenset({"promo_credit", "charge", "refund", "topup", "reserve", "commit", "credit", "voucher", "redeem"})
"""Operations with a caller's id: a repeat is named as one."""
