"""What may happen to both ledgers, drawn from a random source: few ids and numbers, so that they repeat.

Numbers are given up, taken over and come back; instants lie around months' ends, deadlines and each other; the
switches differ from run to run. Mostly something that can succeed, now and then anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

from reference.givens import (
    BLOCKS,
    CHANNELS,
    GOODS,
    NUMBERS,
    OFF,
    PARTNERS,
    SECOND,
    STEPS,
    SUMS,
    TYPES,
    A,
    C,
    catalogue,
    programme,
    start,
)
from reference.records import Answer
from reference.repeats import repeat
from reference.replay import Operation
from reference.side_by_side import SideBySide
from sqlalchemy import Connection

SUBSCRIPTIONS_MAX = 6


class Actions:
    """One run on both ledgers: `act` does one thing that `rng` chooses."""

    def __init__(self, connection: Connection, rng: Random) -> None:
        self.rng = rng
        self.both = SideBySide(connection, programme(rng), start(rng))
        self.given: dict[str, int] = {}
        self.latest = A
        self.taken: list[Operation] = []
        self.do("put_tariff", code="smart", fee=650_00)
        self.do("put_tariff", code="zero", fee=0)
        self.put_catalogue(0)
        self.do("put_subscriber", msisdn=A, tariff="smart")
        self.do("put_subscriber", msisdn=C, contract="corporate")
        self.do("put_subscriber", msisdn=OFF, network="off_net")
        self.do("topup", topup_id="t0", msisdn=A, amount=800_00)
        for number in rng.sample((A, C, OFF), 2):
            self.do("join", msisdn=number, form="full")

    def act(self) -> None:
        """One thing, by its weight."""
        families = (self.member, self.earn, self.tell, self.spend, self.promise, self.again, self.pass_time)
        self.rng.choices(families, (4, 6, 4, 7, 5, 2, 4))[0]()

    def finish(self) -> None:
        """Nothing is left to do, and the product's verification finds nothing."""
        if self.both.is_month_late:
            self.late_month()
        self.both.finish()

    def do(self, operation: str, **body: Any) -> Answer:
        answer = self.both.do(operation, **body)
        if "code" not in answer:
            self.taken.append((operation, body))
        return answer

    @property
    def now(self) -> datetime:
        return self.both.model.now

    def one_of(self, *things: tuple[int, Callable[[], object]]) -> None:
        """Weighted."""
        weights = [weight for weight, _ in things]
        self.rng.choices([thing for _, thing in things], weights)[0]()

    def number(self) -> str:
        """Mostly an active member's, else anybody's; often whose it was before, so that things meet."""
        active = [one.msisdn for one in self.both.model.subscriptions if one.membership == "active" and one.msisdn]
        if self.latest not in active or self.rng.random() < 0.6:
            self.latest = self.rng.choice(active if active and self.rng.random() < 0.8 else NUMBERS)
        return self.latest

    def sum_for(self, msisdn: str) -> int:
        """Often about what there is."""
        model = self.both.model
        sub = model.find(msisdn)
        if sub is None or self.rng.random() < 0.4:
            return self.rng.choice(SUMS)
        cashback, main = model.free_cashback(sub), model.free_main(sub)
        about = self.rng.choice((cashback, cashback, main, cashback + main, sub.bonus_sum))
        return max(1, self.rng.choice((about - 1, about, about + 1, about // 2)))

    def known_number(self) -> str:
        """A number that is somebody's."""
        return self.rng.choice([one.msisdn for one in self.both.model.subscriptions if one.msisdn] or [A])

    def new(self, letter: str) -> str:
        """Mostly a new id, else one that was given before."""
        if self.rng.random() < 0.85 or letter not in self.given:
            self.given[letter] = self.given.get(letter, 0) + 1
            return f"{letter}{self.given[letter]}"
        return self.known(letter)

    def known(self, letter: str) -> str:
        """Mostly one of the latest ids."""
        back = self.rng.choice((0, 0, 0, 1, 1, 2, 5))
        given = self.given.get(letter, 0)
        return f"{letter}{max(min(1, given), given - back)}"

    def instant(self) -> datetime | None:
        minutes = self.rng.choice((None, None, None, 0, -5, -60, -1440, 5, 6))
        return None if minutes is None else self.now + timedelta(minutes=minutes)

    # Subscribers and members

    def member(self) -> None:
        rng = self.rng
        changes: tuple[Answer, ...] = (
            {"contract": rng.choice(("individual", "corporate"))},
            {"network": rng.choice(("on_net", "off_net"))},
            {"tariff": rng.choice(("smart", "zero", "none"))},
            {"credit_limit": rng.choice((0, 50_00, 300_00))},
            {"blocks": frozenset(rng.sample(BLOCKS, rng.choice((0, 0, 0, 1, 1, 2))))},
            {"blocks": frozenset(rng.sample(BLOCKS, rng.choice((0, 0, 1))))},
        )
        self.one_of(
            (6, self.put_new),
            (6, lambda: self.do("put_subscriber", msisdn=self.known_number(), **rng.choice(changes))),
            (3, lambda: self.do("put_subscriber", msisdn=self.known_number(), blocks=frozenset())),
            (9, self.join),
            (3, self.investigate),
            (3, lambda: self.do("leave", msisdn=self.number(), confirm=rng.random() < 0.6)),
            (2, lambda: self.do("patch_adverts", msisdn=self.number(), adverts=rng.random() < 0.5)),
            (2, lambda: self.do("number_change", msisdn=self.number(), new_msisdn=rng.choice(NUMBERS))),
            (1, lambda: self.do("port_out", msisdn=self.number())),
            (1, self.erase),
        )

    def put_new(self) -> None:
        number = self.rng.choice(NUMBERS)
        if self.both.model.find(number) is None and len(self.both.model.subscriptions) < SUBSCRIPTIONS_MAX:
            body = {"contract": self.rng.choice(("individual", "individual", "corporate"))}
            self.do("put_subscriber", msisdn=number, tariff=self.rng.choice(("smart", "zero")), **body)

    def join(self) -> None:
        rng = self.rng
        outside = [one.msisdn for one in self.both.model.subscriptions if one.membership != "active" and one.msisdn]
        number = rng.choice(outside or NUMBERS)
        form, adverts = rng.choice(("full", "full", "login")), rng.random() < 0.5
        self.do("join", msisdn=number, accept_terms=rng.random() < 0.9, form=form, adverts=adverts)

    def investigate(self) -> None:
        """A block comes, something happens, it is lifted again."""
        number = self.number()
        if self.both.model.find(number) is None:
            return
        self.do("put_subscriber", msisdn=number, blocks=frozenset({"investigation"}))
        self.rng.choice((self.earn, self.earn, self.spend, self.pass_time))()
        if self.both.model.find(number) is not None:
            self.do("put_subscriber", msisdn=number, blocks=frozenset())

    def erase(self) -> None:
        if self.both.is_month_late:
            self.late_month()
        self.do("erasure", msisdn=self.number())

    # Earning

    def put_catalogue(self, kind: int) -> None:
        terms, promos = catalogue(kind, self.now)
        self.do("put_catalogue", partners=terms, promos=promos)

    def earn(self) -> None:
        promo = ("quiz", "quiz", "poll", "spring")
        self.one_of(
            (1, lambda: self.put_catalogue(self.rng.randrange(6))),
            (2, self.click),
            (3, self.paid),
            (6, self.buys),
            (6, self.earns),
            (
                4,
                lambda: self.do(
                    "promo_credit",
                    promo=self.rng.choice(promo),
                    action_id=self.new("a"),
                    msisdn=self.number(),
                    amount=self.rng.choice(SUMS),
                ),
            ),
        )

    def click(self) -> Answer:
        body = {"msisdn": self.number(), "partner": self.rng.choice(PARTNERS), "clicked_at": self.instant()}
        self.given["k"] = self.given.get("k", 0) + 1
        return self.do("click", click_id=f"k{self.given['k']}", **body)

    def paid(self) -> None:
        rng = self.rng
        self.do(
            "paid",
            partner=rng.choice(PARTNERS),
            order_id=self.new("o") if rng.random() < 0.7 else self.known("o"),
            click_id=rng.choice((None, self.known("k"), self.known("k"), self.known("k"))),
            goods=rng.choice(GOODS),
            delivery=rng.choice((0, 300_00)),
            channel=rng.choice(CHANNELS),
            paid_at=self.instant(),
        )

    def buys(self) -> Answer:
        """A good purchase, so that there is something to go on with."""
        partner = self.rng.choice(PARTNERS)
        self.given["k"] = self.given.get("k", 0) + 1
        body = {"click_id": f"k{self.given['k']}", "partner": partner}
        self.do("click", msisdn=self.number(), **body)
        return self.do("paid", order_id=self.new("o"), goods=self.rng.choice(GOODS), **body) | body

    def earns(self) -> None:
        bought = self.buys()
        if "order_id" in bought:
            self.do("confirmed", partner=bought["partner"], order_id=bought["order_id"])

    def some_order(self) -> dict[str, str]:
        """Mostly an order that lives."""
        known = [one for one in self.both.model.accruals if one.paid]
        live = [one for one in known if one.state in ("pending", "accrued", "credited")]
        chosen = live if live and self.rng.random() < 0.7 else known
        if not chosen:
            return {"partner": "ozon", "order_id": "o1"}
        one = self.rng.choice(chosen)
        return {"partner": one.source, "order_id": one.ref}

    def tell(self) -> None:
        """What a shop or an operator says of an order."""
        if not any(one.paid for one in self.both.model.accruals) and self.rng.random() < 0.9:
            self.earns()
        price = self.rng.choice(GOODS)
        order = self.some_order()
        self.one_of(
            (6, lambda: self.do("confirmed", **order)),
            (2, lambda: self.do("confirmed", goods=price, **order)),
            (2, lambda: self.do("amended", goods=price, **order)),
            (4, lambda: self.do("returned", returned_goods=price, **order)),
            (4, lambda: self.do("returned", **order)),
            (2, lambda: self.do("rejected", **order)),
            (2, lambda: self.do("override", reason=self.rng.choice(("care", "shop was down")), **order)),
        )

    # Spending

    def spend(self) -> None:
        number = self.number()
        self.one_of(
            (6, lambda: self.charge(number)),
            (3, self.refund),
            (4, lambda: self.topup(number)),
            (4, lambda: self.do("credit", credit_id=self.new("d"), msisdn=number)),
        )

    def topup(self, msisdn: str) -> None:
        self.do("topup", topup_id=self.new("t"), msisdn=msisdn, amount=self.rng.choice(SUMS))

    def charge(self, msisdn: str) -> None:
        body = {"type": self.rng.choice(TYPES), "amount": self.sum_for(msisdn), "occurred_at": self.instant()}
        self.do("charge", charge_id=self.new("c"), msisdn=msisdn, **body)

    def refund(self) -> None:
        rng = self.rng
        known = [(one.charge_id, one.cashback + one.main + one.unpaid) for one in self.both.model.charges]
        charge, left = rng.choice(known[-6:] or [("c1", 1)])
        amount = max(1, rng.choice((left, left // 2, left + 1, rng.choice(SUMS))))
        self.do("refund", charge_id=charge, refund_id=self.new("r"), amount=amount)

    def promise(self) -> None:
        """Reservations and vouchers."""
        model = self.both.model
        self.one_of(
            (6, lambda: self.reserve(self.number())),
            (2, self.session),
            (4 if model.holds else 0, self.commit),
            (2 if model.holds else 0, lambda: self.do("release", reservation_id=self.of(model.holds, "h"))),
            (6, lambda: self.voucher(self.number())),
            (2 if model.vouchers else 0, lambda: self.do("cancel_voucher", voucher_id=self.of(model.vouchers, "v"))),
            (3 if model.vouchers else 0, self.redeem),
        )

    def reserve(self, msisdn: str) -> None:
        rng = self.rng
        body = {"type": rng.choice(TYPES), "expires_in_s": rng.choice((600, 86_400, 2_000_000))}
        self.do("reserve", reservation_id=self.new("h"), msisdn=msisdn, amount=self.sum_for(msisdn), **body)

    def voucher(self, msisdn: str) -> None:
        body = {"amount": self.sum_for(msisdn), "handset_price": self.rng.choice((50_00, 5000_00, 5000_00))}
        self.do("voucher", voucher_id=self.new("v"), msisdn=msisdn, **body)

    def of(self, made: Mapping[str, object], letter: str) -> str:
        """Mostly one of the latest that were made."""
        return self.rng.choice(list(made)[-3:]) if made and self.rng.random() < 0.9 else self.known(letter)

    def commit(self) -> None:
        """Mostly all of what is held."""
        hold = self.of(self.both.model.holds, "h")
        known = self.both.model.holds.get(hold)
        whole = known.amount if known else 1
        amount = self.rng.choice((whole, whole, max(1, whole // 3), whole + 1, self.rng.choice(SUMS)))
        self.do("commit", reservation_id=hold, amount=amount)

    def redeem(self) -> None:
        """Mostly all of it."""
        rng, voucher = self.rng, self.of(self.both.model.vouchers, "v")
        known = self.both.model.vouchers.get(voucher)
        whole = known.amount if known else 1
        body = {"amount": rng.choice((whole, whole, max(1, whole // 2), whole + 1)), "handset_price": 5000_00}
        if rng.random() < 0.1:
            body["handset_price"] = 1_00
        self.do("redeem", redemption_id=self.new("e"), voucher_id=voucher, **body)

    def session(self) -> None:
        """An online service: money comes, some of it is held, more is asked of the same account, then it ends."""
        rng, number = self.rng, self.number()
        self.do("credit", credit_id=self.new("d"), msisdn=number)
        self.reserve(number)
        for _ in range(rng.choice((1, 1, 2))):
            self.one_of(
                (3, lambda: self.charge(number)),
                (1, lambda: self.topup(number)),
                (1, lambda: self.voucher(number)),
                (1, lambda: self.go(self.now + SECOND)),
            )
        self.commit()

    def again(self) -> None:
        """A caller is not sure and calls again, or uses an id for something else."""
        others = [one.msisdn for one in self.both.model.subscriptions if one.msisdn]
        found = repeat(self.rng, self.taken, others or [A])
        if found is not None:
            self.do(found[0], **found[1])

    # Time

    def pass_time(self) -> None:
        off = self.rng.choice((-SECOND, timedelta(0), SECOND))
        self.one_of(
            (6, lambda: self.go(self.now + self.rng.choice(STEPS))),
            (3, lambda: self.go(self.first() + off)),
            (3, lambda: self.to_a_deadline(off)),
            (2, self.past_the_first_while_down),
            (2, self.late_month),
        )

    def go(self, to: datetime) -> None:
        """Forward; a month whose job is late is run before the next one begins."""
        if self.both.is_month_late and to >= self.first():
            self.late_month()
        self.do("advance", to=max(to, self.now))

    def first(self) -> datetime:
        model = self.both.model.programme
        return model.midnight(model.next_first(self.now))

    def to_a_deadline(self, off: timedelta) -> None:
        """The end of something that waits: an order, a hold, a voucher."""
        model = self.both.model
        ends: list[datetime | None] = [one.too_late_from for one in model.accruals if one.state == "pending"]
        ends += [one.expires_at for one in model.holds.values() if one.state == "held"]
        ends += [one.too_late_from for one in model.vouchers.values() if one.state == "issued"]
        known = [end for end in ends if end is not None and end > self.now]
        if known:
            self.go(self.rng.choice(known) + off)

    def past_the_first_while_down(self) -> None:
        """The job of the 1st is late."""
        if not self.both.is_month_late:
            off = self.rng.choice((timedelta(0), SECOND, timedelta(hours=9)))
            self.do("advance", to=self.first() + off, month_jobs=False)

    def late_month(self) -> None:
        if self.both.is_month_late:
            self.do("month", period=self.both.model.programme.month(self.now))
