"""What the reference ledger remembers, and the few moves every operation is made of.

Everything is a plain list or dict. Nothing is cached: sums are added up each time they are asked
for, and what falls due by itself (expiry) is looked up at the start of every operation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from reference.rules import Programme, Promo, Terms

Answer = dict[str, Any]

MEMBERSHIP_BLOCKS = ("investigation", "mnp", "final")


@dataclass(kw_only=True)
class Lot:
    """A sum in the bonus and the instant since which it is there."""

    amount: int
    since: datetime
    accrual: Accrual | None = None


@dataclass(kw_only=True)
class Subscription:
    """One contract for one number."""

    sid: int
    msisdn: str | None
    since: datetime
    contract: str = "individual"
    network: str = "on_net"
    language: str = "ru"
    tariff: str | None = None
    blocks: frozenset[str] = frozenset()
    credit_limit: int = 0
    membership: str = "none"
    joined_at: datetime | None = None
    left_at: datetime | None = None
    erased: bool = False
    welcomed: bool = False
    adverts: bool = False
    bonus: list[Lot] = field(default_factory=list)
    cashback: int = 0
    main: int = 0
    carry_over: int = 0
    missed_first: datetime | None = None  # a 1st that an investigation kept from crediting
    counted: dict[str, int] = field(default_factory=dict)  # month: cashback against the cap
    paid_something: set[str] = field(default_factory=set)  # months
    told_used_up: set[str] = field(default_factory=set)  # months
    postings: list[tuple[str, str, str, int]] = field(default_factory=list)
    notices: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def bonus_sum(self) -> int:
        return sum(lot.amount for lot in self.bonus)

    @property
    def may_hold_cashback(self) -> bool:
        """Only an individual's own phone account is credited (6, 7)."""
        return self.contract == "individual" and self.network == "on_net"


@dataclass(kw_only=True)
class Accrual:
    """One reward: of an order, or of a promotion's action."""

    source: str  # partner's or promo's code
    name: str  # as people read it
    ref: str  # order id or action id
    sub: Subscription | None
    goods: int = 0
    returned: int = 0
    terms: Terms | None = None
    paid: Answer = field(default_factory=dict)  # the figures of `paid`, for repeats
    answers: dict[str, Answer] = field(default_factory=dict)  # first answers to paid, confirmed
    confirmed_goods: int | None = None
    overridden: str | None = None
    paid_at: datetime | None = None
    too_late_from: datetime | None = None
    reward: int = 0
    state: str = "pending"
    reason: str | None = None
    accrued_at: datetime | None = None


@dataclass(kw_only=True)
class Click:
    """A click-out and what its banner promised."""

    sub: Subscription | None
    msisdn: str
    partner: str
    clicked_at: datetime
    valid_until: datetime
    terms: Terms


@dataclass(kw_only=True)
class Charge:
    """A charge as it stands: what of it is paid from where after settlements and refunds."""

    charge_id: str
    sub: Subscription
    month: str
    cashback: int
    main: int
    unpaid: int


@dataclass(kw_only=True)
class Hold:
    """A reservation."""

    sub: Subscription
    kind: str
    amount: int
    cashback: int
    main: int
    expires_at: datetime
    state: str = "held"
    drawn: Answer | None = None


@dataclass(kw_only=True)
class Voucher:
    """A handset voucher."""

    sub: Subscription
    code: str
    amount: int
    source: str  # "bonus" or "cashback"
    too_late_from: datetime
    state: str = "issued"


class Records:
    """The memory, and the moves."""

    def __init__(self, programme: Programme, now: datetime) -> None:
        self.programme = programme
        self.now = now
        self.installed = programme.local_date(now).replace(day=1)
        self.subscriptions: list[Subscription] = []
        self.tariffs: dict[str, int] = {}
        self.partners: list[Terms] = []
        self.promos: list[Promo] = []
        self.clicks: dict[str, Click] = {}
        self.accruals: list[Accrual] = []
        self.charges: list[Charge] = []  # oldest first
        self.holds: dict[str, Hold] = {}
        self.vouchers: dict[str, Voucher] = {}
        self.answered: dict[tuple[str, str], tuple[Answer, Answer]] = {}
        self.credited_periods: set[tuple[int, str]] = set()
        self.charged_periods: set[tuple[int, str]] = set()

    def find(self, msisdn: str) -> Subscription | None:
        return next((s for s in self.subscriptions if s.msisdn == msisdn), None)

    def once(self, kind: str, key: str, figures: Answer, act: Callable[[], Answer]) -> Answer:
        """A caller's id (34): the same figures get the same answer, others are refused.

        open: a known id for a number nobody has: the id is looked at first, as "same id, same
        figures, same answer" has no exception.
        open: `occurred_at` given once and omitted once. Omitted is "no part of the compared
        figures", so only what both name is compared.
        open: whether the number or the subscription is compared after a number change. "Other
        figures or another number 409": the number that was sent.
        """
        known = self.answered.get((kind, key))
        if known is not None:
            before, answer = known
            optional = {"occurred_at"}
            same = all(
                before.get(name) == figures.get(name)
                for name in before.keys() | figures.keys()
                if name not in optional or (before.get(name) and figures.get(name))
            )
            return {**answer, "hit": True} if same else refuse("CONFLICT")
        answer = act()
        if "code" not in answer:
            self.answered[kind, key] = (figures, answer)
        return answer

    def post(self, sub: Subscription, kind: str, source: str, target: str, amount: int) -> None:
        """One balanced posting; the bonus's own lots are the caller's affair."""
        assert amount >= 0
        if amount == 0:
            return
        if source in ("cashback", "main"):
            setattr(sub, source, getattr(sub, source) - amount)
        if target in ("cashback", "main"):
            setattr(sub, target, getattr(sub, target) + amount)
        assert sub.cashback >= 0
        sub.postings.append((kind, source, target, amount))

    def notify(self, sub: Subscription, kind: str, **figures: Any) -> None:
        """One SMS; after erasure there is no number to send to."""
        if sub.msisdn is not None:
            sub.notices.append((kind, figures))

    def held(self, sub: Subscription, bucket: str) -> int:
        live = [h for h in self.holds.values() if h.sub is sub and h.state == "held"]
        return sum(h.cashback if bucket == "cashback" else h.main for h in live)

    def free_cashback(self, sub: Subscription) -> int:
        return sub.cashback - self.held(sub, "cashback")

    def free_main(self, sub: Subscription) -> int:
        return max(0, sub.main + sub.credit_limit - self.held(sub, "main"))

    def add_bonus(self, sub: Subscription, amount: int, accrual: Accrual | None) -> None:
        if amount > 0:
            sub.bonus.append(Lot(amount=amount, since=self.now, accrual=accrual))

    def take_bonus(self, sub: Subscription, amount: int, first: Accrual | None = None) -> int:
        """Take up to `amount`, the accrual's own lot first, then the oldest; says how much it was."""
        taken = 0
        lots = sorted(sub.bonus, key=lambda lot: lot.accrual is not first or first is None)
        for lot in lots:
            part = min(lot.amount, amount - taken)
            lot.amount -= part
            taken += part
        sub.bonus = [lot for lot in sub.bonus if lot.amount]
        return taken

    def credit_now(self, sub: Subscription, before: datetime | None) -> int:
        """The bonus that was there before an instant (all of it for None) becomes cashback."""
        amount = 0
        for lot in sub.bonus:
            if before is None or lot.since < before:
                amount += lot.amount
                lot.amount = 0
        sub.bonus = [lot for lot in sub.bonus if lot.amount]
        sub.missed_first = None
        for accrual in self.accruals:
            if accrual.sub is sub and accrual.state == "accrued":
                assert accrual.accrued_at is not None
                if before is None or accrual.accrued_at < before:
                    accrual.state = "credited"
        self.post(sub, "credit", "bonus", "cashback", amount)
        if amount:
            self.notify(sub, "credited", amount=amount)
        return amount

    def sweep(self) -> None:
        """What is over at this instant is over, whether a job came by or not (20, 33, 35)."""
        for accrual in self.accruals:
            late = accrual.too_late_from
            if accrual.state == "pending" and late is not None and self.now >= late:
                accrual.state, accrual.reason, accrual.reward = "expired", "LATE", 0
        self.credit_the_month()
        for hold in self.holds.values():
            if hold.state == "held" and self.now >= hold.expires_at:
                hold.state = "expired"
                self.lapse_leftover(hold.sub)
        for voucher in self.vouchers.values():
            if voucher.state == "issued" and self.now >= voucher.too_late_from:
                voucher.state = "expired"
                self.give_back(voucher, voucher.amount)

    def credit_the_month(self) -> None:
        """Crediting falls due with the 1st's first instant, whether the job came by or not (24 to 26).

        open: an erased member's bonus. "Sums unchanged": it is not moved.
        """
        period = self.programme.month(self.now)
        instant = self.programme.midnight(self.programme.local_date(self.now).replace(day=1))
        for sub in self.subscriptions:
            if (sub.sid, period) in self.credited_periods:
                continue
            self.credited_periods.add((sub.sid, period))
            if sub.membership != "active" or not sub.may_hold_cashback:
                continue
            if "investigation" in sub.blocks:
                sub.missed_first = instant
            else:
                self.credit_now(sub, instant)

    def give_back(self, voucher: Voucher, amount: int) -> None:
        """What a voucher did not use goes back where it came from (35).

        open: what comes back to somebody who left meanwhile. Nothing is restored after leaving (9):
        it lapses as it would have lapsed then.
        """
        sub = voucher.sub
        self.post(sub, "voucher_return", "voucher", voucher.source, amount)
        if voucher.source == "bonus":
            self.add_bonus(sub, amount, None)
        if amount:
            self.lapse_leftover(sub)

    def lapse_leftover(self, sub: Subscription) -> None:
        """What is free again on a membership that ended lapses as it would have then (8, 11).

        open: what a hold frees under `leave_credited = lapse` or after a port-out: it lapses late.
        open: erased sums are "unchanged": what comes back then stays.
        """
        if sub.membership != "left" or sub.erased:
            return
        self.post(sub, "lapse", "bonus", "lapsed", self.take_bonus(sub, sub.bonus_sum))
        if sub.msisdn is None or self.programme.leave_credited == "lapse":
            self.post(sub, "lapse", "cashback", "lapsed", self.free_cashback(sub))


def refuse(code: str, **more: Any) -> Answer:
    """A refusal: nothing was posted and nothing is sent."""
    return {"code": code, **more}
